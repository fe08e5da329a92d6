import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { texts } from '../../src/admin/pages/texts.ts'
import { wayBack } from '../../src/admin/pages/way-back.ts'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { adminServer, type AdminServer, type Answer, type Somebody } from './admin-server.ts'
import { PASSWORD } from './people.ts'
import { operatorsThings, thingsOf, type Things } from './world.ts'

let server: AdminServer
let acme: Things
let operators: Partial<Things>
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  acme = await thingsOf(server, 'acme')
  operators = await operatorsThings(server)
  await thingsOf(server, 'rival')
})
afterAll(() => server.close())

const titleOf = ({ text }: Answer) => /<title>([^<]*)<\/title>/.exec(text)?.[1]
const currentArea = ({ text }: Answer) => /<a href="\/([a-z-]+)" aria-current="page"/.exec(text)?.[1]
const membersOf = async (tenant: string) => {
  const { id } = (await server.deps.tenants.findByName(tenant))!
  return { tenantId: id, list: await server.deps.members.list(id, { limit: 100 }) }
}

/** Who signed in too long ago for what is grave. */
async function stale(is: Parameters<AdminServer['person']>[0]) {
  const somebody = await server.person(is)
  server.clock.advance(FRESH_MS)
  return somebody
}

describe('what hands out rights is asked for anew, and stays filled in', () => {
  const link = (next: string) => `<a href="/confirm?next=${encodeURIComponent(next)}" target="_blank">`

  test('issuing an API token', async () => {
    const owner = await stale({ roles: { acme: 'owner' } })
    const typed = { name: 'kept name', addresses: '192.0.2.7', lives: '30', 'audit:read': 'yes' }
    const answer = await owner.submit('/tenants/acme/tokens', typed)
    expect(answer.status).toBe(403)
    expect(answer.text).toContain(link('/tenants/acme/tokens'))
    expect(answer.text).toContain('value="kept name"')
    expect(answer.text).toMatch(/name="audit:read" value="yes" checked/)
    const operator = await stale({ isOperator: true })
    expect((await operator.submit('/operator/tokens', typed)).status).toBe(403)
    const { tenantId } = await membersOf('acme')
    for (const whose of [tenantId, null])
      expect(await server.deps.tokens.list(whose, { limit: 9, search: 'kept' })).toEqual([])
  })

  test('inviting an owner, but not a viewer', async () => {
    const owner = await stale({ roles: { acme: 'owner' } })
    const typed = { email: 'kept@example.org', role: 'owner' }
    const answer = await owner.submit('/tenants/acme/invitations', typed)
    expect(answer.status).toBe(403)
    expect(answer.text).toContain(link('/tenants/acme/members'))
    expect(answer.text).toContain('value="kept@example.org"')
    expect((await owner.submit('/tenants/acme/invitations', { ...typed, role: 'viewer' })).status).toBe(200)
  })

  test('making a member an owner, but not an admin; another role ends their sessions', async () => {
    const member = await server.person({ email: 'riser@example.org', roles: { acme: 'viewer' } })
    const owner = await stale({ roles: { acme: 'owner' } })
    const path = `/tenants/acme/members/${member.user.id}/role`
    const etag = async () =>
      new RegExp(`action="${path}"[^>]*><input type="hidden" name="etag" value="([^"]+)"`)
        .exec((await owner.page('/tenants/acme/members?search=riser')).text)![1]!
        .replaceAll('&quot;', '"')
    const refused = await owner.submit(path, { role: 'owner', etag: await etag() })
    expect([refused.status, refused.text.includes(link('/tenants/acme/members'))]).toEqual([403, true])
    expect((await member.page('/tenants/acme')).status).toBe(200)
    expect((await owner.submit(path, { role: 'admin', etag: await etag() })).status).toBe(303)
    expect((await member.page('/tenants/acme')).headers.location).toMatch(/^\/sign-in/)
    expect(await server.deps.members.find((await membersOf('acme')).tenantId, member.user.id)).toMatchObject({
      role: 'admin',
    })
  })

  test('making an account an operator’s', async () => {
    const operator = await stale({ isOperator: true })
    const typed = { email: 'kept-too@example.org', isOperator: 'yes' }
    const answer = await operator.submit('/users', typed)
    expect([answer.status, answer.text.includes(link('/users'))]).toEqual([403, true])
    expect(answer.text).toContain('value="kept-too@example.org"')
    expect(await server.deps.users.findByEmail(typed.email)).toBeUndefined()
  })

  test('who is removed from a tenant is signed out', async () => {
    const member = await server.person({ roles: { acme: 'viewer' } })
    const owner = await server.person({ roles: { acme: 'owner' } })
    expect((await owner.submit(`/tenants/acme/members/${member.user.id}/remove`, {})).status).toBe(303)
    expect((await member.page('/account')).headers.location).toMatch(/^\/sign-in/)
  })
})

