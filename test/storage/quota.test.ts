import { describe, expect, test } from 'vitest'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import type { ImportedDelegation } from '../../src/delegation/source-domain.ts'
import { ProblemError } from '../../src/problem.ts'
import { NO_QUOTAS, type Quotas, type Tenant } from '../../src/tenant/tenant.ts'
import { onBothEngines } from '../support/databases.ts'
import { aDelegation, anImport, aTenant, freshName } from './rows.ts'

onBothEngines('quotas', (database) => {
  const { act } = database
  const limited = async (quotas: Partial<Quotas>): Promise<Tenant> =>
    database.storage.tenants.setQuotas((await aTenant(database)).id, { ...NO_QUOTAS, ...quotas }, act())
  const refusal = (quota: number, what: string) => ({
    code: 'quota-reached',
    message: expect.stringMatching(new RegExp(`\\b${quota} ${what}.*operator`)) as string,
  })

  /** One more of each, by the tenant. */
  const adders = {
    sourceDomains: (tenant: Tenant) =>
      database.storage.sourceDomains.add(tenant.id, { name: freshName(), mode: 'hosted', isVouched: true }, act()),
    delegations: (tenant: Tenant) => aDelegation(database, { tenant }),
    lineages: (tenant: Tenant) =>
      database.storage.lineages.create(tenant.id, { name: freshName(), source: 'import' }, act()),
  } satisfies Record<keyof Quotas, (tenant: Tenant) => Promise<unknown>>
  const names = { sourceDomains: 'source domains', delegations: 'delegations', lineages: 'certificate lineages' }
  const kinds = Object.keys(adders) as (keyof Quotas)[]

  test.each(kinds)('of %s: as many as it says and no more, until it is raised', async (what) => {
    const { tenants } = database.storage
    const tenant = await limited({ [what]: 2 })
    for (let i = 0; i < 2; i++) await adders[what](tenant)
    await expect(adders[what](tenant)).rejects.toMatchObject(refusal(2, names[what]))
    expect((await tenants.count(tenant.id))[what]).toBe(2)
    await adders[what](await aTenant(database)) // nobody else is concerned
    await tenants.setQuotas(tenant.id, { ...NO_QUOTAS, [what]: 3 }, act())
    await adders[what](tenant)
    await tenants.setQuotas(tenant.id, { ...NO_QUOTAS, [what]: 1 }, act())
    await expect(adders[what](tenant)).rejects.toMatchObject(refusal(1, names[what]))
    expect((await tenants.count(tenant.id))[what]).toBe(3) // what is there stays
    await tenants.setQuotas(tenant.id, NO_QUOTAS, act())
    await adders[what](tenant)
  })

  test.each(kinds)('of %s: many who add at once by several nodes do not get past it', async (what) => {
    const tenant = await aTenant(database)
    const nodes = [database.storage, await database.open(), await database.open()]
    const { delegation, target } = await aDelegation(database)
    const targetHostId = (await database.storage.targetHosts.find(target))!.id
    const domains = await Promise.all(Array.from({ length: 12 }, () => adders.sourceDomains(tenant)))
    const had = (await database.storage.tenants.count(tenant.id))[what]
    const quota = had + 5
    await database.storage.tenants.setQuotas(tenant.id, { ...NO_QUOTAS, [what]: quota }, act())
    const outcomes = await Promise.allSettled(
      domains.map(({ id: sourceDomainId }, index) => {
        const node = nodes[index % 3]!
        const name = freshName()
        return {
          sourceDomains: () => node.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act()),
          delegations: () =>
            node.delegations.register(tenant.id, { ...delegation, targetHostId, sourceDomainId }, act()),
          lineages: () => node.lineages.create(tenant.id, { name, source: 'import' }, act()),
        }[what]()
      }),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(refusal(quota, names[what]))
    expect((await database.storage.tenants.count(tenant.id))[what]).toBe(quota)
  })

  test('what is there already is said to be, also where the quota is reached', async () => {
    const tenant = await limited({ sourceDomains: 1 })
    const { name } = await adders.sourceDomains(tenant)
    await expect(
      database.storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act()),
    ).rejects.toMatchObject({ code: 'already-exists' })
  })

  test("the front lineages of a tenant's own source domains do not count, others of such a name do", async () => {
    const { lineages, tenants } = database.storage
    const tenant = await limited({ lineages: 1 })
    const { name } = await adders.sourceDomains(tenant)
    await adders.lineages(tenant)
    await lineages.create(tenant.id, { name: frontLineageName(name), source: 'local' }, act())
    expect((await tenants.count(tenant.id)).lineages).toBe(1)
    await expect(
      lineages.create(tenant.id, { name: frontLineageName(freshName()), source: 'import' }, act()),
    ).rejects.toMatchObject(refusal(1, names.lineages))
    await tenants.setQuotas(tenant.id, { ...NO_QUOTAS, lineages: 2 }, act())
    await lineages.create(tenant.id, { name: frontLineageName(freshName()), source: 'import' }, act())
    await expect(adders.lineages(tenant)).rejects.toMatchObject(refusal(2, names.lineages))
    await lineages.create(null, { name: freshName(), source: 'import' }, act()) // the operator has none
    await tenants.setQuotas(tenant.id, { ...NO_QUOTAS, lineages: 0 }, act())
    const second = await adders.sourceDomains(tenant)
    await lineages.create(tenant.id, { name: frontLineageName(second.name), source: 'local' }, act())
  })

  describe('in an import', () => {
    const codes = (outcomes: (string | ProblemError)[]) =>
      outcomes.map((outcome) => (outcome instanceof ProblemError ? outcome.code : outcome))

    async function toTarget(): Promise<ImportedDelegation> {
      const { delegation } = await aDelegation(database)
      return { ...delegation, lineage: delegation.lineageName }
    }

    test('refuse the lines for which there is no room, in their order, and no other', async () => {
      const { sourceDomains, tenants } = database.storage
      const [tenant, free] = [await limited({ sourceDomains: 4, delegations: 3 }), await aTenant(database)]
      const delegation = await toTarget()
      const both = [delegation, { ...delegation, service: '_xmpp-client' }]
      const there = anImport(tenant.id)
      expect(codes(await sourceDomains.importMany([there, anImport(tenant.id)], act()))).toEqual(['added', 'added'])
      const lines = [
        there,
        anImport(tenant.id, { delegations: [{ ...delegation, lineage: 'nothing' }] }), // takes no room
        anImport(tenant.id, { delegations: both }),
        anImport(tenant.id, { delegations: both }), // one delegation too many, and so no domain either
        anImport(free.id, { delegations: both }),
        { ...there, delegations: [delegation] },
        anImport(tenant.id),
        anImport(tenant.id),
      ]
      const expected = [
        'there already',
        'not-found',
        'added',
        'quota-reached',
        'added',
        'there already',
        'added',
        'quota-reached',
      ]
      expect(codes(await sourceDomains.rehearseImport(lines))).toEqual(expected)
      const outcomes = await sourceDomains.importMany(lines, act())
      expect(codes(outcomes)).toEqual(expected)
      expect(outcomes[3]).toMatchObject(refusal(3, names.delegations))
      expect(outcomes[7]).toMatchObject(refusal(4, names.sourceDomains))
      expect(await tenants.count(tenant.id)).toMatchObject({ sourceDomains: 4, delegations: 3 })
      expect(await tenants.count(free.id)).toMatchObject({ sourceDomains: 1, delegations: 2 })
      const again = lines.filter((_, index) => [0, 2, 5, 6].includes(index))
      await tenants.setQuotas(tenant.id, { ...NO_QUOTAS, sourceDomains: 1, delegations: 1 }, act())
      expect(codes(await sourceDomains.importMany(again, act()))).toEqual(again.map(() => 'there already'))
    })

    test('hold over more lines than one statement takes, and a name that another holds takes no room', async () => {
      const tenant = await limited({ sourceDomains: 700 })
      const held = anImport((await aTenant(database)).id)
      const { sourceDomains, tenants } = database.storage
      await sourceDomains.importMany([held], act())
      const lines = [{ ...held, tenantId: tenant.id }, ...Array.from({ length: 900 }, () => anImport(tenant.id))]
      const outcomes = codes(await sourceDomains.importMany(lines, act()))
      expect(outcomes[0]).toBe('source-domain-taken')
      expect(outcomes.slice(1, 701)).toEqual(Array(700).fill('added'))
      expect(outcomes.slice(701)).toEqual(Array(200).fill('quota-reached'))
      expect((await tenants.count(tenant.id)).sourceDomains).toBe(700)
    })

    test('hold where several import and claim at once, with the tenants in any order', async () => {
      const tenants = [await limited({ sourceDomains: 50 }), await limited({ sourceDomains: 50 })]
      const nodes = [database.storage, await database.open()]
      const imports = Array.from({ length: 6 }, (_, index) => {
        const lines = Array.from({ length: 40 }, (_, line) => anImport(tenants[line % 2]!.id))
        return nodes[index % 2]!.sourceDomains.importMany(index < 3 ? lines : lines.toReversed(), act())
      })
      const adding = tenants.map((tenant) => Promise.allSettled([1, 2, 3].map(() => adders.sourceDomains(tenant))))
      const outcomes = codes((await Promise.all(imports)).flat())
      await Promise.all(adding)
      expect(new Set(outcomes)).toEqual(new Set(['added', 'quota-reached']))
      for (const { id } of tenants) expect((await database.storage.tenants.count(id)).sourceDomains).toBe(50)
    })
  })
})
