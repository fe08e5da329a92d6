import { createPrivateKey } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { ownPath } from '../../src/admin/pages/own-path.ts'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import { vectors } from '../support/vectors.ts'
import {
  adminServer,
  ORIGIN,
  readyToDelegate,
  selfSigned,
  type AdminServer,
  type Answer,
  type Somebody,
} from './admin-server.ts'
import { codeOf, PASSWORD } from './people.ts'
import { operatorsThings, pagePathOf, thingsOf, type Things } from './world.ts'

const LINES = vectors('pages-by-role.txt').map((line) => {
  const [method = '', path = '', access = '', ...marks] = line.split(/\s+/)
  return { method, path, access, isGrave: marks.includes('grave'), looksFurther: marks.includes('…') }
})
const ROLES = ['viewer', 'admin', 'owner', 'operator']

describe('every page', () => {
  let server: AdminServer
  let things: Things
  let operators: Partial<Things>
  let people: Record<string, Somebody>
  let stale: Record<string, Somebody>
  let rival: Somebody

  beforeAll(async () => {
    server = await adminServer()
    await server.signIn()
    things = await thingsOf(server, 'acme')
    operators = await operatorsThings(server)
    await thingsOf(server, 'rival')
    const all = async (kind: string) => ({
      viewer: await server.person({ email: `${kind}-viewer@example.org`, roles: { acme: 'viewer' } }),
      admin: await server.person({ email: `${kind}-admin@example.org`, roles: { acme: 'admin' } }),
      owner: await server.person({ email: `${kind}-owner@example.org`, roles: { acme: 'owner' } }),
      operator: await server.person({ email: `${kind}-operator@example.org`, isOperator: true }),
    })
    stale = await all('stale')
    server.clock.advance(FRESH_MS)
    people = await all('fresh')
    for (const [role, { user }] of Object.entries(people as Record<string, Somebody & { user: { id: string } }>)) {
      const passkey = { name: 'a key', publicKey: Buffer.of(1), counter: 0, transports: [] }
      await server.storage.passkeys.add({ id: `passkey-of-${role}`, userId: user.id, ...passkey }, server.act())
    }
    rival = await server.person({ email: 'rival-owner@example.org', roles: { rival: 'owner' } })
  })
  afterAll(() => server.close())

  const real = (path: string) => pagePathOf(path, things, operators)

  // A field that no form has: whoever may use the form is told so, and nothing is done
  const ask = (somebody: Somebody, method: string, path: string): Promise<Answer> =>
    method === 'get' ? somebody.page(path) : somebody.submit(path, { 'no-such-field': 'x' })

  test('stands in test/vectors/pages-by-role.txt as it is declared', () => {
    const declaredPages = declared(server.deps).pages.map(
      ({ method, declaration: { path, access, isGrave } }) => `${method} ${path} ${access}${isGrave ? ' grave' : ''}`,
    )
    const written = LINES.map(
      ({ method, path, access, isGrave }) => `${method} ${path} ${access}${isGrave ? ' grave' : ''}`,
    )
    expect(declaredPages.sort()).toEqual(written.sort())
  })

  const closed = LINES.filter(({ access }) => access !== 'public')

  test.each(closed)('$method $path leads a stranger to the sign-in', async ({ method, path }) => {
    const nobody: Somebody = { headers: {}, api: server.api, ...strangers(server) }
    const answer = await ask(nobody, method, real(path))
    expect(answer.status).toBe(303)
    expect(answer.headers.location).toMatch(/^\/sign-in(?:\?next=%2F|$)/)
  })

  test.each(closed)('$method $path is for $access', async ({ method, path, access, isGrave, looksFurther }) => {
    for (const [index, role] of ROLES.entries()) {
      const at = real(path).replace(things.ids['passkeys']!, `passkey-of-${role}`) // what is one's own alone
      const answer = await ask(people[role]!, method, at)
      const isAllowed = access === 'signed-in' || index >= ROLES.indexOf(access)
      if (!isAllowed) expect([role, answer.status]).toEqual([role, 403])
      else if (looksFurther)
        expect([role, [400, 403, 200, 415]]).toEqual([role, expect.arrayContaining([answer.status])])
      else if (method === 'post') expect([role, answer.status]).toEqual([role, 400])
      else {
        expect([role, [200, 303]]).toEqual([role, expect.arrayContaining([answer.status]) as number[]])
        expect(answer.headers.location ?? '').not.toMatch(/^\/(?:sign-in|confirm)/)
      }
      if (isGrave && isAllowed) {
        const asked = await ask(stale[role]!, method, at)
        expect([role, asked.status]).toEqual([role, 303])
        expect(asked.headers.location).toBe(`/confirm?${new URLSearchParams({ next: at }).toString()}`)
      }
    }
  })

  test.each(closed.filter(({ path }) => path.includes(':tenant')))(
    '$method $path of another tenant is not found',
    async ({ method, path }) => {
      const answer = await ask(rival, method, real(path))
      expect(answer.status).toBe(404)
      expect(answer.text).not.toContain(things.domain)
    },
  )

  test('shows each what is theirs, and offers only what they may do', async () => {
    const shown = async (role: string, path: string) => (await people[role]!.page(path)).text
    for (const path of ['/delegations', '/source-domains', '/certificates']) {
      expect((await rival.page(path)).text).not.toContain('acme')
      expect((await rival.page(`${path}?tenant=acme`)).status).toBe(404)
      expect((await rival.page(`${path}?tenant=nowhere`)).status).toBe(404)
      expect(await shown('viewer', path)).toContain('acme')
    }
    const own = `/tenants/acme/source-domains/${things.domain}`
    for (const [path, offer] of [
      ['/delegations', '/delegations/register'],
      ['/source-domains', '<form method="post" action="/source-domains/add"'],
      ['/certificates', '/certificates/import'],
      [own, `${own}/remove`],
      [`/tenants/acme/delegations/${things.ids['delegations']}`, '/withdraw"'],
      [`/tenants/acme/lineages/${things.lineage}`, '/activate"'],
    ] as const) {
      expect([path, (await shown('viewer', path)).includes(offer)]).toEqual([path, false])
      expect([path, (await shown('admin', path)).includes(offer)]).toEqual([path, true])
    }
    expect(await shown('admin', '/tenants/acme/members')).not.toContain('Invite somebody')
    expect(await shown('owner', '/tenants/acme/members')).toContain('Invite somebody')
    for (const area of ['/target-hosts', '/users', '/audit']) {
      expect(await shown('owner', '/delegations')).not.toContain(`href="${area}"`)
      expect(await shown('operator', '/delegations')).toContain(`href="${area}"`)
    }
    for (const path of ['/delegations/register', '/certificates/import'])
      expect((await people['viewer']!.page(path)).status).toBe(403)
  })

  test('never believes the tenant that a form names', async () => {
    const registration = {
      ...{ sourceDomain: things.domain, service: '_xmpp-client._tcp', targetHost: 'hosting.example.com' },
      ...{ lineage: things.lineage, tlsAnswer: 'redirect', poshAnswer: 'fingerprints', srvPort: '' },
    }
    const upload = { ...selfSigned(), lineage: 'smuggled', password: '', frontOf: '' }
    for (const [somebody, status] of [
      [rival, 404],
      [people['viewer']!, 403],
    ] as const) {
      const tries = [
        await somebody.submit('/source-domains', { tenant: 'acme', name: 'smuggled.example', mode: 'hosted' }),
        await somebody.submit('/delegations/register', { tenant: 'acme', ...registration }),
        await somebody.submit('/certificates/import', { owner: 'acme', ...upload }),
      ]
      expect(tries.map((answer) => answer.status)).toEqual([status, status, status])
      expect((await somebody.submit('/certificates/import', { owner: '', ...upload })).status).toBe(403)
    }
    // The tenant's own admin neither vouches nor gets at what is the operator's
    const admin = people['admin']!
    expect((await admin.submit('/certificates/import', { owner: '', ...upload })).status).toBe(403)
    const claim = { tenant: 'acme', name: 'smuggled.example', mode: 'hosted' }
    expect((await admin.submit('/source-domains', { ...claim, isVouched: 'yes' })).status).toBe(403)
    expect(await server.deps.sourceDomains.list('all', { limit: 9, search: 'smuggled' })).toEqual([])
    expect(await server.deps.lineages.list('all', { limit: 9, search: 'smuggled' })).toEqual([])
    expect((await admin.submit('/source-domains', claim)).status).toBe(303)
  })

  test('of a tenant that is suspended is shown to its members, who change nothing', async () => {
    const tenant = (await server.deps.tenants.findByName('rival'))!
    await server.deps.tenants.suspend(tenant.id, server.act())
    expect((await rival.page('/tenants/rival')).text).toContain('nothing of it is served')
    expect((await rival.page('/delegations')).text).toContain('Suspended')
    expect((await rival.page('/source-domains')).text).not.toContain('<form method="post" action="/source-domains/add"')
    const claim = { tenant: 'rival', name: 'late.example', mode: 'hosted' }
    expect((await rival.submit('/source-domains', claim)).status).toBe(403)
    expect((await server.submit('/tenants/rival/resume', {})).status).toBe(303)
    expect((await rival.submit('/source-domains', claim)).status).toBe(303)
  })

  test('lets a member leave, and only an owner remove another', async () => {
    const other = await server.person({ roles: { acme: 'viewer' } })
    const path = (id: string) => `/tenants/acme/members/${id}/remove`
    const leaver = await server.person({ roles: { acme: 'viewer' } })
    expect((await leaver.page(path(other.user.id))).status).toBe(403)
    expect((await leaver.submit(path(other.user.id), {})).status).toBe(403)
    expect((await leaver.page(path(leaver.user.id))).text).toContain('Leave acme?')
    expect((await leaver.submit(path(leaver.user.id), {})).headers.location).toBe('/tenants')
    expect((await leaver.page('/tenants/acme')).status).toBe(404)
    expect((await people['owner']!.submit(path(other.user.id), {})).status).toBe(303)
  })
})

