import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { JobKind } from '../work/runner.ts'
import type { Issuer } from './issuer.ts'
import { isFrontLineage, type Lineage, type LineageCertificate, type LineageStore, type Source } from './lineage.ts'
import { renewAt, takenOverAt } from './renewal.ts'
import { active, knownToAllAt, stateAt } from './rollover.ts'

/** The kind of job; its key is the id of the lineage. */
export const FRONT_CERTIFICATE = 'front-certificate'

const UNPROVEN_AGAIN_MS = 15 * 60_000
const LONGEST_LOOK_MS = 15_000
const DAY_MS = 86_400_000
const CLOCKS_DIFFER_MS = 2 * DAY_MS
/** So that a job that sleeps for longer was put to sleep by a clock that was wrong, and can be told by that. */
export const LONGEST_SLEEP_MS = 30 * DAY_MS

export type Confirmation = 'proven' | 'not yet' | 'not claimed'

export interface FrontCertificatePayload {
  tenantId: string | null
  lineageId: string
  identifiers: DomainName[]
}

/**
 * Sees to it that a front lineage has a certificate that is not due. May be run again after a crash at any line: what
 * was staged is activated and not ordered anew. Nobody keeps a front certificate, so it need not be staged for a while,
 * but where a delegation publishes the same lineage.
 * Nothing is ordered, and no step of an order is taken, for a tenant's name without a fresh proof of control: then it
 * comes again in a quarter of an hour. It ends where the lineage is gone, nothing presents or publishes it, its tenant
 * claims the name no more, or its certificates come by hand by now; but where ACME authorities are to issue, they stand in
 * for whoever brings those of a host and has brought none in time.
 */
