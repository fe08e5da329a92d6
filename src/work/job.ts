/** One piece of work that outlives the process. Claimed by lease; the fence number tells a late worker from the present one. */
export interface Job {
  id: string
  kind: string // "front-certificate"
  key: string // of open jobs of a kind, one per key
  payload: unknown
  runAt: Date
  attempts: number
  fence: number
}

export type NewJob = Pick<Job, 'kind' | 'key' | 'payload' | 'runAt'>

export interface JobStore {
  /** Adds the job, or brings the open one of that kind and key forward to an earlier `runAt`. */
  enqueue(job: NewJob): Promise<void>
  /** Takes, of the first kind that has a due job, the one that has waited longest; it is this worker's until `until`. */
  claim(worker: string, kinds: readonly string[], now: Date, until: Date): Promise<Job | undefined>
  /** When the open job of that kind and key is due, or due again where a worker has it now; null: there is none. */
  nextRun(kind: string, key: string): Promise<Date | null>
  /** True where the fence still holds. */
  complete(job: Job, now: Date): Promise<boolean>
  /** Gives the job back, to be run at `runAt`, with what went wrong. */
  postpone(job: Job, runAt: Date, error: string): Promise<boolean>
  list(page: { limit: number }): Promise<(Job & { lastError: string | null; finishedAt: Date | null })[]>
}
