import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { killTree } from '../support/acme-site.ts'
import { emptyDatabase } from '../support/databases.ts'
import { dice } from '../support/dice.ts'
import { signIn } from '../support/https-client.ts'
import { until } from '../support/until.ts'
import { newWaypost } from '../support/waypost.ts'

// The whole program is killed at random instants while a file is imported. Which instants is by WAYPOST_SEED.

const SEED = Number(process.env['WAYPOST_SEED'] ?? 20_261_123)
const LINES = 8000
const KILLS = 3
const MOST_BETWEEN = 2000 // lines
const PRESENT = 500 // there before

describe('an import whose server is killed', () => {
  const toClose: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const close of toClose.splice(0).reverse()) await close()
  })

  test.each(['sqlite', 'postgresql'] as const)(
    `goes on where it was: ${KILLS} kills lose no line and do none twice, on %s`,
    { timeout: 240_000 },
    async (engine) => {
      if (engine === 'postgresql' && inject('postgres') === null) return
      const remote = engine === 'postgresql' ? await emptyDatabase(engine) : undefined
      if (remote) toClose.push(remote.remove)
      const site = await newWaypost({
        WAYPOST_LOG_LEVEL: 'warn',
        ...(remote?.url === undefined ? {} : { WAYPOST_STORAGE_URL: remote.url }),
      })
      toClose.push(() => site.remove())
      await site.waypost('tenant', 'add', 'acme')
      let child = await site.start()
      const place = { url: remote?.url, file: join(site.dataFolder, 'waypost.db'), isReadOnly: false }
      const db = await openDatabase(place)
      toClose.push(() => db.knex.destroy())

      const api = await signIn(site)
      const name = (n: number) => `n${n}.example.org`
      const bring = async (first: number, last: number) => {
        const csv = Array.from({ length: last - first }, (_, at) => name(first + at)).join('\n')
        const { status, body } = await api('POST', '/tenants/acme/imports', { csv })
        expect(status, body).toBe(201)
        return (JSON.parse(body) as { id: string }).id
      }
      await bring(0, PRESENT)
      await until(async () => (await count(db, 'source_domain')) === PRESENT, 30_000)
      await until(async () => (await openImports(db)).length === 0, 10_000)

      const id = await bring(0, LINES)
      const random = dice(SEED)
      const doneTo = async () =>
        (await db.knex('domain_import').where({ id }).first<{ done_to: number }>('done_to')).done_to
      const killedAt: number[] = []
      while (killedAt.length < KILLS) {
        const mark = (await doneTo()) + random(MOST_BETWEEN)
        await until(async () => (await doneTo()) > mark, 60_000)
        await delay(random(60))
        const ended = once(child, 'exit')
        killTree(child.pid!)
        await ended
        killedAt.push(await doneTo())
        // As if the minute had passed after which a lease is taken over
        await db.knex('job').where({ kind: 'domain-import' }).whereNotNull('lease_until').update({ lease_until: 1 })
        child = await site.start()
      }
      console.log(`${engine}: killed when ${killedAt.join(', ')} of ${LINES} lines were done (seed ${SEED})`)
      expect(killedAt.at(-1)).toBeLessThan(LINES)
      await until(async () => (await openImports(db)).length === 0, 120_000)

      const again = await signIn(site)
      const found = JSON.parse((await again('GET', `/tenants/acme/imports/${id}`)).body) as Record<string, unknown>
      expect(found).toMatchObject({ state: 'done', added: LINES - PRESENT, thereAlready: PRESENT, refused: 0 })
      const result = (await again('GET', `/tenants/acme/imports/${id}/result`)).body.trim().split('\r\n').slice(1)
      expect(result).toHaveLength(LINES)
      expect(
        result.filter((line, at) => line !== `${at + 1},${name(at)},${at < PRESENT ? 'there already' : 'added'},`),
      ).toEqual([])
      expect(await count(db, 'source_domain')).toBe(LINES)
      const events = await db
        .knex('audit_event')
        .where('action', 'like', '%import%')
        .orWhere({ action: 'source-domain.add' })
        .select<{ action: string; subject: string }[]>('action', 'subject')
      const added = events.filter(({ action }) => action === 'source-domain.add').map(({ subject }) => subject)
      expect([added.length, new Set(added).size]).toEqual([LINES, LINES])
      expect(events.filter(({ action }) => action === 'domain-import.begin')).toHaveLength(2)
    },
  )
})

async function count({ knex }: Database, table: string): Promise<number> {
  const [row] = await knex(table).count<{ n: number | string }[]>('* as n')
  return Number(row?.n)
}

function openImports({ knex }: Database) {
  return knex('domain_import').whereIn('state', ['reading', 'ready', 'running'])
}
