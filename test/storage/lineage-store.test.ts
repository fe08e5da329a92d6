import { describe, expect, test } from 'vitest'
import { FRONT_CERTIFICATE } from '../../src/certificate/issuance.ts'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import { onBothEngines } from '../support/databases.ts'
import { aChain, aDelegation, aTenant, changesBehind, feedEnd, freshName } from './rows.ts'

onBothEngines('a host that is given a lineage', (database) => {
  test.each([
    ['made for a host', 'front', 'acme', 1],
    ['made for a host, whose certificates come by hand', 'front', 'import', 1],
    ['with a certificate', 'other', 'acme', 1],
    ['whose certificates come by hand', 'other', 'import', 0],
    ['that never had a certificate', 'empty', 'acme', 0],
  ] as const)(
    'has its job run, which may have ended while nobody presented it: one %s',
    async (_, kind, source, runs) => {
      const { storage, act, clock } = database
      const { tenant, domain, target } = await aDelegation(database)
      for (const host of [domain.name, target]) {
        const tenantId = host === target ? null : tenant.id
        const name = kind === 'front' ? frontLineageName(host) : freshName()
        const { id } = await storage.lineages.create(tenantId, { name, source }, act())
        if (kind === 'other') {
          const { id: first } = await storage.lineages.stage(
            tenantId,
            id,
            { chain: aChain(), privateKey: Buffer.from('key') },
            act(),
          )
          await storage.lineages.activate(tenantId, first, clock.now(), act(), source)
        }
        for (const lineageId of [id, null, id])
          await (tenantId === null
            ? storage.targetHosts.setFrontLineage(host, lineageId, act())
            : storage.sourceDomains.setFrontLineage(tenant.id, host, lineageId, act()))
        const found = (await storage.jobs.list({ limit: 50 })).filter(({ key }) => key === id)
        const identifiers = kind === 'front' ? [host] : ['hosting.example.com']
        expect(found).toMatchObject(
          Array(runs).fill({
            kind: FRONT_CERTIFICATE,
            runAt: clock.now(),
            payload: { tenantId, lineageId: id, identifiers },
          }),
        )
      }
    },
  )
})

