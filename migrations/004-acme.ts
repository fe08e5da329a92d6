import type { Knex } from 'knex'
import { dialectOf, run, type Dialect } from './dialect.ts'

export async function up(db: Knex): Promise<void> {
  const dialect = dialectOf(db)
  const { instant, bytes, key, strict } = dialect
  await run(db, [
    ...allowSources(dialect, ['import', 'local', 'acme']),
    // JSON array of the DNS names that somebody wants it for; null: its host's, or whatever is imported
    `alter table lineage add column identifiers text`,

    `create table authority (
      id                 ${key}     primary key,     -- what orders refer to
      name               ${key}     not null unique, -- how the operator calls it: "letsencrypt"
      rank               integer    not null,        -- the lowest is asked first
      directory_url      ${key}     not null unique, -- RFC 8555 §7.1.1; bound into the seals with table and id
      ca_pem             text,                       -- the only roots trusted for its HTTPS; null: the usual ones
      contact            text       not null,        -- JSON array: "mailto:hostmaster@example.net"
      eab_key_id         text,                       -- RFC 8555 §7.3.4, its key is not kept; null: it wants no external account
      profile            text,                       -- JSON of acme/authority.ts; null: none is asked for
      key_type           text       not null,        -- of the certificates' keys
      preferred_chain    text,                       -- common name of the root, where it offers chains to several; null: as it likes
      account_key_sealed ${bytes}   not null,        -- PKCS#8 DER under AES-256-GCM, kept before the account is asked for
      next_key_sealed    ${bytes},                   -- kept before the authority is told of it; null: the key is not being changed
      account_url        text,                       -- null: the account is not made yet, and the authority not in use
      terms_of_service   text,                       -- the URL of what was agreed to; null: none, or no account yet
      paused_until       ${instant},                 -- asked for nothing before then; null: it may be asked
      pause_reason       text,                       -- in words; null with paused_until
      created_at         ${instant} not null,        -- when the account's key was made
      revision           integer    not null,        -- grows with each change by anybody's act
      check ((paused_until is null) = (pause_reason is null))
    ) ${strict}`,
    `create index authority_in_use on authority (rank, id) where account_url is not null`,

    `create table acme_order (
      id                 ${key}     primary key,                                        -- UUIDv7, so in the order in which they were begun
      tenant_id          ${key}     references tenant (id),                             -- the lineage's; null: the operator's own
      lineage_id         ${key}     not null references lineage (id) on delete cascade, -- what it is to renew
      authority_id       ${key}     not null,                                           -- no foreign key: the record outlives the authority
      identifiers        text       not null,                                           -- JSON array of DNS names, sorted; bound into the seal with table and id
      profile            text,                                                          -- as asked for; null: none
      replaces           text,                                                          -- RFC 9773 §5, as asked for; null: nothing
      csr                ${bytes}   not null,                                           -- DER
      private_key_sealed ${bytes},                                                      -- PKCS#8 DER, sealed; destroyed when the order is over
      status             text       not null,                                           -- RFC 8555 §7.1.6; 'new': no answer is known
      new_orders         integer    not null,                                           -- how often it was asked for
      url                text,                                                          -- null while 'new'
      finalize_url       text,                                                          -- null while 'new'
      certificate_url    text,                                                          -- null until the authority has issued
      expires_at         ${instant},                                                    -- of the order; null: not said
      authorizations     text       not null,                                           -- JSON of acme/order.ts
      created_at         ${instant} not null,                                           -- when it was begun
      finished_at        ${instant},                                                    -- null: under way
      outcome            text,                                                          -- null with finished_at
      problem            text,                                                          -- JSON of acme/session.ts: why it failed; null: it has not, or nobody knows
      certificate_id     ${key}     references certificate (id) on delete set null,     -- null: none came of it, or it is not here any more
      check (status in ('new', 'pending', 'ready', 'processing', 'valid', 'invalid')),
      check (outcome in ('issued', 'failed', 'abandoned')),
      check ((finished_at is null) = (outcome is null)),
      check ((finished_at is null) = (private_key_sealed is not null)),
      check (certificate_id is null or (outcome is not null and outcome = 'issued'))
    ) ${strict}`,
    // Of a lineage one is under way: the schema is the judge, whoever is first
    `create unique index acme_order_under_way on acme_order (lineage_id) where finished_at is null`,
    `create index acme_order_lineage on acme_order (lineage_id, id)`,
    `create index acme_order_certificate on acme_order (certificate_id) where certificate_id is not null`,
    `create index acme_order_tenant on acme_order (tenant_id)`,
    `create index acme_order_authority on acme_order (authority_id, id) where finished_at is null`,
    `create index acme_order_fruitless on acme_order (finished_at) where finished_at is not null and certificate_id is null`,

    // Of those under way, to be found when a name is lost
    `create table acme_order_name (
      name     ${key} not null, -- one of the order's identifiers
      whose    ${key} not null, -- the id of its tenant, '' the operator's
      order_id ${key} not null references acme_order (id) on delete cascade,
      primary key (name, whose, order_id)
    ) ${strict}`,
    `create index acme_order_name_order on acme_order_name (order_id)`,

    // Pending or valid, as was last known: what a later order for the name could ride on. Not tied to the order, which
    // it may outlive, and which may share it with others
    `create table acme_authorization (
      url          ${key}     not null,
      whose        ${key}     not null, -- the id of the tenant whose order has it, '' the operator's; no foreign key: it outlives the tenant
      authority_id ${key}     not null, -- whose account it belongs to; gone with it
      name         ${key}     not null, -- its identifier
      expires_at   ${instant} not null, -- worth nothing from then on; where the authority has not said, three months after it was seen
      primary key (url, whose)
    ) ${strict}`,
    `create index acme_authorization_name on acme_authorization (name, whose)`,
    `create index acme_authorization_authority on acme_authorization (authority_id)`,
    `create index acme_authorization_ended on acme_authorization (expires_at)`,

    `create table issuance (
      lineage_id            ${key}     primary key references lineage (id) on delete cascade,
      failures              integer    not null, -- in a row
      failed_at             ${instant} not null, -- the last one
      problem               text       not null, -- JSON of acme/session.ts
      problem_type          text       not null, -- its type
      whose                 text       not null, -- who has to do something about it
      authority_id          ${key},              -- that failed, it may be gone; null: it came to no order
      next_at               ${instant} not null, -- nothing is ordered before then
      failures_of_authority integer    not null, -- in a row, that are its own affair
      challenge_type        text,                -- that failed; null: none did
      check (whose in ('owner', 'authority', 'operator'))
    ) ${strict}`,
    // Those who wait for the first authority, and for the end of one's pause
    `create index issuance_without_authority on issuance (lineage_id) where problem_type = 'no-authority'`,
    `create index issuance_authority on issuance (authority_id, next_at)`,

    `create table renewal_info (
      certificate_id  ${key}     primary key references certificate (id) on delete cascade,
      start_at        ${instant},          -- of the window, RFC 9773 §4.2; null: the authority never said anything valid
      end_at          ${instant},          -- null with start_at
      explanation_url text,                -- null: none was given
      renew_at        ${instant},          -- chosen once within the window; null with start_at
      polled_at       ${instant} not null, -- when it was last asked
      poll_at         ${instant} not null, -- when to ask again
      fault           text,                -- of the last answer, in words; null: it was good
      check ((start_at is null) = (end_at is null))
    ) ${strict}`,

    `create table budget_bucket (
      authority_id  ${key}     not null, -- whose limit it is
      key           ${key}     not null, -- what it counts, as acme/budget.ts calls it
      full_at       ${instant} not null, -- nothing of it is spent from then on
      refusals      integer    not null, -- since refused_since
      refused_since ${instant},          -- null: nobody was turned away lately
      waiting       text       not null, -- JSON of acme/bucket.ts
      idle_at       ${instant} not null, -- says nothing any more from then on
      primary key (authority_id, key)
    ) ${strict}`,
    `create index budget_bucket_idle on budget_bucket (idle_at)`,

    // For people who look for what has gone wrong, among a million jobs that have not
    `create index job_failed on job (kind, run_at, id) where finished_at is null and last_error is not null`,

    // Nothing has been put there before this version
    `drop table acme_challenge`,
    `create table acme_challenge (
      host              ${key}     not null, -- lower-case A-labels
      token             ${key}     not null, -- RFC 8555 §8.3, base64url
      type              ${key}     not null, -- an authority gives all challenges of an authorization one token
      key_authorization text       not null, -- the body of the answer to http-01; tls-alpn-01 shows its digest
      order_id          ${key}     references acme_order (id) on delete cascade, -- which it goes with; null: none
      expires_at        ${instant} not null, -- not answered from then on
      primary key (host, token, type),
      check (type in ('http-01', 'tls-alpn-01'))
    ) ${strict}`,
    `create index acme_challenge_order on acme_challenge (order_id)`,
    `create index acme_challenge_live on acme_challenge (host, type, expires_at)`,
    `create index acme_challenge_ended on acme_challenge (expires_at)`,

    // Outlives its order: it is to be removed from the zone also where that is gone
    `create table acme_txt_record (
      name       ${key}     not null, -- in the operator's zone, where an owner's _acme-challenge leads
      value      ${key}     not null, -- RFC 8555 §8.4; of several orders of a name each has its own
      order_id   ${key}     not null, -- that was the last to write it; no foreign key: see above
      written_at ${instant} not null, -- when that order first wrote it, before the name server was told
      next_at    ${instant} not null, -- where its order is over: not tried to be removed before then
      primary key (name, value)
    ) ${strict}`,
    `create index acme_txt_record_order on acme_txt_record (order_id, name)`,
    `create index acme_txt_record_next on acme_txt_record (next_at)`,
  ])
}

