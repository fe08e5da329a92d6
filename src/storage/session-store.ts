import type { Knex } from 'knex'
import type { Act } from '../act.ts'
import { ProblemError } from '../problem.ts'
import {
  ACTING_MS,
  IDLE_MS,
  SESSION_LIFE_MS,
  type CheckedPassword,
  type Session,
  type SessionStage,
  type SessionStore,
} from '../tenant/session.ts'
import type { Database } from './database.ts'
import { chunks } from './insert-many.ts'
import { perform, type NewId, type Traces } from './perform.ts'
import { emailOf } from './user-email.ts'

const NOTE_EVERY_MS = 5 * 60_000 // a click is not a write

interface SessionRow {
  id: string
  token_sha256: string
  user_id: string | null
  stage: SessionStage
  name: string
  address: string | null
  created_at: number
  seen_at: number
  authenticated_at: number
  expires_at: number
  acting_tenant_id: string | null
  acting_until: number | null // null with acting_tenant_id
  acting_reason: string | null
}

const NOT_ACTING = { acting_tenant_id: null, acting_until: null, acting_reason: null }

/** The trail tells of sessions that are complete: the others open nothing. */
export function sessionStore(deps: { db: Database; newId: NewId }): SessionStore {
  const { db, newId } = deps
  const table = () => db.knex<SessionRow>('session')

  /** Of several requests at once one tells of it. */
  async function endActing(former: SessionRow, now: Date): Promise<SessionRow> {
    const row = { ...former, ...NOT_ACTING }
    const actor = former.user_id === null ? 'operator' : await emailOf(db.knex, former.user_id)
    await perform(deps, { at: now, actor, address: null }, async (trx, traces) => {
      const { id, acting_until } = former
      const ended = await trx<SessionRow>('session').where({ id, acting_until }).update(NOT_ACTING)
      if (ended > 0) await noteEndOfActing(trx, traces, former, 'time is up')
    })
    return row
  }

  return {
    async open(tokenHash, { userId, stage, name, address, createdAt, expiresAt }, act, checked) {
      const at = createdAt.getTime()
      const row: SessionRow = {
        id: newId(act.at),
        token_sha256: tokenHash,
        user_id: userId,
        stage,
        name,
        address,
        created_at: at,
        seen_at: at,
        authenticated_at: at,
        expires_at: expiresAt.getTime(),
        ...NOT_ACTING,
      }
      await perform(deps, act, async (trx, traces) => {
        if (checked) await requirePassword(trx, checked)
        await trx<SessionRow>('session').insert(row)
        if (stage === 'complete') traces.audit(await event(trx, 'session.open', row))
      })
      return fromRow(row)
    },

    async find(tokenHash, now) {
      const ms = now.getTime()
      const found = await open(table().where({ token_sha256: tokenHash }), now).first()
      if (!found) return undefined
      const isOver = found.acting_until !== null && found.acting_until <= ms
      const row = isOver ? await endActing(found, now) : found
      if (ms - row.seen_at < NOTE_EVERY_MS) return fromRow(row)
      await table().where({ id: row.id }).where('seen_at', '<', ms).update({ seen_at: ms })
      return fromRow({ ...row, seen_at: ms })
    },

    async renew(id, tokenHash, act) {
      return perform(deps, act, async (trx, traces) => {
        const ms = act.at.getTime()
        const row = await open(trx<SessionRow>('session').where({ id }), act.at).forUpdate().first()
        if (!row) throw notFound()
        const isNew = row.stage === 'second-factor'
        const changes = {
          token_sha256: tokenHash,
          stage: 'complete' as const,
          seen_at: ms,
          authenticated_at: ms,
          expires_at: isNew ? ms + SESSION_LIFE_MS : row.expires_at,
        }
        await trx<SessionRow>('session').where({ id }).update(changes)
        traces.audit(await event(trx, isNew ? 'session.open' : 'session.renew', row))
        return fromRow({ ...row, ...changes })
      })
    },

    async beginActing(id, { id: tenantId, name }, reason, act) {
      await perform(deps, act, async (trx, traces) => {
        const row = await open(trx<SessionRow>('session').where({ id, stage: 'complete' }), act.at)
          .forUpdate()
          .first()
        if (!row) throw notFound()
        if (isActing(row, act.at))
          throw new ProblemError('already-exists', 'you act as a tenant already; stop that first')
        const until = new Date(act.at.getTime() + ACTING_MS)
        await trx<SessionRow>('session')
          .where({ id })
          .update({ acting_tenant_id: tenantId, acting_until: until.getTime(), acting_reason: reason })
        traces.audit({ tenantId, action: 'tenant.begin-acting', subject: name, detail: { reason, until } })
      })
    },

    async stopActing(id, act) {
      await perform(deps, act, async (trx, traces) => {
        const row = await trx<SessionRow>('session').where({ id }).forUpdate().first()
        if (!row) return
        await trx<SessionRow>('session').where({ id }).update(NOT_ACTING)
        await noteEndOfActing(trx, traces, row, 'stopped')
      })
    },

    async list(userId, now) {
      const rows = await open(table().where({ user_id: userId }), now).orderBy([
        { column: 'seen_at', order: 'desc' },
        { column: 'id', order: 'desc' },
      ])
      return rows.map(fromRow)
    },

    async rename(userId, id, name, act) {
      await perform(deps, act, async (trx, traces) => {
        const row = await open(trx<SessionRow>('session').where({ id, user_id: userId }), act.at)
          .forUpdate()
          .first()
        if (!row) throw notFound()
        await trx<SessionRow>('session').where({ id }).update({ name })
        const detail = { before: { name: row.name }, after: { name } }
        traces.audit({ ...(await event(trx, 'session.rename', row)), detail })
      })
    },

    async close(userId, id, act) {
      await perform(deps, act, async (trx, traces) => {
        const row = await trx<SessionRow>('session').where({ id, user_id: userId }).forUpdate().first()
        if (!row) throw notFound()
        await close(trx, traces, [row], act)
      })
    },

    closeAll: (userId, act, except) =>
      perform(deps, act, (trx, traces) => closeSessions(trx, traces, userId, act, except)),
  }
}

