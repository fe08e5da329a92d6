import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import { ProblemError, type FieldProblem } from '../problem.ts'
import { addressRange, isWithin } from './address-range.ts'
import { apiSecretHash, newApiSecret } from './api-secret.ts'
import type { MemberStore } from './member.ts'
import { actingAs, creatorId, type Principal } from './principal.ts'
import type { RandomBytes } from './random-token.ts'
import { includesScope, OPERATORS_SCOPES, type Scope } from './scope.ts'
import type { Session } from './session.ts'
import type { TenantStore } from './tenant.ts'
import type { ApiToken, TokenStore } from './token.ts'
import type { UserStore } from './user.ts'

/** API tokens: `wp_` and 256 random bits, with a checksum that lets scanners of leaked secrets tell them from chance. */
export interface ApiTokens {
  /**
   * @param by a token cannot make another that may do more, from more addresses or for longer, than itself
   * @returns the only copy of the secret
   * @throws ProblemError already-exists, forbidden, malformed-request
   */
  issue(
    by: Principal,
    token: {
      tenantId: string | null
      name: string
      scopes: readonly Scope[]
      addresses: readonly string[] | null
      expiresAt: Date | null
    },
    act: Act,
  ): Promise<{ token: ApiToken; secret: string }>
  /**
   * Another secret; the former is taken for as long as `overlapMs`, a week at most.
   * @throws ProblemError not-found, forbidden, malformed-request
   */
  rotate(
    by: Principal,
    tenantId: string | null,
    id: string,
    overlapMs: number,
    act: Act,
  ): Promise<{ token: ApiToken; secret: string }>
}

/** Who a request is from. */
export interface Principals {
  /** Undefined where the session is not complete, or its user is gone. */
  ofSession(session: Session): Promise<Principal | undefined>
  /** Undefined where the secret is none, unknown or expired, or comes from an address that it is not taken from. */
  ofSecret(secret: string, address: string | null): Promise<Principal | undefined>
}

export const MOST_OVERLAP_MS = 7 * 86_400_000
const MOST_ADDRESSES = 50
const MOST_NAME_CHARACTERS = 100

export function apiTokens(deps: { tokens: TokenStore; randomBytes: RandomBytes }): ApiTokens {
  const { tokens, randomBytes } = deps
  return {
    async issue(by, { tenantId, name, scopes, addresses, expiresAt }, act) {
      const token = {
        tenantId,
        name: tokenName(name),
        scopes: scopesFor(tenantId, scopes),
        addresses: addresses && rangesOf(addresses),
        expiresAt,
        createdById: creatorId(by),
      }
      if (expiresAt !== null && expiresAt.getTime() <= act.at.getTime())
        throw malformed([{ pointer: '/expiresAt', detail: 'should be in the future' }])
      requireWithin(by, token)
      const { secret, hash } = newApiSecret(randomBytes)
      return { token: await tokens.add(hash, token, act), secret }
    },

    async rotate(by, tenantId, id, overlapMs, act) {
      if (!(overlapMs >= 0 && overlapMs <= MOST_OVERLAP_MS))
        throw malformed([{ pointer: '/overlapSeconds', detail: 'should be at least 0 and at most a week' }])
      const former = await tokens.find(tenantId, id)
      if (!former) throw new ProblemError('not-found', 'there is no such token')
      requireWithin(by, former)
      const { secret, hash } = newApiSecret(randomBytes)
      const token = await tokens.rotate(tenantId, id, hash, new Date(act.at.getTime() + overlapMs), act)
      return { token, secret }
    },
  }
}

