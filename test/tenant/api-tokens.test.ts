import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { apiTokens, principals } from '../../src/tenant/api-tokens.ts'
import type { Principal } from '../../src/tenant/principal.ts'
import type { Scope } from '../../src/tenant/scope.ts'
import type { Session } from '../../src/tenant/session.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { HOME, house, PASSWORD, refusal, tokenOf, type House } from './house.ts'

const DAY_MS = 86_400_000

let home: House
let acme: Tenant
let tokens: ReturnType<typeof apiTokens>
let who: ReturnType<typeof principals>

beforeEach(async () => {
  home = await house()
  acme = await home.storage.tenants.add('acme', home.act())
  tokens = apiTokens({ ...home.storage, randomBytes })
  who = principals({ ...home.storage, clock: home.clock })
})

const OWNER: Principal = {
  ...{ name: 'alice@example.org', key: 'user 1', userId: null, isOperator: false, roles: new Map() },
  ...{ scopes: 'all', authenticatedAt: null, token: null },
}
const OPERATOR: Principal = { ...OWNER, isOperator: true }

interface Wish {
  tenantId: string | null
  name: string
  scopes: Scope[]
  addresses: string[] | null
  expiresAt: Date | null
}

const issue = (wish: Partial<Wish> = {}, by: Principal = OPERATOR) =>
  tokens.issue(
    by,
    { tenantId: acme.id, name: 'deploy', scopes: ['delegations:read'], addresses: null, expiresAt: null, ...wish },
    home.act(),
  )
const inDays = (days: number) => new Date(home.clock.now().getTime() + days * DAY_MS)
const at = (pointer: string) => ({ fields: [expect.objectContaining({ pointer })] })

describe('a token', () => {
  test('is shown once and signs in', async () => {
    const { secret, token } = await issue({ name: ' deploy ', scopes: ['delegations:read', 'delegations:read'] })
    expect(token).toMatchObject({ name: 'deploy', scopes: ['delegations:read'], lastUsedAt: null })
    expect(await who.ofSecret(secret, '192.0.2.1')).toEqual({
      name: 'token deploy',
      key: `token ${token.id}`,
      userId: null,
      isOperator: false,
      roles: new Map([[acme.id, 'owner']]),
      scopes: new Set(['delegations:read']),
      authenticatedAt: null,
      token: { expiresAt: null, addresses: null, createdById: null, isFormer: false },
    })
    expect(await home.storage.tokens.find(acme.id, token.id)).toMatchObject({
      lastUsedAt: home.clock.now(),
      lastUsedBy: '192.0.2.1',
    })
  })

  test("of the operator is the operator's", async () => {
    const { secret } = await issue({ tenantId: null, scopes: ['tenants:write', 'target-hosts:write'] })
    expect(await who.ofSecret(secret, null)).toMatchObject({
      name: "operator's token deploy",
      isOperator: true,
      roles: new Map(),
    })
    await expect(issue({ tenantId: null }, OWNER)).rejects.toMatchObject(refusal('forbidden'))
  })

  test('is taken until its end', async () => {
    const { secret } = await issue({ expiresAt: inDays(1) })
    home.clock.advance(DAY_MS - 1)
    expect(await who.ofSecret(secret, null)).toMatchObject({ token: { expiresAt: inDays(1 / DAY_MS) } })
    home.clock.advance(1)
    expect(await who.ofSecret(secret, null)).toBeUndefined()
  })

  test('is taken from its addresses only, and use from elsewhere is not noted', async () => {
    const { secret, token } = await issue({ addresses: ['192.0.2.77/24', ' 2001:DB8::/32 ', '::ffff:192.0.2.1/120'] })
    expect(token.addresses).toEqual(['192.0.2.0/24', '2001:db8::/32'])
    for (const address of ['192.0.3.1', '2001:db9::1', '::', 'nonsense', null])
      expect(await who.ofSecret(secret, address)).toBeUndefined()
    expect(await home.storage.tokens.find(acme.id, token.id)).toMatchObject({ lastUsedAt: null })
    for (const address of ['192.0.2.255', '::ffff:192.0.2.4', '2001:db8:5::1'])
      expect(await who.ofSecret(secret, address)).toBeDefined()
  })

  test.each<[string, Partial<Wish>, string]>([
    ['no name', { name: ' ' }, '/name'],
    ['a name of two lines', { name: 'a\nb' }, '/name'],
    ['a name of 101 characters', { name: 'x'.repeat(101) }, '/name'],
    ['no scope', { scopes: [] }, '/scopes'],
    ["an operator's scope", { scopes: ['audit:read', 'tenants:write'] }, '/scopes/1'],
    ["another operator's scope", { scopes: ['target-hosts:write'] }, '/scopes/0'],
    ['no address in the list', { addresses: [] }, '/addresses'],
    ['what is no address', { addresses: ['192.0.2.1', 'example.org'] }, '/addresses/1'],
    ['51 addresses', { addresses: Array<string>(51).fill('192.0.2.1') }, '/addresses'],
    ['an end that is past', { expiresAt: new Date('2026-11-23T12:00:00Z') }, '/expiresAt'],
  ])('with %s is refused at its field', async (_, wish, pointer) =>
    expect(issue(wish)).rejects.toMatchObject(refusal('malformed-request', at(pointer))),
  )

  test('of a name that is taken is refused', async () => {
    await issue()
    await expect(issue()).rejects.toMatchObject(refusal('already-exists'))
  })
})

