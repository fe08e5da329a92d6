import { isOutage } from './failure.ts'
import type { Whose } from './order.ts'
import type { AcmeProblem } from './session.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Let's Encrypt bears five failed validations an hour for a name: nobody asks for the same one sooner than this. */
const OWNER_FIRST_MS = 12 * MINUTE_MS
const AUTHORITY_FIRST_MS = MINUTE_MS
const LONGEST_MS = DAY_MS
/** It ends for everybody at once, and whoever waits a day then may have no day left. */
const LONGEST_OUTAGE_MS = 100 * MINUTE_MS
const OPERATOR_MS = HOUR_MS
const SPREAD = 0.2

/**
 * When to try again: of the owner's failures after 12 and 100 minutes, 17 hours, then daily; of the authority's when it
 * says so, else after 1, 10, 100 minutes, then daily; of the operator's hourly. Spread by a tenth to both sides, though
 * never earlier than allowed.
 * @param failures in a row, of the same party, this one among them
 * @param random from 0 up to, not including, 1
 */
export function nextTry(
  { whose, problem, failures }: { whose: Whose; problem: AcmeProblem; failures: number },
  now: Date,
  random: number,
): Date {
  const { retryAfterMs } = problem
  const power = Math.min(failures - 1, 9) // no farther than numbers go
  if (whose === 'owner') {
    const span = Math.min(10 * MINUTE_MS * 10 ** power, LONGEST_MS)
    return after(now, Math.max(around(span, random), OWNER_FIRST_MS * (1 + (SPREAD / 2) * random), retryAfterMs ?? 0))
  }
  if (retryAfterMs !== null) return after(now, retryAfterMs * (1 + (SPREAD / 2) * random))
  if (whose === 'operator') return after(now, around(OPERATOR_MS, random))
  const longest = isOutage(problem) ? LONGEST_OUTAGE_MS : LONGEST_MS
  return after(now, around(Math.min(AUTHORITY_FIRST_MS * 10 ** power, longest), random))
}

/** The longest that anybody is told to wait: a Retry-After of a week, and its spread. */
const LONGEST_WAIT_MS = 7 * DAY_MS * (1 + SPREAD / 2) + HOUR_MS

/** Whether it is not time yet. An instant that is farther ahead than anybody waits was written while the clock was wrong. */
export function isAhead(until: Date, now: Date): boolean {
  const left = until.getTime() - now.getTime()
  return left > 0 && left <= LONGEST_WAIT_MS
}

const POLL_FIRST_MS = 1000
const POLL_LONGEST_MS = 30_000
const POLL_EAGERLY_MS = 10 * MINUTE_MS
const POLL_LATE_MS = 5 * MINUTE_MS

/**
 * When to look again at an order under way: when the authority says so, within an hour; else after a third of the age that
 * the order has, a second at least and 30 at most. What takes longer than ten minutes is looked at every five at most.
 */
export function pollAt(order: { createdAt: Date }, retryAfterMs: number | null, now: Date): Date {
  const age = Math.abs(now.getTime() - order.createdAt.getTime()) // of the future, where the clock was ahead
  const isLate = age > POLL_EAGERLY_MS
  const shortest = isLate ? POLL_LATE_MS : POLL_FIRST_MS
  const wait = retryAfterMs ?? (isLate ? shortest : Math.min(age / 3, POLL_LONGEST_MS))
  return after(now, Math.min(Math.max(wait, shortest), HOUR_MS))
}

const PAUSE_FIRST_MS = 5 * MINUTE_MS
const PAUSE_LONGEST_MS = HOUR_MS

/** For how long an authority that is out is left alone: 5, 10, 20, 40 minutes, then an hour. @param times in a row */
export function outageEnd(times: number, now: Date): Date {
  return after(now, Math.min(PAUSE_FIRST_MS * 2 ** Math.min(times - 1, 9), PAUSE_LONGEST_MS))
}

export const PAUSE_SPREAD_MS = 30 * MINUTE_MS

/** When to come again for whoever found an authority paused: not all at the same instant. */
export function pauseOver(until: Date, now: Date, random: number): Date {
  const left = until.getTime() - now.getTime()
  return after(until, Math.min(left / 2, PAUSE_SPREAD_MS) * random)
}

function around(span: number, random: number): number {
  return span * (1 - SPREAD / 2 + SPREAD * random)
}

function after(now: Date, ms: number): Date {
  return new Date(now.getTime() + Math.round(ms))
}
