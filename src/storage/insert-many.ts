import type { Knex } from 'knex'

const ROWS_A_STATEMENT = 500

export function chunks<T>(rows: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(rows.length / ROWS_A_STATEMENT) }, (_, i) =>
    rows.slice(i * ROWS_A_STATEMENT, (i + 1) * ROWS_A_STATEMENT),
  )
}

type Row = Record<string, string | number | null>

export async function insertMany(trx: Knex | Knex.Transaction, table: string, rows: readonly Row[]): Promise<void> {
  for (const chunk of chunks(rows)) await insertOnce(trx, table, chunk)
}

/**
 * One statement for a chunk of rows, which all have the same columns. Not knex's own insert: SQLite takes several times
 * as long to parse the compound select that it writes.
 * @param tail what follows the values: "on conflict do nothing returning id"
 */
export async function insertOnce(
  trx: Knex | Knex.Transaction,
  table: string,
  rows: readonly Row[],
  tail = '',
): Promise<unknown> {
  const columns = Object.keys(rows[0] ?? {})
  const places = `(${columns.map(() => '?').join(', ')})`
  const values = rows.flatMap((row) => columns.map((column) => row[column] ?? null))
  const sql = `insert into ?? (??) values ${rows.map(() => places).join(', ')} ${tail}`
  return trx.raw<unknown>(sql, [table, columns, ...values] as string[])
}
