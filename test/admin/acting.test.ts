import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { ACTING_MS } from '../../src/tenant/session.ts'
import { vectors } from '../support/vectors.ts'
import { adminServer, type AdminServer, type Answer, type Somebody } from './admin-server.ts'
import { operatorsThings, pagePathOf, pathOf, thingsOf, type Things } from './world.ts'

let server: AdminServer
let acme: Things
let rival: Things
let operators: Partial<Things>

beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  acme = await thingsOf(server, 'acme')
  rival = await thingsOf(server, 'rival')
  operators = await operatorsThings(server)
  await server.person({ isOperator: true }) // so that nobody is the only one
})
beforeEach(() => server.signIn()) // some tests let hours pass
afterAll(() => server.close())

const begin = (somebody: Somebody, tenant = 'acme', reason = '') =>
  somebody.submit(`/tenants/${tenant}/act`, { reason })
const stop = (somebody: Somebody) => somebody.submit('/acting/stop', {})

async function acting(tenant = 'acme') {
  const operator = await server.person({ isOperator: true })
  expect((await begin(operator, tenant, 'ticket 7')).status).toBe(303)
  return operator
}

async function trail(): Promise<Record<string, unknown>[]> {
  const { text } = await server.api('GET', '/audit?limit=30')
  return (JSON.parse(text) as { items: Record<string, unknown>[] }).items
}

/** What is about the person: as a tenant nobody comes to it. */
const OWN = /^\/(?:account|invitation|invitations\/accept)(?:\/|$)/

describe('every page, for an operator who acts as a tenant', () => {
  const lines = vectors('pages-by-role.txt').map((line) => {
    const [method = '', path = '', access = ''] = line.split(/\s+/)
    return { method, path, access }
  })
  // A field that no form has: whoever may use the form is told so, and nothing is done
  const ask = (somebody: Somebody, method: string, path: string): Promise<Answer> =>
    method === 'get' ? somebody.page(path) : somebody.submit(path, { 'no-such-field': 'x' })

  test('is as for an owner of that tenant, and nothing of their own or of the operator’s', async () => {
    const somebody = await acting()
    const owner = await server.person({ roles: { acme: 'owner' } })
    const counts = { own: 0, operators: 0, tenants: 0, others: 0 }
    for (const { method, path, access } of lines) {
      const at = pagePathOf(path, acme, operators)
      const answer = await ask(somebody, method, at)
      const where = `${method} ${at}: ${answer.status}`
      if (OWN.test(path)) {
        expect([where, answer.status]).toEqual([where, 403])
        expect(answer.text).toContain('you act as the tenant acme')
        counts.own++
      } else if (access === 'operator') {
        expect([where, answer.status]).toEqual([where, 403])
        counts.operators++
      } else if (access !== 'public') {
        const theirs = await ask(owner, method, at)
        expect([where, answer.status]).toEqual([where, theirs.status])
        counts.tenants++
      }
      if (path.includes(':tenant')) {
        const elsewhere = await ask(somebody, method, pagePathOf(path, rival, operators))
        expect([where, elsewhere.status]).toEqual([where, 404])
        counts.others++
      }
    }
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(15)
  })

  test('says whom they act as, and offers to stop; nothing leads to what is not theirs', async () => {
    const somebody = await acting()
    for (const path of ['/delegations', '/tenants/acme', '/certificates', '/nowhere']) {
      const { text } = await somebody.page(path)
      expect([path, text.includes('You act as the tenant acme.')]).toEqual([path, true])
      expect([path, text.includes('action="/acting/stop"')]).toEqual([path, true])
      for (const href of ['/users', '/audit', '/target-hosts', '/account', '/settings'])
        expect([path, href, text.includes(`href="${href}"`)]).toEqual([path, href, false])
    }
    for (const path of ['/delegations', '/source-domains', '/certificates'])
      expect((await somebody.page(path)).text).not.toContain('rival')
    await stop(somebody)
    const { text } = await somebody.page('/delegations')
    expect(text).not.toContain('You act as')
    expect(text).toContain('rival')
    expect(text).toContain('href="/account"')
  })
})

