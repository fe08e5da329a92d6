import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { Delegation, DelegationStore, NewDelegation, PoshAnswer, TlsAnswer } from '../delegation/delegation.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { chunks } from './insert-many.ts'
import { requireOwnLineage } from './own-lineage.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { contains } from './search.ts'

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
  created_at: number
}

interface Named {
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
          await requireOwnSourceDomain(trx, tenantId, delegation.sourceDomainId)
          await requireTargetHost(trx, delegation.targetHostId)
          await requireOwnLineage(trx, tenantId, delegation.lineageId)
          await trx<DelegationRow>('delegation').insert(row)
          const registered = fromRow((await select(trx).where('d.id', row.id).first())!)
          trace(traces, 'delegation.register', registered)
          return registered
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

    async list(tenantId, { after, limit, sourceDomain, search }) {
      const query = contains(ofTenant(select(db.knex), tenantId), 's.name', search)
        .orderBy('d.id', 'desc')
        .limit(limit)
      if (after !== undefined) query.where('d.id', '<', after)
      if (sourceDomain !== undefined) query.where('s.name', sourceDomain)
      return (await query).map(fromRow)
    },

    async withdraw(tenantId, id, act) {
      await perform(deps, act, async (trx, traces) => {
        const row = await ofTenant(select(trx), tenantId).where('d.id', id).first()
        const removed = await trx<DelegationRow>('delegation').where({ tenant_id: tenantId, id }).del()
        if (!row || removed === 0) throw new ProblemError('not-found', `there is no delegation ${id}`)
        trace(traces, 'delegation.withdraw', fromRow(row))
      })
    },
  }
}

/** Within the act of another store: those that are not there yet, of source domains that are the tenants' own. */
export async function registerMissing(
  { trx, traces, newId, act }: { trx: Knex.Transaction; traces: Traces; newId: NewId; act: Act },
  delegations: readonly (NewDelegation & { tenantId: string })[],
): Promise<void> {
  for (const chunk of chunks(delegations)) {
    const added = await trx<DelegationRow>('delegation')
      .insert(chunk.map((one) => toRow(newId(act.at), one.tenantId, one, act)))
      .onConflict(['source_domain_id', 'service', 'protocol'])
      .ignore()
      .returning('id')
    const ids = added.map(({ id }) => id)
    for (const row of await select(trx).whereIn('d.id', ids)) trace(traces, 'delegation.register', fromRow(row))
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
      't.name as target_host',
      't.port as target_port',
      'l.name as lineage_name',
    )
}

function ofTenant<Query extends Knex.QueryBuilder>(query: Query, tenantId: string): Query {
  return tenantId === 'all' ? query : (query.where('d.tenant_id', tenantId) as Query)
}

async function requireOwnSourceDomain(trx: Knex.Transaction, tenantId: string, id: string): Promise<void> {
  const row = await trx('source_domain').where({ tenant_id: tenantId, id }).first<{ id: string } | undefined>('id')
  if (!row) throw new ProblemError('not-found', `the tenant has no source domain ${id}`)
}

async function requireTargetHost(trx: Knex.Transaction, id: string): Promise<void> {
  const row = await trx('target_host').where({ id }).first<{ id: string } | undefined>('id')
  if (!row) throw new ProblemError('not-found', `there is no target host ${id}`)
}

function trace(traces: Traces, action: string, delegation: Delegation): void {
  const { tenantId, sourceDomain, service, protocol, targetHost, lineageName, tlsAnswer, poshAnswer } = delegation
  traces.changedHost(sourceDomain)
  traces.changedHost(targetHost)
  traces.audit({
    tenantId,
    action,
    subject: sourceDomain,
    detail: { service: `${service}.${protocol}`, targetHost, lineage: lineageName, tlsAnswer, poshAnswer },
  })
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
    created_at: at.getTime(),
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
    createdAt: new Date(row.created_at),
  }
}