export function principals(deps: {
  tokens: TokenStore
  users: UserStore
  members: MemberStore
  tenants: Pick<TenantStore, 'find'>
  clock: Clock
}): Principals {
  const { tokens, users, members, tenants, clock } = deps

  async function ofPerson({ id, userId, authenticatedAt }: Session): Promise<Principal | undefined> {
    const person = { scopes: 'all', authenticatedAt, token: null } as const
    if (userId === null)
      return { ...person, name: 'operator', key: `session ${id}`, userId, isOperator: true, roles: new Map() }
    const user = await users.find(userId)
    if (!user) return undefined
    return {
      ...person,
      name: user.email,
      key: `user ${userId}`,
      userId,
      isOperator: user.operatorSince !== null,
      roles: await members.rolesOf(userId),
    }
  }
  return {
    async ofSession(session) {
      if (session.stage !== 'complete') return undefined
      const person = await ofPerson(session)
      const { acting } = session
      if (!person?.isOperator || !acting || acting.until.getTime() <= clock.now().getTime()) return person
      const tenant = await tenants.find(acting.tenantId)
      return tenant ? actingAs(person, { id: tenant.id, name: tenant.name }, acting.until) : person
    },

    async ofSecret(secret, address) {
      const hash = apiSecretHash(secret)
      const now = clock.now()
      const token = hash === null ? undefined : await tokens.findBySecret(hash, now)
      if (!token) return undefined
      const { id, tenantId, name, scopes, addresses, expiresAt, createdById, isFormer } = token
      if (addresses && (address === null || !isWithin(address, addresses))) return undefined
      await tokens.noteUse(token, address, now)
      return {
        name: tenantId === null ? `operator's token ${name}` : `token ${name}`,
        key: `token ${id}`,
        userId: null,
        isOperator: tenantId === null,
        roles: new Map(tenantId === null ? [] : [[tenantId, 'owner']]), // its scopes say what of that it may do
        scopes: new Set(scopes),
        authenticatedAt: null,
        token: { expiresAt, addresses, createdById, isFormer },
      }
    },
  }
}

/** Nobody hands on more than they have: a token that leaks could otherwise be made into a better one. */
function requireWithin(by: Principal, token: Pick<ApiToken, 'tenantId' | 'scopes' | 'addresses' | 'expiresAt'>): void {
  if (token.tenantId === null && !by.isOperator)
    throw new ProblemError('forbidden', 'only an operator issues tokens of the operator')
  // Rotated because it may have leaked: whoever has it would come out of the overlap with a secret that stays
  if (by.token?.isFormer)
    throw new ProblemError('forbidden', 'your secret is a former one of its token; use the one that took its place')
  if (by.scopes === 'all') return
  const own = by.scopes
  const missing = token.scopes.filter((scope) => !includesScope(own, scope))
  if (missing.length > 0)
    throw new ProblemError(
      'forbidden',
      `your token does not have the ${missing.length > 1 ? 'scopes' : 'scope'} ${missing.join(', ')}, so that it cannot hand it on`,
    )
  const { expiresAt = null, addresses = null } = by.token ?? {}
  if (expiresAt && !(token.expiresAt && token.expiresAt.getTime() <= expiresAt.getTime()))
    throw new ProblemError(
      'forbidden',
      `your token ends at ${expiresAt.toISOString()}, and a token that it issues has to end no later`,
    )
  if (addresses && !token.addresses?.every((range) => isWithin(range, addresses)))
    throw new ProblemError(
      'forbidden',
      `your token is taken from ${addresses.join(', ')} only, and a token that it issues from no other addresses`,
    )
}

function tokenName(text: string): string {
  const name = text.trim()
  if (name !== '' && name.length <= MOST_NAME_CHARACTERS && !/\p{Cc}/u.test(name)) return name
  const detail = `should be 1 to ${MOST_NAME_CHARACTERS} characters on one line, such as "deploy"`
  throw malformed([{ pointer: '/name', detail }])
}

function scopesFor(tenantId: string | null, given: readonly Scope[]): Scope[] {
  if (given.length === 0) throw malformed([{ pointer: '/scopes', detail: 'should name what the token may do' }])
  const scopes = [...new Set(given)]
  const faults = given.flatMap((scope, at) =>
    tenantId !== null && OPERATORS_SCOPES.includes(scope)
      ? [{ pointer: `/scopes/${at}`, detail: `${scope} is the operator's: no token of a tenant has it` }]
      : [],
  )
  if (faults.length > 0) throw malformed(faults)
  return scopes
}

function rangesOf(given: readonly string[]): string[] {
  if (given.length === 0 || given.length > MOST_ADDRESSES)
    throw malformed([{ pointer: '/addresses', detail: `should be 1 to ${MOST_ADDRESSES} addresses or prefixes` }])
  const ranges = given.map((text) => addressRange(text.trim()))
  const faults = ranges.flatMap((range, at) => {
    const detail = 'should be an IP address or a prefix, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32'
    return range === null ? [{ pointer: `/addresses/${at}`, detail }] : []
  })
  if (faults.length > 0) throw malformed(faults)
  return [...new Set(ranges.flatMap((range) => range ?? []))]
}

function malformed(fields: FieldProblem[]): ProblemError {
  const detail = fields.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`).join('; ')
  return new ProblemError('malformed-request', detail, { fields })
}