describe('confirming', () => {
  test.each([
    ['/users', '/users'],
    ['/audit?actor=x', '/audit?actor=x'],
    ['/users/1/remove', '/users/1'],
    ['/account/passkeys', '/account'],
    ['/account/passkeys/x/remove', '/account'],
    ['/tenants/acme/tokens/1/rotate', '/tenants/acme/tokens'],
    ['/tenants/acme/lineages/a%20b/certificates/1/key', '/tenants/acme/lineages/a%20b'],
    ['/nowhere', '/overview'],
  ])('of %s is thought better of: back to %s', (next, back) =>
    expect(wayBack(next, declared(server.deps).pages)).toBe(back),
  )

  test('has a way back and a word on JavaScript, whatever one confirms by', async () => {
    const onlyPasskey = await server.person({ isOperator: true })
    const passkey = { name: 'a key', publicKey: Buffer.of(1), counter: 0, transports: [] }
    await server.storage.passkeys.add({ id: 'only', userId: onlyPasskey.user.id, ...passkey }, server.act())
    const { headers } = server
    for (const somebody of [onlyPasskey, { headers, page: server.page }]) {
      const { text } = await somebody.page('/confirm?next=%2Fusers')
      expect(text).toContain('<a href="/users">Cancel</a>')
      expect(text.includes('data-without-passkey')).toBe(somebody === onlyPasskey)
    }
    expect((await onlyPasskey.page('/confirm')).text).toContain('A passkey needs JavaScript')
  })

  test('by somebody else keeps where the sign-in leads to', async () => {
    const { user } = await server.deps.accounts.create(
      { userId: null, token: null },
      { email: 'half@example.org', isOperator: false, password: PASSWORD },
      server.act(),
    )
    const passkey = { name: 'a key', publicKey: Buffer.of(1), counter: 0, transports: [] }
    await server.storage.passkeys.add({ id: 'half', userId: user.id, ...passkey }, server.act())
    const half = await server.ask('/sign-in', {
      method: 'POST',
      headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ email: user.email, password: PASSWORD, next: '/tenants' }).toString(),
    })
    const cookie = half.headers['set-cookie']![0]!.split(';')[0]!
    const { text } = await server.ask(half.headers.location!, { headers: { cookie } })
    expect(text).toContain('<a href="/sign-in?next=%2Ftenants">Sign in as somebody else</a>')
  })
})

