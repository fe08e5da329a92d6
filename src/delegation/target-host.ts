import type { Act } from '../act.ts'
import type { DomainName } from '../name.ts'

/** Where the operator's XMPP service answers over HTTPS with the certificate to expect. */
export interface TargetHost {
  id: string
  name: DomainName
  port: number // of HTTPS; 443 is left out of a Location
  frontLineageId: string | null
  createdAt: Date
  revision: number
}

export interface TargetHostPage {
  after?: DomainName | undefined // name of the last of the page before
  limit: number
  search?: string | undefined
  isDescending?: boolean | undefined
}

/** What people change throws precondition-failed where the act asks for another revision (`requireMatch`). */
export interface TargetHostStore {
  /** @throws ProblemError already-exists */
  add(target: { name: DomainName; port: number }, act: Act): Promise<TargetHost>
  find(name: DomainName): Promise<TargetHost | undefined>
  /** Ordered by name. */
  list(page: TargetHostPage): Promise<TargetHost[]>
  /** Every source domain that is delegated to it redirects there. @throws ProblemError not-found */
  setPort(name: DomainName, port: number, act: Act): Promise<TargetHost>
  /** Target hosts without a front lineage, in no order; an indexed look-up. */
  wantingFront(limit: number): Promise<Pick<TargetHost, 'name'>[]>
  setFrontLineage(name: DomainName, lineageId: string | null, act: Act): Promise<void>
  /** @throws ProblemError still-in-use: a delegation leads to it */
  remove(name: DomainName, act: Act): Promise<void>
}
