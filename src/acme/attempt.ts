import type { Wanted } from '../certificate/issuer.ts'
import type { Clock } from '../clock.ts'
import type { Authority } from './authority.ts'
import type { IssuanceMemory } from './order.ts'

/** One call of `issue` at one authority. */
export interface Attempt {
  wanted: Wanted
  startedAt: Date
  hasBegunAnew: boolean // an order was gone in this call already
  authority: Authority
  all: readonly Authority[] // the lowest rank first
  memory: IssuanceMemory | undefined
}

/** After which no further step is begun: one more takes as long as a session's call may. */
const LONGEST_CALL_MS = 10_000

export function isOver({ startedAt }: Pick<Attempt, 'startedAt'>, clock: Clock): boolean {
  return clock.now().getTime() - startedAt.getTime() >= LONGEST_CALL_MS
}
