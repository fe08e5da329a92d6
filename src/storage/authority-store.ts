import type { Knex } from 'knex'
import { requireMatch, type Act } from '../act.ts'
import type { Authority, AuthorityStore, NewAuthority, Profile } from '../acme/authority.ts'
import { isPaused } from '../acme/authority-choice.ts'
import { PAUSE_SPREAD_MS } from '../acme/retry.ts'
import { FRONT_CERTIFICATE } from '../certificate/issuance.ts'
import type { Sealer } from '../certificate/sealing.ts'
import { ProblemError } from '../problem.ts'
import { whatChanged } from '../tenant/audit.ts'
import type { Database } from './database.ts'
import { chunks } from './insert-many.ts'
import { instantOrNull } from './instants.ts'
import { abandonOrders } from './order-end.ts'
import { perform, type NewId } from './perform.ts'

interface AuthorityRow {
  id: string
  name: string
  rank: number
  directory_url: string
  ca_pem: string | null
  contact: string
  eab_key_id: string | null
  profile: string | null
  key_type: Authority['keyType']
  preferred_chain: string | null
  account_key_sealed: Buffer
  next_key_sealed: Buffer | null
  account_url: string | null
  terms_of_service: string | null
  paused_until: number | null
  pause_reason: string | null
  created_at: number
  revision: number
}

type Placed = Pick<AuthorityRow, 'id' | 'directory_url'>

const WOKEN_AT_MOST = 10_000

/** What has been put off for want of an authority is due now; of very many, the rest comes by itself. */
async function wakeThoseWithout(trx: Knex.Transaction, { at }: Act): Promise<void> {
  const waiting = await trx('issuance')
    .whereRaw(`problem_type = 'no-authority'`) // as the index says it: a bound value would not find it
    .select<{ lineage_id: string }[]>('lineage_id')
    .limit(WOKEN_AT_MOST)
  for (const lineages of chunks(waiting.map((one) => one.lineage_id))) {
    await trx('issuance').whereIn('lineage_id', lineages).del()
    await trx('job')
      .where({ kind: FRONT_CERTIFICATE })
      .whereIn('key', lineages)
      .whereNull('finished_at')
      .update({ run_at: at.getTime() })
  }
}

/** What waits for the end of a pause: what has caused it to that very instant, all else until a while after it. */
async function wakeThoseWaiting(trx: Knex.Transaction, authorityId: string, until: number, { at }: Act): Promise<void> {
  await trx('issuance').where({ authority_id: authorityId, next_at: until }).del()
  const asleep = trx('job')
    .select('id')
    .where({ kind: FRONT_CERTIFICATE })
    .whereNull('finished_at')
    .whereBetween('run_at', [Math.max(until, at.getTime()), until + PAUSE_SPREAD_MS])
    .limit(WOKEN_AT_MOST)
  await trx('job').whereIn('id', asleep).update({ run_at: at.getTime() })
}

/** Bound to the directory too: with another one in the row nothing is signed with the key. */
function placeOf({ id, directory_url }: Placed, which: 'account_key' | 'next_key') {
  return { table: `authority.${which}`, row: id, domain: directory_url }
}

