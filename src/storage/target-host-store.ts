import type { TargetHost, TargetHostStore } from '../delegation/target-host.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation } from './faults.ts'
import { requireOwnLineage } from './own-lineage.ts'
import { perform, type NewId } from './perform.ts'
import { contains } from './search.ts'

interface TargetHostRow {
  id: string
  name: DomainName
  port: number
  front_lineage_id: string | null
  created_at: number
}

export function targetHostStore(deps: { db: Database; newId: NewId }): TargetHostStore {
  const { db, newId } = deps
  const table = () => db.knex<TargetHostRow>('target_host')

  return {
    async add({ name, port }, act) {
      const row = { id: newId(act.at), name, port, front_lineage_id: null, created_at: act.at.getTime() }
      try {
        await perform(deps, act, async (trx, traces) => {
          await trx<TargetHostRow>('target_host').insert(row)
          traces.changedHost(name)
          traces.audit({ tenantId: null, action: 'target-host.add', subject: name, detail: { port } })
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `there is a target host ${name} already`, { cause })
      }
      return fromRow(row)
    },

    async find(name) {
      const row = await table().where({ name }).first()
      return row && fromRow(row)
    },

    async list({ after = '' as DomainName, limit, search }) {
      const rows = await contains(table(), 'name', search).where('name', '>', after).orderBy('name').limit(limit)
      return rows.map(fromRow)
    },

    async wantingFront(limit) {
      return table().select('name').whereNull('front_lineage_id').limit(limit)
    },

    async setFrontLineage(name, lineageId, act) {
      await perform(deps, act, async (trx, traces) => {
        if (lineageId !== null) await requireOwnLineage(trx, null, lineageId)
        const changed = await trx<TargetHostRow>('target_host').where({ name }).update({ front_lineage_id: lineageId })
        if (changed === 0) throw notFound(name)
        traces.changedHost(name)
        traces.audit({ tenantId: null, action: 'target-host.set-front-lineage', subject: name, detail: { lineageId } })
      })
    },

    async remove(name, act) {
      try {
        await perform(deps, act, async (trx, traces) => {
          if ((await trx<TargetHostRow>('target_host').where({ name }).del()) === 0) throw notFound(name)
          traces.changedHost(name)
          traces.audit({ tenantId: null, action: 'target-host.remove', subject: name })
        })
      } catch (cause) {
        if (!isForeignKeyViolation(cause)) throw cause
        throw new ProblemError('still-in-use', `delegations lead to ${name}; withdraw them first`, { cause })
      }
    },
  }
}

function notFound(name: DomainName): ProblemError {
  return new ProblemError('not-found', `there is no target host ${name}`)
}

function fromRow(row: TargetHostRow): TargetHost {
  return {
    id: row.id,
    name: row.name,
    port: row.port,
    frontLineageId: row.front_lineage_id,
    createdAt: new Date(row.created_at),
  }
}