export function frontCertificateJob(deps: {
  lineages: Pick<LineageStore, 'find' | 'stage' | 'activate' | 'isPublished'>
  issuers: Readonly<Record<Issuer['source'], Issuer>>
  /** Who is to issue; a lineage that somebody else supplies moves when it is due. 'import': whoever issued last. */
  authority: Source
  /** Whether the tenant has a fresh proof that it controls the name, as far as is known: it asks nobody. */
  confirmControl: (tenantId: string, name: DomainName) => Promise<Confirmation>
  /** Whether anything is presented or published from the lineage, or somebody has asked for it; else it is not renewed. */
  isInUse: (lineage: Lineage) => Promise<boolean>
  cacheSpanMs: number // for how long a document may be kept by whoever fetched it; see `rollover.ts`
  clock: Clock
}): JobKind {
  const { lineages, issuers, authority, confirmControl, isInUse, cacheSpanMs, clock } = deps

  async function confirm({ tenantId, identifiers }: FrontCertificatePayload): Promise<Confirmation> {
    const found = tenantId === null ? [] : await Promise.all(identifiers.map((name) => confirmControl(tenantId, name)))
    return found.find((one) => one === 'not claimed') ?? found.find((one) => one === 'not yet') ?? 'proven'
  }

  /**
   * What the local authority supplies it goes on supplying until an ACME authority has issued, so that the pages are
   * there at the first start and nothing lapses while no authority is set up, or the one that is refuses.
   */
  function issuerOf(source: Issuer['source'], isDue: boolean): Issuer {
    const isLocalStill = source === 'local' && isDue
    return issuers[authority === 'import' || isLocalStill ? source : authority]
  }

  async function advance(front: FrontCertificatePayload): Promise<Date | 'not yet' | 'done'> {
    const lineage = await lineages.find(front.tenantId, front.lineageId)
    if (!lineage) return 'done'
    const now = clock.now()
    const present = active(lineage.certificates)
    const isByHand = lineage.source === 'import'
    const source = lineage.source === 'import' ? 'acme' : lineage.source
    // One that is made for a host is taken over before what somebody has brought expires
    if (isByHand && !(authority === 'acme' && isFrontLineage(lineage) && present)) return 'done'
    // Somebody wants it of that very issuer, and an XMPP server presents it
    const isAskedFor = lineage.identifiers !== null
    const isUsable = (one: LineageCertificate) =>
      // Keys of a name that was lost are destroyed, and their certificates stay
      one.privateKeyId !== null &&
      (isByHand || names(one.dnsNames) === names(front.identifiers)) &&
      // Issued while this clock was far ahead; a little ahead it is this clock that may be behind
      one.notBefore.getTime() <= now.getTime() + CLOCKS_DIFFER_MS
    const renewalOf = async (one: LineageCertificate) =>
      isByHand ? { renewAt: takenOverAt(one), askAgainAt: takenOverAt(one) } : issuers[source].renewal(one)
    const renewal = present && isUsable(present) ? await renewalOf(present) : null
    // Whoever was asked took long: what is left of the lease is not enough to order
    if (clock.now().getTime() - now.getTime() > LONGEST_LOOK_MS) return clock.now()
    const isDue = renewal === null || renewal.renewAt <= now
    // The world does not trust the local authority: no reason to wait until its certificate is due
    const isToMove = lineage.source === 'local' && authority === 'acme' && !isAskedFor
    if (!isDue && !isToMove) return earliest(renewal.renewAt, renewal.askAgainAt)
    // The first is made before the host is told of the lineage; a later one only where a host still has it
    if (present && !(await isInUse(lineage))) return 'done'
    const control = await confirm(front)
    if (control === 'not claimed') return 'done'

    const issuer = isAskedFor ? issuers[source] : issuerOf(source, isDue)
    const act: Act = { at: now, actor: issuer.name, address: null }
    let fresh = lineage.certificates.find(
      (one) => stateAt(one, now) === 'staged' && one.notBefore <= now && isUsable(one) && renewAt(one) > now,
    )
    const isBrought = isByHand && fresh !== undefined
    if (!fresh) {
      if (control === 'not yet') return 'not yet'
      const { tenantId, lineageId, identifiers } = front
      const issued = await issuer.issue({ tenantId, lineageId, identifiers, replaces: present ?? null })
      if (issued.outcome === 'later') return isDue ? issued.at : earliest(issued.at, renewal.renewAt)
      fresh = await lineages.stage(tenantId, lineageId, issued, act)
    }
    const isPublished = await lineages.isPublished(front.lineageId)
    const knownAt = isPublished ? knownToAllAt([...lineage.certificates, fresh], fresh, { now, cacheSpanMs }) : now
    if (knownAt > now) return knownAt
    // The XMPP server that presents the one before as well was told nothing: that stays published to its end
    const inUseUntil = Math.max(now.getTime() + cacheSpanMs, present?.notAfter.getTime() ?? 0)
    const retiresAt = isPublished || isAskedFor ? new Date(inUseUntil) : now
    const by = isBrought ? lineage.source : issuer.source
    const activated = await lineages.activate(front.tenantId, fresh.id, retiresAt, act, by)
    if (issuer.source === 'local' && authority === 'acme' && !isAskedFor) return now
    const next = isBrought ? await renewalOf(activated) : await issuer.renewal(activated)
    return earliest(next.renewAt, next.askAgainAt)
  }

  return async ({ payload }) => {
    const front = payload as FrontCertificatePayload // written by our own process, which compiles against the same type
    // The name may also be lost while the authority is asked. Nothing has failed, it is only not the time
    const next = await advance(front).catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'control-unproven') return 'not yet' as const
      throw error
    })
    if (next === 'done') return
    const now = clock.now().getTime()
    const runAgainAt = next === 'not yet' ? new Date(now + UNPROVEN_AGAIN_MS) : next
    return { runAgainAt: earliest(runAgainAt, new Date(now + LONGEST_SLEEP_MS)) }
  }
}

function names(dnsNames: string[]): string {
  return [...new Set(dnsNames)].sort().join(', ')
}

function earliest(...instants: Date[]): Date {
  return new Date(Math.min(...instants.map((at) => at.getTime())))
}
