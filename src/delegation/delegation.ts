import type { Act } from '../act.ts'
import type { DomainName } from '../name.ts'

/** What a delegation is published under, draft-miller-xmpp-fed-00 §6.3: an SRV service and protocol (RFC 2782). */
export interface ServiceName {
  service: string // "_xmpp-server", lower case, with its underscore
  protocol: string // "_tcp"
}

/** What the source domain's path `/.well-known/tls/…` gives: the 302 of §6.3 step 2, or the PEM itself ("possession"). */
export type TlsAnswer = 'redirect' | 'possession'
/** What the source domain's path `/.well-known/posh/…` gives (RFC 7711 §3). */
export type PoshAnswer = 'fingerprints' | 'redirect' | 'reference' | 'off'

/** What a delegation answers where nothing else is asked for: what every client can read. */
export const USUAL_ANSWERS = { tlsAnswer: 'redirect', poshAnswer: 'fingerprints', srvPort: null } as const

export interface Delegation extends ServiceName {
  id: string
  tenantId: string
  sourceDomainId: string
  sourceDomain: DomainName
  targetHost: DomainName
  targetPort: number
  lineageId: string // of the service certificate
  lineageName: string
  tlsAnswer: TlsAnswer
  poshAnswer: PoshAnswer
  srvPort: number | null // null: the service's usual port
  /** What an initiating entity found at an external source domain's own web server; null: nobody has looked. */
  ruleCheck: RuleCheck | null
  createdAt: Date
  revision: number
}

/** Whether the owner's web server gives what it should, three outcomes. */
export interface RuleCheck {
  outcome: 'ok' | 'wrong' | 'could-not-ask'
  found: string // for people: what is wrong and what to do, or what is right
  checkedAt: Date
}

/** The part of a delegation that an answer needs. */
export interface PublishedDelegation extends ServiceName {
  targetHost: DomainName
  targetPort: number
  lineageId: string
  tlsAnswer: TlsAnswer
  poshAnswer: PoshAnswer
}

export interface NewDelegation extends ServiceName {
  sourceDomainId: string
  targetHostId: string
  lineageId: string
  tlsAnswer: TlsAnswer
  poshAnswer: PoshAnswer
  srvPort: number | null
}

export interface DelegationPage {
  after?: string | undefined // the id of the last delegation of the page before
  limit: number
  isOldestFirst?: boolean | undefined // newest first where it is left out
  sourceDomain?: DomainName | undefined
  service?: ServiceName | undefined
  targetHost?: DomainName | undefined
  lineage?: string | undefined // by its name, whoever's it is
  search?: string | undefined // part of a source domain's name
  isRuleWrong?: true | undefined // only those whose redirect rule was found wrong at the last look
}

/** What of a delegation can be changed; another service is another delegation. */
export type DelegationTerms = Omit<NewDelegation, 'sourceDomainId' | keyof ServiceName>

/** What people change throws precondition-failed where the act asks for another revision (`requireMatch`). */
export interface DelegationStore {
  /** @throws ProblemError already-exists: this service of the source domain is delegated; not-found, quota-reached */
  register(tenantId: string, delegation: NewDelegation, act: Act): Promise<Delegation>
  find(tenantId: string | 'all', id: string): Promise<Delegation | undefined>
  findByService(tenantId: string, sourceDomain: DomainName, service: ServiceName): Promise<Delegation | undefined>
  list(tenantId: string | 'all', page: DelegationPage): Promise<Delegation[]>
  /** Of the delegation, or what it is to lead to. @throws ProblemError not-found */
  change(tenantId: string, id: string, terms: DelegationTerms, act: Act): Promise<Delegation>
  /** No act of anybody's: neither a new revision nor an event. Where the delegation is gone nothing is written. */
  noteRuleCheck(tenantId: string, id: string, check: RuleCheck): Promise<void>
  /** @throws ProblemError not-found */
  withdraw(tenantId: string, id: string, act: Act): Promise<void>
}
