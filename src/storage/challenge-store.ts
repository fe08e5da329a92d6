import type { DomainName } from '../name.ts'
import type { Database } from './database.ts'

/** What a CA will ask for at `/.well-known/acme-challenge/<token>` of a host (RFC 8555 §8.3); any node can answer. */
export interface ChallengeStore {
  /** A second time, for the same host and token, it takes the place of the first. */
  put(challenge: { host: DomainName; token: string; keyAuthorization: string; expiresAt: Date }): Promise<void>
  remove(host: DomainName, token: string): Promise<void>
  /** The key authorization; undefined where it is unknown or has expired. */
  find(host: DomainName, token: string, now: Date): Promise<string | undefined>
}

export function challengeStore({ db }: { db: Database }): ChallengeStore {
  return {
    async put({ host, token, keyAuthorization, expiresAt }) {
      await db
        .knex('acme_challenge')
        .insert({ host, token, key_authorization: keyAuthorization, expires_at: expiresAt.getTime() })
        .onConflict(['host', 'token'])
        .merge(['key_authorization', 'expires_at'])
    },

    async remove(host, token) {
      await db.knex('acme_challenge').where({ host, token }).del()
    },

    async find(host, token, now) {
      const [row] = await db.read<{ key_authorization: string }>(
        'select key_authorization from acme_challenge where host = ? and token = ? and expires_at > ?',
        [host, token, now.getTime()],
      )
      return row?.key_authorization
    },
  }
}
