import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { overview } from '../../src/admin/overview.ts'
import {
  filteredDomains,
  filteredLineages,
  DOMAIN_STANDINGS,
  LINEAGE_STANDINGS,
} from '../../src/admin/filtered-lists.ts'
import { censusStore } from '../../src/storage/census-store.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { delegationStore } from '../../src/storage/delegation-store.ts'
import { issuanceStore } from '../../src/storage/issuance-store.ts'
import { jobStore } from '../../src/storage/job-store.ts'
import { lineageStore } from '../../src/storage/lineage-store.ts'
import { sourceDomainStore } from '../../src/storage/source-domain-store.ts'
import { tenantStore } from '../../src/storage/tenant-store.ts'
import { troubleStore } from '../../src/storage/trouble-store.ts'
import { MOST_COUNTED } from '../../src/trouble.ts'
import { seedDomains } from '../support/many-domains.ts'
import { testSealer } from '../support/sealer.ts'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'

const [FEW, MANY] = [100, 100_000]
const ROUNDS = 15

interface Installation {
  folder: string
  server: AdminServer
  operator: Somebody
  db: Database
}

const installations = new Map<number, Installation>()

beforeAll(async () => {
  for (const count of [FEW, MANY]) {
    const folder = mkdtempSync(join(tmpdir(), 'waypost-size-'))
    const file = join(folder, 'data', 'waypost.db')
    const server = await adminServer({}, { file })
    const db = await openDatabase({ url: undefined, file, isReadOnly: false })
    await seedDomains(db, count, server.clock.now())
    const { census } = server.storage
    await census.keep(await census.take(server.clock.now(), undefined))
    installations.set(count, { folder, server, db, operator: await server.person({ isOperator: true }) })
  }
}, 120_000)

afterAll(async () => {
  for (const { folder, server, db } of installations.values()) {
    await db.knex.destroy()
    await server.close()
    rmSync(folder, { recursive: true })
  }
})

/** What the first page, or a list of each kind, asks of a database, and how many rows it is given. */
async function asked({ server, db }: Installation, what: 'overview' | 'lists') {
  const { clock, deps } = server
  const statements: { sql: string; bindings: unknown[]; rows: number }[] = []
  const own = { db, clock, sealer: testSealer, newId: () => 'none', randomBytes }
  const stores = {
    census: censusStore(own),
    troubles: troubleStore(own),
    sourceDomains: sourceDomainStore(own),
    lineages: lineageStore(own),
    delegations: delegationStore(own),
    issuance: issuanceStore(own),
    jobs: jobStore(own),
    tenants: tenantStore(own),
  }
  const note = (answer: unknown, { sql, bindings }: { sql: string; bindings: unknown[] }) => {
    statements.push({ sql, bindings, rows: Array.isArray(answer) ? answer.length : 1 })
  }
  db.knex.on('query-response', note)
  if (what === 'overview') {
    const seen = overview({ ...deps, ...stores })
    await seen.troubles('all', clock.now())
    expect(await seen.census(clock.now())).toMatchObject({ tenants: 7 })
  } else
    for (const whose of ['all', 'tenant-3']) {
      const part = { after: undefined, limit: 51 }
      for (const mode of ['hosted', 'external', undefined] as const)
        await filteredDomains({ ...stores, clock }, whose, { mode })(part)
      for (const standing of DOMAIN_STANDINGS) await filteredDomains({ ...stores, clock }, whose, { standing })(part)
      for (const standing of LINEAGE_STANDINGS) await filteredLineages({ ...stores, clock }, whose, { standing })(part)
    }
  db.knex.off('query-response', note)
  return statements
}

// A walk along an index in the order that is asked for ends with the page; what was read of it is counted
const WALK = /^SCAN (?!\w+ USING (COVERING )?INDEX|CONSTANT ROW|(part|placed|counted)$)|TEMP B-TREE FOR ORDER BY/

