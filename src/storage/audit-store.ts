import type { Knex } from 'knex'
import { chainCheck, checkpointSeal, GENESIS } from '../tenant/audit-chain.ts'
import type { AuditHead, AuditPage, AuditStore, AuditVerdict } from '../tenant/audit.ts'
import { auditEvent, chainHead, storedEvent, type AuditRow, type CheckpointRow } from './audit-chain.ts'
import type { Database } from './database.ts'
import { perform, type NewId } from './perform.ts'

const ROWS_A_STEP = 1000

/** Reads the trail, and cuts off what is old; `perform.ts` writes it. */
export function auditStore(deps: { db: Database; newId: NewId }): AuditStore {
  const { db } = deps

  function key(): Uint8Array {
    if (db.auditKey === null) throw new Error('this database handle does not have the key of the audit trail')
    return db.auditKey
  }

  async function checkpoint(knex: Knex | Knex.Transaction): Promise<CheckpointRow | undefined> {
    return knex<CheckpointRow>('audit_checkpoint').where({ id: 'first' }).first()
  }

  /** In steps, and outside a transaction: who writes at the end meanwhile is not held up. */
  async function verifyFrom(start: AuditHead, heads: readonly AuditHead[]): Promise<AuditVerdict> {
    const check = chainCheck(key(), start, heads)
    for (let after: number | null = null; ;) {
      const query = db.knex<AuditRow>('audit_event').orderBy('sequence').limit(ROWS_A_STEP)
      const rows: AuditRow[] = await (after === null ? query : query.where('sequence', '>', after))
      for (const row of rows) {
        const fault = check.take({ ...storedEvent(row), hash: row.hash })
        if (fault) return fault
      }
      if (rows.length < ROWS_A_STEP) return check.end()
      after = rows.at(-1)?.sequence ?? null
    }
  }

  return {
    async list(tenantId, { after, limit, isOldestFirst = false, ...filters }) {
      const query = db
        .knex<AuditRow>('audit_event')
        .orderBy('sequence', isOldestFirst ? 'asc' : 'desc')
        .limit(limit)
      if (tenantId !== 'all') query.where({ tenant_id: tenantId })
      if (after !== undefined) query.where('sequence', isOldestFirst ? '>' : '<', after)
      return (await filtered(query, filters)).map(auditEvent)
    },

    head: () => chainHead(db.knex),

    async verify(heads = []) {
      for (;;) {
        const cut = await checkpoint(db.knex)
        if (cut && cut.seal !== checkpointSeal(key(), cut))
          return {
            isWhole: false,
            sequence: cut.sequence,
            why: 'the note that retention left where it cut the chain off is not what it wrote',
          }
        const start = cut ? { sequence: cut.sequence, hash: cut.hash } : GENESIS
        const verdict = await verifyFrom(start, heads)
        // Retention may have cut off more while this was reading
        if (verdict.isWhole || (await checkpoint(db.knex))?.sequence === cut?.sequence) return verdict
      }
    },

    forget: (olderThan, at) =>
      perform(deps, { at, actor: 'retention', address: null }, async (trx, traces) => {
        await db.lockChanges(trx) // of two nodes that cut at once, the second begins where the first has ended
        const rows = await trx<AuditRow>('audit_event')
          .select('sequence', 'at', 'hash')
          .orderBy('sequence')
          .limit(ROWS_A_STEP)
        const kept = rows.findIndex((row) => row.at >= olderThan.getTime())
        const cut = kept === -1 ? rows : rows.slice(0, kept)
        const last = cut.at(-1)
        if (!last) return 0
        const { sequence, hash } = last
        await trx<AuditRow>('audit_event').where('sequence', '<=', sequence).del()
        await trx<CheckpointRow>('audit_checkpoint')
          .insert({ id: 'first', sequence, hash, seal: checkpointSeal(key(), last), at: at.getTime() })
          .onConflict('id')
          .merge()
        traces.audit({
          tenantId: null,
          action: 'audit.forget',
          subject: `events up to ${sequence}`,
          detail: { events: cut.length, olderThan },
        })
        return cut.length
      }),
  }
}

function filtered<Query extends Knex.QueryBuilder>(
  query: Query,
  { from, until, action, actor, subject }: Omit<AuditPage, 'after' | 'limit' | 'isOldestFirst'>,
): Query {
  if (from) query.where('at', '>=', from.getTime())
  if (until) query.where('at', '<', until.getTime())
  if (actor !== undefined) query.where({ actor })
  if (subject !== undefined) query.where({ subject })
  if (action !== undefined) {
    const prefix = `${action}.` // compared as it is: to `like`, an underscore would be any character
    query.where((either) => {
      void either.where({ action }).orWhereRaw('substr(action, 1, ?) = ?', [[...prefix].length, prefix])
    })
  }
  return query
}
