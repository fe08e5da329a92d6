import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { adminServer, readyToDelegate, selfSigned, type AdminServer } from './admin-server.ts'

let server: AdminServer
beforeEach(async () => {
  server = await adminServer()
  await server.signIn()
  await readyToDelegate(server)
})
afterEach(() => server.close())

const TOKEN = { name: 'ci', scopes: ['source-domains:read'] }
const code = async (answer: Promise<{ status: number; json: () => Record<string, unknown> }>) => {
  const { status, json } = await answer
  return status < 300 ? status : json()['code']
}

describe('rights are not handed out from a session that was left open', () => {
  test('neither as a token, of the operator or a tenant, nor as the new secret of one', async () => {
    const [boss, owner] = [await server.person({ isOperator: true }), await server.person({ roles: { acme: 'owner' } })]
    const issued = await boss.api('POST', '/operator/tokens', TOKEN)
    const { id } = issued.json()['token'] as { id: string }
    server.clock.advance(FRESH_MS)
    const asked = [
      boss.api('POST', '/operator/tokens', { ...TOKEN, name: 'grave', scopes: ['members:write', 'grave'] }),
      boss.api('POST', `/operator/tokens/${id}/rotate`, {}),
      owner.api('POST', '/tenants/acme/tokens', TOKEN),
    ]
    expect(await Promise.all(asked.map(code))).toEqual(Array(3).fill('fresh-sign-in-required'))
  })

  test('nor as the role of an owner', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const viewer = await server.person({ roles: { acme: 'viewer' } })
    server.clock.advance(FRESH_MS)
    const role = (role: string) => code(owner.api('PUT', `/tenants/acme/members/${viewer.user.id}`, { role }))
    const invite = (role: string) =>
      code(owner.api('POST', '/tenants/acme/invitations', { email: `${role}@acme.example`, role }))
    expect([await role('owner'), await invite('owner')]).toEqual(Array(2).fill('fresh-sign-in-required'))
    expect([await role('admin'), await invite('admin')]).toEqual([200, 201])
  })
})

describe('a token makes nobody who may do more than itself', () => {
  test('but viewers, unless it was made for grave acts', async () => {
    const plain = await server.program('acme', ['members:write'])
    const grave = await server.program('acme', ['members:write', 'grave'])
    const viewer = await server.person({ roles: { acme: 'viewer' } })
    const invite = (by: typeof plain, role: string) =>
      code(by.api('POST', '/tenants/acme/invitations', { email: `${role}@acme.example`, role }))
    const promote = (by: typeof plain, role: string) =>
      code(by.api('PUT', `/tenants/acme/members/${viewer.user.id}`, { role }))
    for (const role of ['admin', 'owner']) {
      expect([role, await invite(plain, role), await promote(plain, role)]).toEqual([role, 'forbidden', 'forbidden'])
      expect([role, await invite(grave, role), await promote(grave, role)]).toEqual([role, 201, 200])
    }
    expect(await invite(plain, 'viewer')).toBe(201)
  })
})

describe('If-Match', () => {
  test('of a lineage that has changed keeps a certificate from being activated', async () => {
    const imported = await server.api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
    const { id } = imported.json()['certificate'] as { id: string }
    const activate = (etag: string) =>
      code(
        server.api(
          'POST',
          `/operator/lineages/hosting/certificates/${id}/activate`,
          { isForced: true },
          { 'if-match': etag },
        ),
      )
    expect(await activate('"other.1"')).toBe('precondition-failed')
    expect(await activate(String((await server.api('GET', '/operator/lineages/hosting')).headers.etag))).toBe(200)
  })

  test('is not ignored where there is nothing to match', async () => {
    const asked = server.api('POST', '/tenants', { name: 'another' }, { 'if-match': '"x.1"' })
    expect(await code(asked)).toBe('malformed-request')
    expect(await code(server.api('GET', '/tenants/another'))).toBe('not-found')
  })
})

test('T28: an Authorization line does not open the pages’ forms to other sites', async () => {
  const { user, headers } = await server.person({ roles: { acme: 'owner' } })
  const { secret } = await server.program('acme', ['audit:read'])
  const answer = await server.ask('/sign-out', {
    method: 'POST',
    headers: {
      ...headers,
      authorization: `Bearer ${secret}`,
      'sec-fetch-site': 'cross-site',
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: '',
  })
  expect(answer.status).toBe(400)
  expect(await server.storage.sessions.list(user.id, server.clock.now())).toHaveLength(1)
})

test('who guesses tokens or passwords is found in the log by their address', async () => {
  await server.ask('/api/v1/session', {
    method: 'POST',
    headers: { origin: 'https://admin.example.net', 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'nobody@example.org', password: 'a wrong guess' }),
  })
  const line = server.logged
    .map((text) => JSON.parse(text) as Record<string, unknown>)
    .find((one) => one['msg'] === 'refused')
  expect(line).toMatchObject({ code: 'sign-in-refused', address: '127.0.0.1', path: '/api/v1/session' })
  expect(JSON.stringify(line)).not.toContain('guess')
  await server.submit('/sign-in', { email: 'nobody@example.org', password: 'a wrong guess', next: '/' })
  expect(server.logged.filter((text) => text.includes('"path":"/sign-in"') && text.includes('refused'))).toHaveLength(1)
})
