import { beforeEach, expect, test } from 'vitest'
import { domainImports, type DomainImport, type DomainImports } from '../../src/delegation/domain-import.ts'
import { registrar } from '../../src/delegation/registrar.ts'
import { domainName } from '../../src/name.ts'
import { NO_QUOTAS, type Tenant } from '../../src/tenant/tenant.ts'
import type { Job } from '../../src/work/job.ts'
import { onBothEngines } from '../support/databases.ts'
import { SPECIAL_NAMES } from '../support/special-names.ts'
import { aTenant, freshName } from './rows.ts'

const DAY_MS = 86_400_000

onBothEngines('imports of files', (database) => {
  let imports: DomainImports
  let tenant: Tenant
  beforeEach(async () => {
    const { storage, clock } = database
    const policy = {
      adminHost: domainName('admin.example.net'),
      edgeName: domainName('edge.example.net'),
      allow: SPECIAL_NAMES,
    }
    imports = domainImports({
      ...{ store: storage.domainImports, tenants: storage.tenants, clock },
      registrar: registrar({ ...storage, policy }),
    })
    tenant = await aTenant(database)
  })

  const read = (file: string | string[], options: Partial<Parameters<DomainImports['read']>[1]> = {}) =>
    imports.read(
      Buffer.from(typeof file === 'string' ? file : file.join('\n')),
      { tenant, isByOperator: false, ...options },
      database.act(),
    )
  const run = (id: string, by = imports) => by.job({ key: id } as Job)
  const confirmAndRun = async ({ tenantId, id }: DomainImport) => {
    await database.storage.domainImports.confirm(tenantId, id, database.act())
    await run(id)
    return (await database.storage.domainImports.find(tenantId, id))!
  }
  const names = async (of: Tenant = tenant) =>
    (await database.storage.sourceDomains.list(of.id, { limit: 1000 })).map(({ name }) => name)
  const lines = ({ tenantId, id }: DomainImport) => database.storage.domainImports.lines(tenantId, id, { limit: 1000 })
  const events = async (of: Tenant | null = tenant) =>
    (await database.storage.audit.list(of?.id ?? 'all', { limit: 1000 })).map(({ action }) => action)

  test('are looked at first, and nothing changes before they are confirmed', async () => {
    const { storage } = database
    const there = freshName()
    await storage.sourceDomains.add(tenant.id, { name: there, mode: 'hosted', isVouched: false }, database.act())
    const before = await events()
    const found = await read([there, freshName(), 'no name', freshName()])
    expect(found).toMatchObject({ state: 'ready', lines: 4, counts: { added: 2, present: 1, refused: 1 } })
    expect((await lines(found)).map(({ line, outcome }) => [line, outcome])).toEqual([
      [1, 'there already'],
      [2, 'added'],
      [3, 'refused'],
      [4, 'added'],
    ])
    expect(await names()).toEqual([there])
    expect(await events()).toEqual(before)
    await run(found.id) // a job that nobody has asked for
    expect(await names()).toEqual([there])

    const done = await confirmAndRun(found)
    expect(done).toMatchObject({ state: 'done', counts: { added: 2, present: 1, refused: 1 }, doneTo: 4 })
    expect(await names()).toHaveLength(3)
    expect((await events()).slice(0, -before.length).toSorted()).toEqual([
      'domain-import.begin',
      'source-domain.add',
      'source-domain.add',
    ])
  })

  test('that are confirmed twice are carried out once', async () => {
    const found = await read([freshName()])
    await confirmAndRun(found)
    const again = database.storage.domainImports.confirm(tenant.id, found.id, database.act())
    await expect(again).rejects.toMatchObject({ code: 'still-in-use' })
  })

  test('are of another outcome where something has changed since they were looked at', async () => {
    const { storage } = database
    const [taken, gone] = [freshName(), freshName()]
    await storage.sourceDomains.add(tenant.id, { name: gone, mode: 'hosted', isVouched: false }, database.act())
    const found = await read(['domain,vouch', `${taken},yes`, `${gone},no`], { isByOperator: true })
    expect(found.counts).toEqual({ added: 1, present: 1, refused: 0 })
    const other = await aTenant(database)
    await storage.sourceDomains.add(other.id, { name: taken, mode: 'hosted', isVouched: true }, database.act())
    await storage.sourceDomains.remove(tenant.id, gone, database.act())
    const done = await confirmAndRun(found)
    expect(done.counts).toEqual({ added: 1, present: 0, refused: 1 })
    expect((await lines(done)).map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['refused', expect.stringContaining('another tenant holds this name')],
      ['added', null],
    ])
  })

  test('foresee quotas over the whole file, however many pieces it is looked at in', async () => {
    await database.storage.tenants.setQuotas(tenant.id, { ...NO_QUOTAS, sourceDomains: 700 }, database.act())
    const found = await read(Array.from({ length: 1200 }, () => freshName()))
    expect(found.counts).toEqual({ added: 700, present: 0, refused: 500 })
    const done = await confirmAndRun(found)
    expect(done.counts).toEqual({ added: 700, present: 0, refused: 500 })
    const [refused] = await database.storage.domainImports.lines(tenant.id, done.id, { limit: 1, isRefused: true })
    expect(refused).toMatchObject({ line: 701, reason: expect.stringMatching(/may have 700 source domains/) as string })
  })

  test('of several tenants go to the one that each line names', async () => {
    const other = await aTenant(database)
    const [one, two] = [freshName(), freshName()]
    const file = [
      'domain,tenant',
      `${one},${tenant.name}`,
      `${two},${other.name}`,
      `${freshName()},`,
      'x.example,nobody',
    ]
    const done = await confirmAndRun(await read(file, { tenant: null, isByOperator: true }))
    expect(done.counts).toEqual({ added: 2, present: 0, refused: 2 })
    expect([await names(), await names(other)]).toEqual([[one], [two]])
    expect((await lines(done)).slice(2).map(({ reason }) => reason)).toEqual([
      expect.stringContaining('tenant is missing'),
      'there is no tenant nobody',
    ])
  })

  test('of a tenant have no line of another', async () => {
    const other = await aTenant(database)
    const file = ['domain,tenant', `${freshName()},${other.name}`, `${freshName()},${tenant.name}`]
    const done = await confirmAndRun(await read(file))
    expect(done.counts).toEqual({ added: 1, present: 0, refused: 1 })
    expect(await names(other)).toEqual([])
  })

  test('one of a tenant is open: the newest that nobody has confirmed, or the one that runs', async () => {
    const { domainImports: store } = database.storage
    const first = await read([freshName()])
    const second = await read([freshName()])
    expect(await store.find(tenant.id, first.id)).toBeUndefined()
    await expect(store.confirm(tenant.id, first.id, database.act())).rejects.toMatchObject({ code: 'not-found' })
    await store.confirm(tenant.id, second.id, database.act())
    await expect(read([freshName()])).rejects.toMatchObject({ code: 'already-exists' })
    await read([freshName()], { tenant: await aTenant(database) }) // another's does not stand in the way
    await run(second.id)
    expect((await read([freshName()])).state).toBe('ready')
    // The operator's too, which is no tenant's
    const own = { tenant: null, isByOperator: true }
    const third = await read([`domain,tenant`, `${freshName()},${tenant.name}`], own)
    await read([`domain,tenant`, `${freshName()},${tenant.name}`], own)
    expect(await store.find(null, third.id)).toBeUndefined()
  })

  test('of two that come at once one is refused or gives way, and no lines are mixed', async () => {
    const files = [1, 2].map(() => Array.from({ length: 600 }, () => freshName()))
    const ends = await Promise.allSettled(files.map((file) => read(file)))
    const ready = await database.storage.domainImports.list(tenant.id, { limit: 10 })
    expect(ready).toHaveLength(1)
    const stored = (await lines(ready[0]!)).map(({ domain }) => domain)
    expect(files.map((file) => file.join())).toContain(stored.join())
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'already-exists' })
  })

  test('that are cancelled stop; what is done stays', async () => {
    const { domainImports: store } = database.storage
    const found = await read(Array.from({ length: 10 }, () => freshName()))
    await store.confirm(tenant.id, found.id, database.act())
    const batch = (await store.next(found.id, 0, 4)).map((line) => ({
      line,
      domain: { ...line.request!, tenantId: tenant.id, delegations: [] },
    }))
    await store.carryOut(found.id, { after: 0, batch, isLast: false }, database.act())
    await store.cancel(tenant.id, found.id, database.act())
    await run(found.id)
    await store.carryOut(found.id, { after: 4, batch, isLast: false }, database.act())
    expect(await names()).toHaveLength(4)
    expect(await store.find(tenant.id, found.id)).toMatchObject({
      ...{ state: 'cancelled', doneTo: 4, counts: { added: 4, present: 0, refused: 0 } },
    })
    expect(await events()).toContain('domain-import.cancel')
    await expect(store.cancel(tenant.id, found.id, database.act())).rejects.toMatchObject({ code: 'still-in-use' })
  })

  test('a step that another worker has done already does nothing', async () => {
    const { domainImports: store } = database.storage
    const found = await read(Array.from({ length: 6 }, () => freshName()))
    await store.confirm(tenant.id, found.id, database.act())
    const batch = (await store.next(found.id, 0, 3)).map((line) => ({
      line,
      domain: { ...line.request!, tenantId: tenant.id, delegations: [] },
    }))
    await Promise.all([1, 2].map(() => store.carryOut(found.id, { after: 0, batch, isLast: false }, database.act())))
    expect(await store.running(found.id)).toMatchObject({ doneTo: 3, counts: { added: 3, present: 0, refused: 0 } })
    await Promise.all([1, 2].map(() => run(found.id)))
    expect(await store.find(tenant.id, found.id)).toMatchObject({ state: 'done', counts: { added: 6, present: 0 } })
  })

  test('of a suspended tenant wait, unless an operator brought them', async () => {
    const { storage } = database
    const found = await read([freshName()])
    await storage.domainImports.confirm(tenant.id, found.id, database.act())
    await storage.tenants.suspend(tenant.id, database.act())
    await expect(run(found.id)).rejects.toMatchObject({ code: 'tenant-suspended' })
    expect(await names()).toEqual([])
    await storage.tenants.resume(tenant.id, database.act())
    await run(found.id)
    expect(await names()).toHaveLength(1)
  })

  test('of another tenant are not found', async () => {
    const { domainImports: store } = database.storage
    const found = await read([freshName()])
    for (const other of [(await aTenant(database)).id, null]) {
      expect(await store.find(other, found.id)).toBeUndefined()
      expect(await store.list(other, { limit: 1000 })).not.toContainEqual(expect.objectContaining({ id: found.id }))
      const refused = expect.objectContaining({ code: 'not-found' }) as Error
      await expect(store.lines(other, found.id, { limit: 1 })).rejects.toEqual(refused)
      await expect(store.confirm(other, found.id, database.act())).rejects.toEqual(refused)
      await expect(store.cancel(other, found.id, database.act())).rejects.toEqual(refused)
    }
    expect((await store.find(tenant.id, found.id))?.state).toBe('ready')
  })

  test('go with their tenant', async () => {
    const found = await read([freshName()])
    await database.storage.tenants.remove(tenant.id, database.act())
    expect(await database.db.knex('domain_import_line').where({ import_id: found.id })).toEqual([])
    await run(found.id)
  })

  test('are kept for 30 days from their end, unconfirmed for one, and then swept with every line', async () => {
    const { storage, clock, db } = database
    const count = async (id: string) =>
      (await db.knex('domain_import_line').where({ import_id: id })).length +
      (await db.knex('domain_import').where({ id })).length
    const sweepAll = async () => {
      while ((await storage.sweep(clock.now())) > 0);
    }
    const done = await confirmAndRun(await read(Array.from({ length: 1500 }, () => freshName())))
    const waiting = await read([freshName()])
    const running = await read([freshName()], { tenant: await aTenant(database) })
    await storage.domainImports.confirm(running.tenantId, running.id, database.act())
    clock.advance(DAY_MS - 1000)
    await sweepAll()
    expect([await count(done.id), await count(waiting.id)]).toEqual([1501, 2])
    clock.advance(1000)
    await sweepAll()
    expect([await count(done.id), await count(waiting.id)]).toEqual([1501, 0])
    clock.advance(29 * DAY_MS)
    expect(await storage.sweep(clock.now())).toBeLessThan(1501) // in pieces
    await sweepAll()
    expect([await count(done.id), await count(running.id)]).toEqual([0, 2])
  })

  test.each([
    ['an empty file', '', 'malformed-request'],
    ['titles alone', 'domain\n', 'malformed-request'],
    ['a column that is not known', 'domain,colour\n', 'malformed-request'],
    ['a quotation without end', 'domain\n"x', 'malformed-request'],
  ])('refuses %s and leaves nothing to be confirmed', async (_what, file, code) => {
    await expect(read(file)).rejects.toMatchObject({ code })
    expect(await database.storage.domainImports.list(tenant.id, { limit: 10 })).toEqual([])
    await read([freshName()])
  })
})
