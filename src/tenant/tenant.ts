import type { Act } from '../act.ts'

/** A customer of the operator: an owner of source domains. */
export interface Tenant {
  id: string
  name: string // unique; lower-case letters, digits and hyphens
  createdAt: Date
}

export interface TenantStore {
  /** @throws ProblemError already-exists */
  add(name: string, act: Act): Promise<Tenant>
  find(id: string): Promise<Tenant | undefined>
  findByName(name: string): Promise<Tenant | undefined>
  list(page: { after?: string; limit: number; search?: string }): Promise<Tenant[]>
  /** @throws ProblemError still-in-use: it still has source domains or lineages */
  remove(id: string, act: Act): Promise<void>
}
