import type { Knex } from 'knex'
import * as delegations from './001-delegations.ts'
import * as members from './002-members.ts'
import * as control from './003-control.ts'
import * as acme from './004-acme.ts'
import * as domainImports from './007-domain-imports.ts'
import * as overview from './005-overview.ts'
import * as settings from './006-settings.ts'
import * as sightings from './008-sightings.ts'

/** Applied only where the database was empty. */
export const firstMigration = '001-delegations'

/** Leaves the audit trail of before to be chained, see storage/audit-chain.ts. */
export const membersMigration = '002-members'

// Listed by hand: the order is visible, and a recorded name does not change with the build.
const all: [name: string, migration: Knex.Migration][] = [
  [firstMigration, delegations],
  [membersMigration, members],
  ['003-control', control],
  ['004-acme', acme],
  ['005-overview', overview],
  ['006-settings', settings],
  ['007-domain-imports', domainImports],
  ['008-sightings', sightings],
]

export const migrations: Knex.MigrationSource<(typeof all)[number]> = {
  getMigrations: async () => all,
  getMigrationName: ([name]) => name,
  getMigration: async ([, migration]) => migration,
}
