import { setImmediate as turnOfOthers } from 'node:timers/promises'
import {
  dayOf,
  DAYS_OF_ORDERS,
  daysToKeep,
  LIFETIMES,
  type Census,
  type CensusStore,
  type CertificateCount,
  type DayOfOrders,
} from '../census.ts'
import { MOST_COUNTED } from '../trouble.ts'
import type { Database } from './database.ts'

const ROWS_A_STEP = 2000
const DAY_MS = 86_400_000

type Place = (string | number)[]

/** Counts the rows behind a place, at most so many: how many there were, and where the last one stands. */
type Count = (after: Place | undefined, limit: number) => Promise<{ rows: number; last: Place }>

/** @returns false: there is more than `most` of it, and it was not counted any further */
async function walk(count: Count, most: number): Promise<boolean> {
  let after: Place | undefined
  for (let counted = 0; ; await turnOfOthers()) {
    const limit = Math.min(ROWS_A_STEP, most - counted + 1)
    const { rows, last } = await count(after, limit)
    counted += rows
    if (counted > most) return false
    if (rows < limit) return true
    after = last
  }
}

export function censusStore({ db }: { db: Database }): CensusStore {
  const census = db.knex<{ id: string; at: number; counts: string }>('census')

  async function rowsOf<Row>(sql: string, bindings: Place): Promise<Row[]> {
    return db.rows<Row>(await db.knex.raw(sql, bindings))
  }

  /** Of how many rows of a table which conditions hold. */
  function tally<Name extends string>(table: string, conditions: Record<Name, string>) {
    const names = Object.keys(conditions) as Name[]
    const found = Object.fromEntries(['all', ...names].map((name) => [name, 0])) as Record<Name | 'all', number>
    const sums = names.map((name) => `, sum(case when ${conditions[name]} then 1 else 0 end) as ${name}`).join('')
    const count: Count = async (after, limit) => {
      const part = `select * from ${table} ${after ? 'where id > ?' : ''} order by id limit ${limit}`
      const [row] = await rowsOf<Record<Name | 'all', number | string | null> & { last: string | null }>(
        `select count(*) as "all", max(id) as last${sums} from (${part}) as part`,
        after ?? [],
      )
      for (const name of ['all', ...names] as (Name | 'all')[]) found[name] += Number(row?.[name] ?? 0)
      return { rows: Number(row?.all ?? 0), last: [row?.last ?? ''] }
    }
    return { found, count }
  }

  function certificates(now: number) {
    const found = new Map<string, CertificateCount>()
    const classes = LIFETIMES.filter((days) => days !== null)
      .map((days) => `when not_after - not_before <= ${days * DAY_MS} then ${days}`)
      .join(' ')
    const count: Count = async (after, limit) => {
      const part = `select lineage_id, not_before, not_after from certificate
        where activated_at is not null and superseded_at is null ${after ? 'and lineage_id > ?' : ''}
        order by lineage_id limit ${limit}`
      const groups = await rowsOf<{
        lifetime: number | null
        tenths: number | string
        n: number | string
        last: string
      }>(
        `select lifetime, tenths, count(*) as n, max(lineage_id) as last from (
           select lineage_id, case ${classes} end as lifetime,
             case when not_after <= ${now} then -1 when not_before >= ${now} then 9
               else (not_after - ${now}) * 10 / (not_after - not_before) end as tenths
           from (${part}) as part) as placed
         group by lifetime, tenths`,
        after ?? [],
      )
      for (const { lifetime, tenths, n } of groups) {
        const key = `${lifetime} ${tenths}`
        const former = found.get(key)?.count ?? 0
        const place = { lifetime: lifetime as CertificateCount['lifetime'], tenthsLeft: Number(tenths) }
        found.set(key, { ...place, count: former + Number(n) })
      }
      const rows = groups.reduce((sum, { n }) => sum + Number(n), 0)
      return { rows, last: [groups.reduce((last, group) => (group.last > last ? group.last : last), '')] }
    }
    return { found, count }
  }

  function orders(fromDay: number) {
    const found = new Map<number, DayOfOrders>()
    const count: Count = async (after, limit) => {
      const [at, id] = after ?? [fromDay * DAY_MS, '']
      const ended = await rowsOf<{ finished_at: number; id: string; outcome: Exclude<keyof DayOfOrders, 'day'> }>(
        // The first condition is what the index is entered by
        `select finished_at, id, outcome from acme_order
         where finished_at is not null and finished_at >= ? and (finished_at, id) > (?, ?)
         order by finished_at, id limit ${limit}`,
        [at!, at!, id!],
      )
      for (const { finished_at, outcome } of ended) {
        const day = dayOf(new Date(finished_at))
        const former = found.get(day) ?? { day, issued: 0, failed: 0, abandoned: 0 }
        found.set(day, { ...former, [outcome]: former[outcome] + 1 })
      }
      const last = ended.at(-1)
      return { rows: ended.length, last: last ? [last.finished_at, last.id] : [] }
    }
    return { found, count }
  }

  async function taken(now: Date, kept: DayOfOrders[], most: number): Promise<Census | undefined> {
    const sourceDomains = tally('source_domain', {
      external: `mode = 'external'`,
      proven: 'proof is not null',
      suspended: 'suspended_at is not null',
    })
    const inUse = certificates(now.getTime())
    const nextDay = kept.at(-1)?.day ?? dayOf(now) - DAYS_OF_ORDERS
    const ended = orders(nextDay + 1)
    const [tenants, targetHosts, delegations, lineages] = (
      ['tenant', 'target_host', 'delegation', 'lineage'] as const
    ).map((table) => tally(table, {})) as [Tally, Tally, Tally, Tally]
    // The greatest first: where there is much, that is known at once
    for (const { count } of [sourceDomains, ended, inUse, lineages, delegations, tenants, targetHosts])
      if (!(await walk(count, most))) return undefined
    return {
      at: now,
      tenants: tenants.found.all,
      targetHosts: targetHosts.found.all,
      delegations: delegations.found.all,
      lineages: lineages.found.all,
      sourceDomains: sourceDomains.found,
      certificates: [...inUse.found.values()],
      ordersEnded: [...kept, ...ended.found.values()],
    }
  }

  return {
    async take(now, former) {
      return (await taken(now, daysToKeep(former, now), Infinity))!
    },

    takeIfSmall: (now) => taken(now, [], MOST_COUNTED),

    async keep({ at, ...counts }) {
      const row = { id: 'census', at: at.getTime(), counts: JSON.stringify(counts) }
      await census.clone().insert(row).onConflict('id').merge()
    },

    async latest() {
      const row = await census.clone().where({ id: 'census' }).first()
      return row && { ...(JSON.parse(row.counts) as Omit<Census, 'at'>), at: new Date(row.at) }
    },
  }
}

interface Tally {
  found: { all: number }
  count: Count
}
