import type { Knex } from 'knex'
import { FRONT_LINEAGE_PREFIX } from '../certificate/lineage.ts'
import type { SpentQuotas } from '../delegation/source-domain.ts'
import { ProblemError } from '../problem.ts'
import type { Quotas } from '../tenant/tenant.ts'
import { chunks } from './insert-many.ts'

export interface QuotaColumns {
  source_domain_quota: number | null
  delegation_quota: number | null
  lineage_quota: number | null
}

type Counted = keyof Quotas

const COLUMNS = {
  sourceDomains: 'source_domain_quota',
  delegations: 'delegation_quota',
  lineages: 'lineage_quota',
} as const satisfies Record<Counted, keyof QuotaColumns>

const NAMES: Record<Counted, string> = {
  sourceDomains: 'source domains',
  delegations: 'delegations',
  lineages: 'certificate lineages',
}

// A tenant cannot help the front lineage that is made for each of its source domains
const COUNTS: Record<Counted, string> = {
  sourceDomains: 'select count(*) as n from source_domain where tenant_id = ?',
  delegations: 'select count(*) as n from delegation where tenant_id = ?',
  lineages: `select count(*) as n from lineage l where l.tenant_id = ? and not (l.name like '${FRONT_LINEAGE_PREFIX}%'
    and exists (select 1 from source_domain s
      where s.tenant_id = l.tenant_id and s.name = substr(l.name, ${FRONT_LINEAGE_PREFIX.length + 1})))`,
}

type Rows = <Row>(result: unknown) => Row[]

export async function countOf(knex: Knex | Knex.Transaction, rows: Rows, tenantId: string, what: Counted) {
  const [row] = rows<{ n: number }>(await knex.raw(COUNTS[what], [tenantId]))
  return row?.n ?? 0
}

/**
 * Adds something that a tenant may have so many of. Its row is locked first, so that of two who add at once the
 * second sees what the first has added. @throws ProblemError quota-reached
 */
export async function withinQuota(
  { trx, rows }: { trx: Knex.Transaction; rows: Rows },
  tenantId: string,
  what: Counted,
  add: () => Promise<unknown>,
): Promise<void> {
  const [limited] = await limitedTenants(trx, [tenantId], [what], { isLocked: true })
  await add()
  const quota = limited?.[COLUMNS[what]] ?? null
  if (quota !== null && (await countOf(trx, rows, tenantId, what)) > quota) throw quotaReached(what, quota)
}

/** What of one line of an import counts against its tenant's quotas. */
export type Wanted = Partial<Record<'sourceDomains' | 'delegations', number>>

/** What is left of the quotas of several tenants. */
export interface Room {
  /** Without a quota there is always room. */
  isLimited(tenantId: string): boolean
  /** Takes all that is wanted, or nothing and tells why. */
  take(tenantId: string, wanted: Wanted): ProblemError | null
}

/**
 * @param isLocked nobody else adds anything of theirs until the transaction has ended
 * @param spent counts as taken already, and gets what is taken here
 */
export async function roomOf(
  { knex, rows }: { knex: Knex | Knex.Transaction; rows: Rows },
  tenantIds: Iterable<string>,
  { isLocked, spent = new Map() }: { isLocked: boolean; spent?: SpentQuotas | undefined },
): Promise<Room> {
  const kinds = ['sourceDomains', 'delegations'] as const
  const left = new Map<string, { what: (typeof kinds)[number]; quota: number; room: number }[]>()
  for (const tenant of await limitedTenants(knex, [...new Set(tenantIds)], kinds, { isLocked })) {
    const quotas = []
    for (const what of kinds) {
      const quota = tenant[COLUMNS[what]]
      const taken = spent.get(tenant.id)?.[what] ?? 0
      if (quota !== null)
        quotas.push({ what, quota, room: quota - taken - (await countOf(knex, rows, tenant.id, what)) })
    }
    left.set(tenant.id, quotas)
  }
  return {
    isLimited: (tenantId) => left.has(tenantId),
    take(tenantId, wanted) {
      const quotas = left.get(tenantId) ?? []
      const full = quotas.find(({ what, room }) => (wanted[what] ?? 0) > Math.max(room, 0))
      if (full) return quotaReached(full.what, full.quota)
      for (const each of quotas) each.room -= wanted[each.what] ?? 0
      const { sourceDomains, delegations } = spent.get(tenantId) ?? { sourceDomains: 0, delegations: 0 }
      spent.set(tenantId, {
        sourceDomains: sourceDomains + (wanted.sourceDomains ?? 0),
        delegations: delegations + (wanted.delegations ?? 0),
      })
      return null
    },
  }
}

/** Always in the order of their ids, so that no two who lock several wait for each other. */
async function limitedTenants(
  knex: Knex | Knex.Transaction,
  tenantIds: readonly string[],
  kinds: readonly Counted[],
  { isLocked }: { isLocked: boolean },
) {
  const limited: ({ id: string } & QuotaColumns)[] = []
  for (const ids of chunks(tenantIds.toSorted())) {
    const query = knex<{ id: string } & QuotaColumns>('tenant')
      .whereIn('id', ids)
      .where((any) => kinds.forEach((what) => void any.orWhereNotNull(COLUMNS[what])))
      .orderBy('id')
    limited.push(...(await (isLocked ? query.forNoKeyUpdate() : query)))
  }
  return limited
}

function quotaReached(what: Counted, quota: number): ProblemError {
  return new ProblemError(
    'quota-reached',
    `the tenant may have ${quota} ${NAMES[what]} and no more; ask the operator of this server for a higher quota`,
  )
}