export function authorityStore(deps: { db: Database; newId: NewId; sealer: Sealer }): AuthorityStore {
  const { db, newId, sealer } = deps

  const seal = (key: Uint8Array, row: Placed, which: 'account_key' | 'next_key') =>
    Buffer.from(sealer.seal(key, placeOf(row, which)))

  async function find(id: string): Promise<AuthorityRow> {
    const row = await db.knex<AuthorityRow>('authority').where({ id }).first()
    if (!row) throw gone(id)
    return row
  }

  function openNext(row: AuthorityRow): Uint8Array | null {
    return row.next_key_sealed && sealer.open(row.next_key_sealed, placeOf(row, 'next_key'))
  }

  return {
    async reserve(authority, accountKey, act) {
      const id = newId(act.at)
      const row: AuthorityRow = {
        id,
        ...columnsOf(authority),
        account_key_sealed: seal(accountKey, { id, directory_url: authority.directoryUrl }, 'account_key'),
        next_key_sealed: null,
        account_url: null,
        terms_of_service: null,
        paused_until: null,
        pause_reason: null,
        created_at: act.at.getTime(),
        revision: 1,
      }
      return db.knex.transaction(async (trx) => {
        const added = await trx<AuthorityRow>('authority').insert(row).onConflict().ignore().returning('id')
        if (added.length > 0) return { authority: fromRow(row), accountKey }
        const former = await lockReserved(trx, authority)
        const [updated] = await trx<AuthorityRow>('authority')
          .where({ id: former.id })
          .update(columnsOf(authority)) // what was mistyped before the crash is mended
          .returning<AuthorityRow[]>('*')
        return {
          authority: fromRow(updated!),
          accountKey: sealer.open(former.account_key_sealed, placeOf(former, 'account_key')),
        }
      })
    },

    confirm: (id, { url, termsOfService }, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await trx<AuthorityRow>('authority').where({ id }).forUpdate().first()
        if (!row) throw gone(id)
        if (row.account_url !== null) return fromRow(row)
        const account = { account_url: url, terms_of_service: termsOfService }
        await trx<AuthorityRow>('authority').where({ id }).update(account)
        const confirmed = { ...row, ...account }
        await wakeThoseWithout(trx, act)
        traces.audit({
          tenantId: null,
          action: 'authority.add',
          subject: row.name,
          detail: { after: { ...facts(confirmed), termsOfService } },
        })
        return fromRow(confirmed)
      }),

    async withdraw(id) {
      await db.knex<AuthorityRow>('authority').where({ id }).whereNull('account_url').del()
    },

    async list() {
      const rows = await db.knex<AuthorityRow>('authority').whereNotNull('account_url').orderBy(['rank', 'id'])
      return rows.map(fromRow)
    },

    async find(name) {
      const row = await db.knex<AuthorityRow>('authority').where({ name }).first()
      return row && fromRow(row)
    },

    async accountKey(id) {
      const row = await find(id)
      return sealer.open(row.account_key_sealed, placeOf(row, 'account_key'))
    },

    async prepareAccountKey(id, nextKey) {
      // Of two who change it at once both go on with the first one's
      await db.knex.transaction(async (trx) => {
        const row = await trx<AuthorityRow>('authority').where({ id }).first('id', 'directory_url')
        if (!row) throw gone(id)
        await trx<AuthorityRow>('authority')
          .where({ id })
          .whereNull('next_key_sealed')
          .update({ next_key_sealed: seal(nextKey, row, 'next_key') })
      })
      return openNext(await find(id)) ?? nextKey
    },

    preparedAccountKey: async (id) => openNext(await find(id)),

    replaceAccountKey: (id, nextKey, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await trx<AuthorityRow>('authority').where({ id }).forUpdate().first()
        if (!row) throw gone(id)
        const key = openNext(row)
        if (!key || !Buffer.from(key).equals(nextKey)) return // somebody else was first, and another change is begun
        await trx<AuthorityRow>('authority')
          .where({ id })
          .update({
            account_key_sealed: seal(key, row, 'account_key'),
            next_key_sealed: null,
            revision: row.revision + 1,
          })
        traces.audit({ tenantId: null, action: 'authority.change-key', subject: row.name })
      }),

    update: (name, changes, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lock(trx, name)
        requireMatch(act, row)
        const changed = { ...row, ...columnsOf({ ...fromRow(row), ...changes }), revision: row.revision + 1 }
        const detail = whatChanged(facts(row), facts(changed))
        if (Object.keys(detail.after ?? {}).length === 0) return fromRow(row)
        const { rank, profile, contact, key_type, preferred_chain, revision } = changed
        await trx<AuthorityRow>('authority')
          .where({ name })
          .update({ rank, profile, contact, key_type, preferred_chain, revision })
        traces.audit({ tenantId: null, action: 'authority.update', subject: name, detail })
        return fromRow(changed)
      }),

    pause: (id, until, reason, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await trx<AuthorityRow>('authority').where({ id }).forUpdate().first()
        const { pausedUntil = null } = row ? fromRow(row) : {}
        if (!row || (isPaused({ pausedUntil }, act.at) && pausedUntil! >= until)) return
        await trx<AuthorityRow>('authority')
          .where({ id })
          .update({ paused_until: until.getTime(), pause_reason: reason })
        traces.audit({ tenantId: null, action: 'authority.pause', subject: row.name, detail: { until, reason } })
      }),

    resume: (name, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lock(trx, name)
        requireMatch(act, row)
        if (row.paused_until === null) return fromRow(row)
        const resumed = { paused_until: null, pause_reason: null }
        await trx<AuthorityRow>('authority').where({ id: row.id }).update(resumed)
        await wakeThoseWaiting(trx, row.id, row.paused_until, act)
        const before = { pausedUntil: new Date(row.paused_until), pauseReason: row.pause_reason }
        traces.audit({ tenantId: null, action: 'authority.resume', subject: name, detail: { before } })
        return fromRow({ ...row, ...resumed })
      }),

    remove: (name, act) =>
      perform(deps, act, async (trx, traces) => {
        const row = await lock(trx, name)
        requireMatch(act, row)
        const orders = await trx('acme_order')
          .where({ authority_id: row.id })
          .whereNull('finished_at')
          .orderBy('id')
          .pluck<string[]>('id')
        await abandonOrders(trx, traces, orders, `authority ${name} was removed`, act)
        await trx('acme_authorization').where({ authority_id: row.id }).del()
        await trx<AuthorityRow>('authority').where({ id: row.id }).del()
        traces.audit({ tenantId: null, action: 'authority.remove', subject: name, detail: { before: facts(row) } })
      }),
  }
}

