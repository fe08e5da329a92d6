import { describe, expect, test } from 'vitest'
import { verdict, type Access, type Principal, type Verdict } from '../../src/tenant/principal.ts'
import type { Role } from '../../src/tenant/member.ts'
import type { Scope } from '../../src/tenant/scope.ts'

const NOW = new Date('2026-11-23T12:00:00Z')
const [OWN, OTHER] = ['own', 'other']

function person(roles: Record<string, Role>, more: Partial<Principal> = {}): Principal {
  return {
    name: 'alice@example.org',
    key: 'user 1',
    userId: '1',
    isOperator: false,
    roles: new Map(Object.entries(roles)),
    scopes: 'all',
    authenticatedAt: NOW,
    token: null,
    ...more,
  }
}

function program(tenantId: string | null, scopes: Scope[]): Principal {
  return {
    name: 'token deploy',
    key: 'token 1',
    userId: null,
    isOperator: tenantId === null,
    roles: new Map(tenantId === null ? [] : [[tenantId, 'owner']]),
    scopes: new Set(scopes),
    authenticatedAt: null,
    token: { expiresAt: null, addresses: null, createdById: null, isFormer: false },
  }
}

const WHO = {
  nobody: null,
  stranger: person({}), // signed in, and a member of nothing
  viewer: person({ own: 'viewer' }),
  admin: person({ own: 'admin' }),
  owner: person({ own: 'owner' }),
  operator: person({}, { isOperator: true }),
  machine: person({}, { isOperator: true, userId: null, name: 'operator', key: 'session 1' }),
  token: program(OWN, ['delegations:write']),
  reader: program(OWN, ['delegations:read']),
  idle: program(OWN, ['audit:read']), // of the tenant, without the scope
  robot: program(null, ['delegations:write']), // of the operator
} satisfies Record<string, Principal | null>
type Who = keyof typeof WHO

const [yes, sign, none, no]: Verdict[] = ['allowed', 'sign-in-required', 'not-found', 'forbidden'] as const
const COLUMNS: Who[] = [
  ...(['nobody', 'stranger', 'viewer', 'admin', 'owner', 'operator', 'machine'] as const),
  ...(['token', 'reader', 'idle', 'robot'] as const),
]

/* prettier-ignore */
const TABLE: [access: Access, tenantId: string | null, ...Verdict[]][] = [
  // access      tenant  nobody stranger viewer admin owner operator machine token reader idle robot
  ['public',     null,   yes,   yes,     yes,   yes,  yes,  yes,     yes,    yes,  yes,   yes, yes],
  ['public',     OWN,    yes,   yes,     yes,   yes,  yes,  yes,     yes,    yes,  yes,   yes, yes],
  ['signed-in',  null,   sign,  yes,     yes,   yes,  yes,  yes,     yes,    yes,  no,    no,  yes],
  ['signed-in',  OWN,    sign,  none,    yes,   yes,  yes,  yes,     yes,    yes,  no,    no,  yes],
  ['signed-in',  OTHER,  sign,  none,    none,  none, none, yes,     yes,    none, none,  none, yes],
  ['viewer',     OWN,    sign,  none,    yes,   yes,  yes,  yes,     yes,    yes,  no,    no,  yes],
  ['admin',      OWN,    sign,  none,    no,    yes,  yes,  yes,     yes,    yes,  no,    no,  yes],
  ['owner',      OWN,    sign,  none,    no,    no,   yes,  yes,     yes,    yes,  no,    no,  yes],
  ['viewer',     OTHER,  sign,  none,    none,  none, none, yes,     yes,    none, none,  none, yes],
  ['admin',      OTHER,  sign,  none,    none,  none, none, yes,     yes,    none, none,  none, yes],
  ['owner',      OTHER,  sign,  none,    none,  none, none, yes,     yes,    none, none,  none, yes],
  ['operator',   null,   sign,  no,      no,    no,   no,   yes,     yes,    no,   no,    no,  yes],
  ['operator',   OWN,    sign,  none,    no,    no,   no,   yes,     yes,    no,   no,    no,  yes],
  ['operator',   OTHER,  sign,  none,    none,  none, none, yes,     yes,    none, none,  none, yes],
  // a role where no tenant is named is a role in nothing
  ['viewer',     null,   sign,  no,      no,    no,   no,   no,      no,     no,   no,    no,  no],
]

describe('who may do what needs the scope delegations:write', () => {
  const cases = TABLE.flatMap(([access, tenantId, ...verdicts]) =>
    verdicts.map((wanted, at) => ({ access, tenantId, who: COLUMNS[at]!, wanted })),
  )

  test('the table is full', () => expect(cases).toHaveLength(TABLE.length * Object.keys(WHO).length))

  test.each(cases)('$who where $access in tenant $tenantId is asked: $wanted', ({ access, tenantId, who, wanted }) =>
    expect(verdict(WHO[who], { access, scope: 'delegations:write' }, tenantId, NOW)).toBe(wanted),
  )
})

describe('scopes', () => {
  test.each([
    ['token', 'delegations:read', yes], // writing includes reading
    ['reader', 'delegations:read', yes],
    ['reader', 'delegations:write', no],
    ['token', 'certificates:read', no],
    ['robot', 'tenants:write', no],
    ['owner', 'certificates:write', yes], // a person has no scopes
    ['token', undefined, no], // what asks for no scope is for people
    ['robot', undefined, no],
    ['owner', undefined, yes],
  ] as [Who, Scope | undefined, Verdict][])('%s where %s is asked: %s', (who, scope, wanted) =>
    expect(verdict(WHO[who], { access: 'viewer', scope }, OWN, NOW)).toBe(wanted),
  )
})

describe('a grave act', () => {
  const grave = (principal: Principal, now = NOW) =>
    verdict(principal, { access: 'owner', scope: 'delegations:write', isGrave: true }, OWN, now)
  const later = (ms: number) => new Date(NOW.getTime() + ms)

  test.each([
    [0, 'allowed'],
    [15 * 60_000 - 1, 'allowed'],
    [15 * 60_000, 'fresh-sign-in-required'],
    [7 * 86_400_000, 'fresh-sign-in-required'],
  ])('%d ms after its owner proved to be there: %s', (ms, wanted) => {
    for (const who of [WHO.owner, WHO.operator, WHO.machine]) expect(grave(who, later(ms))).toBe(wanted)
  })

  test('asks a person who may not do it for no password', () => expect(grave(WHO.viewer, later(86_400_000))).toBe(no))

  test('takes a token of the scope `grave` and the other one', () => {
    expect(grave(WHO.token)).toBe(no)
    expect(grave(program(OWN, ['grave']))).toBe(no)
    expect(grave(program(OWN, ['grave', 'delegations:read']))).toBe(no)
    expect(grave(program(OWN, ['grave', 'delegations:write']))).toBe(yes)
  })
})
