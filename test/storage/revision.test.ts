import { expect, test } from 'vitest'
import { entityTag, type Act, type Revised } from '../../src/act.ts'
import { NO_QUOTAS } from '../../src/tenant/tenant.ts'
import { onBothEngines } from '../support/databases.ts'
import { aChain, aDelegation, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

onBothEngines('what people change', (database) => {
  type Detail = { before?: unknown; after?: unknown }
  interface Thing {
    find: () => Promise<Revised | undefined>
    /** In turn, each with what the audit trail says that it changed. */
    changes: Record<string, [change: (act: Act) => Promise<unknown>, detail: Detail]>
    /** What tells of no new revision: the thing is so already. */
    repeats: ((act: Act) => Promise<unknown>)[]
    remove: (act: Act) => Promise<unknown>
  }

  const things: Record<string, () => Promise<Thing>> = {
    async 'a tenant'() {
      const { tenants } = database.storage
      const { id } = await aTenant(database)
      const quotas = { ...NO_QUOTAS, lineages: 7 }
      return {
        find: () => tenants.find(id),
        changes: {
          'tenant.set-quotas': [
            (act) => tenants.setQuotas(id, quotas, act),
            { before: { lineageQuota: null }, after: { lineageQuota: 7 } },
          ],
          'tenant.suspend': [
            (act) => tenants.suspend(id, act),
            { before: { suspendedAt: null }, after: { suspendedAt: database.clock.now().toISOString() } },
          ],
          'tenant.resume': [
            (act) => tenants.resume(id, act),
            { before: { suspendedAt: database.clock.now().toISOString() }, after: { suspendedAt: null } },
          ],
        },
        repeats: [(act) => tenants.resume(id, act), (act) => tenants.setQuotas(id, quotas, act)],
        remove: (act) => tenants.remove(id, act),
      }
    },

    async 'a source domain'() {
      const { sourceDomains, lineages } = database.storage
      const { id: tenantId } = await aTenant(database)
      const name = freshName()
      await sourceDomains.add(tenantId, { name, mode: 'hosted', isVouched: false }, database.act())
      const lineage = await lineages.create(tenantId, { name, source: 'import' }, database.act())
      const now = database.clock.now().toISOString()
      const hostMeta = { links: [{ rel: 'lrdd', template: 'https://a.example/{uri}' }], hostMeta2: null }
      return {
        find: () => sourceDomains.find(tenantId, name),
        changes: {
          'source-domain.vouch': [
            (act) => sourceDomains.vouch(tenantId, name, act),
            {
              before: { proof: null, provenAt: null, seenAt: null },
              after: { proof: 'vouched', provenAt: now, seenAt: now },
            },
          ],
          'source-domain.suspend': [
            (act) => sourceDomains.suspend(tenantId, name, act),
            { before: { suspendedAt: null }, after: { suspendedAt: now } },
          ],
          'source-domain.resume': [
            (act) => sourceDomains.resume(tenantId, name, act),
            { before: { suspendedAt: now }, after: { suspendedAt: null } },
          ],
          'source-domain.set-host-meta': [
            (act) => sourceDomains.setHostMeta(tenantId, name, hostMeta, act),
            { before: { hostMeta: null }, after: { hostMeta } },
          ],
          'source-domain.set-front-lineage': [
            (act) => sourceDomains.setFrontLineage(tenantId, name, lineage.id, act),
            { before: { frontLineageId: null }, after: { frontLineageId: lineage.id } },
          ],
          'source-domain.set-mode': [
            (act) => sourceDomains.setMode(tenantId, name, 'external', act),
            { before: { mode: 'hosted' }, after: { mode: 'external' } },
          ],
          'source-domain.withdraw-vouch': [
            (act) => sourceDomains.withdrawVouch(tenantId, name, act),
            {
              before: { proof: 'vouched', provenAt: now, seenAt: now, lapsedAt: null },
              after: { proof: null, provenAt: null, seenAt: null, lapsedAt: now },
            },
          ],
        },
        repeats: [
          (act) => sourceDomains.setMode(tenantId, name, 'external', act),
          (act) => sourceDomains.withdrawVouch(tenantId, name, act),
        ],
        remove: (act) => sourceDomains.remove(tenantId, name, act),
      }
    },

    async 'a target host'() {
      const { targetHosts, lineages } = database.storage
      const name = freshName()
      await targetHosts.add({ name, port: 443 }, database.act())
      const lineage = await lineages.create(null, { name, source: 'import' }, database.act())
      return {
        find: () => targetHosts.find(name),
        changes: {
          'target-host.set-port': [
            (act) => targetHosts.setPort(name, 8443, act),
            { before: { port: 443 }, after: { port: 8443 } },
          ],
          'target-host.set-front-lineage': [
            (act) => targetHosts.setFrontLineage(name, lineage.id, act),
            { before: { frontLineageId: null }, after: { frontLineageId: lineage.id } },
          ],
        },
        repeats: [(act) => targetHosts.setPort(name, 8443, act)],
        remove: (act) => targetHosts.remove(name, act),
      }
    },

    async 'a delegation'() {
      const { delegations, targetHosts, lineages } = database.storage
      const { tenant, delegation, target } = await aDelegation(database)
      const { id: lineageId } = await lineages.create(tenant.id, { name: 'its-own', source: 'import' }, database.act())
      const { id: targetHostId, name } = await targetHosts.add({ name: freshName(), port: 443 }, database.act())
      const terms = { lineageId, targetHostId, tlsAnswer: 'possession', poshAnswer: 'off', srvPort: 5269 } as const
      return {
        find: () => delegations.find(tenant.id, delegation.id),
        changes: {
          'delegation.change': [
            (act) => delegations.change(tenant.id, delegation.id, terms, act),
            {
              before: {
                ...{ targetHost: target, lineage: delegation.lineageName, lineageId: delegation.lineageId },
                ...{ tlsAnswer: 'redirect', poshAnswer: 'fingerprints', srvPort: null },
              },
              after: {
                ...{ targetHost: name, lineage: 'its-own', lineageId },
                ...{ tlsAnswer: 'possession', poshAnswer: 'off', srvPort: 5269 },
              },
            },
          ],
        },
        repeats: [(act) => delegations.change(tenant.id, delegation.id, terms, act)],
        remove: (act) => delegations.withdraw(tenant.id, delegation.id, act),
      }
    },

    async 'a lineage'() {
      const { lineages } = database.storage
      const { id } = await lineages.create(null, { name: freshName(), source: 'local' }, database.act())
      const chain = aChain()
      const certificate = async () => (await lineages.find(null, id))!.certificates[0]!.id
      const { sha256, subject, notAfter } = { ...chain.leaf, notAfter: chain.leaf.notAfter.toISOString() }
      return {
        find: () => lineages.find(null, id),
        // Of its certificates; those acts name no revision of it
        changes: {
          'certificate.stage': [
            (act) => lineages.stage(null, id, { chain, privateKey: null }, { ...act, ifMatch: undefined }),
            { after: { sha256, subject, notAfter, hasKey: false } },
          ],
          'certificate.add-key': [
            async (act) =>
              lineages.addPrivateKey(null, await certificate(), Buffer.from('key'), { ...act, ifMatch: undefined }),
            { before: { hasKey: false }, after: { hasKey: true } },
          ],
          'certificate.activate': [
            async (act) =>
              lineages.activate(null, await certificate(), database.clock.now(), { ...act, ifMatch: undefined }),
            { before: { active: null, source: 'local' }, after: { active: sha256, source: 'import' } },
          ],
          'certificate.remove': [
            async (act) => lineages.removeCertificate(null, await certificate(), { ...act, ifMatch: undefined }),
            { before: { sha256, subject, notAfter, hasKey: true } },
          ],
        },
        repeats: [],
        remove: (act) => lineages.remove(null, id, act),
      }
    },
  }

  test.each(Object.keys(things))(
    '%s has a revision that grows with each change, and the trail has what was before and after',
    async (kind) => {
      const { find, changes, repeats } = await things[kind]!()
      let before = (await find())!
      expect(before.revision).toBe(1)
      const { audit } = database.storage
      for (const [action, [change, detail]] of Object.entries(changes)) {
        await change({ ...database.act(), ifMatch: ['"another"', entityTag(before)] })
        const after = (await find())!
        expect(after.revision, action).toBe(before.revision + 1)
        const [event] = await audit.list('all', { limit: 1 })
        expect(event?.action).toBe(action)
        expect({ before: event?.detail.before, after: event?.detail.after }).toEqual({
          before: undefined,
          after: undefined,
          ...detail,
        })
        before = after
      }
      const [head, position] = [await audit.head(), await feedEnd(database)]
      for (const repeat of repeats) await repeat(database.act())
      expect((await find())!.revision).toBe(before.revision)
      expect(await audit.head()).toEqual(head)
      expect(await changesBehind(database, position)).toEqual([])
    },
  )

  test.each(Object.keys(things).filter((kind) => kind !== 'a lineage'))(
    '%s of another revision than was seen is left as it is',
    async (kind) => {
      const { find, changes, repeats, remove } = await things[kind]!()
      const seen = entityTag((await find())!)
      const [first, ...others] = Object.values(changes).map(([change]) => change)
      await first!(database.act())
      const now = (await find())!
      const [head, position] = [await database.storage.audit.head(), await feedEnd(database)]
      for (const change of [first!, ...others, ...repeats, remove])
        await expect(change({ ...database.act(), ifMatch: [seen] })).rejects.toMatchObject({
          code: 'precondition-failed',
        })
      expect(await find()).toEqual(now)
      expect(await database.storage.audit.head()).toEqual(head)
      expect(await changesBehind(database, position)).toEqual([])
      await first!({ ...database.act(), ifMatch: ['*'] })
    },
  )

  test.each(Object.keys(things))('%s is not removed by who has not seen the last change', async (kind) => {
    const { find, changes, remove } = await things[kind]!()
    const seen = entityTag((await find())!)
    await Object.values(changes)[0]![0](database.act())
    await expect(remove({ ...database.act(), ifMatch: [seen] })).rejects.toMatchObject({ code: 'precondition-failed' })
    await remove({ ...database.act(), ifMatch: [entityTag((await find())!)] })
    expect(await find()).toBeUndefined()
    const [event] = await database.storage.audit.list('all', { limit: 1 })
    expect(event?.detail.before).toBeDefined()
    expect(event?.detail.after).toBeUndefined()
  })

  test('of ten who have seen the same and change it at once, one does', async () => {
    const { tenant, domain } = await aDelegation(database)
    const nodes = [database.storage, await database.open()]
    const ifMatch = [entityTag(domain)]
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) =>
        nodes[index % 2]!.sourceDomains.suspend(tenant.id, domain.name, { ...database.act(), ifMatch }),
      ),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'precondition-failed' })
  })

  test('what somebody adds has its facts in the trail, and what an import or a job changes needs no revision', async () => {
    const { storage } = database
    const { tenant, domain, target } = await aDelegation(database)
    const trail = await storage.audit.list('all', { limit: 5 })
    const added = Object.fromEntries(trail.map(({ action, detail }) => [action, detail]))
    expect(added).toMatchObject({
      'tenant.add': { after: { suspendedAt: null, sourceDomainQuota: null } },
      'source-domain.add': { after: { mode: 'hosted', proof: 'vouched' } },
      'target-host.add': { after: { port: 443, frontLineageId: null } },
      'lineage.create': { after: { source: 'import' } },
      'delegation.register': { service: '_xmpp-server._tcp', after: { targetHost: target, srvPort: null } },
    })
    await storage.sourceDomains.suspend(tenant.id, domain.name, database.act())
    await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, null, database.act())
    expect((await storage.sourceDomains.find(tenant.id, domain.name))?.revision).toBe(3)
  })
})
