import { ProblemError } from '../problem.ts'
import type { Tenant, TenantStore } from '../tenant/tenant.ts'
import type { Database } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation } from './faults.ts'
import { perform, type NewId } from './perform.ts'
import { contains } from './search.ts'

interface TenantRow {
  id: string
  name: string
  created_at: number
}

export function tenantStore(deps: { db: Database; newId: NewId }): TenantStore {
  const { db, newId } = deps
  const table = () => db.knex<TenantRow>('tenant')

  return {
    async add(name, act) {
      const row = { id: newId(act.at), name, created_at: act.at.getTime() }
      try {
        await perform(deps, act, async (trx, traces) => {
          await trx<TenantRow>('tenant').insert(row)
          traces.audit({ tenantId: row.id, action: 'tenant.add', subject: name })
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

    async list({ after = '', limit, search }) {
      const rows = await contains(table(), 'name', search).where('name', '>', after).orderBy('name').limit(limit)
      return rows.map(fromRow)
    },

    async remove(id, act) {
      try {
        await perform(deps, act, async (trx, traces) => {
          const row = await trx<TenantRow>('tenant').where({ id }).first()
          if (!row) throw new ProblemError('not-found', 'there is no such tenant')
          await trx<TenantRow>('tenant').where({ id }).del()
          traces.audit({ tenantId: id, action: 'tenant.remove', subject: row.name })
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

function fromRow(row: TenantRow): Tenant {
  return { id: row.id, name: row.name, createdAt: new Date(row.created_at) }
}
