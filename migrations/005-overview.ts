import type { Knex } from 'knex'
import { dialectOf, run } from './dialect.ts'

const IN_USE = 'activated_at is not null and superseded_at is null'
/** When a tenth of a certificate's lifetime is left: `certificate/renewal.ts` has the same share. */
const LAST_TENTH = '(not_after - (not_after - not_before) / 10)'
const UNPROVEN_SINCE = '(coalesce(lapsed_at, created_at))'

/** For lists of what needs a hand: each filter is read along an index of its own, of all and of one tenant's. */
const INDEXES = [
  ['source_domain_unproven_since', `source_domain (${UNPROVEN_SINCE}, id) where proof is null`],
  ['source_domain_unproven_of', `source_domain (tenant_id, ${UNPROVEN_SINCE}, id) where proof is null`],
  ['source_domain_wavering', 'source_domain (wavering_since, id) where wavering_since is not null'],
  ['source_domain_wavering_of', 'source_domain (tenant_id, wavering_since, id) where wavering_since is not null'],
  ['source_domain_suspended_of', 'source_domain (tenant_id, name, id) where suspended_at is not null'],
  ['source_domain_mode', 'source_domain (mode, name, id)'],
  ['delegation_rule_wrong', `delegation (id) where rule_outcome = 'wrong'`],
  ['delegation_rule_wrong_of', `delegation (tenant_id, id) where rule_outcome = 'wrong'`],
  ['issuance_whose', 'issuance (whose, lineage_name, lineage_id)'],
  ['issuance_tenant', 'issuance (tenant_id, whose, lineage_name, lineage_id)'],
  ['certificate_end', `certificate (not_after) where ${IN_USE}`],
  ['certificate_end_of', `certificate (tenant_id, not_after) where ${IN_USE}`],
  ['certificate_last_tenth', `certificate (${LAST_TENTH}, not_after) where ${IN_USE}`],
  ['certificate_last_tenth_of', `certificate (tenant_id, ${LAST_TENTH}, not_after) where ${IN_USE}`],
  ['audit_event_subject', 'audit_event (tenant_id, subject, sequence)'],
  ['acme_order_ended', 'acme_order (finished_at, id, outcome) where finished_at is not null'],
] as const

export async function up(db: Knex): Promise<void> {
  const { instant, key, strict } = dialectOf(db)
  await run(db, [
    // The lineage's, which keeps both for ever: lists are in the order of names
    `alter table issuance add column lineage_name ${key} not null default ''`,
    `alter table issuance add column tenant_id ${key}`, // null: the operator's own
    `update issuance set
      lineage_name = (select name from lineage where lineage.id = issuance.lineage_id),
      tenant_id = (select tenant_id from lineage where lineage.id = issuance.lineage_id)`,
    ...INDEXES.map(([name, on]) => `create index ${name} on ${on}`),

    // How many there are of everything, counted now and then: nobody waits for a count of a million rows
    `create table census (
      id     ${key}     primary key, -- always 'census'
      at     ${instant} not null,    -- when it was begun
      counts text       not null     -- JSON of src/census.ts
    ) ${strict}`,

    `create table saved_filter (
      id         ${key}     primary key,
      user_id    ${key}     not null references user_account (id) on delete cascade,
      list       ${key}     not null, -- the path of the list: "/source-domains"
      name       ${key}     not null, -- what its owner calls it
      query      text       not null, -- what the list is asked for: "standing=unproven"
      created_at ${instant} not null,
      unique (user_id, list, name)
    ) ${strict}`,
  ])
}

export async function down(db: Knex): Promise<void> {
  await run(db, [
    `delete from job where kind = 'census'`,
    'drop table saved_filter',
    'drop table census',
    ...INDEXES.map(([name]) => `drop index ${name}`),
    'alter table issuance drop column tenant_id',
    'alter table issuance drop column lineage_name',
  ])
}
