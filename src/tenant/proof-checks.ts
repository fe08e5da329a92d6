import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import type { JobStore } from '../work/job.ts'
import type { JobKind } from '../work/runner.ts'
import type { Claim, ControlState, ControlStore, Sighting } from './control.ts'
import type { Look, NameServers } from './findings.ts'

/** The kind of job; its key is the name. It is enqueued with the claim, and from then on by itself. */
export const PROOF_CHECK = 'proof-check'

/** One screen: how it stands with a claim, what was asked of whom, what came back, what to do, when the next look is due. */
export interface Explanation {
  claim: Claim
  state: ControlState
  summary: string // one sentence
  advice: string[] // what to do, in order; empty: nothing
  isHeldByAnother: boolean
  sighting: Sighting | null // of this claim at the last look; null: nobody has looked yet
  lookedAt: Date | null
  looks: Look[]
  lapsesAt: Date | null
  nextCheckAt: Date | null // null: none is due, since the operator vouches for it
}

export interface ProofChecks {
  /**
   * Looks now, and takes in what is found; where somebody looked in the last ten seconds, that stands.
   * @throws ProblemError not-found: the tenant does not claim the name
   */
  check(tenantId: string, name: DomainName, act: Act): Promise<Explanation>
  /** Without asking anybody. @throws ProblemError not-found */
  explain(tenantId: string, name: DomainName): Promise<Explanation>
  /**
   * Before an order: the proof is in force and fresh, or is looked for now.
   * @throws ProblemError control-unproven
   */
  confirm(tenantId: string, name: DomainName): Promise<void>
  job: JobKind
}

export declare function proofChecks(deps: {
  control: ControlStore
  nameServers: NameServers
  jobs: Pick<JobStore, 'enqueue' | 'nextRun'>
  proofKey: Uint8Array // of proof tokens
  edgeName: DomainName // of which the tenants' own are subdomains
  clock: Clock
  random: () => number // from 0 up to, not including, 1
  randomBytes: (size: number) => Uint8Array
  log: Log
  /** Told after each look of a job at a name that somebody holds. */
  onHeld?: (holder: Claim) => Promise<void>
}): ProofChecks
