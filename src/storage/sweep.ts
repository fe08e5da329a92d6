import type { Database } from './database.ts'

const ROWS_A_STEP = 1000
const DAY_MS = 86_400_000
const KEEP_FINISHED_JOBS_MS = 7 * DAY_MS

/**
 * Deletes what nobody will ask for again: sessions, links, challenges and former secrets of tokens past their end, what
 * is kept for a day (failed attempts to sign in, answers by Idempotency-Key), and jobs finished a week ago.
 * At most a thousand rows of each kind, so that it never holds a writer up; what is left is for the next time.
 */
export async function sweep(db: Database, now: Date): Promise<number> {
  const ms = now.getTime()
  const kinds: [table: string, key: string[], ended: string, at: number][] = [
    ['session', ['id'], 'expires_at', ms],
    ['link', ['id'], 'expires_at', ms],
    ['passkey_challenge', ['challenge_sha256'], 'expires_at', ms],
    ['acme_challenge', ['host', 'token'], 'expires_at', ms],
    ['api_token_secret', ['token_sha256'], 'expires_at', ms],
    ['sign_in_attempt', ['key_sha256'], 'last_at', ms - DAY_MS],
    ['idempotency', ['caller', 'idempotency_key'], 'created_at', ms - DAY_MS],
    ['job', ['id'], 'finished_at', ms - KEEP_FINISHED_JOBS_MS],
  ]
  let swept = 0
  for (const [table, key, ended, at] of kinds) {
    const over = db.knex(table).select(key).where(ended, '<=', at).limit(ROWS_A_STEP)
    swept += await db.knex(table).whereIn(key, over).where(ended, '<=', at).del()
  }
  return swept
}
