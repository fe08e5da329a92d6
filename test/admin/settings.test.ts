import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { LOGO_LIMIT_BYTES } from '../../src/tenant/branding.ts'
import { adminServer, ORIGIN, type AdminServer, type Answer } from './admin-server.ts'

const NOTHING = { serviceName: null, accents: null, support: null, footLine: null }
const BRANDING = {
  serviceName: 'Example XMPP',
  accents: { light: '#0b5e8a', dark: '#7cc4ee' },
  support: 'help@hosting.example',
  footLine: 'Example GmbH',
}
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gW'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
afterEach(async () => {
  await server.api('PUT', '/settings', NOTHING)
  await server.api('DELETE', '/settings/logo')
})
afterAll(() => server.close())

const settings = async () => (await server.api('GET', '/settings')).json()

/** As a browser sends a form with a file. */
function upload(path: string, file: Buffer, { type = 'image/png', name = 'logo' } = {}): Promise<Answer> {
  const [head, end] = [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"; filename="logo.png"\r\nContent-Type: ${type}\r\n\r\n`,
    `\r\n--${BOUNDARY}--\r\n`,
  ]
  return server.ask(path, {
    method: 'POST',
    headers: {
      ...server.headers,
      'sec-fetch-site': 'same-origin',
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
    },
    body: Buffer.concat([Buffer.from(head), file, Buffer.from(end)]),
  })
}

async function typed(changes: Record<string, string> = {}): Promise<Record<string, string>> {
  const [, etag = ''] = /name="etag" value="([^"]*)"/.exec((await server.page('/settings')).text) ?? []
  const none = { serviceName: '', accentLight: '', accentDark: '', support: '', footLine: '' }
  return { ...none, etag: etag.replaceAll('&quot;', '"'), ...changes }
}

describe('the look of the pages', () => {
  test('is our own until the operator sets it, and then theirs, for who has not signed in too', async () => {
    const before = (await server.ask('/sign-in')).text
    expect(before).toContain('<title>Sign in · Waypost</title>')
    expect(before).not.toContain('brand.css')
    const set = await server.api('PUT', '/settings', BRANDING)
    expect([set.status, set.json()]).toEqual([200, { ...BRANDING, logo: null }])
    await server.api('PUT', '/settings/logo', { logo: PNG.toString('base64') })
    const { text } = await server.ask('/sign-in')
    expect(text).toContain('<title>Sign in · Example XMPP</title>')
    expect(text).toContain('<bdi>Example XMPP</bdi>')
    expect(text).not.toContain('Waypost')
    expect(text).toContain('href="mailto:help@hosting.example"')
    expect(text).toContain('<bdi>Example GmbH</bdi>')
    expect(text).toMatch(/<img class="logo" src="\/assets\/logo\?v=[0-9a-f]{12}" alt[ />]/)
    expect(text).not.toMatch(/ style=/)
  })

  test('is what authenticator apps and passkeys are told', async () => {
    await server.api('PUT', '/settings', BRANDING)
    const { deps, storage, act, person } = server
    const { user } = await person()
    const { uri } = await deps.accounts.beginTotp(user.id, act())
    expect(uri).toContain('issuer=Example%20XMPP%20admin.example.net')
    const { secret } = (await storage.users.credentials(user.id))!.totp!
    expect((await deps.accounts.showTotp(user.email, secret)).uri).toBe(uri)
    expect(await deps.ceremonies.creation(user)).toMatchObject({ rp: { name: 'Example XMPP' } })
  })

  test('is set by the page, which shows it again', async () => {
    const fields = { serviceName: 'By <b>page</b>', accentLight: '#0B5E8A', accentDark: ' #7cc4ee', footLine: 'x' }
    const answer = await server.submit('/settings', await typed(fields))
    expect([answer.status, answer.headers.location]).toEqual([303, '/settings'])
    expect(await settings()).toMatchObject({ serviceName: 'By <b>page</b>', accents: BRANDING.accents, support: null })
    const { text } = await server.page('/settings')
    expect(text).toContain('value="By &lt;b>page&lt;/b>"')
    expect(text).toContain('Contrast ')
    expect(text).not.toContain('<b>page')
  })

  test.each([
    ['an accent that nobody can read', { accentLight: '#ffff00', accentDark: '#7cc4ee' }, 'accentLight', '1.0'],
    ['one accent without the other', { accentLight: '#0b5e8a' }, 'accentDark', 'six hexadecimal'],
    ['a style sheet', { accentLight: '#0b5e8a;}*{', accentDark: '#7cc4ee' }, 'accentLight', 'six hexadecimal'],
    ['a script for support', { support: 'javascript:alert(1)' }, 'support', 'https://'],
    ['a name that turns the line around', { serviceName: 'x\u202e' }, 'serviceName', 'cannot be seen'],
    ['a line that is too long', { footLine: 'x'.repeat(201) }, 'footLine', 'at most 200'],
  ])('%s is refused at its field, and stays typed', async (_what, fields, field, words) => {
    const answer = await server.submit('/settings', await typed({ serviceName: 'kept', ...fields }))
    expect(answer.status).toBe(400)
    const fault = new RegExp(`id="${field}-fault"[^]*?</p>`).exec(answer.text)?.[0]
    expect(fault).toContain(words)
    expect(await settings()).toMatchObject(NOTHING)
    if (field !== 'serviceName') expect(answer.text).toContain('value="kept"')
  })

  test('who was slower overwrites nothing, by page and by API', async () => {
    const read = await server.api('GET', '/settings')
    const form = await typed({ serviceName: 'late' })
    await server.api('PUT', '/settings', { ...NOTHING, serviceName: 'first' })
    expect((await server.submit('/settings', form)).status).toBe(412)
    const put = await server.api('PUT', '/settings', NOTHING, { 'if-match': String(read.headers.etag) })
    expect([put.status, put.json().code]).toEqual([412, 'precondition-failed'])
    expect(await settings()).toMatchObject({ serviceName: 'first' })
  })

  test('all of it is needed by the API: nothing is set back by forgetting it', async () => {
    const answer = await server.api('PUT', '/settings', { serviceName: 'x' })
    expect(answer.json().errors).toEqual(
      ['/accents', '/support', '/footLine'].map((pointer) => ({ pointer, detail: expect.any(String) as string })),
    )
  })
})

