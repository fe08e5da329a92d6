import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import type { AuditDetail } from '../tenant/audit.ts'
import type { NewJob } from '../work/job.ts'
import { appendEvents, type NewEvent } from './audit-chain.ts'
import type { Database } from './database.ts'
import { enqueueJobs } from './enqueue.ts'
import { chunks, insertMany } from './insert-many.ts'

/** What an act leaves behind beside its own rows. */
export interface Traces {
  /** Every process drops what it knows of the host. */
  changedHost(name: string): void
  /** Every process drops what it knows of all hosts. */
  changedEveryHost(): void
  /** Every process drops what it knows of the lineage, and so of all that is published from it. */
  changedLineage(id: string): void
  enqueue(job: NewJob): void
  audit(event: { tenantId: string | null; action: string; subject: string; detail?: AuditDetail }): void
}

/** In the change feed, where a host would be named. No DNS name: those have no asterisk here. */
export const EVERY_HOST = '*'

export type NewId = (at: Date) => string

/** One act in one transaction: its rows, its jobs, the change feed and the audit trail are written together or not at all. */
export async function perform<T>(
  { db, newId }: { db: Database; newId: NewId },
  act: Act,
  body: (trx: Knex.Transaction, traces: Traces) => Promise<T>,
): Promise<T> {
  return db.knex.transaction(async (trx) => {
    const at = act.at.getTime()
    const changes = new Map<string, { kind: 'host' | 'lineage'; key: string; at: number }>()
    const jobs = new Map<string, NewJob>()
    const events: NewEvent[] = []
    const result = await body(trx, {
      changedHost: (key) => changes.set(`host ${key}`, { kind: 'host', key, at }),
      changedEveryHost: () => changes.set('every host', { kind: 'host', key: EVERY_HOST, at }),
      changedLineage: (key) => changes.set(`lineage ${key}`, { kind: 'lineage', key, at }),
      enqueue: (job) => jobs.set(`${job.kind} ${job.key}`, job),
      audit: ({ tenantId, action, subject, detail = {} }) =>
        events.push({
          id: newId(act.at),
          at,
          tenant_id: tenantId,
          actor: act.actor,
          address: act.address,
          action,
          subject,
          detail: JSON.stringify(act.actingAs === undefined ? detail : { ...detail, actingAs: act.actingAs }),
        }),
    })
    await stamp(trx, [...changes.values()], at)
    await enqueueJobs(trx, newId, [...jobs.values()], act.at)
    // Last, because on PostgreSQL all writers queue here
    if (changes.size > 0 || events.length > 0) await db.lockChanges(trx)
    await appendEvents(trx, db, events)
    await insertMany(trx, 'change', [...changes.values()])
    return result
  })
}

/** Notes on what has changed when it did. Of a name only the claim that is held: the others are not published. */
async function stamp(trx: Knex.Transaction, changes: { kind: 'host' | 'lineage'; key: string }[], at: number) {
  const keysOf = (kind: 'host' | 'lineage') => chunks(changes.filter((one) => one.kind === kind).map(({ key }) => key))
  for (const names of keysOf('host'))
    await trx('source_domain').whereIn('name', names).whereNotNull('proof').update({ changed_at: at })
  for (const ids of keysOf('lineage')) await trx('lineage').whereIn('id', ids).update({ changed_at: at })
}
