import { expect, test } from 'vitest'
import { dayOf, type Census } from '../../src/census.ts'
import { onBothEngines } from '../support/databases.ts'
import { aChain, aDelegation, aTenant, anOrderable, A_PROBLEM, freshName } from './rows.ts'

const DAY_MS = 86_400_000

onBothEngines('a census', (database) => {
  const { clock, act } = database
  const now = () => clock.now()

  async function inUse(lifetimeDays: number, daysLeft: number): Promise<void> {
    const { lineages } = database.storage
    const notAfter = new Date(now().getTime() + daysLeft * DAY_MS)
    const chain = aChain()
    Object.assign(chain.leaf, { notBefore: new Date(notAfter.getTime() - lifetimeDays * DAY_MS), notAfter })
    const { id } = await lineages.create(null, { name: freshName('used.example'), source: 'import' }, act())
    const staged = await lineages.stage(null, id, { chain, privateKey: null }, act())
    await lineages.activate(null, staged.id, notAfter, act())
  }

  test('counts what there is, certificates by their lifetime and the tenths that are left of it', async () => {
    const { storage } = database
    const tenant = await aTenant(database)
    for (const mode of ['hosted', 'external', 'external'] as const)
      await storage.sourceDomains.add(tenant.id, { name: freshName(), mode, isVouched: mode === 'external' }, act())
    await aDelegation(database, { tenant, name: freshName() })
    const suspended = await storage.sourceDomains.add(
      tenant.id,
      { name: freshName(), mode: 'hosted', isVouched: false },
      act(),
    )
    await storage.sourceDomains.suspend(tenant.id, suspended.name, act())
    for (const [lifetime, left] of [
      ...[[90, 90] as const, [90, 100] as const, [90, 50] as const, [90, 51] as const, [90, 5] as const],
      ...[[90, -1] as const, [45, 10] as const, [6.5, 3] as const, [400, 399] as const],
    ])
      await inUse(lifetime, left)
    const census = await storage.census.take(now(), undefined)
    expect(census).toMatchObject({
      ...{ at: now(), tenants: 1, targetHosts: 1, delegations: 1, lineages: 10, ordersEnded: [] },
      sourceDomains: { all: 5, external: 2, proven: 3, suspended: 1 },
    })
    const order = (one: Census['certificates'][number]) => (one.lifetime ?? 1000) * 100 + one.tenthsLeft
    expect(census.certificates.toSorted((a, b) => order(a) - order(b))).toEqual([
      { lifetime: 10, tenthsLeft: 4, count: 1 },
      { lifetime: 50, tenthsLeft: 2, count: 1 },
      { lifetime: 100, tenthsLeft: -1, count: 1 },
      { lifetime: 100, tenthsLeft: 0, count: 1 },
      { lifetime: 100, tenthsLeft: 5, count: 2 },
      { lifetime: 100, tenthsLeft: 9, count: 2 },
      { lifetime: null, tenthsLeft: 9, count: 1 },
    ])
    expect(await storage.census.takeIfSmall(now())).toEqual(census)
  })

  test('counts orders by the day on which they ended; a day that was over is not counted again', async () => {
    const { storage, db } = database
    const first = dayOf(now())
    const orderable = await anOrderable(database)
    const end = async (outcome: 'failed' | 'abandoned') => {
      const { id } = await storage.orders.begin(orderable.order, Buffer.of(1), act())
      await storage.orders.end(id, outcome, A_PROBLEM, act())
    }
    for (const outcome of ['failed', 'failed', 'abandoned'] as const) await end(outcome)
    clock.advance(DAY_MS)
    await end('failed')
    const census = await storage.census.take(now(), undefined)
    expect(census.ordersEnded).toEqual([
      { day: first, issued: 0, failed: 2, abandoned: 1 },
      { day: first + 1, issued: 0, failed: 1, abandoned: 0 },
    ])
    await storage.census.keep(census)
    await db
      .knex('acme_order')
      .where('finished_at', '<', (first + 1) * DAY_MS)
      .del()
    await end('abandoned')
    const kept = (await storage.census.latest())!
    expect(kept).toEqual(census)
    expect((await storage.census.take(now(), kept)).ordersEnded).toEqual([
      { day: first, issued: 0, failed: 2, abandoned: 1 },
      { day: first + 1, issued: 0, failed: 1, abandoned: 1 },
    ])
    clock.advance(30 * DAY_MS)
    expect((await storage.census.take(now(), kept)).ordersEnded).toEqual([])
  })

  test('goes on where one step ended, and takes nothing at once of what there is much of', async () => {
    const { storage, db } = database
    const tenant = await aTenant(database)
    const before = await storage.census.take(now(), undefined)
    const many = 4100
    const row = (i: number) => ({
      ...{ id: `many ${i}`, tenant_id: tenant.id, name: `${i}.many.example`, mode: 'external' },
      ...{ misses: 0, created_at: 1, changed_at: 1 },
    })
    await db.knex.batchInsert(
      'source_domain',
      Array.from({ length: many }, (_, i) => row(i)),
      100,
    )
    const lineage = { ...{ source: 'acme', created_at: 1, changed_at: 1 } }
    const lineages = Array.from({ length: many }, (_, i) => ({ ...lineage, id: `many ${i}`, name: `many ${i}` }))
    await db.knex.batchInsert('lineage', lineages, 100)
    const certificate = (i: number) => ({
      ...{ id: `many ${i}`, lineage_id: `many ${i}`, chain_pem: '', sha256: `${i}`, spki_sha256: '', subject: '' },
      ...{ issuer: '', serial: '', key_type: '', dns_names: '[]', not_before: 1, not_after: 2, staged_at: 1 },
      activated_at: 1,
    })
    await db.knex.batchInsert(
      'certificate',
      Array.from({ length: many }, (_, i) => certificate(i)),
      40,
    )
    const order = (i: number) => ({
      ...{ id: `many ${i}`, lineage_id: `many ${i}`, authority_id: 'x', identifiers: '[]', csr: Buffer.of(1) },
      ...{ status: 'invalid', new_orders: 1, authorizations: '[]', created_at: 1, outcome: 'failed' },
      finished_at: now().getTime(), // all of one millisecond
    })
    await db.knex.batchInsert(
      'acme_order',
      Array.from({ length: many }, (_, i) => order(i)),
      40,
    )
    const census = await storage.census.take(now(), undefined)
    expect(census.sourceDomains.all).toBe(before.sourceDomains.all + many)
    expect(census.sourceDomains.external).toBe(before.sourceDomains.external + many)
    expect(census.certificates).toContainEqual({ lifetime: 10, tenthsLeft: -1, count: many + 1 })
    expect(census.ordersEnded).toEqual([{ day: dayOf(now()), issued: 0, failed: many, abandoned: 0 }])
    expect(await storage.census.takeIfSmall(now())).toBeUndefined()
  })
})
