import { describe, expect, test } from 'vitest'
import type { ImportedDelegation } from '../../src/delegation/source-domain.ts'
import type { DomainName } from '../../src/name.ts'
import { ProblemError } from '../../src/problem.ts'
import { lapsedSince } from '../../src/tenant/control.ts'
import { PROOF_CHECK } from '../../src/tenant/proof-checks.ts'
import { onBothEngines } from '../support/databases.ts'
import { aDelegation, anImport, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

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
      seenAt: database.clock.now(),
      waveringSince: null,
      misses: 0,
      lapsedAt: null,
      suspendedAt: null,
      hostMeta: null,
      frontLineageId: null,
      createdAt: database.clock.now(),
      revision: 1,
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
      [
        'no longer vouch for',
        (id: string, name: DomainName) => database.storage.sourceDomains.withdrawVouch(id, name, database.act()),
      ],
      [
        'set the mode of',
        (id: string, name: DomainName) => database.storage.sourceDomains.setMode(id, name, 'external', database.act()),
      ],
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

  test('a change leaves its rows, one of the trail and, where the name is held, one of the feed', async () => {
    const tenant = await aTenant(database)
    const name = freshName()
    const { sourceDomains, audit } = database.storage
    const steps: [action: string, act: () => Promise<unknown>][] = [
      ['source-domain.add', () => claim(tenant.id, name, false)],
      ['source-domain.vouch', () => sourceDomains.vouch(tenant.id, name, database.act())],
      ['source-domain.set-mode', () => sourceDomains.setMode(tenant.id, name, 'external', database.act())],
      ['source-domain.suspend', () => sourceDomains.suspend(tenant.id, name, database.act())],
      ['source-domain.resume', () => sourceDomains.resume(tenant.id, name, database.act())],
      [
        'source-domain.set-host-meta',
        () => sourceDomains.setHostMeta(tenant.id, name, { links: [], hostMeta2: null }, database.act()),
      ],
      ['source-domain.set-front-lineage', () => sourceDomains.setFrontLineage(tenant.id, name, null, database.act())],
      ['source-domain.withdraw-vouch', () => sourceDomains.withdrawVouch(tenant.id, name, database.act())],
      ['source-domain.set-mode', () => sourceDomains.setMode(tenant.id, name, 'hosted', database.act())],
      ['source-domain.suspend', () => sourceDomains.suspend(tenant.id, name, database.act())],
      ['source-domain.remove', () => sourceDomains.remove(tenant.id, name, database.act())],
    ]
    const isHeld = async () => ((await sourceDomains.find(tenant.id, name))?.proof ?? null) !== null
    for (const [action, act] of steps) {
      const position = await feedEnd(database)
      const wasHeld = await isHeld()
      database.clock.advance(1000)
      await act()
      const isServed = wasHeld || (await isHeld())
      expect(await changesBehind(database, position), action).toEqual(isServed ? [`host ${name}`] : [])
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

  test('the mode is set, and comes back with the domain', async () => {
    const { sourceDomains } = database.storage
    const tenant = await aTenant(database)
    const before = await claim(tenant.id, freshName())
    const after = await sourceDomains.setMode(tenant.id, before.name, 'external', database.act())
    expect(after).toEqual({ ...before, mode: 'external', revision: 2 })
    expect(await sourceDomains.find(tenant.id, before.name)).toEqual(after)
  })

  test('a name that is no longer vouched for is free for another tenant, and the claim stays', async () => {
    const { sourceDomains } = database.storage
    const { tenant, domain, delegation } = await aDelegation(database)
    const other = await aTenant(database)
    await claim(other.id, domain.name, false)
    await expect(sourceDomains.vouch(other.id, domain.name, database.act())).rejects.toThrow()
    await sourceDomains.withdrawVouch(tenant.id, domain.name, database.act())
    expect(await sourceDomains.find(tenant.id, domain.name)).toEqual({
      ...domain,
      ...lapsedSince(database.clock.now()),
      revision: 2,
    })
    expect(await database.storage.delegations.find(tenant.id, delegation.id)).toEqual(delegation)
    await sourceDomains.vouch(other.id, domain.name, database.act())
  })

  test('removing takes the delegations along and tells of every host that it touches', async () => {
    const { tenant, domain, delegation, target } = await aDelegation(database)
    const position = await feedEnd(database)
    await database.storage.sourceDomains.remove(tenant.id, domain.name, database.act())
    expect(await database.storage.delegations.find(tenant.id, delegation.id)).toBeUndefined()
    expect((await changesBehind(database, position)).sort()).toEqual([`host ${domain.name}`, `host ${target}`].sort())
  })

  describe('control of a name is looked for at once', () => {
    const dueAt = (name: DomainName) => database.storage.jobs.nextRun(PROOF_CHECK, name)
    /** As if the looks of before had been made. */
    const done = (name: DomainName) => database.db.knex('job').where({ kind: PROOF_CHECK, key: name }).del()

    test('where it is claimed, and the operator does not vouch for it', async () => {
      const tenant = await aTenant(database)
      const [open, vouched, imported] = [freshName(), freshName(), freshName()]
      await claim(tenant.id, open, false)
      await claim(tenant.id, vouched)
      await database.storage.sourceDomains.importMany(
        [
          anImport(tenant.id, { name: imported, isVouched: false }),
          anImport(tenant.id, { name: open, isVouched: false }),
        ],
        database.act(),
      )
      for (const name of [open, imported]) expect(await dueAt(name)).toEqual(database.clock.now())
      expect(await dueAt(vouched)).toBeNull()
    })

    test('where the vouch is withdrawn, and where the mode is another', async () => {
      const { sourceDomains } = database.storage
      const tenant = await aTenant(database)
      const name = freshName()
      await claim(tenant.id, name)
      await sourceDomains.setMode(tenant.id, name, 'hosted', database.act())
      expect(await dueAt(name)).toBeNull()
      await sourceDomains.setMode(tenant.id, name, 'external', database.act())
      expect(await dueAt(name)).toEqual(database.clock.now())
      await done(name)
      await sourceDomains.withdrawVouch(tenant.id, name, database.act())
      expect(await dueAt(name)).toEqual(database.clock.now())
      await done(name)
      await sourceDomains.withdrawVouch(tenant.id, name, database.act())
      expect(await dueAt(name)).toBeNull()
    })

    test('where its holder removes it and others claim it', async () => {
      const { sourceDomains } = database.storage
      const [holder, other, third] = [await aTenant(database), await aTenant(database), await aTenant(database)]
      const name = freshName()
      await claim(holder.id, name)
      await claim(other.id, name, false)
      await claim(third.id, name, false)
      await done(name)
      await sourceDomains.remove(third.id, name, database.act())
      expect(await dueAt(name)).toBeNull()
      await sourceDomains.remove(holder.id, name, database.act())
      expect(await dueAt(name)).toEqual(database.clock.now())
      await done(name)
      await sourceDomains.remove(other.id, name, database.act())
      expect(await dueAt(name)).toBeNull()
    })
  })

  test("what a tenant does with a claim that it does not hold leaves no mark on another's", async () => {
    const { sourceDomains } = database.storage
    const { domain } = await aDelegation(database)
    const stranger = await aTenant(database)
    const changedAt = async () =>
      (await database.db.knex('source_domain').where({ id: domain.id }).first<{ changed_at: number }>())?.changed_at
    const before = await changedAt()
    const position = await feedEnd(database)
    database.clock.advance(1000)
    await claim(stranger.id, domain.name, false)
    await sourceDomains.setMode(stranger.id, domain.name, 'external', database.act())
    await sourceDomains.suspend(stranger.id, domain.name, database.act())
    await sourceDomains.remove(stranger.id, domain.name, database.act())
    expect(await changesBehind(database, position)).toEqual([])
    expect(await changedAt()).toBe(before)
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

onBothEngines('an import', (database) => {
  const start = async (...domains: ReturnType<typeof anImport>[]) =>
    (await database.storage.sourceDomains.importMany(domains, database.act())).map(codeOf)
  const rehearse = async (...domains: ReturnType<typeof anImport>[]) =>
    (await database.storage.sourceDomains.rehearseImport(domains)).map(codeOf)
  const codeOf = (outcome: 'added' | 'there already' | ProblemError) =>
    outcome instanceof ProblemError ? outcome.code : outcome
  const delegationsOf = async (tenantId: string, sourceDomain?: DomainName) =>
    (await database.storage.delegations.list(tenantId, { limit: 100, ...(sourceDomain && { sourceDomain }) })).map(
      ({ sourceDomain, service, targetHost, lineageName }) => `${sourceDomain} ${service} ${targetHost} ${lineageName}`,
    )

  /** To a target host that is there, with a lineage of the tenant's or the operator's. */
  async function toTarget(tenantId: string | null, service = '_xmpp-server'): Promise<ImportedDelegation> {
    const { storage, act } = database
    const { name } = await storage.targetHosts.add({ name: freshName('hosting.example'), port: 443 }, act())
    await storage.lineages.create(tenantId, { name, source: 'import' }, act())
    return to(name, name, service)
  }
  const to = (targetHost: DomainName, lineage: string, service = '_xmpp-server'): ImportedDelegation => ({
    ...{ service, protocol: '_tcp', targetHost, lineage },
    ...{ tlsAnswer: 'redirect', poshAnswer: 'fingerprints', srvPort: null },
  })

  test('adds names of several tenants with their delegations, tells the hosts of those that are held, and leaves a trail', async () => {
    const [one, two] = [await aTenant(database), await aTenant(database)]
    const [own, shared] = [await toTarget(one.id), await toTarget(null)]
    const first = anImport(one.id, { delegations: [own, { ...shared, service: '_xmpp-client' }] })
    const second = anImport(two.id, { delegations: [shared], mode: 'external', isVouched: false })
    expect(await rehearse(first, second)).toEqual(['added', 'added'])
    expect(await database.storage.sourceDomains.claims(first.name)).toEqual([])
    const position = await feedEnd(database)
    expect(await start(first, second)).toEqual(['added', 'added'])
    expect(await database.storage.sourceDomains.find(one.id, first.name)).toMatchObject({
      mode: 'hosted',
      proof: 'vouched',
    })
    expect(await database.storage.sourceDomains.find(two.id, second.name)).toMatchObject({
      mode: 'external',
      proof: null,
    })
    expect((await delegationsOf(one.id)).sort()).toEqual([
      `${first.name} _xmpp-client ${shared.targetHost} ${shared.lineage}`,
      `${first.name} _xmpp-server ${own.targetHost} ${own.lineage}`,
    ])
    expect(await delegationsOf(two.id)).toHaveLength(1)
    const hosts = [first.name, own.targetHost, shared.targetHost].map((name) => `host ${name}`)
    expect((await changesBehind(database, position)).sort()).toEqual(hosts.sort())
    const trail = await database.storage.audit.list(two.id, { limit: 2 })
    expect(trail.map(({ action, subject }) => `${action} ${subject}`).sort()).toEqual([
      `delegation.register ${second.name}`,
      `source-domain.add ${second.name}`,
    ])
    expect(trail.find(({ action }) => action === 'delegation.register')?.detail).toMatchObject({
      service: '_xmpp-server._tcp',
      after: { targetHost: shared.targetHost, lineage: shared.lineage },
    })
  })

  test('tells the hosts of what it adds to a claim that is there and held', async () => {
    const tenant = await aTenant(database)
    const [old, fresh] = [await toTarget(tenant.id), await toTarget(tenant.id, '_xmpp-client')]
    const domain = anImport(tenant.id, { delegations: [old] })
    await start(domain)
    const position = await feedEnd(database)
    expect(await start({ ...domain, isVouched: false, delegations: [old, fresh] })).toEqual(['there already'])
    expect((await changesBehind(database, position)).sort()).toEqual(
      [`host ${domain.name}`, `host ${fresh.targetHost}`].sort(),
    )
    expect((await database.storage.sourceDomains.find(tenant.id, domain.name))?.proof).toBe('vouched')
  })

  test('leaves a claim and a delegation that are there as they are, and adds what is missing', async () => {
    const tenant = await aTenant(database)
    const [old, fresh] = [await toTarget(tenant.id), await toTarget(tenant.id)]
    const domain = anImport(tenant.id, { isVouched: false, delegations: [old] })
    await start(domain)
    const before = await database.storage.sourceDomains.find(tenant.id, domain.name)
    const position = await feedEnd(database)
    const again = {
      ...domain,
      isVouched: true,
      mode: 'external' as const,
      delegations: [fresh, { ...fresh, service: '_xmpp-client' }],
    }
    expect(await rehearse(again)).toEqual(['there already'])
    expect(await start(again)).toEqual(['there already'])
    expect(await database.storage.sourceDomains.find(tenant.id, domain.name)).toEqual(before)
    expect((await delegationsOf(tenant.id)).sort()).toEqual([
      `${domain.name} _xmpp-client ${fresh.targetHost} ${fresh.lineage}`,
      `${domain.name} _xmpp-server ${old.targetHost} ${old.lineage}`,
    ])
    expect(await changesBehind(database, position)).toEqual([]) // nobody holds it
    const end = await feedEnd(database)
    expect(await start(again)).toEqual(['there already'])
    expect(await changesBehind(database, end)).toEqual([])
  })

  test('refuses a name that another tenant holds, and neither its own claim nor its delegations change', async () => {
    const [tenant, holder] = [await aTenant(database), await aTenant(database)]
    const delegations = [await toTarget(null)]
    const [held, claimed, free] = [freshName(), freshName(), freshName()].map((name) =>
      anImport(tenant.id, { name, delegations }),
    ) as [ReturnType<typeof anImport>, ReturnType<typeof anImport>, ReturnType<typeof anImport>]
    await start({ ...held, tenantId: holder.id }, { ...claimed, tenantId: holder.id })
    await start({ ...claimed, isVouched: false, delegations: [] })
    const expected = ['source-domain-taken', 'source-domain-taken', 'added']
    expect(await rehearse(held, claimed, free)).toEqual(expected)
    expect(await start(held, claimed, free)).toEqual(expected)
    expect((await database.storage.sourceDomains.list(tenant.id, { limit: 10 })).map(({ name }) => name)).toEqual(
      [claimed.name, free.name].sort(),
    )
    expect(await delegationsOf(tenant.id, claimed.name)).toEqual([])
    expect(await start({ ...held, isVouched: false })).toEqual(['added'])
  })

  test('of two tenants who are vouched for one name in it, one holds it', async () => {
    const [one, two] = [await aTenant(database), await aTenant(database)]
    const domain = anImport(one.id)
    expect(await start(domain, { ...domain, tenantId: two.id })).toEqual(['added', 'source-domain-taken'])
    expect(await database.storage.sourceDomains.claims(domain.name)).toHaveLength(1)
  })

  test("refuses what is not there, another tenant's lineage too, without its name", async () => {
    const [tenant, stranger] = [await aTenant(database), await aTenant(database)]
    const [known, foreign] = [await toTarget(null), await toTarget(stranger.id)]
    const domains = [to(freshName(), known.lineage), to(known.targetHost, 'no-lineage'), foreign, known].map((wrong) =>
      anImport(tenant.id, { delegations: [{ ...known, service: '_xmpp-client' }, wrong] }),
    )
    const expected = ['not-found', 'not-found', 'not-found', 'added']
    expect(await rehearse(...domains)).toEqual(expected)
    expect(await start(...domains)).toEqual(expected)
    expect((await database.storage.sourceDomains.list(tenant.id, { limit: 10 })).map(({ name }) => name)).toEqual([
      domains[3]!.name,
    ])
    expect(await delegationsOf(tenant.id)).toHaveLength(2)
  })

  test("prefers the lineage of the tenant to one of the same name that is the operator's", async () => {
    const tenant = await aTenant(database)
    const delegation = await toTarget(null)
    const own = await database.storage.lineages.create(
      tenant.id,
      { name: delegation.lineage, source: 'import' },
      database.act(),
    )
    await start(anImport(tenant.id, { delegations: [delegation] }))
    expect(await database.storage.delegations.list(tenant.id, { limit: 2 })).toMatchObject([{ lineageId: own.id }])
  })

  test('that breaks off leaves nothing', async () => {
    const tenant = await aTenant(database)
    const delegations = [await toTarget(null)]
    const domains = Array.from({ length: 1200 }, () => anImport(tenant.id, { delegations }))
    const position = await feedEnd(database)
    const broken = domains.with(1100, anImport('no tenant'))
    await expect(start(...broken)).rejects.toMatchObject({ code: 'not-found' })
    expect(await database.storage.sourceDomains.list(tenant.id, { limit: 10 })).toEqual([])
    expect(await delegationsOf(tenant.id)).toEqual([])
    expect(await changesBehind(database, position)).toEqual([])
    expect(await start(...domains)).toEqual(domains.map(() => 'added'))
    expect(await database.storage.sourceDomains.list(tenant.id, { limit: 2000 })).toHaveLength(1200)
  })

  test('and another of the same names at once give each name one holder and each service one delegation', async () => {
    const tenants = [await aTenant(database), await aTenant(database)]
    const delegations = [await toTarget(null)]
    const names = Array.from({ length: 200 }, () => freshName())
    const outcomes = await Promise.all(
      [...tenants, ...tenants].map(({ id }) => start(...names.map((name) => anImport(id, { name, delegations })))),
    )
    for (const index of names.keys())
      expect(outcomes.map((each) => each[index]).sort()).toEqual([
        'added',
        'source-domain-taken',
        'source-domain-taken',
        'there already',
      ])
    const { rows } = await countDelegations()
    expect(rows).toBe(200)

    async function countDelegations() {
      const [row] = await database.db
        .knex('delegation')
        .whereIn(
          'tenant_id',
          tenants.map(({ id }) => id),
        )
        .count<{ rows: number }[]>('* as rows')
      return row!
    }
  })
})
