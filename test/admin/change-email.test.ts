import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'
import { PASSWORD, people } from './people.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterAll(() => server.close())

const { account, ask, get, post, signedIn } = people(() => server)

describe('another e-mail address of one’s own', () => {
  test('is what one signs in with from then on; the other sessions end, this one goes on', async () => {
    await account('old@example.org')
    const [mine, other] = [await signedIn('old@example.org'), await signedIn('old@example.org')]
    expect((await ask('PUT', '/account/email', { email: ' New@Example.org ' }, mine)).status).toBe(204)
    expect((await get('/account', mine)).json().email).toBe('new@example.org')
    expect((await get('/session', other)).status).toBe(401)
    expect((await post('/session', { email: 'old@example.org', password: PASSWORD })).status).toBe(401)
    await signedIn('new@example.org')
    const [event] = await server.storage.audit.list('all', { limit: 1, action: 'user.set-email' })
    expect(event).toMatchObject({
      ...{ actor: 'old@example.org', subject: 'old@example.org' },
      detail: { before: { email: 'old@example.org' }, after: { email: 'new@example.org' } },
    })
  })

  test('is set by the page as well, who has just confirmed', async () => {
    const somebody = await server.person({ email: 'page@example.org' })
    const done = await somebody.submit('/account/email', { email: 'paged@example.org' })
    expect([done.status, done.headers.location]).toEqual([303, '/account'])
    expect((await somebody.page('/account')).text).toContain('paged@example.org')
    server.clock.advance(FRESH_MS)
    const stale = await somebody.submit('/account/email', { email: 'again@example.org' })
    expect(stale.headers.location).toBe('/confirm?next=%2Faccount%2Femail')
    await server.signIn()
  })

  test.each([
    ['somebody else’s', 'taken@example.org', 409],
    ['somebody else’s, written otherwise', 'TAKEN@example.org', 409],
    ['no address', 'nonsense', 400],
    ['two', 'a@b.example,c@d.example', 400],
    ['markup', '"<script>"@example.org', 400],
    ['a turn of the writing', 'a\u202eb@example.org', 400],
    ['a second line', 'a@example.org\r\nBcc: b@example.org', 400],
    ['far too long', `${'x'.repeat(290)}@example.org`, 400],
  ])('is refused where it is %s, at the field', async (_what, email, status) => {
    if (!(await server.storage.users.findByEmail('taken@example.org'))) await account('taken@example.org')
    const somebody = await server.person()
    const answer = await somebody.submit('/account/email', { email })
    expect([email, answer.status]).toEqual([email, status])
    expect(answer.text).toContain('id="email-fault"')
    expect(answer.text).not.toContain('<script>"')
    expect((await server.storage.users.find(somebody.user.id))?.email).toBe(somebody.user.email)
  })

  test('is no way to find out who has an account: many tries have to wait', async () => {
    const somebody = await server.person()
    let status = 0
    for (let tries = 0; tries < 30 && status !== 429; tries++)
      ({ status } = await somebody.api('PUT', '/account/email', { email: 'taken@example.org' }))
    expect(status).toBe(429)
  })

  test('the operator of the machine has none', async () => {
    expect((await server.api('PUT', '/account/email', { email: 'x@example.org' })).status).toBe(404)
    expect((await server.page('/account/email')).status).toBe(404)
  })
})

describe('by the operator', () => {
  test('somebody gets another address, and signs in anew', async () => {
    const id = await account('lost@example.org')
    const cookie = await signedIn('lost@example.org')
    const { status, headers } = await server.submit(`/users/${id}/email`, { email: 'found@example.org' })
    expect([status, headers.location]).toEqual([303, `/users/${id}`])
    expect((await get('/session', cookie)).status).toBe(401)
    await signedIn('found@example.org')
    const put = await server.api('PUT', `/users/${id}/email`, { email: 'found-again@example.org' })
    expect([put.status, put.json().email]).toEqual([200, 'found-again@example.org'])
    const late = { 'if-match': String(put.headers.etag).replace(/\d+"$/, '0"') }
    expect((await server.api('PUT', `/users/${id}/email`, { email: 'x@example.org' }, late)).status).toBe(412)
  })

  test('their own is changed without signing them out', async () => {
    const operator: Somebody & { user: { id: string } } = await server.person({ isOperator: true })
    await operator.submit(`/users/${operator.user.id}/email`, { email: 'me@example.org' })
    expect((await operator.api('GET', '/session')).json().name).toBe('me@example.org')
  })
})

describe('who cannot sign in', () => {
  test('reads what to do, and whom to ask', async () => {
    expect((await server.ask('/sign-in')).text).toContain('href="/sign-in/help"')
    const before = (await server.ask('/sign-in/help')).text
    for (const words of ['recovery codes', 'works once, within a day', 'waypost user reset-password EMAIL'])
      expect(before).toContain(words)
    await server.api('PUT', '/settings', {
      ...{ serviceName: null, accents: null, footLine: null, support: 'https://help.example/?a=1&b="' },
    })
    expect((await server.ask('/sign-in/help')).text).toContain('href="https://help.example/?a=1&amp;b=%22"')
  })
})
