import type { Act } from '../act.ts'

export const TENANT_NAME = {
  pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  wish: 'should be 1 to 63 lower-case letters, digits and inner hyphens, such as "acme"',
}

/** A customer of the operator: an owner of source domains. */
export interface Tenant {
  id: string
  name: string // unique; TENANT_NAME
  suspendedAt: Date | null // nothing of it is served from then on, and its members change nothing; null: not suspended
  quotas: Quotas
  edgeLabel: string // the first label of its own edge name: random, never given to another
  createdAt: Date
  revision: number
}

/** How many of each a tenant may have; null: no limit. What is there already stays where a quota is lowered. */
export interface Quotas {
  sourceDomains: number | null
  delegations: number | null
  lineages: number | null
}

export const NO_QUOTAS: Quotas = { sourceDomains: null, delegations: null, lineages: null }

export interface TenantPage {
  after?: string | undefined // name of the last of the page before
  limit: number
  search?: string | undefined
  among?: readonly string[] | undefined // only those, by id
  isSuspended?: boolean | undefined
  isDescending?: boolean | undefined
}

export interface TenantStore {
  /** @throws ProblemError already-exists */
  add(name: string, act: Act, quotas?: Quotas): Promise<Tenant>
  find(id: string): Promise<Tenant | undefined>
  findByName(name: string): Promise<Tenant | undefined>
  /** Ordered by name. */
  list(page: TenantPage): Promise<Tenant[]>
  /** What counts against the quotas. */
  count(id: string): Promise<Record<keyof Quotas, number>>
  /** @throws ProblemError not-found, precondition-failed */
  setQuotas(id: string, quotas: Quotas, act: Act): Promise<Tenant>
  /** Every process stops answering for its source domains. @throws ProblemError not-found, precondition-failed */
  suspend(id: string, act: Act): Promise<Tenant>
  resume(id: string, act: Act): Promise<Tenant>
  /** @throws ProblemError not-found, precondition-failed; still-in-use: it still has source domains or lineages */
  remove(id: string, act: Act): Promise<void>
}
