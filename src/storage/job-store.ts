import type { Clock } from '../clock.ts'
import type { Job, JobStore } from '../work/job.ts'
import type { Database } from './database.ts'
import { enqueueJobs } from './enqueue.ts'
import type { NewId } from './perform.ts'

interface JobRow {
  id: string
  kind: string
  key: string
  payload: string
  run_at: number
  attempts: number
  fence: number
  again_at: number | null
  last_error: string | null
  finished_at: number | null
}

export function jobStore({ db, newId, clock }: { db: Database; newId: NewId; clock: Clock }): JobStore {
  /** Ends the lease where the fence still holds; a job that was asked for again meanwhile stays open. */
  async function release({ id, fence }: Job, columns: string, bindings: (string | number | null)[]): Promise<boolean> {
    const released = db.rows<{ id: string }>(
      await db.knex.raw(
        `update job set ${columns}, worker = null, lease_until = null, again_at = null
         where id = ? and fence = ? and finished_at is null and lease_until is not null returning id`,
        [...bindings, id, fence] as string[],
      ),
    )
    return released.length === 1
  }

  return {
    enqueue: (job) => enqueueJobs(db.knex, newId, [job], clock.now()),

    async claim(worker, kinds, now, until) {
      // A statement for each kind, along its own part of the index: what is due of another kind is not walked past
      for (const kind of kinds) {
        const [row] = db.rows<JobRow>(
          await db.knex.raw(
            `update job set worker = ?, lease_until = ?, attempts = attempts + 1, fence = fence + 1
             where id = (
               select id from job
               where finished_at is null and kind = ? and run_at <= ? and (lease_until is null or lease_until <= ?)
               order by run_at, id limit 1 ${db.skipLocked})
             returning *`,
            [worker, until.getTime(), kind, now.getTime(), now.getTime()],
          ),
        )
        if (row) return fromRow(row)
      }
      return undefined
    },

    async nextRun(kind, key) {
      const row = await db.knex<JobRow>('job').where({ kind, key }).whereNull('finished_at').first('run_at', 'again_at')
      return row ? new Date(row.again_at ?? row.run_at) : null
    },

    complete: (job, now) =>
      release(
        job,
        `finished_at = case when again_at is null then cast(? as bigint) end, run_at = coalesce(again_at, run_at),
         attempts = case when again_at is null then attempts else 0 end, last_error = null`,
        [now.getTime()],
      ),

    postpone: (job, runAt, error) =>
      release(
        job,
        `run_at = case when again_at < cast(? as bigint) then again_at else cast(? as bigint) end, last_error = ?`,
        [runAt.getTime(), runAt.getTime(), error],
      ),

    async list({ limit }) {
      const rows = await db.knex<JobRow>('job').orderBy('id', 'desc').limit(limit)
      return rows.map((row) => ({
        ...fromRow(row),
        lastError: row.last_error,
        finishedAt: row.finished_at === null ? null : new Date(row.finished_at),
      }))
    },
  }
}

function fromRow(row: JobRow): Job {
  return {
    id: row.id,
    kind: row.kind,
    key: row.key,
    payload: JSON.parse(row.payload) as unknown,
    runAt: new Date(row.run_at),
    attempts: row.attempts,
    fence: row.fence,
  }
}
