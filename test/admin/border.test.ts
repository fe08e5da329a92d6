import { readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import { ADMIN_HOST, adminServer, ORIGIN, type AdminServer } from './admin-server.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterAll(() => server.close())

describe('T28: a request that changes something', () => {
  const accepted = [201, 303]
  let count = 0
  test.each<[boolean, Record<string, string>]>([
    [true, { 'sec-fetch-site': 'same-origin' }],
    [true, { 'sec-fetch-site': 'none' }],
    [true, { origin: ORIGIN }],
    [true, { 'sec-fetch-site': 'same-origin', origin: ORIGIN }],
    [false, {}],
    [false, { 'sec-fetch-site': 'cross-site' }],
    [false, { 'sec-fetch-site': 'same-site' }],
    [false, { 'sec-fetch-site': '' }],
    [false, { 'sec-fetch-site': 'SAME-ORIGIN' }],
    [false, { 'sec-fetch-site': 'same-origin, cross-site' }],
    [false, { 'sec-fetch-site': 'cross-site', origin: ORIGIN }],
    [false, { origin: 'null' }],
    [false, { origin: 'https://evil.example' }],
    [false, { origin: `http://${ADMIN_HOST}` }],
    [false, { origin: `${ORIGIN}:8443` }],
    [false, { origin: `${ORIGIN}.evil.example` }],
    [false, { origin: `https://x.${ADMIN_HOST}` }],
    [false, { origin: `${ORIGIN}/` }],
    [false, { referer: `${ORIGIN}/tenants` }],
  ])('is accepted: %s, with %j', async (isAccepted, headers) => {
    for (const [path, type, body] of [
      ['/api/v1/tenants', 'application/json', JSON.stringify({ name: `json-${++count}` })],
      ['/tenants', 'application/x-www-form-urlencoded', `name=form-${++count}`],
    ] as const) {
      const answer = await server.ask(path, {
        method: 'POST',
        headers: { cookie: server.cookie(), 'content-type': type, ...headers },
        body,
      })
      if (isAccepted) expect(accepted).toContain(answer.status)
      else {
        expect(answer.status).toBe(403)
        expect(answer.text).toMatch(/cross-site-request|came from another site/)
        expect(await server.deps.tenants.findByName(body.replace(/^.*?((json|form)-\d+).*$/, '$1'))).toBeUndefined()
      }
    }
  })

  test('is refused from another site on every path, also for signing in and out', async () => {
    const { routes, pages } = declared(server.deps)
    const paths = [
      ...routes.map(({ declaration }) => [declaration.method, `/api/v1${declaration.path}`] as const),
      ...pages.map(({ method, declaration }) => [method, declaration.path] as const),
    ].filter(([method]) => method !== 'get')
    expect(paths.length).toBeGreaterThan(15)
    for (const [method, path] of paths) {
      const answer = await server.ask(path, {
        method: method.toUpperCase(),
        headers: { cookie: server.cookie(), 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      })
      expect([path, answer.status]).toEqual([path, 403])
    }
  })
})

describe('the Host', () => {
  test.each(['ADMIN.example.NET', 'admin.example.net.', 'admin.example.net:8443'])(
    '%s is the admin host',
    async (host) => {
      expect((await server.ask('/sign-in', { headers: { host } })).status).toBe(200)
    },
  )

  test.each([
    'im.example.com',
    'example.net',
    'x.admin.example.net',
    'admin.example.net.evil.example',
    '127.0.0.1',
    'admin.example.net:',
    'admin.example.net/x',
    'x@admin.example.net',
    'admin.example.net, evil.example',
    '',
  ])('%s is answered 421 on every plane', async (host) => {
    for (const path of ['/sign-in', '/api/v1/openapi.json', '/assets/app.css', '/delegations']) {
      const answer = await server.ask(path, { headers: { host, cookie: server.cookie() } })
      expect([path, answer.status, answer.json().code]).toEqual([path, 421, 'misdirected-request'])
    }
  })

  test.each([
    ['two Host lines', `GET /sign-in HTTP/1.1\r\nHost: ${ADMIN_HOST}\r\nHost: ${ADMIN_HOST}\r\n`],
    ['an absolute target', `GET https://evil.example/sign-in HTTP/1.1\r\nHost: ${ADMIN_HOST}\r\n`],
  ])('is refused with %s', async (_what, head) => {
    expect(await raw(`${head}Connection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 421 /)
  })

  test('and the address come from the edge where the app is behind it, and only there', async () => {
    const behind = await adminServer({ isBehindEdge: true })
    const forwarded = { 'x-forwarded-host': ADMIN_HOST, 'x-forwarded-for': '192.0.2.7' }
    expect((await behind.ask('/sign-in', { headers: { host: 'edge', ...forwarded } })).status).toBe(200)
    expect((await behind.ask('/sign-in')).status).toBe(421)
    expect((await server.ask('/sign-in', { headers: { host: 'evil.example', ...forwarded } })).status).toBe(421)
    for (const [app, address] of [
      [behind, '192.0.2.7'],
      [server, '127.0.0.1'],
    ] as const) {
      const { url } = await issueSignInLink({ ...app.deps, adminOrigin: ORIGIN }, app.act())
      const signedIn = await app.ask('/sign-in', {
        method: 'POST',
        headers: { ...FORM, ...forwarded },
        body: new URLSearchParams({ token: new URL(url).searchParams.get('token')! }).toString(),
      })
      const cookie = signedIn.headers['set-cookie']![0]!.split(';')[0]!
      const added = await app.ask('/tenants', {
        method: 'POST',
        headers: { ...FORM, ...forwarded, cookie },
        body: 'name=from-afar',
      })
      expect(added.status).toBe(303)
      const [newest] = await app.storage.audit.list('all', { limit: 1 })
      expect(newest).toMatchObject({ subject: 'from-afar', actor: 'operator', address })
    }
    await behind.close()
  })
})

describe('the headers of every answer', () => {
  const CSP =
    "default-src 'none';script-src 'self';style-src 'self';img-src 'self';font-src 'self';connect-src 'self';" +
    "form-action 'self';base-uri 'none';frame-ancestors 'none';object-src 'none';require-trusted-types-for 'script';trusted-types htmx"

  test('are those of a hardened admin plane, whatever the status', async () => {
    const { pages, routes } = declared(server.deps)
    const paths = [
      ...pages.map(({ declaration }) => declaration.path),
      ...routes.map(({ declaration }) => `/api/v1${declaration.path}`),
      ...['/nowhere', '/api/v1/nowhere', '/%zz', '/assets/app.css', '/assets/nothing'],
    ]
    for (const path of paths)
      for (const host of [ADMIN_HOST, 'other.example'])
        for (const cookie of [server.cookie(), ''])
          for (const method of ['GET', 'POST']) {
            const { headers } = await server.ask(path, { method, headers: { host, cookie } })
            expect(headers, `${method} ${path}`).toMatchObject({
              'content-security-policy': path.startsWith('/api/v1')
                ? "default-src 'none'; frame-ancestors 'none'"
                : CSP,
              'strict-transport-security': 'max-age=31536000; includeSubDomains',
              'x-content-type-options': 'nosniff',
              'x-frame-options': 'DENY',
              'referrer-policy': 'no-referrer',
              'cross-origin-opener-policy': 'same-origin',
              'cross-origin-resource-policy': 'same-origin',
              'permissions-policy': expect.stringContaining('camera=()') as string,
              'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
            })
            expect(headers['x-powered-by']).toBeUndefined()
            if (!path.startsWith('/assets/app')) expect(headers['cache-control']).toBe('no-store')
          }
  }, 60_000)

  test('of static files let them be kept: for ever with the mark of their content, else after asking', async () => {
    const page = (await server.ask('/sign-in')).text
    const css = /href="(\/assets\/app\.css\?v=[^"]+)"/.exec(page)![1]!
    const kept = await server.ask(css)
    expect(kept.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(kept.text).toBe(readFileSync(new URL('../../public/app.css', import.meta.url), 'utf8'))
    const asked = await server.ask('/assets/app.css')
    expect(asked.headers['cache-control']).toBe('no-cache')
    const again = await server.ask('/assets/app.css', { headers: { 'if-none-match': asked.headers.etag } })
    expect(again.status).toBe(304)
    for (const path of ['/assets/..%2fpackage.json', '/assets/%2e%2e/package.json', '/assets/', '/assets'])
      expect((await server.ask(path)).status).toBeGreaterThanOrEqual(400)
  })
})

const FORM = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' }

function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = createConnection(server.port, '127.0.0.1', () => socket.write(request))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()))
    socket.on('error', reject)
  })
}
