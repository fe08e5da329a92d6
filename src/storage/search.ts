import { domainToASCII } from 'node:url'
import type { Knex } from 'knex'

/** Rows whose column contains what a person typed, in any case; `%` and `_` are letters like others. */
export function contains<Query extends Knex.QueryBuilder>(
  query: Query,
  column: string,
  search: string | undefined,
): Query {
  if (search === undefined || search.trim() === '') return query
  const pattern = searched(search).replace(/[\\%_]/g, '\\$&')
  return query.whereRaw(`lower(${column}) like ? escape '\\'`, [`%${pattern}%`]) as Query
}

/** Names are stored as A-labels; of a U-label only whole labels can be found. */
function searched(search: string): string {
  const lower = search.trim().toLowerCase()
  return /[^\x00-\x7f]/.test(lower) ? domainToASCII(lower) || lower : lower
}
