import type { Knex } from 'knex'
import { dialectOf, run, type Dialect } from './dialect.ts'

const KEEP_KEYS_MS = 2_592_000_000 // 30 days, as the version that wrote this keeps them

const INDEXES = [
  // Many may claim a name, one at most holds it: the schema is the judge, whoever is first
  `create unique index source_domain_holder on source_domain (name) where proof is not null`,
  `create index source_domain_name on source_domain (name, id, mode, proof, suspended_at)`,
  `create index source_domain_tenant on source_domain (tenant_id, id)`,
  `create index source_domain_front on source_domain (front_lineage_id, name, id)`,
  `create index source_domain_suspended on source_domain (name, id) where suspended_at is not null`,
  `create index source_domain_unproven on source_domain (name, id) where proof is null`,
  `create index source_domain_wants_front on source_domain (id)
    where front_lineage_id is null and proof is not null and mode = 'hosted'`,
]
const FORMER_COLUMNS = `id, tenant_id, name, mode, proof, proven_at, suspended_at, host_meta, front_lineage_id, created_at, changed_at, revision`

export async function up(db: Knex): Promise<void> {
  const dialect = dialectOf(db)
  const { instant, key, count, strict, randomHex } = dialect
  await run(db, [
    // SQLite cannot change a check: a new table, for both
    ...replaceSourceDomain(
      dialect,
      `proof          text,              -- in force: 'vouched' for by the operator, 'txt' record, 'cname' to the tenant's edge name; null: none
      proven_at      ${instant},         -- it has been in force since; null with proof
      seen_at        ${instant},         -- when it was last seen, or the vouch given; null with proof
      wavering_since ${instant},         -- found definitely gone then and ever since; null: it is not
      misses         integer not null,   -- how often it was found gone since then
      lapsed_at      ${instant},         -- the last proof was in force until then; null: one is, or there never was one
      check (proof in ('vouched', 'txt', 'cname')),
      check ((proof is null) = (proven_at is null)),
      check ((proof is null) = (seen_at is null)),
      check (proof is null or lapsed_at is null),
      check (wavering_since is null or proof in ('txt', 'cname')),
      check ((wavering_since is null) = (misses = 0))`,
      `${FORMER_COLUMNS}, seen_at, misses`,
      `${FORMER_COLUMNS}, proven_at, 0`,
    ),
    ...INDEXES,

    // What the tenant's own edge name begins with: random, and so never given twice. Not null, but SQLite adds no such column
    `alter table tenant add column edge_label ${key}`,
    `update tenant set edge_label = 't' || ${randomHex}`,
    `create unique index tenant_edge_label on tenant (edge_label)`,

    // Its private keys are destroyed when all of its rows are due and nothing that is held uses it
    `create table lost_front (
      lineage_id ${key}     not null references lineage (id) on delete cascade,
      name       ${key}     not null, -- of the source domain whose front it was until its tenant lost it
      lost_at    ${instant} not null, -- keys of certificates staged later are none of the name's
      due_at     ${instant} not null, -- 30 days later, or when another tenant took the name
      primary key (lineage_id, name)
    ) ${strict}`,
    `create index lost_front_name on lost_front (name, lineage_id)`,
    `create index lost_front_due on lost_front (due_at, lineage_id)`,
    ...lostBefore((await db.schema.hasTable('audit_event_before')) ? 'audit_event_before' : 'audit_event'),

    // What an initiating entity found at an external source domain's web server
    `alter table delegation add column rule_outcome text`, // 'ok', 'wrong' or 'could-not-ask'; null: nobody has looked
    `alter table delegation add column rule_found text`, // what is wrong, in words; null with rule_outcome
    `alter table delegation add column rule_checked_at ${instant}`, // null with rule_outcome

    `create table proof_check (
      name       ${key}     primary key, -- of the source domain, whoever claims it
      looked_at  ${instant} not null,    -- when the last look began: one that began before is not taken in any more
      findings   text       not null,    -- JSON of tenant/findings.ts
      unanswered ${count}   not null,    -- looks in a row, to the last one, at which nobody could be asked
      zone_servers text                  -- JSON array, the zone's name servers when they were last learnt; null: never yet
    ) ${strict}`,

    // One kind's backlog does not stand in the way of another's
    `drop index job_due`,
    `create index job_due on job (kind, run_at, id) where finished_at is null`,
    `insert into job (id, kind, key, payload, run_at, attempts, fence)
      select min(id), 'proof-check', name, '{}', 0, 0, 0 from source_domain group by name having max(proof) is null`,
  ])
}

