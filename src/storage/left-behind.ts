import type { Knex } from 'knex'
import type { Traces } from './perform.ts'

// Whoever is removed, or may less than before, would come back through what they have made while they might: an
// invitation to another address of theirs, a token whose secret they have kept. What their tokens have made is theirs.

/** A token or an open invitation that is no longer there. */
export interface Revoked {
  kind: 'token' | 'invitation'
  tenantId: string | null
  name: string // or the address that was invited
}

/** @param tenantId null: those of the operator; left out: all. In the transaction that takes the rights away. */
export async function revokeTokens(
  trx: Knex.Transaction,
  createdById: string,
  tenantId?: string | null,
): Promise<Revoked[]> {
  const theirs = () => trx('api_token').where(whose(createdById, tenantId))
  const rows = await theirs().forUpdate().select<{ tenant_id: string | null; name: string }[]>('tenant_id', 'name')
  await theirs().del()
  return rows.map(({ tenant_id, name }) => ({ kind: 'token', tenantId: tenant_id, name }))
}

/** Also links for passwords, which the trail does not tell of. @param tenantId as above */
export async function revokeLinks(
  trx: Knex.Transaction,
  createdById: string,
  tenantId?: string | null,
): Promise<Revoked[]> {
  const theirs = () => trx('link').where(whose(createdById, tenantId)).whereNull('used_at')
  const rows = await theirs()
    .forUpdate()
    .select<{ tenant_id: string | null; email: string | null }[]>('tenant_id', 'email')
  await theirs().del()
  return rows.flatMap(({ tenant_id, email }) =>
    email === null ? [] : [{ kind: 'invitation' as const, tenantId: tenant_id, name: email }],
  )
}

/** For the detail of the act that took the rights away; of which there was nothing is left out. */
export function revokedOf(revoked: readonly Revoked[], tenantId: string | null) {
  const names = (kind: Revoked['kind']) =>
    revoked.filter((one) => one.kind === kind && one.tenantId === tenantId).map(({ name }) => name)
  const [tokens, invitations] = [names('token').toSorted(), names('invitation').toSorted()]
  return {
    ...(tokens.length > 0 && { revokedTokens: tokens }),
    ...(invitations.length > 0 && { withdrawnInvitations: invitations }),
  }
}

/** Tells tenants in whose trail the act itself does not stand. */
export function auditElsewhere(traces: Traces, revoked: readonly Revoked[], told: readonly (string | null)[]): void {
  for (const { kind, tenantId, name } of revoked)
    if (!told.includes(tenantId))
      traces.audit({ tenantId, action: kind === 'token' ? 'token.remove' : 'invitation.withdraw', subject: name })
}

function whose(createdById: string, tenantId: string | null | undefined) {
  return { created_by_id: createdById, ...(tenantId !== undefined && { tenant_id: tenantId }) }
}
