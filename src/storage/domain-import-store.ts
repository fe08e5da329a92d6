import type { Knex } from 'knex'
import {
  COUNTED,
  DOMAIN_IMPORT,
  type DomainImport,
  type DomainImportStore,
  type ImportCounts,
  type ImportState,
  type LineOutcome,
  type ResultLine,
  type StoredLine,
} from '../delegation/domain-import.ts'
import type { ImportColumn, LineRequest } from '../delegation/import-file.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { importDomains } from './domain-import.ts'
import { isUniqueViolation } from './faults.ts'
import { insertMany } from './insert-many.ts'
import { perform, type NewId } from './perform.ts'

const HOUR_MS = 3_600_000
const KEEP_UNCONFIRMED_MS = 24 * HOUR_MS
const KEEP_RESULTS_MS = 30 * 24 * HOUR_MS
const SHOWN: readonly string[] = ['ready', 'running', 'done', 'cancelled'] satisfies ImportState[]

interface ImportRow {
  id: string
  tenant_id: string | null
  state: ImportState | 'reading' | 'discarded'
  actor: string
  address: string | null
  acting_as: string | null
  by_operator: number
  delegates: number
  columns: string
  lines: number
  done_to: number
  added: number
  present: number
  refused: number
  created_at: number
  begun_at: number | null
  ended_at: number | null
  expires_at: number | null
}

interface LineRow {
  import_id: string
  line: number
  domain: string
  request: string | null
  outcome: LineOutcome
  reason: string | null
}

export function domainImportStore(deps: { db: Database; newId: NewId }): DomainImportStore {
  const { db, newId } = deps
  const table = (knex: Knex | Knex.Transaction = db.knex) => knex<ImportRow>('domain_import')
  const lineTable = (knex: Knex | Knex.Transaction = db.knex) => knex<LineRow>('domain_import_line')

  // A scalar subquery and not a join, so that no planner thinks of beginning at the tenants
  const select = () =>
    db
      .knex<ImportRow>('domain_import as i')
      .select<(ImportRow & { tenant_name: string | null })[]>(
        'i.*',
        db.knex.raw('(select t.name from tenant as t where t.id = i.tenant_id) as tenant_name'),
      )
      .whereIn('i.state', SHOWN)

  const ofTenant = (query: ReturnType<typeof select>, tenantId: string | null) =>
    tenantId === null ? query.whereNull('i.tenant_id') : query.where('i.tenant_id', tenantId)

  const find: DomainImportStore['find'] = async (tenantId, id) => {
    const [row] = await ofTenant(select(), tenantId).where('i.id', id)
    return row && fromRow(row)
  }

  /** Locked. Not found is also another tenant's. */
  async function lockOwn(trx: Knex.Transaction, tenantId: string | null, id: string): Promise<ImportRow> {
    const row = await table(trx).where({ id }).whereIn('state', SHOWN).forUpdate().first()
    if (!row || row.tenant_id !== tenantId) throw new ProblemError('not-found', `there is no import ${id}`)
    return row
  }

  return {
    find,

    async begin(tenantId, { columns, isByOperator }, act) {
      const at = act.at.getTime()
      const id = newId(act.at)
      try {
        await db.knex.transaction(async (trx) => {
          const open = table(trx).whereIn('state', ['reading', 'ready'])
          await (tenantId === null ? open.whereNull('tenant_id') : open.where({ tenant_id: tenantId })).update({
            state: 'discarded',
            expires_at: at,
          })
          await table(trx).insert({
            ...{ id, tenant_id: tenantId, state: 'reading', actor: act.actor, address: act.address },
            ...{ acting_as: act.actingAs ?? null, by_operator: Number(isByOperator), delegates: 0 },
            ...{ columns: JSON.stringify(columns), lines: 0, done_to: 0, added: 0, present: 0, refused: 0 },
            ...{ created_at: at, begun_at: null, ended_at: null, expires_at: at + HOUR_MS },
          })
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', 'an import is under way; wait for its end, or cancel it', { cause })
      }
      return id
    },

    async addLines(id, lines) {
      const rows = lines.map(({ line, domain, request, outcome, reason }) => ({
        ...{ import_id: id, line, domain, request: request && JSON.stringify(request), outcome, reason },
      }))
      await insertMany(db.knex, 'domain_import_line', rows)
    },

    async ready(id, { lines, counts, isDelegating }, act) {
      const updated = await table()
        .where({ id, state: 'reading' })
        .update({
          ...{ state: 'ready', lines, ...counts, delegates: Number(isDelegating) },
          expires_at: act.at.getTime() + KEEP_UNCONFIRMED_MS,
        })
      if (updated === 0) throw new ProblemError('already-exists', 'a newer file has taken the place of this one')
    },

    async list(tenantId, { after, limit }) {
      const query = ofTenant(select(), tenantId).orderBy('i.id', 'desc').limit(limit)
      if (after !== undefined) query.where('i.id', '<', after)
      return (await query).map(fromRow)
    },

    async lines(tenantId, id, { after = 0, limit, isRefused }) {
      if (!(await find(tenantId, id))) throw new ProblemError('not-found', `there is no import ${id}`)
      const query = lineTable()
        .select<ResultLine[]>('line', 'domain', 'outcome', 'reason')
        .where({ import_id: id })
        .where('line', '>', after)
        .orderBy('line')
        .limit(limit)
      if (isRefused) query.whereRaw(`outcome = 'refused'`) // the index is of this very text
      return query
    },

    confirm: (tenantId, id, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lockOwn(trx, tenantId, id)
        if (row.state !== 'ready')
          throw new ProblemError('still-in-use', 'this import is confirmed already; look how it is getting on')
        await table(trx)
          .where({ id })
          .update({
            ...{ state: 'running', added: 0, present: 0, refused: 0, begun_at: act.at.getTime(), expires_at: null },
            ...{ actor: act.actor, address: act.address, acting_as: act.actingAs ?? null },
          })
        traces.enqueue({ kind: DOMAIN_IMPORT, key: id, payload: {}, runAt: act.at })
        const foreseen = countsOf(row)
        traces.audit({ tenantId, action: 'domain-import.begin', subject: id, detail: { lines: row.lines, foreseen } })
      }),

    cancel: (tenantId, id, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lockOwn(trx, tenantId, id)
        const at = act.at.getTime()
        if (row.state === 'ready') {
          await table(trx).where({ id }).update({ state: 'discarded', expires_at: at })
          return
        }
        if (row.state !== 'running') throw new ProblemError('still-in-use', 'this import has ended already')
        await table(trx)
          .where({ id })
          .update({ state: 'cancelled', ended_at: at, expires_at: at + KEEP_RESULTS_MS })
        traces.audit({ tenantId, action: 'domain-import.cancel', subject: id, detail: { ...countsOf(row) } })
      }),

    async running(id) {
      const [row] = await select().where('i.id', id).where('i.state', 'running')
      return row && fromRow(row)
    },

    async next(id, after, limit) {
      const rows = await lineTable().where({ import_id: id }).where('line', '>', after).orderBy('line').limit(limit)
      return rows.map(({ line, domain, request, outcome, reason }) => ({
        ...{ line, domain, outcome, reason },
        request: request === null ? null : (JSON.parse(request) as LineRequest),
      }))
    },

    carryOut: (id, { after, batch, isLast }, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await table(trx).where({ id }).forUpdate().first()
        if (row?.state !== 'running' || row.done_to !== after) return
        const domains = batch.flatMap(({ domain }) =>
          domain === null || domain instanceof ProblemError ? [] : [domain],
        )
        const outcomes = await importDomains({ trx, rows: db.rows, traces, newId, act }, domains)
        const counts = countsOf(row)
        let next = 0
        for (const { line, domain } of batch) {
          const done = domain === null || domain instanceof ProblemError ? domain : outcomes[next++]!
          const { outcome, reason } = done === null ? line : outcomeOf(done)
          counts[COUNTED[outcome]]++
          // What came as it was foreseen stands there already
          if (outcome !== line.outcome || reason !== line.reason)
            await lineTable(trx).where({ import_id: id, line: line.line }).update({ outcome, reason })
        }
        const at = act.at.getTime()
        await table(trx)
          .where({ id })
          .update({
            ...{ ...counts, done_to: batch.at(-1)?.line.line ?? after },
            ...(isLast && { state: 'done', ended_at: at, expires_at: at + KEEP_RESULTS_MS }),
          })
      }),
  }
}

