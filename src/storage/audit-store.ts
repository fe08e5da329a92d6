import type { AuditEvent, AuditStore } from '../tenant/audit.ts'
import type { Database } from './database.ts'

interface AuditRow {
  id: string
  at: number
  tenant_id: string | null
  actor: string
  address: string | null
  action: string
  subject: string
  detail: string
}

/** Reads the trail; `perform.ts` writes it. */
export function auditStore({ db }: { db: Database }): AuditStore {
  return {
    async list(tenantId, { after, limit }) {
      const query = db.knex<AuditRow>('audit_event').orderBy('id', 'desc').limit(limit)
      if (tenantId !== 'all') query.where({ tenant_id: tenantId })
      if (after !== undefined) query.where('id', '<', after)
      return (await query).map(fromRow)
    },
  }
}

function fromRow(row: AuditRow): AuditEvent {
  return {
    id: row.id,
    at: new Date(row.at),
    tenantId: row.tenant_id,
    actor: row.actor,
    address: row.address,
    action: row.action,
    subject: row.subject,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  }
}