/** In the transaction of what makes them doubtful. @param except the id of the one that stays @returns how many were open */
export async function closeSessions(
  trx: Knex.Transaction,
  traces: Traces,
  userId: string,
  act: Act,
  except?: string,
): Promise<number> {
  const those = trx<SessionRow>('session').where({ user_id: userId }).orderBy('id').forUpdate()
  if (except !== undefined) those.whereNot({ id: except })
  return close(trx, traces, await those, act)
}

/** Whoever sets another password waits until the session is there, and then ends it. @throws ProblemError sign-in-refused */
async function requirePassword(trx: Knex.Transaction, { userId, passwordHash }: CheckedPassword): Promise<void> {
  const user = await trx('user_account')
    .where({ id: userId })
    .forShare()
    .first<{ password_hash: string | null } | undefined>('password_hash')
  if (user?.password_hash !== passwordHash)
    throw new ProblemError('sign-in-refused', 'the e-mail address or the password is wrong')
}

/** @returns how many were open */
async function close(trx: Knex.Transaction, traces: Traces, rows: SessionRow[], { at }: Act): Promise<number> {
  const ids = rows.map(({ id }) => id)
  for (const chunk of chunks(ids)) await trx<SessionRow>('session').whereIn('id', chunk).del()
  const wereOpen = rows.filter((row) => row.expires_at > at.getTime() && row.seen_at > at.getTime() - IDLE_MS)
  for (const row of wereOpen) {
    if (row.stage !== 'complete') continue
    await noteEndOfActing(trx, traces, row, 'signed out')
    traces.audit(await event(trx, 'session.close', row))
  }
  return wereOpen.length
}

/** Of a tenant that is gone nobody is told. */
async function noteEndOfActing(trx: Knex.Transaction, traces: Traces, row: SessionRow, why: string): Promise<void> {
  const tenantId = row.acting_tenant_id
  if (tenantId === null) return
  const tenant = await trx('tenant').where({ id: tenantId }).first<{ name: string } | undefined>('name')
  if (tenant) traces.audit({ tenantId, action: 'tenant.stop-acting', subject: tenant.name, detail: { why } })
}

function isActing({ acting_until }: SessionRow, now: Date): boolean {
  return acting_until !== null && acting_until > now.getTime()
}

function open<Query extends Knex.QueryBuilder>(query: Query, now: Date): Query {
  const ms = now.getTime()
  return query.where('expires_at', '>', ms).where('seen_at', '>', ms - IDLE_MS) as Query
}

async function event(trx: Knex.Transaction, action: string, { user_id, name, address }: SessionRow) {
  const subject = user_id === null ? 'operator' : await emailOf(trx, user_id)
  return { tenantId: null, action, subject, detail: { device: name, signedInFrom: address } }
}

function notFound(): ProblemError {
  return new ProblemError('not-found', 'there is no such session; it may have ended')
}

function fromRow(row: SessionRow): Session {
  return {
    id: row.id,
    userId: row.user_id,
    stage: row.stage,
    name: row.name,
    address: row.address,
    createdAt: new Date(row.created_at),
    seenAt: new Date(row.seen_at),
    authenticatedAt: new Date(row.authenticated_at),
    expiresAt: new Date(row.expires_at),
    acting:
      row.acting_tenant_id === null || row.acting_until === null
        ? null
        : { tenantId: row.acting_tenant_id, until: new Date(row.acting_until), reason: row.acting_reason },
  }
}
