/** One thing that somebody did. Stores write it in the transaction of the act itself. */
export interface AuditEvent {
  id: string
  at: Date
  tenantId: string | null // null: an act on something of the operator's
  actor: string
  address: string | null
  action: string // "delegation.register", "certificate.activate"
  subject: string // the name of what was acted on
  detail: Record<string, unknown> // what changed; never a key, a token or a PEM
}

export interface AuditStore {
  /** Newest first. */
  list(tenantId: string | 'all', page: { after?: string; limit: number }): Promise<AuditEvent[]>
}
