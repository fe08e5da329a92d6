import type { OpenJobs } from '../open-job.ts'

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

export interface JobStore extends OpenJobs {
  /** Adds the job, or brings the open one of that kind and key forward to an earlier `runAt`. */
  enqueue(job: NewJob): Promise<void>
  /** Takes, of the first kind that has a due job, the one that has waited longest; it is this worker's until `until`. */
  claim(worker: string, kinds: readonly string[], now: Date, until: Date): Promise<Job | undefined>
  /**
   * Makes due, of a kind, jobs that sleep beyond `latest`: a clock that was far ahead has put them to sleep. At most a
   * thousand at a time. @returns how many
   */
  wake(kind: string, latest: Date, now: Date): Promise<number>
  /** Lengthens the lease. True where the fence still holds. */
  beat(job: Job, until: Date): Promise<boolean>
  /** True where the fence still holds. */
  complete(job: Job, now: Date): Promise<boolean>
  /** Gives the job back, to be run at `runAt`, with what went wrong. */
  postpone(job: Job, runAt: Date, error: string): Promise<boolean>
  standing(kinds: readonly string[], now: Date): Promise<JobStanding[]>
  list(page: { limit: number }): Promise<(Job & { lastError: string | null; finishedAt: Date | null })[]>
}

/** How the open jobs of a kind stand; counted to ten thousand. */
export interface JobStanding {
  kind: string
  due: number // those under way among them
  failing: number // whose last run failed
  oldestDueAt: Date | null // null: none is due
}
