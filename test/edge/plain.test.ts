import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { edgeRig, HOUR, type EdgeRig } from '../support/edge-rig.ts'

const TOKEN = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'
const challenge = { host: domainName('im.example.com'), token: TOKEN, keyAuthorization: `${TOKEN}.thumbprint` }
const path = `/.well-known/acme-challenge/${TOKEN}`

let rig: EdgeRig
beforeAll(async () => {
  rig = await edgeRig({ toml: '[admin]\nhost = "admin.example.net"\n[edge]\nhttps = [":8443"]\n' })
  await rig.storage.challenges.put({ ...challenge, expiresAt: new Date(rig.clock.now().getTime() + HOUR) })
})
afterAll(() => rig.close())

const ask = async (host: string, target: string, method = 'GET') =>
  (await rig.plain(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).answers[0]!

describe('port 80', () => {
  test('case 62: a challenge is answered for exactly its host and token', async () => {
    const answer = await ask('im.example.com', path)
    expect([answer.status, answer.body]).toEqual([200, challenge.keyAuthorization])
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect((await ask('IM.example.com.:80', path)).status).toBe(200)
    expect((await ask('other.example.com', path)).status).toBe(404)
    expect((await ask('im.example.com', path.slice(0, -1))).status).toBe(404)
    expect((await ask('im.example.com', `${path}/`)).status).toBe(404)
  })

  test('a challenge that has expired is gone', async () => {
    rig.clock.advance(HOUR)
    expect((await ask('im.example.com', path)).status).toBe(404)
  })

  test('case 62: the admin host leads to HTTPS with path and query, nobody else does', async () => {
    const answer = await ask('admin.example.net', '/delegations?page=2')
    expect(answer.status).toBe(308)
    expect(answer.headers.get('location')).toBe('https://admin.example.net:8443/delegations?page=2')
    expect((await ask('admin.example.net', '//evil.example/')).headers.get('location')).toBe(
      'https://admin.example.net:8443//evil.example/',
    )
    expect((await ask('admin.example.net', 'http://admin.example.net/x')).headers.get('location')).toBe(
      'https://admin.example.net:8443/x',
    )
    expect((await ask('admin.example.net', 'http://evil.example/x')).status).toBe(421)
    expect((await ask('admin.example.net', '*')).status).toBe(404)
    for (const host of ['im.example.com', 'x.admin.example.net', 'nobody.example'])
      expect((await ask(host, '/')).status).toBe(404)
  })

  test('only GET and HEAD', async () => {
    const answer = await ask('admin.example.net', '/', 'POST')
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('HSTS has no meaning in clear, and is not sent', async () => {
    expect((await ask('admin.example.net', '/')).headers.has('strict-transport-security')).toBe(false)
  })
})
