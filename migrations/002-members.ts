import type { Knex } from 'knex'
import { dialectOf, run } from './dialect.ts'

/** Nullable columns without references are the one change to a table that SQLite makes without copying it. */
export async function up(db: Knex): Promise<void> {
  const { instant, count, bytes, key, strict } = dialectOf(db)
  const revision = 'revision integer not null default 1'
  await run(db, [
    // Grows with each change of the row, so that who changes it can say which one they have seen (RFC 9110 §13.1.1)
    ...['tenant', 'source_domain', 'target_host', 'delegation', 'lineage'].map(
      (table) => `alter table ${table} add column ${revision}`,
    ),
    `alter table tenant add column suspended_at ${instant}`, // nothing of the tenant's is served from then on; null: not suspended
    `alter table tenant add column source_domain_quota integer`, // how many it may claim; null: no limit
    `alter table tenant add column delegation_quota integer`, // how many it may register; null: no limit
    `alter table tenant add column lineage_quota integer`, // how many certificate lineages it may have; null: no limit

    // For lists: what they are filtered by stands in the index that they are read by, or has one of its own
    `create index source_domain_tenant on source_domain (tenant_id, id)`,
    `drop index source_domain_name`,
    `create index source_domain_name on source_domain (name, id, mode, proof, suspended_at)`,
    `create index source_domain_suspended on source_domain (name, id) where suspended_at is not null`,
    `create index source_domain_unproven on source_domain (name, id) where proof is null`,
    `drop index delegation_target`,
    `create index delegation_target on delegation (target_host_id, id)`,
    `drop index delegation_lineage`,
    `create index delegation_lineage on delegation (lineage_id, id)`,

    `create table user_account (
      id                ${key}     primary key,     -- UUIDv7; "user" is a word of SQL
      email             ${key}     not null unique, -- the name to sign in with; lower case
      operator_since    ${instant},                 -- above all tenants from then on; null: no operator
      password_hash     text,                       -- PHC string of argon2id; null: none chosen yet
      totp_sealed       ${bytes},                   -- RFC 6238's shared secret under AES-256-GCM; null: none
      totp_confirmed_at ${instant},                 -- asked for from then on; null: none, or not confirmed by a first code
      totp_step         ${count},                   -- the 30-second step of the last code that was taken: no code is taken twice
      last_sign_in_at   ${instant},                 -- null: never yet
      created_at        ${instant} not null,        -- when the account was made
      ${revision}                                   -- see above
    ) ${strict}`,
    `create index user_account_operator on user_account (email) where operator_since is not null`,

    `create table recovery_code (
      user_id     ${key}     not null references user_account (id) on delete cascade,
      code_sha256 ${key}     not null, -- hex; the code is 80 random bits, shown once
      used_at     ${instant},          -- null: not yet
      primary key (user_id, code_sha256)
    ) ${strict}`,

    `create table passkey (
      id           ${key}     primary key, -- the credential's id, base64url, WebAuthn §5.8.3
      user_id      ${key}     not null references user_account (id) on delete cascade,
      name         text       not null,    -- what its owner calls it
      public_key   ${bytes}   not null,    -- COSE
      counter      ${count}   not null,    -- of signatures, 0 where the authenticator counts none
      transports   text       not null,    -- JSON array, a hint for the browser
      created_at   ${instant} not null,    -- when it was registered
      last_used_at ${instant}              -- null: not yet
    ) ${strict}`,
    `create index passkey_user on passkey (user_id)`,

    `create table passkey_challenge (
      challenge_sha256 ${key}     primary key, -- hex; each is used once
      user_id          ${key},                 -- who registers or confirms; null: somebody signs in
      expires_at       ${instant} not null     -- refused from then on
    ) ${strict}`,
    `create index passkey_challenge_ended on passkey_challenge (expires_at)`,

    `create table member (
      tenant_id  ${key}     not null references tenant (id) on delete cascade,
      user_id    ${key}     not null references user_account (id) on delete cascade,
      role       text       not null, -- 'owner' also sees to members and tokens, 'admin' changes, 'viewer' looks
      created_at ${instant} not null, -- when the user joined
      ${revision},                    -- see above
      primary key (tenant_id, user_id),
      check (role in ('owner', 'admin', 'viewer'))
    ) ${strict}`,
    `create index member_user on member (user_id)`,

    // Whoever used a link or a session of before signs in again
    `drop table session`,
    `drop table sign_in_link`,
    `create table link (
      id            ${key}     primary key,     -- what it is withdrawn by
      token_sha256  ${key}     not null unique, -- hex; the token itself is shown once and not kept
      purpose       text       not null,        -- 'sign-in' of the operator by the command line, 'invitation', 'password'
      tenant_id     ${key}     references tenant (id) on delete cascade,       -- of an invitation; null: to be an operator, or no invitation
      role          text,                                                      -- in that tenant; null with tenant_id
      user_id       ${key}     references user_account (id) on delete cascade, -- whose password is set; null: no link for a password
      email         ${key},                     -- of the one who is invited, lower case; null: no invitation
      created_by    text       not null,        -- as in audit_event.actor
      created_by_id ${key}     references user_account (id) on delete cascade, -- who loses it with what they were; null: machine, command line
      created_at    ${instant} not null,        -- when it was shown
      expires_at    ${instant} not null,        -- refused from then on
      used_at       ${instant},                 -- null: not yet
      check (purpose in ('sign-in', 'invitation', 'password')),
      check (role in ('owner', 'admin', 'viewer')),
      check ((tenant_id is null) = (role is null))
    ) ${strict}`,
    `create index link_ended on link (expires_at)`,
    `create index link_tenant on link (tenant_id, id)`,
    `create index link_user on link (user_id)`,
    `create index link_creator on link (created_by_id)`,

    `create table session (
      id               ${key}     primary key,     -- what its owner ends it by
      token_sha256     ${key}     not null unique, -- hex
      user_id          ${key}     references user_account (id) on delete cascade, -- null: the operator of the machine, by a link of the command line
      stage            text       not null,        -- 'second-factor': only the password was right so far, and it opens nothing
      name             text       not null,        -- the device, from User-Agent or as its owner calls it
      address          text,                       -- IP address that signed in; null: unknown
      created_at       ${instant} not null,        -- when it was opened
      seen_at          ${instant} not null,        -- updated at most every 5 minutes
      authenticated_at ${instant} not null,        -- when its owner last proved to be there
      expires_at       ${instant} not null,        -- absolute end
      check (stage in ('second-factor', 'complete'))
    ) ${strict}`,
    `create index session_ended on session (expires_at)`,
    `create index session_of_user on session (user_id)`,

    `create table api_token (
      id            ${key}     primary key,
      tenant_id     ${key}     references tenant (id) on delete cascade, -- null: the operator's own
      name          ${key}     not null, -- what its owner calls it
      scopes        text       not null, -- JSON array of tenant/scope.ts
      addresses     text,                -- JSON array of addresses and prefixes that it is taken from; null: from anywhere
      created_by    text       not null, -- as in audit_event.actor
      created_by_id ${key}     references user_account (id) on delete cascade, -- who loses it with what they were; null: machine, command line
      created_at    ${instant} not null, -- when it was made
      expires_at    ${instant},          -- refused from then on; null: never
      last_used_at  ${instant},          -- updated at most every 5 minutes; null: not yet
      last_used_by  text,                -- IP address; null: unknown, or not yet
      ${revision}                       -- see above
    ) ${strict}`,
    `create unique index api_token_name on api_token (tenant_id, name)`,
    `create unique index api_token_operator_name on api_token (name) where tenant_id is null`, // null is unlike null
    `create index api_token_creator on api_token (created_by_id)`,
    `create table api_token_secret (
      token_sha256 ${key}     primary key, -- hex; the secret itself is shown once and not kept
      token_id     ${key}     not null references api_token (id) on delete cascade,
      created_at   ${instant} not null,    -- when it was shown
      expires_at   ${instant}              -- end of the overlap with its successor; null: it has none
    ) ${strict}`,
    `create index api_token_secret_token on api_token_secret (token_id)`,
    `create index api_token_secret_ended on api_token_secret (expires_at)`,

    `create table sign_in_attempt (
      key_sha256 ${key}     primary key, -- hex, of what is counted: an account, an address, or both together
      failures   integer    not null,    -- since the last success
      last_at    ${instant} not null,    -- of the last failure; a day later the row is swept away
      open_at    ${instant} not null     -- no attempt is looked at before
    ) ${strict}`,
    `create index sign_in_attempt_last on sign_in_attempt (last_at)`,

    `create table idempotency (
      caller          ${key}     not null, -- a user or a token, by its id
      idempotency_key ${key}     not null, -- as the caller chose it
      request_sha256  ${key}     not null, -- hex, of method, path and body
      answer_sealed   ${bytes},            -- JSON of status, headers and body under AES-256-GCM; null: not answered yet
      created_at      ${instant} not null, -- a day later the row is swept away
      primary key (caller, idempotency_key)
    ) ${strict}`,
    `create index idempotency_created on idempotency (created_at)`,

    // A new table, since no column that may not be null can be added; storage/schema.ts chains what was there before
    `alter table audit_event rename to audit_event_before`,
    `drop index audit_event_tenant`,
    `create table audit_event (
      sequence  ${count}   primary key, -- 1, 2, 3 … in the order of commits, without a gap
      id        ${key}     not null unique,
      at        ${instant} not null,    -- when the act was done
      tenant_id ${key},                 -- no foreign key: the record outlives the tenant; null: the operator's affair
      actor     text       not null,    -- "alice@example.org", "token deploy", "cli:root", "local-authority"
      address   text,                   -- IP address; null: command line or job
      action    text       not null,    -- "delegation.register"
      subject   text       not null,    -- the name of what was acted on
      detail    text       not null,    -- JSON: before, after and more; never a key, a token or a PEM
      hash      ${key}     not null     -- hex, HMAC-SHA-256 over the hash before and this row
    ) ${strict}`,
    `create index audit_event_tenant on audit_event (tenant_id, sequence)`,
    `create index audit_event_at on audit_event (at)`,
    `create table audit_checkpoint (
      id       ${key}     primary key, -- always 'first': where the chain begins since retention has cut it
      sequence ${count}   not null,    -- of the last event that was cut off; 0: none yet
      hash     ${key}     not null,    -- of that event, which the first one left is chained to
      seal     ${key}     not null,    -- hex, HMAC-SHA-256 over both: only retention can move the beginning
      at       ${instant} not null     -- when it was cut
    ) ${strict}`,
  ])
}

