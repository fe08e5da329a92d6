import type { Knex } from 'knex'
import type { NewJob } from '../work/job.ts'
import { chunks, insertOnce } from './insert-many.ts'
import type { NewId } from './perform.ts'

// One that a worker has at this moment may have read what it was asked about before it changed: again_at makes it run
// once more, instead of being finished with the present run.
const OR_BRING_FORWARD = `on conflict (kind, key) where finished_at is null do update set
  run_at = case when job.lease_until is null and excluded.run_at < job.run_at
                then excluded.run_at else job.run_at end,
  again_at = case when job.lease_until is null then null
                  when job.again_at is null or excluded.run_at < job.again_at
                  then excluded.run_at else job.again_at end`

/** Adds jobs, each of another kind or key, or brings the open ones forward. */
export async function enqueueJobs(
  knex: Knex | Knex.Transaction,
  newId: NewId,
  jobs: readonly NewJob[],
  at: Date,
): Promise<void> {
  // In one order always, so that no two who add several wait for each other
  const rows = jobs
    .map(({ kind, key, payload, runAt }) => ({
      ...{ id: newId(at), kind, key, payload: JSON.stringify(payload), run_at: runAt.getTime() },
      ...{ attempts: 0, fence: 0 },
    }))
    .toSorted((one, other) => (one.kind + one.key < other.kind + other.key ? -1 : 1))
  for (const chunk of chunks(rows)) await insertOnce(knex, 'job', chunk, OR_BRING_FORWARD)
}
