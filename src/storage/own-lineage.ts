import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import { FRONT_CERTIFICATE, type FrontCertificatePayload } from '../certificate/issuance.ts'
import { FRONT_LINEAGE_PREFIX, isFrontLineage, type Source } from '../certificate/lineage.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Traces } from './perform.ts'

/** A tenant may put its own lineages to use and the operator's, nobody else's. @throws ProblemError not-found */
export async function requireOwnLineage(
  trx: Knex.Transaction,
  tenantId: string | null,
  lineageId: string,
): Promise<void> {
  const row = await trx<{ id: string; tenant_id: string | null }>('lineage').where({ id: lineageId }).first('tenant_id')
  if (!row || (row.tenant_id !== null && row.tenant_id !== tenantId))
    throw new ProblemError('not-found', `there is no certificate lineage ${lineageId}`)
}

/**
 * A host presents the lineage from now on: while none did, the job that sees to its certificates may have ended. Of one
 * that is made for the host also where its certificates come by hand: whether anybody stands in for whoever brings them,
 * the job knows.
 */
export async function superviseFront(
  trx: Knex.Transaction,
  traces: Traces,
  lineageId: string,
  { at: runAt }: Act,
): Promise<void> {
  const lineage = await trx('lineage')
    .where({ id: lineageId })
    .first<Supervised>('tenant_id', 'name', 'source', 'identifiers')
  if (lineage.source === 'import' && !isFrontLineage(lineage)) return
  const identifiers = await identifiersOf(trx, lineageId, lineage)
  if (identifiers.length === 0) return // it has never had any, and whoever has made it sees to that
  const payload: FrontCertificatePayload = { tenantId: lineage.tenant_id, lineageId, identifiers }
  traces.enqueue({ kind: FRONT_CERTIFICATE, key: lineageId, payload, runAt })
}

interface Supervised {
  tenant_id: string | null
  name: string
  source: Source
  identifiers: string | null
}

async function identifiersOf(
  trx: Knex.Transaction,
  lineageId: string,
  { name, identifiers }: Supervised,
): Promise<DomainName[]> {
  if (identifiers !== null) return JSON.parse(identifiers) as DomainName[]
  if (isFrontLineage({ name })) return [name.slice(FRONT_LINEAGE_PREFIX.length) as DomainName] // we have named it so
  const active = await trx('certificate')
    .where({ lineage_id: lineageId })
    .whereNotNull('activated_at')
    .whereNull('superseded_at')
    .first<{ dns_names: string } | undefined>('dns_names')
  return active ? (JSON.parse(active.dns_names) as DomainName[]) : []
}
