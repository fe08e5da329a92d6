import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import type { SourceDomainStore } from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { whatChanged } from '../tenant/audit.ts'
import { lapsedSince, vouchedSince } from '../tenant/control.ts'
import type { Database } from './database.ts'
import { importDomains, rehearseImport } from './domain-import.ts'
import { isUniqueViolation } from './faults.ts'
import { keepFront, noteLoss, noteLostFront, settleGain } from './front-keys.ts'
import { requireOwnLineage, superviseFront } from './own-lineage.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { withinQuota } from './quota.ts'
import { rowsOf, troubledDomains } from './troubled.ts'
import { containsName } from './search.ts'
import {
  controlColumns,
  facts,
  fromRow,
  newRow,
  lockClaims,
  proofCheck,
  ruleCheck,
  traceAdded,
  type SourceDomainRow,
  type TenantNamed,
} from './source-domain-row.ts'

export function sourceDomainStore(deps: { db: Database; newId: NewId }): SourceDomainStore {
  const { db, newId } = deps

  // A scalar subquery and not a join, so that no planner thinks of beginning at the tenants
  function select(knex: Knex | Knex.Transaction) {
    return knex<SourceDomainRow>('source_domain as s').select<(SourceDomainRow & TenantNamed)[]>(
      's.*',
      knex.raw('(select t.name from tenant as t where t.id = s.tenant_id) as tenant_name'),
    )
  }

  /** One row of the tenant's, locked, and of the revision that is asked for. Not found is also another tenant's. */
  async function lockOwn(
    trx: Knex.Transaction,
    tenantId: string,
    name: DomainName,
    act: Act,
  ): Promise<SourceDomainRow> {
    const row = await trx<SourceDomainRow>('source_domain').where({ tenant_id: tenantId, name }).forUpdate().first()
    if (!row) throw new ProblemError('not-found', `the tenant has no source domain ${name}`)
    requireMatch(act, row)
    return row
  }

  async function write(
    trx: Knex.Transaction,
    traces: Traces,
    row: SourceDomainRow,
    act: Act,
    action: string,
    columns: Partial<SourceDomainRow>,
  ): Promise<void> {
    const changed = { ...columns, revision: row.revision + 1 }
    await trx<SourceDomainRow>('source_domain').where({ id: row.id }).update(changed)
    const after = { ...row, ...changed }
    // What is served of the name may be another tenant's, who has not changed anything
    if (row.proof !== null || after.proof !== null) traces.changedHost(row.name)
    if (after.proof !== null && after.mode === 'external')
      traces.enqueue(ruleCheck({ ...row, source_domain_id: row.id }, act.at))
    const detail = whatChanged(facts(row), facts(after))
    traces.audit({ tenantId: row.tenant_id, action, subject: row.name, detail })
  }

  function update(
    tenantId: string,
    name: DomainName,
    act: Act,
    action: string,
    columns: Partial<SourceDomainRow>,
  ): Promise<void> {
    return perform(deps, act, async (trx, traces) =>
      write(trx, traces, await lockOwn(trx, tenantId, name, act), act, action, columns),
    )
  }

  /** The schema has refused: a second holder of the name, or a second claim of the same tenant? */
  async function explain(
    tenantId: string,
    name: DomainName,
    isVouched: boolean,
    cause: unknown,
  ): Promise<ProblemError> {
    const held =
      isVouched &&
      (await db
        .knex<SourceDomainRow>('source_domain')
        .where({ name })
        .whereNotNull('proof')
        .whereNot({ tenant_id: tenantId })
        .first('name'))
    return held
      ? new ProblemError(
          'source-domain-taken',
          `another tenant holds ${name}; nobody else can be vouched for until it is given up`,
          { cause },
        )
      : new ProblemError('already-exists', 'the tenant has claimed this name already', { cause })
  }

  return {
    async add(tenantId, domain, act) {
      const row = newRow(newId(act.at), tenantId, domain, act)
      try {
        return await perform(deps, act, async (trx, traces) => {
          await withinQuota({ trx, rows: db.rows }, tenantId, 'sourceDomains', async () => {
            if (row.proof !== null) await lockClaims(trx, [row.name])
            await trx<SourceDomainRow>('source_domain').insert(row)
          })
          traceAdded(traces, row, act)
          if (row.proof !== null) await settleGain(trx, traces, row, act)
          return fromRow((await select(trx).where('s.id', row.id).first())!)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw await explain(tenantId, domain.name, domain.isVouched, cause)
      }
    },

    importMany: (domains, act) =>
      perform(deps, act, (trx, traces) => importDomains({ trx, rows: db.rows, traces, newId, act }, domains)),

    rehearseImport: (domains, spent) => rehearseImport(db, domains, spent),

    async find(tenantId, name) {
      const row = await select(db.knex).where('s.tenant_id', tenantId).where('s.name', name).first()
      return row && fromRow(row)
    },

    async claims(name) {
      return (await select(db.knex).where('s.name', name).orderBy('s.id')).map(fromRow)
    },

    async list(tenantId, { after, limit, search, sort = 'name', mode, isProven, isSuspended }) {
      const [order, beyond] = sort.startsWith('-') ? (['desc', '<'] as const) : (['asc', '>'] as const)
      const columns = sort === 'name' || sort === '-name' ? ['s.name', 's.id'] : ['s.id'] // ids grow with time
      const query = containsName(select(db.knex), 's.name', search)
        .orderBy(columns.map((column) => ({ column, order })))
        .limit(limit)
      if (tenantId !== 'all') query.where('s.tenant_id', tenantId)
      if (after && columns.length === 2) query.whereRaw(`(s.name, s.id) ${beyond} (?, ?)`, [after.name, after.id])
      else if (after) query.where('s.id', beyond, after.id)
      // Where another index has the order, or the fewer rows, not by that of modes
      const isByMode = tenantId === 'all' && columns.length === 2
      if (mode !== undefined) query.whereRaw(isByMode ? 's.mode = ?' : `s.mode || '' = ?`, [mode])
      if (isProven !== undefined) query[isProven ? 'whereNotNull' : 'whereNull']('s.proof')
      if (isSuspended !== undefined) query[isSuspended ? 'whereNotNull' : 'whereNull']('s.suspended_at')
      return (await query).map(fromRow)
    },

    async listTroubled(tenantId, { trouble, after, limit, search, mode }, now) {
      const part = troubledDomains(trouble, now)
      const columns = `s.*, (select t.name from tenant as t where t.id = s.tenant_id) as tenant_name`
      const page = { tenantId, after, limit }
      const query = containsName(rowsOf<SourceDomainRow & TenantNamed>(db.knex, part, columns, page), 's.name', search)
      if (mode !== undefined) query.whereRaw(`s.mode || '' = ?`, [mode])
      return (await query).map((row) => ({ ...fromRow(row), place: { key: row.place, id: row.id } }))
    },

    async vouch(tenantId, name, act) {
      try {
        await perform(deps, act, async (trx, traces) => {
          await lockClaims(trx, [name])
          const row = await lockOwn(trx, tenantId, name, act)
          await write(trx, traces, row, act, 'source-domain.vouch', controlColumns(vouchedSince(act.at)))
          if (row.proof === null) await settleGain(trx, traces, row, act)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw await explain(tenantId, name, true, cause)
      }
    },

    withdrawVouch: (tenantId, name, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lockOwn(trx, tenantId, name, act)
        if (row.proof !== 'vouched') return
        await write(trx, traces, row, act, 'source-domain.withdraw-vouch', controlColumns(lapsedSince(act.at)))
        await noteLoss(trx, traces, row, act)
        traces.enqueue(proofCheck(name, act.at))
      }),

    setMode: (tenantId, name, mode, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lockOwn(trx, tenantId, name, act)
        if (row.mode !== mode) {
          await write(trx, traces, row, act, 'source-domain.set-mode', { mode })
          traces.enqueue(proofCheck(name, act.at)) // a CNAME record proves nothing of an external one
        }
        return fromRow((await select(trx).where('s.id', row.id).first())!)
      }),

    suspend: (tenantId, name, act) =>
      update(tenantId, name, act, 'source-domain.suspend', { suspended_at: act.at.getTime() }),

    resume: (tenantId, name, act) => update(tenantId, name, act, 'source-domain.resume', { suspended_at: null }),

    setHostMeta: (tenantId, name, hostMeta, act) =>
      update(tenantId, name, act, 'source-domain.set-host-meta', {
        host_meta: hostMeta && JSON.stringify(hostMeta),
      }),

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
      perform(deps, act, async (trx, traces) => {
        const row = await lockOwn(trx, tenantId, name, act)
        if (lineageId !== null) await requireOwnLineage(trx, tenantId, lineageId)
        await write(trx, traces, row, act, 'source-domain.set-front-lineage', { front_lineage_id: lineageId })
        if (lineageId === null) return
        await superviseFront(trx, traces, lineageId, act)
        if (row.proof !== null) await keepFront(trx, lineageId, name)
        else await noteLostFront(trx, { ...row, front_lineage_id: lineageId }, act) // lost while it was made ready
      }),

    remove: (tenantId, name, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lockOwn(trx, tenantId, name, act)
        const delegations = await trx('delegation as d')
          .join('target_host as t', 't.id', 'd.target_host_id')
          .where({ 'd.tenant_id': tenantId, 'd.source_domain_id': row.id })
          .select<{ service: string; protocol: string; target: string }[]>(
            'd.service',
            'd.protocol',
            't.name as target',
          )
        await trx('delegation').where({ tenant_id: tenantId, source_domain_id: row.id }).del()
        await trx<SourceDomainRow>('source_domain').where({ tenant_id: tenantId, id: row.id }).del()
        if (row.proof !== null) {
          for (const host of [name, ...delegations.map(({ target }) => target)]) traces.changedHost(host)
          await noteLoss(trx, traces, row, act)
        }
        // Locked, so that of two who remove the last claims at once one sees that it is the last
        await trx('proof_check').where({ name }).forUpdate().first('name')
        const other = await trx('source_domain').where({ name }).first<{ id: string } | undefined>('id')
        if (!other) await trx('proof_check').where({ name }).del()
        else if (row.proof !== null) traces.enqueue(proofCheck(name, act.at))
        traces.audit({
          tenantId,
          action: 'source-domain.remove',
          subject: name,
          detail: {
            before: {
              ...facts(row),
              delegations: delegations.map(({ service, protocol }) => `${service}.${protocol}`),
            },
          },
        })
      }),
  }
}
