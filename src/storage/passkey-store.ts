import type { Knex } from 'knex'
import { ProblemError } from '../problem.ts'
import type { Passkey, PasskeyStore } from '../tenant/user.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { instantOrNull } from './instants.ts'
import { perform, type NewId } from './perform.ts'
import { emailOf } from './user-email.ts'

interface PasskeyRow {
  id: string
  user_id: string
  name: string
  public_key: Uint8Array
  counter: number
  transports: string // JSON
  created_at: number
  last_used_at: number | null
}

interface ChallengeRow {
  challenge_sha256: string
  user_id: string | null
  expires_at: number
}

export function passkeyStore(deps: { db: Database; newId: NewId }): PasskeyStore {
  const { db } = deps
  const table = () => db.knex<PasskeyRow>('passkey')
  const challenges = () => db.knex<ChallengeRow>('passkey_challenge')

  return {
    async add({ id, userId, name, publicKey, counter, transports }, act) {
      const row: PasskeyRow = {
        id,
        user_id: userId,
        name,
        public_key: Buffer.from(publicKey),
        counter,
        transports: JSON.stringify(transports),
        created_at: act.at.getTime(),
        last_used_at: null,
      }
      try {
        await perform(deps, act, async (trx, traces) => {
          await trx<PasskeyRow>('passkey').insert(row)
          const subject = await emailOf(trx, userId)
          traces.audit({ tenantId: null, action: 'passkey.add', subject, detail: { after: { name } } })
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', 'this passkey is registered already', { cause })
      }
      return fromRow(row)
    },

    async find(id) {
      const row = await table().where({ id }).first()
      return row && fromRow(row)
    },

    async list(userId) {
      const rows = await table().where({ user_id: userId }).orderBy(['created_at', 'id'])
      return rows.map(fromRow)
    },

    async rename(userId, id, name, act) {
      await perform(deps, act, async (trx, traces) => {
        const before = await ownPasskey(trx, userId, id)
        await trx<PasskeyRow>('passkey').where({ id }).update({ name })
        const subject = await emailOf(trx, userId)
        const detail = { before: { name: before.name }, after: { name } }
        traces.audit({ tenantId: null, action: 'passkey.rename', subject, detail })
      })
    },

    async noteUse(id, counter, at) {
      await table().where({ id }).update({ counter, last_used_at: at.getTime() })
    },

    async remove(userId, id, act) {
      await perform(deps, act, async (trx, traces) => {
        const { name } = await ownPasskey(trx, userId, id)
        await trx<PasskeyRow>('passkey').where({ id }).del()
        const subject = await emailOf(trx, userId)
        traces.audit({ tenantId: null, action: 'passkey.remove', subject, detail: { before: { name } } })
      })
    },

    async addChallenge(challengeHash, { userId, expiresAt }) {
      await challenges().insert({
        challenge_sha256: challengeHash,
        user_id: userId,
        expires_at: expiresAt.getTime(),
      })
    },

    async useChallenge(challengeHash, userId, now) {
      const used = await challenges()
        .where({ challenge_sha256: challengeHash, user_id: userId })
        .where('expires_at', '>', now.getTime())
        .del()
      return used === 1
    },
  }
}

/** @throws ProblemError not-found */
async function ownPasskey(trx: Knex.Transaction, userId: string, id: string): Promise<PasskeyRow> {
  const row = await trx<PasskeyRow>('passkey').where({ user_id: userId, id }).forUpdate().first()
  if (!row) throw new ProblemError('not-found', 'the account has no such passkey')
  return row
}

function fromRow(row: PasskeyRow): Passkey {
  return {
    id: row.id,
    userId: row.user_id,
    name: row.name,
    publicKey: new Uint8Array(row.public_key),
    counter: row.counter,
    transports: JSON.parse(row.transports) as string[],
    createdAt: new Date(row.created_at),
    lastUsedAt: instantOrNull(row.last_used_at),
  }
}
