import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminServer, ORIGIN, type AdminServer, type Somebody } from './admin-server.ts'

const DAY_MS = 86_400_000

let server: AdminServer
let owner: Somebody
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  for (const name of ['acme', 'rival']) await server.api('POST', '/tenants', { name })
  owner = await server.person({ roles: { acme: 'owner' } })
})
afterAll(() => server.close())

interface Issued {
  token: { id: string; name: string; rotatesUntil: string | null }
  secret: string
}

async function issue(
  token: Record<string, unknown>,
  by: Pick<Somebody, 'api'> = owner,
  where = '/tenants/acme',
): Promise<Issued> {
  const answer = await by.api('POST', `${where}/tokens`, token)
  expect([answer.status, answer.text]).toEqual([201, expect.anything()])
  return answer.json() as unknown as Issued
}

function bearer(secret: string, path: string, method = 'GET', body?: unknown) {
  return server.ask(`/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${secret}`, 'content-type': body === undefined ? undefined : 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

describe('API tokens', () => {
  test('are issued with a secret that is shown once, and do what their scopes say', async () => {
    const { token, secret } = await issue({ name: 'deploy', scopes: ['members:read'] })
    expect(secret).toMatch(/^wp_/)
    expect(token).toMatchObject({ name: 'deploy', addresses: null, expiresAt: null, lastUsedAt: null })
    expect((await bearer(secret, '/tenants/acme/members')).status).toBe(200)
    expect(
      (await bearer(secret, '/tenants/acme/invitations', 'POST', { email: 'x@example.org', role: 'viewer' })).json(),
    ).toMatchObject({
      status: 403,
      code: 'forbidden',
      detail: expect.stringContaining('members:write') as string,
    })
    const shown = await owner.api('GET', `/tenants/acme/tokens/${token.id}`)
    expect(shown.json()).toMatchObject({ lastUsedBy: '127.0.0.1' })
    expect(shown.text).not.toContain(secret)
    expect((await owner.api('GET', '/tenants/acme/tokens')).text).not.toContain(secret)
  })

  test('of a tenant open no other tenant, and nothing of the operator’s', async () => {
    const { secret } = await issue({ name: 'nosy', scopes: ['members:read', 'tokens:read', 'audit:read'] })
    for (const path of ['/tenants/rival/members', '/tenants/rival/tokens', '/tenants/rival/audit'])
      expect((await bearer(secret, path)).json().code).toBe('not-found')
    for (const path of ['/users', '/operator/tokens', '/audit', '/audit/export', '/audit/verification'])
      expect((await bearer(secret, path)).json().code).toBe('forbidden')
  })

  test('of the operator open all tenants', async () => {
    const { secret } = await issue({ name: 'backup', scopes: ['audit:read', 'members:read'] }, server, '/operator')
    for (const path of ['/users', '/audit', '/tenants/acme/audit', '/tenants/rival/members'])
      expect([path, (await bearer(secret, path)).status]).toEqual([path, 200])
  })

  test('are not taken from other addresses, nor after their end, nor after they were withdrawn', async () => {
    const elsewhere = await issue({ name: 'elsewhere', scopes: ['audit:read'], addresses: ['192.0.2.0/24'] })
    expect((await bearer(elsewhere.secret, '/session')).status).toBe(401)
    const here = await issue({ name: 'here', scopes: ['audit:read'], addresses: ['127.0.0.0/8'] })
    expect((await bearer(here.secret, '/session')).status).toBe(200)

    const expiresAt = new Date(server.clock.now().getTime() + 60_000).toISOString()
    const brief = await issue({ name: 'brief', scopes: ['audit:read'], expiresAt })
    expect((await bearer(brief.secret, '/session')).status).toBe(200)
    server.clock.advance(60_000)
    expect((await bearer(brief.secret, '/session')).status).toBe(401)

    expect((await owner.api('DELETE', `/tenants/acme/tokens/${here.token.id}`)).status).toBe(204)
    const gone = await bearer(here.secret, '/session')
    expect([gone.status, gone.headers['www-authenticate']]).toEqual([401, 'Bearer'])
  })

  test('are rotated with an overlap, after which the former secret is no longer taken', async () => {
    const { token, secret } = await issue({ name: 'rotating', scopes: ['audit:read'] })
    const rotated = await owner.api('POST', `/tenants/acme/tokens/${token.id}/rotate`, {})
    const next = rotated.json() as unknown as Issued
    expect(rotated.status).toBe(200)
    expect(Date.parse(next.token.rotatesUntil!)).toBe(server.clock.now().getTime() + DAY_MS)
    for (const one of [secret, next.secret]) expect((await bearer(one, '/session')).status).toBe(200)
    server.clock.advance(DAY_MS)
    expect((await bearer(secret, '/session')).status).toBe(401)
    expect((await bearer(next.secret, '/session')).status).toBe(200)
    // Where it leaked there is no time to lose
    owner = await server.person({ roles: { acme: 'owner' } })
    const last = (await owner.api('POST', `/tenants/acme/tokens/${token.id}/rotate`, { overlapSeconds: 0 })).json()
    expect((await bearer(next.secret, '/session')).status).toBe(401)
    expect((await bearer(last.secret as string, '/session')).status).toBe(200)
  })

  test('cannot make better ones than themselves', async () => {
    const { secret } = await issue({ name: 'issuer', scopes: ['tokens:write', 'audit:read'] })
    const ask = (body: unknown) => bearer(secret, '/tenants/acme/tokens', 'POST', body)
    expect((await ask({ name: 'better', scopes: ['members:write'] })).json().code).toBe('forbidden')
    expect((await ask({ name: 'lesser', scopes: ['audit:read'] })).status).toBe(201)
    expect((await bearer(secret, '/operator/tokens', 'POST', { name: 'x', scopes: ['audit:read'] })).json().code).toBe(
      'forbidden',
    )
  })

  test('are an owner’s affair, named once a tenant, and another tenant’s are not found', async () => {
    await server.signIn() // a day has passed
    const { token } = await issue({ name: 'once', scopes: ['audit:read'] })
    const again = await owner.api('POST', '/tenants/acme/tokens', { name: 'once', scopes: ['audit:read'] })
    expect(again.json()).toMatchObject({ status: 409, code: 'already-exists' })
    const own = await issue({ name: 'own', scopes: ['audit:read'] }, server, '/operator')
    expect((await owner.api('GET', `/tenants/acme/tokens/${own.token.id}`)).json().code).toBe('not-found')
    const admin = await server.person({ roles: { acme: 'admin' } })
    const rival = await server.person({ roles: { rival: 'owner' } })
    for (const [method, path, body] of [
      ['GET', ''],
      ['POST', '', { name: 'x', scopes: ['audit:read'] }],
      ['GET', `/${token.id}`],
      ['POST', `/${token.id}/rotate`, {}],
      ['DELETE', `/${token.id}`],
    ] as const) {
      expect((await admin.api(method, `/tenants/acme/tokens${path}`, body)).json().code).toBe('forbidden')
      expect((await rival.api(method, `/tenants/acme/tokens${path}`, body)).json().code).toBe('not-found')
      if (path !== '')
        for (const where of ['/tenants/rival', '/operator'])
          expect((await server.api(method, `${where}/tokens${path}`, body)).json().code).toBe('not-found')
    }
  })

  test.each([
    [{ name: '', scopes: ['audit:read'] }, '/name'],
    [{ name: 'x', scopes: [] }, '/scopes'],
    [{ name: 'x', scopes: ['everything'] }, '/scopes/0'],
    [{ name: 'x', scopes: ['audit:read'], addresses: ['somewhere'] }, '/addresses/0'],
    [{ name: 'x', scopes: ['audit:read'], expiresAt: '2001-01-01T00:00:00Z' }, '/expiresAt'],
    [{ name: 'x', scopes: ['audit:read'], expiresAt: 'tomorrow' }, '/expiresAt'],
    [{ name: 'x', scopes: ['audit:read'], tenantId: 'other' }, '/tenantId'],
  ])('%j is refused with a pointer to %s', async (body, pointer) => {
    const answer = await owner.api('POST', '/tenants/acme/tokens', body)
    expect(answer.json()).toMatchObject({ status: 400, code: 'malformed-request', errors: [{ pointer }] })
  })

  test('a cookie beside a token does not count', async () => {
    const { secret } = await issue({ name: 'beside', scopes: ['audit:read'] })
    const answer = await server.ask('/api/v1/users', {
      headers: { authorization: `Bearer ${secret}`, cookie: server.cookie(), origin: ORIGIN },
    })
    expect(answer.json().code).toBe('forbidden')
  })
})
