import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accounts } from '../../src/tenant/accounts.ts'
import { NO_QUOTAS } from '../../src/tenant/tenant.ts'
import { adminServer, ORIGIN, type AdminServer } from './admin-server.ts'
import { PASSWORD, people } from './people.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterAll(() => server.close())

const { account, get, post, signedIn } = people(() => server)

describe('registering a tenant of one’s own', () => {
  test('makes an account that owns a tenant, with a name that tells of no other', async () => {
    const given = { tenant: 'shop', email: 'ann@example.org', password: PASSWORD }
    const answer = await post('/registrations', given)
    expect([answer.status, answer.headers['set-cookie']]).toEqual([201, undefined])
    const own = (await get('/session', await signedIn('ann@example.org'))).json().tenants
    expect(own).toEqual([{ name: expect.stringMatching(/^shop-[a-z0-9]{4}$/) as string, role: 'owner' }])
  })

  test('answers the same where the e-mail address has an account, and makes nothing', async () => {
    await account('bob@example.org')
    const fresh = await post('/registrations', { tenant: 'fresh', email: 'new@example.org', password: PASSWORD })
    const known = await post('/registrations', { tenant: 'known', email: 'bob@example.org', password: PASSWORD })
    expect([known.status, known.text]).toEqual([fresh.status, fresh.text])
    expect((await get('/session', await signedIn('bob@example.org'))).json().tenants).toEqual([])
  })

  test.each([
    [{ tenant: 'Not A Name', email: 'x@example.org', password: PASSWORD }, 'malformed-request', '/tenant'],
    [{ tenant: 'x', email: 'nobody', password: PASSWORD }, 'malformed-request', '/email'],
    [{ tenant: 'x', email: 'x@example.org', password: '12345678' }, 'password-refused', '/password'],
    [{ tenant: 'x', email: 'x@example.org', password: PASSWORD, isOperator: true }, 'malformed-request', '/isOperator'],
  ])('%j is refused as %s at %s', async (body, code, pointer) => {
    expect((await post('/registrations', body)).json()).toMatchObject({ code, errors: [{ pointer }] })
  })

  test('is refused where the operator has closed it', async () => {
    const { deps, storage, clock } = server
    const closed = accounts({
      ...storage,
      clock,
      randomBytes: deps.randomBytes,
      origin: ORIGIN,
      isRegistrationOpen: false,
      quotasOfRegistered: NO_QUOTAS,
    })
    const other = await adminServer({ accounts: closed })
    try {
      const answer = await people(() => other).post('/registrations', {
        tenant: 'x',
        email: 'x@example.org',
        password: PASSWORD,
      })
      expect(answer.json()).toMatchObject({ status: 403, code: 'registration-closed' })
    } finally {
      await other.close()
    }
  })
})