describe('the style sheet of the accents', () => {
  test('has colours only, is kept for ever under its mark, and has another mark after each change', async () => {
    expect((await server.ask('/assets/brand.css')).status).toBe(404)
    await server.api('PUT', '/settings', BRANDING)
    const [, href = ''] = /href="(\/assets\/brand\.css\?v=\d+)"/.exec((await server.ask('/sign-in')).text) ?? []
    const css = await server.ask(href)
    expect([css.status, css.headers['content-type']]).toEqual([200, 'text/css; charset=utf-8'])
    expect(css.headers['cache-control']).toContain('immutable')
    expect(css.headers['x-content-type-options']).toBe('nosniff')
    expect(css.text).toContain('--accent:light-dark(#0b5e8a,#7cc4ee);')
    await server.api('PUT', '/settings', { ...BRANDING, accents: { light: '#7a1f5c', dark: '#f0a8d8' } })
    expect((await server.ask('/sign-in')).text).not.toContain(href)
    expect((await server.ask(href)).headers['cache-control']).toBe('no-cache')
  })
})

describe('the logo', () => {
  test('is sent as the image that it is, to everybody, and never as a document', async () => {
    expect((await server.ask('/assets/logo')).status).toBe(404)
    expect((await upload('/settings/logo', PNG)).status).toBe(303)
    const [, src = ''] = /src="(\/assets\/logo\?v=[0-9a-f]{12})"/.exec((await server.page('/settings')).text) ?? []
    const { status, headers } = await server.ask(src)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(PNG.length),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
      'cache-control': 'public, max-age=31536000, immutable',
    })
    expect((await server.ask('/assets/logo')).headers['cache-control']).toBe('no-cache')
    expect((await server.submit('/settings/logo/remove', {})).status).toBe(303)
    expect((await server.ask(src)).status).toBe(404)
  })

  test.each([
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'), 'image/svg+xml', 400],
    ['HTML that says that it is an image', Buffer.from('<script>alert(1)</script>'), 'image/png', 400],
    ['nothing', Buffer.alloc(0), 'image/png', 400],
    ['one byte too many', Buffer.concat([PNG, Buffer.alloc(LOGO_LIMIT_BYTES - PNG.length + 1)]), 'image/png', 400],
    ['far too much', Buffer.alloc(200_000), 'image/png', 413],
  ])('is refused where it is %s', async (_what, file, type, status) => {
    expect((await upload('/settings/logo', file, { type })).status).toBe(status)
    if (status === 400) {
      const put = await server.api('PUT', '/settings/logo', { logo: file.toString('base64') })
      expect([put.status, put.json().code]).toEqual([400, 'malformed-request'])
    }
    expect((await settings()).logo).toBeNull()
  })

  test.each([
    ['another field', () => upload('/settings/logo', PNG, { name: 'other' }), 400],
    ['a field of an object’s own', () => upload('/settings/logo', PNG, { name: '__proto__' }), 400],
    ['a form without files', () => server.submit('/settings/logo', { logo: 'x' }), 415],
    [
      'half of a form',
      () =>
        server.ask('/settings/logo', {
          method: 'POST',
          headers: { ...server.headers, origin: ORIGIN, 'content-type': 'multipart/form-data; boundary=x' },
          body: '--x\r\nContent-Disposition: form-data; name="lo',
        }),
      400,
    ],
    [
      'a form without a boundary',
      () =>
        server.ask('/settings/logo', {
          method: 'POST',
          headers: { ...server.headers, origin: ORIGIN, 'content-type': 'multipart/form-data' },
          body: 'x',
        }),
      400,
    ],
  ])('is refused as %s', async (_what, send, status) => {
    expect((await send()).status).toBe(status)
    expect((await settings()).logo).toBeNull()
  })
})

