import type { Clock } from '../clock.ts'
import type { Job, JobStanding, JobStore } from '../work/job.ts'
import type { Database } from './database.ts'
import { enqueueJobs } from './enqueue.ts'
import { ProblemError } from '../problem.ts'
import { perform, type NewId } from './perform.ts'

/** A lease that ends later still was given while the clock was far ahead, and whoever had it is not heard of again. */
const CLOCKS_DIFFER_MS = 3_600_000
const WOKEN_AT_ONCE = 1000
const MOST_COUNTED = 10_000

interface JobRow {
  id: string
  kind: string
  key: string
  payload: string
  run_at: number
  attempts: number
  fence: number
  again_at: number | null
  lease_until: number | null
  last_error: string | null
  finished_at: number | null
}

/** A key may be the id of a lineage, a certificate or a source domain: each is one look by primary key, for a page of them. */
const ABOUT = `coalesce(
  (select name from lineage where lineage.id = job.key),
  (select name from source_domain where source_domain.id = job.key),
  (select l.name from certificate c join lineage l on l.id = c.lineage_id where c.id = job.key),
  job.key)`

export function jobStore(deps: { db: Database; newId: NewId; clock: Clock }): JobStore {
  const { db, newId, clock } = deps

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
               where finished_at is null and kind = ? and run_at <= ?
                 and (lease_until is null or lease_until <= ? or lease_until > ?)
               order by run_at, id limit 1 ${db.skipLocked})
             returning *`,
            [worker, until.getTime(), kind, now.getTime(), now.getTime(), until.getTime() + CLOCKS_DIFFER_MS],
          ),
        )
        if (row) return fromRow(row)
      }
      return undefined
    },

    async wake(kind, latest, now) {
      const asleep = db
        .knex<JobRow>('job')
        .select('id')
        .where({ kind })
        .whereNull('finished_at')
        .where('run_at', '>', latest.getTime())
        .limit(WOKEN_AT_ONCE)
      return db.knex<JobRow>('job').whereIn('id', asleep).update({ run_at: now.getTime() })
    },

    async nextRun(kind, key) {
      const row = await db.knex<JobRow>('job').where({ kind, key }).whereNull('finished_at').first('run_at', 'again_at')
      return row ? new Date(row.again_at ?? row.run_at) : null
    },

    async beat({ id, fence }, until) {
      const held = db
        .knex<JobRow>('job')
        .where({ id, fence })
        .whereNull('finished_at')
        .whereNotNull('lease_until')
        .update({ lease_until: until.getTime() })
      return (await held) === 1
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

    async listOpen({ kind, isFailed, after, limit }, now) {
      const query = db
        .knex<JobRow>('job')
        .whereNull('finished_at')
        .orderBy(['kind', 'run_at', 'id'])
        .limit(limit)
        .select<(JobRow & { about: string })[]>(
          'id',
          'kind',
          'key',
          'run_at',
          'attempts',
          'last_error',
          'lease_until',
          db.knex.raw(`${ABOUT} as about`),
        )
      if (kind !== undefined) query.where({ kind })
      if (isFailed) query.whereNotNull('last_error')
      if (after) query.whereRaw('(kind, run_at, id) > (?, ?, ?)', [after.kind, after.runAt.getTime(), after.id])
      return (await query).map((row) => ({
        ...{ id: row.id, kind: row.kind, key: row.key, about: row.about, attempts: row.attempts },
        runAt: new Date(row.run_at),
        isRunning: row.lease_until !== null && row.lease_until > now.getTime(),
        lastError: row.last_error,
      }))
    },

    retry: (id, act) =>
      perform(deps, act, async (trx, traces) => {
        const now = act.at.getTime()
        const [job] = db.rows<Pick<JobRow, 'kind' | 'key'>>(
          await trx.raw(
            `update job set run_at = case when lease_until is null and run_at > ? then ? else run_at end,
             again_at = case when lease_until is null then null else cast(? as bigint) end
             where id = ? and finished_at is null returning kind, key`,
            [now, now, now, id],
          ),
        )
        if (!job) throw new ProblemError('not-found', `there is no job ${id}, or it is done`)
        traces.audit({ tenantId: null, action: 'job.retry', subject: job.key, detail: { kind: job.kind } })
      }),

    async standing(kinds, now) {
      const all: JobStanding[] = []
      for (const kind of kinds) {
        const open = () =>
          db.knex<JobRow>('job').where({ kind }).whereNull('finished_at').orderBy('run_at').limit(MOST_COUNTED)
        const due = await open().where('run_at', '<=', now.getTime()).pluck<number[]>('run_at')
        const failing = await open().whereNotNull('last_error').pluck<number[]>('run_at')
        const oldestDueAt = due[0] === undefined ? null : new Date(due[0])
        all.push({ kind, due: due.length, failing: failing.length, oldestDueAt })
      }
      return all
    },

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
