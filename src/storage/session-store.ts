import type { SessionStore } from '../tenant/session.ts'
import type { Database } from './database.ts'

const IDLE_MS = 12 * 3_600_000
const NOTE_EVERY_MS = 5 * 60_000 // a click is not a write

interface LinkRow {
  token_sha256: string
  created_at: number
  expires_at: number
  used_at: number | null
}

interface SessionRow {
  token_sha256: string
  created_at: number
  seen_at: number
  expires_at: number
}

export function sessionStore({ db }: { db: Database }): SessionStore {
  const links = () => db.knex<LinkRow>('sign_in_link')
  const sessions = () => db.knex<SessionRow>('session')

  return {
    async addSignInLink(tokenHash, { createdAt, expiresAt }) {
      await links().insert({
        token_sha256: tokenHash,
        created_at: createdAt.getTime(),
        expires_at: expiresAt.getTime(),
        used_at: null,
      })
    },

    async useSignInLink(tokenHash, now) {
      const used = await links()
        .where({ token_sha256: tokenHash })
        .whereNull('used_at')
        .where('expires_at', '>', now.getTime())
        .update({ used_at: now.getTime() })
      return used === 1
    },

    async open(tokenHash, { createdAt, expiresAt }) {
      await sessions().insert({
        token_sha256: tokenHash,
        created_at: createdAt.getTime(),
        seen_at: createdAt.getTime(),
        expires_at: expiresAt.getTime(),
      })
    },

    async find(tokenHash, now) {
      const ms = now.getTime()
      const row = await sessions()
        .where({ token_sha256: tokenHash })
        .where('expires_at', '>', ms)
        .where('seen_at', '>', ms - IDLE_MS)
        .first()
      if (!row) return undefined
      if (ms - row.seen_at >= NOTE_EVERY_MS) await sessions().where({ token_sha256: tokenHash }).update({ seen_at: ms })
      return { createdAt: new Date(row.created_at) }
    },

    async close(tokenHash) {
      await sessions().where({ token_sha256: tokenHash }).del()
    },
  }
}
