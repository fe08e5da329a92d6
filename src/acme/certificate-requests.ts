import type { Act } from '../act.ts'
import { FRONT_LINEAGE_PREFIX, isFrontLineage, type LineageWithCertificates } from '../certificate/lineage.ts'
import { active } from '../certificate/rollover.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Limits } from './limits.ts'
import type { IssuanceStore, Order, OrderStore, RenewalInfoStore } from './order.ts'

const ORDERS_LOOKED_BACK = 50

/** What people ask for of a lineage that authorities issue for. Nothing is ordered here: a job that is due now does it. */
export interface CertificateRequests {
  /**
   * Has the first certificate ordered, or what has failed tried again now.
   * @throws ProblemError malformed-request: its certificates come by hand
   * @throws ProblemError too-many-requests: it was tried before its time too often
   */
  issue(lineage: LineageWithCertificates, act: Act): Promise<void>
  /**
   * Has the active certificate replaced now, though it is not due.
   * @throws ProblemError malformed-request: there is none, or no ACME authority has issued it
   * @throws ProblemError too-many-requests: its authority would soon refuse what has to be renewed
   */
  renew(lineage: LineageWithCertificates, act: Act): Promise<void>
  /** As `renew`, and whatever is left of limits: it is to be revoked. */
  replace(lineage: LineageWithCertificates, why: ReplacementReason, act: Act): Promise<void>
}

export interface IssuanceRequestStore {
  /**
   * Makes the job of a lineage due now, and writes down who wanted what.
   * @throws ProblemError not-found: the lineage is gone
   */
  request(
    request: {
      lineage: Pick<LineageWithCertificates, 'id' | 'tenantId' | 'name'>
      identifiers: DomainName[]
      isTriedAnew: boolean // what failed is forgotten
      facts: RequestFacts
    },
    act: Act,
  ): Promise<void>
}

/** What somebody wants, as it stands in the audit trail. */
export type RequestFacts = { wanted: 'issue' | 'renew' } | ({ wanted: 'replace' } & ReplacementReason)
export interface ReplacementReason {
  revocationOf: string // the id of the certificate that is to be revoked
  reason: string
}

export function certificateRequests(deps: {
  orders: Pick<OrderStore, 'ofCertificate' | 'list'>
  issuance: Pick<IssuanceStore, 'memory'>
  issuanceRequests: IssuanceRequestStore
  renewalInfo: RenewalInfoStore
  limitsOf: (authorityId: string) => Promise<Limits>
  /** @throws ProblemError too-many-requests */
  limitRetries: (lineageId: string, now: Date) => Promise<void>
}): CertificateRequests {
  const { orders, issuance, issuanceRequests, renewalInfo, limitsOf, limitRetries } = deps

  async function runNow(lineage: LineageWithCertificates, facts: RequestFacts, act: Act): Promise<void> {
    const memory = await issuance.memory(lineage.id)
    const isTriedAnew = memory !== undefined && memory.nextAt > act.at
    if (isTriedAnew) await limitRetries(lineage.id, act.at)
    const identifiers = await identifiersOf(lineage)
    await issuanceRequests.request({ lineage, identifiers, isTriedAnew, facts }, act)
  }

  async function identifiersOf(lineage: LineageWithCertificates): Promise<DomainName[]> {
    const { id, name, certificates } = lineage
    if (lineage.identifiers) return lineage.identifiers
    if (isFrontLineage(lineage)) return [name.slice(FRONT_LINEAGE_PREFIX.length) as DomainName] // we have named it so
    const [last] = await orders.list(id, { limit: 1 })
    return last?.identifiers ?? ((active(certificates)?.dnsNames ?? []) as DomainName[]) // an authority has issued it
  }

  async function replace(lineage: LineageWithCertificates, facts: RequestFacts, act: Act): Promise<void> {
    const present = active(lineage.certificates)
    const order = present && (await orders.ofCertificate(present.id))
    if (!present || !order)
      throw new ProblemError(
        'malformed-request',
        `lineage ${lineage.name} has no active certificate of an ACME authority, so that there is nothing to renew`,
      )
    const known = await renewalInfo.find(present.id)
    const unknown = { start: null, end: null, explanationUrl: null, polledAt: act.at, pollAt: act.at, fault: null }
    // As if that were the instant that was chosen: where it is due already it stays so
    const isDue = known?.renewAt != null && known.renewAt <= act.at
    if (!isDue) await renewalInfo.save({ ...unknown, ...known, certificateId: present.id, renewAt: act.at })
    await runNow(lineage, facts, act)
  }

  return {
    async issue(lineage, act) {
      if (lineage.source === 'import')
        throw new ProblemError(
          'malformed-request',
          `the certificates of lineage ${lineage.name} come by hand: import one (waypost certificate import)`,
        )
      await runNow(lineage, { wanted: 'issue' }, act)
    },

    async renew(lineage, act) {
      const present = active(lineage.certificates)
      const order = present && (await orders.ofCertificate(present.id))
      if (order) {
        const { identifierSet } = await limitsOf(order.authorityId)
        const issued = await orders.list(lineage.id, { limit: ORDERS_LOOKED_BACK })
        requireLeft(issued, order.authorityId, identifierSet, act.at)
      }
      await replace(lineage, { wanted: 'renew' }, act)
    },

    replace: (lineage, why, act) => replace(lineage, { wanted: 'replace', ...why }, act),
  }
}

/** One is left for when the certificate has to be renewed. @throws ProblemError too-many-requests */
function requireLeft(orders: Order[], authorityId: string, limit: Limits['identifierSet'], now: Date): void {
  if (limit === null) return
  const since = now.getTime() - limit.periodMs
  const issued = orders
    .filter((one) => one.outcome === 'issued' && one.authorityId === authorityId)
    .flatMap(({ finishedAt }) => (finishedAt && finishedAt.getTime() > since ? [finishedAt.getTime()] : []))
    .toSorted((one, other) => one - other)
  const least = issued[issued.length - Math.max(limit.count - 1, 1)]
  if (least === undefined) return
  const at = new Date(least + limit.periodMs)
  const hours = Math.round(limit.periodMs / 3_600_000)
  throw new ProblemError(
    'too-many-requests',
    `its authority issues at most ${limit.count} certificates for the same names in ${hours} hours; it has issued ${issued.length}, and one is left for when this has to be renewed: try again after ${at.toISOString()}`,
    { retryAfterMs: at.getTime() - now.getTime() },
  )
}
