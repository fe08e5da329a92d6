import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import type { Sealer } from '../certificate/sealing.ts'
import { ProblemError } from '../problem.ts'
import type { User, UserStore } from '../tenant/user.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { insertMany } from './insert-many.ts'
import { instantOrNull } from './instants.ts'
import { lockOperators, lockTenants, requireAnotherOperator, requireAnotherOwner } from './last-owner.ts'
import { auditElsewhere, revokedOf, revokeLinks, revokeTokens } from './left-behind.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { contains } from './search.ts'
import { closeSessions } from './session-store.ts'
import { emailOf, NO_ACCOUNT } from './user-email.ts'

interface UserRow {
  id: string
  email: string
  operator_since: number | null
  password_hash: string | null
  totp_sealed: Buffer | null
  totp_confirmed_at: number | null
  totp_step: number | null
  last_sign_in_at: number | null
  created_at: number
  revision: number
}

interface RecoveryCodeRow {
  user_id: string
  code_sha256: string
  used_at: number | null
}

const NO_TOTP = 'the account has no authenticator app'
const NO_TOTP_COLUMNS = { totp_sealed: null, totp_confirmed_at: null, totp_step: null }

export function userStore(deps: { db: Database; newId: NewId; sealer: Sealer }): UserStore {
  const { db, newId, sealer } = deps
  const table = () => db.knex<UserRow>('user_account')

  /** An act that changes the user's own row. @throws ProblemError not-found: none fits */
  async function change(
    id: string,
    act: Act,
    { action, columns, where = () => {}, missing = NO_ACCOUNT }: Change,
    also: (trx: Knex.Transaction, traces: Traces) => Promise<unknown> = async () => {},
  ): Promise<void> {
    await perform(deps, act, async (trx, traces) => {
      const rows = await trx<UserRow>('user_account')
        .where({ id })
        .where(where)
        .update({ ...columns, revision: trx.raw('revision + 1') })
        .returning('email')
      const [row] = rows
      if (!row) throw new ProblemError('not-found', missing)
      await also(trx, traces)
      traces.audit({ tenantId: null, action, subject: row.email })
    })
  }

  return {
    async add({ email, isOperator, passwordHash }, act) {
      const id = newId(act.at)
      const at = act.at.getTime()
      try {
        return await perform(deps, act, async (trx, traces) => {
          await trx<UserRow>('user_account').insert({
            id,
            email,
            operator_since: isOperator ? at : null,
            password_hash: passwordHash,
            created_at: at,
          })
          traces.audit({ tenantId: null, action: 'user.add', subject: email, detail: { after: { isOperator } } })
          return fromRow(await present(trx, id))
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `${email} has an account already`, { cause })
      }
    },

    async find(id) {
      const row = await select(db.knex).where('u.id', id).first()
      return row && fromRow(row)
    },

    async findByEmail(email) {
      const row = await select(db.knex).where('u.email', email).first()
      return row && fromRow(row)
    },

    async list({ after = '', limit, search, isOperator }) {
      const query = contains(select(db.knex), 'u.email', search)
        .where('u.email', '>', after)
        .orderBy('u.email')
        .limit(limit)
      if (isOperator === true) query.whereNotNull('u.operator_since')
      if (isOperator === false) query.whereNull('u.operator_since')
      return (await query).map(fromRow)
    },

    async countOperators() {
      const row = await table().whereNotNull('operator_since').count<{ count: number }>('* as count').first()
      return row?.count ?? 0
    },

    async credentials(id) {
      const row = await select(db.knex).where('u.id', id).first()
      if (!row) return undefined
      const secret = row.totp_sealed && sealer.open(row.totp_sealed, placeOfTotp(id))
      return {
        user: fromRow(row),
        passwordHash: row.password_hash,
        totp: secret && { secret, confirmedAt: instantOrNull(row.totp_confirmed_at) },
      }
    },

    async setPassword(id, passwordHash, act, except) {
      const columns = { password_hash: passwordHash }
      await change(id, act, { action: 'user.set-password', columns }, async (trx, traces) => {
        await trx('link').where({ user_id: id, purpose: 'password' }).whereNull('used_at').del()
        await closeSessions(trx, traces, id, act, except)
      })
    },

    async rehashPassword(id, passwordHash, former) {
      return (await table().where({ id, password_hash: former }).update({ password_hash: passwordHash })) === 1
    },

    async setOperator(id, isOperator, act) {
      return perform(deps, act, async (trx, traces) => {
        const operators = isOperator ? [] : await lockOperators(trx)
        const user = fromRow(await lock(trx, id))
        requireMatch(act, user)
        const wasOperator = user.operatorSince !== null
        if (wasOperator === isOperator) return user
        if (!isOperator) requireAnotherOperator(operators, id)
        await trx<UserRow>('user_account')
          .where({ id })
          .update({ operator_since: isOperator ? act.at.getTime() : null, revision: trx.raw('revision + 1') })
        const revoked = isOperator ? [] : [...(await revokeTokens(trx, id, null)), ...(await revokeLinks(trx, id))]
        auditElsewhere(traces, revoked, [null])
        traces.audit({
          tenantId: null,
          action: 'user.set-operator',
          subject: user.email,
          detail: { before: { isOperator: wasOperator }, after: { isOperator }, ...revokedOf(revoked, null) },
        })
        return fromRow(await present(trx, id))
      })
    },

    async setEmail(id, email, act, except) {
      try {
        return await perform(deps, act, async (trx, traces) => {
          const user = fromRow(await lock(trx, id))
          requireMatch(act, user)
          if (user.email === email) return user
          await trx<UserRow>('user_account')
            .where({ id })
            .update({ email, revision: trx.raw('revision + 1') })
          await closeSessions(trx, traces, id, act, except)
          const detail = { before: { email: user.email }, after: { email } }
          traces.audit({ tenantId: null, action: 'user.set-email', subject: user.email, detail })
          return fromRow(await present(trx, id))
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `${email} has an account already`, { cause })
      }
    },

    async noteSignIn(id, at) {
      await table().where({ id }).update({ last_sign_in_at: at.getTime() })
    },

    async remove(id, act) {
      await perform(deps, act, async (trx, traces) => {
        const operators = await lockOperators(trx)
        const user = fromRow(await lock(trx, id, 'update')) // nobody makes it a member any more
        requireMatch(act, user)
        const isOperator = user.operatorSince !== null
        if (isOperator) requireAnotherOperator(operators, id)
        const memberships = await lockMemberships(trx, id)
        const revoked = [...(await revokeTokens(trx, id)), ...(await revokeLinks(trx, id))]
        for (const { tenant_id: tenantId, role } of memberships) {
          if (role === 'owner') await requireAnotherOwner(trx, tenantId, id)
          const detail = { before: { role }, ...revokedOf(revoked, tenantId) }
          traces.audit({ tenantId, action: 'member.remove', subject: user.email, detail })
        }
        auditElsewhere(traces, revoked, [null, ...memberships.map(({ tenant_id }) => tenant_id)])
        await trx<UserRow>('user_account').where({ id }).del()
        traces.audit({
          tenantId: null,
          action: 'user.remove',
          subject: user.email,
          detail: { before: { isOperator }, ...revokedOf(revoked, null) },
        })
      })
    },

    async removeFactors(id, act) {
      await perform(deps, act, async (trx, traces) => {
        const { email, hasTotp } = fromRow(await lock(trx, id))
        await trx<UserRow>('user_account')
          .where({ id })
          .update({ ...NO_TOTP_COLUMNS, revision: trx.raw('revision + 1') })
        await replaceRecoveryCodes(trx, id, [])
        const passkeys = await trx('passkey').where({ user_id: id }).forUpdate().select<{ name: string }[]>('name')
        await trx('passkey').where({ user_id: id }).del()
        await closeSessions(trx, traces, id, act)
        traces.audit({
          tenantId: null,
          action: 'user.remove-factors',
          subject: email,
          detail: { before: { hasTotp, passkeys: passkeys.map(({ name }) => name) } },
        })
      })
    },

    async setTotp(id, secret) {
      const set = await table()
        .where({ id })
        .whereNull('totp_confirmed_at')
        .update({ totp_sealed: Buffer.from(sealer.seal(secret, placeOfTotp(id))), totp_step: null })
      if (set === 1) return
      if (!(await table().where({ id }).first('id'))) throw new ProblemError('not-found', NO_ACCOUNT)
      throw new ProblemError('already-exists', 'the account has an authenticator app already; remove that one first')
    },

    async confirmTotp(id, step, recoveryCodeHashes, act, except) {
      await change(
        id,
        act,
        {
          action: 'user.confirm-totp',
          columns: { totp_confirmed_at: act.at.getTime(), totp_step: step },
          where: (row) => void row.whereNotNull('totp_sealed').whereNull('totp_confirmed_at'),
          missing: 'no authenticator app waits for its first code',
        },
        async (trx, traces) => {
          await replaceRecoveryCodes(trx, id, recoveryCodeHashes)
          await closeSessions(trx, traces, id, act, except)
        },
      )
    },

    async useTotpStep(id, step) {
      const used = await table()
        .where({ id })
        .where((row) => void row.whereNull('totp_step').orWhere('totp_step', '<', step))
        .update({ totp_step: step })
      return used === 1
    },

    async removeTotp(id, act, except) {
      await change(
        id,
        act,
        {
          action: 'user.remove-totp',
          columns: NO_TOTP_COLUMNS,
          where: (row) => void row.whereNotNull('totp_sealed'),
          missing: NO_TOTP,
        },
        async (trx, traces) => {
          await replaceRecoveryCodes(trx, id, [])
          await closeSessions(trx, traces, id, act, except)
        },
      )
    },

    async setRecoveryCodes(id, codeHashes, act) {
      await change(
        id,
        act,
        {
          action: 'user.renew-recovery-codes',
          where: (row) => void row.whereNotNull('totp_confirmed_at'),
          missing: NO_TOTP,
        },
        (trx) => replaceRecoveryCodes(trx, id, codeHashes),
      )
    },

    countRecoveryCodes: (id) => countUnused(db.knex, id),

    async useRecoveryCode(id, codeHash, act) {
      return perform(deps, act, async (trx, traces) => {
        const used = await trx<RecoveryCodeRow>('recovery_code')
          .where({ user_id: id, code_sha256: codeHash })
          .whereNull('used_at')
          .update({ used_at: act.at.getTime() })
        if (used === 0) return false
        traces.audit({
          tenantId: null,
          action: 'user.use-recovery-code',
          subject: await emailOf(trx, id),
          detail: { left: await countUnused(trx, id) },
        })
        return true
      })
    },
  }
}

interface Change {
  action: string
  columns?: Partial<UserRow>
  where?: (row: Knex.QueryBuilder) => void
  missing?: string
}

/** Where a shared secret stands: what its seal is bound to. */
function placeOfTotp(userId: string) {
  return { table: 'user_account', row: userId, domain: 'totp' }
}

function select(knex: Knex | Knex.Transaction) {
  return knex<UserRow>('user_account as u').select<(UserRow & { passkeys: number })[]>(
    'u.*',
    knex.raw('(select count(*) from passkey p where p.user_id = u.id) as passkeys'),
  )
}

async function present(trx: Knex.Transaction, id: string): Promise<UserRow & { passkeys: number }> {
  const row = await select(trx).where('u.id', id).first()
  if (!row) throw new ProblemError('not-found', NO_ACCOUNT)
  return row
}

/** Before it is read: on PostgreSQL a statement sees what was there when it began, and so before it waited. */
async function lock(trx: Knex.Transaction, id: string, how: 'update' | 'no key update' = 'no key update') {
  const row = trx<UserRow>('user_account').where({ id }).select('id')
  await (how === 'update' ? row.forUpdate() : row.forNoKeyUpdate())
  return present(trx, id)
}

/** Once more after the lock: meanwhile another may have been made an owner, or this one. */
async function lockMemberships(trx: Knex.Transaction, userId: string) {
  const memberships = () =>
    trx('member').where({ user_id: userId }).select<{ tenant_id: string; role: string }[]>('tenant_id', 'role')
  const tenantIds = (await memberships()).map(({ tenant_id }) => tenant_id)
  await lockTenants(trx, tenantIds)
  return memberships()
}

async function replaceRecoveryCodes(trx: Knex.Transaction, userId: string, hashes: readonly string[]): Promise<void> {
  await trx<RecoveryCodeRow>('recovery_code').where({ user_id: userId }).del()
  await insertMany(
    trx,
    'recovery_code',
    hashes.map((hash) => ({ user_id: userId, code_sha256: hash, used_at: null })),
  )
}

async function countUnused(knex: Knex | Knex.Transaction, userId: string): Promise<number> {
  const row = await knex<RecoveryCodeRow>('recovery_code')
    .where({ user_id: userId })
    .whereNull('used_at')
    .count<{ count: number }>('* as count')
    .first()
  return row?.count ?? 0
}

function fromRow(row: UserRow & { passkeys: number }): User {
  return {
    id: row.id,
    email: row.email,
    operatorSince: instantOrNull(row.operator_since),
    hasPassword: row.password_hash !== null,
    passkeys: row.passkeys,
    hasTotp: row.totp_confirmed_at !== null,
    lastSignInAt: instantOrNull(row.last_sign_in_at),
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
