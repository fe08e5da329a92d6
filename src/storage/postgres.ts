import knex, { type Knex } from 'knex'
import { ProblemError } from '../problem.ts'
import type { Engine } from './database.ts'
import { isReadTimeout } from './faults.ts'
import { silent } from './silent.ts'

// Any two numbers that no other program locks in this database
const CHANGE_FEED_LOCK = 0x77_70_01
const MIGRATION_LOCK = 0x77_70_02
const INT8 = 20 // the type's oid, and what count(*) is

// How long a statement may take by the server, which answers then, and how long we wait for any answer: past that the
// connection is dead. A firewall that forgets it or a fail-over says nothing, and TCP takes a quarter of an hour to tell.
const LIMITS = { statementMs: 5000, answerMs: 8000 }
const READER_LIMITS = { statementMs: 2000, answerMs: 3000 } // the edge's, whose change feed may not stand still

/** What is used here of a connection of `pg`, which comes without types. */
interface Connection {
  connection: { stream: { destroy(): void } }
  connectionParameters: { query_timeout: number | false }
  on(event: 'end', listener: () => void): void
  query(sql: string): Promise<{ rows: Record<string, string>[] }>
  setTypeParser(oid: number, format: 'text', parse: (text: string) => unknown): void
}

export async function openPostgres({ url, isReadOnly }: { url: string; isReadOnly: boolean }): Promise<Engine> {
  const { statementMs, answerMs } = isReadOnly ? READER_LIMITS : LIMITS
  const connections = new Map<string, Connection>() // by the id that knex gives them
  const retired = new WeakSet<Connection>()
  const db = knex({
    client: 'pg',
    connection: {
      connectionString: url,
      application_name: isReadOnly ? 'waypost-edge' : 'waypost',
      statement_timeout: statementMs,
      query_timeout: answerMs,
      idle_in_transaction_session_timeout: 10_000,
      connectionTimeoutMillis: 5000,
      keepAlive: true,
    },
    compileSqlOnError: false, // or error messages would hold what was bound: sealed keys, hashes of tokens
    log: silent,
    acquireConnectionTimeout: 5000,
    pool: {
      min: 0,
      max: 10,
      afterCreate(connection: Connection & { __knexUid: string }, done: (error?: unknown) => void) {
        const id = connection.__knexUid
        connections.set(id, connection)
        connection.on('end', () => connections.delete(id))
        prepare(connection, isReadOnly).then(
          () => done(),
          (error: unknown) => {
            cut(connection) // the pool forgets it without closing it
            done(error)
          },
        )
      },
      validate(connection: Connection) {
        if (!retired.has(connection)) return true
        cut(connection) // a good-bye to a dead one would never end
        return false
      },
    },
  })
  db.on('query-error', (error: Error, { __knexUid: id }: { __knexUid: string }) => {
    if (!isReadTimeout(error)) return
    const dead = connections.get(id)
    if (dead) cut(dead) // at once, or knex would wait for its ROLLBACK too
    // What silenced one has mostly silenced all; one that is at work may end that
    for (const connection of connections.values()) retired.add(connection)
  })
  try {
    await db.raw('select 1')
  } catch (cause) {
    await db.destroy()
    if (cause instanceof ProblemError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ProblemError('unavailable', `PostgreSQL cannot be reached: ${why}`, { cause })
  }
  return {
    knex: db,
    engine: 'postgresql',
    file: null,
    isReadOnly,
    rows: <Row>(result: unknown) => (result as { rows: Row[] }).rows,
    read: async <Row>(sql: string, bindings: readonly (string | number)[]) =>
      (await db.raw<{ rows: Row[] }>(sql, bindings)).rows,
    skipLocked: 'for update skip locked',
    lockChanges: (trx) => lock(trx, CHANGE_FEED_LOCK),
    async lockMigrations(trx) {
      const client = trx.client as { acquireConnection(): Promise<Connection> }
      const connection = await client.acquireConnection()
      connection.connectionParameters.query_timeout = false
      retired.add(connection)
      await trx.raw('set local statement_timeout = 0') // a large table may take its time, and so may the node before us
      await trx.raw('set local idle_in_transaction_session_timeout = 0')
      await lock(trx, MIGRATION_LOCK)
    },
  }
}

function cut({ connection }: Connection): void {
  connection.stream.destroy()
}

async function lock(trx: Knex.Transaction, key: number): Promise<void> {
  await trx.raw('select pg_advisory_xact_lock(?)', [key])
}

async function prepare(connection: Connection, isReadOnly: boolean): Promise<void> {
  connection.setTypeParser(INT8, 'text', safeInteger)
  if (isReadOnly) await connection.query('set default_transaction_read_only = on')
  const { rows } = await connection.query('show synchronous_commit')
  if (rows[0]?.synchronous_commit === 'off')
    throw new ProblemError(
      'configuration',
      'PostgreSQL has synchronous_commit = off, so that a crash loses what was acknowledged; set it to on for this database',
    )
}

function safeInteger(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new RangeError(`PostgreSQL gave ${text}, which is past 2^53`)
  return number
}
