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

/** While somebody watches who has just claimed the name, or pressed for a look: how soon the next, and how often they ask. */
const ATTENDED: readonly [untilMs: number, pace: Attendance][] = [
  [10 * MINUTE_MS, { lookAfterMs: 5_000, askEverySeconds: 3 }],
  [HOUR_MS, { lookAfterMs: 15_000, askEverySeconds: 5 }],
  [DAY_MS, { lookAfterMs: MINUTE_MS, askEverySeconds: 30 }],
]
const ATTENDED_SILENT_MS = { first: 5_000, most: MINUTE_MS }

/** How a page that somebody looks at keeps up with a proof that is waited for. */
export interface Attendance {
  lookAfterMs: number // since the last look began
  askEverySeconds: number
}

export interface Waiting {
  claim: Claim
  waitsForMore: boolean // for another record than the proof
  pressedAt: Date | null // when they last asked for a look themselves; null: they have not
  unanswered: number // looks in a row, the last included, at which nobody could be asked
}

/**
 * Whoever waits at a page is there for some minutes, and what they wait for may come at any moment.
 * @returns null: nothing is waited for, or for so long that the usual looks have to do
 */
export function attendance({ claim, waitsForMore, pressedAt, unanswered }: Waiting, now: Date): Attendance | null {
  const { proof, claimedAt, lapsedAt, waveringSince } = claim
  if (proof !== null && waveringSince === null && !waitsForMore) return null
  const instants = [claimedAt, lapsedAt, waveringSince, pressedAt].map((at) => at?.getTime() ?? 0)
  const age = now.getTime() - Math.max(...instants.filter((at) => at <= now.getTime()))
  const pace = ATTENDED.find(([until]) => age < until)?.[1]
  if (pace === undefined) return null
  const silentMs = Math.min(ATTENDED_SILENT_MS.first * 2 ** Math.min(unanswered, 10), ATTENDED_SILENT_MS.most)
  return unanswered > 0 ? { ...pace, lookAfterMs: Math.max(pace.lookAfterMs, silentMs) } : pace
}

/**
 * When to look at a name again. Spread, so that what was claimed together does not come back together.
 * @param unanswered looks in a row, the last included, at which nobody could be asked
 * @param random from 0 up to, not including, 1
 * @returns null: nobody claims it, or the holder is vouched for, whatever DNS says
 */
export function nextCheckAt(claims: readonly Claim[], unanswered: number, now: Date, random: number): Date | null {
  const holder = claims.find(({ proof }) => proof !== null)
  if (claims.length === 0 || holder?.proof === 'vouched') return null
  const silent = unanswered > 0 ? unansweredSpan(unanswered, random) : null
  const waiting = waitingSpan(claims, now, random)
  // A proof that ages has to be looked for again soon; who waits for a silent zone waits for it to be mended
  const spans = [
    ...(holder ? [Math.min(holderSpan(holder, random), silent ?? Infinity)] : []),
    ...(waiting === null ? [] : [Math.max(waiting, silent ?? 0)]),
  ]
  return new Date(now.getTime() + Math.round(Math.min(...spans)))
}

function holderSpan({ waveringSince }: Claim, random: number): number {
  if (waveringSince !== null) return spread(WAVERING_SPAN_MS, random)
  return PROVEN.leastMs + (PROVEN.mostMs - PROVEN.leastMs) * random
}

function unansweredSpan(unanswered: number, random: number): number {
  return spread(Math.min(UNANSWERED.firstMs * 2 ** (unanswered - 1), UNANSWERED.mostMs), random)
}

/** Null: nobody waits. */
function waitingSpan(claims: readonly Claim[], now: Date, random: number): number | null {
  const since = claims
    .filter(({ proof }) => proof === null)
    .map(({ claimedAt, lapsedAt }) => Math.max(claimedAt.getTime(), lapsedAt?.getTime() ?? 0))
  if (since.length === 0) return null
  const age = now.getTime() - Math.max(...since)
  return spread(WAITING.find(([until]) => age < until)![1], random)
}

/** Over the upper quarter. */
function spread(spanMs: number, random: number): number {
  return spanMs * (0.75 + random / 4)
}
