import type { Knex } from 'knex'
import { ProblemError } from '../problem.ts'

// On PostgreSQL the locks are held until the transaction ends, so that of two owners, or two operators, who go at the
// same moment one stays; SQLite has one writer anyway. Always operators first, then the user, then tenants by id, so
// that nobody waits in a circle. 'No key update' lets others go on to add rows that refer to the locked one.

/** Nobody else changes the members of these tenants meanwhile. */
export async function lockTenants(trx: Knex.Transaction, ids: readonly string[]): Promise<void> {
  await trx('tenant').whereIn('id', ids).orderBy('id').forNoKeyUpdate().select('id')
}

/** @throws ProblemError last-owner */
export async function requireAnotherOwner(trx: Knex.Transaction, tenantId: string, userId: string): Promise<void> {
  const other = await trx('member')
    .where({ tenant_id: tenantId, role: 'owner' })
    .whereNot({ user_id: userId })
    .first<{ user_id: string } | undefined>('user_id')
  if (!other)
    throw new ProblemError('last-owner', 'nobody else is an owner of the tenant; make somebody else an owner first')
}

/** Nobody else stops being an operator meanwhile. @returns the ids of all operators */
export async function lockOperators(trx: Knex.Transaction): Promise<string[]> {
  const rows = await trx('user_account')
    .whereNotNull('operator_since')
    .orderBy('email')
    .forNoKeyUpdate()
    .select<{ id: string }[]>('id')
  return rows.map(({ id }) => id)
}

/** @throws ProblemError last-owner */
export function requireAnotherOperator(operators: readonly string[], userId: string): void {
  if (!operators.some((id) => id !== userId))
    throw new ProblemError('last-owner', 'nobody else is an operator; make somebody else an operator first')
}
