import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { NewDelegation } from '../delegation/delegation.ts'
import type { HostMeta } from '../delegation/host-meta.ts'
import type {
  ImportedDomain,
  ImportOutcome,
  NewSourceDomain,
  SourceDomain,
  SourceDomainStore,
} from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { registerMissing } from './delegation-store.ts'
import { isUniqueViolation } from './faults.ts'
import { importReferences } from './import-references.ts'
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

  async function importSome(
    trx: Knex.Transaction,
    traces: Traces,
    domains: readonly ImportedDomain[],
    act: Act,
  ): Promise<ImportOutcome[]> {
    const references = await importReferences(trx, domains)
    const sound = domains.filter((domain) => !(references(domain) instanceof ProblemError))
    const added =
      sound.length === 0
        ? []
        : await trx<SourceDomainRow>('source_domain')
            .insert(sound.map((domain) => toRow(domain.tenantId, domain, act)))
            .onConflict() // of any kind: the tenant has the name, or another holds it
            .ignore()
            .returning(['id', 'tenant_id', 'name', 'mode', 'proof'])
    for (const row of added) trace(traces, row)
    const addedIds = new Set(added.map(({ id }) => id))
    // Locked, so that nobody gives one up before its delegations are written
    const standing = standings(await claimsTo(trx, sound).forKeyShare())
    const delegations: (NewDelegation & { tenantId: string })[] = []
    const outcomes = domains.map((domain) => {
      const found = references(domain)
      if (found instanceof ProblemError) return found
      const { own, isTaken } = standing(domain)
      if (!own || isTaken) return taken()
      const { tenantId } = domain
      delegations.push(...found.map((one) => ({ ...one, tenantId, sourceDomainId: own.id })))
      return addedIds.has(own.id) ? 'added' : 'there already'
    })
    await registerMissing({ trx, traces, newId, act }, delegations)
    return outcomes
  }

  async function rehearseSome(domains: readonly ImportedDomain[]): Promise<ImportOutcome[]> {
    const references = await importReferences(db.knex, domains)
    const standing = standings(await claimsTo(db.knex, domains))
    return domains.map((domain) => {
      const found = references(domain)
      if (found instanceof ProblemError) return found
      const { own, isTaken } = standing(domain)
      return isTaken ? taken() : own ? 'there already' : 'added'
    })
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
        throw await explain(tenantId, domain.name, domain.isVouched, cause)
      }
    },

    importMany: (domains, act) =>
      perform(deps, act, async (trx, traces) => {
        const outcomes: ImportOutcome[] = []
        for (const some of chunks(domains)) outcomes.push(...(await importSome(trx, traces, some, act)))
        return outcomes
      }),

    async rehearseImport(domains) {
      const outcomes: ImportOutcome[] = []
      for (const some of chunks(domains)) outcomes.push(...(await rehearseSome(some)))
      return outcomes
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
        throw await explain(tenantId, name, true, cause)
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

type Claim = Pick<SourceDomainRow, 'id' | 'tenant_id' | 'name' | 'proof'>

function claimsTo(knex: Knex | Knex.Transaction, domains: readonly ImportedDomain[]) {
  const names = domains.map(({ name }) => name)
  return knex('source_domain').whereIn('name', names).select<Claim[]>('id', 'tenant_id', 'name', 'proof')
}

/** How a domain stands among the claims of all tenants: is there the tenant's own, and does another's keep it from being held? */
function standings(claims: readonly Claim[]) {
  const byName = new Map<string, Claim[]>()
  for (const claim of claims) byName.set(claim.name, [...(byName.get(claim.name) ?? []), claim])
  return ({ tenantId, name, isVouched }: ImportedDomain) => {
    const same = byName.get(name) ?? []
    return {
      own: same.find((claim) => claim.tenant_id === tenantId),
      isTaken: isVouched && same.some((claim) => claim.proof !== null && claim.tenant_id !== tenantId),
    }
  }
}

function taken(): ProblemError {
  return new ProblemError('source-domain-taken', 'another tenant holds this name')
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
