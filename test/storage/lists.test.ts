import { beforeAll, describe, expect, test } from 'vitest'
import type { Delegation } from '../../src/delegation/delegation.ts'
import type { SourceDomain } from '../../src/delegation/source-domain.ts'
import { domainName } from '../../src/name.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { onBothEngines } from '../support/databases.ts'
import { dice } from '../support/dice.ts'
import { aTenant, freshName } from './rows.ts'

/** All pages of a size, put together. */
async function paged<Row>(limit: number, list: (page: { limit: number; after: Row | undefined }) => Promise<Row[]>) {
  const all: Row[] = []
  for (let after: Row | undefined; ;) {
    const page = await list({ limit, after })
    all.push(...page)
    if (page.length < limit || all.length > 1000) return all // the latter: going round in a circle
    after = page.at(-1)
  }
}

/** Byte by byte, whatever the collation of the database. */
function by<Row>(...keys: ((row: Row) => string)[]) {
  return (one: Row, other: Row) => {
    for (const key of keys) if (key(one) !== key(other)) return key(one) < key(other) ? -1 : 1
    return 0
  }
}

const sizes = [1, 2, 3, 7, 50]

onBothEngines('pages of any size, put together, are the whole list in order:', (database) => {
  const { act } = database
  const roll = dice(5)
  const one = <T>(of: readonly T[]) => of[roll(of.length)]!
  let tenants: Tenant[]
  const domains: SourceDomain[] = []
  const delegations: Delegation[] = []

  beforeAll(async () => {
    const { storage } = database
    tenants = [await aTenant(database), await aTenant(database), await aTenant(database)]
    const hosts = []
    for (let i = 0; i < 3; i++)
      hosts.push(await storage.targetHosts.add({ name: freshName('hosting.example'), port: 443 }, act()))
    const owners = [null, ...tenants.map(({ id }) => id)]
    for (const owner of owners)
      for (const name of ['shared', 'b-own', 'a-own', 'Ä-own'])
        await storage.lineages.create(owner, { name, source: one(['import', 'local'] as const) }, act())
    const shared = await storage.lineages.findByName(null, 'shared')
    const names = Array.from({ length: 15 }, (_, i) =>
      domainName(`${one(['z', 'a-b', 'a', 'xn--bcher-kva', '1'])}.list${i}.example`),
    )
    for (let i = 0; i < 30; i++) {
      database.clock.advance(one([0, 1, 1000]))
      const tenant = tenants[i % 2]! // two claim each name
      const name = names[Math.floor(i / 2)]!
      const mode = one(['hosted', 'external'] as const)
      const isVouched = i % 2 === 0 && roll(2) === 0
      const { id } = await storage.sourceDomains.add(tenant.id, { name, mode, isVouched }, act())
      if (roll(3) === 0) await storage.sourceDomains.suspend(tenant.id, name, act())
      domains.push((await storage.sourceDomains.find(tenant.id, name))!)
      for (const service of ['_xmpp-server', '_xmpp-client'].slice(0, roll(3))) {
        const own = await storage.lineages.findByName(tenant.id, one(['shared', 'b-own']))
        const { id: lineageId } = one([own!, shared!])
        const terms = { tlsAnswer: 'redirect', poshAnswer: 'off', srvPort: null } as const
        delegations.push(
          await storage.delegations.register(
            tenant.id,
            { sourceDomainId: id, service, protocol: '_tcp', targetHostId: one(hosts).id, lineageId, ...terms },
            act(),
          ),
        )
      }
    }
  })

  describe('source domains', () => {
    const filters: { filter: object; isWanted: (domain: SourceDomain) => boolean }[] = [
      { filter: {}, isWanted: () => true },
      { filter: { mode: 'external' }, isWanted: ({ mode }) => mode === 'external' },
      { filter: { isProven: true }, isWanted: ({ proof }) => proof !== null },
      {
        filter: { isProven: false, mode: 'hosted' },
        isWanted: ({ proof, mode }) => proof === null && mode === 'hosted',
      },
      { filter: { isSuspended: true }, isWanted: ({ suspendedAt }) => suspendedAt !== null },
      { filter: { isSuspended: false }, isWanted: ({ suspendedAt }) => suspendedAt === null },
      { filter: { search: 'LIST1' }, isWanted: ({ name }) => name.includes('list1') },
    ]
    test.each(filters)('$filter', async ({ filter, isWanted }) => {
      for (const sort of ['name', '-name', 'created', '-created', undefined] as const)
        for (const whose of ['all', tenants[0]!.id, tenants[2]!.id]) {
          const isByName = sort === undefined || sort.endsWith('name')
          const expected = domains
            .filter((domain) => isWanted(domain) && (whose === 'all' || domain.tenantId === whose))
            .sort(
              isByName
                ? by(
                    ({ name }) => name,
                    ({ id }) => id,
                  )
                : by(({ id }) => id),
            )
          if (sort?.startsWith('-')) expected.reverse()
          for (const size of sizes)
            expect(
              await paged<SourceDomain>(size, (page) =>
                database.storage.sourceDomains.list(whose, { ...page, sort, ...filter }),
              ),
              `${sort} ${size}`,
            ).toEqual(expected)
        }
    })
  })

  test('delegations', async () => {
    const [{ targetHost }] = delegations as [Delegation]
    const lineage = 'shared'
    const filters: { filter: object; isWanted: (delegation: Delegation) => boolean }[] = [
      { filter: {}, isWanted: () => true },
      { filter: { targetHost }, isWanted: (one) => one.targetHost === targetHost },
      { filter: { lineage }, isWanted: (one) => one.lineageName === lineage },
      { filter: { lineage: 'nothing' }, isWanted: () => false },
      {
        filter: { service: { service: '_xmpp-client', protocol: '_tcp' }, targetHost },
        isWanted: (one) => one.service === '_xmpp-client' && one.targetHost === targetHost,
      },
      { filter: { service: { service: '_xmpp-client', protocol: '_udp' } }, isWanted: () => false },
    ]
    for (const { filter, isWanted } of filters)
      for (const isOldestFirst of [true, false])
        for (const whose of ['all', tenants[0]!.id]) {
          const expected = delegations.filter((one) => isWanted(one) && (whose === 'all' || one.tenantId === whose))
          expected.sort(by(({ id }) => id))
          if (!isOldestFirst) expected.reverse()
          for (const size of sizes) {
            const pages = await paged<Delegation>(size, ({ limit, after }) =>
              database.storage.delegations.list(whose, { limit, after: after?.id, isOldestFirst, ...filter }),
            )
            expect(pages, JSON.stringify(filter)).toEqual(expected)
          }
        }
    expect(delegations.filter(({ lineageName }) => lineageName === lineage).length).toBeGreaterThan(3)
  })

  test('lineages', async () => {
    const { lineages } = database.storage
    const all = await lineages.list('all', { limit: 1000 })
    expect(all).toHaveLength(16)
    for (const isDescending of [true, false])
      for (const source of ['import', 'local', undefined] as const)
        for (const whose of ['all', null, tenants[0]!.id]) {
          const expected = all
            .filter(
              (one) => (whose === 'all' || one.tenantId === whose) && (source === undefined || one.source === source),
            )
            .sort(
              by(
                ({ name }) => Buffer.from(name).toString('hex'),
                ({ id }) => id,
              ),
            )
          if (isDescending) expected.reverse()
          for (const size of sizes)
            expect(
              await paged<(typeof all)[0]>(size, (page) => lineages.list(whose, { ...page, isDescending, source })),
            ).toEqual(expected)
        }
  })

  test.each(['tenants', 'targetHosts'] as const)('%s', async (noun) => {
    const store = database.storage[noun] as typeof database.storage.tenants
    const all = (await store.list({ limit: 1000 })).sort(by(({ name }) => name))
    expect(all).toHaveLength(3)
    for (const isDescending of [true, false])
      for (const size of sizes)
        expect(
          await paged<Tenant>(size, ({ limit, after }) => store.list({ limit, after: after?.name, isDescending })),
        ).toEqual(isDescending ? all.toReversed() : all)
  })
})