describe('what is offered', () => {
  test('in a suspended tenant: nothing that its members would be refused', async () => {
    const { deps, act, person, page } = server
    await server.submit('/tenants', { name: 'asleep' })
    const owner = await person({ roles: { asleep: 'owner' } })
    await person({ roles: { asleep: 'owner' } })
    const tenant = (await deps.tenants.findByName('asleep'))!
    const token = { tenantId: tenant.id, name: 'a token', scopes: ['audit:read' as const], addresses: null }
    await server.storage.tokens.add('hash of asleep', { ...token, expiresAt: null, createdById: null }, act())
    const offers = async (somebody: Pick<Somebody, 'page'>) => {
      const [tokens, members] = [
        (await somebody.page('/tenants/asleep/tokens')).text,
        (await somebody.page('/tenants/asleep/members')).text,
      ]
      return [
        ...['/rotate"', '/revoke"', 'method="post" action="/tenants/asleep/tokens"'].map((offer) =>
          tokens.includes(offer),
        ),
        members.includes('>Leave'),
      ]
    }
    expect(await offers(owner)).toEqual([true, true, true, true])
    await deps.tenants.suspend(tenant.id, act())
    expect(await offers(owner)).toEqual([false, false, false, false])
    expect(await offers({ page })).toEqual([true, true, true, false])
  })

  test('beside a list: a form for the tenant that it shows, where that may be changed', async () => {
    const somebody = await server.person({ roles: { acme: 'admin', rival: 'viewer' } })
    await server.submit('/tenants', { name: 'third' })
    const both = await server.person({ roles: { acme: 'admin', rival: 'viewer', third: 'owner' } })
    const form = async (who: Somebody, tenant: string) =>
      (await who.page(`/source-domains?tenant=${tenant}`)).text.includes(
        '<form method="post" action="/source-domains/add"',
      )
    expect([await form(somebody, 'acme'), await form(somebody, 'rival')]).toEqual([true, false])
    for (const tenant of ['acme', 'third']) {
      const { text } = await both.page(`/source-domains?tenant=${tenant}`)
      expect(text).toMatch(new RegExp(`name="tenant"[^>]*required[^>]*>[^]*<option value="${tenant}" selected`))
    }
    const links = async (tenant: string) => {
      const register = (await somebody.page(`/delegations?tenant=${tenant}`)).text
      const upload = (await somebody.page(`/certificates?tenant=${tenant}`)).text
      return [register.includes('href="/delegations/register"'), upload.includes('href="/certificates/import"')]
    }
    expect([await links('acme'), await links('rival')]).toEqual([
      [true, true],
      [false, false],
    ])
  })

  test('to a viewer: no word of importing where there is nothing', async () => {
    await server.submit('/tenants', { name: 'bare' })
    const viewer = await server.person({ roles: { bare: 'viewer' } })
    const admin = await server.person({ roles: { bare: 'admin' } })
    expect((await viewer.page('/certificates')).text).not.toMatch(/Import the certificate/)
    expect((await admin.page('/certificates')).text).toMatch(/Import the certificate/)
  })

  test('to who came by a link: no passkey, and the way to an account', async () => {
    const { page, submit } = server
    await server.signIn()
    const account = (await page('/account')).text
    expect(account).not.toContain('/account/passkeys')
    expect(account).not.toContain('change your password')
    for (const answer of [
      await page('/account/passkeys'),
      await page('/account/second-factor'),
      await page('/account/passkeys/x/remove'),
      await submit('/account/second-factor', {}),
    ])
      expect([answer.status, answer.text.includes('/set-up')]).toEqual([404, true])
  })

  test('to programs’ owners and in the foot of every page: the API reference', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    for (const path of ['/tenants/acme', '/sign-in', '/nowhere'])
      expect((await owner.page(path)).text).toContain('<footer class="foot"><p><a href="/api">')
    const issued = { name: 'with reference', addresses: '', lives: '30', 'audit:read': 'yes' }
    for (const answer of [await owner.page('/tenants/acme/tokens'), await owner.submit('/tenants/acme/tokens', issued)])
      expect(answer.text.match(/href="\/api"/g)).toHaveLength(2)
  })

  test('the scope grave, which a tenant’s token needs too', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    expect((await owner.page('/tenants/acme/tokens')).text).toContain('name="grave"')
    const invite = async (token: Somebody) =>
      (await token.api('POST', '/tenants/acme/invitations', { email: 'g@example.org', role: 'admin' })).status
    expect(await invite(await server.program('acme', ['members:write']))).toBe(403)
    expect(await invite(await server.program('acme', ['members:write', 'grave']))).toBe(201)
  })
})

