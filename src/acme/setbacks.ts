import type { Act } from '../act.ts'
import type { Issuance } from '../certificate/issuer.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Attempt } from './attempt.ts'
import { FAILURES_TO_FAILOVER, isPaused } from './authority-choice.ts'
import type { AuthorityStore } from './authority.ts'
import { failureWords, isOutage, longestPauseMs, whose, type During } from './failure.ts'
import type { IssuanceMemory, IssuanceStore } from './order.ts'
import { outages } from './outages.ts'
import { nextTry } from './retry.ts'
import type { AcmeProblem } from './session.ts'

export interface Setback {
  problem: AcmeProblem
  during: During
  challengeType?: string | undefined // that failed
}

/** Remembers what failed and says when it is tried again, and where. */
export function setbacks(deps: {
  authorities: Pick<AuthorityStore, 'pause'>
  issuance: Pick<IssuanceStore, 'failed'>
  clock: Clock
  log: Log
  random: () => number // from 0 up to, not including, 1
}) {
  const { authorities, issuance, clock, log, random } = deps
  const outage = outages()

  return {
    /** An authority did what it was asked. */
    worked: (authorityId: string) => outage.isOver(authorityId),

    async remember(attempt: Attempt, setback: Setback, act: Act): Promise<Issuance> {
      const { authority, wanted } = attempt
      const { problem, during } = setback
      const now = clock.now()
      const { memory, triedAgainAt, isElsewhere, isLong } = after(attempt, setback, now, random())
      const words = failureWords(memory, { authority: authority.name, identifiers: wanted.identifiers })

      const outageUntil =
        isOutage(problem) && during !== 'validation' ? outage.met(authority.id, wanted.lineageId, now) : null
      const longestMs = longestPauseMs(problem, during)
      const limitedUntil = new Date(Math.min(triedAgainAt.getTime(), now.getTime() + longestMs))
      const pausedUntil = longestMs > 0 ? limitedUntil : outageUntil
      if (pausedUntil) await authorities.pause(authority.id, pausedUntil, words, act)
      const canMove = isElsewhere || (pausedUntil !== null && othersOf(attempt, now).length > 0)
      const nextAt = canMove ? now : isLong ? earliestOf(attempt, triedAgainAt, now) : triedAgainAt
      await issuance.failed({ ...memory, nextAt }, act)

      const { lineageId, identifiers } = wanted
      const facts = { lineageId, identifiers, authority: authority.name, whose: memory.whose, problem, words, nextAt }
      if (memory.whose === 'operator') log.error(facts, 'no certificate is issued before the operator has acted')
      else log.warn(facts, 'a certificate could not be issued; it is tried again')
      return { outcome: 'later', at: nextAt }
    },
  }
}

/** What is to be remembered of it, but for the next try, which may come sooner at another authority. */
function after(attempt: Attempt, { problem, during, challengeType }: Setback, now: Date, random: number) {
  const { authority, wanted, all, memory: former } = attempt
  const party = whose(problem, during)
  // What preflight found cost nobody anything, and makes no later try wait longer
  const isInRow = former?.whose === party && former.problem.preflight === undefined
  const failures = isInRow ? former.failures + 1 : 1
  const isSame = former?.authorityId === authority.id
  // Who wants to be left alone for so long is as good as one that fails for the third time
  const isLong = party === 'authority' && (problem.retryAfterMs ?? 0) > longestWaitMs(attempt, now)
  const inRow = (isSame ? former.failuresOfAuthority : 0) + 1
  const failuresOfAuthority = party !== 'authority' ? 0 : isLong ? Math.max(inRow, FAILURES_TO_FAILOVER) : inRow
  // Each authority gets its three tries as if it were the only one; when all have failed, all together set the pace
  const isFirstRound = failures < FAILURES_TO_FAILOVER * all.length
  const triedAgainAt = nextTry(
    { whose: party, problem, failures: isFirstRound && party === 'authority' ? failuresOfAuthority : failures },
    now,
    random,
  )
  const memory: Omit<IssuanceMemory, 'nextAt'> = {
    ...{ lineageId: wanted.lineageId, failures, failedAt: now, problem, whose: party, authorityId: authority.id },
    ...{ failuresOfAuthority, challengeType: challengeType ?? former?.challengeType ?? null },
  }
  const isElsewhere = failuresOfAuthority >= FAILURES_TO_FAILOVER && isFirstRound && othersOf(attempt, now).length > 0
  return { memory, triedAgainAt, isElsewhere, isLong }
}

const LONG_MS = 3_600_000

/** Longer than that nobody waits where there is another authority; whose certificate is about to expire, not even that. */
function longestWaitMs({ wanted: { replaces } }: Attempt, now: Date): number {
  const restMs = replaces ? Math.max(replaces.notAfter.getTime() - now.getTime(), 0) : LONG_MS
  return Math.min(restMs, LONG_MS)
}

/** Any of the others may be the first that is to be asked again. */
function earliestOf({ all, authority }: Attempt, own: Date, now: Date): Date {
  const others = all.filter((one) => one.id !== authority.id && isPaused(one, now))
  return new Date(Math.min(own.getTime(), ...others.flatMap(({ pausedUntil }) => pausedUntil?.getTime() ?? [])))
}

function othersOf({ all, authority }: Attempt, now: Date) {
  return all.filter((one) => one.id !== authority.id && !isPaused(one, now))
}
