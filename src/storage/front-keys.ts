import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import { frontLineageName } from '../certificate/lineage.ts'
import type { DomainName } from '../name.ts'
import { KEEP_KEYS_MS } from '../tenant/control.ts'
import type { Traces } from './perform.ts'
import type { SourceDomainRow } from './source-domain-row.ts'

// What becomes of the private keys of a name's front when its tenant loses the name: kept for a while, for it may come
// back, and destroyed as soon as the name is another's. All of it in the transaction that takes or gives the name, and in
// the order claims, lineages, certificates, in which everybody locks them.

interface FrontRow {
  id: string
  tenant_id: string | null
  name: string
  lost_name: DomainName | null
  keys_until: number | null
}

// Of a name that is held, on whatever ground: then its keys are needed
const IS_IN_USE = `(
  exists (select 1 from source_domain s where s.front_lineage_id = lineage.id and s.proof is not null) or
  exists (select 1 from delegation d join source_domain s on s.id = d.source_domain_id
    where d.lineage_id = lineage.id and s.proof is not null))`

/** The tenant holds the name no longer: its front lineage, unless something else uses it, keeps its keys for KEEP_KEYS_MS. */
export async function keepKeysOfLost(
  trx: Knex.Transaction,
  claim: Pick<SourceDomainRow, 'tenant_id' | 'name' | 'front_lineage_id'>,
  { at }: Act,
): Promise<void> {
  // Also the one that is made for the name, though it may not be in use yet, or no longer
  await trx<FrontRow>('lineage')
    .whereRaw(`id in (?, (select id from lineage where coalesce(tenant_id, '') = ? and name = ?))`, [
      claim.front_lineage_id as string,
      claim.tenant_id,
      frontLineageName(claim.name),
    ])
    .where({ tenant_id: claim.tenant_id })
    .whereRaw(`not ${IS_IN_USE}`)
    .update({
      lost_name: claim.name,
      keys_until: trx.raw('coalesce(keys_until, cast(? as bigint))', [at.getTime() + KEEP_KEYS_MS]),
    })
}

/** The tenant holds the name from now on: its own keys are kept as before, those of whoever held it before are destroyed. */
export async function settleKeysOfGained(
  trx: Knex.Transaction,
  traces: Traces,
  claim: Pick<SourceDomainRow, 'tenant_id' | 'name' | 'front_lineage_id'>,
): Promise<void> {
  const lost = await trx<FrontRow>('lineage').where({ lost_name: claim.name }).orderBy('id').forNoKeyUpdate()
  const own = lost.filter(({ tenant_id }) => tenant_id === claim.tenant_id).map(({ id }) => id)
  await keepKeys(trx, [...own, ...(claim.front_lineage_id === null ? [] : [claim.front_lineage_id])])
  for (const lineage of lost) if (lineage.tenant_id !== claim.tenant_id) await destroyKeysOf(trx, traces, lineage)
}

/** As `settleKeysOfGained`, for names that had no claim of the tenant's before. */
export async function settleKeysOfMany(
  trx: Knex.Transaction,
  traces: Traces,
  claims: readonly Pick<SourceDomainRow, 'tenant_id' | 'name'>[],
): Promise<void> {
  const names = claims.map(({ name }) => name)
  const lost = new Set(await trx<FrontRow>('lineage').whereIn('lost_name', names).pluck<DomainName[]>('lost_name'))
  for (const claim of claims)
    if (lost.has(claim.name)) await settleKeysOfGained(trx, traces, { ...claim, front_lineage_id: null })
}

/** What is put to use for a name that is held is not lost, whatever it was before. */
export async function keepKeys(trx: Knex.Transaction, lineageIds: readonly string[]): Promise<void> {
  if (lineageIds.length === 0) return
  await trx<FrontRow>('lineage').whereIn('id', lineageIds).update({ lost_name: null, keys_until: null })
}

/** @returns whether its time was over */
export async function destroyKeysInTime(
  trx: Knex.Transaction,
  traces: Traces,
  id: string,
  now: Date,
): Promise<boolean> {
  await trx<SourceDomainRow>('source_domain').where({ front_lineage_id: id }).forNoKeyUpdate().select('id')
  const lineage = await trx<FrontRow>('lineage').where({ id }).forNoKeyUpdate().first()
  if (!lineage || lineage.keys_until === null || lineage.keys_until > now.getTime()) return false
  await destroyKeysOf(trx, traces, lineage)
  return true
}

/** The lineage is locked. Its certificates stay, as a record. */
async function destroyKeysOf(trx: Knex.Transaction, traces: Traces, lineage: FrontRow): Promise<void> {
  const { id, tenant_id: tenantId, name, lost_name } = lineage
  // Looked up now that nobody else changes it
  if (await trx('lineage').where({ id }).whereRaw(IS_IN_USE).first('id')) return keepKeys(trx, [id])
  const keys = await trx('certificate')
    .where({ lineage_id: id })
    .whereNotNull('private_key_id')
    .select<{ sha256: string; private_key_id: string }[]>('sha256', 'private_key_id')
  await trx('certificate').where({ lineage_id: id }).update({ private_key_id: null })
  for (const { private_key_id } of keys) await trx('private_key').where({ id: private_key_id }).del()
  await trx('source_domain')
    .where({ front_lineage_id: id })
    .update({ front_lineage_id: null, revision: trx.raw('revision + 1') })
  await trx('lineage')
    .where({ id })
    .update({ lost_name: null, keys_until: null, revision: trx.raw('revision + 1') })
  traces.changedLineage(id)
  if (keys.length > 0)
    traces.audit({
      tenantId,
      action: 'private-key.destroy',
      subject: lost_name ?? name,
      detail: { lineage: name, lineageId: id, certificates: keys.map(({ sha256 }) => sha256) },
    })
}
