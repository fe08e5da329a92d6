/**
 * The server time of the first page, and of lists by how things stand, with a hundred source domains and with a hundred
 * thousand: `npm run bench:overview`. Both installations are asked in turn.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../src/storage/database.ts'
import { adminServer, type AdminServer, type Somebody } from '../admin/admin-server.ts'
import { seedDomains } from '../support/many-domains.ts'

const SIZES = [100, 100_000] as const
const ROUNDS = 40
const PATHS = [
  '/overview',
  '/overview?tenant=tenant-3',
  '/source-domains',
  '/source-domains?standing=unproven',
  '/source-domains?standing=suspended&tenant=tenant-3',
  '/source-domains?standing=failing-owner',
  '/source-domains?mode=external',
  '/certificates?standing=ending',
  '/certificates?standing=expired&tenant=tenant-3',
  '/delegations?standing=rule-wrong',
]

const folder = mkdtempSync(join(tmpdir(), 'waypost-overview-'))
const sites: { server: AdminServer; operator: Somebody; took: Map<string, number[]> }[] = []
try {
  for (const size of SIZES) {
    const file = join(folder, String(size), 'waypost.db')
    const server = await adminServer({}, { file })
    const db = await openDatabase({ url: undefined, file, isReadOnly: false })
    await seedDomains(db, size, server.clock.now())
    await db.knex.destroy()
    const began = performance.now()
    const { census } = server.storage
    await census.keep(await census.take(server.clock.now(), undefined))
    console.log(`${size} domains counted in ${(performance.now() - began).toFixed(0)} ms`)
    sites.push({ server, operator: await server.person({ isOperator: true }), took: new Map() })
  }
  for (let round = 0; round <= ROUNDS; round++)
    for (const path of PATHS)
      for (const { operator, took } of sites) {
        const began = performance.now()
        const { status } = await operator.page(path)
        if (status !== 200) throw new Error(`${path} answers ${status}`)
        if (round > 0) took.set(path, [...(took.get(path) ?? []), performance.now() - began])
      }
} finally {
  for (const { server } of sites) await server.close()
  rmSync(folder, { recursive: true })
}

console.log(`| ms | ${SIZES.map((size) => `${size} domains`).join(' | ')} | ratio |\n|---|---|---|---|`)
for (const path of PATHS) {
  const [few, many] = sites.map(({ took }) => median(took.get(path) ?? [])) as [number, number]
  console.log(`| ${path} | ${few.toFixed(1)} | ${many.toFixed(1)} | ${(many / few).toFixed(2)} |`)
}
console.log(`\nMedians of ${ROUNDS} interleaved rounds, over HTTP on the loopback.`)

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}
