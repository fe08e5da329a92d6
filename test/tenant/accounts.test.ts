import { beforeEach, describe, expect, test } from 'vitest'
import type { Tenant } from '../../src/tenant/tenant.ts'
import type { User } from '../../src/tenant/user.ts'
import { authenticator } from './authenticator.ts'
import { HOME, house, MACHINE, PASSWORD, refusal, tokenOf, totpAt, type House } from './house.ts'

const NEW = 'four purple bicycles'
const DAY_MS = 86_400_000

let home: House
let alice: User
let acme: Tenant

beforeEach(async () => {
  home = await house()
  alice = await home.person('alice@example.org')
  acme = await home.storage.tenants.add('acme', home.act())
})

const signedIn = async (password = PASSWORD) => home.signIn.withPassword({ email: alice.email, password }, HOME)
const isOpen = async ({ token }: { token: string }) => (await home.signIn.find(token)) !== undefined
const weak = refusal('password-refused')

describe('an account by the operator', () => {
  test('has a password, or a link of a day by which its owner chooses one', async () => {
    expect(
      await home.accounts.create(MACHINE, { email: 'x@example.org', isOperator: true, password: NEW }, home.act()),
    ).toMatchObject({
      user: { email: 'x@example.org', hasPassword: true, operatorSince: home.clock.now() },
      link: null,
    })
    const { user, link } = await home.accounts.create(
      MACHINE,
      { email: ' Bob@Example.org', isOperator: false },
      home.act(),
    )
    expect(user).toMatchObject({ email: 'bob@example.org', hasPassword: false, operatorSince: null })
    expect(link!.url).toMatch(/^https:\/\/admin\.example\.net:8443\/password\?token=[A-Za-z0-9_-]{43}$/)
    expect(link!.expiresAt).toEqual(new Date(home.clock.now().getTime() + DAY_MS))
    expect(await home.accounts.usePasswordLink(tokenOf(link!), NEW, home.act())).toMatchObject({ hasPassword: true })
  })

  test.each([
    [
      { email: 'alice', isOperator: false },
      refusal('malformed-request', { fields: [expect.objectContaining({ pointer: '/email' })] }),
    ],
    [{ email: 'ALICE@example.org', isOperator: false }, refusal('already-exists')],
    [
      { email: 'bobby@example.org', isOperator: false, password: 'short' },
      { ...weak, rule: 'too-short' },
    ],
    [
      { email: 'bobby@example.org', isOperator: false, password: 'bobby@example' },
      { ...weak, rule: 'context' },
    ],
  ])('is refused: %j', async (account, why) =>
    expect(home.accounts.create(MACHINE, account, home.act())).rejects.toMatchObject(why),
  )
})

