import { describe, expect, test } from 'vitest'
import type { DomainName } from '../../src/name.ts'
import { onBothEngines } from '../support/databases.ts'
import { aDelegation, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

onBothEngines('source domains', (database) => {
  const claim = async (tenantId: string, name: DomainName, isVouched = true) =>
    database.storage.sourceDomains.add(tenantId, { name, mode: 'hosted', isVouched }, database.act())

  test('a claim comes back as it was made, with the name of its tenant', async () => {
    const tenant = await aTenant(database)
    const name = freshName()
    const added = await claim(tenant.id, name)
    expect(added).toEqual({
      id: added.id,
      tenantId: tenant.id,
      tenantName: tenant.name,
      name,
      mode: 'hosted',
      proof: 'vouched',
      provenAt: database.clock.now(),
      suspendedAt: null,
      hostMeta: null,
      frontLineageId: null,
      createdAt: database.clock.now(),
    })
    expect(await database.storage.sourceDomains.find(tenant.id, name)).toEqual(added)
  })

  test('a name is claimed once by a tenant', async () => {
    const tenant = await aTenant(database)
    const name = freshName()
    await claim(tenant.id, name)
    await expect(claim(tenant.id, name)).rejects.toMatchObject({ code: 'already-exists' })
    await expect(claim(tenant.id, name, false)).rejects.toMatchObject({ code: 'already-exists' })
  })

  test('several may claim a name and one holds it, whoever was first', async () => {
    const [first, second] = [await aTenant(database), await aTenant(database)]
    const name = freshName()
    await claim(first.id, name)
    await claim(second.id, name, false)
    await expect(claim(second.id, name, false)).rejects.toMatchObject({ code: 'already-exists' })
    const third = await aTenant(database)
    await expect(claim(third.id, name)).rejects.toMatchObject({ code: 'source-domain-taken' })
    await expect(database.storage.sourceDomains.vouch(second.id, name, database.act())).rejects.toMatchObject({
      code: 'source-domain-taken',
    })
    await database.storage.sourceDomains.remove(first.id, name, database.act())
    await database.storage.sourceDomains.vouch(second.id, name, database.act())
    expect((await database.storage.sourceDomains.claims(name)).map(({ tenantId, proof }) => [tenantId, proof])).toEqual(
      [[second.id, 'vouched']],
    )
  })

  test('50 tenants who claim a name and are vouched for at the same time give one holder', async () => {
    const tenants = await Promise.all(Array.from({ length: 50 }, () => aTenant(database)))
    const name = freshName()
    const outcomes = await Promise.allSettled(
      tenants.map(async ({ id }, index) => {
        if (index % 2 === 0) return claim(id, name)
        await claim(id, name, false)
        return database.storage.sourceDomains.vouch(id, name, database.act())
      }),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'source-domain-taken' })
    const claims = await database.storage.sourceDomains.claims(name)
    expect(claims.filter(({ proof }) => proof !== null)).toHaveLength(1)
  })

  describe("another tenant's claim", () => {
    test.each([
      ['vouch', (id: string, name: DomainName) => database.storage.sourceDomains.vouch(id, name, database.act())],
      ['suspend', (id: string, name: DomainName) => database.storage.sourceDomains.suspend(id, name, database.act())],
      ['resume', (id: string, name: DomainName) => database.storage.sourceDomains.resume(id, name, database.act())],
      ['remove', (id: string, name: DomainName) => database.storage.sourceDomains.remove(id, name, database.act())],
      [
        'set host-meta of',
        (id: string, name: DomainName) => database.storage.sourceDomains.setHostMeta(id, name, null, database.act()),
      ],
      [
        'set the front lineage of',
        (id: string, name: DomainName) =>
          database.storage.sourceDomains.setFrontLineage(id, name, null, database.act()),
      ],
    ])('is not found by who would %s it, and nothing is written', async (_, act) => {
      const [owner, stranger] = [await aTenant(database), await aTenant(database)]
      const name = freshName()
      const before = await claim(owner.id, name)
      const position = await feedEnd(database)
      await expect(act(stranger.id, name)).rejects.toMatchObject({ code: 'not-found' })
      expect(await database.storage.sourceDomains.find(stranger.id, name)).toBeUndefined()
      expect(await database.storage.sourceDomains.find(owner.id, name)).toEqual(before)
      expect(await changesBehind(database, position)).toEqual([])
      expect(await database.storage.audit.list(stranger.id, { limit: 10 })).toHaveLength(1) // its own making
    })
  })

  test('a change leaves its rows, one row of the feed and one of the trail', async () => {
    const tenant = await aTenant(database)
    const name = freshName()
    const { sourceDomains, audit } = database.storage
    const steps: [action: string, act: () => Promise<unknown>][] = [
      ['source-domain.add', () => claim(tenant.id, name, false)],
      ['source-domain.vouch', () => sourceDomains.vouch(tenant.id, name, database.act())],
      ['source-domain.suspend', () => sourceDomains.suspend(tenant.id, name, database.act())],
      ['source-domain.resume', () => sourceDomains.resume(tenant.id, name, database.act())],
      [
        'source-domain.set-host-meta',
        () => sourceDomains.setHostMeta(tenant.id, name, { links: [], hostMeta2: null }, database.act()),
      ],
      ['source-domain.set-front-lineage', () => sourceDomains.setFrontLineage(tenant.id, name, null, database.act())],
      ['source-domain.remove', () => sourceDomains.remove(tenant.id, name, database.act())],
    ]
    for (const [action, act] of steps) {
      const position = await feedEnd(database)
      database.clock.advance(1000)
      await act()
      expect(await changesBehind(database, position), action).toEqual([`host ${name}`])
      expect(await audit.list(tenant.id, { limit: 1 })).toMatchObject([
        { action, subject: name, tenantId: tenant.id, at: database.clock.now(), actor: 'test', address: null },
      ])
    }
  })

  test('suspending and resuming, host-meta and front lineage come back as they were set', async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const name = freshName()
    await claim(tenant.id, name)
    const lineage = await storage.lineages.create(tenant.id, { name, source: 'local' }, act())
    const hostMeta = {
      links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://x.example/ws' }],
      hostMeta2: null,
    }
    await storage.sourceDomains.setHostMeta(tenant.id, name, hostMeta, act())
    await storage.sourceDomains.setFrontLineage(tenant.id, name, lineage.id, act())
    await storage.sourceDomains.suspend(tenant.id, name, act())
    expect(await storage.sourceDomains.find(tenant.id, name)).toMatchObject({
      hostMeta,
      frontLineageId: lineage.id,
      suspendedAt: database.clock.now(),
    })
    await storage.sourceDomains.resume(tenant.id, name, act())
    await storage.sourceDomains.setHostMeta(tenant.id, name, null, act())
    expect(await storage.sourceDomains.find(tenant.id, name)).toMatchObject({ hostMeta: null, suspendedAt: null })
  })

  test("another tenant's lineage cannot be put to use", async () => {
    const { storage, act } = database
    const [tenant, stranger] = [await aTenant(database), await aTenant(database)]
    const name = freshName()
    await claim(tenant.id, name)
    const theirs = await storage.lineages.create(stranger.id, { name, source: 'import' }, act())
    const operators = await storage.lineages.create(null, { name, source: 'import' }, act())
    await expect(storage.sourceDomains.setFrontLineage(tenant.id, name, theirs.id, act())).rejects.toMatchObject({
      code: 'not-found',
    })
    await storage.sourceDomains.setFrontLineage(tenant.id, name, operators.id, act())
  })

  test('removing takes the delegations along and tells of every host that it touches', async () => {
    const { tenant, domain, delegation, target } = await aDelegation(database)
    const position = await feedEnd(database)
    await database.storage.sourceDomains.remove(tenant.id, domain.name, database.act())
    expect(await database.storage.delegations.find(tenant.id, delegation.id)).toBeUndefined()
    expect((await changesBehind(database, position)).sort()).toEqual([`host ${domain.name}`, `host ${target}`].sort())
  })

  test('many are added in one transaction; what the tenant has already is left as it is', async () => {
    const tenant = await aTenant(database)
    const [known, fresh, twice] = [freshName(), freshName(), freshName()]
    const before = await claim(tenant.id, known, false)
    const position = await feedEnd(database)
    const added = await database.storage.sourceDomains.addMany(
      tenant.id,
      [known, fresh, twice, twice].map((name) => ({ name, mode: 'external', isVouched: true })),
      database.act(),
    )
    expect([...added].sort()).toEqual([fresh, twice].sort())
    expect(await database.storage.sourceDomains.find(tenant.id, known)).toEqual(before)
    expect((await changesBehind(database, position)).sort()).toEqual([`host ${fresh}`, `host ${twice}`].sort())
    expect((await database.storage.audit.list(tenant.id, { limit: 2 })).map(({ subject }) => subject).sort()).toEqual(
      [fresh, twice].sort(),
    )
  })

  test('of many, one name that another tenant holds leaves nothing', async () => {
    const [tenant, holder] = [await aTenant(database), await aTenant(database)]
    const names = Array.from({ length: 1200 }, () => freshName())
    await claim(holder.id, names[1100]!)
    const position = await feedEnd(database)
    const many = names.map((name) => ({ name, mode: 'hosted' as const, isVouched: true }))
    await expect(database.storage.sourceDomains.addMany(tenant.id, many, database.act())).rejects.toMatchObject({
      code: 'source-domain-taken',
      message: expect.stringContaining(names[1100]!) as string,
    })
    expect(await database.storage.sourceDomains.list(tenant.id, { limit: 10 })).toEqual([])
    expect(await changesBehind(database, position)).toEqual([])
    await database.storage.sourceDomains.addMany(
      tenant.id,
      many.map((domain) => ({ ...domain, isVouched: false })),
      database.act(),
    )
    expect(await database.storage.sourceDomains.list(tenant.id, { limit: 2000 })).toHaveLength(1200)
  })

  test('pages go through all claims in order, also where tenants claim the same name', async () => {
    const tenants = [await aTenant(database), await aTenant(database), await aTenant(database)]
    const names = ['a', 'b', 'c', 'd'].map((label) => freshName(`${label}.paging.example`))
    for (const { id } of tenants) for (const name of names) await claim(id, name, false)
    const seen: string[] = []
    let after: { name: DomainName; id: string } | undefined
    for (;;) {
      const page = await database.storage.sourceDomains.list('all', {
        limit: 5,
        search: 'PAGING.example',
        ...(after && { after }),
      })
      seen.push(...page.map(({ id }) => id))
      if (page.length < 5) break
      after = page.at(-1)
    }
    expect(new Set(seen).size).toBe(12)
    expect(seen).toHaveLength(12)
    const tenantId = tenants[0]!.id
    const [, second] = await database.storage.sourceDomains.list(tenantId, { limit: 2 })
    const rest = await database.storage.sourceDomains.list(tenantId, { limit: 10, after: second! })
    expect(rest.map(({ name }) => name)).toEqual([...names].sort().slice(2))
  })

  test('a search takes % and _ and backslash as letters, and finds an A-label by its U-label', async () => {
    const tenant = await aTenant(database)
    const name = freshName('xn--bcher-kva.example')
    await claim(tenant.id, name)
    const search = async (text: string) =>
      (await database.storage.sourceDomains.list(tenant.id, { limit: 10, search: text })).map((domain) => domain.name)
    expect(await search('bücher')).toEqual([name])
    expect(await search(' Kva.EXAMPLE ')).toEqual([name])
    expect(await search('kva_example')).toEqual([])
    expect(await search('%')).toEqual([])
    expect(await search('\\')).toEqual([])
  })

  test('held and hosted names without a front lineage are wanting one', async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const [wanting, unproven, served, external] = [freshName(), freshName(), freshName(), freshName()]
    await claim(tenant.id, wanting)
    await claim(tenant.id, unproven, false)
    await claim(tenant.id, served)
    await storage.sourceDomains.add(tenant.id, { name: external, mode: 'external', isVouched: true }, act())
    const lineage = await storage.lineages.create(tenant.id, { name: served, source: 'local' }, act())
    await storage.sourceDomains.setFrontLineage(tenant.id, served, lineage.id, act())
    const found = (await storage.sourceDomains.wantingFront(1000)).filter(({ tenantId }) => tenantId === tenant.id)
    expect(found).toEqual([{ tenantId: tenant.id, name: wanting }])
  })
})
