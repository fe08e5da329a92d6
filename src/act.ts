import { ProblemError } from './problem.ts'

/** Who changes something, from where and when. All rows of one act carry the same instant. */
export interface Act {
  at: Date
  actor: string // "alice@example.org", "token deploy", "cli:root", "local-authority"
  address: string | null // the caller's IP address; null where there is none (command line, job)
  /** The entity tags of If-Match, RFC 9110 §13.1.1; '*' is any. Left out: whatever the thing is now. */
  ifMatch?: readonly string[] | undefined
  /** The tenant, by its name, that an operator acts as; left out: they act as themselves. */
  actingAs?: string | undefined
}

/** What a person may change, at one of its revisions. */
export interface Revised {
  id: string // UUID
  revision: number // grows with each change
}

/** A strong entity tag, RFC 9110 §8.8.3. With a part of the id: what is made anew under the same name is another thing. */
export function entityTag({ id, revision }: Revised): string {
  return `"${id.slice(-12)}.${revision}"`
}

/** To be asked inside the transaction that makes the change. @throws ProblemError precondition-failed */
export function requireMatch({ ifMatch }: Act, current: Revised): void {
  if (ifMatch === undefined || ifMatch.includes('*') || ifMatch.includes(entityTag(current))) return
  throw new ProblemError(
    'precondition-failed',
    'somebody has changed it since you read it; read it again, and send the ETag of that answer as If-Match',
  )
}
