import type { Act } from '../act.ts'

/** Lowest first: each may what the ones before may. An owner also sees to members and tokens. */
export const ROLES = ['viewer', 'admin', 'owner'] as const
export type Role = (typeof ROLES)[number]

export function isAtLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least)
}

/** A user's part in a tenant. */
export interface Member {
  id: string // the user's
  tenantId: string
  email: string
  role: Role
  hasSecondFactor: boolean
  createdAt: Date // when they joined
  revision: number
}

export interface MemberStore {
  /** @throws ProblemError already-exists */
  add(tenantId: string, member: { userId: string; role: Role }, act: Act): Promise<Member>
  find(tenantId: string, userId: string): Promise<Member | undefined>
  /** Ordered by e-mail address. */
  list(tenantId: string, page: { after?: string; limit: number; search?: string }): Promise<Member[]>
  /** The tenants that a user is a member of, with the roles, by tenant id. */
  rolesOf(userId: string): Promise<Map<string, Role>>
  /**
   * A lower one ends the tokens and open invitations of the tenant that they have made.
   * @throws ProblemError last-owner, not-found, precondition-failed
   */
  setRole(tenantId: string, userId: string, role: Role, act: Act): Promise<Member>
  /** Ends the same. @throws ProblemError last-owner, not-found, precondition-failed */
  remove(tenantId: string, userId: string, act: Act): Promise<void>
}
