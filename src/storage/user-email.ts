import type { Knex } from 'knex'
import { ProblemError } from '../problem.ts'

export const NO_ACCOUNT = 'there is no such account'

/** How the audit trail names a user. @throws ProblemError not-found */
export async function emailOf(trx: Knex | Knex.Transaction, userId: string): Promise<string> {
  const row = await trx('user_account').where({ id: userId }).first<{ email: string } | undefined>('email')
  if (!row) throw new ProblemError('not-found', NO_ACCOUNT)
  return row.email
}
