import type { Knex } from 'knex'
import * as delegations from './001-delegations.ts'

// Listed by hand: the order is visible, and a recorded name does not change with the build.
const all: [name: string, migration: Knex.Migration][] = [['001-delegations', delegations]]

export const migrations: Knex.MigrationSource<(typeof all)[number]> = {
  getMigrations: async () => all,
  getMigrationName: ([name]) => name,
  getMigration: async ([, migration]) => migration,
}
