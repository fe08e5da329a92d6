import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { ProblemError } from '../problem.ts'
import { retryAt } from './backoff.ts'
import type { Job, JobStore } from './job.ts'

/** After so many leases a job that has not ended hangs: the lease is left to run out, and another worker begins it anew. */
const MOST_LEASES = 10

/**
 * What a kind of job does. It may be run more than once, so every step must bear that. What it throws is a failure, after
 * which it is run again ever later, and not before `retryAfterMs` of a ProblemError.
 */
export type JobKind = (job: Job) => Promise<{ runAgainAt: Date } | void>

export interface JobRunner {
  /**
   * Runs due jobs until none is left or `limit` were begun, and all have ended. One that fails is postponed and never
   * holds up the next; only a store that cannot be asked for jobs makes this reject.
   */
  runDue(limit: number): Promise<{ completed: number; failed: number }>
  /**
   * Begins due jobs until `atOnce` are under way or none is left, and waits for none of them, so that a slow one holds up
   * nobody; as one ends the next begins. Rejects where the store cannot be asked.
   */
  fill(): Promise<void>
  /** Begins no more; resolves when those under way have ended. */
  drain(): Promise<void>
}

export function jobRunner(deps: {
  jobs: Pick<JobStore, 'claim' | 'beat' | 'complete' | 'postpone' | 'enqueue'>
  kinds: Readonly<Record<string, JobKind>> // and no others are claimed
  atOnce?: number // how many are under way together; 1 where it is left out
  clock: Clock
  log: Log
  worker: string // who holds the leases: another name in every process
  leaseMs: number // lengthened while the job runs; after it another worker may begin
  random: () => number // from 0 up to, not including, 1
}): JobRunner {
  const { jobs, kinds, atOnce = 1, clock, log, worker, leaseMs, random } = deps
  const underWay = new Set<Promise<void>>() // begun by `fill`
  let turns = 0
  let filling: Promise<void> | undefined
  let isDraining = false

  /** Another kind is asked for first each time, so that the backlog of one does not stand in the way of another. */
  function kindsInTurn(): string[] {
    const names = Object.keys(kinds)
    const first = turns++ % names.length
    return [...names.slice(first), ...names.slice(0, first)]
  }

  /** True where it was done and no other worker had taken it over. */
  async function run(job: Job): Promise<boolean> {
    const about = { kind: job.kind, key: job.key, attempts: job.attempts }
    const heart = beating(job)
    try {
      const result = await kinds[job.kind]!(job)
      // While the lease holds, so that a crash between the two leaves the job open
      if (result) await jobs.enqueue({ kind: job.kind, key: job.key, payload: job.payload, runAt: result.runAgainAt })
      const isOurs = await jobs.complete(job, clock.now())
      if (!isOurs) log.warn(about, 'a job outlived its lease; its result is left to the worker who has it now')
      return isOurs
    } catch (err) {
      log.warn({ ...about, err }, 'a job failed and is tried again')
      await postpone(job, err)
      return false
    } finally {
      clearInterval(heart)
    }
  }

  /** Thrice a lease, so that one beat may be lost; one that is too late finds another's fence and changes nothing. */
  function beating(job: Job): NodeJS.Timeout {
    let left = 3 * MOST_LEASES
    const heart = setInterval(() => {
      if (left-- <= 0) return clearInterval(heart)
      const until = new Date(clock.now().getTime() + leaseMs)
      jobs
        .beat(job, until)
        .catch((err: unknown) => log.warn({ kind: job.kind, key: job.key, err }, 'a lease was not lengthened'))
    }, leaseMs / 3)
    return heart
  }

  async function postpone(job: Job, err: unknown): Promise<void> {
    const message = err instanceof Error ? err.message : String(err)
    const now = clock.now()
    const leftAloneMs = err instanceof ProblemError ? (err.retryAfterMs ?? 0) : 0
    const runAt = Math.max(retryAt(now, job.attempts, random()).getTime(), now.getTime() + leftAloneMs)
    try {
      await jobs.postpone(job, new Date(runAt), message)
    } catch (err) {
      log.warn(
        { kind: job.kind, key: job.key, err },
        'a failed job could not be given back; its lease runs out by itself',
      )
    }
  }

  async function claim(): Promise<Job | undefined> {
    const now = clock.now()
    return jobs.claim(worker, kindsInTurn(), now, new Date(now.getTime() + leaseMs))
  }

  async function begin(): Promise<void> {
    while (underWay.size < atOnce && !isDraining) {
      const job = await claim()
      if (!job) return
      const one: Promise<void> = run(job).then(() => {
        underWay.delete(one)
        fill().catch(() => undefined) // where the store cannot be asked, whoever calls next is told
      })
      underWay.add(one)
    }
  }

  function fill(): Promise<void> {
    filling ??= begin().finally(() => (filling = undefined))
    return filling
  }

  return {
    fill,

    async drain() {
      isDraining = true
      await filling?.catch(() => undefined)
      while (underWay.size > 0) await Promise.all(underWay)
    },

    async runDue(limit) {
      const report = { completed: 0, failed: 0 }
      const running = new Set<Promise<void>>()
      try {
        for (let left = limit; left > 0; left--) {
          while (running.size >= atOnce) await Promise.race(running)
          const job = await claim()
          if (!job) break
          const one = run(job)
            .then((isDone) => void report[isDone ? 'completed' : 'failed']++)
            .finally(() => running.delete(one))
          running.add(one)
        }
      } finally {
        await Promise.all(running)
      }
      return report
    },
  }
}