describe('invitations to be an operator', () => {
  test('are listed under Users and withdrawn there', async () => {
    const operator = await server.person({ isOperator: true })
    const path = `/operator/invitations/${operators.ids!['invitations']!}/withdraw`
    const users = await operator.page('/users')
    expect(users.text).toContain('invited@example.org')
    expect(users.text).toContain(`href="${path}"`)
    expect((await operator.page(path)).text).toContain('Withdraw the invitation of invited@example.org?')
    expect((await operator.submit(path, {})).headers.location).toBe('/users')
    expect((await operator.page('/users')).text).not.toContain('invited@example.org')
    for (const answer of [await operator.page(path), await operator.submit(path, {})]) expect(answer.status).toBe(404)
  })

  test('what is to be withdrawn or removed is looked up, and named', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const at = (id: string) => `/tenants/acme/invitations/${id}/withdraw`
    expect((await owner.page(at(acme.ids['invitations']!))).text).toContain('invited@acme.example?')
    expect((await owner.page(at('00000000-0000-4000-8000-000000000000'))).status).toBe(404)
    expect((await owner.page('/account/passkeys/unknown/remove')).status).toBe(404)
    expect((await owner.submit('/account/passkeys/unknown/remove', {})).status).toBe(404)
  })
})

describe('a fault', () => {
  const summary = ({ text }: Answer) => /id="problem">([^]*?)<\/ul>/.exec(text)?.[1] ?? ''

  test('is told by the label that the field has in its form', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const wrong = { present: 'x', password: '', repeated: '' }
    expect(summary(await owner.submit('/account/password', wrong))).toContain('<a href="#password">New password</a>')
    const registered = { tenant: 'A B', email: 'x@example.org', password: PASSWORD, repeated: PASSWORD }
    expect(summary(await owner.submit('/register', registered))).toContain('<a href="#tenant">Name of the tenant</a>')
    const none = await owner.submit('/tenants/acme/tokens', { name: 'none', addresses: '', lives: '90' })
    expect(summary(none)).toContain('<a href="#scopes">May do</a>')
    expect(none.text).toMatch(/<fieldset id="scopes" class="faulty" aria-describedby="scopes-hint scopes-fault"/)
    expect(none.text).toMatch(/id="scopes-fault"[^]*Should name what the token may do/)
  })

  test('in a part of a field stands at the field, and says at which part', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const typed = { name: 'x', addresses: '192.0.2.7 nonsense', lives: '90', 'audit:read': 'yes' }
    const answer = await owner.submit('/tenants/acme/tokens', typed)
    expect(summary(answer)).toContain('<a href="#addresses">Only from</a>: no. 2: should be an IP address')
    expect(answer.text).toMatch(/id="addresses-fault"/)
    expect(answer.text).toContain('value="192.0.2.7 nonsense"')
  })

  test('with a name that no form has is none of the form’s labels', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const answer = await owner.submit('/account/password', { present: 'x', constructor: 'x', toString: 'x' })
    expect([answer.status, answer.text.includes('href="#constructor"')]).toEqual([400, false])
  })
})

