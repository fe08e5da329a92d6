import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import { ProblemError } from '../problem.ts'
import { whatChanged } from '../tenant/audit.ts'
import { NO_QUOTAS, type Quotas, type Tenant, type TenantStore } from '../tenant/tenant.ts'
import type { Database } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation } from './faults.ts'
import { instantOrNull } from './instants.ts'
import { perform, type NewId } from './perform.ts'
import { countOf, type QuotaColumns } from './quota.ts'
import { contains } from './search.ts'

interface TenantRow extends QuotaColumns {
  id: string
  name: string
  suspended_at: number | null
  edge_label: string
  created_at: number
  revision: number
}

export function tenantStore(deps: {
  db: Database
  newId: NewId
  randomBytes: (length: number) => Uint8Array
}): TenantStore {
  const { db, newId, randomBytes } = deps
  const table = () => db.knex<TenantRow>('tenant')

  /** Nothing is written where it is so already. */
  async function change(
    id: string,
    act: Act,
    action: string,
    columnsOf: (row: TenantRow) => Partial<TenantRow>,
    { isSeenByHosts = false } = {},
  ): Promise<Tenant> {
    return perform(deps, act, async (trx, traces) => {
      const row = await lockTenant(trx, id, act)
      const columns = { ...columnsOf(row), revision: row.revision + 1 }
      const changed = { ...row, ...columns }
      const detail = whatChanged(facts(row), facts(changed))
      if (Object.keys(detail.after ?? {}).length === 0) return fromRow(row)
      await trx<TenantRow>('tenant').where({ id }).update(columns)
      if (isSeenByHosts) traces.changedEveryHost() // of a tenant with a million of them too
      traces.audit({ tenantId: id, action, subject: row.name, detail })
      return fromRow(changed)
    })
  }

  return {
    async add(name, act, quotas = NO_QUOTAS) {
      const row: TenantRow = {
        id: newId(act.at),
        name,
        suspended_at: null,
        ...toColumns(quotas),
        edge_label: `t${Buffer.from(randomBytes(16)).toString('hex')}`, // a label may not begin with a digit everywhere
        created_at: act.at.getTime(),
        revision: 1,
      }
      try {
        await perform(deps, act, async (trx, traces) => {
          await trx<TenantRow>('tenant').insert(row)
          traces.audit({ tenantId: row.id, action: 'tenant.add', subject: name, detail: { after: facts(row) } })
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `there is a tenant ${name} already; choose another name`, { cause })
      }
      return fromRow(row)
    },

    async find(id) {
      const row = await table().where({ id }).first()
      return row && fromRow(row)
    },

    async findByName(name) {
      const row = await table().where({ name }).first()
      return row && fromRow(row)
    },

    async list({ after, limit, search, among, isSuspended, isDescending = false }) {
      const query = contains(table(), 'name', search)
        .orderBy('name', isDescending ? 'desc' : 'asc')
        .limit(limit)
      if (after !== undefined) query.where('name', isDescending ? '<' : '>', after)
      if (among) query.whereIn('id', among)
      if (isSuspended !== undefined) query[isSuspended ? 'whereNotNull' : 'whereNull']('suspended_at')
      return (await query).map(fromRow)
    },

    async count(id) {
      const of = (what: keyof Quotas) => countOf(db.knex, db.rows, id, what)
      return {
        sourceDomains: await of('sourceDomains'),
        delegations: await of('delegations'),
        lineages: await of('lineages'),
      }
    },

    setQuotas: (id, quotas, act) => change(id, act, 'tenant.set-quotas', () => toColumns(quotas)),

    suspend: (id, act) =>
      change(id, act, 'tenant.suspend', (row) => ({ suspended_at: row.suspended_at ?? act.at.getTime() }), {
        isSeenByHosts: true,
      }),

    resume: (id, act) => change(id, act, 'tenant.resume', () => ({ suspended_at: null }), { isSeenByHosts: true }),

    async remove(id, act) {
      try {
        await perform(deps, act, async (trx, traces) => {
          const row = await lockTenant(trx, id, act)
          await trx<TenantRow>('tenant').where({ id }).del()
          traces.audit({ tenantId: id, action: 'tenant.remove', subject: row.name, detail: { before: facts(row) } })
        })
      } catch (cause) {
        if (!isForeignKeyViolation(cause)) throw cause
        throw new ProblemError(
          'still-in-use',
          'the tenant still has source domains or certificate lineages; remove them first',
          { cause },
        )
      }
    },
  }
}

async function lockTenant(trx: Knex.Transaction, id: string, act: Act): Promise<TenantRow> {
  const row = await trx<TenantRow>('tenant').where({ id }).forUpdate().first()
  if (!row) throw new ProblemError('not-found', 'there is no such tenant')
  requireMatch(act, row)
  return row
}

/** For the audit trail. */
function facts(row: TenantRow): Record<string, unknown> {
  return {
    suspendedAt: instantOrNull(row.suspended_at),
    sourceDomainQuota: row.source_domain_quota,
    delegationQuota: row.delegation_quota,
    lineageQuota: row.lineage_quota,
  }
}

function toColumns({ sourceDomains, delegations, lineages }: Quotas): QuotaColumns {
  return { source_domain_quota: sourceDomains, delegation_quota: delegations, lineage_quota: lineages }
}

function fromRow(row: TenantRow): Tenant {
  return {
    id: row.id,
    name: row.name,
    suspendedAt: instantOrNull(row.suspended_at),
    quotas: {
      sourceDomains: row.source_domain_quota,
      delegations: row.delegation_quota,
      lineages: row.lineage_quota,
    },
    edgeLabel: row.edge_label,
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
