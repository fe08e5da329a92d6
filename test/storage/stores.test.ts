import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { NO_QUOTAS, type Tenant } from '../../src/tenant/tenant.ts'
import { onBothEngines } from '../support/databases.ts'
import { aDelegation, anOrderable, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

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

  test('are added with quotas, suspended and resumed', async () => {
    const { storage, act, clock } = database
    const quotas = { sourceDomains: 10, delegations: null, lineages: 0 }
    const tenant = await storage.tenants.add('limited', act(), quotas)
    expect(tenant).toEqual({
      ...{ id: tenant.id, name: 'limited', quotas, revision: 1 },
      ...{ suspendedAt: null, edgeLabel: expect.any(String) as string, createdAt: clock.now() },
    })
    expect(await storage.tenants.find(tenant.id)).toEqual(tenant)
    const suspended = await storage.tenants.suspend(tenant.id, act())
    expect(suspended).toEqual({ ...tenant, suspendedAt: clock.now(), revision: 2 })
    clock.advance(1000)
    expect(await storage.tenants.suspend(tenant.id, act())).toEqual(suspended)
    expect(await storage.tenants.find(tenant.id)).toEqual(suspended)
    const isSuspended = { search: 'limited', limit: 10, isSuspended: true }
    expect(await storage.tenants.list(isSuspended)).toEqual([suspended])
    expect(await storage.tenants.list({ ...isSuspended, isSuspended: false })).toEqual([])
    expect(await storage.tenants.resume(tenant.id, act())).toEqual({ ...tenant, revision: 3 })
    const unknown = [storage.tenants.suspend, storage.tenants.resume, storage.tenants.remove]
    for (const act of unknown) await expect(act('none', database.act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('have an edge label that nobody can guess, which stays theirs and is not in the trail', async () => {
    const { storage, act } = database
    const tenants = [await aTenant(database), await aTenant(database), await aTenant(database)]
    const labels = tenants.map(({ edgeLabel }) => edgeLabel)
    for (const label of labels) expect(label).toMatch(/^t[0-9a-f]{32}$/)
    expect(new Set(labels).size).toBe(3)
    const [{ id, edgeLabel }] = tenants as [Tenant]
    await storage.tenants.suspend(id, act())
    await storage.tenants.resume(id, act())
    const after = await storage.tenants.setQuotas(id, { ...NO_QUOTAS, lineages: 1 }, act())
    expect(after.edgeLabel).toBe(edgeLabel)
    expect((await storage.tenants.find(id))?.edgeLabel).toBe(edgeLabel)
    expect(JSON.stringify(await storage.audit.list(id, { limit: 100 }))).not.toContain(edgeLabel)
  })

  test('those of a user are found by their ids', async () => {
    const { tenants } = database.storage
    const [one, two] = [await aTenant(database), await aTenant(database)]
    await aTenant(database)
    const among = [two.id, one.id, 'none']
    expect(await tenants.list({ limit: 10, among })).toEqual([one, two])
    expect(await tenants.list({ limit: 1, among, after: one.name })).toEqual([two])
    expect(await tenants.list({ limit: 10, among: [] })).toEqual([])
  })

  test('are counted by what they have', async () => {
    const { tenants, lineages } = database.storage
    const { tenant } = await aDelegation(database)
    await aDelegation(database)
    await lineages.create(tenant.id, { name: 'one', source: 'import' }, database.act())
    await lineages.create(tenant.id, { name: 'two', source: 'import' }, database.act())
    expect(await tenants.count(tenant.id)).toEqual({ sourceDomains: 1, delegations: 1, lineages: 2 })
  })

  test('one that is removed takes its members, invitations and tokens along', async () => {
    const { storage, act, db } = database
    const tenant = await aTenant(database)
    const user = await storage.users.add({ email: 'gone@example.org', isOperator: false, passwordHash: 'hash' }, act())
    await storage.members.add(tenant.id, { userId: user.id, role: 'owner' }, act())
    const token = { tenantId: tenant.id, name: 'ci', scopes: [], addresses: null, expiresAt: null, createdById: null }
    await storage.tokens.add('a'.repeat(64), token, act())
    const invited = { purpose: 'invitation', tenantId: tenant.id, role: 'viewer', email: 'new@example.org' } as const
    await storage.links.add('b'.repeat(64), { ...invited, expiresAt: database.clock.now(), createdById: null }, act())
    await storage.tenants.remove(tenant.id, act())
    for (const table of ['member', 'api_token', 'link'])
      expect(await db.knex(table).where({ tenant_id: tenant.id }), table).toEqual([])
    expect(await storage.users.find(user.id)).toBeDefined()
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

  test('a port that changes is told to every host that redirects to it', async () => {
    const { storage, act } = database
    const { target } = await aDelegation(database)
    const position = await feedEnd(database)
    const changed = await storage.targetHosts.setPort(target, 8443, act())
    expect(changed).toMatchObject({ name: target, port: 8443 })
    expect(await storage.targetHosts.find(target)).toEqual(changed)
    expect((await changesBehind(database, position)).sort()).toEqual(['host *', `host ${target}`])
    await expect(storage.targetHosts.setPort(freshName(), 8443, act())).rejects.toMatchObject({ code: 'not-found' })
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
  test("what was found at the owner's web server is noted, is nobody's act, and ends with what it was found of", async () => {
    const { delegations, audit } = database.storage
    const { tenant, delegation, target, lineageId } = await aDelegation(database)
    const stranger = await aTenant(database)
    expect(delegation.ruleCheck).toBeNull()
    const [position, head] = [await feedEnd(database), await audit.head()]
    const ruleCheck = { outcome: 'wrong', found: 'it answers 404', checkedAt: database.clock.now() } as const
    await delegations.noteRuleCheck(stranger.id, delegation.id, ruleCheck)
    expect(await delegations.find(tenant.id, delegation.id)).toEqual(delegation)
    await delegations.noteRuleCheck(tenant.id, delegation.id, ruleCheck)
    expect(await delegations.find(tenant.id, delegation.id)).toEqual({ ...delegation, ruleCheck })
    expect(await delegations.list(tenant.id, { limit: 1 })).toEqual([{ ...delegation, ruleCheck }])
    expect(await changesBehind(database, position)).toEqual([])
    expect(await audit.head()).toEqual(head)
    const { id: targetHostId } = (await database.storage.targetHosts.find(target))!
    const terms = { ...delegation, lineageId, targetHostId, poshAnswer: 'off' } as const
    expect((await delegations.change(tenant.id, delegation.id, terms, database.act())).ruleCheck).toBeNull()
    await delegations.withdraw(tenant.id, delegation.id, database.act())
    await delegations.noteRuleCheck(tenant.id, delegation.id, ruleCheck)
    expect(await delegations.find(tenant.id, delegation.id)).toBeUndefined()
  })

  test('of a claim that is not held are changed and withdrawn without a word to the edge', async () => {
    const { delegations, sourceDomains, targetHosts } = database.storage
    const { tenant, domain, delegation, target, lineageId } = await aDelegation(database)
    await sourceDomains.withdrawVouch(tenant.id, domain.name, database.act())
    const position = await feedEnd(database)
    const { id: targetHostId } = (await targetHosts.find(target))!
    const terms = { ...delegation, lineageId, targetHostId, poshAnswer: 'off' } as const
    await delegations.change(tenant.id, delegation.id, terms, database.act())
    await delegations.withdraw(tenant.id, delegation.id, database.act())
    expect(await changesBehind(database, position)).toEqual([])
  })

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
        detail: { service: '_xmpp-server._tcp', before: { targetHost: target } },
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

  test('one is found by its service, by its tenant only', async () => {
    const { delegations } = database.storage
    const { tenant, domain, delegation } = await aDelegation(database)
    const find = (tenantId: string, service: string, protocol = '_tcp') =>
      delegations.findByService(tenantId, domain.name, { service, protocol })
    expect(await find(tenant.id, '_xmpp-server')).toEqual(delegation)
    expect(await find(tenant.id, '_xmpp-client')).toBeUndefined()
    expect(await find(tenant.id, '_xmpp-server', '_udp')).toBeUndefined()
    expect(await find((await aTenant(database)).id, '_xmpp-server')).toBeUndefined()
  })

  test('one is led elsewhere, and all three hosts are told', async () => {
    const { storage, act } = database
    const { tenant, domain, delegation, target } = await aDelegation(database)
    const to = await storage.targetHosts.add({ name: freshName(), port: 8443 }, act())
    const own = await storage.lineages.create(tenant.id, { name: 'own', source: 'import' }, act())
    const position = await feedEnd(database)
    const terms = { tlsAnswer: 'possession', poshAnswer: 'reference', srvPort: 5270 } as const
    const all = { ...terms, targetHostId: to.id, lineageId: own.id }
    const changed = await storage.delegations.change(tenant.id, delegation.id, all, act())
    expect(changed).toEqual({
      ...delegation,
      ...terms,
      ...{ targetHost: to.name, targetPort: 8443, lineageId: own.id, lineageName: 'own', revision: 2 },
    })
    expect(await storage.delegations.find(tenant.id, delegation.id)).toEqual(changed)
    const hosts = [domain.name, target, to.name].map((name) => `host ${name}`)
    expect((await changesBehind(database, position)).sort()).toEqual(hosts.sort())

    const stranger = await aTenant(database)
    const foreign = await storage.lineages.create(stranger.id, { name: 'theirs', source: 'import' }, act())
    const end = await feedEnd(database)
    for (const [tenantId, wrong, named] of [
      [tenant.id, { lineageId: foreign.id }, foreign.id],
      [tenant.id, { targetHostId: 'none' }, 'target host none'],
      [stranger.id, {}, delegation.id],
    ] as const)
      await expect(
        storage.delegations.change(tenantId, delegation.id, { ...all, ...wrong }, act()),
      ).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining(named) as string })
    expect(await storage.delegations.find(tenant.id, delegation.id)).toEqual(changed)
    expect(await changesBehind(database, end)).toEqual([])
  })

  test('many who withdraw, change and remove what hangs together at once wait for each other', async () => {
    const { storage, act } = database
    const node = await database.open()
    for (let round = 0; round < 10; round++) {
      const { tenant, domain, delegation, lineageId, target } = await aDelegation(database)
      const targetHostId = (await storage.targetHosts.find(target))!.id
      const terms = { ...delegation, lineageId, targetHostId, srvPort: 5000 }
      const outcomes = await Promise.allSettled([
        storage.delegations.change(tenant.id, delegation.id, terms, act()),
        node.delegations.withdraw(tenant.id, delegation.id, act()),
        storage.sourceDomains.remove(tenant.id, domain.name, act()),
        node.targetHosts.setPort(target, 5000 + round, act()),
        storage.sourceDomains.suspend(tenant.id, domain.name, act()),
      ])
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'not-found' })
    }
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

  test('one of tls-alpn-01 is for handshakes alone, and one of http-01 for requests', async () => {
    const { storage, clock } = database
    const [host, other] = [freshName(), freshName()]
    const [now, expiresAt] = [clock.now(), new Date(clock.now().getTime() + 1000)]
    const challenge = { host, token: 't', expiresAt }
    await storage.challenges.put({ ...challenge, keyAuthorization: 'by http' })
    expect(await storage.challenges.findForTls(host, now)).toEqual([])
    const tls = { ...challenge, type: 'tls-alpn-01' } as const
    await storage.challenges.put({ ...tls, keyAuthorization: 'first' })
    await storage.challenges.put({ ...tls, keyAuthorization: 'by tls' })
    expect(await storage.challenges.find(host, 't', now)).toBe('by http')
    expect(await storage.challenges.findForTls(host, now)).toEqual(['by tls'])
    expect(await storage.challenges.findForTls(other, now)).toEqual([])
    expect(await storage.challenges.findForTls(host, expiresAt)).toEqual([])
    for (let n = 0; n < 6; n++) await storage.challenges.put({ ...tls, token: `t${n}`, keyAuthorization: `${n}` })
    expect(await storage.challenges.findForTls(host, now)).toHaveLength(4)
    expect(await storage.challenges.find(host, 't0', now)).toBeUndefined()
    await storage.challenges.remove(host, 't')
    expect(await storage.challenges.find(host, 't', now)).toBeUndefined()
    expect(await storage.challenges.findForTls(host, now)).not.toContain('by tls')
    const latest = { ...tls, token: 'last', expiresAt: new Date(expiresAt.getTime() + 1) }
    await storage.challenges.put({ ...latest, keyAuthorization: 'of the newest order' })
    expect((await storage.challenges.findForTls(host, now))[0]).toBe('of the newest order')
  })

  test('those of an order go together, and no others', async () => {
    const { storage, clock, act } = database
    const [one, two] = [await anOrderable(database), await anOrderable(database)]
    const expiresAt = new Date(clock.now().getTime() + 1000)
    const ids: string[] = []
    for (const { order } of [one, two]) ids.push((await storage.orders.begin(order, Buffer.from('key'), act())).id)
    const host = one.name
    for (const orderId of [...ids, null])
      for (const token of ['a', 'b'])
        await storage.challenges.put({ host, token: `${token} ${orderId}`, keyAuthorization: 'x', orderId, expiresAt })
    const left = () =>
      database.db.knex('acme_challenge').where({ host }).orderBy('token').pluck<(string | null)[]>('order_id')
    expect(await left()).toHaveLength(6)
    await storage.orders.end(ids[0]!, 'abandoned', null, act())
    expect((await left()).toSorted()).toEqual([ids[1], ids[1], null, null].toSorted())
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