export async function down(db: Knex): Promise<void> {
  const dialect = dialectOf(db)
  const { instant, key, strict } = dialect
  await run(db, [
    `delete from job where kind in ('authorization-deactivation', 'certificate-revocation')`,
    `drop index job_failed`,
    `drop table acme_txt_record`,
    `drop table acme_challenge`,
    `create table acme_challenge (
      host              ${key}     not null,
      token             ${key}     not null,
      key_authorization text       not null,
      expires_at        ${instant} not null,
      primary key (host, token)
    ) ${strict}`,
    `create index acme_challenge_ended on acme_challenge (expires_at)`,
    ...[
      'budget_bucket',
      'renewal_info',
      'issuance',
      'acme_authorization',
      'acme_order_name',
      'acme_order',
      'authority',
    ].map((table) => `drop table ${table}`),
    // The version before cannot renew them. What they have is served to its end; its local authority is no stand-in
    `update lineage set source = 'import' where source = 'acme' or identifiers is not null`,
    `alter table lineage drop column identifiers`,
    ...allowSources(dialect, ['import', 'local']),
  ])
}

/** Changes the check of a lineage's source. SQLite cannot: there it takes a new table, to which the others go on referring. */
function allowSources({ instant, key, strict, isSqlite }: Dialect, sources: string[]): string[] {
  const check = `check (source in (${sources.map((source) => `'${source}'`).join(', ')}))`
  if (!isSqlite)
    return [
      `alter table lineage drop constraint lineage_source_check`,
      `alter table lineage add constraint lineage_source_check ${check}`,
    ]
  const columns = 'id, tenant_id, name, source, created_at, changed_at, revision'
  return [
    `create table lineage_anew (
      id         ${key}     primary key,            -- what the change feed names it by
      tenant_id  ${key}     references tenant (id), -- null: the operator's own
      name       ${key}     not null,               -- by default the first DNS name of its first leaf
      source     text       not null,               -- 'import': certificates come by hand; 'local': the local authority issues; 'acme': authorities do
      created_at ${instant} not null,               -- when it was set up, before any certificate
      changed_at ${instant} not null,               -- of the lineage or its certificates by anybody's act; for Last-Modified
      revision   integer    not null default 1,     -- grows with each change by anybody's act
      ${check}
    ) ${strict}`,
    `insert into lineage_anew (${columns}) select ${columns} from lineage`,
    `drop table lineage`,
    `alter table lineage_anew rename to lineage`,
    `create unique index lineage_tenant_name on lineage (coalesce(tenant_id, ''), name)`,
    `create index lineage_name on lineage (name, id)`,
    `create index lineage_tenant on lineage (tenant_id)`,
  ]
}