test.each(['', 'nonsense', `wp_${'A'.repeat(49)}`, `wp_${'A'.repeat(43)}34JSr4`])('T31: %j is nobody', async (secret) =>
  expect(await who.ofSecret(secret, null)).toBeUndefined(),
)

describe('a token that issues another', () => {
  const SCOPES: Scope[] = ['tokens:write', 'delegations:write']

  async function issuer(wish: Partial<Wish> = {}): Promise<Principal> {
    const { secret } = await issue({ name: 'issuer', scopes: SCOPES, ...wish })
    return (await who.ofSecret(secret, '192.0.2.1'))!
  }

  test.each<[Scope[], boolean]>([
    [['delegations:write'], true],
    [['delegations:read', 'tokens:read'], true],
    [SCOPES, true],
    [['certificates:read'], false],
    [['delegations:read', 'certificates:read'], false],
    [['grave'], false],
  ])('hands on %j: %s', async (scopes, is) => {
    const made = issue({ scopes }, await issuer())
    await (is ? made : expect(made).rejects.toMatchObject(refusal('forbidden')))
  })

  test('hands on no longer life than its own', async () => {
    const by = await issuer({ expiresAt: inDays(10) })
    const scopes: Scope[] = ['delegations:read']
    for (const expiresAt of [null, inDays(10.001)])
      await expect(issue({ scopes, expiresAt }, by)).rejects.toMatchObject(refusal('forbidden'))
    await issue({ scopes, expiresAt: inDays(10) }, by)
  })

  test('hands on no more addresses than its own: who has leaked it could get round them', async () => {
    const by = await issuer({ addresses: ['192.0.2.0/24'] })
    for (const addresses of [null, ['192.0.2.1', '198.51.100.1'], ['192.0.0.0/16'], ['::/0']])
      await expect(issue({ addresses }, by)).rejects.toMatchObject(refusal('forbidden'))
    await issue({ addresses: ['192.0.2.0/25', '192.0.2.200'] }, by)
  })

  test('makes what ends with the rights of whoever has made it, however far down', async () => {
    const alice = await home.person()
    const { secret, token } = await issue({ name: 'first', scopes: SCOPES }, { ...OPERATOR, userId: alice.id })
    expect(token.createdById).toBe(alice.id)
    const first = (await who.ofSecret(secret, null))!
    const second = await issue({ name: 'second', scopes: SCOPES }, first)
    const third = await issue({ name: 'third' }, await who.ofSecret(second.secret, null))
    const invited = { tenant: acme, role: 'viewer', email: 'bob@example.org' } as const
    const { invitation, link } = await home.accounts.invite(first, invited, home.act())
    expect([second.token, third.token, invitation].map(({ createdById }) => createdById)).toEqual(
      Array(3).fill(alice.id),
    )
    await home.storage.users.remove(alice.id, home.act())
    for (const each of [secret, second.secret, third.secret]) expect(await who.ofSecret(each, null)).toBeUndefined()
    await expect(home.accounts.invitation(tokenOf(link))).rejects.toMatchObject(refusal('link-spent'))
  })

  test('of a tenant issues none of the operator', async () =>
    expect(issue({ tenantId: null }, await issuer())).rejects.toMatchObject(refusal('forbidden')))
})

