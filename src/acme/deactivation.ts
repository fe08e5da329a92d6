import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { JobKind } from '../work/runner.ts'
import { acmeProblem } from './acme-problem.ts'
import { isPaused } from './authority-choice.ts'
import type { Authority, AuthorityStore } from './authority.ts'
import { isTransient } from './failure.ts'
import type { AuthorizationDeactivationPayload, OrderStore } from './order.ts'
import type { AcmeSession } from './session.ts'

/** How long a job runs at most, well below a lease; what is left comes in the next. */
const LONGEST_RUN_MS = 20_000

/**
 * The job AUTHORIZATION_DEACTIVATION: has the authorities forget that a tenant controlled a name (RFC 8555 §7.5.2). An
 * authority that refuses has none to forget; one that cannot be asked fails the job, and is asked again ever later.
 */
export function deactivationJob(deps: {
  orders: Pick<OrderStore, 'authorizations' | 'noteDeactivated'>
  authorities: Pick<AuthorityStore, 'list'>
  sessionOf: (authority: Authority) => Promise<AcmeSession>
  /** As that of the issuer. */
  finishKeyChange: (authority: Authority, act: Act) => Promise<boolean>
  clock: Clock
}): JobKind {
  const { orders, authorities, sessionOf, finishKeyChange, clock } = deps

  /** Undefined: it is done; else why the authority could not do it now. */
  async function deactivate(authority: Authority, url: string): Promise<unknown> {
    try {
      await (await sessionOf(authority)).deactivateAuthorization(url)
    } catch (error) {
      const problem = acmeProblem(error)
      if (!problem) throw error
      if (isTransient(problem)) return error
      // Signed with the key of before anything is refused, and it has not forgotten
      await finishKeyChange(authority, { at: clock.now(), actor: 'acme', address: null })
      const present = (await authorities.list()).find(({ id }) => id === authority.id)
      if (present?.revision !== authority.revision) return error
    }
    await orders.noteDeactivated(url)
  }

  return async ({ payload }) => {
    const { tenantId, name } = payload as AuthorizationDeactivationPayload // of our own making
    const startedAt = clock.now()
    const known = await authorities.list()
    const failures = new Map<string, unknown>() // by authority, which is asked for nothing more in this run
    const pauses: number[] = []
    for (const { authorityId, url } of await orders.authorizations(tenantId, name, startedAt)) {
      const now = clock.now()
      if (now.getTime() - startedAt.getTime() >= LONGEST_RUN_MS) {
        if (failures.size === 0) return { runAgainAt: now }
        break
      }
      const authority = known.find(({ id }) => id === authorityId)
      if (!authority || failures.has(authorityId)) continue
      if (authority.pausedUntil && isPaused(authority, now)) {
        pauses.push(authority.pausedUntil.getTime())
        continue
      }
      const failure = await deactivate(authority, url)
      if (failure) failures.set(authorityId, failure)
    }
    for (const failure of failures.values()) throw failure
    if (pauses.length > 0) return { runAgainAt: new Date(Math.min(...pauses)) }
  }
}