describe('an invitation', () => {
  const invite = async (email: string, role: 'viewer' | 'owner' = 'viewer') =>
    home.accounts.invite(MACHINE, { tenant: acme, role, email }, home.act())
  const rolesOf = async ({ id }: User) => Object.fromEntries(await home.storage.members.rolesOf(id))

  test('makes an account and a member of whoever has none', async () => {
    const { invitation, link } = await invite(' Bob@example.org', 'owner')
    expect(link.url).toMatch(/^https:\/\/admin\.example\.net:8443\/invitation\?token=[A-Za-z0-9_-]{43}$/)
    expect(invitation).toMatchObject({ email: 'bob@example.org', tenantId: acme.id, role: 'owner' })
    expect(invitation.expiresAt).toEqual(new Date(home.clock.now().getTime() + 7 * DAY_MS))
    expect(await home.accounts.invitation(tokenOf(link))).toEqual({ invitation, tenant: acme, hasAccount: false })
    const user = await home.accounts.accept(tokenOf(link), { password: NEW, userId: null }, home.act())
    expect(user).toMatchObject({ email: 'bob@example.org', operatorSince: null })
    expect(await rolesOf(user)).toEqual({ [acme.id]: 'owner' })
    await home.signIn.withPassword({ email: 'bob@example.org', password: NEW }, HOME)
  })

  test('joins the account of whoever has one, when they are signed in', async () => {
    const { link } = await invite(alice.email)
    expect(await home.accounts.invitation(tokenOf(link))).toMatchObject({ hasAccount: true })
    const accept = (userId: string | null) => home.accounts.accept(tokenOf(link), { password: NEW, userId }, home.act())
    await expect(accept(null)).rejects.toMatchObject(refusal('sign-in-required'))
    const bob = await home.person('bob@example.org')
    await expect(accept(bob.id)).rejects.toMatchObject(refusal('forbidden'))
    expect(await accept(alice.id)).toMatchObject({ id: alice.id })
    expect(await rolesOf(alice)).toEqual({ [acme.id]: 'viewer' })
    await signedIn() // by the password of before
  })

  test('is for the e-mail address that it was made for, and for no other account', async () => {
    const { link } = await invite('bob@example.org')
    await expect(
      home.accounts.accept(tokenOf(link), { password: NEW, userId: alice.id }, home.act()),
    ).rejects.toMatchObject(refusal('forbidden'))
    expect(await rolesOf(alice)).toEqual({})
  })

  test('is not used up by a password that is refused', async () => {
    const { link } = await invite('bob@example.org')
    for (const password of [undefined, 'short', 'bob'.repeat(3)])
      await expect(home.accounts.accept(tokenOf(link), { password, userId: null }, home.act())).rejects.toMatchObject(
        weak,
      )
    expect(await home.storage.users.findByEmail('bob@example.org')).toBeUndefined()
    await home.accounts.accept(tokenOf(link), { password: NEW, userId: null }, home.act())
  })

  test('is taken once, within a week, and not when it was withdrawn', async () => {
    const spent = async (token: string) => {
      await expect(home.accounts.accept(token, { password: NEW, userId: alice.id }, home.act())).rejects.toMatchObject(
        refusal('link-spent'),
      )
      await expect(home.accounts.invitation(token)).rejects.toMatchObject(refusal('link-spent'))
    }
    const once = await invite(alice.email)
    await home.accounts.accept(tokenOf(once.link), { userId: alice.id }, home.act())
    await home.storage.members.add(
      acme.id,
      { userId: (await home.person('o@example.org')).id, role: 'owner' },
      home.act(),
    )
    await home.storage.members.remove(acme.id, alice.id, home.act())
    await spent(tokenOf(once.link))
    const late = await invite(alice.email)
    home.clock.advance(7 * DAY_MS)
    await spent(tokenOf(late.link))
    const withdrawn = await invite(alice.email)
    await home.storage.links.withdrawInvitation(acme.id, withdrawn.invitation.id, home.act())
    await spent(tokenOf(withdrawn.link))
    await spent('nonsense')
    await spent(tokenOf(await home.accounts.issuePasswordLink(MACHINE, alice.id, home.act())))
  })

  test('of two who take it at once makes one account', async () => {
    const { link } = await invite('bob@example.org')
    const outcomes = await Promise.allSettled(
      [1, 2].map(() => home.accounts.accept(tokenOf(link), { password: NEW, userId: null }, home.act())),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('of a member is refused; two that are open make them one once', async () => {
    const [one, other] = [await invite(alice.email), await invite(alice.email)]
    await home.accounts.accept(tokenOf(one.link), { userId: alice.id }, home.act())
    await expect(invite('Alice@example.org')).rejects.toMatchObject(refusal('already-exists'))
    await expect(home.accounts.accept(tokenOf(other.link), { userId: alice.id }, home.act())).rejects.toMatchObject(
      refusal('already-exists'),
    )
    await home.accounts.invitation(tokenOf(other.link)) // not used up for nothing
  })

  test('to a tenant that is suspended is not taken, and keeps', async () => {
    const { link } = await invite('bob@example.org')
    await home.storage.tenants.suspend(acme.id, home.act())
    const accept = () => home.accounts.accept(tokenOf(link), { password: NEW, userId: null }, home.act())
    await expect(accept()).rejects.toMatchObject(refusal('tenant-suspended'))
    expect(await home.storage.users.findByEmail('bob@example.org')).toBeUndefined()
    await home.storage.tenants.resume(acme.id, home.act())
    await accept()
  })

  test('ends with the rights of whoever has made it', async () => {
    const by = { userId: (await home.person('o@example.org')).id, token: null }
    await home.storage.members.add(acme.id, { userId: by.userId, role: 'owner' }, home.act())
    await home.storage.members.add(acme.id, { userId: alice.id, role: 'owner' }, home.act())
    const invited = { tenant: acme, role: 'owner', email: 'bob@example.org' } as const
    const { link } = await home.accounts.invite(by, invited, home.act())
    await home.storage.members.remove(acme.id, by.userId, home.act())
    await expect(home.accounts.invitation(tokenOf(link))).rejects.toMatchObject(refusal('link-spent'))
  })

  test('without a role is refused, and so is what is no e-mail address', async () => {
    await expect(
      home.accounts.invite(MACHINE, { tenant: acme, role: null, email: 'bob@example.org' }, home.act()),
    ).rejects.toMatchObject(refusal('malformed-request', { fields: [expect.objectContaining({ pointer: '/role' })] }))
    await expect(invite('bob')).rejects.toMatchObject(refusal('malformed-request'))
  })

  test('to be an operator makes one', async () => {
    const invited = { tenant: null, role: null }
    const accept = async (email: string, userId: string | null) => {
      const { link } = await home.accounts.invite(MACHINE, { ...invited, email }, home.act())
      expect(await home.accounts.invitation(tokenOf(link))).toMatchObject({ tenant: null })
      return home.accounts.accept(tokenOf(link), { password: NEW, userId }, home.act())
    }
    const { link: other } = await home.accounts.invite(MACHINE, { ...invited, email: alice.email }, home.act())
    expect(await accept('bob@example.org', null)).toMatchObject({ operatorSince: home.clock.now() })
    expect(await accept(alice.email, alice.id)).toMatchObject({ operatorSince: home.clock.now() })
    await expect(home.accounts.accept(tokenOf(other), { userId: alice.id }, home.act())).rejects.toMatchObject(
      refusal('already-exists'),
    )
    await expect(home.accounts.invite(MACHINE, { ...invited, email: alice.email }, home.act())).rejects.toMatchObject(
      refusal('already-exists'),
    )
  })
})

describe('a stranger who registers', () => {
  const register = (given: Partial<{ tenant: string; email: string; password: string }> = {}) =>
    home.accounts.register({ tenant: 'acme', email: 'bob@example.org', password: NEW, ...given }, home.act())

  test('owns a tenant whose name tells nothing about which there are', async () => {
    await register()
    const { session } = await home.signIn.withPassword({ email: 'bob@example.org', password: NEW }, HOME)
    const roles = await home.storage.members.rolesOf(session.userId!)
    expect([...roles.values()]).toEqual(['owner'])
    const tenant = await home.storage.tenants.find([...roles.keys()][0]!)
    expect(tenant!.name).toMatch(/^acme-[a-z2-7]{4}$/)
    await register({ tenant: 'x'.repeat(63), email: 'carol@example.org' })
    expect((await home.storage.tenants.list({ limit: 10, search: 'xxx' }))[0]!.name).toMatch(/^x{58}-[a-z2-7]{4}$/)
  })

  test('has the quotas of those who register, which the operator may change', async () => {
    const quotas = { sourceDomains: 2, delegations: 3, lineages: 4 }
    home = await house({ quotasOfRegistered: quotas })
    await register()
    expect(await home.storage.tenants.list({ limit: 10 })).toMatchObject([{ quotas }])
  })

  test('T30: with an address that has an account is answered alike, and nothing is made', async () => {
    const before = await home.storage.tenants.list({ limit: 10 })
    expect(await register({ email: 'Alice@example.org' })).toBe(await register())
    expect(await home.storage.tenants.list({ limit: 10 })).toHaveLength(before.length + 1)
    await signedIn()
    await expect(signedIn(NEW)).rejects.toMatchObject(refusal('sign-in-refused'))
  })

  test('twice at once owns one', async () => {
    await Promise.all([register(), register()])
    expect(await home.storage.tenants.list({ limit: 10 })).toHaveLength(2)
  })

  test.each([
    [{ tenant: 'Acme!' }, refusal('malformed-request', { fields: [expect.objectContaining({ pointer: '/tenant' })] })],
    [{ email: 'bob' }, refusal('malformed-request', { fields: [expect.objectContaining({ pointer: '/email' })] })],
    [{ password: 'password' }, { ...weak, rule: 'common' }],
    [
      { tenant: 'umbrellas', password: 'umbrellas99' },
      { ...weak, rule: 'context' },
    ],
  ])('is refused alike for a known and an unknown address: %j', async (given, why) => {
    await expect(register(given)).rejects.toMatchObject(why)
    await expect(register({ email: alice.email, ...given })).rejects.toMatchObject(why)
  })

  test('again and again is slowed down, for the address that it comes from', async () => {
    for (let i = 0; i < 10; i++) await register({ email: `person-${i}@example.org` })
    for (const email of ['bob@example.org', alice.email])
      await expect(register({ email })).rejects.toMatchObject(refusal('too-many-requests', { retryAfterMs: 1000 }))
    expect(await home.storage.tenants.list({ limit: 20 })).toHaveLength(11)
    const elsewhere = { ...home.act(), address: '198.51.100.1' }
    await home.accounts.register({ tenant: 'acme', email: 'bob@example.org', password: NEW }, elsewhere)
  })

  test('is refused where the operator makes the accounts', async () => {
    home = await house({ isRegistrationOpen: false })
    await expect(register()).rejects.toMatchObject(refusal('registration-closed'))
    expect(await home.storage.users.findByEmail('bob@example.org')).toBeUndefined()
  })
})

describe('a new password', () => {
  test('by a link ends all sessions and the other links, and keeps the second factor', async () => {
    const session = await signedIn()
    const [link, other] = [
      await home.accounts.issuePasswordLink(MACHINE, alice.id, home.act()),
      await home.accounts.issuePasswordLink(MACHINE, alice.id, home.act()),
    ]
    expect(await home.accounts.passwordLink(tokenOf(link))).toMatchObject({ id: alice.id })
    await expect(home.accounts.usePasswordLink(tokenOf(link), 'alice@example.org', home.act())).rejects.toMatchObject(
      weak,
    )
    await home.accounts.usePasswordLink(tokenOf(link), NEW, home.act())
    expect(await isOpen(session)).toBe(false)
    for (const token of [tokenOf(link), tokenOf(other), 'nonsense']) {
      await expect(home.accounts.passwordLink(token)).rejects.toMatchObject(refusal('link-spent'))
      await expect(home.accounts.usePasswordLink(token, NEW, home.act())).rejects.toMatchObject(refusal('link-spent'))
    }
    await expect(signedIn()).rejects.toMatchObject(refusal('sign-in-refused'))
    await signedIn(NEW)
  })

  test('by a link comes within a day', async () => {
    const link = await home.accounts.issuePasswordLink(MACHINE, alice.id, home.act())
    home.clock.advance(DAY_MS)
    await expect(home.accounts.usePasswordLink(tokenOf(link), NEW, home.act())).rejects.toMatchObject(
      refusal('link-spent'),
    )
    await expect(home.accounts.issuePasswordLink(MACHINE, 'nobody', home.act())).rejects.toMatchObject(
      refusal('not-found'),
    )
  })

  test('in place of the present one ends all other sessions', async () => {
    const [here, elsewhere] = [await signedIn(), await signedIn()]
    const change = (present: string, password: string) =>
      home.accounts.changePassword(alice.id, { present, password, sessionId: here.session.id }, home.act())
    await expect(change('wrong', NEW)).rejects.toMatchObject(
      refusal('sign-in-refused', { fields: [expect.objectContaining({ pointer: '/present' })] }),
    )
    await expect(change(PASSWORD, 'qwertyuiop')).rejects.toMatchObject({ ...weak, rule: 'common' })
    expect(await isOpen(elsewhere)).toBe(true)
    await change(PASSWORD, NEW)
    expect([await isOpen(here), await isOpen(elsewhere)]).toEqual([true, false])
    await signedIn(NEW)
  })

  test('may be chosen as often as one likes', async () => {
    const { session } = await signedIn()
    const passwords = [PASSWORD, ...Array.from({ length: 6 }, (_, at) => `${NEW}, ${at}`)]
    for (const [at, password] of passwords.slice(1).entries())
      await home.accounts.changePassword(
        alice.id,
        { present: passwords[at]!, password, sessionId: session.id },
        home.act(),
      )
  })

  test('T30: is no way to guess the present one', async () => {
    const { session } = await signedIn()
    const guess = () =>
      home.accounts.changePassword(alice.id, { present: 'guess', password: NEW, sessionId: session.id }, home.act())
    for (let i = 0; i < 5; i++) await expect(guess()).rejects.toMatchObject(refusal('sign-in-refused'))
    await expect(guess()).rejects.toMatchObject(refusal('too-many-requests'))
  })
})

describe('an authenticator app', () => {
  const codeNow = async () => totpAt((await home.storage.users.credentials(alice.id))!.totp!.secret, home.clock.now())

  test('is in force after its first code, which is used up; other sessions end', async () => {
    const [here, elsewhere] = [await signedIn(), await signedIn()]
    const { secret, uri } = await home.accounts.beginTotp(alice.id, home.act())
    expect(uri).toContain(`secret=${secret}`)
    expect((await signedIn()).session.stage).toBe('complete')

    const confirm = async (code: string) =>
      home.accounts.confirmTotp(alice.id, { code, sessionId: here.session.id }, home.act())
    for (const code of [(await codeNow()) === '000000' ? '000001' : '000000', '', 'abcdef'])
      await expect(confirm(code)).rejects.toMatchObject(
        refusal('sign-in-refused', { fields: [expect.objectContaining({ pointer: '/code' })] }),
      )
    expect(await isOpen(elsewhere)).toBe(true)
    const codes = await confirm(await codeNow())
    expect(codes).toHaveLength(10)
    expect([await isOpen(here), await isOpen(elsewhere)]).toEqual([true, false])

    const pending = await signedIn()
    expect(pending.session.stage).toBe('second-factor')
    await expect(home.signIn.withCode(pending.token, await codeNow(), HOME)).rejects.toMatchObject(
      refusal('sign-in-refused'),
    )
    await expect(home.accounts.beginTotp(alice.id, home.act())).rejects.toMatchObject(refusal('already-exists'))
    // T30: no second place to guess codes at
    for (const code of [await codeNow(), '000000'])
      await expect(confirm(code)).rejects.toMatchObject(refusal('not-found'))
  })

  test('T30: is not put in force by guessing its first code', async () => {
    await home.accounts.beginTotp(alice.id, home.act())
    const right = await codeNow()
    const confirm = (code: string) => home.accounts.confirmTotp(alice.id, { code, sessionId: '' }, home.act())
    for (let i = 0; i < 5; i++)
      await expect(confirm(right === '000000' ? '000001' : '000000')).rejects.toMatchObject(refusal('sign-in-refused'))
    await expect(confirm(right)).rejects.toMatchObject(refusal('too-many-requests', { retryAfterMs: 1000 }))
    await home.accounts.beginTotp(alice.id, home.act()) // another secret is no way round it
    await expect(confirm(await codeNow())).rejects.toMatchObject(refusal('too-many-requests'))
    home.clock.advance(1000)
    await confirm(await codeNow())
  })

  test('that is lost is removed by the operator, with recovery codes and passkeys; all sessions end', async () => {
    await home.accounts.beginTotp(alice.id, home.act())
    const [code] = await home.accounts.confirmTotp(alice.id, { code: await codeNow(), sessionId: '' }, home.act())
    const device = authenticator()
    const response = device.create(await home.ceremonies.creation(alice))
    await home.ceremonies.register(alice, 'key ring', response, home.act())
    const session = await home.signIn.withCode((await signedIn()).token, code!, HOME)
    await home.accounts.removeFactors(alice.id, home.act())
    expect(await isOpen(session)).toBe(false)
    expect((await signedIn()).session.stage).toBe('complete')
    const signed = device.get(await home.signIn.passkeyRequest(null))
    await expect(home.signIn.withPasskey(signed, HOME)).rejects.toMatchObject(refusal('sign-in-refused'))
    await expect(home.accounts.removeFactors('nobody', home.act())).rejects.toMatchObject(refusal('not-found'))
  })

  test('begun anew takes another secret', async () => {
    const first = await home.accounts.beginTotp(alice.id, home.act())
    const former = await codeNow()
    expect((await home.accounts.beginTotp(alice.id, home.act())).secret).not.toBe(first.secret)
    await expect(
      home.accounts.confirmTotp(alice.id, { code: former, sessionId: '' }, home.act()),
    ).rejects.toMatchObject(refusal('sign-in-refused'))
  })

  test('is taken away with its recovery codes; other sessions end', async () => {
    const remove = (sessionId: string) => home.accounts.removeTotp(alice.id, { sessionId }, home.act())
    await expect(remove('')).rejects.toMatchObject(refusal('not-found'))
    await expect(home.accounts.renewRecoveryCodes(alice.id, home.act())).rejects.toMatchObject(refusal('not-found'))
    await home.accounts.beginTotp(alice.id, home.act())
    const codes = await home.accounts.confirmTotp(alice.id, { code: await codeNow(), sessionId: '' }, home.act())
    const [here, elsewhere] = await Promise.all(
      codes.slice(0, 2).map(async (code) => home.signIn.withCode((await signedIn()).token, code, HOME)),
    )
    await remove(here!.session.id)
    expect([await isOpen(here!), await isOpen(elsewhere!)]).toEqual([true, false])
    expect((await signedIn()).session.stage).toBe('complete')
    expect(await home.storage.users.countRecoveryCodes(alice.id)).toBe(0)
  })

  test('has new recovery codes for the asking; those of before are spent', async () => {
    await home.accounts.beginTotp(alice.id, home.act())
    const [former] = await home.accounts.confirmTotp(alice.id, { code: await codeNow(), sessionId: '' }, home.act())
    const codes = await home.accounts.renewRecoveryCodes(alice.id, home.act())
    expect(codes).toHaveLength(10)
    const attempt = async (code: string) => home.signIn.withCode((await signedIn()).token, code, HOME)
    await expect(attempt(former!)).rejects.toMatchObject(refusal('sign-in-refused'))
    await attempt(codes[9]!)
  })
})

test('nothing secret is in the audit trail', async () => {
  const { link } = await home.accounts.invite(
    MACHINE,
    { tenant: acme, role: 'viewer', email: 'bob@example.org' },
    home.act(),
  )
  await home.accounts.accept(tokenOf(link), { password: NEW, userId: null }, home.act())
  const { secret } = await home.accounts.beginTotp(alice.id, home.act())
  const code = totpAt((await home.storage.users.credentials(alice.id))!.totp!.secret, home.clock.now())
  const codes = await home.accounts.confirmTotp(alice.id, { code, sessionId: '' }, home.act())
  const trail = JSON.stringify(await home.storage.audit.list('all', { limit: 100 }))
  expect(trail).toContain('user.confirm-totp')
  for (const word of [NEW, PASSWORD, tokenOf(link), secret, ...codes, 'argon2']) expect(trail).not.toContain(word)
})