test.each(['overview', 'lists'] as const)(
  'the %s of a hundred thousand domains: no statement walks a table or sorts, and none gives more rows than it shows',
  async (what) => {
    const many = installations.get(MANY)!
    const statements = await asked(many, what)
    expect(statements.length).toBeGreaterThan(15)
    const walks: string[][] = []
    for (const { sql, bindings, rows } of statements) {
      const plan = await many.db.knex.raw<{ detail: string }[]>(`explain query plan ${sql}`, bindings as string[])
      const lines = plan.map(({ detail }) => detail)
      // Of one lineage, or of a page of them, there are few certificates, and they may be sorted
      const isOfOne = /from .certificate. where .lineage_id. in/.test(sql)
      if (!isOfOne && lines.some((line) => WALK.test(line))) walks.push([sql, ...lines])
      expect(rows).toBeLessThanOrEqual(51)
      const limit = /limit (\d+)\) as (part|counted)/.exec(sql)?.[1]
      if (limit !== undefined) expect(Number(limit)).toBeLessThanOrEqual(MOST_COUNTED + 1)
    }
    expect(walks).toEqual([])
  },
)

// What stands before `_of` is the index of everybody's, with it that of one tenant's
test.each([
  ['unproven', 'source_domain_unproven', '_since'],
  ['wavering', 'source_domain_wavering', ''],
  ['suspended', 'source_domain_suspended', ''],
  ['expired', 'certificate_end', ''],
  ['ending', 'certificate_last_tenth', ''],
  ['failing-owner', 'issuance', '_whose'],
] as const)('the list of what is %s is read along its own index', async (standing, index, ofAll) => {
  const { server, db } = installations.get(MANY)!
  const stores = { sourceDomains: sourceDomainStore({ db, newId: () => 'none' }), clock: server.clock }
  const after = { key: standing === 'suspended' || standing === 'failing-owner' ? 'im' : 1, id: 'x' }
  for (const whose of ['all', 'tenant-3'])
    for (const part of [
      { after: undefined, limit: 51 },
      { after, limit: 51 },
    ]) {
      const plans: string[] = []
      const statements: { sql: string; bindings: unknown[] }[] = []
      const note = (statement: { sql: string; bindings: unknown[] }) => void statements.push(statement)
      db.knex.on('query', note)
      await filteredDomains(stores, whose, { standing })(part)
      db.knex.off('query', note)
      for (const { sql, bindings } of statements) {
        const plan = await db.knex.raw<{ detail: string }[]>(`explain query plan ${sql}`, bindings as string[])
        plans.push(plan[0]!.detail)
      }
      const own = whose === 'all' ? `${index}${ofAll}` : index === 'issuance' ? 'issuance_tenant' : `${index}_of`
      expect(plans).toEqual([expect.stringMatching(new RegExp(`INDEX ${own}\\b(?!_)`))])
      if (whose !== 'all') expect(plans[0]).toContain('tenant_id=?')
    }
})

test('the first page asks no more of a database with a hundred thousand domains than with a hundred', async () => {
  const counts = []
  for (const count of [FEW, MANY]) counts.push((await asked(installations.get(count)!, 'overview')).length)
  const [few, many] = counts as [number, number]
  // Three examples of each kind of trouble, of which a hundred domains have not all
  expect(many - few).toBeLessThan(45)
  const [small, large] = [await medianMs(FEW), await medianMs(MANY)]
  console.log(
    `server time of /overview: ${small.toFixed(1)} ms with ${FEW} domains, ${large.toFixed(1)} ms with ${MANY}`,
  )
})

async function medianMs(count: number): Promise<number> {
  const { operator } = installations.get(count)!
  const took: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const began = performance.now()
    const { status, text } = await operator.page('/overview')
    took.push(performance.now() - began)
    expect(status).toBe(200)
    expect(text).toContain(`>${new Intl.NumberFormat('en').format(count)}</a>`)
  }
  return took.slice(1).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)]!
}