describe('the API with the cookie of that session', () => {
  const lines = vectors('routes-by-role.txt').map((line) => {
    const [method = '', path = '', access = ''] = line.split(/\s+/)
    return { method, path, access }
  })
  const api = (somebody: Somebody, method: string, path: string) =>
    somebody.api(method, path, method === 'GET' || method === 'DELETE' ? undefined : {})

  test('answers as to an owner of the tenant as well: there is no way around the pages', async () => {
    const somebody = await acting()
    const owner = await server.person({ roles: { acme: 'owner' } })
    for (const { method, path, access } of lines) {
      const at = pathOf({ path }, path.startsWith('/operator/') ? { ...acme, ...operators } : acme)
      const isRefused = OWN.test(path) || access === 'operator'
      if (isRefused || method === 'GET') {
        const { status } = await api(somebody, method, at)
        const theirs = isRefused ? 403 : (await api(owner, method, at)).status
        expect([method, path, status]).toEqual([method, path, theirs])
      }
      if (!path.includes('{tenant}')) continue
      const elsewhere = await api(somebody, method, pathOf({ path }, rival))
      expect([method, path, elsewhere.status]).toEqual([method, path, 404])
    }
  })

  test('tells whom they act as', async () => {
    const somebody = await acting()
    const until = new Date(server.clock.now().getTime() + ACTING_MS).toISOString()
    expect((await somebody.api('GET', '/session')).json()).toMatchObject({
      name: somebody.user.email,
      isOperator: false,
      tenants: [{ name: 'acme', role: 'owner' }],
      actingAs: { tenant: 'acme', until },
    })
    await stop(somebody)
    expect((await somebody.api('GET', '/session')).json()).toMatchObject({ isOperator: true, actingAs: null })
  })

  test('tokens are what they were', async () => {
    const program = await server.program(null, ['tenants:read'])
    await acting()
    expect((await program.api('GET', '/session')).json()).toMatchObject({ isOperator: true, actingAs: null })
  })
})

describe('who begins', () => {
  test('has just confirmed that it is them', async () => {
    const operator = await server.person({ isOperator: true })
    server.clock.advance(FRESH_MS)
    const answer = await begin(operator)
    expect(answer.status).toBe(303)
    expect(answer.headers.location).toBe('/confirm?next=%2Ftenants%2Facme%2Fact')
    expect((await operator.api('GET', '/session')).json().actingAs).toBeNull()
  })

  test('acts as no other before they have stopped, and the other tenant is not even there', async () => {
    const somebody = await acting()
    for (const [tenant, status] of [
      ['acme', 403],
      ['rival', 404],
    ] as const)
      expect([tenant, (await begin(somebody, tenant)).status]).toEqual([tenant, status])
    expect((await somebody.api('GET', '/session')).json().actingAs).toMatchObject({ tenant: 'acme' })
    await stop(somebody)
    expect((await begin(somebody, 'rival')).status).toBe(303)
  })

  test('is an operator: an owner has nothing to begin', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    expect((await begin(owner)).status).toBe(403)
    expect((await owner.page('/tenants/acme')).text).not.toContain('/tenants/acme/act')
  })

  test('may be the operator of the machine, who has no account', async () => {
    expect((await begin(server)).status).toBe(303)
    expect((await server.page('/tenants/acme')).text).toContain('You act as the tenant acme.')
    expect((await server.page('/set-up')).status).toBe(403)
    expect((await stop(server)).headers.location).toBe('/tenants/acme')
    expect((await server.page('/users')).status).toBe(200)
  })

  test.each([
    ['markup', '<img src=x onerror=alert(1)>', 303],
    ['a turn of the writing', 'a \u202e b', 303],
    ['nothing', '', 303],
    ['two lines', 'a\r\nb', 400],
    ['too much', 'x'.repeat(301), 400],
  ])('may give %s as the reason', async (_what, reason, status) => {
    const operator = await server.person({ isOperator: true })
    expect((await begin(operator, 'acme', reason)).status).toBe(status)
    const { text } = await server.page('/tenants/acme/audit')
    expect(text).not.toContain('<img src=x')
    expect(text).not.toContain('\u202e')
  })
})

