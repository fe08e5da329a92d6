import type { DomainName } from '../name.ts'
import type { PresentedHosts } from '../verify/served-certificates.ts'
import type { Database } from './database.ts'

interface HostRow {
  name: DomainName
  mode: 'hosted' | 'external' | null // null: a target host's
  suspended_at: number | null
  sha256: string | null
  activated_at: number | null
}

const ACTIVE = 'c.activated_at is not null and c.superseded_at is null'

/**
 * Source domains that are held and answered here, and target hosts, whose front comes before that of a source domain of the
 * same name. Filtered after the limit, so that a page is a bounded walk.
 */
export function presentedHosts({ db }: { db: Database }): PresentedHosts {
  async function held(after: string, limit: number): Promise<HostRow[]> {
    return db.rows<HostRow>(
      await db.knex.raw(
        `select s.name, s.mode, coalesce(s.suspended_at, t.suspended_at) as suspended_at, c.sha256, c.activated_at
         from source_domain s join tenant t on t.id = s.tenant_id
         left join certificate c on c.lineage_id = s.front_lineage_id and ${ACTIVE}
         where s.proof is not null and s.name > ? order by s.name limit ?`,
        [after, limit],
      ),
    )
  }

  async function targets(after: string, limit: number): Promise<HostRow[]> {
    return db.rows<HostRow>(
      await db.knex.raw(
        `select h.name, null as mode, null as suspended_at, c.sha256, c.activated_at from target_host h
         left join certificate c on c.lineage_id = h.front_lineage_id and ${ACTIVE}
         where h.name > ? order by h.name limit ?`,
        [after, limit],
      ),
    )
  }

  return async ({ after, limit }) => {
    const found = [...(await targets(after, limit)), ...(await held(after, limit))] // a target host is before its namesake
    const page = found
      .sort((one, other) => Number(one.name > other.name) - Number(one.name < other.name))
      .slice(0, limit)
    const hosts = page.flatMap(({ name, mode, suspended_at, sha256, activated_at }, i) =>
      mode === 'external' ||
      name === page[i - 1]?.name ||
      suspended_at !== null ||
      sha256 === null ||
      activated_at === null
        ? []
        : [{ name, sha256, activatedAt: new Date(activated_at) }],
    )
    return { hosts, end: found.length < limit ? null : (page.at(-1)?.name ?? null) }
  }
}
