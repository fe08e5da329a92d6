import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import { adminServer, ORIGIN, type AdminServer } from './admin-server.ts'
import { codeOf, cookieOf, PASSWORD, people, tokenIn } from './people.ts'

const ANOTHER = 'three slow wooden windmills'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterAll(() => server.close())

const { account, ask, get, post, signedIn } = people(() => server)

async function sessionsOf(cookie: string) {
  return (await get('/account/sessions', cookie)).json().items as { id: string; name: string; isCurrent: boolean }[]
}

describe('one’s own account', () => {
  test('tells what one signs in with, and no secret of it', async () => {
    await account('ann@example.org')
    const cookie = await signedIn('ann@example.org')
    const shown = await get('/account', cookie)
    expect(shown.json()).toEqual({
      email: 'ann@example.org',
      isOperator: false,
      hasPassword: true,
      hasTotp: false,
      recoveryCodesLeft: 0,
      createdAt: expect.any(String) as string,
    })
  })

  test('a new password needs the present one, obeys the rules, and ends the other sessions but this one', async () => {
    const [mine, other] = [await signedIn('ann@example.org'), await signedIn('ann@example.org')]
    const change = (present: string, password: string) => ask('PUT', '/account/password', { present, password }, mine)
    expect((await change('wrong', ANOTHER)).json()).toMatchObject({
      code: 'sign-in-refused',
      errors: [{ pointer: '/present' }],
    })
    expect((await change(PASSWORD, 'password')).json()).toMatchObject({ code: 'password-refused', rule: 'common' })
    expect((await get('/session', other)).status).toBe(200)
    expect((await change(PASSWORD, ANOTHER)).status).toBe(204)
    expect((await get('/session', other)).status).toBe(401)
    expect((await get('/session', mine)).status).toBe(200)
    expect((await post('/session', { email: 'ann@example.org', password: PASSWORD })).status).toBe(401)
    await signedIn('ann@example.org', ANOTHER)
  })

  test('the authenticator app is in force after its first code, can be removed, and each change ends other sessions', async () => {
    await account('bob@example.org')
    const [mine, other] = [await signedIn('bob@example.org'), await signedIn('bob@example.org')]
    const { secret, uri } = (await post('/account/totp', {}, mine)).json() as { secret: string; uri: string }
    expect(uri).toMatch(/^otpauth:\/\/totp\//)
    expect((await get('/account', mine)).json().hasTotp).toBe(false)
    expect((await post('/account/totp/confirm', { code: '000000' }, mine)).json().code).toBe('sign-in-refused')
    const confirmed = await post('/account/totp/confirm', { code: codeOf(secret, server.clock.now()) }, mine)
    const { recoveryCodes } = confirmed.json() as { recoveryCodes: string[] }
    expect((await get('/account', mine)).json()).toMatchObject({
      hasTotp: true,
      recoveryCodesLeft: recoveryCodes.length,
    })
    expect((await get('/session', other)).status).toBe(401)
    expect((await post('/account/totp', {}, mine)).json().code).toBe('already-exists')

    const renewed = (await post('/account/recovery-codes', {}, mine)).json() as { recoveryCodes: string[] }
    expect(renewed.recoveryCodes.some((code) => recoveryCodes.includes(code))).toBe(false)
    expect((await ask('DELETE', '/account/totp', undefined, mine)).status).toBe(204)
    expect((await ask('DELETE', '/account/totp', undefined, mine)).json().code).toBe('not-found')
    expect((await get('/account', mine)).json()).toMatchObject({ hasTotp: false, recoveryCodesLeft: 0 })
  })

  test.each([
    ['POST', '/account/totp'],
    ['DELETE', '/account/totp'],
    ['POST', '/account/recovery-codes'],
    ['POST', '/account/passkey-options'],
    ['POST', '/account/passkeys'],
    ['DELETE', '/account/passkeys/abc'],
  ])('%s %s asks for a fresh authentication', async (method, path) => {
    const email = `${method}${path.replaceAll('/', '-')}@example.org`.toLowerCase()
    await account(email)
    const cookie = await signedIn(email)
    const code = async () => {
      const { text } = await ask(method, path, method === 'POST' ? {} : undefined, cookie)
      return (JSON.parse(text || '{}') as { code?: string }).code
    }
    server.clock.advance(FRESH_MS - 1)
    expect(await code()).not.toBe('fresh-sign-in-required')
    server.clock.advance(1)
    expect(await code()).toBe('fresh-sign-in-required')
  })

  test('what has no ETag takes no If-Match: nobody is left to believe that it was looked at', async () => {
    const person = await server.person()
    const headers = { 'if-match': '"any.1"' }
    for (const [method, path, body] of [
      ['PUT', '/account/password', { present: 'a', password: 'b' }],
      ['DELETE', '/account/totp', undefined],
      ['DELETE', '/session', undefined],
    ] as const)
      expect((await person.api(method, path, body, headers)).json().detail).toContain('takes no If-Match')
  })
})

describe('one’s own sessions', () => {
  test('are listed, named and ended, one or all others', async () => {
    await account('carol@example.org')
    const [mine, second, third] = [
      await signedIn('carol@example.org'),
      await signedIn('carol@example.org'),
      await signedIn('carol@example.org'),
    ]
    const before = await sessionsOf(mine)
    expect(before).toHaveLength(3)
    const current = before.find(({ isCurrent }) => isCurrent)!
    expect((await ask('PATCH', `/account/sessions/${current.id}`, { name: 'my laptop' }, mine)).status).toBe(204)
    expect((await sessionsOf(mine)).find(({ isCurrent }) => isCurrent)?.name).toBe('my laptop')

    const secondId = (await sessionsOf(second)).find(({ isCurrent }) => isCurrent)!.id
    const ended = await ask('DELETE', `/account/sessions/${secondId}`, undefined, mine)
    expect([ended.status, ended.headers['set-cookie']]).toEqual([204, undefined])
    expect((await get('/session', second)).status).toBe(401)
    expect((await ask('DELETE', '/account/sessions', undefined, mine)).status).toBe(204)
    expect((await get('/session', third)).status).toBe(401)
    expect((await sessionsOf(mine)).map(({ id }) => id)).toEqual([current.id])

    const own = await ask('DELETE', `/account/sessions/${current.id}`, undefined, mine)
    expect(cookieOf(own)).toBe('__Host-session=')
    expect((await get('/session', mine)).status).toBe(401)
  })

  test('another’s session is not found, and goes on', async () => {
    const [one, other] = [await server.person(), await server.person()]
    const theirs = (await other.api('GET', '/account/sessions')).json().items as { id: string }[]
    for (const [method, body] of [
      ['DELETE', undefined],
      ['PATCH', { name: 'mine' }],
    ] as const)
      expect((await one.api(method, `/account/sessions/${theirs[0]!.id}`, body)).json().code).toBe('not-found')
    expect((await other.api('GET', '/session')).status).toBe(200)
  })

  test('the operator of the machine ends all others of theirs', async () => {
    const { url } = await issueSignInLink({ ...server.deps, adminOrigin: ORIGIN }, server.act())
    const other = await server.ask('/sign-in', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ token: tokenIn({ url }) }).toString(),
    })
    expect((await get('/session', cookieOf(other))).status).toBe(200)
    expect((await server.api('DELETE', '/account/sessions')).status).toBe(204)
    expect((await get('/session', cookieOf(other))).status).toBe(401)
    expect((await server.api('GET', '/session')).status).toBe(200)
  })
})

