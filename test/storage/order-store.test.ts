import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { AUTHORIZATION_DEACTIVATION, type NewOrder, type OrderChanges } from '../../src/acme/order.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { onBothEngines } from '../support/databases.ts'
import { A_PROBLEM, aChain, anAuthorization, anOrderable, aTenant, aConfirmedAuthority, freshName } from './rows.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const ROUNDS = 12

onBothEngines('orders', (database) => {
  const KEY = Buffer.from('the private key of an order')
  const begin = (order: NewOrder, on: Storage = database.storage) => on.orders.begin(order, KEY, database.act())
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const trail = async (subject: string) =>
    (await database.storage.audit.list('all', { limit: 50, subject, isOldestFirst: true })).map(
      ({ action, tenantId, detail }) => ({ action, tenantId, detail }),
    )
  const sealedKey = async (id: string) =>
    (await database.db.knex('acme_order').where({ id }).first<{ private_key_sealed: Buffer | null }>())
      .private_key_sealed
  const stage = ({ tenantId, lineageId }: NewOrder, orderId: string, on: Storage = database.storage) =>
    on.lineages.stage(tenantId, lineageId, { chain: aChain(), privateKey: KEY, orderId }, database.act())
  const answer = (host: NewOrder['identifiers'][number], orderId: string, on: Storage = database.storage) =>
    on.challenges.put({ host, token: orderId, keyAuthorization: 'x', orderId, expiresAt: at(HOUR_MS) })
  const isAnswered = async (host: NewOrder['identifiers'][number], orderId: string) =>
    (await database.storage.challenges.find(host, orderId, database.clock.now())) !== undefined

  test('one is begun with its key sealed, and told of in the trail of its tenant', async () => {
    const { storage } = database
    const { tenant, name, lineage, authority, order } = await anOrderable(database)
    const wanted = { ...order, profile: 'shortlived', replaces: 'aki.serial' }
    const begun = await begin(wanted)
    expect(begun).toEqual({
      ...wanted,
      ...{ id: begun.id, status: 'new', newOrders: 0, url: null, finalizeUrl: null, certificateUrl: null },
      ...{ expiresAt: null, authorizations: [], createdAt: database.clock.now() },
      ...{ finishedAt: null, outcome: null, problem: null, certificateId: null },
    })
    expect(await storage.orders.underWay(lineage.id)).toEqual(begun)
    expect(Buffer.from(await storage.orders.privateKey(begun.id))).toEqual(KEY)
    expect((await sealedKey(begun.id))?.includes(KEY)).toBe(false)
    expect((await trail(name)).at(-1)).toEqual({
      action: 'order.begin',
      tenantId: tenant.id,
      detail: {
        ...{ order: begun.id, lineageId: lineage.id, lineage: lineage.name, authority: authority.name },
        ...{ profile: 'shortlived', replaces: 'aki.serial' },
      },
    })
  })

  test('of two nodes that begin one for a lineage one wins', async () => {
    const other = await database.open()
    for (let round = 0; round < ROUNDS; round++) {
      const { order } = await anOrderable(database)
      const results = await Promise.allSettled([begin(order), begin(order, other)])
      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused).toMatchObject([{ reason: { code: 'already-exists' } }])
      expect(await database.storage.orders.list(order.lineageId, { limit: 9 })).toHaveLength(1)
    }
  })

  test('none is begun for a lineage or an authority that is gone or another tenant’s', async () => {
    const { order } = await anOrderable(database)
    const { id } = await aTenant(database)
    const wrong: Partial<NewOrder>[] = [
      { lineageId: 'none' },
      { authorityId: 'none' },
      { tenantId: null },
      { tenantId: id, identifiers: [] },
    ]
    for (const each of wrong) await expect(begin({ ...order, ...each })).rejects.toMatchObject({ code: 'not-found' })
    expect(await database.storage.orders.list(order.lineageId, { limit: 9 })).toEqual([])
  })

  test('none is begun for a name that the tenant does not hold; the operator’s own need no proof', async () => {
    const { storage, act } = database
    const { tenant, name, order, authority } = await anOrderable(database)
    const unproven = freshName()
    await storage.sourceDomains.add(tenant.id, { name: unproven, mode: 'hosted', isVouched: false }, act())
    const foreign = (await anOrderable(database)).name
    for (const other of [unproven, foreign, freshName()])
      await expect(begin({ ...order, identifiers: [name, other] })).rejects.toMatchObject({
        code: 'control-unproven',
        message: expect.stringContaining(other) as string,
      })
    const lineage = await storage.lineages.create(null, { name: freshName(), source: 'acme' }, act())
    const own = {
      ...order,
      tenantId: null,
      lineageId: lineage.id,
      authorityId: authority.id,
      identifiers: [freshName()],
    }
    expect(await begin(own)).toMatchObject({ tenantId: null })
  })

  test('what it has come to is kept, and nothing else is touched', async () => {
    const { storage } = database
    const { name, order } = await anOrderable(database)
    const begun = await begin(order)
    const authorization = anAuthorization(name, {
      status: 'valid',
      challenge: { type: 'http-01', url: 'https://authority.example/c', token: 't', isAnswered: true },
      expiresAt: at(HOUR_MS),
    })
    const steps: OrderChanges[] = [
      {},
      { newOrders: 1, replaces: 'aki.serial', profile: 'tlsserver' },
      { replaces: null, profile: null },
      { status: 'pending', url: 'https://o', finalizeUrl: 'https://f', expiresAt: at(DAY_MS) },
      { authorizations: [authorization, anAuthorization(name)] },
      { status: 'valid', certificateUrl: 'https://c', expiresAt: null },
    ]
    let expected = begun
    for (const changes of steps) {
      expected = { ...expected, ...changes }
      expect(await storage.orders.save(begun.id, changes)).toEqual(expected)
      expect(await storage.orders.underWay(order.lineageId)).toEqual(expected)
    }
    expect(Buffer.from(await storage.orders.privateKey(begun.id))).toEqual(KEY)
    await expect(storage.orders.save('none', { newOrders: 1 })).rejects.toMatchObject({ code: 'not-found' })
    await expect(storage.orders.save('none', {})).rejects.toMatchObject({ code: 'not-found' })
  })

  test.each(['failed', 'abandoned'] as const)('one that %s has no key and no challenge any more', async (outcome) => {
    const { storage } = database
    const { tenant, name, order } = await anOrderable(database)
    const { id } = await begin(order)
    await answer(name, id)
    const problem = outcome === 'failed' ? A_PROBLEM : null
    await storage.orders.end(id, outcome, problem, database.act())
    expect(await storage.orders.underWay(order.lineageId)).toBeUndefined()
    const [over] = await storage.orders.list(order.lineageId, { limit: 9 })
    expect(over).toMatchObject({ id, outcome, problem, finishedAt: database.clock.now(), certificateId: null })
    expect(await sealedKey(id)).toBeNull()
    expect(await isAnswered(name, id)).toBe(false)
    expect(await database.db.knex('acme_order_name').where({ order_id: id })).toEqual([])
    await expect(storage.orders.privateKey(id)).rejects.toMatchObject({ code: 'not-found' })
    await expect(storage.orders.save(id, { newOrders: 2 })).rejects.toMatchObject({ code: 'not-found' })
    await expect(storage.orders.save(id, {})).rejects.toMatchObject({ code: 'not-found' })
    await expect(answer(name, id)).rejects.toMatchObject({ code: 'not-found' })
    await expect(stage(order, id)).rejects.toMatchObject({ code: 'not-found' })
    expect((await storage.lineages.find(tenant.id, order.lineageId))?.certificates).toEqual([])

    // Another worker ends it too: the first one's word stands
    await storage.orders.end(id, 'abandoned', null, database.act())
    expect(await storage.orders.list(order.lineageId, { limit: 9 })).toEqual([over])
    const told = (await trail(name)).filter(({ action }) => /^order\.(fail|abandon)/.test(action))
    expect(told).toEqual([
      {
        ...{ action: outcome === 'failed' ? 'order.fail' : 'order.abandon', tenantId: tenant.id },
        detail: {
          ...{ order: id, lineageId: order.lineageId },
          ...(problem && { type: problem.type, problem: problem.detail }),
        },
      },
    ])
    await begin(order)
  })

  test('they are listed newest first', async () => {
    const { storage } = database
    const { order } = await anOrderable(database)
    const ids: string[] = []
    for (let n = 0; n < 3; n++) {
      const { id } = await begin(order)
      ids.unshift(id)
      await storage.orders.end(id, 'failed', A_PROBLEM, database.act())
    }
    expect((await storage.orders.list(order.lineageId, { limit: 2 })).map(({ id }) => id)).toEqual(ids.slice(0, 2))
  })

  test('a sealed key that was moved to another row, or is for other names, does not open', async () => {
    const { storage, db } = database
    const [one, other] = [await anOrderable(database), await anOrderable(database)]
    const [{ id }, { id: otherId }] = [await begin(one.order), await begin(other.order)]
    await db
      .knex('acme_order')
      .where({ id: otherId })
      .update({ private_key_sealed: await sealedKey(id), identifiers: JSON.stringify(one.order.identifiers) })
    await expect(storage.orders.privateKey(otherId)).rejects.toThrow(/acme_order/)
    await db.knex('acme_order').where({ id }).update({ identifiers: '["evil.example"]' })
    await expect(storage.orders.privateKey(id)).rejects.toThrow(/acme_order/)
  })

  describe('that are issued', () => {
    test('are over with the certificate that is staged, and what failed before is forgotten', async () => {
      const { storage } = database
      const { tenant, name, lineage, authority, order } = await anOrderable(database)
      const { id } = await begin(order)
      await answer(name, id)
      const memory = {
        lineageId: lineage.id,
        failures: 1,
        failedAt: at(0),
        problem: A_PROBLEM,
        whose: 'owner',
      } as const
      const rest = { authorityId: null, nextAt: at(1), failuresOfAuthority: 0, challengeType: null }
      await storage.issuance.failed({ ...memory, ...rest }, database.act())
      const certificate = await stage(order, id)
      expect(Buffer.from(await storage.privateKeys.open(certificate.privateKeyId!))).toEqual(KEY)
      const over = {
        ...{ id, outcome: 'issued', status: 'valid', certificateId: certificate.id },
        ...{ finishedAt: database.clock.now(), problem: null },
      }
      expect(await storage.orders.list(lineage.id, { limit: 9 })).toMatchObject([over])
      expect(await storage.orders.ofCertificate(certificate.id)).toMatchObject(over)
      expect(await storage.orders.ofCertificate('none')).toBeUndefined()
      expect(await sealedKey(id)).toBeNull()
      expect(await isAnswered(name, id)).toBe(false)
      expect(await storage.issuance.memory(lineage.id)).toBeUndefined()
      expect((await trail(lineage.name)).slice(-2)).toMatchObject([
        { action: 'certificate.stage', tenantId: tenant.id },
        {
          ...{ action: 'certificate.issue', tenantId: tenant.id },
          detail: { certificate: certificate.id, order: id, authority: authority.name },
        },
      ])
      // The certificate is removed, and the record of its order stays for a while
      await storage.lineages.removeCertificate(tenant.id, certificate.id, database.act())
      expect(await storage.orders.list(lineage.id, { limit: 9 })).toMatchObject([{ ...over, certificateId: null }])
    })

    test('are so once: whoever comes second gets the certificate of the first', async () => {
      const other = await database.open()
      for (let round = 0; round < ROUNDS; round++) {
        const { tenant, order } = await anOrderable(database)
        const { id } = await begin(order)
        const [one, two] = await Promise.all([stage(order, id), stage(order, id, other)])
        expect(one).toEqual(two)
        expect((await other.lineages.find(tenant.id, order.lineageId))?.certificates).toEqual([one])
        const keys = await database.db.knex('private_key').where({ tenant_id: tenant.id }).select('id')
        expect(keys).toHaveLength(1)
      }
    })

    test('are not so by another lineage', async () => {
      const { storage } = database
      const { tenant, order } = await anOrderable(database)
      const { id } = await begin(order)
      const { order: other } = await anOrderable(database, { tenant })
      await expect(stage(other, id)).rejects.toMatchObject({ code: 'not-found' })
      await expect(stage(other, 'none')).rejects.toMatchObject({ code: 'not-found' })
      expect(await storage.orders.underWay(order.lineageId)).toMatchObject({ id })
    })

    test('and one that cannot be kept leaves the order under way', async () => {
      const { storage } = database
      const { order } = await anOrderable(database)
      const chain = aChain()
      const staging = { chain, privateKey: KEY }
      await storage.lineages.stage(order.tenantId, order.lineageId, staging, database.act())
      const { id } = await begin(order)
      const again = { ...staging, orderId: id }
      await expect(
        storage.lineages.stage(order.tenantId, order.lineageId, again, database.act()),
      ).rejects.toMatchObject({ code: 'already-exists' })
      expect(await storage.orders.underWay(order.lineageId)).toMatchObject({ id })
      expect(Buffer.from(await storage.orders.privateKey(id))).toEqual(KEY)
    })
  })

  test('go with their lineage, with key and challenges; what they were authorized for is remembered', async () => {
    const { storage, db } = database
    const { tenant, name, order } = await anOrderable(database)
    const { id } = await begin(order)
    await answer(name, id)
    await storage.orders.save(id, { authorizations: [anAuthorization(name)] })
    await storage.lineages.remove(tenant.id, order.lineageId, database.act())
    for (const table of ['acme_order', 'acme_order_name'])
      expect(await db.knex(table).where(table === 'acme_order' ? { id } : { order_id: id }), table).toEqual([])
    expect(await isAnswered(name, id)).toBe(false)
    expect(await storage.orders.authorizations(tenant.id, name, database.clock.now())).toHaveLength(1)
    await storage.sourceDomains.remove(tenant.id, name, database.act())
    await storage.tenants.remove(tenant.id, database.act())
    expect(await storage.orders.authorizations(tenant.id, name, database.clock.now())).toHaveLength(1)
  })

  describe('authorizations', () => {
    test('are found by tenant and name while they may be in force', async () => {
      const { orders } = database.storage
      const [one, other] = [await anOrderable(database), await anOrderable(database)]
      const now = database.clock.now()
      const { id } = await begin(one.order)
      const pending = anAuthorization(one.name)
      const valid = anAuthorization(one.name, { status: 'valid', expiresAt: at(HOUR_MS) })
      const dead = (['invalid', 'deactivated', 'expired', 'revoked'] as const).map((status) =>
        anAuthorization(one.name, { status }),
      )
      await orders.save(id, { authorizations: [valid, ...dead, pending, anAuthorization(freshName())] })
      const found = async (tenantId: string | null, name = one.name, when = now) =>
        (await orders.authorizations(tenantId, name, when)).map(({ url }) => url).toSorted()
      const { tenantId, authorityId } = one.order
      expect(await found(tenantId)).toEqual([pending.url, valid.url].toSorted())
      expect(await orders.authorizations(tenantId, one.name, now)).toContainEqual({ authorityId, url: valid.url })
      for (const whose of [other.order.tenantId, null]) expect(await found(whose)).toEqual([])
      expect(await found(tenantId, other.name)).toEqual([])
      expect(await found(tenantId, one.name, at(HOUR_MS))).toEqual([pending.url])
      expect(await found(tenantId, one.name, at(91 * DAY_MS))).toEqual([])

      // What is valid now, invalid now, deactivated
      await orders.save(id, { authorizations: [{ ...pending, status: 'valid', expiresAt: at(2 * HOUR_MS) }, valid] })
      expect(await found(tenantId, one.name, at(HOUR_MS))).toEqual([pending.url])
      expect(await found(tenantId, one.name, at(2 * HOUR_MS))).toEqual([])
      await orders.save(id, { authorizations: [{ ...pending, status: 'invalid' }, valid] })
      expect(await found(tenantId)).toEqual([valid.url])

      // Whose it is is not known at first, and is not forgotten where a later order has the same
      const unread = anAuthorization('')
      await orders.save(id, { authorizations: [unread, { ...valid, identifier: '', status: 'pending' }] })
      expect(await found(tenantId, '' as typeof one.name)).toEqual([])
      expect(await found(tenantId)).toEqual([valid.url])
      await orders.save(id, { authorizations: [{ ...unread, identifier: one.name }] })
      expect(await found(tenantId)).toEqual([valid.url, unread.url].toSorted())
      await orders.noteDeactivated(unread.url)
      await orders.noteDeactivated(valid.url)
      expect(await found(tenantId)).toEqual([])
    })

    test('that two share by the one account are both’s', async () => {
      const { storage, act } = database
      const { tenant, name, order } = await anOrderable(database)
      const shared = anAuthorization(name, { status: 'valid', expiresAt: at(HOUR_MS) })
      const lineage = await storage.lineages.create(null, { name: freshName(), source: 'acme' }, act())
      const orders = [order, { ...order, tenantId: null, lineageId: lineage.id }]
      for (const each of orders) {
        const { id } = await begin(each)
        await storage.orders.save(id, { authorizations: [shared] })
      }
      for (const whose of [tenant.id, null])
        expect(await storage.orders.authorizations(whose, name, database.clock.now())).toHaveLength(1)
    })
  })

  describe('for a name that is lost', () => {
    const losses: [how: string, lose: (tenantId: string, name: NewOrder['identifiers'][number]) => Promise<unknown>][] =
      [
        ['given up', (tenantId, name) => database.storage.sourceDomains.remove(tenantId, name, database.act())],
        [
          'no longer vouched for',
          (tenantId, name) => database.storage.sourceDomains.withdrawVouch(tenantId, name, database.act()),
        ],
        ...(['lapse', 'lose'] as const).map((event): (typeof losses)[number] => [
          event,
          (tenantId, name) => {
            database.clock.advance(1000)
            const lookedAt = database.clock.now()
            const control = { proof: null, provenAt: null, seenAt: null, waveringSince: null, misses: 0 } as const
            return database.storage.control.takeIn(
              { name, lookedAt, findings: { txt: [], cname: null, txtSibling: null, cnameSibling: null } as never },
              (claims) => ({
                changes: claims
                  .filter((claim) => claim.tenantId === tenantId)
                  .map((claim) => ({ claim, event, control: { ...control, lapsedAt: lookedAt } })),
                isUnanswered: false,
                sighting: () => ({ outcome: 'wrong', isByMost: true }),
              }),
              database.act(),
            )
          },
        ]),
      ]
    const jobs = (key: string) =>
      database.db.knex('job').where({ kind: AUTHORIZATION_DEACTIVATION }).where('key', 'like', `${key}%`).select()

    test.each(losses)('(%s) are abandoned, and what they were authorized for is to be deactivated', async (_, lose) => {
      const { storage, act } = database
      const { tenant, name, authority, order } = await anOrderable(database)
      // One more of the tenant's that names it besides another, one that does not, and one of the operator's
      const second = await anOrderable(database, { tenant })
      const third = await anOrderable(database, { tenant })
      const lineage = await storage.lineages.create(null, { name: freshName(), source: 'acme' }, act())
      const own = { ...order, tenantId: null, lineageId: lineage.id, authorityId: authority.id }
      const both = { ...second.order, identifiers: [name, second.name] }
      const [a, b, c, d] = [await begin(order), await begin(both), await begin(third.order), await begin(own)]
      const authorization = anAuthorization(name)
      await storage.orders.save(a.id, { authorizations: [authorization] })
      await storage.orders.save(c.id, { authorizations: [anAuthorization(third.name)] })
      for (const host of [name, second.name]) await answer(host, b.id)
      await answer(third.name, c.id)

      await lose(tenant.id, name)
      for (const { lineageId } of [order, both]) expect(await storage.orders.underWay(lineageId)).toBeUndefined()
      for (const { id } of [a, b]) expect(await sealedKey(id)).toBeNull()
      for (const { id } of [c, d]) expect(await sealedKey(id)).not.toBeNull()
      for (const host of [name, second.name]) expect(await isAnswered(host, b.id)).toBe(false)
      expect(await isAnswered(third.name, c.id)).toBe(true)
      expect((await trail(name)).filter(({ action }) => action === 'order.abandon')).toMatchObject([
        { tenantId: tenant.id, detail: { order: a.id, why: expect.stringContaining(name) as string } },
      ])
      expect((await trail(`${name}, ${second.name}`)).at(-1)).toMatchObject({ action: 'order.abandon' })

      expect(await jobs(name)).toMatchObject([
        { payload: JSON.stringify({ tenantId: tenant.id, name }), run_at: database.clock.now().getTime() },
      ])
      expect(await jobs(third.name)).toEqual([])
      expect(await storage.orders.authorizations(tenant.id, name, database.clock.now())).toEqual([
        { authorityId: authority.id, url: authorization.url },
      ])
      await expect(begin(order)).rejects.toMatchObject({ code: 'control-unproven' })
    })

    test('without an authorization there is nothing to deactivate', async () => {
      const { storage } = database
      const { tenant, name, order } = await anOrderable(database)
      const { id } = await begin(order)
      await storage.orders.save(id, { authorizations: [anAuthorization(name, { status: 'invalid' })] })
      await storage.sourceDomains.remove(tenant.id, name, database.act())
      expect(await jobs(name)).toEqual([])
    })

    test('are not under way either where they are begun while it is lost', async () => {
      const other = await database.open()
      for (let round = 0; round < ROUNDS; round++) {
        const { tenant, name, order } = await anOrderable(database)
        const [begun, lost] = await Promise.allSettled([
          begin(order),
          other.sourceDomains.withdrawVouch(tenant.id, name, database.act()),
        ])
        expect(lost.status).toBe('fulfilled')
        if (begun.status === 'rejected') expect(begun.reason).toMatchObject({ code: 'control-unproven' })
        expect(await other.orders.underWay(order.lineageId)).toBeUndefined()
      }
    })

    test('are not answered for by whoever comes while it is lost', async () => {
      const { name, order } = await anOrderable(database)
      const { id } = await begin(order)
      const over = { finished_at: 1, outcome: 'abandoned', private_key_sealed: null }
      const { put } = await database.db.knex.transaction(async (trx) => {
        await trx('acme_order').where({ id }).update(over)
        const put = answer(name, id).catch((cause: unknown) => cause)
        for (let n = 0; n < 50; n++) await trx.raw('select 1')
        return { put }
      })
      expect(await put).toMatchObject({ code: 'not-found' })
      expect(await isAnswered(name, id)).toBe(false)
    })

    test('are ended once by whoever is first, also while a worker saves, stages or ends them', async () => {
      const other = await database.open()
      for (let round = 0; round < ROUNDS; round++) {
        const { tenant, name, order } = await anOrderable(database)
        const { id } = await begin(order)
        const authorizations = [anAuthorization(name), anAuthorization(name)]
        const work = [
          () => other.orders.save(id, { authorizations }),
          () => stage(order, id, other),
          () => other.orders.end(id, 'failed', A_PROBLEM, database.act()),
          () => answer(name, id, other),
        ][round % 4]!
        const [lost, worked] = await Promise.allSettled([
          database.storage.sourceDomains.withdrawVouch(tenant.id, name, database.act()),
          work(),
        ])
        expect(lost.status).toBe('fulfilled')
        if (worked.status === 'rejected')
          expect(worked.reason).toMatchObject({ code: expect.stringMatching(/not-found|control-unproven/) as string })
        expect(await other.orders.underWay(order.lineageId)).toBeUndefined()
        expect(await sealedKey(id)).toBeNull()
        expect(await isAnswered(name, id)).toBe(false)
      }
    })
  })

  const onSqlite = database.engine === 'sqlite' ? test : () => undefined
  onSqlite('no key of theirs or of an account is in the files in clear', async () => {
    const { storage, place } = database
    const { id } = await aConfirmedAuthority(database)
    const secrets = ['another account key', 'the next account key', 'the private key of an order']
    await storage.authorities.prepareAccountKey(id, Buffer.from(secrets[1]!))
    await storage.authorities.replaceAccountKey(id, Buffer.from(secrets[1]!), database.act())
    await storage.authorities.prepareAccountKey(id, Buffer.from(secrets[0]!))
    const { order } = await anOrderable(database)
    const begun = await begin(order)
    const files = ['', '-wal'].map((suffix) => readFileSync(place.file + suffix))
    // What is sealed is there: these are the files
    const sealed = (await sealedKey(begun.id))!
    expect(files.some((file) => file.includes(sealed))).toBe(true)
    for (const secret of ['account key', ...secrets])
      for (const file of files)
        for (const form of [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64')])
          expect(file.includes(form), secret).toBe(false)
  })
})
