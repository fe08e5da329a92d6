import type { Knex } from 'knex'

/**
 * The few words in which the two engines differ. SQLite's STRICT tables refuse a value of another type and the type
 * names that knex's schema builder writes, so migrations are SQL.
 */
export interface Dialect {
  instant: string // milliseconds since the epoch, UTC, set by the application
  count: string // a whole number that may outgrow 32 bits
  bytes: string
  key: string // text that is compared and ordered byte by byte on both engines
  serial: string // a number that grows with each row and is never given twice
  strict: string
  randomHex: string // an expression: 32 hex digits that nobody can guess, anew for each row
  isSqlite: boolean
}

export function dialectOf(db: Knex): Dialect {
  const { config } = db.client as { config: Knex.Config }
  return config.client === 'pg'
    ? {
        instant: 'bigint',
        count: 'bigint',
        bytes: 'bytea',
        key: 'text collate "C"',
        serial: 'bigint generated always as identity primary key',
        strict: '',
        randomHex: `replace(gen_random_uuid()::text, '-', '')`,
        isSqlite: false,
      }
    : {
        instant: 'integer',
        count: 'integer',
        bytes: 'blob',
        key: 'text',
        serial: 'integer primary key autoincrement',
        strict: 'strict',
        randomHex: 'lower(hex(randomblob(16)))',
        isSqlite: true,
      }
}

/** Runs statements in turn; both drivers refuse several in one call. */
export async function run(db: Knex, statements: string[]): Promise<void> {
  for (const statement of statements) await db.raw(statement)
}
