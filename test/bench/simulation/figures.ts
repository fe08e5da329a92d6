import type { Budget } from '../../../src/acme/budget.ts'
import type { IssuanceStore } from '../../../src/acme/order.ts'
import type { LineageStore } from '../../../src/certificate/lineage.ts'
import { DAY_MS, HOUR_MS, type SimulatedAuthority } from './authority.ts'
import type { SimulatedTime } from './simulated-time.ts'
import { domainOf, type Dates } from './stub-certificate.ts'

const MINUTE_MS = 60_000
const SECOND_MS = 1000

interface Peak {
  count: number
  at: number
}

/** What came of a simulation. */
export interface Figures {
  at: number
  ordersByHour: Uint32Array
  peaks: { hour: Peak; minute: Peak; second: Peak }
  routine: Peak & { meanOfDay: number } // the fullest minute of renewals before the revocation, and its day's mean
  /** Of all certificates, when they were replaced or at the end; below 0: it had lapsed. */
  worst: { share: number; leftMs: number; at: number }
  firstsThroughAt: number | null // when the last domain got its first certificate; null: not all have one
  renewed: number
  lapsed: number // certificates that expired in use
  uncertified: number // domains that have none at the end
  outage: { failed: number; mostAttempts: number; meanAttempts: number; overdue: number; drainedMs: number | null }
  revocation: { revoked: number; left: number; replacedMs: number | null }
  refusals: Map<string, number> // of the budget
  lateness: { worstMs: number; at: number } // of a job's beginning
  late: { worstMs: number; at: number } // from due to replaced
  busyShare: number // of the workers and the time
  jobs: number
  polls: { made: number; skipped: number; inOutage: number }
  authority: SimulatedAuthority['seen']
}