export async function down(db: Knex): Promise<void> {
  const { instant, key, strict } = dialectOf(db)
  const tables = [
    ...['audit_checkpoint', 'idempotency', 'sign_in_attempt', 'api_token_secret', 'api_token', 'session', 'link'],
    ...['member', 'passkey_challenge', 'passkey', 'recovery_code', 'user_account'],
  ]
  const columns = {
    tenant: ['suspended_at', 'source_domain_quota', 'delegation_quota', 'lineage_quota', 'revision'],
    source_domain: ['revision'],
    target_host: ['revision'],
    delegation: ['revision'],
    lineage: ['revision'],
  }
  await run(db, [
    ...tables.map((table) => `drop table ${table}`),
    `drop index source_domain_tenant`,
    `drop index source_domain_suspended`,
    `drop index source_domain_unproven`,
    `drop index source_domain_name`,
    `create index source_domain_name on source_domain (name, id)`,
    `drop index delegation_target`,
    `create index delegation_target on delegation (target_host_id)`,
    `drop index delegation_lineage`,
    `create index delegation_lineage on delegation (lineage_id)`,
    ...Object.entries(columns).flatMap(([table, names]) =>
      names.map((name) => `alter table ${table} drop column ${name}`),
    ),
    `alter table audit_event rename to audit_event_chained`,
    `drop index audit_event_tenant`,
    `drop index audit_event_at`,
    `create table audit_event (
      id        ${key}     primary key,
      at        ${instant} not null,
      tenant_id ${key},
      actor     text       not null,
      address   text,
      action    text       not null,
      subject   text       not null,
      detail    text       not null
    ) ${strict}`,
    `insert into audit_event (id, at, tenant_id, actor, address, action, subject, detail)
      select id, at, tenant_id, actor, address, action, subject, detail from audit_event_chained`,
    `drop table audit_event_chained`,
    `create index audit_event_tenant on audit_event (tenant_id, id)`,
    `create table sign_in_link (
      token_sha256 ${key}     primary key,
      created_at   ${instant} not null,
      expires_at   ${instant} not null,
      used_at      ${instant}
    ) ${strict}`,
    `create index sign_in_link_ended on sign_in_link (expires_at)`,
    `create table session (
      token_sha256 ${key}     primary key,
      created_at   ${instant} not null,
      seen_at      ${instant} not null,
      expires_at   ${instant} not null
    ) ${strict}`,
    `create index session_ended on session (expires_at)`,
  ])
}
