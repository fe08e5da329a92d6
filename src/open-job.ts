import type { Act } from './act.ts'

/** A job that is not done, as people are shown it. */
export interface OpenJob {
  id: string
  kind: string // "front-certificate"
  key: string // of open jobs of a kind, one per key
  about: string // the name of what the key stands for; the key where that is a name itself
  runAt: Date
  attempts: number
  isRunning: boolean // a worker has it, or died with it a moment ago
  lastError: string | null // of the last run; null: it did not fail
}

export interface OpenJobPage {
  kind?: string | undefined
  isFailed?: true | undefined // only those whose last run failed
  after?: Pick<OpenJob, 'kind' | 'runAt' | 'id'> | undefined // the last of the page before
  limit: number
}

/** What people see and do of the jobs, whatever is in them. */
export interface OpenJobs {
  /** When the open job of that kind and key is due, or due again where a worker has it now; null: there is none. */
  nextRun(kind: string, key: string): Promise<Date | null>
  /** By kind and when they are due. */
  listOpen(page: OpenJobPage, now: Date): Promise<OpenJob[]>
  /**
   * Makes a job due, or due once more where a worker has it at this moment.
   * @throws ProblemError not-found: it is done, or gone
   */
  retry(id: string, act: Act): Promise<void>
}
