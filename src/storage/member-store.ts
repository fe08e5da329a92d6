import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import { ProblemError } from '../problem.ts'
import { isAtLeast, type Member, type MemberStore, type Role } from '../tenant/member.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { lockTenants, requireAnotherOwner } from './last-owner.ts'
import { revokedOf, revokeLinks, revokeTokens } from './left-behind.ts'
import { perform, type NewId } from './perform.ts'
import { contains } from './search.ts'
import { emailOf } from './user-email.ts'

interface MemberRow {
  tenant_id: string
  user_id: string
  role: Role
  created_at: number
  revision: number
}

interface OfUser {
  email: string
  has_second_factor: number | boolean // as the engine has it
}

export function memberStore(deps: { db: Database; newId: NewId }): MemberStore {
  const { db } = deps

  return {
    async add(tenantId, { userId, role }, act) {
      try {
        return await perform(deps, act, async (trx, traces) => {
          const email = await emailOf(trx, userId)
          await trx<MemberRow>('member').insert({
            tenant_id: tenantId,
            user_id: userId,
            role,
            created_at: act.at.getTime(),
          })
          traces.audit({ tenantId, action: 'member.add', subject: email, detail: { after: { role } } })
          return present(trx, tenantId, userId)
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', 'they are a member of the tenant already', { cause })
      }
    },

    async find(tenantId, userId) {
      const row = await select(db.knex).where({ 'm.tenant_id': tenantId, 'm.user_id': userId }).first()
      return row && fromRow(row)
    },

    async list(tenantId, { after = '', limit, search }) {
      const rows = await contains(select(db.knex), 'u.email', search)
        .where('m.tenant_id', tenantId)
        .where('u.email', '>', after)
        .orderBy('u.email')
        .limit(limit)
      return rows.map(fromRow)
    },

    async rolesOf(userId) {
      const rows = await db.knex<MemberRow>('member').where({ user_id: userId }).select('tenant_id', 'role')
      return new Map(rows.map((row) => [row.tenant_id, row.role]))
    },

    async setRole(tenantId, userId, role, act) {
      return perform(deps, act, async (trx, traces) => {
        const member = await lockMember(trx, tenantId, userId, act)
        if (member.role === role) return member
        if (member.role === 'owner') await requireAnotherOwner(trx, tenantId, userId)
        await trx<MemberRow>('member')
          .where({ tenant_id: tenantId, user_id: userId })
          .update({ role, revision: member.revision + 1 })
        const revoked = isAtLeast(role, member.role) ? {} : await revoke(trx, tenantId, userId)
        traces.audit({
          tenantId,
          action: 'member.set-role',
          subject: member.email,
          detail: { before: { role: member.role }, after: { role }, ...revoked },
        })
        return present(trx, tenantId, userId)
      })
    },

    async remove(tenantId, userId, act) {
      await perform(deps, act, async (trx, traces) => {
        const { role, email } = await lockMember(trx, tenantId, userId, act)
        if (role === 'owner') await requireAnotherOwner(trx, tenantId, userId)
        await trx<MemberRow>('member').where({ tenant_id: tenantId, user_id: userId }).del()
        const revoked = await revoke(trx, tenantId, userId)
        traces.audit({ tenantId, action: 'member.remove', subject: email, detail: { before: { role }, ...revoked } })
      })
    },
  }
}

function select(knex: Knex | Knex.Transaction) {
  return knex<MemberRow>('member as m')
    .join('user_account as u', 'u.id', 'm.user_id')
    .select<(MemberRow & OfUser)[]>(
      'm.*',
      'u.email',
      knex.raw(
        '(u.totp_confirmed_at is not null or exists (select 1 from passkey p where p.user_id = u.id)) as has_second_factor',
      ),
    )
}

/** @throws ProblemError not-found */
async function present(trx: Knex.Transaction, tenantId: string, userId: string): Promise<Member> {
  const row = await select(trx).where({ 'm.tenant_id': tenantId, 'm.user_id': userId }).first()
  if (!row) throw new ProblemError('not-found', 'the tenant has no such member')
  return fromRow(row)
}

/** @throws ProblemError not-found, precondition-failed */
async function lockMember(trx: Knex.Transaction, tenantId: string, userId: string, act: Act): Promise<Member> {
  await lockTenants(trx, [tenantId])
  const member = await present(trx, tenantId, userId)
  requireMatch(act, member)
  return member
}

async function revoke(trx: Knex.Transaction, tenantId: string, userId: string) {
  const tokens = await revokeTokens(trx, userId, tenantId)
  return revokedOf([...tokens, ...(await revokeLinks(trx, userId, tenantId))], tenantId)
}

function fromRow(row: MemberRow & OfUser): Member {
  return {
    id: row.user_id,
    tenantId: row.tenant_id,
    email: row.email,
    role: row.role,
    hasSecondFactor: Boolean(row.has_second_factor),
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
