import type { Knex } from 'knex'

/** knex writes many rows for SQLite as a compound select, which may have 500 terms. */
const ROWS_A_STATEMENT = 500

export function chunks<T>(rows: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_A_STATEMENT) }, (_, i) =>
    rows.slice(i * ROWS_A_STATEMENT, (i + 1) * ROWS_A_STATEMENT),
  )
}

export async function insertMany(trx: Knex.Transaction, table: string, rows: readonly object[]): Promise<void> {
  for (const chunk of chunks(rows)) await trx(table).insert(chunk)
}
