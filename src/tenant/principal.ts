import { isAtLeast, type Role } from './member.ts'
import { includesScope, type Scope } from './scope.ts'
import type { Tenant } from './tenant.ts'
import type { ApiToken } from './token.ts'

/** Who acts, as far as it matters for what they may do. */
export interface Principal {
  /** As the audit trail names them: "alice@example.org", "token deploy", "operator's token deploy", "operator", "cli:root". */
  name: string
  /** What belongs to them alone hangs on it: rate limits, idempotency keys. "user <id>", "token <id>", "session <id>". */
  key: string
  userId: string | null // null: a token, or the operator of the machine
  isOperator: boolean
  roles: ReadonlyMap<string, Role> // by tenant id
  scopes: ReadonlySet<Scope> | 'all' // 'all': a person
  authenticatedAt: Date | null // when a person last proved to be there; null: a token
  /** What else limits the token that acts, and what it issues; null: a person. */
  token: (Pick<ApiToken, 'expiresAt' | 'addresses' | 'createdById'> & { isFormer: boolean }) | null
  /** An operator who sees and does what an owner of the tenant would; left out: they act as themselves. */
  acting?: { tenant: Pick<Tenant, 'id' | 'name'>; until: Date }
}

/** They are an owner of that tenant and nothing else; who they are, and when they last proved it, stays. */
export function actingAs(operator: Principal, tenant: Pick<Tenant, 'id' | 'name'>, until: Date): Principal {
  return { ...operator, isOperator: false, roles: new Map([[tenant.id, 'owner']]), acting: { tenant, until } }
}

/** Who makes a link or a token, as far as it matters for when it ends. */
export type Creator = Pick<Principal, 'userId' | 'token'>

/** The user with whose rights a link or a token ends; null: nobody's, it is the machine's. */
export function creatorId({ userId, token }: Creator): string | null {
  return userId ?? token?.createdById ?? null
}

/** Least first. Roles are those in the tenant that the path names; an operator has all of them in every tenant. */
export type Access = 'public' | 'signed-in' | Role | 'operator'

/** What a route or page asks of its caller. */
export interface Requirement {
  access: Access
  scope?: Scope | 'any' | undefined // of an API token; 'any': whatever it has; left out: no token will do
  /** True: a person has to have proven lately to be there, a token needs the scope `grave`; 'for people': a token does not. */
  isGrave?: boolean | 'for people' | undefined
  /** It is about the person: their password, their factors, what they are a member of. As a tenant nobody comes to it. */
  isOwn?: boolean | undefined
}

export type Verdict = 'allowed' | 'acting' | 'sign-in-required' | 'not-found' | 'forbidden' | 'fresh-sign-in-required'

export const FRESH_MS = 15 * 60_000

/**
 * Whether somebody may do something. To whom is no member, a tenant looks as if it were not there.
 * @param tenantId of the path; null: it names none
 */
export function verdict(
  principal: Principal | null,
  { access, scope, isGrave = false, isOwn = false }: Requirement,
  tenantId: string | null,
  now: Date,
): Verdict {
  if (isOwn && principal?.acting) return 'acting'
  if (access === 'public') return 'allowed'
  if (!principal) return 'sign-in-required'
  const role = tenantId === null ? undefined : principal.isOperator ? 'owner' : principal.roles.get(tenantId)
  if (tenantId !== null && role === undefined) return 'not-found'
  if (access === 'operator' && !principal.isOperator) return 'forbidden'
  if (isRole(access) && !(role !== undefined && isAtLeast(role, access))) return 'forbidden'
  const { scopes, authenticatedAt } = principal
  if (scopes !== 'all') {
    const isInScope = scope !== undefined && (scope === 'any' || includesScope(scopes, scope))
    return isInScope && (isGrave !== true || scopes.has('grave')) ? 'allowed' : 'forbidden'
  }
  const isFresh = authenticatedAt !== null && now.getTime() - authenticatedAt.getTime() < FRESH_MS
  return isGrave && !isFresh ? 'fresh-sign-in-required' : 'allowed'
}

function isRole(access: Access): access is Role {
  return access === 'viewer' || access === 'admin' || access === 'owner'
}
