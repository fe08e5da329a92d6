import type { Knex } from 'knex'
import { dialectOf, run } from './dialect.ts'

export async function up(db: Knex): Promise<void> {
  const { instant, key, strict } = dialectOf(db)
  await run(db, [
    // What the looks at a claim came to, one row for as many in a row as came to the same
    `create table sighting_span (
      source_domain_id ${key}     not null references source_domain (id) on delete cascade,
      first_at         ${instant} not null, -- when the first of them began
      last_at          ${instant} not null,
      looks            integer    not null,
      outcome          text       not null,
      proof            text,                -- by which record; null unless 'ok'
      primary key (source_domain_id, first_at),
      check (outcome in ('ok', 'wrong', 'could-not-ask')),
      check (proof in ('txt', 'cname')),
      check ((outcome = 'ok') = (proof is not null))
    ) ${strict}`,
  ])
}

export async function down(db: Knex): Promise<void> {
  await run(db, [`drop table sighting_span`])
}
