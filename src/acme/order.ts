import type { Act } from '../act.ts'
import type { DomainName } from '../name.ts'
import type { AcmeProblem, Challenge, OrderReply, OrderStatus } from './session.ts'

/**
 * An order as a row (RFC 8555 §7.4): whatever has to outlive the process stands in it before it is used, so that whoever
 * comes next goes on where the last one died.
 */
export interface Order {
  id: string
  tenantId: string | null
  lineageId: string
  authorityId: string
  identifiers: DomainName[] // sorted
  profile: string | null // as asked for
  replaces: string | null // the ARI identifier as asked for, RFC 9773 §5; null: none
  csrDer: Uint8Array
  status: OrderStatus | 'new' // 'new': asked for, or about to be; no answer is known
  newOrders: number // how often it was asked for
  url: string | null // null while 'new'
  finalizeUrl: string | null
  certificateUrl: string | null
  expiresAt: Date | null
  authorizations: OrderAuthorization[]
  createdAt: Date
  finishedAt: Date | null // null: under way
  outcome: 'issued' | 'failed' | 'abandoned' | null // null: under way
  problem: AcmeProblem | null // why it failed
  certificateId: string | null // of an order that was issued and whose certificate is still here
}

export interface OrderAuthorization {
  url: string
  identifier: string // '' until it was read, in an order of several
  status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked'
  challenge: (Pick<Challenge, 'type' | 'url' | 'token'> & { isAnswered: boolean }) | null // null: none chosen yet
  expiresAt: Date | null
}

export type NewOrder = Pick<
  Order,
  'tenantId' | 'lineageId' | 'authorityId' | 'identifiers' | 'profile' | 'replaces' | 'csrDer'
>

export type OrderChanges = Partial<
  Pick<
    Order,
    | 'status'
    | 'newOrders'
    | 'url'
    | 'finalizeUrl'
    | 'certificateUrl'
    | 'expiresAt'
    | 'authorizations'
    | 'replaces'
    | 'profile'
  >
>

/**
 * The kind of job that is asked for when a tenant loses a name; its key is `authorizationDeactivationKey`. Authorizations
 * belong to the account, which all tenants share: the name's next holder, and whoever lost it, would ride on them.
 */
export const AUTHORIZATION_DEACTIVATION = 'authorization-deactivation'

export interface AuthorizationDeactivationPayload {
  tenantId: string // who has lost the name
  name: DomainName
}

/** With the tenant: of two who lose the name one after the other both have something to be deactivated. */
export function authorizationDeactivationKey({ tenantId, name }: AuthorizationDeactivationPayload): string {
  return `${name} ${tenantId}`
}

/** Orders. Of a lineage at most one is under way: the schema is the judge. */
export interface OrderStore {
  underWay(lineageId: string): Promise<Order | undefined>
  /**
   * Writes the order with its private key, sealed, before anybody is asked for it.
   * @param privateKey PKCS#8 DER
   * @throws ProblemError already-exists: one of the lineage is under way; not-found: the lineage or the authority is gone
   * @throws ProblemError control-unproven: the lineage is a tenant's who does not hold one of the names (any more)
   */
  begin(order: NewOrder, privateKey: Uint8Array, act: Act): Promise<Order>
  /** @throws ProblemError not-found: it is over, ended elsewhere meanwhile, or gone */
  save(id: string, changes: OrderChanges): Promise<Order>
  /** PKCS#8 DER in clear, of an order under way. @throws ProblemError not-found: it is over, or gone */
  privateKey(id: string): Promise<Uint8Array>
  /**
   * Ends it without a certificate; its private key is destroyed. (One that is issued ends in `LineageStore.stage`, in the
   * transaction that keeps the certificate.) Nothing is done where it is over already.
   */
  end(id: string, outcome: 'failed' | 'abandoned', problem: AcmeProblem | null, act: Act): Promise<void>
  /** The newest first. */
  list(lineageId: string, page: { limit: number }): Promise<Order[]>
  /**
   * Authorizations for the name that a tenant's orders, under way or over, have made and that may be in force still.
   * @param tenantId null: the operator's own orders
   */
  authorizations(tenantId: string | null, name: DomainName, now: Date): Promise<{ authorityId: string; url: string }[]>
  /** Forgets that authorization: the authority holds it no more. */
  noteDeactivated(authorizationUrl: string): Promise<void>
  /** Whose certificate it is; undefined: no authority's, or of before orders were kept. */
  ofCertificate(certificateId: string): Promise<Order | undefined>
}

/** What remains of failures, by lineage, so that no restart and no request makes anything sooner. */
export interface IssuanceMemory {
  lineageId: string
  failures: number // in a row, that were the same party's affair
  failedAt: Date
  problem: AcmeProblem
  whose: Whose
  authorityId: string | null // that failed; null: it came to no order
  nextAt: Date // nothing is ordered before then
  failuresOfAuthority: number // in a row, that are the authority's own affair; for failover
  challengeType: string | null // that failed: the next attempt uses another
}

/** Who has to do something about a failure: the owner of the domain, the authority (it passes by itself), or the operator. */
export type Whose = 'owner' | 'authority' | 'operator'

export interface IssuanceStore {
  memory(lineageId: string): Promise<IssuanceMemory | undefined>
  /** Remembers, and writes the audit trail. */
  failed(memory: IssuanceMemory, act: Act): Promise<void>
  /** Forgets what failed: a certificate was issued, or a person wants it tried now. */
  forget(lineageId: string): Promise<void>
}

/** What an authority said about renewing one certificate (RFC 9773), and the instant that was chosen within it. */
export interface KnownRenewalInfo {
  certificateId: string
  start: Date | null // null: it never said anything valid
  end: Date | null
  explanationUrl: string | null
  renewAt: Date | null // chosen once for a window
  polledAt: Date
  pollAt: Date // the next time
  fault: string | null // of the last poll, in words
}

export interface RenewalInfoStore {
  find(certificateId: string): Promise<KnownRenewalInfo | undefined>
  save(known: KnownRenewalInfo): Promise<void>
}

export type { OrderReply }
