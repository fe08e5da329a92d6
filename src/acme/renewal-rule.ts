import { renewAt } from '../certificate/renewal.ts'
import type { LineageCertificate } from '../certificate/lineage.ts'
import type { KnownRenewalInfo } from './order.ts'
import { windowFault } from './renewal-info.ts'
import type { RenewalInfo } from './session.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const POLL_AGAIN_MS = 6 * HOUR_MS
const SHORTEST_POLL_MS = MINUTE_MS
const LONGEST_POLL_MS = 24 * HOUR_MS
const EMERGENCY_SHARE = 1 / 20 // of the lifetime is left
const NEW_SHARE = 1 / 3 // of what was left when it came
const NEW_SPREAD = 1 / 10

type Dated = Pick<LineageCertificate, 'id' | 'notBefore' | 'notAfter' | 'sha256' | 'stagedAt'>

/** What a poll gave: the authority's answer, or why there is none, in words, and for how long it wants to be left alone. */
export type Poll = RenewalInfo | { fault: string; retryAfterMs: number | null }

/**
 * When to renew: at the instant that was chosen within the authority's window, by the rule of fractions where it
 * suggested none; and whatever it suggests, not later than with a twentieth of the lifetime left. By none of our own rules
 * one is due that has only just come, as one that is backdated by most of its lifetime would be.
 */
export function dueAt(certificate: Dated, known: KnownRenewalInfo | undefined): Date {
  const { notBefore, notAfter } = certificate
  const earliest = afterShareOfRest(certificate, NEW_SHARE)
  const emergency = notAfter.getTime() - (notAfter.getTime() - notBefore.getTime()) * EMERGENCY_SHARE
  const suggested = known?.renewAt?.getTime() ?? Math.max(renewAt(certificate).getTime(), earliest)
  return new Date(Math.min(suggested, Math.max(emergency, earliest)))
}

/** When so much of what was left of it when it came has passed. */
function afterShareOfRest({ stagedAt, notAfter }: Dated, share: number): number {
  return stagedAt.getTime() + Math.ceil((notAfter.getTime() - stagedAt.getTime()) * share)
}

/** Whether to ask the authority now. What is due is renewed whatever it would say, and so is what has expired. */
export function isPollDue(certificate: Dated, known: KnownRenewalInfo | undefined, now: Date): boolean {
  if (certificate.notAfter <= now) return false
  if (!known) return true
  // Polled in the future: the clock was wrong, then or now
  return dueAt(certificate, known) > now && (known.pollAt <= now || known.polledAt > now)
}

/**
 * What is known after a poll. The instant is chosen once for a window, evenly over all of it (RFC 9773 §4.2), so that
 * those with one window are spread; what cannot be relied on changes nothing but when to ask again. A window that has begun
 * when the certificate has only just come is no news of it: were that due, so would be each one that takes its place.
 * @param chance from 0 up to, not including, 1
 */
export function learn(
  certificate: Dated,
  before: KnownRenewalInfo | undefined,
  poll: Poll,
  now: Date,
  chance: number,
): KnownRenewalInfo {
  const { start = null, end = null, explanationUrl = null, renewAt = null } = before ?? {}
  const base = { certificateId: certificate.id, start, end, explanationUrl, renewAt, polledAt: now }
  const fault = 'fault' in poll ? poll.fault : windowFault(poll, certificate)
  const leftAloneMs = 'fault' in poll ? (poll.retryAfterMs ?? 0) : 0
  if ('fault' in poll || fault !== null)
    return { ...base, pollAt: later(now, Math.max(leftAloneMs, POLL_AGAIN_MS)), fault }
  const isSame = start?.getTime() === poll.start.getTime() && end?.getTime() === poll.end.getTime()
  const isNoNews = before === undefined && poll.start <= now
  const chosen = isNoNews
    ? afterShareOfRest(certificate, NEW_SHARE + NEW_SPREAD * chance)
    : poll.start.getTime() + Math.floor((poll.end.getTime() - poll.start.getTime()) * chance)
  return {
    ...base,
    start: poll.start,
    end: poll.end,
    explanationUrl: poll.explanationUrl,
    renewAt: isSame && renewAt ? renewAt : new Date(chosen),
    pollAt: later(now, Math.min(Math.max(poll.retryAfterMs ?? POLL_AGAIN_MS, SHORTEST_POLL_MS), LONGEST_POLL_MS)),
    fault: null,
  }
}

/** When to look at the certificate again: never later than it is due. */
export function lookAgainAt(certificate: Dated, known: KnownRenewalInfo | undefined): Date {
  const due = dueAt(certificate, known)
  return known && known.pollAt < due ? known.pollAt : due
}

function later(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms)
}