describe('the audit trail', () => {
  test('tells who began, for whose sake, what they did, and that they stopped', async () => {
    const somebody = await acting()
    const owner = await server.person({ roles: { acme: 'owner' } })
    await somebody.submit('/source-domains', { tenant: 'acme', name: 'acted.example', mode: 'external' })
    await stop(somebody)
    const { email } = somebody.user
    const done = (await trail()).filter(({ actor }) => actor === email).toReversed()
    expect(done).toMatchObject([
      { action: 'tenant.begin-acting', tenant: 'acme', subject: 'acme', detail: { reason: 'ticket 7' } },
      { action: 'source-domain.add', tenant: 'acme', subject: 'acted.example', detail: { actingAs: 'acme' } },
      { action: 'tenant.stop-acting', tenant: 'acme', detail: { why: 'stopped', actingAs: 'acme' } },
    ])
    const { text } = await owner.page('/tenants/acme/audit')
    expect(text).toContain(`${email}</bdi> acting as the tenant acme`)
    expect(text).toContain('ticket 7')
  })

  test('what they do as themselves, before and after, says nothing of it', async () => {
    const somebody = await acting()
    await stop(somebody)
    await somebody.submit('/tenants', { name: 'plain' })
    const [event] = (await trail()).filter(({ action }) => action === 'tenant.add')
    expect(event).toMatchObject({ actor: somebody.user.email, subject: 'plain' })
    expect(event?.['detail']).not.toHaveProperty('actingAs')
  })
})

describe('it ends', () => {
  const isActing = async (somebody: Somebody) => (await somebody.api('GET', '/session')).json().actingAs !== null

  test('by itself after an hour, in the midst of what they do', async () => {
    const somebody = await acting()
    server.clock.advance(ACTING_MS - 1)
    expect(await isActing(somebody)).toBe(true)
    server.clock.advance(1)
    expect(await isActing(somebody)).toBe(false)
    expect((await somebody.page('/users')).status).toBe(200)
    const [event] = (await trail()).filter(({ action }) => action === 'tenant.stop-acting')
    expect(event).toMatchObject({ actor: somebody.user.email, tenant: 'acme', detail: { why: 'time is up' } })
  })

  test('with the session: who signs in anew is an operator', async () => {
    const somebody = await acting()
    expect((await somebody.submit('/sign-out', {})).status).toBe(303)
    const [ended] = (await trail()).filter(({ action }) => action === 'tenant.stop-acting')
    expect(ended).toMatchObject({ actor: somebody.user.email, detail: { why: 'signed out' } })
    expect((await somebody.api('GET', '/session')).status).toBe(401)
  })

  test('where they are an operator no longer', async () => {
    const somebody = await acting()
    expect((await server.api('PUT', `/users/${somebody.user.id}`, { isOperator: false })).status).toBe(200)
    expect((await somebody.api('GET', '/tenants/acme')).status).toBe(401)
    // Also where the session is left
    const another = await acting()
    await server.storage.users.setOperator(another.user.id, false, server.act())
    expect((await another.api('GET', '/tenants/acme')).status).toBe(404)
    expect(await isActing(another)).toBe(false)
  })

  test('where the tenant is gone', async () => {
    await server.api('POST', '/tenants', { name: 'fleeting' })
    const somebody = await acting('fleeting')
    await server.api('DELETE', '/tenants/fleeting')
    expect(await isActing(somebody)).toBe(false)
  })

  test('and stopping twice does nothing', async () => {
    const somebody = await acting()
    await stop(somebody)
    const before = (await trail())[0]
    expect((await stop(somebody)).status).toBe(303)
    expect((await trail())[0]).toEqual(before)
  })

  test('of a suspended tenant they change nothing, as its owner changes nothing', async () => {
    await server.api('POST', '/tenants', { name: 'halted' })
    await server.api('POST', '/tenants/halted/suspend')
    const somebody = await acting('halted')
    const answer = await somebody.api('POST', '/tenants/halted/source-domains', { name: 'x.example' })
    expect([answer.status, answer.json().code]).toEqual([403, 'tenant-suspended'])
  })
})