describe('a rotation', () => {
  const rotate = (id: string, overlapMs: number, by: Principal = OPERATOR, tenantId: string | null = acme.id) =>
    tokens.rotate(by, tenantId, id, overlapMs, home.act())

  test('leaves the former secret for a while', async () => {
    const former = await issue()
    const { secret, token } = await rotate(former.token.id, DAY_MS)
    expect(secret).not.toBe(former.secret)
    expect(token).toMatchObject({ id: former.token.id, rotatesUntil: inDays(1) })
    home.clock.advance(DAY_MS - 1)
    for (const one of [secret, former.secret]) expect(await who.ofSecret(one, null)).toBeDefined()
    home.clock.advance(1)
    expect(await who.ofSecret(former.secret, null)).toBeUndefined()
    expect(await who.ofSecret(secret, null)).toBeDefined()
  })

  test('leaves it too weak to outlive itself: it neither rotates nor issues', async () => {
    const former = await issue({ scopes: ['tokens:write'] })
    const { secret } = await rotate(former.token.id, DAY_MS)
    const [by, present] = [(await who.ofSecret(former.secret, null))!, (await who.ofSecret(secret, null))!]
    await expect(rotate(former.token.id, 0, by)).rejects.toMatchObject(refusal('forbidden'))
    await expect(issue({ name: 'another', scopes: ['tokens:read'] }, by)).rejects.toMatchObject(refusal('forbidden'))
    await issue({ name: 'another', scopes: ['tokens:read'] }, present)
    await rotate(former.token.id, 0, present)
  })

  test('ends the former secret at once where nothing else is wished', async () => {
    const former = await issue()
    await rotate(former.token.id, 0)
    expect(await who.ofSecret(former.secret, null)).toBeUndefined()
  })

  test.each([-1, NaN, 7 * DAY_MS + 1])('for %d ms is refused', async (overlapMs) =>
    expect(rotate((await issue()).token.id, overlapMs)).rejects.toMatchObject(refusal('malformed-request')),
  )

  test('gets no token that may do more, of another tenant, or none', async () => {
    const { token: mighty } = await issue({ name: 'mighty', scopes: ['certificates:write', 'tokens:write'] })
    const { secret, token: own } = await issue({ name: 'weak', scopes: ['tokens:write'] })
    const by = (await who.ofSecret(secret, null))!
    await expect(rotate(mighty.id, 0, by)).rejects.toMatchObject(refusal('forbidden'))
    await rotate(own.id, 0, by)
    const other = await home.storage.tenants.add('other', home.act())
    await expect(rotate(own.id, 0, OPERATOR, other.id)).rejects.toMatchObject(refusal('not-found'))
    await expect(rotate('nonsense', 0)).rejects.toMatchObject(refusal('not-found'))
  })
})

describe('a session', () => {
  const signIn = async () =>
    (await home.signIn.withPassword({ email: 'alice@example.org', password: PASSWORD }, HOME)).session

  test('is its user, with the roles of this moment', async () => {
    const alice = await home.person()
    await home.storage.members.add(acme.id, { userId: alice.id, role: 'viewer' }, home.act())
    const session = await signIn()
    expect(await who.ofSession(session)).toEqual({
      name: 'alice@example.org',
      key: `user ${alice.id}`,
      userId: alice.id,
      isOperator: false,
      roles: new Map([[acme.id, 'viewer']]),
      scopes: 'all',
      authenticatedAt: session.authenticatedAt,
      token: null,
    })
    await home.storage.users.setOperator(alice.id, true, home.act())
    await home.storage.members.setRole(acme.id, alice.id, 'owner', home.act())
    expect(await who.ofSession(session)).toMatchObject({ isOperator: true, roles: new Map([[acme.id, 'owner']]) })
  })

  test('that waits for the second factor is nobody, and so is that of a user who is gone', async () => {
    const alice = await home.person()
    const session = await signIn()
    expect(await who.ofSession({ ...session, stage: 'second-factor' })).toBeUndefined()
    await home.storage.users.remove(alice.id, home.act())
    expect(await who.ofSession(session)).toBeUndefined()
  })

  test('of the machine is the operator', async () => {
    const session = { id: 'x', userId: null, stage: 'complete', authenticatedAt: home.clock.now() } as Session
    expect(await who.ofSession(session)).toMatchObject({ name: 'operator', key: 'session x', isOperator: true })
    expect(await who.ofSession({ ...session, stage: 'second-factor' })).toBeUndefined()
  })
})
