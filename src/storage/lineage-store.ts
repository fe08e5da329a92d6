import type { Knex } from 'knex'
import {
  FRONT_LINEAGE_PREFIX,
  isFrontLineage,
  type Lineage,
  type LineageCertificate,
  type LineageStore,
  type LineageWithCertificates,
  type Source,
} from '../certificate/lineage.ts'
import { requireMatch, type Act } from '../act.ts'
import { FRONT_CERTIFICATE, type FrontCertificatePayload } from '../certificate/issuance.ts'
import type { Sealer } from '../certificate/sealing.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { whatChanged } from '../tenant/audit.ts'
import type { Database } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation } from './faults.ts'
import { chunks } from './insert-many.ts'
import { instantOrNull } from './instants.ts'
import { forgetFailures } from './issuance-store.ts'
import { endOrder, type OrderRow } from './order-end.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { placeOfPrivateKey } from './private-key-store.ts'
import { withinQuota } from './quota.ts'
import { containsName } from './search.ts'
import { rowsOf, troubledLineages } from './troubled.ts'

interface LineageRow {
  id: string
  tenant_id: string | null
  name: string
  source: Source
  identifiers: string | null
  created_at: number
  changed_at: number
  revision: number
}

interface TenantNamed {
  tenant_name: string | null
}

interface CertificateRow {
  id: string
  lineage_id: string
  tenant_id: string | null
  private_key_id: string | null
  chain_pem: string
  sha256: string
  spki_sha256: string
  subject: string
  issuer: string
  serial: string
  key_type: string
  dns_names: string
  not_before: number
  not_after: number
  staged_at: number
  activated_at: number | null
  superseded_at: number | null
  retires_at: number | null
}

