import type { Knex } from 'knex'
import { ProblemError } from '../problem.ts'
import type { Invitation, Link, LinkFor, LinkStore } from '../tenant/link.ts'
import type { Role } from '../tenant/member.ts'
import type { Database } from './database.ts'
import { perform, type NewId } from './perform.ts'
import { emailOf } from './user-email.ts'

interface LinkRow {
  id: string
  token_sha256: string
  purpose: Link['purpose']
  tenant_id: string | null
  role: Role | null
  user_id: string | null
  email: string | null
  created_by: string
  created_by_id: string | null
  created_at: number
  expires_at: number
  used_at: number | null
}

export function linkStore(deps: { db: Database; newId: NewId }): LinkStore {
  const { db, newId } = deps
  const table = () => db.knex<LinkRow>('link')

  return {
    async add(tokenHash, link, act) {
      const row: LinkRow = {
        id: newId(act.at),
        token_sha256: tokenHash,
        ...columnsOf(link),
        created_by: act.actor,
        created_by_id: link.createdById,
        created_at: act.at.getTime(),
        expires_at: link.expiresAt.getTime(),
        used_at: null,
      }
      return perform(deps, act, async (trx, traces) => {
        await trx<LinkRow>('link').insert(row)
        const { expiresAt } = link
        const after = link.purpose === 'invitation' ? { role: link.role ?? 'operator', expiresAt } : { expiresAt }
        traces.audit({ ...(await eventOf(trx, link)), detail: { after } })
        return fromRow(row)
      })
    },

    async find(tokenHash, now) {
      const row = await usable(table().where({ token_sha256: tokenHash }), now).first()
      return row && fromRow(row)
    },

    async use(tokenHash, purpose, now) {
      const [row] = await usable(table().where({ token_sha256: tokenHash, purpose }), now)
        .update({ used_at: now.getTime() })
        .returning('*')
      return row && fromRow(row)
    },

    async listInvitations(tenantId, now, { after, limit }) {
      const query = usable(table().where({ tenant_id: tenantId, purpose: 'invitation' }), now)
        .orderBy('id', 'desc')
        .limit(limit)
      if (after !== undefined) query.where('id', '<', after)
      return (await query).map((row) => fromRow(row) as Invitation)
    },

    async withdrawInvitation(tenantId, id, act) {
      await perform(deps, act, async (trx, traces) => {
        const open = trx<LinkRow>('link').where({ id, tenant_id: tenantId, purpose: 'invitation' })
        const row = await usable(open, act.at).forUpdate().first()
        if (!row) throw new ProblemError('not-found', 'there is no such open invitation')
        await trx<LinkRow>('link').where({ id }).del()
        traces.audit({
          tenantId,
          action: 'invitation.withdraw',
          subject: row.email!,
          detail: { before: { role: row.role ?? 'operator' } },
        })
      })
    },
  }
}

function usable<Query extends Knex.QueryBuilder>(query: Query, now: Date): Query {
  return query.whereNull('used_at').where('expires_at', '>', now.getTime()) as Query
}

function columnsOf(link: LinkFor): Pick<LinkRow, 'purpose' | 'tenant_id' | 'role' | 'user_id' | 'email'> {
  return {
    purpose: link.purpose,
    tenant_id: link.purpose === 'invitation' ? link.tenantId : null,
    role: link.purpose === 'invitation' ? link.role : null,
    user_id: link.purpose === 'password' ? link.userId : null,
    email: link.purpose === 'invitation' ? link.email : null,
  }
}

async function eventOf(trx: Knex.Transaction, link: LinkFor) {
  switch (link.purpose) {
    case 'sign-in':
      return { tenantId: null, action: 'operator.issue-sign-in-link', subject: 'operator' }
    case 'invitation':
      return { tenantId: link.tenantId, action: 'invitation.add', subject: link.email }
    case 'password':
      return { tenantId: null, action: 'user.issue-password-link', subject: await emailOf(trx, link.userId) }
  }
}

function fromRow(row: LinkRow): Link {
  return {
    id: row.id,
    ...purposeOf(row),
    createdBy: row.created_by,
    createdById: row.created_by_id,
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
  }
}

/** The schema and `columnsOf` see to it that what belongs to a purpose is there. */
function purposeOf({ purpose, tenant_id, role, user_id, email }: LinkRow): LinkFor {
  switch (purpose) {
    case 'sign-in':
      return { purpose }
    case 'invitation':
      return { purpose, tenantId: tenant_id, role, email } as LinkFor
    case 'password':
      return { purpose, userId: user_id! }
  }
}