/** As the signed-in operator of the machine. */
function page({ ask, cookie }: AdminServer, path: string): Promise<Answer> {
  return ask(path, { headers: { cookie: cookie() } })
}

function strangers({ ask }: AdminServer): Pick<Somebody, 'page' | 'submit'> {
  return {
    page: (path) => ask(path),
    submit: (path, fields) =>
      ask(path, {
        method: 'POST',
        headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields).toString(),
      }),
  }
}

describe('where a sign-in leads to', () => {
  test.each(['/tenants/acme', '/tenants/acme/audit?actor=x%20y', '/.well-known', '/a//b'])('%s: there', (next) =>
    expect(ownPath(next)).toBe(next),
  )
  test.each([
    ...['', '/', 'https://evil.example/', '//evil.example', '/\\evil.example', '\\\\evil.example', 'evil.example'],
    ...['/\t/evil.example', '/\n/evil.example', ' /x', '/x y', '/ü', 'javascript:alert(1)', '/\u0000'],
  ])('%j: to the start', (next) => expect(ownPath(next)).toBe('/overview'))
})

describe('people', () => {
  let server: AdminServer
  beforeAll(async () => {
    server = await adminServer()
    await server.signIn()
  })
  afterAll(() => server.close())

  /** A browser: it keeps cookies. */
  function browser() {
    let jar: Record<string, string> = {}
    const keep = (answer: Answer) => {
      for (const line of answer.headers['set-cookie'] ?? []) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        jar = { ...jar, [name]: value }
      }
      return answer
    }
    const headers = () => ({
      cookie: Object.entries(jar)
        .map(([name, value]) => `${name}=${value}`)
        .join('; '),
    })
    return {
      page: async (path: string) => keep(await server.ask(path, { headers: headers() })),
      submit: async (path: string, fields: Record<string, string>) =>
        keep(
          await server.ask(path, {
            method: 'POST',
            headers: {
              ...headers(),
              'sec-fetch-site': 'same-origin',
              'content-type': 'application/x-www-form-urlencoded',
            },
            body: new URLSearchParams(fields).toString(),
          }),
        ),
    }
  }

  const tokenOf = ({ text }: Answer) => /token=([A-Za-z0-9_-]{43})/.exec(text)![1]!

  test('the first operator makes an account, once, and signs in with it', async () => {
    expect((await server.submit('/tenants', { name: 'acme' })).status).toBe(303)
    const machine = browser()
    const { url } = await issueSignInLink({ ...server.deps, adminOrigin: ORIGIN }, server.act())
    await machine.submit('/sign-in', { token: new URL(url).searchParams.get('token')! })
    expect((await machine.page('/delegations')).text).toContain('href="/set-up"')
    const email = 'first@example.org'
    const wrong = await machine.submit('/set-up', { email, password: PASSWORD, repeated: 'another' })
    expect([wrong.status, /id="repeated-fault"/.test(wrong.text)]).toEqual([400, true])
    const weak = await machine.submit('/set-up', { email, password: 'password', repeated: 'password' })
    expect([weak.status, /id="password-fault"/.test(weak.text)]).toEqual([422, true])
    const done = await machine.submit('/set-up', { email, password: PASSWORD, repeated: PASSWORD })
    expect([done.status, done.headers.location]).toEqual([303, '/account'])
    const account = (await machine.page('/account')).text
    expect(account).toContain(email)
    expect(account).not.toContain('href="/set-up"')
    const again = { email: 'second@example.org', password: PASSWORD, repeated: PASSWORD }
    expect((await machine.submit('/set-up', again)).status).toBe(403)
    expect((await page(server, '/set-up')).status).toBe(403)
    expect((await server.submit('/set-up', again)).status).toBe(403)
    const elsewhere = browser()
    const signedIn = await elsewhere.submit('/sign-in', { email, password: PASSWORD, next: '/users' })
    expect([signedIn.status, signedIn.headers.location]).toEqual([303, '/users'])
    expect((await elsewhere.page('/users')).text).toContain(email)
  })

  test('sign in with password and code, or a recovery code, once each', async () => {
    await server.deps.accounts.create(
      { userId: null, token: null },
      { email: 'totp@example.org', isOperator: false, password: PASSWORD },
      server.act(),
    )
    const own = browser()
    await own.submit('/sign-in', { email: 'totp@example.org', password: PASSWORD })
    const shown = await own.submit('/account/second-factor', {})
    const [, secret] = /name="secret" value="([A-Z2-7]+)"/.exec(shown.text)!
    const qrCode = ({ text }: Answer) => /<svg class="qr"[^>]*role="img"[^]*?<\/svg>/.exec(text)?.[0]
    expect(qrCode(shown)).toBeDefined()
    const given = { secret: secret! }
    for (const code of ['000000', '']) {
      const wrong = await own.submit('/account/second-factor/confirm', { ...given, code })
      expect([wrong.status, /id="code-fault"/.test(wrong.text)]).toEqual([code === '' ? 400 : 401, true])
      expect(wrong.text).toContain(secret)
      expect(qrCode(wrong)).toBe(qrCode(shown)) // with the name that the app was shown first
    }
    const forged = await own.submit('/account/second-factor/confirm', { secret: '<b>', code: '000000' })
    expect([forged.status, qrCode(forged)]).toEqual([400, undefined])
    server.clock.advance(FRESH_MS)
    const later = await own.submit('/account/second-factor/confirm', { secret: 'A'.repeat(32), code: '000000' })
    expect(later.text).not.toContain(secret) // shown once, and brought back by the form alone
    const confirmed = await own.submit('/account/second-factor/confirm', {
      ...given,
      code: codeOf(secret!, server.clock.now()),
    })
    const codes = [...confirmed.text.matchAll(/<li><code>([^<]+)<\/code>/g)].map(([, code]) => code!)
    expect(codes.length).toBeGreaterThanOrEqual(8)
    await own.submit('/confirm', { password: PASSWORD, code: codes[1]! })
    expect((await own.page('/account/second-factor')).text).not.toContain(codes[0])
    const again = await own.submit('/account/second-factor/confirm', { ...given, code: '000000' })
    expect([again.status, again.text.includes(secret!), again.text.includes('New recovery codes')]).toEqual([
      ...[404, false, true],
    ])

    for (const code of [codes[0]!, 'next']) {
      server.clock.advance(30_000)
      const other = browser()
      const first = await other.submit('/sign-in', { email: 'totp@example.org', password: PASSWORD, next: '/account' })
      expect(first.headers.location).toBe('/sign-in/code?next=%2Faccount')
      // Half signed in opens nothing
      expect((await other.page('/account')).headers.location).toMatch(/^\/sign-in/)
      expect((await other.page('/sign-in/code')).text).toContain('name="code"')
      const refused = await other.submit('/sign-in/code', { code: '12 34 56' })
      expect([refused.status, refused.text.includes('12 34 56')]).toEqual([401, false])
      const typed = code === 'next' ? codeOf(secret!, server.clock.now()) : code
      const second = await other.submit('/sign-in/code', { code: typed, next: '/account' })
      expect([code, second.status, second.headers.location]).toEqual([code, 303, '/account'])
      expect((await other.page('/account')).status).toBe(200)
    }
    const thief = browser()
    await thief.submit('/sign-in', { email: 'totp@example.org', password: PASSWORD })
    expect((await thief.submit('/sign-in/code', { code: codes[0]! })).status).toBe(401)
  })

  test('confirm that it is them before what is grave, and come back to it', async () => {
    await server.deps.accounts.create(
      { userId: null, token: null },
      { email: 'op@example.org', isOperator: true, password: PASSWORD },
      server.act(),
    )
    const own = browser()
    await own.submit('/sign-in', { email: 'op@example.org', password: PASSWORD })
    server.clock.advance(FRESH_MS)
    const led = await own.page('/tenants/acme/remove')
    expect(led.headers.location).toBe('/confirm?next=%2Ftenants%2Facme%2Fremove')
    expect((await own.page(led.headers.location!)).text).toContain('name="password"')
    expect((await own.submit('/confirm', { password: 'wrong', next: '/tenants/acme/remove' })).status).toBe(401)
    const confirmed = await own.submit('/confirm', { password: PASSWORD, next: '/tenants/acme/remove' })
    expect(confirmed.headers.location).toBe('/tenants/acme/remove')
    expect((await own.page('/tenants/acme/remove')).text).toContain('Remove the tenant acme?')
  })

  test('are invited, choose a password, and see their own tenant only', async () => {
    await server.submit('/tenants', { name: 'rival' })
    const owner = await server.person({ roles: { acme: 'owner' } })
    const invited = await owner.submit('/tenants/acme/invitations', { email: 'new@example.org', role: 'admin' })
    expect(invited.status).toBe(200)
    expect((await owner.page('/tenants/acme/members')).text).toContain('new@example.org')
    const token = tokenOf(invited)
    const own = browser()
    for (let preview = 0; preview < 2; preview++)
      expect((await own.page(`/invitation?token=${token}`)).text).toContain('to the tenant acme, as Admin')
    const accepted = await own.submit('/invitation', { token, password: PASSWORD, repeated: PASSWORD })
    expect([accepted.status, accepted.headers.location]).toEqual([303, '/tenants/acme'])
    // Told where it stands, with the way to what it asks for
    const welcome = (await own.page('/tenants/acme')).text
    expect(welcome).toContain('You are a member of acme now.')
    expect(welcome).toContain('<a href="/account#second-factor">Add a second factor</a>')
    expect((await own.page('/tenants')).headers.location).toBe('/tenants/acme')
    expect((await own.page('/tenants/rival')).status).toBe(404)
    expect((await own.page(`/invitation?token=${token}`)).status).toBe(410)
    expect((await own.submit('/invitation', { token, password: PASSWORD, repeated: PASSWORD })).status).toBe(410)

    const second = await server.person({ roles: { rival: 'owner' } })
    const again = tokenOf(
      await second.submit('/tenants/rival/invitations', { email: 'new@example.org', role: 'viewer' }),
    )
    expect((await browser().page(`/invitation?token=${again}`)).text).toContain('Sign in with it to accept')
    expect((await own.submit('/invitation', { token: again })).headers.location).toBe('/tenants/rival')
    expect((await own.page('/source-domains')).text).toContain('<select id="chosen-tenant" name="tenant">')
  })

  test('who is signed in accepts an invitation as who they are, and nobody is left signed in twice', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const invite = async (email: string) =>
      tokenOf(await owner.submit('/tenants/acme/invitations', { email, role: 'viewer' }))
    const cookieIn = ({ headers }: Answer) => /__Host-session=[A-Za-z0-9_-]+/.exec(String(headers['set-cookie']))?.[0]
    const sessionsOf = async (email: string) =>
      server.deps.sessions.list((await server.deps.users.findByEmail(email))!.id, server.clock.now())

    const machine = browser()
    const { url } = await issueSignInLink({ ...server.deps, adminOrigin: ORIGIN }, server.act())
    const signedIn = await machine.submit('/sign-in', { token: new URL(url).searchParams.get('token')! })
    const token = await invite('from-machine@example.org')
    const accepted = await machine.submit('/invitation', { token, password: PASSWORD, repeated: PASSWORD })
    expect([accepted.status, cookieIn(accepted) === cookieIn(signedIn)]).toEqual([303, false])
    const formerly = await server.ask('/account', { headers: { cookie: cookieIn(signedIn)! } })
    expect(formerly.headers.location).toMatch(/^\/sign-in/)

    const invited = await server.person({ email: 'has-account@example.org' })
    const again = await invite('has-account@example.org')
    const typed = { token: again, password: 'wrong', repeated: 'another' } // as a password manager may fill it in
    const joined = await invited.submit('/invitation', typed)
    expect([joined.status, joined.headers.location, cookieIn(joined)]).toEqual([303, '/tenants/acme', undefined])
    expect(await sessionsOf('has-account@example.org')).toHaveLength(1)

    const other = await server.person({ email: 'somebody-else@example.org' })
    for (const email of ['new-one@example.org', owner.user.email]) {
      const theirs =
        email === owner.user.email
          ? tokenOf(
              await (
                await server.person({ roles: { rival: 'owner' } })
              ).submit('/tenants/rival/invitations', { email, role: 'viewer' }),
            )
          : await invite(email)
      for (const answer of [
        await other.page(`/invitation?token=${theirs}`),
        await other.submit('/invitation', { token: theirs, password: PASSWORD, repeated: PASSWORD }),
      ]) {
        expect(answer.text).toContain(
          `You are signed in as somebody-else@example.org, and the invitation is for ${email}`,
        )
        expect(answer.text).not.toContain('action="/invitation"')
        expect(answer.text).toContain(`name="next" value="/invitation?token=${theirs}"`)
      }
    }
    const led = await other.submit('/sign-out', { next: '/invitation?token=x' })
    expect(led.headers.location).toBe('/invitation?token=x')
  })

  test('register a tenant where the operator allows it', async () => {
    const own = browser()
    expect((await own.page('/sign-in')).text).toContain('href="/register"')
    const given = { tenant: 'newcomer', email: 'newcomer@example.org', password: PASSWORD, repeated: PASSWORD }
    expect((await own.submit('/register', given)).headers.location).toBe('/sign-in')
    const { email, password } = given
    await own.submit('/sign-in', { email, password })
    const { location } = (await own.page('/tenants')).headers
    expect(location).toMatch(/^\/tenants\/newcomer-[a-z2-7]{4}$/)
    expect((await own.page(location!)).text).toContain('Owner')

    const config = { ...server.deps.config, tenants: { ...server.deps.config.tenants, self_registration: false } }
    const closed = await adminServer({ config })
    expect((await closed.ask('/sign-in')).text).not.toContain('href="/register"')
    expect((await closed.ask('/register')).status).toBe(403)
    expect((await strangers(closed).submit('/register', given)).status).toBe(403)
    await closed.close()
  })

  test('get a link for a new password from the operator', async () => {
    const { user } = await server.deps.accounts.create(
      { userId: null, token: null },
      { email: 'forgetful@example.org', isOperator: false, password: PASSWORD },
      server.act(),
    )
    await server.signIn() // fresh
    const token = tokenOf(await server.submit(`/users/${user.id}/password-link`, {}))
    const own = browser()
    expect((await own.page(`/password?token=${token}`)).text).toContain('forgetful@example.org')
    const password = 'five other paper lanterns'
    expect((await own.submit('/password', { token, password, repeated: password })).headers.location).toBe('/sign-in')
    expect((await own.page(`/password?token=${token}`)).status).toBe(410)
    expect((await own.submit('/sign-in', { email: 'forgetful@example.org', password: PASSWORD })).status).toBe(401)
    expect((await own.submit('/sign-in', { email: 'forgetful@example.org', password })).status).toBe(303)
  })

  test('who have lost their second factor have it removed by the operator, on the page or by the API', async () => {
    await server.signIn() // fresh
    for (const remove of [
      async (id: string) => (await server.submit(`/users/${id}/second-factors`, {})).status,
      async (id: string) => (await server.api('DELETE', `/users/${id}/second-factors`)).status,
    ]) {
      const { user } = await server.person()
      await server.storage.users.setTotp(user.id, Buffer.from('twenty bytes of secret'), server.act())
      await server.storage.users.confirmTotp(user.id, 1, [], server.act())
      expect((await server.page(`/users/${user.id}`)).text).toContain(`/users/${user.id}/second-factors`)
      expect([204, 303]).toContain(await remove(user.id))
      expect(await server.storage.users.find(user.id)).toMatchObject({ hasTotp: false, passkeys: 0 })
      expect((await server.page(`/users/${user.id}`)).text).not.toContain('/second-factors')
    }
  })

  test('see where they are signed in, and end what they do not know', async () => {
    await server.deps.accounts.create(
      { userId: null, token: null },
      { email: 'two@example.org', isOperator: false, password: PASSWORD },
      server.act(),
    )
    const [here, there] = [browser(), browser()]
    const given = { email: 'two@example.org', password: PASSWORD }
    await here.submit('/sign-in', given)
    await there.submit('/sign-in', given)
    const ids = [...(await here.page('/account')).text.matchAll(/sessions\/([0-9a-f-]{36})\/rename/g)].map(
      ([, id]) => id!,
    )
    expect(ids).toHaveLength(2)
    await here.submit(`/account/sessions/${ids[0]!}/rename`, { name: '<b>my laptop</b>' })
    expect((await here.page('/account')).text).toContain('&lt;b>my laptop')
    expect((await here.submit('/account/sessions/end-others', {})).status).toBe(303)
    expect((await there.page('/account')).headers.location).toMatch(/^\/sign-in/)
    const stranger = await server.person()
    expect((await stranger.submit(`/account/sessions/${ids[1]!}/end`, {})).status).toBe(404)
    expect((await here.page('/account')).status).toBe(200)
    await there.submit('/sign-in', given)
    const wrong = { present: 'wrong', password: 'five other paper lanterns', repeated: 'five other paper lanterns' }
    const refused = await here.submit('/account/password', wrong)
    expect([refused.status, /id="present-fault"/.test(refused.text)]).toEqual([401, true])
    expect((await here.submit('/account/password', { ...wrong, present: PASSWORD })).status).toBe(303)
    expect((await there.page('/account')).headers.location).toMatch(/^\/sign-in/)
    expect((await here.page('/account')).status).toBe(200)
  })

  test('T25: no password, code or passphrase is ever sent back', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const secret = 'hunter2-hunter2-hunter2'
    for (const [path, fields] of [
      ['/sign-in', { email: 'x@example.org', password: secret }],
      ['/set-up', { email: 'x', password: secret, repeated: 'other' }],
      ['/confirm', { password: secret, code: secret }],
      ['/account/password', { present: secret, password: secret, repeated: 'other' }],
      ['/register', { tenant: 'X', email: 'x', password: secret, repeated: 'other' }],
      ['/sign-in/code', { code: secret }],
    ] as const) {
      const answer = await owner.submit(path, fields)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect([path, answer.text.includes(secret)]).toEqual([path, false])
    }
  })

  test('issue an API token, whose secret is shown once, rotate and revoke it', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const given = { name: 'deploy', addresses: '127.0.0.0/8, ::1', lives: '90', 'delegations:read': 'yes' }
    const none = await owner.submit('/tenants/acme/tokens', { name: 'none', addresses: '', lives: '90' })
    expect(none.status).toBeGreaterThanOrEqual(400)
    const issued = await owner.submit('/tenants/acme/tokens', given)
    const secretIn = ({ text }: Answer) => /<code>(wp_[^<]+)<\/code>/.exec(text)![1]!
    const secret = secretIn(issued)
    const status = async (secret: string) =>
      (await server.ask('/api/v1/tenants/acme/delegations', { headers: { authorization: `Bearer ${secret}` } })).status
    expect(await status(secret)).toBe(200)
    const list = (await owner.page('/tenants/acme/tokens')).text
    expect(list).toContain('127.0.0.0/8')
    expect(list).not.toContain(secret)
    const [, id] = /tokens\/([0-9a-f-]{36})\/rotate/.exec(list)!
    const rotated = await owner.submit(`/tenants/acme/tokens/${id!}/rotate`, { overlap: '0' })
    expect([await status(secret), await status(secretIn(rotated))]).toEqual([401, 200])
    expect((await owner.submit(`/tenants/acme/tokens/${id!}/revoke`, {})).status).toBe(303)
    expect(await status(secretIn(rotated))).toBe(401)
  })

  test('read what was done, before and after, by what they ask for', async () => {
    const owner = await server.person({ email: 'reader@example.org', roles: { acme: 'owner' } })
    await owner.submit('/source-domains', { tenant: 'acme', name: 'read.example', mode: 'hosted' })
    await owner.submit('/tenants/acme/source-domains/read.example/mode', { mode: 'external' })
    const all = (await owner.page('/tenants/acme/audit?subject=read.example')).text
    expect(all).toMatch(/<del>[^]*hosted[^]*<\/del>[^]*<ins>[^]*external/)
    const other = (await owner.page('/tenants/acme/audit?actor=nobody&from=2020-01-01&until=2020-01-02&action=')).text
    expect(other).toContain('Nothing was done')
    expect((await owner.page('/tenants/acme/audit?from=yesterday')).status).toBe(400)
    const [, path] = /href="(\/api\/v1\/tenants\/acme\/audit\/export\?format=csv[^"]*)"/.exec(all)!
    const exported = await server.ask(path!.replaceAll('&amp;', '&'), { headers: owner.headers })
    expect([exported.status, exported.text.includes('read.example')]).toEqual([200, true])
  })

  test('change what a tenant may have, and who was slower is told', async () => {
    const etag = async () => /name="etag" value="([^"]+)"/.exec((await page(server, '/tenants/acme')).text)![1]!
    const given = { sourceDomains: '5', delegations: '', lineages: '2', etag: (await etag()).replaceAll('&quot;', '"') }
    expect((await server.submit('/tenants/acme/quotas', given)).status).toBe(303)
    expect((await page(server, '/tenants/acme')).text).toMatch(/of 5/)
    const slower = await server.submit('/tenants/acme/quotas', { ...given, sourceDomains: '7', lineages: '9' })
    expect([slower.status, slower.text.includes('Somebody changed it in the meantime')]).toEqual([412, true])
    expect(slower.text).toMatch(/name="sourceDomains"[^>]*value="5"|value="5"[^>]*name="sourceDomains"/) // as it is now
    expect(slower.text).not.toContain('value="9"')
    await server.submit('/tenants/acme/quotas', {
      ...given,
      lineages: '',
      etag: (await etag()).replaceAll('&quot;', '"'),
    })
  })
})

