import type { KnownRenewalInfo, RenewalInfoStore } from '../acme/order.ts'
import type { Database } from './database.ts'
import { instantOrNull } from './instants.ts'

interface RenewalInfoRow {
  certificate_id: string
  start_at: number | null
  end_at: number | null
  explanation_url: string | null
  renew_at: number | null
  polled_at: number
  poll_at: number
  fault: string | null
}

export function renewalInfoStore({ db }: { db: Database }): RenewalInfoStore {
  return {
    async find(certificateId) {
      const row = await db.knex<RenewalInfoRow>('renewal_info').where({ certificate_id: certificateId }).first()
      return row && fromRow(row)
    },

    async save(known) {
      await db.knex<RenewalInfoRow>('renewal_info').insert(toRow(known)).onConflict('certificate_id').merge()
    },
  }
}

function toRow(known: KnownRenewalInfo): RenewalInfoRow {
  return {
    certificate_id: known.certificateId,
    start_at: known.start?.getTime() ?? null,
    end_at: known.end?.getTime() ?? null,
    explanation_url: known.explanationUrl,
    renew_at: known.renewAt?.getTime() ?? null,
    polled_at: known.polledAt.getTime(),
    poll_at: known.pollAt.getTime(),
    fault: known.fault,
  }
}

function fromRow(row: RenewalInfoRow): KnownRenewalInfo {
  return {
    certificateId: row.certificate_id,
    start: instantOrNull(row.start_at),
    end: instantOrNull(row.end_at),
    explanationUrl: row.explanation_url,
    renewAt: instantOrNull(row.renew_at),
    polledAt: new Date(row.polled_at),
    pollAt: new Date(row.poll_at),
    fault: row.fault,
  }
}
