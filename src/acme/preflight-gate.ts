import type { Act } from '../act.ts'
import type { Issuance } from '../certificate/issuer.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Attempt } from './attempt.ts'
import { failureWords, finding } from './failure.ts'
import type { IssuanceMemory, IssuanceStore, Whose } from './order.ts'
import type { Preflight, RunPreflight } from './preflight.ts'
import type { AcmeProblem, AcmeSession } from './session.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const MOVED_MS = 7 * DAY_MS
const SPREAD = 0.2
const LONGEST_DETAIL = 2000
const MOST_FINDINGS_KEPT = 40

/**
 * Lets an order be begun, or remembers what stands against it. It is looked at again every five minutes for an hour, while
 * the owner may be publishing records, then hourly for a day, then daily; of a name that has moved away, hourly from the start.
 */
export function preflightGate(deps: {
  preflight: RunPreflight
  issuance: Pick<IssuanceStore, 'failed'>
  clock: Clock
  log: Log
  random: () => number // from 0 up to, not including, 1
}) {
  const { preflight, issuance, clock, log, random } = deps

  /** Null: nothing stands against it. */
  return async (attempt: Attempt, session: AcmeSession, act: Act): Promise<Issuance | null> => {
    const { wanted, authority, memory: former } = attempt
    const { caaIdentities } = await session.directory()
    const result = await preflight(wanted, { name: authority.name, accountUrl: authority.accountUrl, caaIdentities })
    if (result.outcome === 'ok') return null

    const now = clock.now()
    const problem = problemOf(result, wanted.replaces !== null, former, now)
    const isSame = former?.problem.type === problem.type
    const memory: IssuanceMemory = {
      ...{ lineageId: wanted.lineageId, failures: isSame ? former.failures + 1 : 1, failedAt: now, problem },
      whose: whoseOf(result),
      // Neither is it any authority's failure, nor does it make good those that there were
      ...{ authorityId: former?.authorityId ?? null, failuresOfAuthority: former?.failuresOfAuthority ?? 0 },
      challengeType: former?.challengeType ?? null,
      nextAt: nextLook(problem, now, random()),
    }
    await issuance.failed(memory, act)

    const { identifiers, lineageId } = wanted
    const words = failureWords(memory, { authority: authority.name, identifiers })
    const facts = { lineageId, identifiers, whose: memory.whose, problem, words, nextAt: memory.nextAt }
    if (memory.whose === 'operator') log.error(facts, 'no certificate is ordered before the operator has acted')
    else log.warn(facts, 'no certificate is ordered: it would fail; it is looked at again')
    return { outcome: 'later', at: memory.nextAt }
  }
}

/**
 * Whether the owner has taken the name elsewhere: DNS has led away from here, at renewals, for seven days. It is still looked
 * at, daily, and what it has is kept; when DNS leads here again it goes on by itself.
 */
export function hasMoved({ problem }: Pick<IssuanceMemory, 'problem'>, now: Date): boolean {
  if (problem.type !== 'moved' || !problem.preflight) return false
  return now.getTime() - Date.parse(problem.preflight.since) >= MOVED_MS
}

function problemOf(
  { outcome, isMoved, findings }: Preflight,
  isRenewal: boolean,
  former: IssuanceMemory | undefined,
  now: Date,
): AcmeProblem {
  const type = outcome === 'could-not-ask' ? 'preflight-unasked' : isMoved && isRenewal ? 'moved' : 'preflight'
  const telling = findings.filter((one) => one.outcome === outcome)
  const detail = telling.map(({ words }) => words).join(' ')
  const formerly = former?.problem.type === type ? former.problem.preflight : undefined
  const kept = [...telling, ...findings.filter((one) => one.outcome !== outcome)].slice(0, MOST_FINDINGS_KEPT)
  return {
    ...finding(type, detail.length > LONGEST_DETAIL ? `${detail.slice(0, LONGEST_DETAIL - 1)}…` : detail),
    preflight: { since: formerly?.since ?? now.toISOString(), findings: kept },
  }
}

/** The owner's, where there is anything that the owner can mend. */
function whoseOf({ outcome, findings }: Preflight): Whose {
  const telling = findings.filter((one) => one.outcome === outcome)
  return telling.some(({ whose }) => whose === 'owner') ? 'owner' : 'operator'
}

function nextLook({ type, preflight }: AcmeProblem, now: Date, random: number): Date {
  const age = preflight ? now.getTime() - Date.parse(preflight.since) : 0
  const isNew = age < HOUR_MS && type !== 'moved'
  const isLate = age >= DAY_MS
  const span = isNew ? 5 * MINUTE_MS : isLate ? DAY_MS : HOUR_MS
  return new Date(now.getTime() + Math.round(span * (1 - SPREAD / 2 + SPREAD * random)))
}
