import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import {
  AUTHORIZATION_DEACTIVATION,
  authorizationDeactivationKey,
  type AuthorizationDeactivationPayload,
  type Order,
} from '../acme/order.ts'
import type { AcmeProblem } from '../acme/session.ts'
import type { DomainName } from '../name.ts'
import type { Traces } from './perform.ts'

// How an order is over: its copy of the private key goes, and what was put there to answer the authority. Everybody locks
// claims, lineages and certificates before an order, and one who locks several takes them by their ids.

export interface OrderRow {
  id: string
  tenant_id: string | null
  lineage_id: string
  authority_id: string
  identifiers: string
  profile: string | null
  replaces: string | null
  csr: Buffer
  private_key_sealed: Buffer | null
  status: Order['status']
  new_orders: number
  url: string | null
  finalize_url: string | null
  certificate_url: string | null
  expires_at: number | null
  authorizations: string
  created_at: number
  finished_at: number | null
  outcome: Order['outcome']
  problem: string | null
  certificate_id: string | null
}

export type Ending =
  { outcome: 'issued'; certificateId: string } | { outcome: 'failed' | 'abandoned'; problem: AcmeProblem | null }

/** @returns the order as it is from then on; undefined: it was over already, or is gone */
export async function endOrder(
  trx: Knex.Transaction,
  id: string,
  ending: Ending,
  { at }: Act,
): Promise<OrderRow | undefined> {
  const [row] = await trx<OrderRow>('acme_order')
    .where({ id })
    .whereNull('finished_at')
    .update({
      finished_at: at.getTime(),
      outcome: ending.outcome,
      private_key_sealed: null,
      ...(ending.outcome === 'issued'
        ? { certificate_id: ending.certificateId, status: 'valid' }
        : { problem: ending.problem && JSON.stringify(ending.problem) }),
    })
    .returning<OrderRow[]>('*')
  if (row) for (const table of ['acme_challenge', 'acme_order_name']) await trx(table).where({ order_id: id }).del()
  return row
}

/** @param ids in order */
export async function abandonOrders(
  trx: Knex.Transaction,
  traces: Traces,
  ids: readonly string[],
  why: string,
  act: Act,
): Promise<void> {
  for (const id of ids) {
    const row = await endOrder(trx, id, { outcome: 'abandoned', problem: null }, act)
    if (row) traceOrder(traces, row, 'order.abandon', { why })
  }
}

/**
 * The tenant holds the name no longer: its orders that name it are over, and what it was authorized for is to be
 * deactivated, for the account is everybody's. The claim is locked, so that no order for it is begun meanwhile.
 */
export async function dropLostOrders(
  trx: Knex.Transaction,
  traces: Traces,
  { tenant_id: tenantId, name }: { tenant_id: string; name: DomainName },
  act: Act,
): Promise<void> {
  const ids = await trx('acme_order_name')
    .where({ name, whose: tenantId })
    .orderBy('order_id')
    .pluck<string[]>('order_id')
  await abandonOrders(trx, traces, ids, `the tenant does not hold ${name} any more`, act)
  if (!(await trx('acme_authorization').where({ name, whose: tenantId }).first('url'))) return
  const payload: AuthorizationDeactivationPayload = { tenantId, name }
  const key = authorizationDeactivationKey(payload)
  traces.enqueue({ kind: AUTHORIZATION_DEACTIVATION, key, payload, runAt: act.at })
}

/** Its subject are the names, by which their owner looks for it. */
export function traceOrder(
  traces: Traces,
  row: Pick<OrderRow, 'id' | 'tenant_id' | 'lineage_id' | 'identifiers'>,
  action: string,
  detail: Record<string, unknown>,
): void {
  const subject = (JSON.parse(row.identifiers) as string[]).join(', ')
  traces.audit({
    tenantId: row.tenant_id,
    action,
    subject,
    detail: { order: row.id, lineageId: row.lineage_id, ...detail },
  })
}
