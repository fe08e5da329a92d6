import type { Knex } from 'knex'
import type { AuditDetail, AuditEvent, AuditHead } from '../tenant/audit.ts'
import { chainHash, GENESIS, type StoredEvent } from '../tenant/audit-chain.ts'
import type { Database } from './database.ts'
import { insertMany } from './insert-many.ts'

const ROWS_A_STEP = 500

export interface AuditRow {
  sequence: number
  id: string
  at: number
  tenant_id: string | null
  actor: string
  address: string | null
  action: string
  subject: string
  detail: string
  hash: string
}

/** Where the chain begins since retention has cut it. */
export interface CheckpointRow {
  id: 'first'
  sequence: number
  hash: string
  seal: string
  at: number
}

export type NewEvent = Omit<AuditRow, 'sequence' | 'hash'>

/** Where the chain ends now. */
export async function chainHead(knex: Knex | Knex.Transaction): Promise<AuditHead> {
  const last = await knex<AuditRow>('audit_event').orderBy('sequence', 'desc').first('sequence', 'hash')
  return last ?? (await knex<CheckpointRow>('audit_checkpoint').first('sequence', 'hash')) ?? GENESIS
}

/** Writes events at the end of the chain; the lock of the change feed has to be held, so that there is one end. */
export async function appendEvents(
  trx: Knex.Transaction,
  { auditKey }: Pick<Database, 'auditKey'>,
  events: readonly NewEvent[],
): Promise<void> {
  if (events.length === 0) return
  if (auditKey === null) throw new Error('a database handle without the key of the audit trail cannot write to it')
  let head = await chainHead(trx)
  const rows = events.map((event) => {
    const row = { ...event, sequence: head.sequence + 1, hash: '' }
    row.actor = wellFormed(event.actor)
    row.subject = wellFormed(event.subject)
    row.hash = chainHash(auditKey, head.hash, storedEvent(row))
    head = row
    return row
  })
  await insertMany(trx, 'audit_event', rows)
}

/** Chains what was written before there was a chain, in the order of its ids, and drops the table that held it. */
export async function chainFormerEvents(trx: Knex.Transaction, db: Pick<Database, 'auditKey'>): Promise<void> {
  for (let after = ''; ;) {
    const events = await trx<NewEvent>('audit_event_before').where('id', '>', after).orderBy('id').limit(ROWS_A_STEP)
    await appendEvents(trx, db, events)
    const last = events.at(-1)
    if (last === undefined || events.length < ROWS_A_STEP) break
    after = last.id
  }
  await trx.schema.dropTable('audit_event_before')
}

export function storedEvent(row: Omit<AuditRow, 'hash'>): StoredEvent {
  return {
    sequence: row.sequence,
    id: row.id,
    at: new Date(row.at),
    tenantId: row.tenant_id,
    actor: row.actor,
    address: row.address,
    action: row.action,
    subject: row.subject,
    detail: row.detail,
  }
}

export function auditEvent(row: AuditRow): AuditEvent {
  return { ...storedEvent(row), detail: readDetail(row.detail), hash: row.hash }
}

/** Of a trail that was tampered with the rest is shown all the same. */
function readDetail(json: string): AuditDetail {
  try {
    const detail: unknown = JSON.parse(json)
    if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return detail as AuditDetail
  } catch {
    // told below
  }
  return { unreadable: true }
}

/** Half a surrogate pair, which a name that somebody typed may hold, is read back as another character than was written. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? Buffer.from(text).toString() : text
}