describe('maintenance', () => {
  const WORDS = 'we move <b>house</b>'
  afterEach(() => server.api('DELETE', '/maintenance'))
  const on = () => server.api('PUT', '/maintenance', { reason: WORDS })

  /** Which changes go on, in the words of the declarations: those that sign people in and out, and nothing else. */
  const GOES_ON = [
    ...['post /sign-in', 'post /sign-in/passkey', 'post /sign-in/code', 'post /sign-out'],
    ...['post /confirm', 'post /confirm/passkey', 'post /acting/stop', 'post /preferences'],
    ...['post /session', 'post /session/code', 'post /session/passkey-options', 'post /session/passkey'],
    ...['post /session/confirm-options', 'post /session/confirm', 'delete /session'],
  ]

  test('what goes on is signing in and out', () => {
    const { routes, pages } = declared(server.deps)
    const going = [
      ...pages.map(({ method, declaration: { path, goesOn } }) => ({ name: `${method} ${path}`, goesOn })),
      ...routes.map(({ declaration: { method, path, goesOn } }) => ({ name: `${method} ${path}`, goesOn })),
    ].filter(({ goesOn }) => goesOn)
    expect(going.map(({ name }) => name).toSorted()).toEqual(GOES_ON.toSorted())
  })

  test('refuses every change of a tenant’s people and programs with the operator’s words, and nothing is changed', async () => {
    await server.api('POST', '/tenants', { name: 'acme' })
    const [owner, program] = [
      await server.person({ roles: { acme: 'owner' } }),
      await server.program('acme', ['source-domains:write']),
    ]
    await on()
    const body = { name: 'im.example.com', mode: 'external' }
    for (const somebody of [owner, program]) {
      const answer = await somebody.api('POST', '/tenants/acme/source-domains', body)
      expect([answer.status, answer.json().code]).toEqual([503, 'maintenance'])
      expect(answer.json().detail).toContain(WORDS)
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
      expect((await somebody.api('GET', '/tenants/acme/source-domains')).json().items).toEqual([])
    }
    const answer = await owner.submit('/source-domains', { tenant: 'acme', ...body })
    expect([answer.status, Number(answer.headers['retry-after']) > 0]).toEqual([503, true])
    expect(answer.text).toContain('value="im.example.com"') // what was typed is not lost
    expect((await server.submit('/register', { tenant: 'new' })).status).toBe(400) // the operator may
    const stranger = await server.ask('/register', {
      method: 'POST',
      headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'tenant=new&email=a%40b.example&password=four+unrelated+paper+lanterns',
    })
    expect(stranger.status).toBe(503)
    expect(await server.storage.users.findByEmail('a@b.example')).toBeUndefined()
    expect((await owner.submit('/account/sessions/end-others', {})).status).toBe(503)
    await server.api('DELETE', '/maintenance')
    expect((await owner.api('POST', '/tenants/acme/source-domains', body)).status).toBe(201)
  })

  test('an Idempotency-Key is not spent by a refusal', async () => {
    await server.api('POST', '/tenants', { name: 'keyed' })
    const owner = await server.person({ roles: { keyed: 'owner' } })
    const post = () =>
      owner.api('POST', '/tenants/keyed/source-domains', { name: 'keyed.example' }, { 'idempotency-key': 'once' })
    await on()
    expect((await post()).status).toBe(503)
    await server.api('DELETE', '/maintenance')
    expect((await post()).status).toBe(201)
  })

  test('is said on every page in the operator’s own words, inert, and only operators are led to its end', async () => {
    await server.api('POST', '/tenants', { name: 'readers' })
    const viewer = await server.person({ roles: { readers: 'viewer' } })
    await on()
    for (const page of [
      await server.ask('/sign-in'),
      await viewer.page('/delegations'),
      await viewer.page('/nowhere'),
    ]) {
      expect(page.text).toContain('we move &lt;b>house&lt;/b>')
      expect(page.text).not.toContain('<b>house')
      expect(page.text).not.toContain('/settings#maintenance')
    }
    expect((await server.page('/delegations')).text).toContain('/settings#maintenance')
    await server.submit('/settings/maintenance/end', {})
    expect((await viewer.page('/delegations')).text).not.toContain('Maintenance.')
  })

  test('people sign in and out meanwhile, and operators change what they like', async () => {
    const email = 'operator@example.org'
    await server.api('POST', '/users', { email, isOperator: true, password: 'four unrelated paper lanterns' })
    await on()
    const form = { email, password: 'four unrelated paper lanterns', next: '/' }
    const signIn = await server.ask('/sign-in', {
      method: 'POST',
      headers: { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    })
    expect(signIn.status).toBe(303)
    const cookie = (signIn.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')
    const headers = { cookie, origin: ORIGIN, 'content-type': 'application/json' }
    const body = JSON.stringify({ name: 'meanwhile' })
    expect((await server.ask('/api/v1/tenants', { method: 'POST', headers, body })).status).toBe(201)
    expect(
      (await server.ask('/api/v1/session', { method: 'DELETE', headers: { ...headers, 'content-type': undefined } }))
        .status,
    ).toBe(204)
  })

  test('an operator who acts as a tenant is refused as its owner is, and may stop', async () => {
    await server.api('POST', '/tenants', { name: 'acted' })
    const operator = await server.person({ isOperator: true })
    await operator.submit('/tenants/acted/act', { reason: '' })
    await on()
    const add = () => operator.api('POST', '/tenants/acted/source-domains', { name: 'acted.example' })
    expect((await add()).status).toBe(503)
    expect((await operator.submit('/acting/stop', {})).status).toBe(303)
    expect((await add()).status).toBe(201)
  })

  test('whoever may not do a thing anyway is told that, and not to come again', async () => {
    const nobody = await server.person()
    await on()
    expect((await nobody.api('POST', '/tenants', { name: 'x' })).status).toBe(403)
    expect((await nobody.api('PUT', '/maintenance', { reason: 'x' })).status).toBe(403)
    expect((await nobody.api('DELETE', '/maintenance')).status).toBe(403)
    expect((await nobody.api('GET', '/maintenance')).json()).toMatchObject({ isOn: true, reason: WORDS })
  })

  test.each([
    ['no words', ''],
    ['spaces', '   '],
    ['two lines', 'a\nb'],
    ['a novel', 'x'.repeat(301)],
  ])('is not begun with %s', async (_what, reason) => {
    expect((await server.submit('/settings/maintenance', { reason })).status).toBe(400)
    expect((await server.api('PUT', '/maintenance', { reason })).status).toBe(400)
    expect((await server.api('GET', '/maintenance')).json()).toMatchObject({ isOn: false, reason: null })
  })

  test('is begun, reworded and ended by the page', async () => {
    for (const reason of ['first words', 'second words']) {
      expect((await server.submit('/settings/maintenance', { reason })).status).toBe(303)
      expect((await server.page('/settings')).text).toContain(`value="${reason}"`)
    }
    expect((await server.submit('/settings/maintenance/end', {})).status).toBe(303)
    expect((await server.api('GET', '/maintenance')).json()).toMatchObject({ isOn: false })
  })
})