export function figures(deps: {
  domains: number
  hours: number
  outage: { from: number; until: number }
  revocation: { at: number; share: number }
  authority: SimulatedAuthority
  time: SimulatedTime
}) {
  const { domains, hours, outage, revocation, authority, time } = deps
  const from = time.ms()
  const ordersByHour = new Uint32Array(Math.ceil(hours) + 1)
  const notBefore = new Float64Array(domains)
  const notAfter = new Float64Array(domains)
  const dueAt = new Float64Array(domains).fill(Infinity)
  const attempts = new Uint8Array(domains)
  const isOverdue = new Uint8Array(domains)
  const refusals = new Map<string, number>()
  const routine = peak(MINUTE_MS)
  const routineByDay = new Uint32Array(Math.ceil(hours / 24) + 1)
  const peaks = { hour: peak(HOUR_MS), minute: peak(MINUTE_MS), second: peak(SECOND_MS) }
  let worst = { share: Infinity, leftMs: Infinity, at: 0 }
  let lateness = { worstMs: 0, at: 0 }
  let late = { worstMs: 0, at: 0 }
  let firsts = { left: domains, at: 0 }
  let [jobs, renewed, lapsed, skipped, busyMs, busySince] = [0, 0, 0, 0, 0, from]
  let overdue: { count: number; left: number; drainedAt: number } | undefined
  let revoked: { count: number; left: number; replacedAt: number } | undefined

  /** Each as soon as anything happens after it. */
  function passEvents(): void {
    const now = time.ms()
    if (!revoked && now >= revocation.at) {
      const count = notBefore.reduce((sum, issuedAt, domain) => sum + (wasRevoked(domain, issuedAt) ? 1 : 0), 0)
      revoked = { count, left: count, replacedAt: 0 }
    }
    if (!overdue && now >= outage.until) {
      overdue = { count: 0, left: 0, drainedAt: outage.until }
      for (let domain = 0; domain < domains; domain++)
        if (dueAt[domain]! <= outage.until) {
          isOverdue[domain] = 1
          overdue.count++
        }
      overdue.left = overdue.count
    }
  }

  const wasRevoked = (domain: number, issuedAt: number) => issuedAt > 0 && authority.isRevoked(domain, issuedAt)

  function note(left: number, share: number): void {
    if (share < worst.share) worst = { share, leftMs: left, at: time.ms() }
  }

  function replaced(domain: number, dates: Dates): void {
    passEvents()
    const now = time.ms()
    if (notAfter[domain] === 0) firsts = { left: firsts.left - 1, at: now }
    else {
      renewed++
      const left = notAfter[domain]! - now
      note(left, left / (notAfter[domain]! - notBefore[domain]!))
      if (left < 0) lapsed++
      if (now - dueAt[domain]! > late.worstMs) late = { worstMs: now - dueAt[domain]!, at: now }
      if (revoked && wasRevoked(domain, notBefore[domain]!)) {
        revoked.left--
        revoked.replacedAt = now
      }
    }
    if (isOverdue[domain] && overdue) {
      isOverdue[domain] = 0
      overdue.left--
      overdue.drainedAt = now
    }
    notBefore[domain] = dates.notBefore
    notAfter[domain] = dates.notAfter
    dueAt[domain] = Infinity
  }

  return {
    ordered(at: number, isFirst: boolean): void {
      ordersByHour[Math.floor((at - from) / HOUR_MS)]!++
      for (const each of Object.values(peaks)) each.count(at)
      if (isFirst || at >= revocation.at) return
      routine.count(at)
      routineByDay[Math.floor((at - from) / DAY_MS)]!++
    },
    adopted(domain: number, dates: Dates): void {
      firsts = { left: firsts.left - 1, at: from }
      notBefore[domain] = dates.notBefore
      notAfter[domain] = dates.notAfter
    },
    dueAt(domain: number, at: Date): void {
      passEvents()
      dueAt[domain] = at.getTime()
    },
    skippedPolls: (count: number) => void (skipped += count),
    began(runAt: Date): void {
      jobs++
      const worstMs = time.ms() - runAt.getTime()
      if (worstMs > lateness.worstMs) lateness = { worstMs, at: time.ms() }
    },
    busyFor(share: number, until: number): void {
      busyMs += share * (until - busySince)
      busySince = until
    },

    onActivation:
      (activate: LineageStore['activate']): LineageStore['activate'] =>
      async (...args) => {
        const certificate = await activate(...args)
        const { notBefore, notAfter } = certificate
        const dates = { notBefore: notBefore.getTime(), notAfter: notAfter.getTime() }
        replaced(domainOf(certificate.dnsNames[0]!), dates)
        return certificate
      },
    onFailure:
      (failed: IssuanceStore['failed'], domainOfLineage: (id: string) => number): IssuanceStore['failed'] =>
      async (memory, act) => {
        const now = time.ms()
        if (now >= outage.from && now <= outage.until) attempts[domainOfLineage(memory.lineageId)]!++
        await failed(memory, act)
      },
    onPayment:
      (take: Budget['take']): Budget['take'] =>
      async (order, now) => {
        const payment = await take(order, now)
        if (payment.outcome === 'later') refusals.set(payment.why, (refusals.get(payment.why) ?? 0) + 1)
        return payment
      },

    report(): Figures {
      passEvents()
      const now = time.ms()
      let [atEnd, uncertified] = [lapsed, 0]
      for (let domain = 0; domain < domains; domain++) {
        if (notAfter[domain] === 0) uncertified++
        else {
          const left = notAfter[domain]! - now
          note(left, left / (notAfter[domain]! - notBefore[domain]!))
          if (left < 0) atEnd++
        }
      }
      const fullest = routine.highest()
      const day = routineByDay[Math.max(0, Math.floor((fullest.at - from) / DAY_MS))]!
      const tried = attempts.filter((count) => count > 0)
      return {
        firstsThroughAt: firsts.left === 0 ? firsts.at : null,
        ...{ at: now, ordersByHour, worst, renewed, lapsed: atEnd, uncertified, refusals, lateness, late, jobs },
        routine: { ...fullest, meanOfDay: day / (DAY_MS / MINUTE_MS) },
        peaks: { hour: peaks.hour.highest(), minute: peaks.minute.highest(), second: peaks.second.highest() },
        outage: {
          failed: tried.length,
          mostAttempts: tried.reduce((most, count) => Math.max(most, count), 0),
          meanAttempts: tried.length === 0 ? 0 : tried.reduce((sum, count) => sum + count, 0) / tried.length,
          overdue: overdue?.count ?? 0,
          drainedMs: overdue && overdue.left === 0 ? overdue.drainedAt - outage.until : null,
        },
        revocation: {
          ...{ revoked: revoked?.count ?? 0, left: revoked?.left ?? 0 },
          replacedMs: revoked && revoked.left === 0 ? revoked.replacedAt - revocation.at : null,
        },
        busyShare: busyMs / (now - from),
        polls: { made: authority.seen.polls, skipped, inOutage: authority.seen.pollsInOutage },
        authority: authority.seen,
      }
    },
  }
}

/** The fullest span of one length, of those that begin at its multiples. */
function peak(spanMs: number) {
  let present: Peak = { count: 0, at: 0 }
  let highest = present
  return {
    count(at: number): void {
      const span = Math.floor(at / spanMs) * spanMs
      if (span !== present.at) present = { count: 0, at: span }
      present.count++
      if (present.count > highest.count) highest = present
    },
    highest: () => highest,
  }
}
