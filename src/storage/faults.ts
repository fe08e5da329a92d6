import { ProblemError } from '../problem.ts'

/** A unique constraint was broken; codes of SQLite and of PostgreSQL. */
export function isUniqueViolation(cause: unknown): boolean {
  return ['SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_PRIMARYKEY', '23505'].includes(codeOf(cause))
}

export function isForeignKeyViolation(cause: unknown): boolean {
  return ['SQLITE_CONSTRAINT_FOREIGNKEY', '23503'].includes(codeOf(cause))
}

/** PostgreSQL has ended one of two transactions that waited for each other: it may be tried again. */
export function isDeadlock(cause: unknown): boolean {
  return codeOf(cause) === '40P01'
}

/** An answer of PostgreSQL did not come in time, so that its connection is taken for dead. */
export function isReadTimeout(cause: unknown): boolean {
  return cause instanceof Error && /(^| - )Query read timeout$/.test(cause.message) // pg gives it no code
}

/** The same store, whose methods throw ProblemError also for what the database itself refuses or cannot do now. */
export function withFaultsNamed<Store extends object>(store: Store): Store {
  const methods = Object.entries(store) as [string, (...args: unknown[]) => Promise<unknown>][]
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      async (...args: unknown[]) => {
        try {
          return await method(...args)
        } catch (cause) {
          throw asProblem(cause)
        }
      },
    ]),
  ) as Store
}

function asProblem(cause: unknown): unknown {
  // PostgreSQL quotes the row, with all that is in it, and errors are logged
  for (const error of [cause, cause instanceof Error ? cause.cause : undefined])
    if (error instanceof Error && 'detail' in error) delete error.detail
  const code = codeOf(cause)
  if (isForeignKeyViolation(cause)) return new ProblemError('not-found', 'what this refers to is not there', { cause })
  if (/^SQLITE_(BUSY|LOCKED)/.test(code) || ['40001', '40P01', '55P03'].includes(code))
    return new ProblemError('unavailable', 'the database is busy; try again in a few seconds', { cause })
  if (code === 'SQLITE_FULL' || code === '53100')
    return new ProblemError(
      'unavailable',
      'the disk of the database is full; nothing can be changed until it has room',
      { cause },
    )
  if (/^SQLITE_(IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB)/.test(code))
    return new ProblemError('unavailable', `the database file cannot be used (${code})`, { cause })
  if (isConnectionFault(cause, code))
    return new ProblemError('unavailable', 'PostgreSQL does not answer; try again in a few seconds', { cause })
  return cause
}

function isConnectionFault(cause: unknown, code: string): boolean {
  return (
    /^(08|53|57)/.test(code) || // SQLSTATE classes: connection, resources, operator intervention
    code === '25006' || // a standby, which takes no writes
    /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/.test(code) ||
    isReadTimeout(cause) ||
    // Neither pg nor the pool gives these a code, and knex puts the statement before the message
    (cause instanceof Error &&
      (['KnexTimeoutError', 'TimeoutError'].includes(cause.name) ||
        /(Connection terminated( unexpectedly)?|timeout expired| is not queryable)$/.test(cause.message)))
  )
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : ''
}
