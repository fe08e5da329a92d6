import { isDeepStrictEqual } from 'node:util'
import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import type {
  Delegation,
  DelegationStore,
  NewDelegation,
  PoshAnswer,
  RuleCheck,
  TlsAnswer,
} from '../delegation/delegation.ts'
import type { SourceDomainMode } from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { whatChanged } from '../tenant/audit.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { chunks, insertOnce } from './insert-many.ts'
import { requireOwnLineage } from './own-lineage.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { withinQuota } from './quota.ts'
import { containsName } from './search.ts'
import { ruleCheck } from './source-domain-row.ts'

interface DelegationRow {
  id: string
  tenant_id: string
  source_domain_id: string
  service: string
  protocol: string
  target_host_id: string
  lineage_id: string
  tls_answer: TlsAnswer
  posh_answer: PoshAnswer
  srv_port: number | null
  rule_outcome: RuleCheck['outcome'] | null
  rule_found: string | null
  rule_checked_at: number | null
  created_at: number
  revision: number
}

interface Named {
  proof: string | null // of the claim; null: it is not held
  mode: SourceDomainMode
  source_domain: DomainName
  target_host: DomainName
  target_port: number
  lineage_name: string
}

export function delegationStore(deps: { db: Database; newId: NewId }): DelegationStore {
  const { db, newId } = deps

  return {
    async register(tenantId, delegation, act) {
      const row = toRow(newId(act.at), tenantId, delegation, act)
      try {
        return await perform(deps, act, async (trx, traces) => {
          await requireTargetHost(trx, delegation.targetHostId)
          await requireOwnLineage(trx, tenantId, delegation.lineageId)
          await withinQuota({ trx, rows: db.rows }, tenantId, 'delegations', async () => {
            await lockOwnSourceDomain(trx, tenantId, delegation.sourceDomainId)
            await trx<DelegationRow>('delegation').insert(row)
          })
          const registered = (await select(trx).where('d.id', row.id).first())!
          trace(traces, act, 'delegation.register', null, registered)
          return fromRow(registered)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        const { service, protocol } = delegation
        throw new ProblemError(
          'already-exists',
          `${service}.${protocol} of this source domain is delegated already; withdraw that delegation first`,
          { cause },
        )
      }
    },

    async find(tenantId, id) {
      const row = await ofTenant(select(db.knex), tenantId).where('d.id', id).first()
      return row && fromRow(row)
    },

    async findByService(tenantId, sourceDomain, { service, protocol }) {
      const row = await ofSourceDomain(select(db.knex), tenantId, sourceDomain)
        .where({ 'd.service': service, 'd.protocol': protocol })
        .first()
      return row && fromRow(row)
    },

    async list(tenantId, page) {
      const {
        after,
        limit,
        search,
        isOldestFirst = false,
        sourceDomain,
        service,
        targetHost,
        lineage,
        isRuleWrong,
      } = page
      const query = containsName(ofTenant(select(db.knex), tenantId), 's.name', search)
        .orderBy('d.id', isOldestFirst ? 'asc' : 'desc')
        .limit(limit)
      if (after !== undefined) query.where('d.id', isOldestFirst ? '>' : '<', after)
      if (sourceDomain !== undefined) ofSourceDomain(query, tenantId, sourceDomain)
      if (isRuleWrong) query.whereRaw(`d.rule_outcome = 'wrong'`) // in the words of its index
      if (service) query.where({ 'd.service': service.service, 'd.protocol': service.protocol })
      if (targetHost !== undefined)
        query.whereRaw('d.target_host_id = (select id from target_host where name = ?)', [targetHost])
      if (lineage !== undefined) {
        const [one, another] = await db.knex('lineage').where({ name: lineage }).limit(2).pluck<string[]>('id')
        if (one === undefined) return []
        if (another === undefined) query.where('d.lineage_id', one)
        // Of several owners. Not by the index of lineages, which would have to be sorted, with all that share a lineage
        else query.whereRaw(`d.lineage_id || '' in (select id from lineage where name = ?)`, [lineage])
      }
      return (await query).map(fromRow)
    },

    async change(tenantId, id, { targetHostId, lineageId, tlsAnswer, poshAnswer, srvPort }, act) {
      return perform(deps, act, async (trx, traces) => {
        const { row, before } = await lockOwn(trx, tenantId, id, act)
        await requireTargetHost(trx, targetHostId)
        await requireOwnLineage(trx, tenantId, lineageId)
        const columns = {
          target_host_id: targetHostId,
          lineage_id: lineageId,
          tls_answer: tlsAnswer,
          posh_answer: poshAnswer,
          srv_port: srvPort,
        }
        if (isDeepStrictEqual({ ...row, ...columns }, row)) return fromRow(before)
        await trx<DelegationRow>('delegation')
          .where({ tenant_id: tenantId, id })
          .update({ ...columns, ...ruleColumns(null), revision: row.revision + 1 }) // what was found there is of before
        const after = (await select(trx).where('d.id', id).first())!
        trace(traces, act, 'delegation.change', before, after)
        return fromRow(after)
      })
    },

    async noteRuleCheck(tenantId, id, check) {
      await db.knex<DelegationRow>('delegation').where({ tenant_id: tenantId, id }).update(ruleColumns(check))
    },

    async withdraw(tenantId, id, act) {
      await perform(deps, act, async (trx, traces) => {
        const { before } = await lockOwn(trx, tenantId, id, act)
        await trx<DelegationRow>('delegation').where({ tenant_id: tenantId, id }).del()
        trace(traces, act, 'delegation.withdraw', before, null)
      })
    },
  }
}

/** Within the act of another store: those that are not there yet, of claims that are the tenants' own, and locked. */
export async function registerMissing(
  {
    trx,
    rows,
    traces,
    newId,
    act,
  }: { trx: Knex.Transaction; rows: Database['rows']; traces: Traces; newId: NewId; act: Act },
  delegations: readonly (NewDelegation & { tenantId: string })[],
): Promise<void> {
  for (const chunk of chunks(delegations)) {
    const inserted = await insertOnce(
      trx,
      'delegation',
      chunk.map((one) => ({ ...toRow(newId(act.at), one.tenantId, one, act) })),
      'on conflict (source_domain_id, service, protocol) do nothing returning id',
    )
    const ids = rows<{ id: string }>(inserted).map(({ id }) => id)
    for (const row of await select(trx).whereIn('d.id', ids)) trace(traces, act, 'delegation.register', null, row)
  }
}

// Left joins keep the planner at the delegations, whose order is the list's
function select(knex: Knex | Knex.Transaction) {
  return knex<DelegationRow>('delegation as d')
    .leftJoin('source_domain as s', 's.id', 'd.source_domain_id')
    .leftJoin('target_host as t', 't.id', 'd.target_host_id')
    .leftJoin('lineage as l', 'l.id', 'd.lineage_id')
    .select<(DelegationRow & Named)[]>(
      'd.*',
      's.name as source_domain',
      's.proof as proof',
      's.mode as mode',
      't.name as target_host',
      't.port as target_port',
      'l.name as lineage_name',
    )
}

function ofTenant<Query extends Knex.QueryBuilder>(query: Query, tenantId: string): Query {
  return tenantId === 'all' ? query : (query.where('d.tenant_id', tenantId) as Query)
}

/** By the index of its claims; a planner that sees the names only through the join walks all that the tenant has. */
function ofSourceDomain<Query extends Knex.QueryBuilder>(query: Query, tenantId: string, name: DomainName): Query {
  return (
    tenantId === 'all'
      ? query.whereRaw('d.source_domain_id in (select id from source_domain where name = ?)', [name])
      : query.whereRaw('d.source_domain_id = (select id from source_domain where tenant_id = ? and name = ?)', [
          tenantId,
          name,
        ])
  ) as Query
}

/** Whether it is held stays as it is until the delegation is there: else the edge might not be told of either. */
async function lockOwnSourceDomain(trx: Knex.Transaction, tenantId: string, id: string): Promise<void> {
  const row = await trx('source_domain')
    .where({ tenant_id: tenantId, id })
    .forNoKeyUpdate()
    .first<{ id: string } | undefined>('id')
  if (!row) throw new ProblemError('not-found', `the tenant has no source domain ${id}`)
}

async function requireTargetHost(trx: Knex.Transaction, id: string): Promise<void> {
  const row = await trx('target_host').where({ id }).first<{ id: string } | undefined>('id')
  if (!row) throw new ProblemError('not-found', `there is no target host ${id}`)
}

/** The claim is locked before what is delegated of it, as where it is removed: nobody waits for one who waits for him. */
async function lockOwn(trx: Knex.Transaction, tenantId: string, id: string, act: Act) {
  const own = () => trx<DelegationRow>('delegation').where({ tenant_id: tenantId, id })
  const sourceDomainId = (await own().first('source_domain_id'))?.source_domain_id
  if (sourceDomainId !== undefined) await trx('source_domain').where({ id: sourceDomainId }).forUpdate().first('id')
  const row = await own().forUpdate().first()
  if (!row) throw new ProblemError('not-found', `there is no delegation ${id}`)
  requireMatch(act, row)
  return { row, before: (await select(trx).where('d.id', id).first())! }
}

/** What was and what is; one of them is null where it is registered or withdrawn. */
function trace(
  traces: Traces,
  act: Act,
  action: string,
  before: (DelegationRow & Named) | null,
  after: (DelegationRow & Named) | null,
): void {
  const one = after ?? before
  if (!one) return
  for (const row of [before, after])
    // Of a claim that is not held nothing is served, and the name may be another tenant's
    for (const host of row && row.proof !== null ? [row.source_domain, row.target_host] : []) traces.changedHost(host)
  if (after && after.proof !== null && after.mode === 'external')
    traces.enqueue(ruleCheck({ ...after, name: after.source_domain }, act.at))
  const detail =
    before && after
      ? whatChanged(facts(before), facts(after))
      : { ...(before && { before: facts(before) }), ...(after && { after: facts(after) }) }
  traces.audit({
    tenantId: one.tenant_id,
    action,
    subject: one.source_domain,
    detail: { service: `${one.service}.${one.protocol}`, ...detail },
  })
}

/** For the audit trail. */
function facts(row: DelegationRow & Named): Record<string, unknown> {
  const { targetHost, lineageName, lineageId, tlsAnswer, poshAnswer, srvPort } = fromRow(row)
  return { targetHost, lineage: lineageName, lineageId, tlsAnswer, poshAnswer, srvPort }
}

function toRow(id: string, tenantId: string, delegation: NewDelegation, { at }: Act): DelegationRow {
  return {
    id,
    tenant_id: tenantId,
    source_domain_id: delegation.sourceDomainId,
    service: delegation.service,
    protocol: delegation.protocol,
    target_host_id: delegation.targetHostId,
    lineage_id: delegation.lineageId,
    tls_answer: delegation.tlsAnswer,
    posh_answer: delegation.poshAnswer,
    srv_port: delegation.srvPort,
    ...ruleColumns(null),
    created_at: at.getTime(),
    revision: 1,
  }
}

function fromRow(row: DelegationRow & Named): Delegation {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    sourceDomainId: row.source_domain_id,
    sourceDomain: row.source_domain,
    service: row.service,
    protocol: row.protocol,
    targetHost: row.target_host,
    targetPort: row.target_port,
    lineageId: row.lineage_id,
    lineageName: row.lineage_name,
    tlsAnswer: row.tls_answer,
    poshAnswer: row.posh_answer,
    srvPort: row.srv_port,
    ruleCheck: ruleCheckOf(row),
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}

function ruleColumns(check: RuleCheck | null) {
  return {
    rule_outcome: check?.outcome ?? null,
    rule_found: check?.found ?? null,
    rule_checked_at: check?.checkedAt.getTime() ?? null,
  }
}

function ruleCheckOf(row: DelegationRow): RuleCheck | null {
  const { rule_outcome: outcome, rule_found: found, rule_checked_at: checkedAt } = row
  return outcome === null ? null : { outcome, found: found ?? '', checkedAt: new Date(checkedAt ?? 0) }
}
