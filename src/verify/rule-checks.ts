import type { LineageStore } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import type { Delegation, DelegationStore, RuleCheck } from '../delegation/delegation.ts'
import type { JobKind } from '../work/runner.ts'
import type { Ask } from './ask.ts'
import type { Report } from './report.ts'

/** The kind of job; its key is the id of an external source domain that is held. */
export const REDIRECT_RULE = 'redirect-rule'

export interface RedirectRulePayload {
  tenantId: string
  name: string // of the source domain
}

/** Whether the web server of an external source domain leads to what is published here, asked as an initiating entity. */
export interface RuleChecks {
  /** Walks the hops of one delegation now. */
  verify(delegation: Delegation): Promise<Report>
  /** The same, judged by what is published here, and kept with the delegation. */
  check(delegation: Delegation): Promise<RuleCheck>
  /** All delegations of the source domain in turn, a bounded number. */
  job: JobKind
}

export declare function ruleChecks(deps: {
  ask: Ask
  delegations: Pick<DelegationStore, 'list' | 'noteRuleCheck'>
  lineages: Pick<LineageStore, 'find'>
  httpsPort: number // of source domains' web servers: 443, but for trials
  clock: Clock
}): RuleChecks