describe('what is removed, forced or taken out', () => {
  let server: AdminServer
  beforeAll(async () => {
    server = await adminServer()
    await server.signIn()
    await readyToDelegate(server)
  })
  afterAll(() => server.close())

  test('a private key leaves encrypted under the passphrase, and the audit trail says so', async () => {
    const { certificate, privateKey } = selfSigned()
    await server.submit('/certificates/import', {
      ...{ certificate, privateKey, owner: 'acme', lineage: 'with key', password: '', frontOf: '' },
    })
    const owner = await server.person({ roles: { acme: 'owner' } })
    const shown = (await owner.page('/tenants/acme/lineages/with%20key')).text
    const [, path] = /href="(\/tenants\/acme\/lineages\/with%20key\/certificates\/[0-9a-f-]+\/key)"/.exec(shown)!
    const exports = async () =>
      (await server.deps.audit.list('all', { limit: 9, subject: 'with key' })).filter(({ action }) =>
        /export/.test(action),
      )
    for (const wrong of [
      { passphrase: 'short', repeated: 'short' },
      { passphrase: 'long enough for it', repeated: 'another' },
    ])
      expect((await owner.submit(path!, wrong)).status).toBe(400)
    expect(await exports()).toEqual([])
    const passphrase = 'correct horse battery'
    const file = await owner.submit(path!, { passphrase, repeated: passphrase })
    expect(file.status).toBe(200)
    expect(file.headers['content-disposition']).toBe('attachment; filename="with_key.key"')
    expect(file.headers['cache-control']).toBe('no-store')
    expect(file.text).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    const opened = createPrivateKey({ key: file.text, passphrase })
    expect(opened.equals(createPrivateKey(privateKey))).toBe(true)
    expect(() => createPrivateKey({ key: file.text, passphrase: 'wrong passphrase' })).toThrow()
    expect(await exports()).toMatchObject([{ actor: owner.user.email }])
  })

  test('a certificate that caches may not know is activated by force only, after a warning', async () => {
    const upload = () => ({ ...selfSigned(), owner: 'acme', lineage: 'rolling', password: '', frontOf: '' })
    const { deps, submit } = server
    const tenant = (await deps.tenants.findByName('acme'))!
    await submit('/certificates/import', upload())
    await submit('/source-domains', { tenant: 'acme', name: 'roll.example', mode: 'hosted', isVouched: 'yes' })
    await submit('/delegations/register', {
      ...{ tenant: 'acme', sourceDomain: 'roll.example', service: '_xmpp-server._tcp', srvPort: '' },
      ...{ targetHost: 'hosting.example.com', lineage: 'rolling', tlsAnswer: 'redirect', poshAnswer: 'fingerprints' },
    })
    await submit('/certificates/import', upload())
    const path = /href="(\/tenants\/acme\/lineages\/rolling\/certificates\/[0-9a-f-]+\/activate)"/.exec(
      (await page(server, '/tenants/acme/lineages/rolling')).text,
    )![1]!
    expect((await page(server, path)).text).toContain('Activate it at once nevertheless')
    expect((await submit(path, {})).status).toBe(409)
    expect((await submit(path, { isForced: 'yes' })).status).toBe(303)
    const { certificates } = (await deps.lineages.findByName(tenant.id, 'rolling'))!
    expect(certificates.filter(({ supersededAt }) => supersededAt !== null)).toHaveLength(1)

    const inUse = await submit('/tenants/acme/lineages/rolling/remove', {})
    expect([inUse.status, inUse.text.includes('Remove the lineage rolling?')]).toEqual([409, true])
    expect((await submit('/target-hosts/hosting.example.com/remove', {})).status).toBe(409)
    expect((await page(server, '/tenants/acme/source-domains/roll.example/remove')).text).toContain('roll.example')
    expect((await submit('/tenants/acme/source-domains/roll.example/remove', {})).status).toBe(303)
    expect((await submit('/tenants/acme/lineages/rolling/remove', {})).status).toBe(303)
    expect((await submit('/target-hosts/hosting.example.com/remove', {})).status).toBe(303)
  })

  test('a vouch is withdrawn, host-meta set and switched off, a front certificate imported', async () => {
    const path = '/tenants/acme/source-domains/im.example.com'
    const { submit, deps } = server
    const domain = async () => (await deps.sourceDomains.list('all', { limit: 1, search: 'im.example.com' }))[0]!
    const hostMeta = { links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://im.example.com/ws' }] }
    expect((await submit(`${path}/host-meta`, { hostMeta: JSON.stringify(hostMeta) })).status).toBe(303)
    expect((await domain()).hostMeta).toMatchObject(hostMeta)
    for (const wrong of ['{', '[]', '{"links": [{"rel": "x", "href": "http://x"}]}']) {
      const answer = await submit(`${path}/host-meta`, { hostMeta: wrong })
      expect([wrong, answer.status, /id="hostMeta-fault"/.test(answer.text)]).toEqual([wrong, 400, true])
    }
    expect((await submit(`${path}/host-meta`, { hostMeta: '' })).status).toBe(303)
    expect((await domain()).hostMeta).toBeNull()

    const front = { ...selfSigned({ dnsNames: ['im.example.com'] }), owner: 'acme', lineage: '', password: '' }
    const none = await submit('/certificates/import', { ...front, frontOf: 'other.example.com' })
    expect([none.status, /id="frontOf-fault"/.test(none.text)]).toEqual([404, true])
    expect((await submit('/certificates/import', { ...front, frontOf: 'im.example.com' })).status).toBe(303)
    expect((await domain()).frontLineageId).not.toBeNull()

    expect((await page(server, `${path}/withdraw-vouch`)).text).toContain('Vouch for im.example.com no longer?')
    expect((await submit(`${path}/withdraw-vouch`, {})).status).toBe(303)
    expect((await domain()).proof).toBeNull()
  })
})