/** The row of an authority that stands in the way of a new one, where that is the same and has no account yet. */
async function lockReserved(trx: Knex.Transaction, { name, directoryUrl }: NewAuthority): Promise<AuthorityRow> {
  const rows = await trx<AuthorityRow>('authority')
    .where({ name })
    .orWhere({ directory_url: directoryUrl })
    .orderBy('id')
    .forUpdate()
  const [row] = rows
  // Removed by another in this very moment
  if (!row) throw new ProblemError('unavailable', `authority ${name} is being changed; try again`)
  const other = rows.find((one) => one.name !== name || one.directory_url !== directoryUrl)
  if (other)
    throw new ProblemError(
      'already-exists',
      `authority ${other.name} has the directory ${other.directory_url}; choose another name, or remove that one first`,
    )
  if (row.account_url !== null) throw new ProblemError('already-exists', `there is an authority ${name} already`)
  return row
}

async function lock(trx: Knex.Transaction, name: string): Promise<AuthorityRow> {
  const row = await trx<AuthorityRow>('authority').where({ name }).forUpdate().first()
  if (!row) throw new ProblemError('not-found', `there is no authority ${name}`)
  return row
}

function gone(id: string): ProblemError {
  return new ProblemError('not-found', `there is no authority ${id}`)
}

function columnsOf(authority: NewAuthority) {
  return {
    name: authority.name,
    rank: authority.rank,
    directory_url: authority.directoryUrl,
    ca_pem: authority.caPem,
    contact: JSON.stringify(authority.contact),
    eab_key_id: authority.eabKeyId,
    profile: authority.profile && JSON.stringify(authority.profile),
    key_type: authority.keyType,
    preferred_chain: authority.preferredChain,
  }
}

/** For the audit trail. */
function facts(row: AuthorityRow): Record<string, unknown> {
  const { rank, directoryUrl, contact, eabKeyId, profile, keyType, preferredChain, accountUrl } = fromRow(row)
  return { rank, directoryUrl, contact, eabKeyId, profile, keyType, preferredChain, accountUrl }
}

function fromRow(row: AuthorityRow): Authority {
  return {
    id: row.id,
    name: row.name,
    rank: row.rank,
    directoryUrl: row.directory_url,
    caPem: row.ca_pem,
    contact: JSON.parse(row.contact) as string[],
    eabKeyId: row.eab_key_id,
    profile: row.profile === null ? null : (JSON.parse(row.profile) as Profile),
    keyType: row.key_type,
    preferredChain: row.preferred_chain,
    termsOfService: row.terms_of_service,
    accountUrl: row.account_url,
    pausedUntil: instantOrNull(row.paused_until),
    pauseReason: row.pause_reason,
    createdAt: new Date(row.created_at),
    revision: row.revision,
  }
}
