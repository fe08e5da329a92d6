import { closeSync, fsyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { membersMigration, migrations } from '../../migrations/index.ts'
import { ProblemError } from '../problem.ts'
import { chainFormerEvents } from './audit-chain.ts'
import type { Database } from './database.ts'

/** The migrations that this version has and the database has not. @throws ProblemError unavailable: it is newer than this version */
export async function pendingMigrations({ knex }: Database): Promise<string[]> {
  const ours = (await migrations.getMigrations([])).map((migration) => migrations.getMigrationName(migration))
  const done = (await knex.schema.hasTable('knex_migrations'))
    ? await knex('knex_migrations').orderBy('id').pluck<string[]>('name')
    : []
  const foreign = done.filter((name) => !ours.includes(name))
  if (foreign.length > 0)
    throw new ProblemError(
      'unavailable',
      `the database was written by a newer version of Waypost (${foreign.join(', ')}); start that version, or restore the backup that was made before it`,
    )
  return ours.filter((name) => !done.includes(name))
}

/**
 * Brings the database to this version's schema, all of it or nothing; of several processes one does and the others
 * wait for it. A SQLite file that holds something is copied beside itself before.
 * @returns the names of what was applied
 */
export async function migrate(db: Database, now: Date): Promise<string[]> {
  const pending = await pendingMigrations(db)
  const [first] = pending
  if (first === undefined) return []
  const isEmpty = !(await db.knex.schema.hasTable('knex_migrations'))
  if (db.file !== null && !isEmpty) await backUp(db, db.file, `${db.file}.before-${first}.${now.getTime()}`)
  return db.knex.transaction(
    async (trx) => {
      await db.lockMigrations(trx)
      const [, applied] = (await trx.migrate.latest({ migrationSource: migrations })) as [number, string[]]
      if (applied.includes(membersMigration)) await chainFormerEvents(trx, db)
      return applied
    },
    // SQLite alters a table by copying and dropping it, and dropping would empty the tables that refer to it; with
    // the keys off until the end they are left alone, and checked before the commit.
    { enforceForeignCheck: false } as object,
  )
}

async function backUp(db: Database, file: string, copy: string): Promise<void> {
  closeSync(openSync(copy, 'ax', 0o600)) // VACUUM INTO takes an empty file, and would make one that all can read
  await db.knex.raw('vacuum into ?', [copy])
  for (const path of [copy, dirname(file)]) {
    const descriptor = openSync(path, 'r')
    fsyncSync(descriptor)
    closeSync(descriptor)
  }
}