/** Removes imports past their end, a bounded number of lines at a time. @returns how many rows */
export async function sweepDomainImports(db: Database, now: Date, most: number): Promise<number> {
  const over = await db
    .knex<ImportRow>('domain_import')
    .where('expires_at', '<=', now.getTime())
    .orderBy('expires_at')
    .first('id')
  if (!over) return 0
  const lines = db.knex<LineRow>('domain_import_line').where({ import_id: over.id })
  const [last] = await lines
    .clone()
    .orderBy('line')
    .offset(most - 1)
    .limit(1)
    .select('line')
  if (last) return lines.where('line', '<=', last.line).del()
  return (await lines.del()) + (await db.knex('domain_import').where({ id: over.id }).del())
}

function outcomeOf(done: 'added' | 'there already' | ProblemError): Pick<StoredLine, 'outcome' | 'reason'> {
  return done instanceof ProblemError ? { outcome: 'refused', reason: done.message } : { outcome: done, reason: null }
}

function countsOf({ added, present, refused }: ImportRow): ImportCounts {
  return { added, present, refused }
}

function fromRow(row: ImportRow & { tenant_name: string | null }): DomainImport {
  const instant = (ms: number | null) => (ms === null ? null : new Date(ms))
  return {
    ...{ id: row.id, tenantId: row.tenant_id, tenantName: row.tenant_name, state: row.state as ImportState },
    ...{ actor: row.actor, address: row.address, actingAs: row.acting_as },
    ...{ isByOperator: row.by_operator === 1, isDelegating: row.delegates === 1 },
    columns: JSON.parse(row.columns) as ImportColumn[],
    ...{ lines: row.lines, doneTo: row.done_to, counts: countsOf(row) },
    createdAt: new Date(row.created_at),
    ...{ begunAt: instant(row.begun_at), endedAt: instant(row.ended_at), expiresAt: instant(row.expires_at) },
  }
}