onBothEngines('lineages', (database) => {
  const HOUR = 3_600_000
  const create = (tenantId: string | null, name: string = freshName()) =>
    database.storage.lineages.create(tenantId, { name, source: 'import' }, database.act())
  const later = () => new Date(database.clock.now().getTime() + HOUR)
  const count = async (table: string, where: object) => (await database.db.knex(table).where(where).select('id')).length

  test('a certificate is staged beside the others, with its key sealed', async () => {
    const { storage, act, db } = database
    const tenant = await aTenant(database)
    const lineage = await create(tenant.id)
    const chain = aChain()
    const privateKey = Buffer.from('the private key')
    const staged = await storage.lineages.stage(tenant.id, lineage.id, { chain, privateKey }, act())
    expect(staged).toMatchObject({
      chainPem: chain.pem,
      dnsNames: chain.leaf.dnsNames,
      activatedAt: null,
      retiresAt: null,
    })
    expect(await storage.lineages.find(tenant.id, lineage.id)).toEqual({
      ...lineage,
      revision: 2,
      certificates: [staged],
    })
    expect(await storage.lineages.findByName(tenant.id, lineage.name)).toEqual({
      ...lineage,
      revision: 2,
      certificates: [staged],
    })
    expect(Buffer.from(await storage.privateKeys.open(staged.privateKeyId!))).toEqual(privateKey)
    const row = await db.knex('private_key').where({ id: staged.privateKeyId }).first<{ sealed: Buffer }>()
    expect(row.sealed.includes(privateKey)).toBe(false)
  })

  test('a sealed key that was moved to another row does not open', async () => {
    const { storage, act, db } = database
    const lineage = await create(null)
    const [one, other] = [
      await storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: Buffer.from('1') }, act()),
      await storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: Buffer.from('2') }, act()),
    ]
    const row = await db.knex('private_key').where({ id: one.privateKeyId }).first<{ sealed: Buffer }>()
    await db.knex('private_key').where({ id: other.privateKeyId }).update({ sealed: row.sealed })
    await expect(storage.privateKeys.open(other.privateKeyId!)).rejects.toThrow()
    await expect(storage.privateKeys.open('none')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('the same certificate is not taken twice, and a refused one leaves no key', async () => {
    const { storage, act } = database
    const lineage = await create(null)
    const certificate = { chain: aChain(), privateKey: Buffer.from('key') }
    await storage.lineages.stage(null, lineage.id, certificate, act())
    const before = await count('private_key', {})
    await expect(storage.lineages.stage(null, lineage.id, certificate, act())).rejects.toMatchObject({
      code: 'already-exists',
    })
    expect(await count('private_key', {})).toBe(before)
  })

  test('a name is unique within a tenant, and the operator has names of its own', async () => {
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const name = freshName()
    for (const owner of [tenant.id, other.id, null]) {
      const lineage = await create(owner, name)
      expect(lineage).toMatchObject({
        tenantId: owner,
        tenantName: [tenant, other].find(({ id }) => id === owner)?.name ?? null,
      })
      await expect(create(owner, name)).rejects.toMatchObject({ code: 'already-exists' })
      expect((await database.storage.lineages.findByName(owner, name))?.id).toBe(lineage.id)
    }
    expect(await database.storage.lineages.list('all', { limit: 10, search: name })).toHaveLength(3)
  })

  test('activation retires the one before, and there is one active at any time', async () => {
    const { storage, act } = database
    const lineage = await create(null)
    const stage = () => storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: null }, act())
    const [first, second] = [await stage(), await stage()]
    await storage.lineages.activate(null, first.id, later(), act())
    database.clock.advance(1000)
    const until = later()
    const active = await storage.lineages.activate(null, second.id, until, act())
    expect(active).toMatchObject({
      id: second.id,
      activatedAt: database.clock.now(),
      supersededAt: null,
      retiresAt: null,
    })
    const found = await storage.lineages.find(null, lineage.id)
    expect(found?.certificates.find(({ id }) => id === first.id)).toMatchObject({
      supersededAt: database.clock.now(),
      retiresAt: until,
    })
    expect(found?.certificates.find(({ id }) => id === second.id)).toEqual(active)
    expect(await storage.lineages.activate(null, second.id, later(), act())).toEqual(active)
  })

  test('many activations at once leave one active and the others retiring', async () => {
    const { storage, act } = database
    const lineage = await create(null)
    const ids: string[] = []
    for (let i = 0; i < 8; i++)
      ids.push((await storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: null }, act())).id)
    await Promise.all(ids.map((id) => storage.lineages.activate(null, id, later(), act())))
    const { certificates } = (await storage.lineages.find(null, lineage.id))!
    expect(certificates.filter(({ supersededAt }) => supersededAt === null)).toHaveLength(1)
  })

  test('removing a certificate takes its key along, unless another certificate has the same', async () => {
    const { storage, act, db } = database
    const lineage = await create(null)
    const stage = () =>
      storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: Buffer.from('key') }, act())
    const [one, other] = [await stage(), await stage()]
    await db.knex('certificate').where({ id: other.id }).update({ private_key_id: one.privateKeyId })
    await storage.lineages.removeCertificate(null, one.id, act())
    expect(await count('private_key', { id: one.privateKeyId })).toBe(1)
    await storage.lineages.removeCertificate(null, other.id, act())
    expect(await count('private_key', { id: one.privateKeyId })).toBe(0)
    await expect(storage.lineages.removeCertificate(null, one.id, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a lineage that is in use is not removed, one that is not goes with certificates and keys', async () => {
    const { storage, act } = database
    const { tenant, domain, delegation, lineageId, target } = await aDelegation(database)
    const staged = await storage.lineages.stage(
      null,
      lineageId,
      { chain: aChain(), privateKey: Buffer.from('key') },
      act(),
    )
    const refused = () =>
      expect(storage.lineages.remove(null, lineageId, act())).rejects.toMatchObject({ code: 'still-in-use' })
    await refused()
    await storage.delegations.withdraw(tenant.id, delegation.id, act())
    await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, lineageId, act())
    await refused()
    await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, null, act())
    await storage.targetHosts.setFrontLineage(target, lineageId, act())
    await refused()
    expect(await count('private_key', { id: staged.privateKeyId })).toBe(1)
    await storage.targetHosts.setFrontLineage(target, null, act())
    await storage.lineages.remove(null, lineageId, act())
    expect(await storage.lineages.find(null, lineageId)).toBeUndefined()
    expect(await count('private_key', { id: staged.privateKeyId })).toBe(0)
  })

  test('every change is one row of the feed, however many delegations publish the lineage', async () => {
    const { storage, act } = database
    const { tenant, lineageId } = await aDelegation(database)
    const other = await aDelegation(database, { tenant })
    await database.db.knex('delegation').where({ id: other.delegation.id }).update({ lineage_id: lineageId })
    const position = await feedEnd(database)
    const stage = () => storage.lineages.stage(null, lineageId, { chain: aChain(), privateKey: null }, act())
    const [staged, next] = [await stage(), await stage()]
    await storage.lineages.activate(null, staged.id, later(), act())
    await storage.lineages.addPrivateKey(null, next.id, Buffer.from('k'), act())
    await storage.lineages.removeCertificate(null, next.id, act())
    expect(await changesBehind(database, position)).toEqual(Array(5).fill(`lineage ${lineageId}`))
    expect((await storage.audit.list('all', { limit: 5 })).map(({ action }) => action)).toEqual([
      'certificate.remove',
      'certificate.add-key',
      'certificate.activate',
      'certificate.stage',
      'certificate.stage',
    ])
  })

  test('what is active is not removed while it is published or presented; the one before may be', async () => {
    const { storage, act } = database
    const { tenant, domain, delegation, lineageId } = await aDelegation(database)
    const stage = () => storage.lineages.stage(null, lineageId, { chain: aChain(), privateKey: null }, act())
    const [first, second] = [await stage(), await stage()]
    await storage.lineages.activate(null, first.id, later(), act())
    await storage.lineages.activate(null, second.id, later(), act())
    const remove = (id: string) => storage.lineages.removeCertificate(null, id, act())
    expect([await storage.lineages.isPublished(lineageId), await storage.lineages.isPresented(lineageId)]).toEqual([
      true,
      false,
    ])
    await remove(first.id) // a key that was stolen has to go at once
    await expect(remove(second.id)).rejects.toMatchObject({ code: 'still-in-use' })

    await storage.delegations.withdraw(tenant.id, delegation.id, act())
    await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, lineageId, act())
    expect([await storage.lineages.isPublished(lineageId), await storage.lineages.isPresented(lineageId)]).toEqual([
      false,
      true,
    ])
    await expect(remove(second.id)).rejects.toMatchObject({ code: 'still-in-use' })
    await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, null, act())
    await remove(second.id)
  })

  test('whoever activates sees to the next, by hand unless an authority does', async () => {
    const { storage, act } = database
    const lineage = await storage.lineages.create(null, { name: freshName(), source: 'local' }, act())
    const stage = () =>
      storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: Buffer.from('k') }, act())
    const source = async () => (await storage.lineages.find(null, lineage.id))?.source
    await storage.lineages.activate(null, (await stage()).id, later(), act(), 'local')
    expect(await source()).toBe('local')
    await storage.lineages.activate(null, (await stage()).id, later(), act())
    expect(await source()).toBe('import')
  })

  test('what a host presents is not replaced by a certificate whose key is not here', async () => {
    const { storage, act } = database
    const { tenant, domain } = await aDelegation(database)
    const presented = await create(tenant.id)
    const front = await create(null, `front:${freshName()}`)
    await storage.sourceDomains.setFrontLineage(tenant.id, domain.name, presented.id, act())
    for (const { tenantId, id } of [presented, front]) {
      const keyless = await storage.lineages.stage(tenantId, id, { chain: aChain(), privateKey: null }, act())
      const activate = () => storage.lineages.activate(tenantId, keyless.id, later(), act())
      await expect(activate()).rejects.toMatchObject({ code: 'still-in-use' })
      await storage.lineages.addPrivateKey(tenantId, keyless.id, Buffer.from('k'), act())
      await activate()
    }
  })

  test('a certificate that was only published is given its key, sealed, once', async () => {
    const { storage, act } = database
    const lineage = await create(null)
    const staged = await storage.lineages.stage(null, lineage.id, { chain: aChain(), privateKey: null }, act())
    const { privateKeyId } = await storage.lineages.addPrivateKey(null, staged.id, Buffer.from('its key'), act())
    expect(Buffer.from(await storage.privateKeys.open(privateKeyId!)).toString()).toBe('its key')
    const again = await storage.lineages.addPrivateKey(null, staged.id, Buffer.from('another'), act())
    expect(again.privateKeyId).toBe(privateKeyId)
  })

  test('an export of a private key is written down, and nothing else changes', async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const lineage = await create(tenant.id)
    const staged = await storage.lineages.stage(
      tenant.id,
      lineage.id,
      { chain: aChain(), privateKey: Buffer.from('k') },
      act(),
    )
    const position = await feedEnd(database)
    await storage.lineages.noteKeyExport(tenant.id, staged.id, act())
    expect(await changesBehind(database, position)).toEqual([])
    expect(await storage.audit.list(tenant.id, { limit: 1 })).toMatchObject([
      { action: 'certificate.export-key', subject: lineage.name, detail: { certificate: staged.id } },
    ])
  })

  describe("another tenant's lineage, or the operator's", () => {
    const { act } = database
    const acts: [string, (tenantId: string | null, lineageId: string, certificateId: string) => Promise<unknown>][] = [
      ['stage', (t, id) => database.storage.lineages.stage(t, id, { chain: aChain(), privateKey: null }, act())],
      ['activate', (t, _, id) => database.storage.lineages.activate(t, id, later(), act())],
      ['remove a certificate of', (t, _, id) => database.storage.lineages.removeCertificate(t, id, act())],
      ['add a key to', (t, _, id) => database.storage.lineages.addPrivateKey(t, id, Buffer.from('k'), act())],
      ['export from', (t, _, id) => database.storage.lineages.noteKeyExport(t, id, act())],
      ['revoke from', (t, _, id) => database.storage.lineages.noteRevocation(t, id, 1, act())],
      ['remove', (t, id) => database.storage.lineages.remove(t, id, act())],
    ]
    test.each(acts)('is not found by who would %s it', async (_, attempt) => {
      const [owner, stranger] = [await aTenant(database), await aTenant(database)]
      for (const [holder, others] of [
        [owner.id, [stranger.id, null]],
        [null, [owner.id, stranger.id]],
      ] as const) {
        const lineage = await create(holder)
        const { id } = await database.storage.lineages.stage(
          holder,
          lineage.id,
          { chain: aChain(), privateKey: null },
          act(),
        )
        const before = await database.storage.lineages.find(holder, lineage.id)
        for (const other of others) {
          await expect(attempt(other, lineage.id, id)).rejects.toMatchObject({ code: 'not-found' })
          expect(await database.storage.lineages.find(other, lineage.id)).toBeUndefined()
          expect(await database.storage.lineages.findByName(other, lineage.name)).toBeUndefined()
        }
        expect(await database.storage.lineages.find(holder, lineage.id)).toEqual(before)
      }
    })
  })
})
