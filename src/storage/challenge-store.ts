import type { Knex } from 'knex'
import type { ChallengeType } from '../acme/session.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import type { OrderRow } from './order-end.ts'

const LIVE_AT_ONCE = 4 // of a host there is one, or two while two lineages that name it are renewed

/** What a CA will ask a host for, by HTTP (RFC 8555 §8.3) or in a TLS handshake (RFC 8737); any node can answer. */
export interface ChallengeStore {
  /**
   * A second time, for the same host, token and type, it takes the place of the first.
   * @throws ProblemError not-found: the order is over, or gone
   */
  put(challenge: {
    host: DomainName
    token: string
    type?: Exclude<ChallengeType, 'dns-01'> // http-01 where it is left out
    keyAuthorization: string
    orderId?: string | null // which it goes with when that is over
    expiresAt: Date
  }): Promise<void>
  /** Of whatever type. */
  remove(host: DomainName, token: string): Promise<void>
  /** The key authorization for http-01; undefined where it is unknown or has expired. */
  find(host: DomainName, token: string, now: Date): Promise<string | undefined>
  /** The key authorizations for tls-alpn-01 of a host, at most 4, those that last longest; none: no handshake is for an authority. */
  findForTls(host: DomainName, now: Date): Promise<string[]>
}

export function challengeStore({ db }: { db: Database }): ChallengeStore {
  return {
    async put({ host, token, type = 'http-01', keyAuthorization, orderId = null, expiresAt }) {
      await db.knex.transaction(async (trx) => {
        if (orderId !== null) await requireUnderWay(trx, orderId)
        await trx('acme_challenge')
          .insert({
            ...{ host, token, type, key_authorization: keyAuthorization },
            ...{ order_id: orderId, expires_at: expiresAt.getTime() },
          })
          .onConflict(['host', 'token', 'type'])
          .merge(['key_authorization', 'order_id', 'expires_at'])
      })
    },

    async remove(host, token) {
      await db.knex('acme_challenge').where({ host, token }).del()
    },

    async find(host, token, now) {
      const [row] = await db.read<{ key_authorization: string }>(
        `select key_authorization from acme_challenge where host = ? and token = ? and type = 'http-01' and expires_at > ?`,
        [host, token, now.getTime()],
      )
      return row?.key_authorization
    },

    async findForTls(host, now) {
      const rows = await db.read<{ key_authorization: string }>(
        `select key_authorization from acme_challenge where host = ? and type = 'tls-alpn-01' and expires_at > ?
         order by expires_at desc limit ${LIVE_AT_ONCE}`,
        [host, now.getTime()],
      )
      return rows.map((row) => row.key_authorization)
    },
  }
}

/** What is put there after the order is over, as when its name was lost meanwhile, would be answered to its end. */
async function requireUnderWay(trx: Knex.Transaction, orderId: string): Promise<void> {
  const order = await trx<OrderRow>('acme_order').where({ id: orderId }).whereNull('finished_at').forShare().first('id')
  if (!order) throw new ProblemError('not-found', `order ${orderId} is not under way`)
}