export async function down(db: Knex): Promise<void> {
  const dialect = dialectOf(db)
  const { instant } = dialect
  const former = `proof          text,
      proven_at      ${instant},
      check (proof in ('vouched')),
      check ((proof is null) = (proven_at is null))`
  await run(db, [
    `delete from job where kind in ('proof-check', 'redirect-rule')`,
    `drop index job_due`,
    `create index job_due on job (run_at, id) where finished_at is null`,
    `drop table proof_check`,
    ...['rule_outcome', 'rule_found', 'rule_checked_at'].map((name) => `alter table delegation drop column ${name}`),
    `drop table lost_front`,
    `drop index tenant_edge_label`,
    `alter table tenant drop column edge_label`,
    // The version before knows no proof but the operator's word: whatever was proven is to be vouched for anew
    `update source_domain set proof = null, proven_at = null, seen_at = null, wavering_since = null, misses = 0
      where proof <> 'vouched'`,
    ...replaceSourceDomain(dialect, former, FORMER_COLUMNS, FORMER_COLUMNS),
    ...INDEXES,
  ])
}

/**
 * What was lost before is lost since the last act that the trail tells of, the only clock that there is here; what
 * another tenant holds by now is due.
 */
function lostBefore(trail: string): string[] {
  const lost = (name: string, whose: string) => `insert into lost_front (lineage_id, name, lost_at, due_at)
    select l.id, ${name}, coalesce(t.at, l.changed_at), coalesce(t.at, l.changed_at) + ${KEEP_KEYS_MS}
    from (select max(at) as at from ${trail}) t, lineage l ${whose} on conflict (lineage_id, name) do nothing`
  return [
    lost(
      's.name',
      `join source_domain s on s.front_lineage_id = l.id and s.tenant_id = l.tenant_id where s.proof is null`,
    ),
    // Made for a name that its tenant gave up, or never held
    lost(
      'substr(l.name, 7)',
      `where l.tenant_id is not null and l.name like 'front:%'
        and not exists (select 1 from source_domain s where s.front_lineage_id = l.id)
        and not exists (select 1 from delegation d where d.lineage_id = l.id)
        and not exists (select 1 from source_domain s
          where s.tenant_id = l.tenant_id and s.name = substr(l.name, 7) and s.proof is not null)`,
    ),
    `update lost_front set due_at = lost_at where exists (select 1 from source_domain s, lineage l
      where s.name = lost_front.name and s.proof is not null and l.id = lost_front.lineage_id and l.tenant_id <> s.tenant_id)`,
  ]
}

/** Statements that make the table anew with other columns for the proof, without indexes. */
function replaceSourceDomain(
  { instant, key, strict, isSqlite }: Dialect,
  proof: string,
  columns: string,
  from: string,
): string[] {
  const reference = 'delegation_source_domain_id_fkey'
  return [
    ...(isSqlite ? [] : [`alter table delegation drop constraint ${reference}`]), // SQLite's are off meanwhile, see storage/schema.ts
    `create table source_domain_anew (
      id               ${key}     primary key,                     -- of the claim: a name claimed twice has two
      tenant_id        ${key}     not null references tenant (id), -- who claims the name
      name             ${key}     not null,                        -- lower-case A-labels, no final dot
      mode             text       not null,                        -- 'hosted': its DNS points at our edge; 'external': the owner's web server redirects
      suspended_at     ${instant},                                 -- null: not suspended
      host_meta        text,                                       -- JSON of delegation/host-meta.ts; null: switched off
      front_lineage_id ${key}     references lineage (id),         -- null: none yet, or external
      created_at       ${instant} not null,                        -- when the name was claimed
      changed_at       ${instant} not null,                        -- of the claim or its delegations by anybody's act; for Last-Modified
      revision         integer    not null default 1,              -- grows with each change by anybody's act
      ${proof},
      unique (tenant_id, name),
      check (mode in ('hosted', 'external'))
    ) ${strict}`,
    `insert into source_domain_anew (${columns}) select ${from} from source_domain`,
    `drop table source_domain`,
    `alter table source_domain_anew rename to source_domain`,
    ...(isSqlite
      ? []
      : [
          `alter table delegation add constraint ${reference} foreign key (source_domain_id) references source_domain (id)`,
        ]),
  ]
}
