import { untouched, idleAt, type Bucket } from '../acme/bucket.ts'
import type { BudgetStore } from '../acme/budget.ts'
import type { Database } from './database.ts'
import { instantOrNull } from './instants.ts'

interface BucketRow {
  authority_id: string
  key: string
  full_at: number
  refusals: number
  refused_since: number | null
  waiting: string
  idle_at: number
}

/** Stands for the whole authority: whoever settles anything with it holds this row meanwhile. */
const LOCK = 'pace'

export function budgetStore({ db }: { db: Database }): BudgetStore {
  return {
    settle: (authorityId, keys, decide) =>
      db.knex.transaction(async (trx) => {
        const table = () => trx<BucketRow>('budget_bucket')
        // Written even where it is there: that holds it, and a sweep cannot take it away in between
        await table()
          .insert(toRow(authorityId, untouched(LOCK)))
          .onConflict(['authority_id', 'key'])
          .merge(['key'])
        const rows = await table().where({ authority_id: authorityId }).whereIn('key', keys)
        const found = new Map(rows.map((row) => [row.key, fromRow(row)]))
        const { changed, result } = decide(new Map(keys.map((key) => [key, found.get(key) ?? untouched(key)])))
        if (changed.length > 0)
          await table()
            .insert(changed.map((bucket) => toRow(authorityId, bucket)))
            .onConflict(['authority_id', 'key'])
            .merge()
        return result
      }),
  }
}

function toRow(authorityId: string, bucket: Bucket): BucketRow {
  return {
    authority_id: authorityId,
    key: bucket.key,
    full_at: bucket.fullAt.getTime(),
    refusals: bucket.refusals,
    refused_since: bucket.refusedSince && bucket.refusedSince.getTime(),
    waiting: JSON.stringify(bucket.waiting.map(({ tenantId, at }) => ({ tenantId, at: at.getTime() }))),
    idle_at: idleAt(bucket).getTime(),
  }
}

function fromRow(row: BucketRow): Bucket {
  const waiting = JSON.parse(row.waiting) as { tenantId: string | null; at: number }[]
  return {
    key: row.key,
    fullAt: new Date(row.full_at),
    refusals: row.refusals,
    refusedSince: instantOrNull(row.refused_since),
    waiting: waiting.map(({ tenantId, at }) => ({ tenantId, at: new Date(at) })),
  }
}
