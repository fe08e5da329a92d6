import type { Act } from '../act.ts'
import type { DomainName } from '../name.ts'
import type { Findings } from './findings.ts'

/** The operator's word, a TXT record with the claim's token, or a CNAME record to the tenant's own edge name. */
export type Proof = 'vouched' | 'txt' | 'cname'

/** What is known of a tenant's control of a name, as instants; the state is derived (`stateOf`). */
export interface Control {
  proof: Proof | null // in force; null: nothing is served or issued
  provenAt: Date | null // in force since; null with `proof`
  seenAt: Date | null // when it was last seen; of a vouch, when it was given; null with `proof`
  waveringSince: Date | null // found definitely gone then and ever since; null: not wavering
  misses: number // how often it was found gone since then
  lapsedAt: Date | null // the last proof was in force until then; null: one is, or there never was one
}

export type ControlState = 'unproven' | 'vouched' | 'proven' | 'wavering' | 'lapsed'

/** A tenant's claim to a name, as far as the proof of control goes. Many may claim a name, one at most holds it. */
export interface Claim extends Control {
  id: string // UUIDv7: the earlier claim has the lower one
  tenantId: string
  name: DomainName
  mode: 'hosted' | 'external'
  edgeLabel: string // of the tenant's own edge name
  claimedAt: Date
}

/**
 * Every question has three outcomes; "could not ask" never takes anything from anybody.
 * `isByMost`: more than half of all name servers of the zone say so, those that are silent counted with the others.
 */
export type Sighting =
  | { outcome: 'ok'; proof: 'txt' | 'cname'; isByMost: boolean }
  | { outcome: 'wrong'; isByMost: boolean }
  | { outcome: 'could-not-ask' }

/** `lose`: another tenant has proven that it controls the name now. */
export type ControlEvent = 'prove' | 'see' | 'waver' | 'miss' | 'lapse' | 'lose'