describe('accounts by the operator', () => {
  beforeAll(async () => void (await server.signIn())) // the former is no longer fresh

  test('without a password, the owner chooses one by the link, once', async () => {
    const made = await server.api('POST', '/users', { email: 'Dave@Example.org' })
    const { user, passwordLink } = made.json() as { user: { id: string }; passwordLink: unknown }
    expect([made.status, made.headers.location]).toEqual([201, `/api/v1/users/${user.id}`])
    expect(user).toMatchObject({ email: 'dave@example.org', isOperator: false, hasPassword: false })
    const token = tokenIn(passwordLink)
    expect((await post('/password-links/use', { token, password: 'short' })).json().code).toBe('password-refused')
    expect((await post('/password-links/use', { token, password: PASSWORD })).status).toBe(204)
    expect((await post('/password-links/use', { token, password: ANOTHER })).json().code).toBe('link-spent')
    await signedIn('dave@example.org')
  })

  test('a link for a new password ends all sessions', async () => {
    const id = await account('erin@example.org')
    const cookie = await signedIn('erin@example.org')
    const issued = await server.api('POST', `/users/${id}/password-link`, {})
    expect((await post('/password-links/use', { token: tokenIn(issued.json()), password: ANOTHER })).status).toBe(204)
    expect((await get('/session', cookie)).status).toBe(401)
    await signedIn('erin@example.org', ANOTHER)
  })

  test('lists are searched and filtered, and page without a gap', async () => {
    for (const letter of ['x', 'y', 'z']) await account(`${letter}@paging.example`)
    const seen: string[] = []
    for (let next: string | null = '/api/v1/users?search=paging&limit=1'; next !== null;) {
      const page = (await server.api('GET', next.slice('/api/v1'.length))).json()
      seen.push(...(page.items as { email: string }[]).map(({ email }) => email))
      next = page.next as string | null
    }
    expect(seen).toEqual(['x@paging.example', 'y@paging.example', 'z@paging.example'])
    expect((await server.api('GET', '/users?search=paging&isOperator=true')).json().items).toEqual([])
  })

  test('who becomes an operator may at once, and their other sessions end; no longer one, they may not', async () => {
    const id = await account('frank@example.org')
    const before = await signedIn('frank@example.org')
    expect((await get('/users', before)).json().code).toBe('forbidden')
    expect((await server.api('PUT', `/users/${id}`, { isOperator: true })).json().isOperator).toBe(true)
    expect((await get('/session', before)).status).toBe(401)
    const after = await signedIn('frank@example.org')
    expect((await get('/users', after)).status).toBe(200)
    // Somebody else has to remain
    await server.person({ isOperator: true })
    expect((await server.api('PUT', `/users/${id}`, { isOperator: false })).status).toBe(200)
    expect((await get('/users', after)).status).toBe(401)
  })

  test('the last operator cannot be removed, and nobody is changed by who has not seen the last change', async () => {
    const all = (await server.api('GET', '/users?isOperator=true')).json().items as { id: string }[]
    expect(all).toHaveLength(1)
    const path = `/users/${all[0]!.id}`
    expect((await server.api('DELETE', path)).json().code).toBe('last-owner')
    expect((await server.api('PUT', path, { isOperator: false })).json().code).toBe('last-owner')
    const id = await account('grace@example.org')
    const etag = String((await server.api('GET', `/users/${id}`)).headers.etag)
    await server.api('PUT', `/users/${id}`, { isOperator: true })
    const late = await server.api('DELETE', `/users/${id}`, undefined, { 'if-match': etag })
    expect(late.json()).toMatchObject({ status: 412, code: 'precondition-failed' })
    const now = String((await server.api('GET', `/users/${id}`)).headers.etag)
    expect((await server.api('DELETE', `/users/${id}`, undefined, { 'if-match': now })).status).toBe(204)
    expect((await server.api('GET', `/users/${id}`)).status).toBe(404)
  })

  test('to make an operator is as grave as a later change to it, whichever way it is done', async () => {
    const operator = await server.person({ isOperator: true })
    server.clock.advance(FRESH_MS)
    expect((await operator.api('POST', '/users', { email: 'harmless@example.org' })).status).toBe(201)
    for (const [path, body] of [
      ['/users', { email: 'more@example.org', isOperator: true }],
      ['/operator/invitations', { email: 'more@example.org' }],
    ] as const)
      expect((await operator.api('POST', path, body)).json().code).toBe('fresh-sign-in-required')
    const program = await server.program(null, ['members:write'])
    expect((await program.api('POST', '/users', { email: 'more@example.org', isOperator: true })).json().code).toBe(
      'forbidden',
    )
    const grave = await server.program(null, ['members:write', 'grave'])
    expect((await grave.api('POST', '/users', { email: 'more@example.org', isOperator: true })).status).toBe(201)
  })
})
