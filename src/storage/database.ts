import type { Knex } from 'knex'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'

export interface Database extends Engine {
  auditKey: Uint8Array | null // what the audit trail is chained with; null: this handle leaves no trail
}

/** An open database, with the little in which the two engines differ. */
export interface Engine {
  knex: Knex
  engine: 'sqlite' | 'postgresql'
  file: string | null // of SQLite; null: in memory, or PostgreSQL
  isReadOnly: boolean
  /** The rows that a raw statement gave: the drivers wrap them differently. */
  rows<Row>(result: unknown): Row[]
  /** Reads outside any transaction, in as little time as the engine allows. */
  read<Row>(sql: string, bindings: readonly (string | number)[]): Promise<Row[]>
  /** Behind a `select … limit 1` that several workers race for. */
  skipLocked: string
  /** Holds back who writes to the change feed or the audit trail until this transaction has ended: both are in the order of commits. */
  lockChanges(trx: Knex.Transaction): Promise<void>
  /** Holds back others who migrate, until this transaction has ended. */
  lockMigrations(trx: Knex.Transaction): Promise<void>
}

/** @throws ProblemError unavailable, configuration */
export async function openDatabase(options: {
  url: string | undefined
  file: string
  isReadOnly: boolean
  auditKey?: Uint8Array
}): Promise<Database> {
  const { url, file, isReadOnly, auditKey = null } = options
  const engine = url === undefined ? openSqlite({ file, isReadOnly }) : openPostgres({ url, isReadOnly })
  return { ...(await engine), auditKey }
}
