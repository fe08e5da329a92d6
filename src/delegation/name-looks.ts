import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { atOnce } from '../work/at-once.ts'
import type { LookAtName, NameSight } from './mode-advice.ts'

/** Whoever types names one after the other makes this server knock at no more doors at a time. */
const LOOKS_AT_ONCE = { ofTenant: 2, inAll: 16 }
const UNKNOWN: NameSight = { isApex: null, leads: 'could-not-ask', web: null }

/** Looks at a name that a tenant is about to claim; where too many such looks are under way, nothing is known of it. */
export type LookForTenant = (tenantId: string, name: DomainName) => Promise<NameSight>

export function nameLooks({ look, log }: { look: LookAtName; log: Log }): LookForTenant {
  const inTurn = atOnce({ ...LOOKS_AT_ONCE, doing: 'looked for' })
  return (tenantId, name) =>
    inTurn(tenantId, () => look(name)).catch((err: unknown) => {
      if (!(err instanceof ProblemError)) log.warn({ err, name }, 'a look at a name has failed')
      return UNKNOWN
    })
}
