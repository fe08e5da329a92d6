import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import { frontLineageName } from '../certificate/lineage.ts'
import type { DomainName } from '../name.ts'
import { KEEP_KEYS_MS } from '../tenant/control.ts'
import { dropLostOrders } from './order-end.ts'
import type { Traces } from './perform.ts'
import type { SourceDomainRow } from './source-domain-row.ts'

// What becomes of the private keys of a name's front when its tenant loses the name: kept for a while, for it may come
// back, and destroyed as soon as the name is another's. A lineage may be the front of several names: its keys go when
// the last of those that were lost is due. All of it in the transaction that takes or gives the name, and in the order
// claims (by name and id), lineages, certificates, in which everybody locks them.

interface FrontRow {
  id: string
  tenant_id: string | null
  name: string
}

interface LostFrontRow {
  lineage_id: string
  name: DomainName
  lost_at: number
  due_at: number
}

type ClaimOfFront = Pick<SourceDomainRow, 'tenant_id' | 'name' | 'front_lineage_id'>

// Of a name that is held, on whatever ground: then its keys are needed
const IS_IN_USE = `(
  exists (select 1 from source_domain s where s.front_lineage_id = lineage.id and s.proof is not null) or
  exists (select 1 from delegation d join source_domain s on s.id = d.source_domain_id
    where d.lineage_id = lineage.id and s.proof is not null))`

/**
 * The tenant holds the name no longer: its front's keys are kept for KEEP_KEYS_MS, its orders for the name are over, and
 * no authority is answered any more what was put there to answer for the tenant.
 */
export async function noteLoss(trx: Knex.Transaction, traces: Traces, claim: ClaimOfFront, act: Act): Promise<void> {
  await noteLostFront(trx, claim, act)
  await dropLostOrders(trx, traces, claim, act)
  await trx('acme_challenge').where({ host: claim.name }).del()
}

/** As `noteLoss`, where what is presented for a name is chosen by a tenant that does not hold it. */
export async function noteLostFront(trx: Knex.Transaction, claim: ClaimOfFront, { at }: Act): Promise<void> {
  // Also the one that is made for the name, though it may not be in use yet, or no longer. No certificate that is there
  // has been staged after the loss, whatever the clock said that staged it
  await trx.raw(
    `insert into lost_front (lineage_id, name, lost_at, due_at)
      select id, ?, (select max(at) from (select cast(? as bigint) as at
        union all select staged_at from certificate where lineage_id = lineage.id) staged), cast(? as bigint)
      from lineage where tenant_id = ? and id in (?, (select id from lineage where coalesce(tenant_id, '') = ? and name = ?))
      on conflict (lineage_id, name) do nothing`,
    [
      ...[claim.name, at.getTime(), at.getTime() + KEEP_KEYS_MS],
      ...[claim.tenant_id, claim.front_lineage_id, claim.tenant_id, frontLineageName(claim.name)],
    ] as string[],
  )
}

/** The tenant holds the name from now on: its own keys are kept as before, those of whoever held it before are due. */
export async function settleGain(
  trx: Knex.Transaction,
  traces: Traces,
  { tenant_id, name }: Pick<ClaimOfFront, 'tenant_id' | 'name'>,
  { at }: Act,
): Promise<void> {
  const lost = () => trx<LostFrontRow>('lost_front').where({ name })
  const ids = await lost().orderBy('lineage_id').pluck<string[]>('lineage_id')
  if (ids.length === 0) return
  const fronts = await lockFronts(trx, ids)
  const others = fronts.filter((front) => front.tenant_id !== tenant_id)
  const idsOfOthers = others.map(({ id }) => id)
  await lost().whereNotIn('lineage_id', idsOfOthers).del()
  await lost().whereIn('lineage_id', idsOfOthers).update({ due_at: at.getTime() })
  for (const front of others) await destroyKeysIfDue(trx, traces, front, at)
}

