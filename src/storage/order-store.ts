import type { Knex } from 'knex'
import type { Order, OrderAuthorization, OrderChanges, OrderStore } from '../acme/order.ts'
import type { AcmeProblem } from '../acme/session.ts'
import type { Sealer } from '../certificate/sealing.ts'
import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { insertMany } from './insert-many.ts'
import { instantOrNull } from './instants.ts'
import { endOrder, traceOrder, type OrderRow } from './order-end.ts'
import { perform, type NewId } from './perform.ts'
import { lockHeld } from './source-domain-row.ts'

// RFC 8555 §7.1.4 lets an authority be silent about it, but for valid ones. No public one keeps them for longer
const UNTOLD_LIFE_MS = 90 * 86_400_000

type StoredAuthorization = Omit<OrderAuthorization, 'expiresAt'> & { expiresAt: number | null }

/** The names are bound into the seal: for others than those that it was made for the key does not open. */
function placeOf({ id, identifiers }: Pick<OrderRow, 'id' | 'identifiers'>) {
  return { table: 'acme_order', row: id, domain: identifiers }
}

export function orderStore(deps: { db: Database; newId: NewId; sealer: Sealer; clock: Clock }): OrderStore {
  const { db, newId, sealer, clock } = deps

  return {
    async underWay(lineageId) {
      const row = await db
        .knex<OrderRow>('acme_order')
        .where({ lineage_id: lineageId })
        .whereNull('finished_at')
        .first()
      return row && fromRow(row)
    },

    async begin(order, privateKey, act) {
      const identifiers = JSON.stringify(order.identifiers)
      const id = newId(act.at)
      const row: OrderRow = {
        id,
        tenant_id: order.tenantId,
        lineage_id: order.lineageId,
        authority_id: order.authorityId,
        identifiers,
        profile: order.profile,
        replaces: order.replaces,
        csr: Buffer.from(order.csrDer),
        private_key_sealed: Buffer.from(sealer.seal(privateKey, placeOf({ id, identifiers }))),
        status: 'new',
        new_orders: 0,
        url: null,
        finalize_url: null,
        certificate_url: null,
        expires_at: null,
        authorizations: '[]',
        created_at: act.at.getTime(),
        finished_at: null,
        outcome: null,
        problem: null,
        certificate_id: null,
      }
      try {
        return await perform(deps, act, async (trx, traces) => {
          if (order.tenantId !== null) await requireHeld(trx, order.tenantId, order.identifiers)
          const lineage = await trx('lineage')
            .where({ id: order.lineageId })
            .whereRaw(`coalesce(tenant_id, '') = ?`, [order.tenantId ?? ''])
            .first<{ name: string } | undefined>('name')
          if (!lineage) throw new ProblemError('not-found', `there is no certificate lineage ${order.lineageId}`)
          // So that it is not removed meanwhile, which would abandon those that are there
          const authority = await trx('authority')
            .where({ id: order.authorityId })
            .forShare()
            .first<{ name: string } | undefined>('name')
          if (!authority) throw new ProblemError('not-found', `there is no authority ${order.authorityId}`)
          await trx<OrderRow>('acme_order').insert(row)
          await insertMany(
            trx,
            'acme_order_name',
            order.identifiers.map((name) => ({ name, whose: order.tenantId ?? '', order_id: id })),
          )
          traceOrder(traces, row, 'order.begin', {
            lineage: lineage.name,
            authority: authority.name,
            profile: order.profile,
            replaces: order.replaces,
          })
          return fromRow(row)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', 'an order of this certificate lineage is under way', { cause })
      }
    },

    save: (id, changes) =>
      db.knex.transaction(async (trx) => {
        const underWay = trx<OrderRow>('acme_order').where({ id }).whereNull('finished_at')
        const columns = columnsOf(changes)
        const [row] = await (Object.keys(columns).length > 0
          ? underWay.update(columns).returning<OrderRow[]>('*')
          : underWay)
        if (!row) throw notUnderWay(id)
        await keepAuthorizations(trx, row, changes.authorizations ?? [], clock.now())
        return fromRow(row)
      }),

    async privateKey(id) {
      const row = await db.knex<OrderRow>('acme_order').where({ id }).first('id', 'identifiers', 'private_key_sealed')
      if (!row?.private_key_sealed) throw notUnderWay(id)
      return sealer.open(row.private_key_sealed, placeOf(row))
    },

    end: (id, outcome, problem, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await endOrder(trx, id, { outcome, problem }, act)
        if (!row) return
        const why = problem && { type: problem.type, problem: problem.detail }
        traceOrder(traces, row, outcome === 'failed' ? 'order.fail' : 'order.abandon', { ...why })
      }),

    async list(lineageId, { limit }) {
      const rows = await db
        .knex<OrderRow>('acme_order')
        .where({ lineage_id: lineageId })
        .orderBy('id', 'desc')
        .limit(limit)
      return rows.map(fromRow)
    },

    async authorizations(tenantId, name, now) {
      const rows = await db
        .knex('acme_authorization')
        .where({ name, whose: tenantId ?? '' })
        .where('expires_at', '>', now.getTime())
        .select<{ authority_id: string; url: string }[]>('authority_id', 'url')
      return rows.map(({ authority_id, url }) => ({ authorityId: authority_id, url }))
    },

    async noteDeactivated(authorizationUrl) {
      await db.knex('acme_authorization').where({ url: authorizationUrl }).del()
    },

    async ofCertificate(certificateId) {
      const row = await db.knex<OrderRow>('acme_order').where({ certificate_id: certificateId }).first()
      return row && fromRow(row)
    },
  }
}

/** Nothing is ordered for a name that the tenant does not hold, and none is lost while its order is written. */
async function requireHeld(trx: Knex.Transaction, tenantId: string, names: readonly DomainName[]): Promise<void> {
  const held = await lockHeld(trx, tenantId, names)
  const lost = names.filter((name) => !held.has(name))
  if (lost.length > 0)
    throw new ProblemError(
      'control-unproven',
      `the tenant does not hold ${lost.join(', ')}; prove control of the name first`,
    )
}

/** The order is locked. Of those that came to nothing, or whose name was not read yet, there is nothing to deactivate. */
async function keepAuthorizations(
  trx: Knex.Transaction,
  { tenant_id, authority_id }: OrderRow,
  authorizations: readonly OrderAuthorization[],
  now: Date,
): Promise<void> {
  const whose = tenant_id ?? ''
  const named = authorizations.filter(({ identifier }) => identifier !== '')
  for (const { url, identifier, status, expiresAt } of named.toSorted((a, b) => (a.url < b.url ? -1 : 1)))
    if (status === 'pending' || status === 'valid')
      await trx('acme_authorization')
        .insert({
          ...{ url, whose, authority_id, name: identifier },
          expires_at: expiresAt?.getTime() ?? now.getTime() + UNTOLD_LIFE_MS,
        })
        .onConflict(['url', 'whose'])
        .merge(['expires_at'])
    else await trx('acme_authorization').where({ url }).del()
}

function notUnderWay(id: string): ProblemError {
  return new ProblemError('not-found', `order ${id} is not under way`)
}

function columnsOf(changes: OrderChanges): Partial<OrderRow> {
  const { status, newOrders, url, finalizeUrl, certificateUrl, expiresAt, authorizations, replaces, profile } = changes
  const columns = {
    ...{ status, new_orders: newOrders, url, finalize_url: finalizeUrl, certificate_url: certificateUrl },
    expires_at: expiresAt === null ? null : expiresAt?.getTime(),
    authorizations: authorizations && JSON.stringify(authorizations.map(toStored)),
    ...{ replaces, profile },
  }
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}

function toStored(authorization: OrderAuthorization): StoredAuthorization {
  return { ...authorization, expiresAt: authorization.expiresAt?.getTime() ?? null }
}

function fromRow(row: OrderRow): Order {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    lineageId: row.lineage_id,
    authorityId: row.authority_id,
    identifiers: JSON.parse(row.identifiers) as DomainName[],
    profile: row.profile,
    replaces: row.replaces,
    csrDer: row.csr,
    status: row.status,
    newOrders: row.new_orders,
    url: row.url,
    finalizeUrl: row.finalize_url,
    certificateUrl: row.certificate_url,
    expiresAt: instantOrNull(row.expires_at),
    authorizations: (JSON.parse(row.authorizations) as StoredAuthorization[]).map((one) => ({
      ...one,
      expiresAt: instantOrNull(one.expiresAt),
    })),
    createdAt: new Date(row.created_at),
    finishedAt: instantOrNull(row.finished_at),
    outcome: row.outcome,
    problem: row.problem === null ? null : (JSON.parse(row.problem) as AcmeProblem),
    certificateId: row.certificate_id,
  }
}
