import type { Knex } from 'knex'
import { FRONT_LINEAGE_PREFIX, type CertificateTrouble, type Place } from '../certificate/lineage.ts'
import type { SourceDomainTrouble } from '../delegation/source-domain.ts'

/**
 * From where a list of what may need a hand is read: along the index that migration 005 made for it, in whose words the
 * conditions are. With bound values instead SQLite could not know that it applies.
 */
export interface Troubled {
  from: string
  where: string
  bindings: (string | number)[]
  tenant: string // the column of whose it is
  order: string // by it, and then by `id`
  id: string
}

const IN_USE = 'c.activated_at is not null and c.superseded_at is null'
const LAST_TENTH = '(c.not_after - (c.not_after - c.not_before) / 10)'
const NAME_OF_FRONT = `substr(i.lineage_name, ${FRONT_LINEAGE_PREFIX.length + 1})`

/** Of lineages as `l`. */
export function troubledLineages(trouble: CertificateTrouble, now: Date): Troubled {
  return trouble === 'expired' || trouble === 'ending'
    ? { ...ending(trouble, now, 'lineage as l', 'l.id = c.lineage_id'), id: 'l.id' }
    : { ...failing(trouble, 'lineage as l', 'l.id = i.lineage_id'), id: 'l.id' }
}

/** Of source domains as `s`. */
export function troubledDomains(trouble: SourceDomainTrouble, now: Date): Troubled {
  const own = { from: 'source_domain as s', bindings: [], tenant: 's.tenant_id', id: 's.id' }
  switch (trouble) {
    case 'unproven':
      return { ...own, where: 's.proof is null', order: '(coalesce(s.lapsed_at, s.created_at))' }
    case 'wavering':
      return { ...own, where: 's.wavering_since is not null', order: 's.wavering_since' }
    case 'suspended':
      // With a bound on the name, so that SQLite takes this index of a tenant's and not the one of all its names
      return { ...own, where: `s.suspended_at is not null and s.name > ''`, order: 's.name' }
    case 'expired':
    case 'ending':
      return { ...ending(trouble, now, 'source_domain as s', 's.front_lineage_id = c.lineage_id'), id: 's.id' }
    case 'failing-owner':
    case 'failing-authority':
    case 'failing-operator': {
      const part = failing(trouble, 'source_domain as s', `s.tenant_id = i.tenant_id and s.name = ${NAME_OF_FRONT}`)
      // ';' is what comes after ':', so that these are the names with the prefix
      const [first, beyond] = [FRONT_LINEAGE_PREFIX, FRONT_LINEAGE_PREFIX.replace(':', ';')]
      return {
        ...part,
        where: `${part.where} and i.lineage_name >= ? and i.lineage_name < ?`,
        bindings: [...part.bindings, first, beyond],
        id: 's.id',
      }
    }
  }
}

// `cross join`, so that SQLite begins with the rows of the index
function ending(trouble: 'expired' | 'ending', now: Date, table: string, on: string): Omit<Troubled, 'id'> {
  const part = { from: `certificate as c cross join ${table}`, tenant: 'c.tenant_id' }
  const at = now.getTime()
  if (trouble === 'expired')
    return { ...part, where: `${IN_USE} and c.not_after <= ? and ${on}`, bindings: [at], order: 'c.not_after' }
  // What has ended is walked past, within the index
  const where = `${IN_USE} and ${LAST_TENTH} <= ? and c.not_after > ? and ${on}`
  return { ...part, where, bindings: [at, at], order: LAST_TENTH }
}

function failing(trouble: `failing-${string}`, table: string, on: string): Omit<Troubled, 'id'> {
  return {
    from: `issuance as i cross join ${table}`,
    where: `i.whose = ? and ${on}`,
    bindings: [trouble.slice('failing-'.length)],
    tenant: 'i.tenant_id',
    order: 'i.lineage_name',
  }
}

/** The rows of a page, with what they are ordered by as `place`. */
export function rowsOf<Row>(
  knex: Knex,
  { from, where, bindings, tenant, order, id }: Troubled,
  columns: string,
  { tenantId, after, limit }: { tenantId: string | null | 'all'; after?: Place | undefined; limit: number },
): Knex.QueryBuilder<object, (Row & { place: number | string })[]> {
  const query = knex
    .from(knex.raw(from))
    .select(knex.raw(`${columns}, ${order} as place`))
    .whereRaw(where, bindings)
    .orderByRaw(`${order}, ${id}`)
    .limit(limit)
  if (tenantId === null) query.whereRaw(`${tenant} is null`)
  else if (tenantId !== 'all') query.whereRaw(`${tenant} = ?`, [tenantId])
  // The first condition is what an index on the first column alone is entered by
  if (after) query.whereRaw(`${order} >= ? and (${order}, ${id}) > (?, ?)`, [after.key, after.key, after.id])
  return query as Knex.QueryBuilder<object, (Row & { place: number | string })[]>
}
