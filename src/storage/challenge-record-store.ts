import type { ChallengeRecord, ChallengeRecordStore } from '../acme/dns-challenges.ts'
import type { Database } from './database.ts'

/** An order under way comes to its end within a day, or nobody works on it any more. */
const LONGEST_ORDER_MS = 25 * 3_600_000
const CLOCKS_DIFFER_MS = 3_600_000

interface RecordRow {
  name: string
  value: string
  order_id: string
  written_at: number
  next_at: number
}

export function challengeRecordStore({ db }: { db: Database }): ChallengeRecordStore {
  return {
    async keep({ name, value, orderId }, now) {
      const at = now.getTime()
      const [row] = await db
        .knex<RecordRow>('acme_txt_record')
        .insert({ name, value, order_id: orderId, written_at: at, next_at: at })
        .onConflict(['name', 'value'])
        .merge({
          order_id: db.knex.raw('excluded.order_id'),
          written_at: db.knex.raw(
            'case when acme_txt_record.order_id = excluded.order_id then acme_txt_record.written_at else excluded.written_at end',
          ),
          next_at: db.knex.raw('excluded.next_at'),
        } as never)
        .returning<RecordRow[]>('*')
      return fromRow(row!)
    },

    async ofOrder(orderId, name) {
      return (await db.knex<RecordRow>('acme_txt_record').where({ order_id: orderId, name })).map(fromRow)
    },

    async forget({ name, value, orderId }) {
      await db.knex<RecordRow>('acme_txt_record').where({ name, value, order_id: orderId }).del()
    },

    async takeLeftOver(now, { againAt, limit }) {
      const ms = now.getTime()
      const rows = await db
        .knex<RecordRow>('acme_txt_record')
        // What is to be tried far later than anybody waits was written while the clock was far ahead
        .whereRaw('(next_at <= ? or next_at > ?)', [ms, againAt.getTime() + CLOCKS_DIFFER_MS])
        .whereRaw(
          `(written_at <= ? or not exists (
             select 1 from acme_order where acme_order.id = acme_txt_record.order_id and acme_order.finished_at is null))`,
          [ms - LONGEST_ORDER_MS],
        )
        .orderBy('next_at')
        .limit(limit)
      const taken: RecordRow[] = []
      for (const row of rows) {
        const { name, value, order_id, next_at } = row
        const changed = await db
          .knex<RecordRow>('acme_txt_record')
          .where({ name, value, order_id, next_at }) // another node may have been faster
          .update({ next_at: againAt.getTime() })
        if (changed > 0) taken.push(row)
      }
      return taken.map(fromRow)
    },
  }
}

function fromRow({ name, value, order_id, written_at }: RecordRow): ChallengeRecord {
  return { name, value, orderId: order_id, writtenAt: new Date(written_at) }
}
