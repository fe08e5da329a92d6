import type { Act } from '../act.ts'
import { CERTIFICATE_TROUBLES, type Place, type TroublePage } from '../certificate/lineage.ts'
import type { DomainName } from '../name.ts'
import type { ProblemError } from '../problem.ts'
import type { Control } from '../tenant/control.ts'
import type { NewDelegation } from './delegation.ts'
import type { HostMeta } from './host-meta.ts'

/** Hosted: its DNS points at our edge. External: the owner's web server redirects, only the target host answers here. */
export type SourceDomainMode = 'hosted' | 'external'

/** A tenant's claim to a name. It is *held*, and answered for, while a proof of control is in force. */
export interface SourceDomain extends Control {
  id: string
  tenantId: string
  tenantName: string
  name: DomainName
  mode: SourceDomainMode
  suspendedAt: Date | null
  hostMeta: HostMeta | null
  frontLineageId: string | null
  createdAt: Date
  revision: number
}

export interface SourceDomainPage {
  after?: Pick<SourceDomain, 'name' | 'id'> | undefined // the last of the page before; several tenants may have claimed one name
  limit: number
  search?: string | undefined
  sort?: SourceDomainSort | undefined // 'name' where it is left out
  mode?: SourceDomainMode | undefined
  isProven?: boolean | undefined
  isSuspended?: boolean | undefined // the domain itself; a suspended tenant's are not marked
}

/** Lists of what may need a hand: where somebody waits the longest is first, or they are in the order of names. */
export const SOURCE_DOMAIN_TROUBLES = ['unproven', 'wavering', 'suspended', ...CERTIFICATE_TROUBLES] as const
export type SourceDomainTrouble = (typeof SOURCE_DOMAIN_TROUBLES)[number]

/** What begins with "-" is the other way round: from z to a, newest first. */
export type SourceDomainSort = 'name' | '-name' | 'created' | '-created'

export interface NewSourceDomain {
  name: DomainName
  mode: SourceDomainMode
  isVouched: boolean
}

/** Of one file. */
export const MOST_IMPORT_LINES = 100_000
export const MOST_IMPORT_BYTES = 10 * 2 ** 20

/** A name together with all that it is to be delegated to. */
export interface ImportedDomain extends NewSourceDomain {
  tenantId: string
  delegations: ImportedDelegation[]
}

export interface ImportedDelegation extends Omit<NewDelegation, 'sourceDomainId' | 'targetHostId' | 'lineageId'> {
  targetHost: DomainName
  lineage: string // by its name: the tenant's own, else the operator's
}

/** There already: the claim is left as it is, and gets the delegations that it lacks. A problem: nothing has changed. */
export type ImportOutcome = 'added' | 'there already' | ProblemError

/** What of their quotas tenants will have spent, by their ids. */
export type SpentQuotas = Map<string, { sourceDomains: number; delegations: number }>

/** What people change throws precondition-failed where the act asks for another revision (`requireMatch`). */
export interface SourceDomainStore {
  /**
   * @throws ProblemError already-exists: the tenant has claimed it before
   * @throws ProblemError source-domain-taken: vouched for, and another tenant holds it
   * @throws ProblemError quota-reached
   */
  add(tenantId: string, domain: NewSourceDomain, act: Act): Promise<SourceDomain>
  /**
   * Domains of any tenants with their delegations in one transaction, of a tenant each name once. An outcome for each, in
   * their order; one that is refused (source-domain-taken, not-found, quota-reached) stops no other. A service that is delegated
   * already is left as it is.
   */
  importMany(domains: readonly ImportedDomain[], act: Act): Promise<ImportOutcome[]>
  /**
   * What `importMany` would do, as far as the domains do not stand in each other's way; changes nothing.
   * @param spent of quotas, by what was foreseen before of the same list; what is foreseen now is added
   */
  rehearseImport(domains: readonly ImportedDomain[], spent?: SpentQuotas): Promise<ImportOutcome[]>
  find(tenantId: string, name: DomainName): Promise<SourceDomain | undefined>
  /** The claims of all tenants to one name. */
  claims(name: DomainName): Promise<SourceDomain[]>
  list(tenantId: string | 'all', page: SourceDomainPage): Promise<SourceDomain[]>
  /** Those that something is wrong with. Of certificates: that they present, or that is made for their name. */
  listTroubled(
    tenantId: string | 'all',
    page: TroublePage<SourceDomainTrouble> & { mode?: SourceDomainMode | undefined },
    now: Date,
  ): Promise<(SourceDomain & { place: Place })[]>
  /** The operator's word that the tenant controls the name. @throws ProblemError source-domain-taken, not-found */
  vouch(tenantId: string, name: DomainName, act: Act): Promise<void>
  /** Nothing is served until control is proven otherwise, which is looked for at once. The claim stays, and so do its delegations. @throws ProblemError not-found */
  withdrawVouch(tenantId: string, name: DomainName, act: Act): Promise<void>
  /** @throws ProblemError not-found */
  setMode(tenantId: string, name: DomainName, mode: SourceDomainMode, act: Act): Promise<SourceDomain>
  suspend(tenantId: string, name: DomainName, act: Act): Promise<void>
  resume(tenantId: string, name: DomainName, act: Act): Promise<void>
  setHostMeta(tenantId: string, name: DomainName, hostMeta: HostMeta | null, act: Act): Promise<void>
  /** Held, hosted names without a front lineage, in no order; an indexed look-up. */
  wantingFront(limit: number): Promise<Pick<SourceDomain, 'tenantId' | 'name'>[]>
  setFrontLineage(tenantId: string, name: DomainName, lineageId: string | null, act: Act): Promise<void>
  /** With its delegations; the private keys of its front lineage are kept for a while (`tenant/control.ts`). @throws ProblemError not-found */
  remove(tenantId: string, name: DomainName, act: Act): Promise<void>
}
