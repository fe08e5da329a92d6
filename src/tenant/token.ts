import type { Act } from '../act.ts'
import type { Scope } from './scope.ts'

/** What a program signs in with. Of its secrets only the SHA-256 is stored; during a rotation it has two. */
export interface ApiToken {
  id: string
  tenantId: string | null // null: the operator's own
  name: string // unique within the tenant
  scopes: Scope[]
  addresses: string[] | null // addresses and prefixes, "192.0.2.0/24"; null: from anywhere
  createdBy: string
  createdById: string | null // of the user, also of one whose token has issued it; null: machine, command line
  createdAt: Date
  expiresAt: Date | null // null: never
  lastUsedAt: Date | null // within 5 minutes; null: not yet
  lastUsedBy: string | null // IP address
  rotatesUntil: Date | null // the former secret is taken until then, which may be past; null: there is one only
  revision: number
}

export interface TokenStore {
  /** @throws ProblemError already-exists: the tenant has a token of that name */
  add(
    secretHash: string,
    token: Pick<ApiToken, 'tenantId' | 'name' | 'scopes' | 'addresses' | 'expiresAt' | 'createdById'>,
    act: Act,
  ): Promise<ApiToken>
  find(tenantId: string | null, id: string): Promise<ApiToken | undefined>
  /** Undefined where the secret is unknown or its end has come. `isFormer`: another has taken its place. */
  findBySecret(secretHash: string, now: Date): Promise<(ApiToken & { isFormer: boolean }) | undefined>
  /** At most every 5 minutes, by what was found. */
  noteUse(token: Pick<ApiToken, 'id' | 'lastUsedAt'>, address: string | null, at: Date): Promise<void>
  /** Ordered by name. */
  list(tenantId: string | null, page: { after?: string; limit: number; search?: string }): Promise<ApiToken[]>
  /** Another secret; those before are taken until then. @throws ProblemError not-found, precondition-failed */
  rotate(tenantId: string | null, id: string, secretHash: string, formerUntil: Date, act: Act): Promise<ApiToken>
  /** @throws ProblemError not-found, precondition-failed */
  remove(tenantId: string | null, id: string, act: Act): Promise<void>
}
