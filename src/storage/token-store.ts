import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import { ProblemError } from '../problem.ts'
import type { Scope } from '../tenant/scope.ts'
import type { ApiToken, TokenStore } from '../tenant/token.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './faults.ts'
import { instantOrNull } from './instants.ts'
import { perform, type NewId } from './perform.ts'
import { contains } from './search.ts'

const NOTE_EVERY_MS = 5 * 60_000 // a request is not a write

interface TokenRow {
  id: string
  tenant_id: string | null
  name: string
  scopes: string // JSON
  addresses: string | null // JSON
  created_by: string
  created_by_id: string | null
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  last_used_by: string | null
  revision: number
}

interface SecretRow {
  token_sha256: string
  token_id: string
  created_at: number
  expires_at: number | null
}

export function tokenStore(deps: { db: Database; newId: NewId }): TokenStore {
  const { db, newId } = deps

  return {
    async add(secretHash, { tenantId, name, scopes, addresses, expiresAt, createdById }, act) {
      const id = newId(act.at)
      const at = act.at.getTime()
      try {
        return await perform(deps, act, async (trx, traces) => {
          await trx<TokenRow>('api_token').insert({
            id,
            tenant_id: tenantId,
            name,
            scopes: JSON.stringify(scopes),
            addresses: addresses && JSON.stringify(addresses),
            created_by: act.actor,
            created_by_id: createdById,
            created_at: at,
            expires_at: expiresAt?.getTime() ?? null,
          })
          await trx<SecretRow>('api_token_secret').insert({ token_sha256: secretHash, token_id: id, created_at: at })
          const token = await present(trx, tenantId, id)
          traces.audit({ tenantId, action: 'token.add', subject: name, detail: { after: factsOf(token) } })
          return token
        })
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new ProblemError('already-exists', `there is a token ${name} already; choose another name`, { cause })
      }
    },

    async find(tenantId, id) {
      const row = await select(db.knex).where('t.id', id).where('t.tenant_id', tenantId).first()
      return row && fromRow(row)
    },

    async findBySecret(secretHash, now) {
      const row = await select(db.knex)
        .select<(Row & { secret_ends_at: number | null })[]>('s.expires_at as secret_ends_at')
        .join('api_token_secret as s', 's.token_id', 't.id')
        .where('s.token_sha256', secretHash)
        .where(goesBeyond('s.expires_at', now))
        .where(goesBeyond('t.expires_at', now))
        .first()
      return row && { ...fromRow(row), isFormer: row.secret_ends_at !== null }
    },

    async noteUse({ id, lastUsedAt }, address, at) {
      const ms = at.getTime()
      // Also a statement that finds nothing to write waits for whoever writes
      if (lastUsedAt !== null && ms - lastUsedAt.getTime() < NOTE_EVERY_MS) return
      await db
        .knex<TokenRow>('api_token')
        .where({ id })
        .where((token) => void token.whereNull('last_used_at').orWhere('last_used_at', '<=', ms - NOTE_EVERY_MS))
        .update({ last_used_at: ms, last_used_by: address })
    },

    async list(tenantId, { after = '', limit, search }) {
      const rows = await contains(select(db.knex), 't.name', search)
        .where('t.tenant_id', tenantId)
        .where('t.name', '>', after)
        .orderBy('t.name')
        .limit(limit)
      return rows.map(fromRow)
    },

    async rotate(tenantId, id, secretHash, formerUntil, act) {
      return perform(deps, act, async (trx, traces) => {
        const { name, revision } = await lock(trx, tenantId, id, act)
        await trx<SecretRow>('api_token_secret')
          .where({ token_id: id })
          .where(goesBeyond('expires_at', formerUntil))
          .update({ expires_at: formerUntil.getTime() })
        await trx<SecretRow>('api_token_secret').insert({
          token_sha256: secretHash,
          token_id: id,
          created_at: act.at.getTime(),
        })
        await trx<TokenRow>('api_token')
          .where({ id })
          .update({ revision: revision + 1 })
        traces.audit({ tenantId, action: 'token.rotate', subject: name, detail: { formerUntil } })
        return present(trx, tenantId, id)
      })
    },

    async remove(tenantId, id, act) {
      await perform(deps, act, async (trx, traces) => {
        const token = await lock(trx, tenantId, id, act)
        await trx<TokenRow>('api_token').where({ id }).del()
        traces.audit({ tenantId, action: 'token.remove', subject: token.name, detail: { before: factsOf(token) } })
      })
    },
  }
}

type Row = TokenRow & { rotates_until: number | null }

// The one secret that has no end is no former one, and max() passes it over
function select(knex: Knex | Knex.Transaction) {
  return knex<TokenRow>('api_token as t').select<Row[]>(
    't.*',
    knex.raw('(select max(f.expires_at) from api_token_secret f where f.token_id = t.id) as rotates_until'),
  )
}

/** @throws ProblemError not-found */
async function present(trx: Knex.Transaction, tenantId: string | null, id: string): Promise<ApiToken> {
  const row = await select(trx).where('t.id', id).where('t.tenant_id', tenantId).first()
  if (!row) throw new ProblemError('not-found', 'there is no such token')
  return fromRow(row)
}

/** @throws ProblemError not-found, precondition-failed */
async function lock(trx: Knex.Transaction, tenantId: string | null, id: string, act: Act): Promise<ApiToken> {
  await trx<TokenRow>('api_token').where({ tenant_id: tenantId, id }).forUpdate().select('id')
  const token = await present(trx, tenantId, id)
  requireMatch(act, token)
  return token
}

function goesBeyond(column: string, instant: Date) {
  return (row: Knex.QueryBuilder) => void row.whereNull(column).orWhere(column, '>', instant.getTime())
}

function factsOf({ scopes, addresses, expiresAt }: ApiToken) {
  return { scopes, addresses, expiresAt }
}

function fromRow(row: Row): ApiToken {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    scopes: JSON.parse(row.scopes) as Scope[],
    addresses: row.addresses === null ? null : (JSON.parse(row.addresses) as string[]),
    createdBy: row.created_by,
    createdById: row.created_by_id,
    createdAt: new Date(row.created_at),
    expiresAt: instantOrNull(row.expires_at),
    lastUsedAt: instantOrNull(row.last_used_at),
    lastUsedBy: row.last_used_by,
    rotatesUntil: instantOrNull(row.rotates_until),
    revision: row.revision,
  }
}
