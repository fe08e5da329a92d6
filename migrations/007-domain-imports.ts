import type { Knex } from 'knex'
import { dialectOf, run } from './dialect.ts'

export async function up(db: Knex): Promise<void> {
  const { instant, key, strict } = dialectOf(db)
  await run(db, [
    `create table domain_import (
      id           ${key}     primary key,                                       -- UUIDv7, so in the order in which they were begun
      tenant_id    ${key}     references tenant (id) on delete cascade,          -- whose it is; null: the operator's, of any tenants
      state        text       not null,                                          -- 'reading': its lines are coming in
      actor        text       not null,                                          -- who brought it, then who confirmed it
      address      text,                                                         -- of the same; null: not known
      acting_as    text,                                                         -- the tenant, by its name, that an operator acted as; null: as themselves
      by_operator  integer    not null,                                          -- 1: an operator brought it, and no other confirms it
      delegates    integer    not null,                                          -- 1: a line of it registers a delegation
      columns      text       not null,                                          -- JSON array of what was understood, in the file's order
      lines        integer    not null,                                          -- how many came in
      done_to      integer    not null,                                          -- the line of the file up to which outcomes are final
      added        integer    not null,                                          -- foreseen, while 'ready'; afterwards of those up to done_to
      present      integer    not null,
      refused      integer    not null,
      created_at   ${instant} not null,
      begun_at     ${instant},                                                   -- confirmed; null: not
      ended_at     ${instant},                                                   -- null: not yet
      expires_at   ${instant},                                                   -- swept away from then on; null: under way
      check (state in ('reading', 'ready', 'running', 'done', 'cancelled', 'discarded')),
      check ((expires_at is null) = (state = 'running'))
    ) ${strict}`,
    // Of a tenant one is open: the schema is the judge, whoever is first
    `create unique index domain_import_open on domain_import (coalesce(tenant_id, ''))
      where state in ('reading', 'ready', 'running')`,
    `create index domain_import_tenant on domain_import (tenant_id, id)`,
    `create index domain_import_ended on domain_import (expires_at)`,

    `create table domain_import_line (
      import_id ${key}  not null references domain_import (id) on delete cascade,
      line      integer not null,  -- of the file, from 1
      domain    text    not null,  -- as it stands there, cut off where it is too long
      request   text,              -- JSON of delegation/import-file.ts; null: it was refused when it was read
      outcome   text    not null,  -- foreseen, and final up to done_to
      reason    text,              -- why it was refused; null: it was not
      primary key (import_id, line),
      check (outcome in ('added', 'there already', 'refused')),
      check ((outcome = 'refused') = (reason is not null))
    ) ${strict}`,
    `create index domain_import_line_refused on domain_import_line (import_id, line) where outcome = 'refused'`,
  ])
}

export async function down(db: Knex): Promise<void> {
  await run(db, [
    `delete from job where kind = 'domain-import'`,
    `drop table domain_import_line`,
    `drop table domain_import`,
  ])
}
