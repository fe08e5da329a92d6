import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database as Connection, Statement } from 'better-sqlite3'
import knex, { type Knex } from 'knex'
import Client from 'knex/lib/dialects/better-sqlite3/index.js'
import { ProblemError } from '../problem.ts'
import type { Engine } from './database.ts'
import { silent } from './silent.ts'

const BUSY_TIMEOUT_MS = 5000
// SQLite waits for another writer inside the JS thread, and nothing else runs meanwhile: not the admin pages, and not
// the writer itself where it is another handle of this process. So it waits in short spells, with turns for others.
const BUSY_SPELL_MS = 5
const BUSY_PAUSE_MS = 10

class SqliteClient extends Client {
  protected override async _query(connection: unknown, query: unknown): Promise<unknown> {
    for (const deadline = performance.now() + BUSY_TIMEOUT_MS; ; await delay(BUSY_PAUSE_MS)) {
      try {
        return await super._query(connection, query)
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'SQLITE_BUSY' || performance.now() > deadline) throw error
      }
    }
  }

  /**
   * knex begins with a deferred BEGIN. One that reads and then writes while another process writes fails at once with
   * SQLITE_BUSY_SNAPSHOT, however long one would wait; BEGIN IMMEDIATE has its turn first.
   */
  override transaction(...args: Parameters<Client['transaction']>) {
    const transaction = super.transaction(...args)
    transaction.begin = (connection) => transaction.query(connection, 'BEGIN IMMEDIATE;')
    return transaction
  }
}

export async function openSqlite({ file, isReadOnly }: { file: string; isReadOnly: boolean }): Promise<Engine> {
  const inMemory = file === ':memory:'
  const db = knex({
    client: SqliteClient,
    connection: { filename: file, options: { readonly: isReadOnly } },
    useNullAsDefault: true,
    compileSqlOnError: false, // or error messages would hold what was bound: sealed keys, hashes of tokens
    log: silent,
    acquireConnectionTimeout: 30_000, // a queue of writers, not a dead server: see postgres.ts
    pool: {
      min: 1,
      max: 1,
      afterCreate(connection: Connection, done: (error?: unknown) => void) {
        try {
          setPragmas(connection, { inMemory, isReadOnly })
          done()
        } catch (error) {
          done(error)
        }
      },
    },
  })
  const connection = await firstConnection(db as Knex, file, { mayCreate: !inMemory && !isReadOnly })
  const statements = new Map<string, Statement>()
  return {
    knex: db,
    engine: 'sqlite',
    file: inMemory ? null : file,
    isReadOnly,
    rows: <Row>(result: unknown) => result as Row[],
    async read<Row>(sql: string, bindings: readonly (string | number)[]): Promise<Row[]> {
      // A connection that writes may be inside a transaction, whose rows nobody else may see yet
      if (!isReadOnly) return (await db.raw<unknown>(sql, bindings)) as Row[]
      let statement = statements.get(sql)
      if (!statement) statements.set(sql, (statement = connection.prepare(sql)))
      return statement.all(...bindings) as Row[]
    },
    skipLocked: '', // one writer at a time
    lockChanges: async () => {}, // BEGIN IMMEDIATE
    lockMigrations: async () => {},
  }
}

function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  closeSync(openSync(file, 'a', 0o600)) // SQLite gives its -wal and -shm the same mode
}

async function firstConnection(db: Knex, file: string, { mayCreate }: { mayCreate: boolean }): Promise<Connection> {
  const client = db.client as {
    acquireConnection(): Promise<Connection>
    releaseConnection(c: Connection): Promise<void>
  }
  try {
    if (mayCreate) createPrivately(file)
    const connection = await client.acquireConnection()
    await client.releaseConnection(connection)
    return connection
  } catch (cause) {
    await db.destroy()
    if (cause instanceof ProblemError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ProblemError('unavailable', `the database ${file} cannot be opened: ${why}`, { cause })
  }
}

/**
 * Each is read back: SQLite ignores without a word what it cannot do, and this build's own default for a WAL
 * database is synchronous=NORMAL, which loses acknowledged commits at a power cut.
 */
function setPragmas(
  connection: Connection,
  { inMemory, isReadOnly }: { inMemory: boolean; isReadOnly: boolean },
): void {
  const pragmas: [name: string, value: string | number, readBack?: string | number][] = [
    ['busy_timeout', BUSY_TIMEOUT_MS],
    ['trusted_schema', 0],
    ['cell_size_check', 1],
  ]
  if (isReadOnly) pragmas.push(['query_only', 1])
  else
    pragmas.push(
      ['journal_mode', 'wal', inMemory ? 'memory' : 'wal'],
      ['synchronous', 'full', 2],
      ['foreign_keys', 1],
      ['secure_delete', 1], // pages of removed keys are overwritten
      ['journal_size_limit', 64 * 1024 * 1024],
      // Last: of several that start at once one turns the file to WAL, and the others wait for it
      ['busy_timeout', BUSY_SPELL_MS],
    )
  for (const [name, value, expected = value] of pragmas) {
    connection.pragma(`${name} = ${value}`)
    const actual: unknown = connection.pragma(name, { simple: true })
    if (actual !== expected)
      throw new ProblemError(
        'unavailable',
        `SQLite does not take ${name} = ${value} (it is ${String(actual)}); is the data folder on a network file system?`,
      )
  }
}
