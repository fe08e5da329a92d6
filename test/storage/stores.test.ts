import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { onBothEngines } from '../support/databases.ts'
import { aDelegation, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

onBothEngines('tenants', (database) => {
  test('are found by id and by name, and listed by name', async () => {
    const { storage, act } = database
    const [one, two] = [await storage.tenants.add('b-tenant', act()), await storage.tenants.add('a-tenant', act())]
    expect(await storage.tenants.find(one.id)).toEqual(one)
    expect(await storage.tenants.findByName('a-tenant')).toEqual(two)
    expect(await storage.tenants.find('none')).toBeUndefined()
    expect(await storage.tenants.list({ limit: 10 })).toEqual([two, one])
    expect(await storage.tenants.list({ limit: 10, after: 'a-tenant' })).toEqual([one])
    expect(await storage.tenants.list({ limit: 10, search: 'B-T' })).toEqual([one])
    await expect(storage.tenants.add('a-tenant', act())).rejects.toMatchObject({ code: 'already-exists' })
  })

  test('one that still has something is not removed; its trail outlives it', async () => {
    const { storage, act } = database
    const { tenant, domain } = await aDelegation(database)
    const lineage = await storage.lineages.create(tenant.id, { name: 'its-own', source: 'import' }, act())
    await expect(storage.tenants.remove(tenant.id, act())).rejects.toMatchObject({ code: 'still-in-use' })
    await storage.sourceDomains.remove(tenant.id, domain.name, act())
    await expect(storage.tenants.remove(tenant.id, act())).rejects.toMatchObject({ code: 'still-in-use' })
    await storage.lineages.remove(tenant.id, lineage.id, act())
    await storage.tenants.remove(tenant.id, act())
    await expect(storage.tenants.remove(tenant.id, act())).rejects.toMatchObject({ code: 'not-found' })
    expect(await storage.audit.list(tenant.id, { limit: 100 })).toHaveLength(7)
  })
})

onBothEngines('target hosts', (database) => {
  test('are added once, listed by name, and not removed while a delegation leads to them', async () => {
    const { storage, act } = database
    const { tenant, delegation, target } = await aDelegation(database)
    const found = await storage.targetHosts.find(target)
    expect(found).toMatchObject({ name: target, port: 443, frontLineageId: null })
    await expect(storage.targetHosts.add({ name: target, port: 8443 }, act())).rejects.toMatchObject({
      code: 'already-exists',
    })
    expect(await storage.targetHosts.list({ limit: 10, search: target })).toEqual([found])
    expect(await storage.targetHosts.list({ limit: 10, after: target })).toEqual([])
    expect(await storage.targetHosts.wantingFront(10)).toEqual([{ name: target }])
    await expect(storage.targetHosts.remove(target, act())).rejects.toMatchObject({ code: 'still-in-use' })
    await storage.delegations.withdraw(tenant.id, delegation.id, act())
    const position = await feedEnd(database)
    await storage.targetHosts.remove(target, act())
    expect(await changesBehind(database, position)).toEqual([`host ${target}`])
    await expect(storage.targetHosts.remove(target, act())).rejects.toMatchObject({ code: 'not-found' })
    await expect(storage.targetHosts.setFrontLineage(target, null, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test("a tenant's lineage is not the front of the operator's host", async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const { name } = await storage.targetHosts.add({ name: freshName(), port: 443 }, act())
    const lineage = await storage.lineages.create(tenant.id, { name, source: 'import' }, act())
    await expect(storage.targetHosts.setFrontLineage(name, lineage.id, act())).rejects.toMatchObject({
      code: 'not-found',
    })
  })
})

onBothEngines('delegations', (database) => {
  test('one comes back with the names of all that it ties together, and tells both hosts', async () => {
    const { storage } = database
    const { tenant, domain, delegation, target, lineageId } = await aDelegation(database)
    expect(delegation).toMatchObject({
      tenantId: tenant.id,
      sourceDomain: domain.name,
      targetHost: target,
      targetPort: 443,
      lineageId,
      service: '_xmpp-server',
      createdAt: database.clock.now(),
    })
    expect(await storage.delegations.find(tenant.id, delegation.id)).toEqual(delegation)
    expect(await storage.delegations.find('all', delegation.id)).toEqual(delegation)
    const position = await feedEnd(database)
    await storage.delegations.withdraw(tenant.id, delegation.id, database.act())
    expect((await changesBehind(database, position)).sort()).toEqual([`host ${domain.name}`, `host ${target}`].sort())
    expect(await storage.audit.list(tenant.id, { limit: 1 })).toMatchObject([
      {
        action: 'delegation.withdraw',
        subject: domain.name,
        detail: { service: '_xmpp-server._tcp', targetHost: target },
      },
    ])
  })

  test('a service of a source domain is delegated once', async () => {
    const { storage, act } = database
    const { tenant, domain, delegation, lineageId, target } = await aDelegation(database)
    const targetHostId = (await storage.targetHosts.find(target))!.id
    const again = { ...delegation, targetHostId, lineageId, sourceDomainId: domain.id }
    await expect(storage.delegations.register(tenant.id, again, act())).rejects.toMatchObject({
      code: 'already-exists',
    })
    await storage.delegations.register(tenant.id, { ...again, service: '_xmpp-client', srvPort: 5222 }, act())
  })

  test('nothing of another tenant can be tied in, and a foreign delegation is not found', async () => {
    const { storage, act } = database
    const mine = await aDelegation(database)
    const theirs = await aDelegation(database)
    const theirLineage = await storage.lineages.create(theirs.tenant.id, { name: 'theirs', source: 'import' }, act())
    const targetHostId = (await storage.targetHosts.find(mine.target))!.id
    const wish = {
      ...mine.delegation,
      service: '_xmpp-client',
      sourceDomainId: mine.domain.id,
      targetHostId,
      lineageId: mine.lineageId,
    }
    const position = await feedEnd(database)
    for (const foreign of [
      { sourceDomainId: theirs.domain.id },
      { lineageId: theirLineage.id },
      { targetHostId: 'none' },
    ])
      await expect(storage.delegations.register(mine.tenant.id, { ...wish, ...foreign }, act())).rejects.toMatchObject({
        code: 'not-found',
      })
    expect(await storage.delegations.find(mine.tenant.id, theirs.delegation.id)).toBeUndefined()
    await expect(storage.delegations.withdraw(mine.tenant.id, theirs.delegation.id, act())).rejects.toMatchObject({
      code: 'not-found',
    })
    expect(await storage.delegations.find(theirs.tenant.id, theirs.delegation.id)).toBeDefined()
    expect(await changesBehind(database, position)).toEqual([])
  })

  test('are listed newest first, page by page, by tenant, source domain and search', async () => {
    const { storage } = database
    const tenant = await aTenant(database)
    const made = []
    for (let i = 0; i < 5; i++) made.push((await aDelegation(database, { tenant })).delegation)
    await aDelegation(database)
    const newestFirst = made.toReversed()
    expect(await storage.delegations.list(tenant.id, { limit: 3 })).toEqual(newestFirst.slice(0, 3))
    expect(await storage.delegations.list(tenant.id, { limit: 3, after: newestFirst[2]!.id })).toEqual(
      newestFirst.slice(3),
    )
    const { sourceDomain } = made[1]!
    expect(await storage.delegations.list('all', { limit: 3, sourceDomain })).toEqual([made[1]])
    expect(await storage.delegations.list(tenant.id, { limit: 3, search: sourceDomain.slice(1) })).toEqual([made[1]])
  })
})

onBothEngines('sessions', (database) => {
  const HOUR = 3_600_000
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)

  test('a sign-in link works once, until it expires, and of many at once for one', async () => {
    const { sessions } = database.storage
    await sessions.addSignInLink('once', { createdAt: at(0), expiresAt: at(HOUR) })
    const uses = await Promise.all(Array.from({ length: 10 }, () => sessions.useSignInLink('once', at(1))))
    expect(uses.filter(Boolean)).toHaveLength(1)
    await sessions.addSignInLink('late', { createdAt: at(0), expiresAt: at(HOUR) })
    expect(await sessions.useSignInLink('late', at(HOUR))).toBe(false)
    expect(await sessions.useSignInLink('unknown', at(0))).toBe(false)
  })

  test('a session lives while it is used, at most to its end, and not after it was closed', async () => {
    const { sessions } = database.storage
    await sessions.open('idle', { createdAt: at(0), expiresAt: at(100 * HOUR) })
    expect(await sessions.find('idle', at(12 * HOUR))).toBeUndefined()
    expect(await sessions.find('idle', at(11 * HOUR))).toEqual({ createdAt: at(0) })
    expect(await sessions.find('idle', at(22 * HOUR))).toEqual({ createdAt: at(0) })
    await sessions.open('ending', { createdAt: at(0), expiresAt: at(HOUR) })
    expect(await sessions.find('ending', at(HOUR))).toBeUndefined()
    await sessions.close('idle')
    expect(await sessions.find('idle', at(22 * HOUR))).toBeUndefined()
  })
})

onBothEngines('challenges', (database) => {
  test('one is answered for its own host and token, until it expires or is removed', async () => {
    const { storage, clock } = database
    const [host, other] = [domainName('a.example'), domainName('b.example')]
    const expiresAt = new Date(clock.now().getTime() + 1000)
    await storage.challenges.put({ host, token: 't', keyAuthorization: 'first', expiresAt })
    await storage.challenges.put({ host, token: 't', keyAuthorization: 't.thumb', expiresAt })
    expect(await storage.challenges.find(host, 't', clock.now())).toBe('t.thumb')
    expect(await storage.challenges.find(other, 't', clock.now())).toBeUndefined()
    expect(await storage.challenges.find(host, 'T', clock.now())).toBeUndefined()
    expect(await storage.challenges.find(host, 't', expiresAt)).toBeUndefined()
    await storage.challenges.remove(host, 't')
    expect(await storage.challenges.find(host, 't', clock.now())).toBeUndefined()
  })
})

onBothEngines('the local authority', (database) => {
  test('of two nodes that make one, one wins and both have the same', async () => {
    const { clock } = database
    const nodes = [database.storage, await database.open(), await database.open()]
    const made = await Promise.all(
      nodes.map((node, index) =>
        node.localAuthority.loadOrCreate(
          async () => ({
            rootPem: `root ${index}`,
            intermediatePem: `${index}`,
            intermediateKey: Buffer.from([index]),
          }),
          clock.now(),
        ),
      ),
    )
    expect(new Set(made.map((keys) => JSON.stringify(keys))).size).toBe(1)
    const refuse = () => Promise.reject(new Error('it is there'))
    expect(await nodes[1]!.localAuthority.loadOrCreate(refuse, clock.now())).toEqual(made[0])
    const rows = await database.db.knex('local_authority').select<{ intermediate_key_sealed: Buffer }[]>()
    expect(rows).toHaveLength(1)
    const trail = await database.storage.audit.list('all', { limit: 100 })
    expect(trail.filter(({ action }) => action === 'local-authority.create')).toHaveLength(1)
  })
})

onBothEngines('the audit trail', (database) => {
  test('is paged newest first and shows a tenant only its own', async () => {
    const { storage } = database
    const tenant = await aTenant(database)
    await aTenant(database)
    for (let i = 0; i < 4; i++)
      await storage.sourceDomains.add(
        tenant.id,
        { name: freshName(), mode: 'hosted', isVouched: false },
        database.act(),
      )
    const all = await storage.audit.list(tenant.id, { limit: 100 })
    expect(all).toHaveLength(5)
    expect(all.at(-1)?.action).toBe('tenant.add')
    const second = await storage.audit.list(tenant.id, { limit: 2, after: all[1]!.id })
    expect(second).toEqual(all.slice(2, 4))
    expect((await storage.audit.list('all', { limit: 100 })).length).toBe(6)
  })
})
