import type { Database } from './database.ts'
import { sweepDomainImports } from './domain-import-store.ts'

const ROWS_A_STEP = 1000
const DAY_MS = 86_400_000
const KEEP_FINISHED_JOBS_MS = 7 * DAY_MS
const KEEP_FRUITLESS_ORDERS_MS = 30 * DAY_MS

/**
 * Deletes what nobody will ask for again: sessions, links, challenges, authorizations and former secrets of tokens past
 * their end, what is kept for a day (failed attempts to sign in, answers by Idempotency-Key), jobs finished a week ago,
 * orders that were over a month ago without a certificate that is still here, and imports with their lines.
 * At most a thousand rows of each kind, so that it never holds a writer up; what is left is for the next time.
 */
export async function sweep(db: Database, now: Date, { isClockSteady = true } = {}): Promise<number> {
  const ms = now.getTime()
  const kinds: [table: string, key: string[], ended: string, at: number, onlyIf?: string][] = [
    ['session', ['id'], 'expires_at', ms],
    ['link', ['id'], 'expires_at', ms],
    ['passkey_challenge', ['challenge_sha256'], 'expires_at', ms],
    ['acme_challenge', ['host', 'token', 'type'], 'expires_at', ms],
    ['acme_authorization', ['url', 'whose'], 'expires_at', ms],
    ['acme_order', ['id'], 'finished_at', ms - KEEP_FRUITLESS_ORDERS_MS, 'certificate_id is null'],
    ['api_token_secret', ['token_sha256'], 'expires_at', ms],
    ['budget_bucket', ['authority_id', 'key'], 'idle_at', ms],
    ['sign_in_attempt', ['key_sha256'], 'last_at', ms - DAY_MS],
    ['idempotency', ['caller', 'idempotency_key'], 'created_at', ms - DAY_MS],
    ['job', ['id'], 'finished_at', ms - KEEP_FINISHED_JOBS_MS],
  ]
  let swept = 0
  for (const [table, key, ended, at, onlyIf = 'true'] of kinds) {
    // What is in force still by the authority's clock has to be deactivated yet when the name is lost
    if (table === 'acme_authorization' && !isClockSteady) continue
    const over = db.knex(table).select(key).where(ended, '<=', at).whereRaw(onlyIf).limit(ROWS_A_STEP)
    swept += await db.knex(table).whereIn(key, over).where(ended, '<=', at).del()
  }
  return swept + (await sweepDomainImports(db, now, ROWS_A_STEP))
}