/** As `settleGain`, for names that were gained at once. */
export async function settleGains(
  trx: Knex.Transaction,
  traces: Traces,
  claims: readonly Pick<ClaimOfFront, 'tenant_id' | 'name'>[],
  act: Act,
): Promise<void> {
  const names = claims.map(({ name }) => name)
  const lost = new Set(await trx<LostFrontRow>('lost_front').whereIn('name', names).pluck<DomainName[]>('name'))
  for (const claim of claims) if (lost.has(claim.name)) await settleGain(trx, traces, claim, act)
}

/** What is put to use for a name that is held is not lost with that name, whatever it was before. */
export async function keepFront(trx: Knex.Transaction, lineageId: string, name: DomainName): Promise<void> {
  await lockFronts(trx, [lineageId])
  await trx<LostFrontRow>('lost_front').where({ lineage_id: lineageId, name }).del()
}

/** Lineages whose keys are to be destroyed, as it looks from outside. */
export function dueFronts(knex: Knex, now: Date, limit: number): Promise<string[]> {
  return knex<FrontRow>('lineage')
    .whereRaw('id in (select lineage_id from lost_front where due_at <= ?)', [now.getTime()])
    .whereRaw(
      'not exists (select 1 from lost_front f where f.lineage_id = lineage.id and f.due_at > cast(? as bigint))',
      [now.getTime()],
    )
    .whereRaw(`not ${IS_IN_USE}`)
    .limit(limit)
    .pluck<string[]>('id')
}

/** @returns whether its time was over */
export async function destroyKeysInTime(
  trx: Knex.Transaction,
  traces: Traces,
  id: string,
  now: Date,
): Promise<boolean> {
  await trx<SourceDomainRow>('source_domain')
    .where({ front_lineage_id: id })
    .orderBy(['name', 'id'])
    .forNoKeyUpdate()
    .select('id')
  const [front] = await lockFronts(trx, [id])
  return front !== undefined && destroyKeysIfDue(trx, traces, front, now)
}

function lockFronts(trx: Knex.Transaction, ids: readonly string[]): Promise<FrontRow[]> {
  return trx<FrontRow>('lineage').whereIn('id', ids).orderBy('id').forNoKeyUpdate().select('id', 'tenant_id', 'name')
}

/** The lineage is locked, so that nobody puts it to use meanwhile. Its certificates stay, as a record. */
async function destroyKeysIfDue(
  trx: Knex.Transaction,
  traces: Traces,
  { id, tenant_id: tenantId, name }: FrontRow,
  now: Date,
): Promise<boolean> {
  const rows = await trx<LostFrontRow>('lost_front').where({ lineage_id: id })
  const [last] = rows.toSorted((one, other) => other.lost_at - one.lost_at)
  if (!last || rows.some(({ due_at }) => due_at > now.getTime())) return false
  if (await trx('lineage').where({ id }).whereRaw(IS_IN_USE).first('id')) return false
  const keys = await trx('certificate')
    .where({ lineage_id: id })
    .where('staged_at', '<=', last.lost_at)
    .whereNotNull('private_key_id')
    .select<{ id: string; sha256: string; private_key_id: string }[]>('id', 'sha256', 'private_key_id')
  for (const key of keys) {
    await trx('certificate').where({ id: key.id }).update({ private_key_id: null })
    await trx('private_key').where({ id: key.private_key_id }).del()
  }
  await trx('source_domain')
    .where({ front_lineage_id: id })
    .update({ front_lineage_id: null, revision: trx.raw('revision + 1') })
  await trx<LostFrontRow>('lost_front').where({ lineage_id: id }).del()
  await trx('lineage')
    .where({ id })
    .update({ revision: trx.raw('revision + 1') })
  traces.changedLineage(id)
  if (keys.length > 0)
    traces.audit({
      tenantId,
      action: 'private-key.destroy',
      subject: last.name,
      detail: { lineage: name, lineageId: id, certificates: keys.map(({ sha256 }) => sha256) },
    })
  return true
}
