import { beforeAll, describe, expect, test } from 'vitest'
import { frontLineageName, type CertificateTrouble, type Place } from '../../src/certificate/lineage.ts'
import { SOURCE_DOMAIN_TROUBLES, type SourceDomainTrouble } from '../../src/delegation/source-domain.ts'
import { domainName } from '../../src/name.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { MOST_COUNTED, type Trouble } from '../../src/trouble.ts'
import { onBothEngines } from '../support/databases.ts'
import { A_PROBLEM, aChain, aDelegation, aTenant } from './rows.ts'

const DAY_MS = 86_400_000

onBothEngines('what may need a hand', (database) => {
  const { clock, act } = database
  const at = (days: number) => new Date(clock.now().getTime() + days * DAY_MS)
  const tenants: Record<string, Tenant> = {}

  /** A domain whose name says what is wrong with it. */
  async function domain(whose: string, name: string, columns: Record<string, unknown>): Promise<string> {
    const { storage, db } = database
    const tenant = tenants[whose]!
    const { id } = await storage.sourceDomains.add(
      tenant.id,
      { name: domainName(name), mode: name.startsWith('ext') ? 'external' : 'hosted', isVouched: false },
      act(),
    )
    await db.knex('source_domain').where({ id }).update(columns)
    return id
  }

  async function lineage(whose: string | null, name: string, lifetimeDays: number, daysLeft: number): Promise<string> {
    const { lineages } = database.storage
    const tenantId = whose === null ? null : tenants[whose]!.id
    const { id } = await lineages.create(tenantId, { name, source: 'acme' }, act())
    const chain = aChain()
    Object.assign(chain.leaf, { notBefore: at(daysLeft - lifetimeDays), notAfter: at(daysLeft) })
    const staged = await lineages.stage(tenantId, id, { chain, privateKey: Buffer.from('key') }, act())
    await lineages.activate(tenantId, staged.id, at(1), act())
    return id
  }

  async function front(whose: string, name: string, lifetimeDays: number, daysLeft: number): Promise<void> {
    const held = { proof: 'vouched', proven_at: 1, seen_at: 1 }
    const id = await domain(whose, name, held)
    const made = await lineage(whose, frontLineageName(domainName(name)), lifetimeDays, daysLeft)
    await database.db.knex('source_domain').where({ id }).update({ front_lineage_id: made })
  }

  async function failing(whose: string, name: string, affair: 'owner' | 'authority' | 'operator'): Promise<void> {
    const { storage } = database
    await domain(whose, name, { proof: 'vouched', proven_at: 1, seen_at: 1 })
    const { id } = await storage.lineages.create(
      tenants[whose]!.id,
      { name: frontLineageName(domainName(name)), source: 'acme' },
      act(),
    )
    const memory = { lineageId: id, failures: 1, failedAt: at(0), problem: A_PROBLEM, whose: affair, nextAt: at(1) }
    await storage.issuance.failed({ ...memory, authorityId: null, failuresOfAuthority: 0, challengeType: null }, act())
  }

  beforeAll(async () => {
    for (const name of ['a', 'b']) tenants[name] = await aTenant(database)
    const held = (days: number) => ({
      proof: 'txt',
      proven_at: 1,
      seen_at: 1,
      wavering_since: at(days).getTime(),
      misses: 1,
    })
    await domain('a', 'unproven-2.example', { created_at: at(-9).getTime() })
    await domain('a', 'unproven-1.example', { created_at: at(-20).getTime() })
    await domain('a', 'ext-unproven-4.example', { created_at: at(-2).getTime() })
    await domain('b', 'unproven-3.example', { created_at: at(-30).getTime(), lapsed_at: at(-8).getTime() })
    await domain('b', 'wavering-1.example', held(-2))
    await domain('a', 'wavering-2.example', held(-1))
    const suspended = { proof: 'vouched', proven_at: 1, seen_at: 1, suspended_at: 1 }
    for (const whose of ['b', 'a']) await domain(whose, `suspended-${whose}.example`, suspended)
    await front('a', 'expired-2.example', 90, -1)
    await front('b', 'expired-1.example', 6, -2)
    await front('a', 'ending-1.example', 90, 8)
    await front('b', 'ending-2.example', 6.6, 0.65)
    await front('a', 'fine.example', 90, 9.1)
    await lineage(null, 'ours.example', 90, 1)
    for (const whose of ['b', 'a'])
      for (const affair of ['owner', 'authority', 'operator'] as const)
        await failing(whose, `failing-${affair}-${whose}.example`, affair)
    const { tenant, domain: external, delegation } = await aDelegation(database, { tenant: tenants['b']! })
    const look = { outcome: 'wrong', found: 'a page', checkedAt: at(0) } as const
    await database.storage.delegations.noteRuleCheck(tenant.id, delegation.id, look)
    expect(external.name).toBeDefined()
  })

  async function pages<Item>(
    list: (after: Place | undefined) => Promise<(Item & { place: Place })[]>,
  ): Promise<Item[]> {
    const all: Item[] = []
    for (let after: Place | undefined; ;) {
      const [one, ...others] = await list(after)
      expect(others).toEqual([])
      if (!one) return all
      all.push(one)
      expect(all.length).toBeLessThan(20) // or a page leads to itself
      after = one.place
    }
  }

  describe('source domains', () => {
    test.each<[SourceDomainTrouble, string[]]>([
      ['unproven', ['unproven-1', 'unproven-2', 'unproven-3', 'ext-unproven-4']],
      ['wavering', ['wavering-1', 'wavering-2']],
      ['suspended', ['suspended-a', 'suspended-b']],
      ['expired', ['expired-1', 'expired-2']],
      ['ending', ['ending-1', 'ending-2']],
      ['failing-owner', ['failing-owner-a', 'failing-owner-b']],
      ['failing-authority', ['failing-authority-a', 'failing-authority-b']],
      ['failing-operator', ['failing-operator-a', 'failing-operator-b']],
    ])('%s: in their order, page by page', async (trouble, names) => {
      const { sourceDomains } = database.storage
      const listed = (whose: string, others = {}) =>
        pages((after) => sourceDomains.listTroubled(whose, { trouble, limit: 1, after, ...others }, clock.now()))
      const all = await listed('all')
      expect(all.map(({ name }) => name.replace('.example', ''))).toEqual(names)
      for (const { id } of Object.values(tenants))
        expect((await listed(id)).map(({ name }) => name)).toEqual(
          all.filter(({ tenantId }) => tenantId === id).map(({ name }) => name),
        )
      const [first = ''] = names
      expect((await listed('all', { search: first })).map(({ name }) => name)).toEqual([`${first}.example`])
      const external = names.filter((name) => name.startsWith('ext-')).map((name) => `${name}.example`)
      expect((await listed('all', { mode: 'external' })).map(({ name }) => name)).toEqual(external)
    })

    test('the table has every one', () => {
      expect(SOURCE_DOMAIN_TROUBLES).toHaveLength(8)
    })
  })

  test.each<[CertificateTrouble, string[]]>([
    ['expired', ['front:expired-1', 'front:expired-2']],
    ['ending', ['ours', 'front:ending-1', 'front:ending-2']],
    ['failing-owner', ['front:failing-owner-a', 'front:failing-owner-b']],
    ['failing-authority', ['front:failing-authority-a', 'front:failing-authority-b']],
    ['failing-operator', ['front:failing-operator-a', 'front:failing-operator-b']],
  ])('lineages, %s', async (trouble, names) => {
    const { lineages } = database.storage
    const listed = (whose: string | null) =>
      pages((after) => lineages.listTroubled(whose, { trouble, limit: 1, after }, clock.now()))
    const all = await listed('all')
    expect(all.map(({ name }) => name.replace('.example', ''))).toEqual(names)
    for (const whose of [null, ...Object.values(tenants).map(({ id }) => id)])
      expect((await listed(whose)).map(({ name }) => name)).toEqual(
        all.filter(({ tenantId }) => tenantId === whose).map(({ name }) => name),
      )
  })

  test('of delegations those whose redirect rule was wrong at the last look', async () => {
    const { delegations } = database.storage
    const listed = async (whose: string) => (await delegations.list(whose, { limit: 9, isRuleWrong: true })).length
    expect([await listed('all'), await listed(tenants['a']!.id), await listed(tenants['b']!.id)]).toEqual([1, 0, 1])
  })

  test('are counted, those of one tenant by themselves, and as few as are wanted', async () => {
    const { storage, db } = database
    const { jobs, troubles } = storage
    await jobs.enqueue({ kind: 'proof-check', key: 'x', payload: {}, runAt: at(0) })
    const job = (await jobs.claim('w', ['proof-check'], clock.now(), at(1)))!
    await jobs.postpone(job, at(2), 'no answer')
    const counts = (whose: string) => troubles.count(whose, clock.now(), at(-7))
    const none = {
      ...{ expired: 0, ending: 0, 'failing-operator': 0, 'failing-authority': 0, 'failing-owner': 0 },
      ...{ wavering: 0, unproven: 0, 'rule-wrong': 0, 'failed-jobs': 0 },
    } satisfies Record<Trouble, number>
    const failing = { 'failing-operator': 1, 'failing-authority': 1, 'failing-owner': 1 }
    const all = { 'failing-operator': 2, 'failing-authority': 2, 'failing-owner': 2 }
    expect(await counts('all')).toEqual({
      ...{ ...none, ...all, expired: 2, ending: 3, wavering: 2, unproven: 3 },
      ...{ 'rule-wrong': 1, 'failed-jobs': 1 },
    })
    expect(await counts(tenants['a']!.id)).toEqual({
      ...{ ...none, ...failing, expired: 1, ending: 1, wavering: 1, unproven: 2 },
    })
    expect(await counts(tenants['b']!.id)).toEqual({
      ...{ ...none, ...failing, expired: 1, ending: 1, wavering: 1, unproven: 1, 'rule-wrong': 1 },
    })
    const row = (i: number) => ({
      ...{ id: `many ${i}`, tenant_id: tenants['a']!.id, name: `${i}.many.example`, mode: 'external' },
      ...{ misses: 0, created_at: 1, changed_at: 1 },
    })
    await db.knex.batchInsert(
      'source_domain',
      Array.from({ length: 1500 }, (_, i) => row(i)),
      100,
    )
    expect(await counts('all')).toMatchObject({ unproven: MOST_COUNTED + 1 })
  })
})