export interface ControlChange {
  claim: Claim
  event: ControlEvent
  control: Control // from now on
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** For how long a proof that is gone stays in force. */
export const WAVERING_MS = 72 * HOUR_MS
/** And how often it has to be found gone: one stale name server is not the last word. */
export const MISSES_TO_LAPSE = 3
/** How long the private keys of a name that was lost are kept, unless another tenant takes it over. */
export const KEEP_KEYS_MS = 30 * DAY_MS
/** How young the last sight of a proof has to be for an order: an authority may still hold a former tenant's authorization. */
export const FRESH_PROOF_MS = DAY_MS

export const UNPROVEN: Control = {
  proof: null,
  provenAt: null,
  seenAt: null,
  waveringSince: null,
  misses: 0,
  lapsedAt: null,
}

export function vouchedSince(at: Date): Control {
  return { ...UNPROVEN, proof: 'vouched', provenAt: at, seenAt: at }
}

/** Without a proof in force any more. */
export function lapsedSince(at: Date): Control {
  return { ...UNPROVEN, lapsedAt: at }
}

export function stateOf({ proof, waveringSince, lapsedAt }: Control): ControlState {
  if (proof === null) return lapsedAt === null ? 'unproven' : 'lapsed'
  if (proof === 'vouched') return 'vouched'
  return waveringSince === null ? 'proven' : 'wavering'
}

/** A vouch does not age; what was seen in DNS does. */
export function isFresh({ proof, seenAt, waveringSince }: Control, now: Date): boolean {
  if (proof === 'vouched') return true
  if (seenAt === null || waveringSince !== null) return false
  // Either way: what was seen by a clock that ran a week ahead would be fresh for a week
  return Math.abs(now.getTime() - seenAt.getTime()) < FRESH_PROOF_MS
}

/** Not before then, and only if the proof is not found again; null: it is not wavering. */
export function lapsesAt({ waveringSince }: Control): Date | null {
  return waveringSince && new Date(waveringSince.getTime() + WAVERING_MS)
}

/**
 * What a look at the name changes, for all who claim it at once. The holder keeps the name while its proof is seen,
 * or nobody could be asked. Where most name servers say that it is gone, whoever else most of them show to control the
 * name has it from now on (of several the first to have claimed it); otherwise it wavers and then lapses. A vouch yields
 * to nothing but its withdrawal.
 * @param at when the look began
 */
export function afterLook(
  claims: readonly Claim[],
  sighting: (claim: Claim) => Sighting,
  at: Date,
): readonly ControlChange[] {
  const holder = claims.find(({ proof }) => proof !== null)
  // Half of the servers are enough: in many zones a secondary is dead for good
  if (holder === undefined) return firstSeen(claims, sighting, at, () => true)
  if (holder.proof === 'vouched') return []
  const seen = sighting(holder)
  if (seen.outcome === 'could-not-ask') return []
  if (seen.outcome === 'ok') {
    const control = { ...holder, ...provenBy(seen.proof, at), provenAt: holder.provenAt }
    return [change(holder, holder.waveringSince === null && holder.proof === seen.proof ? 'see' : 'prove', control)]
  }
  // Fewer than most of them may be a single one, which is stale or whose keeper wants the name, while the others are silent
  const successor = seen.isByMost ? firstSeen(claims, sighting, at, ({ isByMost }) => isByMost) : []
  if (successor.length > 0) return [change(holder, 'lose', lapsedSince(at)), ...successor]
  return [missed(holder, at)]
}

function firstSeen(
  claims: readonly Claim[],
  sighting: (claim: Claim) => Sighting,
  at: Date,
  isEnough: (seen: Sighting & { outcome: 'ok' }) => boolean,
): ControlChange[] {
  for (const claim of claims.toSorted((one, other) => (one.id < other.id ? -1 : 1))) {
    const seen = sighting(claim)
    if (seen.outcome === 'ok' && isEnough(seen)) return [change(claim, 'prove', provenBy(seen.proof, at))]
  }
  return []
}

function missed(holder: Claim, at: Date): ControlChange {
  // The earlier: a clock that ran a year ahead when it was found gone does not keep the name for a year
  const waveringSince = new Date(Math.min(holder.waveringSince?.getTime() ?? Infinity, at.getTime()))
  const misses = holder.misses + 1
  if (misses >= MISSES_TO_LAPSE && at.getTime() >= waveringSince.getTime() + WAVERING_MS)
    return change(holder, 'lapse', lapsedSince(at))
  return change(holder, holder.waveringSince === null ? 'waver' : 'miss', { ...holder, waveringSince, misses })
}

function provenBy(proof: Proof, at: Date): Control {
  return { ...UNPROVEN, proof, provenAt: at, seenAt: at }
}

function change(
  claim: Claim,
  event: ControlEvent,
  { proof, provenAt, seenAt, waveringSince, misses, lapsedAt }: Control,
): ControlChange {
  return { claim, event, control: { proof, provenAt, seenAt, waveringSince, misses, lapsedAt } }
}

/** One look at a name, as it is kept: what was asked of whom, and what came back. */
export interface ProofLook {
  name: DomainName
  lookedAt: Date // when it began
  findings: Findings
  unanswered: number // looks in a row, this one included, at which those who matter could not be asked
}

/** Looks in a row that came to the same, for one claim. */
export interface SightingSpan {
  outcome: Sighting['outcome']
  proof: 'txt' | 'cname' | null // by which record; null unless it is ok
  firstAt: Date // when the first of them began
  lastAt: Date
  looks: number
}

export interface ControlStore {
  /** The claims of all tenants to one name, the earliest first. */
  claimsTo(name: DomainName): Promise<Claim[]>
  lastLook(name: DomainName): Promise<ProofLook | undefined>
  /** What the looks at one claim came to, a bounded number, the newest first. */
  sightingSpans(claimId: string): Promise<SightingSpan[]>
  /**
   * Takes a look in: the claims are locked, `decide` says what changes, and that is written with the look, the change feed
   * and the audit trails of all whom it concerns. Who loses the name to another loses its private keys with it; who
   * lets it lapse keeps them for KEEP_KEYS_MS.
   * @param isUnanswered whether the look counts as one at which nobody could be asked
   * @param sighting what it came to for a claim
   * @returns the claims as they are now; undefined, and nothing is changed: a later look was taken in meanwhile, or nobody claims
   * the name any more
   */
  takeIn(
    look: { name: DomainName; lookedAt: Date; findings: Findings },
    decide: (claims: readonly Claim[]) => {
      changes: readonly ControlChange[]
      isUnanswered: boolean
      sighting: (claim: Claim) => Sighting
    },
    act: Act,
  ): Promise<{ claims: Claim[]; unanswered: number } | undefined>
  /** Destroys private keys that were kept long enough after their name was lost, a bounded number. @returns how many lineages */
  destroyKeys(now: Date): Promise<number>
}
