import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { authenticator } from '../tenant/authenticator.ts'
import { adminServer, ORIGIN, type AdminServer } from './admin-server.ts'
import { codeOf, cookieOf, PASSWORD, people } from './people.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterAll(() => server.close())

const { account, ask, get, post, signedIn } = people(() => server)

describe('signing in by the API', () => {
  test('the right password opens a session, whose cookie no script and no other site gets', async () => {
    await account('ann@example.org')
    const answer = await post('/session', { email: ' Ann@Example.org ', password: PASSWORD })
    expect([answer.status, answer.json()]).toEqual([
      201,
      { stage: 'complete', expiresAt: expect.any(String) as string },
    ])
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-session=[\w-]{43}; .*Path=\/; .*HttpOnly; Secure; SameSite=Lax$/),
    ])
    expect(answer.text).not.toContain(cookieOf(answer).split('=')[1])
    expect((await get('/session', cookieOf(answer))).json()).toMatchObject({
      name: 'ann@example.org',
      isOperator: false,
      tenants: [],
      scopes: null,
    })
  })

  test('the session that the browser had before is closed by a new one', async () => {
    const before = await signedIn('ann@example.org')
    const after = cookieOf(await post('/session', { email: 'ann@example.org', password: PASSWORD }, before))
    expect((await get('/session', before)).status).toBe(401)
    expect((await get('/session', after)).status).toBe(200)
  })

  test('signing out ends the session, clears the cookie and what the browser keeps of the pages', async () => {
    const cookie = await signedIn('ann@example.org')
    const answer = await ask('DELETE', '/session', undefined, cookie)
    expect([answer.status, answer.text]).toEqual([204, ''])
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-session=; .*Expires=Thu, 01 Jan 1970/),
    ])
    // "cookies" would sign the operator out of all other hosts of the same registered domain
    expect(answer.headers['clear-site-data']).toBe('"cache", "storage"')
    expect((await get('/session', cookie)).status).toBe(401)
  })

  test('an account with a second factor opens nothing before the code, and no code is taken twice', async () => {
    await account('bob@example.org')
    const first = await signedIn('bob@example.org')
    const { secret } = (await post('/account/totp', {}, first)).json() as { secret: string }
    const { recoveryCodes } = (
      await post('/account/totp/confirm', { code: codeOf(secret, server.clock.now()) }, first)
    ).json() as { recoveryCodes: string[] }
    expect(recoveryCodes.length).toBeGreaterThan(7)

    server.clock.advance(60_000)
    const pending = await post('/session', { email: 'bob@example.org', password: PASSWORD })
    expect(pending.json().stage).toBe('second-factor')
    expect((await get('/session', cookieOf(pending))).status).toBe(401)
    expect((await get('/account', cookieOf(pending))).status).toBe(401)

    const code = codeOf(secret, server.clock.now())
    expect((await post('/session/code', { code: '000000' }, cookieOf(pending))).status).toBe(401)
    expect((await post('/session/code', { code })).json().code).toBe('sign-in-refused')
    const complete = await post('/session/code', { code }, cookieOf(pending))
    expect([complete.status, complete.json().stage]).toEqual([200, 'complete'])
    expect((await get('/session', cookieOf(pending))).status).toBe(401)
    expect((await get('/session', cookieOf(complete))).status).toBe(200)

    const again = await post('/session', { email: 'bob@example.org', password: PASSWORD })
    expect((await post('/session/code', { code }, cookieOf(again))).status).toBe(401)
    expect((await post('/session/code', { code: recoveryCodes[0] }, cookieOf(again))).status).toBe(200)
    const third = await post('/session', { email: 'bob@example.org', password: PASSWORD })
    expect((await post('/session/code', { code: recoveryCodes[0] }, cookieOf(third))).status).toBe(401)
  })

  test('a passkey is registered, signs in and confirms', async () => {
    await account('carol@example.org')
    const cookie = await signedIn('carol@example.org')
    const device = authenticator()
    const creation = (await post('/account/passkey-options', {}, cookie)).json()
    const registered = await post(
      '/account/passkeys',
      { name: 'key', response: device.create(creation, { origin: ORIGIN }) },
      cookie,
    )
    expect([registered.status, registered.json()]).toEqual([
      201,
      expect.objectContaining({ name: 'key', lastUsedAt: null }),
    ])

    const options = (await post('/session/passkey-options', {})).json()
    const opened = await post('/session/passkey', { response: device.get(options, { origin: ORIGIN }) })
    expect([opened.status, opened.json().stage]).toEqual([200, 'complete'])
    // The challenge is used up
    expect((await post('/session/passkey', { response: device.get(options, { origin: ORIGIN }) })).json().code).toBe(
      'sign-in-refused',
    )

    const mine = cookieOf(opened)
    server.clock.advance(FRESH_MS)
    expect((await post('/account/passkey-options', {}, mine)).json().code).toBe('fresh-sign-in-required')
    const request = (await post('/session/confirm-options', {}, mine)).json()
    const confirmed = await post('/session/confirm', { passkey: device.get(request, { origin: ORIGIN }) }, mine)
    expect(confirmed.status).toBe(200)
    expect((await post('/account/passkey-options', {}, cookieOf(confirmed))).status).toBe(200)
    expect((await get('/session', mine)).status).toBe(401)
  })

  test('who has to confirm does so by the password, and nothing less', async () => {
    await account('dave@example.org')
    const cookie = await signedIn('dave@example.org')
    server.clock.advance(FRESH_MS)
    expect((await post('/account/totp', {}, cookie)).json()).toMatchObject({
      status: 403,
      code: 'fresh-sign-in-required',
    })
    for (const body of [{}, { code: '123456' }, { password: PASSWORD, passkey: {} }])
      expect((await post('/session/confirm', body, cookie)).json().code).toBe('malformed-request')
    expect((await post('/session/confirm', { password: 'another' }, cookie)).json().code).toBe('sign-in-refused')
    const confirmed = await post('/session/confirm', { password: PASSWORD }, cookie)
    expect((await post('/account/totp', {}, cookieOf(confirmed))).status).toBe(200)
  })

  test('an API token learns who it is, and may do nothing else with sessions', async () => {
    await server.api('POST', '/tenants', { name: 'acme' })
    const program = await server.program('acme', ['audit:read'])
    expect((await program.api('GET', '/session')).json()).toEqual({
      name: expect.stringMatching(/^token /) as string,
      isOperator: false,
      tenants: [{ name: 'acme', role: 'owner' }],
      scopes: ['audit:read'],
      authenticatedAt: null,
      actingAs: null,
    })
    for (const [method, path, body] of [
      ['DELETE', '/session'],
      ['POST', '/session/confirm', { password: PASSWORD }],
      ['GET', '/account'],
      ['GET', '/account/sessions'],
    ] as const)
      expect([path, (await program.api(method, path, body)).json().code]).toEqual([path, 'forbidden'])
  })

  test('the operator of the machine has sessions, and no account', async () => {
    expect((await server.api('GET', '/session')).json()).toMatchObject({ name: 'operator', isOperator: true })
    expect((await server.api('GET', '/account')).json().code).toBe('not-found')
    const items = (await server.api('GET', '/account/sessions')).json().items as { isCurrent: boolean }[]
    expect(items.filter(({ isCurrent }) => isCurrent)).toHaveLength(1)
  })
})
