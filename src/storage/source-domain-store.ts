import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { HostMeta } from '../delegation/host-meta.ts'
import type { NewSourceDomain, SourceDomain, SourceDomainStore } from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { chunks } from './insert-many.ts'
import { instantOrNull } from './instants.ts'
import { requireOwnLineage } from './own-lineage.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { contains } from './search.ts'

interface SourceDomainRow {
  id: string
  tenant_id: string
  name: DomainName
  mode: SourceDomain['mode']
  proof: SourceDomain['proof']
  proven_at: number | null
  suspended_at: number | null
  host_meta: string | null
  front_lineage_id: string | null
  created_at: number
  changed_at: number
}

interface TenantNamed {
  tenant_name: string
}

export function sourceDomainStore(deps: { db: Database; newId: NewId }): SourceDomainStore {
  const { db, newId } = deps

  // A scalar subquery and not a join, so that no planner thinks of beginning at the tenants
  function select(knex: Knex | Knex.Transaction) {
    return knex<SourceDomainRow>('source_domain as s').select<(SourceDomainRow & TenantNamed)[]>(
      's.*',
      knex.raw('(select t.name from tenant as t where t.id = s.tenant_id) as tenant_name'),
    )
  }

  function toRow(tenantId: string, { name, mode, isVouched }: NewSourceDomain, { at }: Act): SourceDomainRow {
    return {
      id: newId(at),
      tenant_id: tenantId,
      name,
      mode,
      proof: isVouched ? 'vouched' : null,
      proven_at: isVouched ? at.getTime() : null,
      suspended_at: null,
      host_meta: null,
      front_lineage_id: null,
      created_at: at.getTime(),
      changed_at: at.getTime(),
    }
  }

  /** One row of the tenant's, or not found: it does not exist, or is another tenant's. */
  async function change(
    tenantId: string,
    name: DomainName,
    act: Act,
    action: string,
    body: (trx: Knex.Transaction, row: SourceDomainRow, traces: Traces) => Promise<Record<string, unknown> | void>,
  ): Promise<void> {
    await perform(deps, act, async (trx, traces) => {
      const row = await trx<SourceDomainRow>('source_domain').where({ tenant_id: tenantId, name }).forUpdate().first()
      if (!row) throw new ProblemError('not-found', `the tenant has no source domain ${name}`)
      const detail = await body(trx, row, traces)
      traces.changedHost(name)
      traces.audit({ tenantId, action, subject: name, ...(detail ? { detail } : {}) })
    })
  }

  function update(
    tenantId: string,
    name: DomainName,
    act: Act,
    action: string,
    columns: Partial<SourceDomainRow>,
    detail?: Record<string, unknown>,
  ): Promise<void> {
    return change(tenantId, name, act, action, async (trx, { id }) => {
      await trx<SourceDomainRow>('source_domain').where({ tenant_id: tenantId, id }).update(columns)
      return detail
    })
  }

  /** The schema has refused: a second holder of one of the names, or a second claim of the same tenant? */
  async function explain(tenantId: string, vouchedNames: readonly DomainName[], cause: unknown): Promise<ProblemError> {
    for (const chunk of chunks(vouchedNames)) {
      const held = await db
        .knex<SourceDomainRow>('source_domain')
        .whereIn('name', chunk)
        .whereNotNull('proof')
        .whereNot({ tenant_id: tenantId })
        .first('name')
      if (held)
        return new ProblemError(
          'source-domain-taken',
          `another tenant holds ${held.name}; nobody else can be vouched for until it is given up`,
          { cause },
        )
    }
    return new ProblemError('already-exists', 'the tenant has claimed this name already', { cause })
  }

  return {
    async add(tenantId, domain, act) {
      const row = toRow(tenantId, domain, act)
      try {
        return await perform(deps, act, async (trx, traces) => {
          await trx<SourceDomainRow>('source_domain').insert(row)
          trace(traces, row)
          return fromRow((await select(trx).where('s.id', row.id).first())!)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw await explain(tenantId, domain.isVouched ? [domain.name] : [], cause)
      }
    },

    async addMany(tenantId, domains, act) {
      try {
        return await perform(deps, act, async (trx, traces) => {
          const added = new Set<DomainName>()
          for (const chunk of chunks(domains)) {
            const rows = await trx<SourceDomainRow>('source_domain')
              .insert(chunk.map((domain) => toRow(tenantId, domain, act)))
              .onConflict(['tenant_id', 'name'])
              .ignore()
              .returning(['tenant_id', 'name', 'mode', 'proof'])
            for (const row of rows) {
              trace(traces, row)
              added.add(row.name)
            }
          }
          return added
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        const names = domains.filter(({ isVouched }) => isVouched).map(({ name }) => name)
        throw await explain(tenantId, names, cause)
      }
    },

    async find(tenantId, name) {
      const row = await select(db.knex).where('s.tenant_id', tenantId).where('s.name', name).first()
      return row && fromRow(row)
    },

    async claims(name) {
      return (await select(db.knex).where('s.name', name).orderBy('s.id')).map(fromRow)
    },

    async list(tenantId, { after, limit, search }) {
      const query = contains(select(db.knex), 's.name', search).orderBy(['s.name', 's.id']).limit(limit)
      if (tenantId !== 'all') query.where('s.tenant_id', tenantId)
      if (after) query.whereRaw('(s.name, s.id) > (?, ?)', [after.name, after.id])
      return (await query).map(fromRow)
    },

    async vouch(tenantId, name, act) {
      try {
        await update(tenantId, name, act, 'source-domain.vouch', { proof: 'vouched', proven_at: act.at.getTime() })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw await explain(tenantId, [name], cause)
      }
    },

    suspend: (tenantId, name, act) =>
      update(tenantId, name, act, 'source-domain.suspend', { suspended_at: act.at.getTime() }),

    resume: (tenantId, name, act) => update(tenantId, name, act, 'source-domain.resume', { suspended_at: null }),

    setHostMeta: (tenantId, name, hostMeta, act) =>
      update(
        tenantId,
        name,
        act,
        'source-domain.set-host-meta',
        { host_meta: hostMeta && JSON.stringify(hostMeta) },
        { links: hostMeta?.links.length ?? null },
      ),

    async wantingFront(limit) {
      const rows = await db
        .knex<SourceDomainRow>('source_domain')
        .select('tenant_id', 'name')
        // As the partial index has it, word for word: with bindings SQLite could not know that it applies
        .whereRaw(`front_lineage_id is null and proof is not null and mode = 'hosted'`)
        .limit(limit)
      return rows.map((row) => ({ tenantId: row.tenant_id, name: row.name }))
    },

    setFrontLineage: (tenantId, name, lineageId, act) =>
      change(tenantId, name, act, 'source-domain.set-front-lineage', async (trx, { id }) => {
        if (lineageId !== null) await requireOwnLineage(trx, tenantId, lineageId)
        await trx<SourceDomainRow>('source_domain')
          .where({ tenant_id: tenantId, id })
          .update({ front_lineage_id: lineageId })
        return { lineageId }
      }),

    remove: (tenantId, name, act) =>
      change(tenantId, name, act, 'source-domain.remove', async (trx, { id }, traces) => {
        const delegations = await trx('delegation as d')
          .join('target_host as t', 't.id', 'd.target_host_id')
          .where({ 'd.tenant_id': tenantId, 'd.source_domain_id': id })
          .select<{ service: string; protocol: string; target: string }[]>(
            'd.service',
            'd.protocol',
            't.name as target',
          )
        await trx('delegation').where({ tenant_id: tenantId, source_domain_id: id }).del()
        await trx<SourceDomainRow>('source_domain').where({ tenant_id: tenantId, id }).del()
        for (const { target } of delegations) traces.changedHost(target)
        return { delegations: delegations.map(({ service, protocol }) => `${service}.${protocol}`) }
      }),
  }
}

function trace(traces: Traces, row: Pick<SourceDomainRow, 'tenant_id' | 'name' | 'mode' | 'proof'>): void {
  traces.changedHost(row.name)
  traces.audit({
    tenantId: row.tenant_id,
    action: 'source-domain.add',
    subject: row.name,
    detail: { mode: row.mode, proof: row.proof },
  })
}

function fromRow(row: SourceDomainRow & TenantNamed): SourceDomain {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    name: row.name,
    mode: row.mode,
    proof: row.proof,
    provenAt: instantOrNull(row.proven_at),
    suspendedAt: instantOrNull(row.suspended_at),
    hostMeta: row.host_meta === null ? null : (JSON.parse(row.host_meta) as HostMeta),
    frontLineageId: row.front_lineage_id,
    createdAt: new Date(row.created_at),
  }
}
