import { domainToASCII } from 'node:url'
import type { Knex } from 'knex'

/** Rows whose column contains what a person typed, in any case; `%` and `_` are letters like others. */
export function contains<Query extends Knex.QueryBuilder>(
  query: Query,
  column: string,
  search: string | undefined,
): Query {
  return containsAny(query, column, [typed(search)])
}

/** The same for a column with names of hosts: they are stored as A-labels; of a U-label only whole labels can be found. */
export function containsName<Query extends Knex.QueryBuilder>(
  query: Query,
  column: string,
  search: string | undefined,
): Query {
  const text = typed(search)
  const isAscii = /^[\x00-\x7f]*$/.test(text)
  return containsAny(query, column, isAscii ? [text] : [text, domainToASCII(text)])
}

function typed(search = ''): string {
  return search.trim().toLowerCase()
}

function containsAny<Query extends Knex.QueryBuilder>(query: Query, column: string, texts: readonly string[]): Query {
  const patterns = texts.filter(Boolean).map((text) => `%${text.replace(/[\\%_]/g, '\\$&')}%`)
  if (patterns.length === 0) return query
  const any = patterns.map(() => `lower(${column}) like ? escape '\\'`).join(' or ')
  return query.whereRaw(`(${any})`, patterns) as Query
}
