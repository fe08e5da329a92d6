import { execFile } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { edgeRig, HOUR, type EdgeRig } from '../support/edge-rig.ts'

const TOKEN = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'
const challenge = { host: domainName('im.example.com'), token: TOKEN, keyAuthorization: `${TOKEN}.thumbprint` }
const path = `/.well-known/acme-challenge/${TOKEN}`

const run = promisify(execFile)

let rig: EdgeRig
let isAway = false
beforeAll(async () => {
  rig = await edgeRig({
    toml: '[admin]\nhost = "admin.example.net"\n[edge]\nhttps = [":8443"]\n',
    challenges: (stored) => ({
      ...stored,
      find: async (...asked) => {
        if (isAway) throw new Error('the database is away')
        return stored.find(...asked)
      },
    }),
  })
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

  test('the challenge is the ASCII of the key authorization and no byte more, also for curl, and bare for HEAD', async () => {
    const url = `http://im.example.com:${rig.plainPort}${path}`
    const place = ['--resolve', `im.example.com:${rig.plainPort}:127.0.0.1`]
    const { stdout } = await run('curl', ['-sS', '--noproxy', '*', ...place, url])
    expect(stdout).toBe(challenge.keyAuthorization)
    const { text } = await rig.plain(`HEAD ${path} HTTP/1.1\r\nHost: im.example.com\r\nConnection: close\r\n\r\n`)
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).toContain(`\r\nContent-Length: ${challenge.keyAuthorization.length}\r\n`)
    expect(text).toMatch(/\r\n\r\n$/)
  })

  test.each([
    ['IM.EXAMPLE.COM', path],
    ['im.example.com.', path],
    ['im.example.com:80', path],
    ['im.example.com:5002', path],
    ['im.example.com', `${path}?x=1`],
    ['im.example.com', `http://im.example.com${path}`],
  ])('a challenge is answered for Host: %s, %s', async (host, target) => {
    expect((await ask(host, target)).body).toBe(challenge.keyAuthorization)
  })

  test.each([
    ['127.0.0.1', path, 400],
    ['im.example.com:65536', path, 400],
    ['x.im.example.com', path, 404],
    ['example.com', path, 404],
    ['im.example.com', path.replace('eva', 'EVA'), 404],
    ['im.example.com', path.replace('eva', '%65va'), 404],
    ['im.example.com', `/${path}`, 404],
    ['im.example.com', '/.well-known/acme-challenge/', 404],
    ['im.example.com', `/.well-known/acme-challenge/${'x'.repeat(4000)}`, 404],
    ['admin.example.net', path, 404], // and no way to HTTPS
  ])('there is none for Host: %s, %s', async (host, target, status) => {
    const answer = await ask(host, target)
    expect([answer.status, answer.body.includes('thumbprint')]).toEqual([status, false])
  })

  test('the answer is there from its commit to its end, at a name that nobody has registered and over IPv6', async () => {
    const host = domainName('first.example.com')
    const listener = net.createServer((socket) => rig.edge.acceptPlain(socket)).listen(0, '::1')
    await once(listener, 'listening')
    const { port } = listener.address() as net.AddressInfo
    const answer = async () => {
      const place = ['--resolve', `${host}:${port}:[::1]`]
      return (await run('curl', ['-sS', '--noproxy', '*', ...place, `http://${host}:${port}${path}`])).stdout
    }
    expect(await answer()).toBe('Not Found\n')
    const expiresAt = new Date(rig.clock.now().getTime() + HOUR)
    for (const keyAuthorization of [`${TOKEN}.first`, `${TOKEN}.second`]) {
      await rig.storage.challenges.put({ host, token: TOKEN, keyAuthorization, expiresAt })
      expect(await answer()).toBe(keyAuthorization)
    }
    await rig.storage.challenges.remove(host, TOKEN)
    expect(await answer()).toBe('Not Found\n')
    listener.close()
  })

  test('of a challenge for TLS nothing is told here, and the admin host is answered like any other', async () => {
    const host = domainName('admin.example.net')
    const expiresAt = new Date(rig.clock.now().getTime() + HOUR)
    const row = { host, token: TOKEN, keyAuthorization: `${TOKEN}.admin`, expiresAt }
    await rig.storage.challenges.put({ ...row, type: 'tls-alpn-01' })
    expect((await ask(host, path)).status).toBe(404)
    await rig.storage.challenges.put({ ...row, type: 'http-01' })
    expect((await ask(host, path)).body).toBe(`${TOKEN}.admin`)
    await rig.storage.challenges.remove(host, TOKEN)
  })

  test('with the database away a challenge is 503, with one line in the log, and mended without a restart', async () => {
    rig.logged.length = 0
    isAway = true
    expect((await ask('im.example.com', path)).status).toBe(503)
    expect((await ask('im.example.com', path)).status).toBe(503)
    isAway = false
    expect(rig.logged).toHaveLength(1)
    expect((await ask('im.example.com', path)).status).toBe(200)
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
