import type { Sealer } from '../certificate/sealing.ts'
import type { IdempotencyStore } from '../tenant/idempotency.ts'
import type { Database } from './database.ts'

interface IdempotencyRow {
  caller: string
  idempotency_key: string
  request_sha256: string
  answer_sealed: Uint8Array | null
  created_at: number
}

export function idempotencyStore({ db, sealer }: { db: Database; sealer: Sealer }): IdempotencyStore {
  const table = () => db.knex<IdempotencyRow>('idempotency')

  return {
    async begin(caller, key, requestHash, at) {
      for (;;) {
        const [begun] = await table()
          .insert({ caller, idempotency_key: key, request_sha256: requestHash, created_at: at.getTime() })
          .onConflict(['caller', 'idempotency_key'])
          .ignore()
          .returning('caller')
        if (begun) return 'begun'
        const row = await table().where({ caller, idempotency_key: key }).first()
        if (!row) continue // the first was abandoned meanwhile
        return {
          requestHash: row.request_sha256,
          beganAt: new Date(row.created_at),
          answer: row.answer_sealed && sealer.open(row.answer_sealed, placeOfAnswer(caller, key)),
        }
      }
    },

    async answer(caller, key, answer) {
      await table()
        .where({ caller, idempotency_key: key })
        .update({ answer_sealed: Buffer.from(sealer.seal(answer, placeOfAnswer(caller, key))) })
    },

    async abandon(caller, key) {
      await table().where({ caller, idempotency_key: key }).whereNull('answer_sealed').del()
    },
  }
}

/** What the seal of an answer is bound to. JSON says where each of the two ends, whatever characters they hold. */
function placeOfAnswer(caller: string, key: string) {
  return { table: 'idempotency', row: JSON.stringify([caller, key]), domain: 'answer' }
}