describe('what one does to oneself', () => {
  test('no longer an operator: told under Account, not refused', async () => {
    const operator = await server.person({ email: 'steps-down@example.org', isOperator: true })
    const path = `/users/${operator.user.id}/operator`
    expect((await operator.page(path)).text).toContain('Are you no longer to be an operator?')
    const done = await operator.submit(path, { isOperator: 'no' })
    expect([done.status, done.headers.location]).toEqual([303, '/account'])
    const notice = String(done.headers['set-cookie']).split(';')[0]!
    const led = await server.ask('/account', { headers: { cookie: `${operator.headers['cookie']}; ${notice}` } })
    expect([led.status, led.text.includes('You are no longer an operator.')]).toEqual([200, true])
  })

  test('removed: spoken of as you, and signed out', async () => {
    const operator = await server.person({ email: 'goes@example.org', isOperator: true })
    const path = `/users/${operator.user.id}/remove`
    const question = (await operator.page(path)).text
    expect(question).toContain('Remove your own account?')
    expect(question).not.toContain('They are signed out')
    const done = await operator.submit(path, {})
    expect([done.status, done.headers.location]).toEqual([303, '/sign-in'])
    expect(String(done.headers['set-cookie'])).toMatch(/__Host-session=;/)
    const other = await server.person({ email: 'stays@example.org' })
    await server.signIn()
    expect((await server.page(`/users/${other.user.id}/remove`)).text).toContain('They are signed out')
  })

  test('left: told as you', async () => {
    const member = await server.person({ roles: { acme: 'viewer' } })
    const done = await member.submit(`/tenants/acme/members/${member.user.id}/remove`, {})
    const notice = /__Host-notice=([^;]+)/.exec(String(done.headers['set-cookie']))![1]!
    expect(Buffer.from(notice, 'base64url').toString()).toContain('You are no longer a member of acme.')
  })
})

describe('the removal of a tenant', () => {
  test('asks for its name', async () => {
    await server.signIn()
    await server.submit('/tenants', { name: 'doomed' })
    for (const name of ['', 'doome', 'Doomed']) {
      const answer = await server.submit('/tenants/doomed/remove', { name })
      expect([name, answer.status, /id="name-fault"/.test(answer.text)]).toEqual([name, 400, true])
    }
    expect(await server.deps.tenants.findByName('doomed')).toBeDefined()
    expect((await server.submit('/tenants/doomed/remove', { name: 'doomed' })).headers.location).toBe('/tenants')
    expect(await server.deps.tenants.findByName('doomed')).toBeUndefined()
  })
})

describe('the audit trail', () => {
  test('says at the field which day is none, and keeps the rest', async () => {
    const answer = await server.page('/audit?from=yesterday&until=2026-01-01&actor=alice')
    expect(answer.status).toBe(400)
    expect(answer.text).toMatch(/id="from-fault"[^]*Should be a day/)
    expect(answer.text).not.toContain('id="until-fault"')
    expect(answer.text).toContain('value="alice"')
    expect(answer.text).not.toContain('Nothing was done')
  })

  test('says what its fields match, and leaves out what was and is nothing', async () => {
    await server.submit('/source-domains', { tenant: 'acme', name: 'facts.example', mode: 'hosted' })
    const { text } = await server.page('/audit?action=source-domain')
    expect(text).toContain('facts.example')
    expect(text).not.toMatch(/<del><bdi class="foreign">–<\/bdi><\/del> → <ins><bdi class="foreign">–<\/bdi>/)
    expect(text).toContain('aria-describedby="actor-hint"')
    expect(text).toContain('As shown, or its beginning.')
  })
})

describe('a page’s title and area', () => {
  test.each([
    ['/tenants/acme/members', 'Members · acme', 'tenants'],
    ['/tenants/acme/tokens', 'API tokens · acme', 'tenants'],
    ['/tenants/acme/audit', 'Audit trail · acme', 'tenants'],
    ['/source-domains?tenant=acme', 'Source domains · acme', 'source-domains'],
    ['/delegations?tenant=acme', 'Delegations · acme', 'delegations'],
    ['/certificates?tenant=acme', 'Certificates · acme', 'certificates'],
    ['/operator/tokens', 'API tokens of the operator', 'users'],
  ])('of %s', async (path, title, area) => {
    const answer = await server.page(path)
    expect([titleOf(answer), currentArea(answer)]).toEqual([`${title} · Waypost`, area])
  })
})

test.each([
  [7 * 24 - 1, 'in 7 days'],
  [-30, 'yesterday'],
  [2, 'in 2 hours'],
  [24 * 89.9, 'in 90 days'],
])('%d hours from now is %s', (hours, told) => {
  const now = new Date('2026-01-01T00:00:00Z')
  expect(texts.relative(new Date(now.getTime() + hours * 3_600_000), now)).toBe(told)
})