export function lineageStore(deps: { db: Database; newId: NewId; sealer: Sealer }): LineageStore {
  const { db, newId, sealer } = deps

  async function withCertificates(rows: (LineageRow & TenantNamed)[]): Promise<LineageWithCertificates[]> {
    const certificates = new Map<string, LineageCertificate[]>(rows.map(({ id }) => [id, []]))
    for (const ids of chunks([...certificates.keys()])) {
      const found = await db.knex<CertificateRow>('certificate').whereIn('lineage_id', ids).orderBy('id')
      for (const row of found) certificates.get(row.lineage_id)?.push(certificateFromRow(row))
    }
    return rows.map((row) => ({ ...fromRow(row), certificates: certificates.get(row.id) ?? [] }))
  }

  async function keepKey(trx: Knex.Transaction, lineage: LineageRow, id: string, privateKey: Uint8Array, act: Act) {
    await trx('private_key').insert({
      id,
      tenant_id: lineage.tenant_id,
      domain: lineage.name,
      sealed: Buffer.from(sealer.seal(privateKey, placeOfPrivateKey(id, lineage.name))),
      created_at: act.at.getTime(),
    })
  }

  async function one(row: (LineageRow & TenantNamed) | undefined): Promise<LineageWithCertificates | undefined> {
    return row && (await withCertificates([row]))[0]
  }

  return {
    async create(tenantId, { name, source, identifiers = null }, act) {
      const row: LineageRow = {
        id: newId(act.at),
        tenant_id: tenantId,
        name,
        source,
        identifiers: identifiers && JSON.stringify(identifiers),
        created_at: act.at.getTime(),
        changed_at: act.at.getTime(),
        revision: 1,
      }
      try {
        return await perform(deps, act, async (trx, traces) => {
          const add = () => trx<LineageRow>('lineage').insert(row)
          if (tenantId === null || (await isFrontOfOwn(trx, tenantId, name))) await add()
          else await withinQuota({ trx, rows: db.rows }, tenantId, 'lineages', add)
          traces.changedLineage(row.id)
          const payload: FrontCertificatePayload = { tenantId, lineageId: row.id, identifiers: identifiers ?? [] }
          if (identifiers) traces.enqueue({ kind: FRONT_CERTIFICATE, key: row.id, payload, runAt: act.at })
          const after = { source, ...(identifiers && { identifiers }) }
          traces.audit({ tenantId, action: 'lineage.create', subject: name, detail: { after } })
          return fromRow((await select(trx).where({ id: row.id }).first())!)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `there is a certificate lineage ${name} already`, { cause })
      }
    },

    async find(tenantId, id) {
      return one(await ofTenant(select(db.knex), tenantId).where({ id }).first())
    },

    async findByName(tenantId, name) {
      return one(await ofTenant(select(db.knex), tenantId).where({ name }).first())
    },

    isPublished: (id) => isPublished(db.knex, id),
    isPresented: (id) => isPresented(db.knex, id),

    async list(tenantId, { after, limit, search, isDescending = false, source }) {
      const order = isDescending ? 'desc' : 'asc'
      const query = containsName(ofTenant(select(db.knex), tenantId), 'name', search)
        .orderBy(['name', 'id'].map((column) => ({ column, order })))
        .limit(limit)
      if (after) query.whereRaw(`(name, id) ${isDescending ? '<' : '>'} (?, ?)`, [after.name, after.id])
      if (source !== undefined) query.where({ source })
      return withCertificates(await query)
    },

    async listTroubled(tenantId, { trouble, after, limit, search }, now) {
      const part = troubledLineages(trouble, now)
      const columns = `l.*, (select t.name from tenant as t where t.id = l.tenant_id) as tenant_name`
      const page = { tenantId, after, limit }
      const rows = await containsName(rowsOf<LineageRow & TenantNamed>(db.knex, part, columns, page), 'l.name', search)
      const found = await withCertificates(rows)
      return found.map((lineage, i) => ({ ...lineage, place: { key: rows[i]!.place, id: lineage.id } }))
    },

    async stage(tenantId, lineageId, { chain, privateKey, orderId = null }, act) {
      const { leaf } = chain
      try {
        return await perform(deps, act, async (trx, traces) => {
          await requireHeldFront(trx, tenantId, lineageId)
          const lineage = await lockLineage(trx, tenantId, lineageId)
          const given = orderId === null ? undefined : await givenBy(trx, lineageId, orderId)
          if (given) return certificateFromRow(given)
          const privateKeyId = privateKey && newId(act.at)
          const row: CertificateRow = {
            id: newId(act.at),
            lineage_id: lineageId,
            tenant_id: tenantId,
            private_key_id: privateKeyId,
            chain_pem: chain.pem,
            sha256: leaf.sha256,
            spki_sha256: leaf.spkiSha256,
            subject: leaf.subject,
            issuer: leaf.issuer,
            serial: leaf.serial,
            key_type: leaf.keyType,
            dns_names: JSON.stringify(leaf.dnsNames),
            not_before: leaf.notBefore.getTime(),
            not_after: leaf.notAfter.getTime(),
            staged_at: act.at.getTime(),
            activated_at: null,
            superseded_at: null,
            retires_at: null,
          }
          if (privateKey && privateKeyId) await keepKey(trx, lineage, privateKeyId, privateKey, act)
          await trx<CertificateRow>('certificate').insert(row)
          await noteChange(trx, traces, lineage)
          traces.audit({
            tenantId,
            action: 'certificate.stage',
            subject: lineage.name,
            detail: { certificate: row.id, after: facts(row) },
          })
          if (orderId !== null) await noteIssue(trx, traces, lineage, row, orderId, act)
          return certificateFromRow(row)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', 'the lineage has this very certificate already', { cause })
      }
    },

    async addPrivateKey(tenantId, certificateId, privateKey, act) {
      return perform(deps, act, async (trx, traces) => {
        const { lineage, certificate } = await lockCertificate(trx, tenantId, certificateId, { isToBeHeld: true })
        if (certificate.private_key_id !== null) return certificateFromRow(certificate)
        const kept = { private_key_id: newId(act.at) }
        await keepKey(trx, lineage, kept.private_key_id, privateKey, act)
        await trx<CertificateRow>('certificate').where({ id: certificateId }).update(kept)
        await noteChange(trx, traces, lineage)
        traces.audit({
          tenantId,
          action: 'certificate.add-key',
          subject: lineage.name,
          detail: {
            ...{ certificate: certificateId, sha256: certificate.sha256 },
            ...whatChanged(facts(certificate), facts({ ...certificate, ...kept })),
          },
        })
        return certificateFromRow({ ...certificate, ...kept })
      })
    },

    async activate(tenantId, certificateId, retiresAt, act, issuedBy = 'import') {
      return perform(deps, act, async (trx, traces) => {
        const { lineage, certificate } = await lockCertificate(trx, tenantId, certificateId, { isToBeHeld: true })
        requireMatch(act, lineage)
        if (certificate.activated_at !== null && certificate.superseded_at === null)
          return certificateFromRow(certificate)
        if (certificate.private_key_id === null && (isFrontLineage(lineage) || (await isPresented(trx, lineage.id))))
          throw new ProblemError(
            'still-in-use',
            'a host presents this lineage over HTTPS, and the private key of the certificate is not here; import it again with its key',
          )
        const activated = { activated_at: act.at.getTime(), superseded_at: null, retires_at: null }
        // The one before first: the schema allows one active certificate at any moment
        const [former] = await trx<CertificateRow>('certificate')
          .where({ lineage_id: lineage.id })
          .whereNotNull('activated_at')
          .whereNull('superseded_at')
          .update({ superseded_at: act.at.getTime(), retires_at: retiresAt.getTime() })
          .returning('sha256')
        await trx<CertificateRow>('certificate').where({ id: certificateId }).update(activated)
        await noteChange(trx, traces, lineage, { source: issuedBy })
        traces.audit({
          tenantId,
          action: 'certificate.activate',
          subject: lineage.name,
          detail: {
            certificate: certificateId,
            formerRetiresAt: former ? retiresAt : null,
            ...whatChanged(
              { active: former?.sha256 ?? null, source: lineage.source },
              { active: certificate.sha256, source: issuedBy },
            ),
          },
        })
        return certificateFromRow({ ...certificate, ...activated })
      })
    },

    async noteKeyExport(tenantId, certificateId, act) {
      await perform(deps, act, async (trx, traces) => {
        const { lineage, certificate } = await lockCertificate(trx, tenantId, certificateId)
        traces.audit({
          tenantId,
          action: 'certificate.export-key',
          subject: lineage.name,
          detail: { certificate: certificateId, sha256: certificate.sha256 },
        })
      })
    },

    async noteRevocation(tenantId, certificateId, reason, act) {
      await perform(deps, act, async (trx, traces) => {
        const { lineage, certificate } = await lockCertificate(trx, tenantId, certificateId)
        const detail = { certificate: certificateId, sha256: certificate.sha256, reason }
        traces.audit({ tenantId, action: 'certificate.revoke', subject: lineage.name, detail })
      })
    },

    async removeCertificate(tenantId, certificateId, act) {
      await perform(deps, act, async (trx, traces) => {
        const { lineage, certificate } = await lockCertificate(trx, tenantId, certificateId)
        requireMatch(act, lineage)
        const isActive = certificate.activated_at !== null && certificate.superseded_at === null
        if (isActive && ((await isPublished(trx, lineage.id)) || (await isPresented(trx, lineage.id))))
          throw new ProblemError(
            'still-in-use',
            'this certificate is the active one, and is published or presented; make another the active one first',
          )
        await removeCertificates(trx, [certificate])
        await noteChange(trx, traces, lineage)
        traces.audit({
          tenantId,
          action: 'certificate.remove',
          subject: lineage.name,
          detail: { certificate: certificateId, before: facts(certificate) },
        })
      })
    },

    async remove(tenantId, id, act) {
      try {
        await perform(deps, act, async (trx, traces) => {
          const lineage = await lockLineage(trx, tenantId, id)
          requireMatch(act, lineage)
          const certificates = await trx<CertificateRow>('certificate').where({ lineage_id: id })
          await removeCertificates(trx, certificates)
          await trx<LineageRow>('lineage').where({ id }).del()
          traces.changedLineage(id)
          traces.audit({
            tenantId,
            action: 'lineage.remove',
            subject: lineage.name,
            detail: { before: { source: lineage.source, certificates: certificates.map(({ sha256 }) => sha256) } },
          })
        })
      } catch (cause) {
        if (!isForeignKeyViolation(cause)) throw cause
        throw new ProblemError(
          'still-in-use',
          'a delegation publishes from this lineage, or a host presents it; give those another lineage first',
          { cause },
        )
      }
    },
  }
}

/** The lineage of the tenant's own source domain, which is made for its front certificate. */
async function isFrontOfOwn(trx: Knex.Transaction, tenantId: string, name: string): Promise<boolean> {
  if (!isFrontLineage({ name })) return false
  return (
    (await trx('source_domain')
      .where({ tenant_id: tenantId, name: hostOfFront({ name }) })
      .first('id')) !== undefined
  )
}

function hostOfFront({ name }: Pick<LineageRow, 'name'>): string {
  return name.slice(FRONT_LINEAGE_PREFIX.length)
}

/** The lineage is locked, so that its revision is the one before. */
async function noteChange(
  trx: Knex.Transaction,
  traces: Traces,
  { id, revision }: LineageRow,
  columns: Partial<LineageRow> = {},
): Promise<void> {
  await trx<LineageRow>('lineage')
    .where({ id })
    .update({ ...columns, revision: revision + 1 })
  traces.changedLineage(id)
}

/**
 * The certificate that came of the order where another worker was first; undefined: the order is under way, and locked.
 * @throws ProblemError not-found: it was ended without one
 */
async function givenBy(trx: Knex.Transaction, lineageId: string, orderId: string): Promise<CertificateRow | undefined> {
  const order = await trx<OrderRow>('acme_order').where({ id: orderId, lineage_id: lineageId }).forUpdate().first()
  if (order && order.finished_at === null) return undefined
  const given =
    order?.certificate_id && (await trx<CertificateRow>('certificate').where({ id: order.certificate_id }).first())
  if (!given) throw new ProblemError('not-found', `order ${orderId} is not under way`)
  return given
}

async function noteIssue(
  trx: Knex.Transaction,
  traces: Traces,
  lineage: LineageRow,
  certificate: CertificateRow,
  orderId: string,
  act: Act,
): Promise<void> {
  const order = await endOrder(trx, orderId, { outcome: 'issued', certificateId: certificate.id }, act)
  await forgetFailures(trx, lineage.id)
  const authority =
    order && (await trx('authority').where({ id: order.authority_id }).first<{ name: string } | undefined>('name'))
  traces.audit({
    tenantId: lineage.tenant_id,
    action: 'certificate.issue',
    subject: lineage.name,
    detail: { certificate: certificate.id, order: orderId, authority: authority?.name ?? null },
  })
}

/** Of a certificate, for the audit trail. */
function facts(row: CertificateRow): Record<string, unknown> {
  return {
    sha256: row.sha256,
    subject: row.subject,
    notAfter: new Date(row.not_after),
    hasKey: row.private_key_id !== null,
  }
}

async function isPublished(knex: Knex | Knex.Transaction, id: string): Promise<boolean> {
  return (await knex('delegation').where({ lineage_id: id }).first('id')) !== undefined
}

async function isPresented(knex: Knex | Knex.Transaction, id: string): Promise<boolean> {
  for (const table of ['source_domain', 'target_host'])
    if ((await knex(table).where({ front_lineage_id: id }).first('id')) !== undefined) return true
  return false
}

function select(knex: Knex | Knex.Transaction) {
  return knex<LineageRow>('lineage').select<(LineageRow & TenantNamed)[]>(
    'lineage.*',
    knex.raw('(select t.name from tenant as t where t.id = lineage.tenant_id) as tenant_name'),
  )
}

/** In the words of the unique index, which could not be used for `tenant_id is null`. */
function ofTenant<Query extends Knex.QueryBuilder>(query: Query, tenantId: string | null): Query {
  return tenantId === 'all' ? query : (query.whereRaw(`coalesce(tenant_id, '') = ?`, [tenantId ?? '']) as Query)
}

/** The order of all who change a lineage is that in which they lock it. */
async function lockLineage(trx: Knex.Transaction, tenantId: string | null, id: string): Promise<LineageRow> {
  const row = await ofTenant(trx<LineageRow>('lineage'), tenantId).where({ id }).forUpdate().first()
  if (!row) throw new ProblemError('not-found', `there is no certificate lineage ${id}`)
  return row
}

/**
 * What is made for a tenant's source domain gets nothing new once the name is lost: a key that came after those of the
 * name were destroyed would stay. The claim is locked before the lineage, as everywhere.
 * @throws ProblemError control-unproven
 */
async function requireHeldFront(trx: Knex.Transaction, tenantId: string | null, id: string): Promise<void> {
  const lineage = await ofTenant(trx<LineageRow>('lineage'), tenantId).where({ id }).first('tenant_id', 'name')
  if (!lineage?.tenant_id || !isFrontLineage(lineage)) return
  const name = hostOfFront(lineage)
  const claim = await trx('source_domain')
    .where({ tenant_id: lineage.tenant_id, name })
    .forNoKeyUpdate()
    .first<{ proof: string | null } | undefined>('proof')
  if (!claim?.proof)
    throw new ProblemError(
      'control-unproven',
      `lineage ${lineage.name} is made for ${name}, which the tenant does not hold; prove control of the name first`,
    )
}

async function lockCertificate(
  trx: Knex.Transaction,
  tenantId: string | null,
  id: string,
  { isToBeHeld } = { isToBeHeld: false },
): Promise<{ lineage: LineageRow; certificate: CertificateRow }> {
  const find = () => trx<CertificateRow>('certificate').where({ id }).first()
  const lineageId = (await find())?.lineage_id
  if (lineageId && isToBeHeld) await requireHeldFront(trx, tenantId, lineageId)
  const lineage =
    lineageId && (await ofTenant(trx<LineageRow>('lineage'), tenantId).where({ id: lineageId }).forUpdate().first())
  const certificate = lineage ? await find() : undefined // as it is now that nobody else changes it
  if (!lineage || !certificate) throw new ProblemError('not-found', `there is no certificate ${id}`)
  return { lineage, certificate }
}

async function removeCertificates(trx: Knex.Transaction, certificates: readonly CertificateRow[]): Promise<void> {
  for (const chunk of chunks(certificates)) {
    await trx('certificate')
      .whereIn(
        'id',
        chunk.map(({ id }) => id),
      )
      .del()
    const keys = chunk.flatMap(({ private_key_id }) => private_key_id ?? [])
    if (keys.length === 0) continue
    await trx('private_key')
      .whereIn('id', keys)
      .whereNotExists(trx('certificate').select(trx.raw('1')).whereRaw('certificate.private_key_id = private_key.id'))
      .del()
  }
}

function fromRow(row: LineageRow & TenantNamed): Lineage {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    tenantName: row.tenant_name,
    name: row.name,
    source: row.source,
    identifiers: row.identifiers === null ? null : (JSON.parse(row.identifiers) as DomainName[]),
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}

function certificateFromRow(row: CertificateRow): LineageCertificate {
  return {
    id: row.id,
    lineageId: row.lineage_id,
    chainPem: row.chain_pem,
    sha256: row.sha256,
    spkiSha256: row.spki_sha256,
    subject: row.subject,
    issuer: row.issuer,
    serial: row.serial,
    keyType: row.key_type,
    dnsNames: JSON.parse(row.dns_names) as string[],
    notBefore: new Date(row.not_before),
    notAfter: new Date(row.not_after),
    privateKeyId: row.private_key_id,
    stagedAt: new Date(row.staged_at),
    activatedAt: instantOrNull(row.activated_at),
    supersededAt: instantOrNull(row.superseded_at),
    retiresAt: instantOrNull(row.retires_at),
  }
}
