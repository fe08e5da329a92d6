import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { onBothEngines } from '../support/databases.ts'
import { aChain, aDelegation } from './rows.ts'

onBothEngines('the hosts that the edge presents a certificate for', (database) => {
  test('are held source domains and target hosts that have one, by name, a page at a time', async () => {
    const { storage, act, clock } = database
    const made = await Promise.all(Array.from({ length: 3 }, () => aDelegation(database)))
    const front = async (tenantId: string | null, name: string) => {
      const { id } = await storage.lineages.create(tenantId, { name: `front:${name}`, source: 'local' }, act())
      const staged = await storage.lineages.stage(tenantId, id, { chain: aChain(), privateKey: randomBytes(48) }, act())
      await storage.lineages.activate(tenantId, staged.id, clock.now(), act())
      return { id, sha256: staged.sha256 }
    }
    const expected: unknown[] = []
    for (const { tenant, domain } of made) {
      const { id, sha256 } = await front(tenant.id, domain.name)
      await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, id, act())
      expected.push({ name: domain.name, sha256, activatedAt: clock.now() })
    }
    const target = made[0]!.target
    const { id, sha256 } = await front(null, target)
    await storage.targetHosts.setFrontLineage(target, id, act())
    expected.push({ name: target, sha256, activatedAt: clock.now() })

    const all = async (limit: number) => {
      const found: { name: string }[] = []
      let [after, pages]: [string | null, number] = ['', 0]
      do {
        const page = await storage.presentedHosts({ after, limit })
        found.push(...page.hosts)
        after = page.end
      } while (after !== null && ++pages < 50)
      return found.sort((one, other) => (one.name < other.name ? -1 : 1))
    }
    const sorted = (expected as { name: string }[]).sort((one, other) => (one.name < other.name ? -1 : 1))
    expect(await all(100)).toEqual(sorted)
    expect(await all(1)).toEqual(sorted)

    // The edge presents a target host's own; and nothing for a source domain that is answered elsewhere
    const twice = made[0]!.domain.name
    await storage.targetHosts.add({ name: twice, port: 443 }, act())
    const shadowing = await front(null, twice)
    await storage.targetHosts.setFrontLineage(twice, shadowing.id, act())
    for (const limit of [100, 1, 2])
      expect((await all(limit)).filter(({ name }) => name === twice)).toEqual([
        expect.objectContaining({ sha256: shadowing.sha256 }),
      ])
    const elsewhere = made[2]!
    await storage.sourceDomains.setMode(elsewhere.tenant.id, elsewhere.domain.name, 'external', act())
    expect((await all(2)).map(({ name }) => name)).not.toContain(elsewhere.domain.name)
    await storage.sourceDomains.setMode(elsewhere.tenant.id, elsewhere.domain.name, 'hosted', act())

    const { tenant, domain } = made[1]!
    await storage.tenants.suspend(tenant.id, act())
    expect((await all(2)).map(({ name }) => name)).not.toContain(domain.name)
    await storage.sourceDomains.withdrawVouch(made[2]!.tenant.id, made[2]!.domain.name, act())
    expect(await all(2)).toHaveLength(2)
  })
})
