import type { Knex } from 'knex'
import { dialectOf, run } from './dialect.ts'

export async function up(db: Knex): Promise<void> {
  const { instant, bytes, key, serial, strict } = dialectOf(db)
  await run(db, [
    `create table tenant (
      id         ${key}     primary key,      -- UUIDv7, as all ids
      name       ${key}     not null unique,  -- lower-case letters, digits, hyphens; how people name the tenant
      created_at ${instant} not null          -- ms since the epoch, UTC, as all instants
    ) ${strict}`,

    `create table lineage (
      id         ${key}     primary key,            -- what the change feed names it by
      tenant_id  ${key}     references tenant (id), -- null: the operator's own
      name       ${key}     not null,               -- by default the first DNS name of its first leaf
      source     text       not null,               -- 'import': certificates come by hand; 'local': the local authority issues
      created_at ${instant} not null,               -- when it was set up, before any certificate
      changed_at ${instant} not null,               -- of the lineage or its certificates by anybody's act; for Last-Modified
      check (source in ('import', 'local'))
    ) ${strict}`,
    `create unique index lineage_tenant_name on lineage (coalesce(tenant_id, ''), name)`,
    `create index lineage_name on lineage (name, id)`,
    `create index lineage_tenant on lineage (tenant_id)`,

    `create table private_key (
      id         ${key}     primary key,            -- a new key is a new row
      tenant_id  ${key}     references tenant (id), -- null: the operator's own
      domain     ${key}     not null,               -- the lineage's name; bound into the seal with table and id
      sealed     ${bytes}   not null,               -- PKCS#8 DER under AES-256-GCM, see certificate/sealing.ts
      created_at ${instant} not null                -- when it was sealed
    ) ${strict}`,
    `create index private_key_tenant on private_key (tenant_id)`,

    `create table certificate (
      id             ${key}     primary key,                      -- UUIDv7, so in the order of staging
      lineage_id     ${key}     not null references lineage (id), -- the succession that it is part of
      tenant_id      ${key}     references tenant (id),           -- the lineage's; null: the operator's own
      private_key_id ${key}     references private_key (id),      -- null: the key is not here, the certificate is only published
      chain_pem      text       not null, -- leaf first, then its issuers; LF line ends
      sha256         ${key}     not null, -- of the leaf's DER, lower-case hex
      spki_sha256    ${key}     not null, -- of the leaf's SubjectPublicKeyInfo, lower-case hex
      subject        text       not null, -- RFC 4514 string
      issuer         text       not null, -- RFC 4514 string
      serial         text       not null, -- lower-case hex
      key_type       text       not null, -- "EC P-256", "RSA 2048", "Ed25519"
      dns_names      text       not null, -- JSON array of the leaf's dNSName entries, lower case
      not_before     ${instant} not null, -- not valid earlier, though it may be published
      not_after      ${instant} not null, -- not published from then on
      staged_at      ${instant} not null, -- published from then on, beside the active one
      activated_at   ${instant},          -- null: still staged
      superseded_at  ${instant},          -- when another became active; null: active or staged
      retires_at     ${instant},          -- published until then; null: not superseded
      unique (lineage_id, sha256),
      check ((superseded_at is null) = (retires_at is null)),
      check (superseded_at is null or activated_at is not null)
    ) ${strict}`,
    `create unique index certificate_one_active on certificate (lineage_id)
      where activated_at is not null and superseded_at is null`,
    `create index certificate_private_key on certificate (private_key_id)`,
    `create index certificate_tenant on certificate (tenant_id)`,

    `create table source_domain (
      id               ${key}     primary key,                     -- of the claim: a name claimed twice has two
      tenant_id        ${key}     not null references tenant (id), -- who claims the name
      name             ${key}     not null,                        -- lower-case A-labels, no final dot
      mode             text       not null,                        -- 'hosted': its DNS points at our edge; 'external': the owner's web server redirects
      proof            text,                                       -- the proof of control in force; null: unproven, nothing is served
      proven_at        ${instant},                                 -- when the proof was last seen; null: unproven
      suspended_at     ${instant},                                 -- null: not suspended
      host_meta        text,                                       -- JSON of delegation/host-meta.ts; null: switched off
      front_lineage_id ${key}     references lineage (id),         -- null: none yet, or external
      created_at       ${instant} not null,                        -- when the name was claimed
      changed_at       ${instant} not null,                        -- of the claim or its delegations by anybody's act; for Last-Modified
      unique (tenant_id, name),
      check (mode in ('hosted', 'external')),
      check (proof in ('vouched')),
      check ((proof is null) = (proven_at is null))
    ) ${strict}`,
    // Many may claim a name, one at most holds it: the schema is the judge, whoever is first.
    `create unique index source_domain_holder on source_domain (name) where proof is not null`,
    `create index source_domain_name on source_domain (name, id)`,
    `create index source_domain_front on source_domain (front_lineage_id)`,

    `create index source_domain_wants_front on source_domain (id)
      where front_lineage_id is null and proof is not null and mode = 'hosted'`,

    `create table target_host (
      id               ${key}     primary key,             -- what delegations refer to
      name             ${key}     not null unique,         -- lower-case A-labels, no final dot
      port             integer    not null,                -- of HTTPS; 443 is left out of a Location
      front_lineage_id ${key}     references lineage (id), -- null: none yet
      created_at       ${instant} not null,                -- when the operator added it
      check (port between 1 and 65535)
    ) ${strict}`,
    `create index target_host_front on target_host (front_lineage_id)`,

    `create index target_host_wants_front on target_host (id) where front_lineage_id is null`,

    `create table delegation (
      id               ${key}     primary key,                            -- what tenants withdraw it by
      tenant_id        ${key}     not null references tenant (id),        -- the source domain's
      source_domain_id ${key}     not null references source_domain (id), -- the claim that is delegated; nothing is served while it is unproven
      service          ${key}     not null,                               -- "_xmpp-server", lower case
      protocol         ${key}     not null,                               -- "_tcp", lower case
      target_host_id   ${key}     not null references target_host (id),   -- where the 302 leads
      lineage_id       ${key}     not null references lineage (id),       -- of the service certificate
      tls_answer       text       not null,                               -- at the source domain: 'redirect' is the 302, 'possession' the PEM itself
      posh_answer      text       not null,                               -- at the source domain: RFC 7711 §3's three ways, or 'off'
      srv_port         integer,                                           -- of the XMPP service, for its SRV record; null: the usual one
      created_at       ${instant} not null,                               -- when it was registered
      unique (source_domain_id, service, protocol),
      check (tls_answer in ('redirect', 'possession')),
      check (posh_answer in ('fingerprints', 'redirect', 'reference', 'off')),
      check (srv_port between 1 and 65535)
    ) ${strict}`,
    `create index delegation_tenant on delegation (tenant_id, id)`,
    `create index delegation_target on delegation (target_host_id)`,
    `create index delegation_lineage on delegation (lineage_id)`,

    `create table acme_challenge (
      host              ${key}     not null, -- lower-case A-labels
      token             ${key}     not null, -- RFC 8555 §8.3, base64url
      key_authorization text       not null, -- the body of the answer
      expires_at        ${instant} not null, -- not answered from then on
      primary key (host, token)
    ) ${strict}`,
    `create index acme_challenge_ended on acme_challenge (expires_at)`,

    // The change feed: a row is written in the transaction of the change that it tells of.
    `create table change (
      id   ${serial},           -- in the order of commits
      kind text       not null, -- 'host' or 'lineage': what to drop from memory
      key  ${key}     not null, -- the name of the host, or the id of the lineage
      at   ${instant} not null, -- rows older than an hour are cut off
      check (kind in ('host', 'lineage'))
    ) ${strict}`,

    `create table job (
      id          ${key}     primary key, -- among those due at once the lowest is run first
      kind        ${key}     not null, -- "front-certificate"
      key         ${key}     not null, -- of unfinished jobs of a kind there is one per key
      payload     text       not null, -- JSON, its shape belongs to the kind
      run_at      ${instant} not null, -- not before then
      attempts    integer    not null, -- how often it was claimed
      fence       integer    not null, -- grows with each claim: a late worker's result is refused by it
      again_at    ${instant},          -- asked for while a worker had it, so to be run once more from then on; null: not asked
      worker      text,                -- who holds the lease; null: nobody
      lease_until ${instant},          -- null: nobody holds it
      last_error  text,                -- of the attempt before; null: none failed
      finished_at ${instant}           -- null: still to do
    ) ${strict}`,
    `create unique index job_open on job (kind, key) where finished_at is null`,
    `create index job_due on job (run_at, id) where finished_at is null`,
    `create index job_finished on job (finished_at) where finished_at is not null`,

    `create table audit_event (
      id        ${key}     primary key, -- UUIDv7, so in the order of time
      at        ${instant} not null,    -- when the act was done
      tenant_id ${key},                 -- no foreign key: the record outlives the tenant; null: the operator's affair
      actor     text       not null,    -- "operator", "cli", "local-authority"
      address   text,                   -- IP address; null: command line or job
      action    text       not null,    -- "delegation.register"
      subject   text       not null,    -- the name of what was acted on
      detail    text       not null     -- JSON: what changed; never a key, a token or a PEM
    ) ${strict}`,
    `create index audit_event_tenant on audit_event (tenant_id, id)`,

    `create table local_authority (
      id                      ${key}     primary key, -- always 'local': the row that nodes race to write
      root_pem                text       not null,    -- self-signed; what people choose to trust
      intermediate_pem        text       not null,    -- signed by the root; the issuer of every leaf
      intermediate_key_sealed ${bytes}   not null,    -- PKCS#8 DER, sealed; the root's key is destroyed once it has signed
      created_at              ${instant} not null     -- when the keys were made
    ) ${strict}`,

    `create table master_key_check (
      id         ${key}     primary key, -- always 'check'
      sealed     ${bytes}   not null,    -- a known word: a start under another master key is refused
      written_at ${instant} not null     -- when the readiness check last saw that the database takes writes
    ) ${strict}`,

    `create table sign_in_link (
      token_sha256 ${key}     primary key, -- hex; the token itself is shown once and not kept
      created_at   ${instant} not null,    -- when the link was shown
      expires_at   ${instant} not null,    -- refused from then on
      used_at      ${instant}              -- null: not yet
    ) ${strict}`,
    `create index sign_in_link_ended on sign_in_link (expires_at)`,
    `create table session (
      token_sha256 ${key}     primary key, -- hex
      created_at   ${instant} not null,    -- when the link was used
      seen_at      ${instant} not null,    -- updated at most every 5 minutes
      expires_at   ${instant} not null     -- absolute end
    ) ${strict}`,
    `create index session_ended on session (expires_at)`,
  ])
}

export async function down(db: Knex): Promise<void> {
  const tables = [
    'session',
    'sign_in_link',
    'master_key_check',
    'local_authority',
    'audit_event',
    'job',
    'change',
    'acme_challenge',
    'delegation',
    'target_host',
    'source_domain',
    'certificate',
    'private_key',
    'lineage',
    'tenant',
  ]
  await run(
    db,
    tables.map((table) => `drop table ${table}`),
  )
}
