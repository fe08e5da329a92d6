import type { Database } from './database.ts'

const ROWS_A_STEP = 1000

export interface Change {
  id: number
  kind: 'host' | 'lineage'
  key: string
}

/** The rows that tell every process what to drop from memory; `perform.ts` writes them. */
export interface ChangeFeed {
  /**
   * Cuts off rows from before an instant, in short steps. The newest row always stays: one who reads from it on
   * knows by it that nothing is missing.
   * @returns how many were cut off
   */
  trim(olderThan: Date): Promise<number>
}

export function changeFeed({ db }: { db: Database }): ChangeFeed {
  async function step(olderThan: number): Promise<number> {
    const rows = await db
      .knex<{ id: number; at: number }>('change')
      .select('id', 'at')
      .orderBy('id')
      .limit(ROWS_A_STEP + 1)
    const kept = rows.findIndex(({ at }, index) => at >= olderThan || index === rows.length - 1)
    const last = rows[kept - 1]
    if (last) await db.knex('change').where('id', '<=', last.id).del()
    return Math.max(kept, 0)
  }

  return {
    async trim(olderThan) {
      let trimmed = 0
      for (;;) {
        const count = await step(olderThan.getTime())
        trimmed += count
        if (count < ROWS_A_STEP) return trimmed
      }
    },
  }
}

/** Where the feed ends now; 0 while it has never had a row. */
export async function endOfFeed(db: Database): Promise<number> {
  const [row] = await db.read<{ id: number | null }>('select max(id) as id from change', [])
  return row?.id ?? 0
}

/** The rows behind a position, at most `limit`; undefined where rows behind it were cut off already. */
export async function changesSince(db: Database, position: number, limit: number): Promise<Change[] | undefined> {
  // With the row of the position itself: as long as that is there, nothing behind it is missing
  const rows = await db.read<Change>('select id, kind, key from change where id >= ? order by id limit ?', [
    position,
    limit + 1,
  ])
  if (rows[0]?.id === position) return rows.slice(1)
  return position === 0 && rows.length === 0 ? [] : undefined
}
