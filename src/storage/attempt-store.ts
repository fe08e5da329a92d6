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

    async count(key, at, wait) {
      const ms = at.getTime()
      const hash = hashOf(key)
      return db.knex.transaction(async (trx) => {
        // Counted by the statement itself, which holds the row until the end of the transaction: none goes uncounted
        const [row] = await trx<AttemptRow>('sign_in_attempt')
          .insert({ key_sha256: hash, failures: 1, last_at: ms, open_at: 0 })
          .onConflict('key_sha256')
          .merge({ failures: trx.raw('sign_in_attempt.failures + 1') })
          .returning(['failures', 'open_at'])
        const { failures, open_at } = row!
        const formerlyOpenAt = new Date(open_at)
        const own = trx<AttemptRow>('sign_in_attempt').where({ key_sha256: hash })
        if (open_at > ms) {
          await own.update({ failures: failures - 1 })
          return { isTaken: false, failures: failures - 1, openAt: formerlyOpenAt, formerlyOpenAt }
        }
        const waitMs = wait(failures)
        const openAtMs = waitMs > 0 ? ms + waitMs : open_at
        await own.update({ last_at: ms, open_at: openAtMs })
        return { isTaken: true, failures, openAt: new Date(openAtMs), formerlyOpenAt }
      })
    },

    async takeBack(key, { openAt, formerlyOpenAt }, wait) {
      const hash = hashOf(key)
      await db.knex.transaction(async (trx) => {
        const own = () => trx<AttemptRow>('sign_in_attempt').where({ key_sha256: hash })
        const [row] = await own()
          .where('failures', '>', 0)
          .update({ failures: trx.raw('failures - 1') })
          .returning(['failures', 'open_at'])
        if (!row) return
        // Whoever has failed in between made their own wait, which stays while there is any
        const isOwnWait = row.open_at === openAt.getTime() || wait(row.failures) === 0
        if (isOwnWait) await own().update({ open_at: formerlyOpenAt.getTime() })
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
