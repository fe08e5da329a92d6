import type { Database } from '../../src/storage/database.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * So many source domains with their front certificates, delegations and orders, as SQLite writes them by itself within
 * seconds. One in a thousand or so has each kind of trouble, the first ones among them.
 */
export async function seedDomains({ knex }: Database, count: number, now: Date): Promise<void> {
  const at = now.getTime()
  const numbers = `with recursive n (i) as (select 0 union all select i + 1 from n where i < ${count - 1})`
  const padded = `printf('%08d', i)`
  const id = (kind: string) => `'00000000-0000-7000-8000-${kind}' || ${padded}`
  const isIn = (every: number, which: number) => `i % ${every} = ${which}`
  const tenant = `'tenant-' || (i % 7)`
  const lifetime = `(case i % 4 when 0 then ${90 * DAY_MS} when 1 then ${64 * DAY_MS} when 2 then ${45 * DAY_MS} else ${160 * HOUR_MS} end)`
  const left = `(case when ${isIn(1201, 3)} then -50 when ${isIn(1301, 4)} then 60 when ${isIn(31, 5)} then 250 + i % 80
    else 400 + (i * 7919) % 600 end)`
  const notAfter = `(${at} + ${lifetime} * ${left} / 1000)`
  const proof = `(case when ${isIn(997, 0)} or ${isIn(11, 10)} and i % 13 = 1 then null when i % 2 then 'txt' else 'vouched' end)`
  const wavering = `(case when ${isIn(1009, 1)} then ${at} - 36 * ${HOUR_MS} end)`
  for (const sql of [
    `${numbers} insert into tenant (id, name, created_at, edge_label)
      select 'tenant-' || i, 'tenant-' || i, 1, 'edge-' || i from n where i < 7`,
    `insert into target_host (id, name, port, created_at) values ('target', 'hosting.example.net', 443, 1)`,
    `insert into lineage (id, name, source, created_at, changed_at) values ('service', 'hosting.example.net', 'import', 1, 1)`,
    `${numbers} insert into lineage (id, tenant_id, name, source, created_at, changed_at)
      select ${id('1000')}, ${tenant}, 'front:im' || ${padded} || '.example', 'acme', 1, 1 from n`,
    `${numbers} insert into source_domain (id, tenant_id, name, mode, suspended_at, front_lineage_id, created_at, changed_at,
        proof, proven_at, seen_at, wavering_since, misses)
      select ${id('2000')}, ${tenant}, 'im' || ${padded} || '.example', case when i % 5 = 4 then 'external' else 'hosted' end,
        case when ${isIn(1999, 2)} then ${at} end, case when i % 5 = 4 or ${isIn(1501, 6)} then null else ${id('1000')} end,
        ${at} - (3 + i % 40) * ${DAY_MS}, 1, ${proof}, case when ${proof} is null then null else 1 end,
        case when ${proof} is null then null else ${at} end, case when ${proof} = 'txt' then ${wavering} end,
        case when ${proof} = 'txt' and ${wavering} is not null then 2 else 0 end from n`,
    `${numbers} insert into certificate (id, lineage_id, tenant_id, chain_pem, sha256, spki_sha256, subject, issuer, serial,
        key_type, dns_names, not_before, not_after, staged_at, activated_at)
      select ${id('3000')}, ${id('1000')}, ${tenant}, '', printf('%064d', i), '', 'CN=im', 'CN=Test', '01', 'EC P-256', '[]',
        ${notAfter} - ${lifetime}, ${notAfter}, ${notAfter} - ${lifetime}, ${notAfter} - ${lifetime} from n
      where i % 5 <> 4 and not (${isIn(1501, 6)})`,
    `${numbers} insert into delegation (id, tenant_id, source_domain_id, service, protocol, target_host_id, lineage_id, tls_answer,
        posh_answer, created_at, rule_outcome, rule_found, rule_checked_at)
      select ${id('4000')}, ${tenant}, ${id('2000')}, '_xmpp-server', '_tcp', 'target', 'service', 'redirect', 'fingerprints', 1,
        case when i % 5 = 4 then case when ${isIn(2003, 9)} then 'wrong' else 'ok' end end,
        case when i % 5 = 4 then case when ${isIn(2003, 9)} then 'it answers 200' else 'it leads there' end end,
        case when i % 5 = 4 then ${at} - 600000 end from n`,
    `${numbers} insert into issuance (lineage_id, lineage_name, tenant_id, failures, failed_at, problem, problem_type, whose, next_at,
        failures_of_authority)
      select ${id('1000')}, 'front:im' || ${padded} || '.example', ${tenant}, 3, ${at} - ${HOUR_MS},
        '{"type":"dns","detail":"no address","status":403,"retryAfterMs":null,"url":null,"subproblems":[]}', 'dns',
        case i % 3 when 0 then 'operator' when 1 then 'owner' else 'authority' end, ${at} + (1 + i % 9) * ${HOUR_MS}, 0
      from n where ${isIn(1501, 6)}`,
    `${numbers} insert into acme_order (id, tenant_id, lineage_id, authority_id, identifiers, csr, status, new_orders, authorizations,
        created_at, finished_at, outcome, certificate_id)
      select ${id('5000')}, ${tenant}, ${id('1000')}, 'x', '[]', x'00', 'valid', 1, '[]', 1,
        ${at} - (i * 31 % 720) * ${HOUR_MS}, case when i % 23 = 0 then 'failed' when i % 211 = 1 then 'abandoned' else 'issued' end,
        null from n where i % 5 <> 4 and i % 3 = 0`,
    `${numbers} insert into job (id, kind, key, payload, run_at, attempts, fence, last_error)
      select ${id('6000')}, 'proof-check', 'im' || ${padded} || '.example', '{}', ${at} + ${HOUR_MS}, 1, 1,
        case when ${isIn(2003, 8)} then 'no name server answers' end from n`,
  ])
    await knex.raw(sql)
}
