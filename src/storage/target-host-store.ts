import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import type { TargetHost, TargetHostStore } from '../delegation/target-host.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { whatChanged } from '../tenant/audit.ts'
import type { Database } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation } from './faults.ts'
import { requireOwnLineage, superviseFront } from './own-lineage.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { containsName } from './search.ts'

interface TargetHostRow {
  id: string
  name: DomainName
  port: number
  front_lineage_id: string | null
  created_at: number
  revision: number
}

export function targetHostStore(deps: { db: Database; newId: NewId }): TargetHostStore {
  const { db, newId } = deps
  const table = () => db.knex<TargetHostRow>('target_host')

  async function write(
    trx: Knex.Transaction,
    traces: Traces,
    row: TargetHostRow,
    action: string,
    columns: Partial<TargetHostRow>,
  ): Promise<TargetHostRow> {
    const changed = { ...row, ...columns, revision: row.revision + 1 }
    await trx<TargetHostRow>('target_host')
      .where({ id: row.id })
      .update({ ...columns, revision: changed.revision })
    traces.changedHost(row.name)
    traces.audit({ tenantId: null, action, subject: row.name, detail: whatChanged(facts(row), facts(changed)) })
    return changed
  }

  return {
    async add({ name, port }, act) {
      const row: TargetHostRow = {
        id: newId(act.at),
        name,
        port,
        front_lineage_id: null,
        created_at: act.at.getTime(),
        revision: 1,
      }
      try {
        await perform(deps, act, async (trx, traces) => {
          await trx<TargetHostRow>('target_host').insert(row)
          traces.changedHost(name)
          traces.audit({ tenantId: null, action: 'target-host.add', subject: name, detail: { after: facts(row) } })
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

    async list({ after, limit, search, isDescending = false }) {
      const query = containsName(table(), 'name', search)
        .orderBy('name', isDescending ? 'desc' : 'asc')
        .limit(limit)
      if (after !== undefined) query.where('name', isDescending ? '<' : '>', after)
      return (await query).map(fromRow)
    },

    setPort: (name, port, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lockTargetHost(trx, name, act)
        if (row.port === port) return fromRow(row)
        traces.changedEveryHost() // the port is in the redirect of each source domain that is delegated to it
        return fromRow(await write(trx, traces, row, 'target-host.set-port', { port }))
      }),

    async wantingFront(limit) {
      return table().select('name').whereNull('front_lineage_id').limit(limit)
    },

    async setFrontLineage(name, lineageId, act) {
      await perform(deps, act, async (trx, traces) => {
        const row = await lockTargetHost(trx, name, act)
        if (lineageId !== null) await requireOwnLineage(trx, null, lineageId)
        await write(trx, traces, row, 'target-host.set-front-lineage', { front_lineage_id: lineageId })
        if (lineageId !== null) await superviseFront(trx, traces, lineageId, act)
      })
    },

    async remove(name, act) {
      try {
        await perform(deps, act, async (trx, traces) => {
          const row = await lockTargetHost(trx, name, act)
          await trx<TargetHostRow>('target_host').where({ id: row.id }).del()
          traces.changedHost(name)
          traces.audit({
            tenantId: null,
            action: 'target-host.remove',
            subject: name,
            detail: { before: facts(row) },
          })
        })
      } catch (cause) {
        if (!isForeignKeyViolation(cause)) throw cause
        throw new ProblemError('still-in-use', `delegations lead to ${name}; withdraw them first`, { cause })
      }
    },
  }
}

async function lockTargetHost(trx: Knex.Transaction, name: DomainName, act: Act): Promise<TargetHostRow> {
  const row = await trx<TargetHostRow>('target_host').where({ name }).forUpdate().first()
  if (!row) throw new ProblemError('not-found', `there is no target host ${name}`)
  requireMatch(act, row)
  return row
}

/** For the audit trail. */
function facts(row: TargetHostRow): Record<string, unknown> {
  return { port: row.port, frontLineageId: row.front_lineage_id }
}

function fromRow(row: TargetHostRow): TargetHost {
  return {
    id: row.id,
    name: row.name,
    port: row.port,
    frontLineageId: row.front_lineage_id,
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
