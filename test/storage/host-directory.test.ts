import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import { domainName, type DomainName } from '../../src/name.ts'
import type { StoredHostDirectory } from '../../src/storage/host-directory.ts'
import { onBothEngines, type TestDatabase } from '../support/databases.ts'
import { until } from '../support/until.ts'
import { aChain, aDelegation, anImport, aTenant, freshName } from './rows.ts'
import { startChild } from './run-child.ts'

const adminHost = domainName('admin.waypost.example')

/** As an edge process has it: over a handle that only reads. */
async function edgeDirectory(
  database: TestDatabase,
  options: { maxEntries?: number; maxBytes?: number; lines?: string[] } = {},
): Promise<StoredHostDirectory> {
  const { maxEntries = 1000, maxBytes = 10e6, lines = [] } = options
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const directory = (await database.open({ isReadOnly: true })).directory({
    adminHost,
    maxEntries,
    maxBytes,
    log,
    pollMs: 50,
  })
  onTestFinished(() => directory.close())
  await directory.poll()
  return directory
}

onBothEngines('the host directory', (database) => {
  const { act } = database
  const inMs = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const nothing = { isAdmin: false, frontLineageId: null, targetHost: null, sourceDomain: null }

  describe('tells what a name is', () => {
    test('nothing at all, and it remembers that', async () => {
      const directory = await edgeDirectory(database)
      const name = freshName()
      expect(directory.peekHost(name)).toBeUndefined()
      expect(await directory.findHost(name)).toEqual({ name, ...nothing })
      expect(directory.peekHost(name)).toEqual({ name, ...nothing })
      expect(directory.stats()).toMatchObject({ hosts: 0, unknown: 1, reads: 1 })
    })

    test('a source domain with all that its answers need', async () => {
      const { storage } = database
      const { tenant, domain, delegation, target, lineageId } = await aDelegation(database)
      const hostMeta = {
        links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://a.example/' }],
        hostMeta2: null,
      }
      await storage.sourceDomains.setHostMeta(tenant.id, domain.name, hostMeta, act())
      const lineage = await storage.lineages.create(tenant.id, { name: 'front', source: 'local' }, act())
      await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, lineage.id, act())
      const directory = await edgeDirectory(database)
      expect(await directory.findHost(domain.name)).toEqual({
        name: domain.name,
        isAdmin: false,
        frontLineageId: lineage.id,
        targetHost: null,
        sourceDomain: {
          changedAt: database.clock.now(),
          name: domain.name,
          mode: 'hosted',
          isSuspended: false,
          hostMeta,
          delegations: [
            {
              service: '_xmpp-server',
              protocol: '_tcp',
              targetHost: target,
              targetPort: delegation.targetPort,
              lineageId,
              tlsAnswer: 'redirect',
              poshAnswer: 'fingerprints',
            },
          ],
        },
      })
      expect(directory.stats().reads).toBe(1)
    })

    test('a source domain without delegations, and one that is suspended', async () => {
      const { storage } = database
      const tenant = await aTenant(database)
      const name = freshName()
      await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
      await storage.sourceDomains.suspend(tenant.id, name, act())
      const directory = await edgeDirectory(database)
      expect((await directory.findHost(name)).sourceDomain).toEqual({
        changedAt: database.clock.now(),
        name,
        mode: 'hosted',
        isSuspended: true,
        delegations: [],
        hostMeta: null,
      })
    })

    test('the claim that is held, and never one that is not', async () => {
      const { storage } = database
      const [claimant, holder] = [await aTenant(database), await aTenant(database)]
      const name = freshName()
      await storage.sourceDomains.add(claimant.id, { name, mode: 'external', isVouched: false }, act())
      await storage.sourceDomains.suspend(claimant.id, name, act())
      const directory = await edgeDirectory(database)
      expect(await directory.findHost(name)).toEqual({ name, ...nothing })
      await storage.sourceDomains.add(holder.id, { name, mode: 'hosted', isVouched: true }, act())
      await directory.poll()
      expect((await directory.findHost(name)).sourceDomain).toMatchObject({ mode: 'hosted', isSuspended: false })
    })

    test.each([
      { target: true, source: true, mode: 'hosted', expected: 'target' },
      { target: false, source: true, mode: 'hosted', expected: 'source' },
      { target: true, source: false, mode: 'hosted', expected: 'target' },
      { target: false, source: true, mode: 'external', expected: null },
      { target: true, source: true, mode: 'external', expected: 'target' },
      { target: false, source: false, mode: 'hosted', expected: null },
    ] as const)(
      'both at once: front of target host $target, of $mode source domain $source gives $expected',
      async ({ target, source, mode, expected }) => {
        const { storage } = database
        const tenant = await aTenant(database)
        const name = freshName()
        await storage.targetHosts.add({ name, port: 8443 }, act())
        await storage.sourceDomains.add(tenant.id, { name, mode, isVouched: true }, act())
        const of = {
          target: await storage.lineages.create(null, { name, source: 'import' }, act()),
          source: await storage.lineages.create(tenant.id, { name, source: 'import' }, act()),
        }
        if (target) await storage.targetHosts.setFrontLineage(name, of.target.id, act())
        if (source) await storage.sourceDomains.setFrontLineage(tenant.id, name, of.source.id, act())
        const host = await (await edgeDirectory(database)).findHost(name)
        expect(host).toMatchObject({ targetHost: { port: 8443 }, sourceDomain: { mode } })
        expect(host.frontLineageId).toBe(expected && of[expected].id)
      },
    )

    test('the admin host, with the lineage of the operator that bears its name, as soon as there is one', async () => {
      const { storage } = database
      const tenant = await aTenant(database)
      const directory = await edgeDirectory(database)
      const admin = { ...nothing, name: adminHost, isAdmin: true }
      await storage.lineages.create(tenant.id, { name: frontLineageName(adminHost), source: 'import' }, act())
      await storage.sourceDomains.add(tenant.id, { name: adminHost, mode: 'hosted', isVouched: true }, act())
      expect(await directory.findHost(adminHost)).toEqual(admin)
      const { id } = await storage.lineages.create(null, { name: frontLineageName(adminHost), source: 'local' }, act())
      await directory.poll()
      expect(await directory.findHost(adminHost)).toEqual({ ...admin, frontLineageId: id })
      await storage.lineages.remove(null, id, act())
      await directory.poll()
      expect(await directory.findHost(adminHost)).toEqual(admin)
    })

    test('a lineage without what is no longer published', async () => {
      const { storage } = database
      const { id, name } = await storage.lineages.create(null, { name: freshName(), source: 'import' }, act())
      const directory = await edgeDirectory(database)
      expect(await directory.findLineage(id)).toEqual({ id, name, changedAt: database.clock.now(), certificates: [] })
      const stage = () => storage.lineages.stage(null, id, { chain: aChain(), privateKey: Buffer.from('key') }, act())
      const [first, second] = [await stage(), await stage()]
      await storage.lineages.activate(null, first.id, inMs(1000), act())
      await storage.lineages.activate(null, second.id, inMs(1000), act())
      await directory.poll()
      const published = await directory.findLineage(id)
      expect(published?.certificates.map((certificate) => certificate.id)).toEqual([first.id, second.id])
      expect(published?.certificates[1]).toEqual({
        id: second.id,
        chainPem: second.chainPem,
        notBefore: second.notBefore,
        notAfter: second.notAfter,
        privateKeyId: second.privateKeyId,
        stagedAt: second.stagedAt,
        activatedAt: database.clock.now(),
        supersededAt: null,
        retiresAt: null,
      })
      database.clock.advance(1000)
      const later = await edgeDirectory(database)
      const left = await later.findLineage(id)
      expect(left?.certificates.map((certificate) => certificate.id)).toEqual([second.id])
      expect(left?.changedAt).toEqual(database.clock.now()) // when the first retired
      expect(await later.findLineage('none')).toBeUndefined()
    })
  })

  test('what another process wrote is known within a second of its commit', async () => {
    const { tenant, domain } = await aDelegation(database)
    const directory = await edgeDirectory(database)
    directory.start()
    expect((await directory.findHost(domain.name)).sourceDomain?.isSuspended).toBe(false)
    let committedAt = Infinity
    const writer = startChild(
      database.place,
      ['suspend', tenant.id, domain.name],
      () => (committedAt = performance.now()),
    )
    await until(async () => (await directory.findHost(domain.name)).sourceDomain?.isSuspended === true)
    const seenAt = performance.now()
    expect(await writer.ended).toBe(0)
    expect(seenAt - committedAt).toBeLessThan(1000)
  })

  test('a tenant that is suspended is known within a second, of all its domains at once, and so is its resuming', async () => {
    const { storage } = database
    const { tenant, domain, lineageId } = await aDelegation(database)
    const second = await aDelegation(database, { tenant })
    const other = await aDelegation(database)
    const directory = await edgeDirectory(database)
    directory.start()
    const isSuspended = async (name: DomainName) => (await directory.findHost(name)).sourceDomain?.isSuspended
    const all = () => Promise.all([domain, second.domain, other.domain].map(({ name }) => isSuspended(name)))
    await directory.findLineage(lineageId)
    expect(await all()).toEqual([false, false, false])
    for (const [change, expected] of [
      [storage.tenants.suspend, true],
      [storage.tenants.resume, false],
    ] as const) {
      await change(tenant.id, act())
      const committedAt = performance.now()
      await until(async () => (await isSuspended(domain.name)) === expected)
      expect(await all()).toEqual([expected, expected, false])
      expect(performance.now() - committedAt).toBeLessThan(1000)
    }
    expect(directory.peekLineage(lineageId)).toBeDefined()
  })

  test('a name that was being read while every host was dropped is read once more', async () => {
    const { tenant, domain } = await aDelegation(database)
    const directory = await edgeDirectory(database)
    const { tenants } = database.storage
    for (let i = 0; i < 30; i++) {
      const before = directory.findHost(domain.name)
      const change = tenants[i % 2 === 0 ? 'suspend' : 'resume'](tenant.id, act())
      const between = directory.poll().then(() => directory.findHost(domain.name))
      await change
      await directory.poll()
      await Promise.all([before, between])
      expect(directory.peekHost(domain.name)?.sourceDomain?.isSuspended ?? i % 2 === 0).toBe(i % 2 === 0)
      expect((await directory.findHost(domain.name)).sourceDomain?.isSuspended).toBe(i % 2 === 0)
    }
  })

  test('the port of a target host is known in the redirects of what is delegated to it, and a withdrawn vouch at both', async () => {
    const { storage } = database
    const { tenant, domain, target } = await aDelegation(database)
    const directory = await edgeDirectory(database)
    const delegations = async () => (await directory.findHost(domain.name)).sourceDomain?.delegations
    expect(await delegations()).toMatchObject([{ targetPort: 443 }])
    await storage.targetHosts.setPort(target, 8443, act())
    await directory.poll()
    expect(await delegations()).toMatchObject([{ targetHost: target, targetPort: 8443 }])
    expect((await directory.findHost(target)).targetHost).toEqual({ port: 8443 })
    await storage.sourceDomains.withdrawVouch(tenant.id, domain.name, act())
    await directory.poll()
    expect((await directory.findHost(domain.name)).sourceDomain).toBeNull()
  })

  test("a handle that writes learns of its own commits, which SQLite's data_version does not count", async () => {
    const storage = await database.open()
    const directory = storage.directory({ adminHost, maxEntries: 100, maxBytes: 1e6, log: pino({ level: 'silent' }) })
    await directory.poll()
    const name = freshName()
    await directory.findHost(name)
    await storage.targetHosts.add({ name, port: 443 }, act())
    await directory.poll()
    expect((await directory.findHost(name)).targetHost).toEqual({ port: 443 })
  })

  test('after every commit and poll the newest state is found, whatever was being read meanwhile', async () => {
    const { tenant, domain } = await aDelegation(database)
    const directory = await edgeDirectory(database)
    const { sourceDomains } = database.storage
    for (let i = 0; i < 60; i++) {
      const before = [directory.findHost(domain.name), directory.findHost(domain.name)]
      const change = sourceDomains[i % 2 === 0 ? 'suspend' : 'resume'](tenant.id, domain.name, act())
      const between = directory.poll().then(() => directory.findHost(domain.name))
      await change
      await directory.poll()
      expect((await directory.findHost(domain.name)).sourceDomain?.isSuspended).toBe(i % 2 === 0)
      await Promise.all([...before, between])
      expect(directory.peekHost(domain.name)?.sourceDomain?.isSuspended).toBe(i % 2 === 0)
    }
  })

  test('a reader that fell behind what was cut off reads everything anew', async () => {
    const { tenant, domain } = await aDelegation(database)
    const directory = await edgeDirectory(database)
    await directory.findHost(domain.name)
    await database.storage.sourceDomains.suspend(tenant.id, domain.name, act())
    await database.storage.targetHosts.add({ name: freshName(), port: 443 }, act())
    expect(await database.storage.changes.trim(inMs(1))).toBeGreaterThan(1)
    await directory.poll()
    expect(directory.peekHost(domain.name)).toBeUndefined()
    expect((await directory.findHost(domain.name)).sourceDomain?.isSuspended).toBe(true)
  })

  test('the feed is cut at an instant, in order, and never empty', async () => {
    const ids = async () => await database.db.knex('change').orderBy('id').pluck<number[]>('id')
    await database.storage.changes.trim(inMs(1))
    expect(await ids()).toHaveLength(1)
    const tenant = await aTenant(database)
    const many = Array.from({ length: 2500 }, () => anImport(tenant.id))
    await database.storage.sourceDomains.importMany(many, act())
    database.clock.advance(1000)
    await database.storage.targetHosts.add({ name: freshName(), port: 443 }, act())
    await database.storage.targetHosts.add({ name: freshName(), port: 443 }, act())
    const last = (await ids()).slice(-2)
    expect(await database.storage.changes.trim(database.clock.now())).toBe(2501)
    expect(await ids()).toEqual(last)
    expect(await database.storage.changes.trim(database.clock.now())).toBe(0)
  })

  test('a backlog of over 10,000 changes is not walked through', async () => {
    const { domain } = await aDelegation(database)
    const directory = await edgeDirectory(database)
    await directory.findHost(domain.name)
    const tenant = await aTenant(database)
    const add = (length: number) =>
      database.storage.sourceDomains.importMany(
        Array.from({ length }, () => anImport(tenant.id)),
        act(),
      )
    await add(10_000)
    await directory.poll()
    expect(directory.peekHost(domain.name)).toBeDefined()
    await add(10_001)
    await directory.poll()
    expect(directory.peekHost(domain.name)).toBeUndefined()
  })

  test('while the feed cannot be read, what is known is served, one line is logged, and it recovers', async () => {
    const { tenant, domain } = await aDelegation(database)
    const lines: string[] = []
    const directory = await edgeDirectory(database, { lines })
    const known = await directory.findHost(domain.name)
    await database.db.knex.raw('alter table change rename to away')
    for (let i = 0; i < 3; i++) await directory.poll()
    expect(directory.peekHost(domain.name)).toEqual(known)
    expect(directory.stats().isBehind).toBe(true)
    expect(lines).toHaveLength(1)
    await database.db.knex('source_domain').where({ name: domain.name }).update({ suspended_at: 1 }) // no row in the feed
    await database.db.knex.raw('alter table away rename to change')
    await directory.poll()
    expect((await directory.findHost(domain.name)).sourceDomain?.isSuspended).toBe(true)
    expect(directory.stats().isBehind).toBe(false)
    await database.storage.sourceDomains.resume(tenant.id, domain.name, act())
    await directory.poll()
    expect((await directory.findHost(domain.name)).sourceDomain?.isSuspended).toBe(false)
  })

  test('it holds at most so many entries and bytes', async () => {
    const tenant = await aTenant(database)
    const names = Array.from({ length: 300 }, () => freshName())
    const many = names.map((name) => anImport(tenant.id, { name }))
    await database.storage.sourceDomains.importMany(many, act())
    const few = await edgeDirectory(database, { maxEntries: 100 })
    const small = await edgeDirectory(database, { maxBytes: 20_000 })
    for (const name of names) {
      await few.findHost(name)
      await small.findHost(name)
    }
    expect(few.stats().hosts).toBe(100)
    expect(small.stats().bytes).toBeLessThanOrEqual(10_000)
    expect(small.stats().hosts).toBeGreaterThan(10)
  })

  test('made-up names drive out no host and no lineage, cost one read each, and memory stays', async () => {
    const { domain, lineageId } = await aDelegation(database)
    const directory = await edgeDirectory(database, { maxEntries: 50_000 })
    await directory.findHost(domain.name)
    await directory.findLineage(lineageId)
    const flood = database.engine === 'sqlite' ? 100_000 : 12_000
    const ask = async (from: number, to: number) => {
      for (let i = from; i < to; i++) await directory.findHost(`${'x'.repeat(50)}${i}.flood.example` as DomainName)
    }
    await ask(0, flood / 4)
    const before = heapUsed()
    await ask(flood / 4, flood)
    expect(heapUsed() - before).toBeLessThan(2e6)
    expect(directory.peekHost(domain.name)).toBeDefined()
    expect(directory.peekLineage(lineageId)).toBeDefined()
    expect(directory.stats()).toMatchObject({ hosts: 1, lineages: 1, unknown: 10_000, reads: flood + 2 })
  }, 60_000)
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
