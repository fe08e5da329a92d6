import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import type { Act } from '../../src/act.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { openStorage, type Storage, type StorageOptions } from '../../src/storage/storage.ts'
import { testSealer } from './sealer.ts'
import { START, stoppedClock } from './stopped-clock.ts'

export interface TestDatabase {
  engine: 'sqlite' | 'postgresql'
  /** Where it is, as `openStorage` and `openDatabase` take it. */
  place: { url: string | undefined; file: string }
  clock: ReturnType<typeof stoppedClock>
  act: () => Act
  /** Migrated; opened before the first test and closed after the last. */
  storage: Storage
  /** Another handle, as another process has one; closed by itself. */
  open: (options?: Partial<StorageOptions>) => Promise<Storage>
  /** The tables themselves, to look at from outside. */
  db: Database
}

export type TestPlace = TestDatabase['place'] & { remove: () => Promise<void> }

/** An empty database of an engine. */
export async function emptyDatabase(engine: TestDatabase['engine']): Promise<TestPlace> {
  if (engine === 'sqlite') {
    const folder = mkdtempSync(join(tmpdir(), 'waypost-sqlite-'))
    return {
      url: undefined,
      file: join(folder, 'data', 'waypost.db'),
      remove: async () => rmSync(folder, { recursive: true, force: true }),
    }
  }
  const server = inject('postgres')
  const name = `waypost_${randomUUID().replaceAll('-', '')}`
  await administer(`create database ${name}`)
  return { url: `${server}/${name}`, file: '', remove: () => administer(`drop database ${name} with (force)`) }
}

async function administer(sql: string): Promise<void> {
  const db = await openDatabase({ url: `${inject('postgres')}/postgres`, file: '', isReadOnly: false })
  await db.knex.raw(sql)
  await db.knex.destroy()
}

/** The same tests on SQLite and on PostgreSQL, each on a database of its own. */
export function onBothEngines(title: string, tests: (database: TestDatabase) => void): void {
  for (const engine of ['sqlite', 'postgresql'] as const) {
    const isLeftOut = engine === 'postgresql' && inject('postgres') === null
    describe.skipIf(isLeftOut)(`${title} on ${engine}`, () => {
      const clock = stoppedClock(START)
      const database = {
        engine,
        clock,
        act: () => ({ at: clock.now(), actor: 'test', address: null }),
        async open(options) {
          const storage = await openStorage({ ...database.place, sealer: testSealer, clock, ...options })
          opened.push(storage)
          return storage
        },
      } as TestDatabase
      const opened: Storage[] = []
      let remove: () => Promise<void>
      beforeAll(async () => {
        ;({ remove, ...database.place } = await emptyDatabase(engine))
        database.storage = await database.open()
        await database.storage.migrate()
        database.db = await openDatabase({ ...database.place, isReadOnly: false })
      })
      afterAll(async () => {
        await database.db.knex.destroy()
        for (const storage of opened) await storage.close()
        await remove()
      })
      tests(database)
    })
  }
}
