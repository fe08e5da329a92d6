import type { Knex } from 'knex'
import { dialectOf, run } from './dialect.ts'

/** What an operator sets while the server runs, and operators who act as a tenant. */
export async function up(db: Knex): Promise<void> {
  const { bytes, instant, key, strict } = dialectOf(db)
  await run(db, [
    `create table settings (
      id           ${key}  primary key,       -- 'settings': there is one row
      service_name text,                      -- as people read it; null: "Waypost"
      accent_light ${key},                    -- "#0b6e69", on a light ground; null: our own
      accent_dark  ${key},                    -- the same on a dark one
      support      text,                      -- e-mail address or https URL; null: none
      foot_line    text,                      -- below every page; null: none
      logo         ${bytes},                  -- PNG, JPEG or WebP; null: our own
      logo_type    text,                      -- its media type; null with logo
      logo_sha256  ${key},                    -- of logo, hex; null with logo
      revision     integer not null,          -- grows with each change
      check (id = 'settings'),
      check ((logo is null) = (logo_type is null) and (logo is null) = (logo_sha256 is null))
    ) ${strict}`,
    `insert into settings (id, revision) values ('settings', 1)`,

    `create table maintenance (
      id     ${key}     primary key, -- 'maintenance': there is a row while it is on
      reason text       not null,    -- the operator's words, which everybody reads
      since  ${instant} not null,
      by     text       not null,    -- as in audit_event.actor
      check (id = 'maintenance')
    ) ${strict}`,

    // No foreign keys, so that the columns can be dropped again: as a tenant that is gone nobody acts
    `alter table session add column acting_tenant_id ${key}`,
    `alter table session add column acting_until ${instant}`,
    `alter table session add column acting_reason text`,
  ])
}

export async function down(db: Knex): Promise<void> {
  await run(db, [
    ...['acting_reason', 'acting_until', 'acting_tenant_id'].map(
      (column) => `alter table session drop column ${column}`,
    ),
    `drop table maintenance`,
    `drop table settings`,
  ])
}
