import http from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask } from '../support/https-client.ts'
import { freePort, newWaypost, type Waypost } from '../support/waypost.ts'

// An operator who has a proxy of their own gives the admin plane a loopback port.
let site: Waypost
let port: number

beforeAll(async () => {
  port = await freePort()
  site = await newWaypost({ WAYPOST_ADMIN_LISTEN: `127.0.0.1:${port}` })
  await site.start()
})
afterAll(() => site.remove())

function direct(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: '/sign-in', headers: { host } }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      .on('error', reject)
  })
}

describe('the admin plane behind a proxy of the operator', () => {
  test('answers for the admin host on its port, and for no other', async () => {
    expect(await direct('admin.localhost')).toBe(200)
    expect(await direct('im.example.com')).toBe(421)
  })

  test('is not answered for by the edge', async () => {
    await expect(ask(site, 'admin.localhost', '/sign-in')).rejects.toThrow(/handshake failure/)
  })

  test('keeps the data folder to itself all the same', async () => {
    const elsewhere = site.with({
      WAYPOST_ADMIN_LISTEN: `127.0.0.1:${await freePort()}`,
      WAYPOST_HEALTH_LISTEN: `127.0.0.1:${await freePort()}`,
      WAYPOST_EDGE_HTTPS: `127.0.0.1:${await freePort()}`,
      WAYPOST_EDGE_HTTP: `127.0.0.1:${await freePort()}`,
    })
    expect(await elsewhere('serve')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('another Waypost is running') as string,
    })
  })
})
