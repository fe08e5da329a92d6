import type { Knex } from 'knex'
import { ProblemError } from '../problem.ts'

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
