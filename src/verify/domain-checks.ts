import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import type { Ask } from './ask.ts'
import { initiatingEntity } from './initiating-entity.ts'
import type { Question, Report } from './report.ts'

/** Whatever the other side does: each request has its own end too. */
const ASKING_MS = 20_000
const KEPT_MS = 60_000
const MOST_KEPT = 200
const AT_ONCE = 4
const BUSY_MS = 5000

/** What anybody may see of a domain, asked from this server as an initiating entity. */
export interface DomainChecks {
  /**
   * One of the last minute is given again, and one that is under way is waited for: neither asks the outside world.
   * @param who what their questions are counted by
   * @throws ProblemError too-many-requests
   */
  check(question: Omit<Question, 'port'>, who: string): Promise<Report>
}

export function domainChecks(deps: {
  /** @param allowPorts those that may be asked beside 443 */
  askAt: (allowPorts: readonly number[]) => Ask
  httpsPort: number // of source domains' web servers: 443, but for trials
  targetPorts: () => Promise<readonly number[]> // of target hosts that are known here
  /** Before the outside world is asked. @throws ProblemError too-many-requests */
  admit: (who: string) => Promise<void>
  clock: Clock
}): DomainChecks {
  const { askAt, httpsPort, targetPorts, admit, clock } = deps
  const kept = new Map<string, Report>() // oldest first
  const underWay = new Map<string, { who: string; report: Promise<Report> }>()

  async function ask(question: Omit<Question, 'port'>): Promise<Report> {
    const until = clock.now().getTime() + ASKING_MS
    const outside = askAt([httpsPort, ...(await targetPorts())])
    const inTime: Ask = async (url) =>
      clock.now().getTime() < until
        ? outside(url)
        : { outcome: 'could-not-ask', why: 'the servers before took too long to answer' }
    return initiatingEntity({ ask: inTime, clock }).verify({ ...question, port: httpsPort })
  }

  function recent(key: string): Report | undefined {
    const report = kept.get(key)
    return report && Math.abs(clock.now().getTime() - report.at.getTime()) < KEPT_MS ? report : undefined
  }

  function keep(key: string, report: Report): void {
    kept.delete(key)
    kept.set(key, report)
    const [oldest] = kept.keys()
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
  }

  return {
    async check(question, who) {
      const { sourceDomain, service, protocol } = question
      const key = `${service}.${protocol}.${sourceDomain}`
      const known = () => recent(key) ?? underWay.get(key)?.report
      if (!known()) await admit(who)
      const other = known() // also of whoever was first in the meantime
      if (other) return other
      // One who names slow servers must not have them all
      if ([...underWay.values()].some((other) => other.who === who))
        throw busy('another check of yours is under way; look at its result first')
      if (underWay.size >= AT_ONCE) throw busy('as many domains as can be at once are being checked')
      const report = ask(question)
      underWay.set(key, { who, report })
      try {
        keep(key, await report)
        return await report
      } finally {
        underWay.delete(key)
      }
    },
  }
}

function busy(why: string): ProblemError {
  return new ProblemError('too-many-requests', `${why}; try again in ${BUSY_MS / 1000} s`, { retryAfterMs: BUSY_MS })
}
