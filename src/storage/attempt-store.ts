import { createHash } from 'node:crypto'
import type { AttemptStore } from '../tenant/attempts.ts'
import type { Database } from './database.ts'

interface AttemptRow {
  key_sha256: string
  failures: number
  last_at: number
  open_at: number
}

export function attemptStore({ db }: { db: Database }): AttemptStore {
  const table = () => db.knex<AttemptRow>('sign_in_attempt')

  return {
    async find(keys) {
      const rows = await table().whereIn('key_sha256', keys.map(hashOf))
      const found = new Map(rows.map((row) => [row.key_sha256, row]))
      return new Map(
        keys.flatMap((key) => {
          const row = found.get(hashOf(key))
          return row ? [[key, { failures: row.failures, openAt: new Date(row.open_at) }]] : []
        }),
      )
    },

    async noteFailure(key, at, openAt) {
      const ms = at.getTime()
      const hash = hashOf(key)
      return db.knex.transaction(async (trx) => {
        // Counted by the statement itself, which holds the row until the end of the transaction: none goes uncounted
        const [row] = await trx<AttemptRow>('sign_in_attempt')
          .insert({ key_sha256: hash, failures: 1, last_at: ms, open_at: ms })
          .onConflict('key_sha256')
          .merge({ failures: trx.raw('sign_in_attempt.failures + 1'), last_at: ms })
          .returning('failures')
        const attempts = { failures: row!.failures, openAt: openAt(row!.failures) }
        await trx<AttemptRow>('sign_in_attempt')
          .where({ key_sha256: hash })
          .update({ open_at: attempts.openAt.getTime() })
        return attempts
      })
    },

    async forget(keys) {
      await table().whereIn('key_sha256', keys.map(hashOf)).del()
    },
  }
}

/** What strangers typed, of any length and perhaps a password in the wrong field, is not kept. */
function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
