import type { Claim } from './control.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** So early that a proof is usually fresh when an order is placed (FRESH_PROOF_MS), whatever becomes of one look. */
const PROVEN = { leastMs: 18 * HOUR_MS, mostMs: 22 * HOUR_MS }
const WAVERING_SPAN_MS = HOUR_MS
const UNANSWERED = { firstMs: 5 * MINUTE_MS, mostMs: 6 * HOUR_MS }
/** For how long who waits is looked for how often: whoever publishes a record does it soon, or never. */
const WAITING: readonly [untilMs: number, spanMs: number][] = [
  [HOUR_MS, 2 * MINUTE_MS],
  [DAY_MS, 15 * MINUTE_MS],
  [7 * DAY_MS, 2 * HOUR_MS],
  [30 * DAY_MS, DAY_MS],
  [Infinity, 7 * DAY_MS],
]

/**
 * When to look at a name again. Spread, so that what was claimed together does not come back together.
 * @param unanswered looks in a row, the last included, at which nobody could be asked
 * @param random from 0 up to, not including, 1
 * @returns null: nobody claims it, or the holder is vouched for, whatever DNS says
 */
export function nextCheckAt(claims: readonly Claim[], unanswered: number, now: Date, random: number): Date | null {
  const holder = claims.find(({ proof }) => proof !== null)
  if (claims.length === 0 || holder?.proof === 'vouched') return null
  const spans = [...waitingSpan(claims, now, random), ...unansweredSpan(unanswered, holder !== undefined, random)]
  if (holder) spans.push(holderSpan(holder, random))
  return new Date(now.getTime() + Math.round(Math.min(...spans)))
}

function holderSpan({ waveringSince }: Claim, random: number): number {
  if (waveringSince !== null) return spread(WAVERING_SPAN_MS, random)
  return PROVEN.leastMs + (PROVEN.mostMs - PROVEN.leastMs) * random
}

/** A proof that ages has to be looked for again soon; a claim that nobody waits for may wait longer and longer. */
function unansweredSpan(unanswered: number, isHeld: boolean, random: number): number[] {
  if (unanswered === 0) return []
  const span = UNANSWERED.firstMs * 2 ** (unanswered - 1)
  return [spread(isHeld ? Math.min(span, UNANSWERED.mostMs) : span, random)]
}

function waitingSpan(claims: readonly Claim[], now: Date, random: number): number[] {
  const since = claims
    .filter(({ proof }) => proof === null)
    .map(({ claimedAt, lapsedAt }) => Math.max(claimedAt.getTime(), lapsedAt?.getTime() ?? 0))
  if (since.length === 0) return []
  const age = now.getTime() - Math.max(...since)
  return WAITING.filter(([until]) => age < until)
    .slice(0, 1)
    .map(([, span]) => spread(span, random))
}

/** Over the upper quarter. */
function spread(spanMs: number, random: number): number {
  return spanMs * (0.75 + random / 4)
}
