import { isDeepStrictEqual } from 'node:util'

/** One thing that somebody did. Stores write it in the transaction of the act itself. */
export interface AuditEvent {
  sequence: number // 1, 2, 3 … without a gap, over all tenants
  id: string
  at: Date
  tenantId: string | null // null: an act on something of the operator's
  actor: string
  address: string | null
  action: string // "delegation.register", "certificate.activate"
  subject: string // the name of what was acted on
  detail: AuditDetail // never a key, a token or a PEM
  hash: string // hex, HMAC-SHA-256 over the hash before and this event
}

/** What was, what is, and whatever else belongs to it. */
export interface AuditDetail extends Record<string, unknown> {
  before?: Record<string, unknown>
  after?: Record<string, unknown>
  unreadable?: true // what stands there is no JSON object: somebody has changed it, as `verify` will find
}

/** Where the chain ends: who has it written down elsewhere notices when the end is cut off. */
export interface AuditHead {
  sequence: number // 0: nothing has been done yet
  hash: string
}

export interface AuditPage {
  after?: number | undefined // sequence of the last of the page before
  limit: number
  isOldestFirst?: boolean | undefined // newest first where it is left out
  from?: Date | undefined
  until?: Date | undefined // not included
  action?: string | undefined // "delegation.register", or "delegation" for all that begin with "delegation."
  actor?: string | undefined
  subject?: string | undefined
}

export type AuditVerdict =
  { isWhole: true; events: number; head: AuditHead } | { isWhole: false; sequence: number; why: string } // the first event that is not as it was written, or is missing

export interface AuditStore {
  list(tenantId: string | 'all', page: AuditPage): Promise<AuditEvent[]>
  head(): Promise<AuditHead>
  /** Reads the whole chain. @param heads that were written down elsewhere and must be in it */
  verify(heads?: readonly AuditHead[]): Promise<AuditVerdict>
  /** Cuts off what is older, a bounded number at a time, and writes down where the chain begins now. @returns how many */
  forget(olderThan: Date, at: Date): Promise<number>
}

/** The detail of a change: of two states of a thing only what differs. */
export function whatChanged(before: Record<string, unknown>, after: Record<string, unknown>): AuditDetail {
  const changed = Object.keys(after).filter((fact) => !isDeepStrictEqual(before[fact], after[fact]))
  const only = (facts: Record<string, unknown>) => Object.fromEntries(changed.map((fact) => [fact, facts[fact]]))
  return { before: only(before), after: only(after) }
}
