import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { onBothEngines } from '../support/databases.ts'
import { A_PROBLEM, aChain, anAuthorization, anOrderable } from './rows.ts'

const DAY_MS = 86_400_000

onBothEngines('sweep', (database) => {
  test('deletes what has ended and keeps what has not', async () => {
    const { storage, clock, act, db } = database
    const now = clock.now()
    const at = (ms: number) => new Date(now.getTime() + ms)
    const host = domainName('im.example.com')
    const token = { tenantId: null, scopes: [], addresses: null, expiresAt: null, createdById: null }
    for (const [name, expiresAt] of [
      ['old', at(0)],
      ['new', at(1)],
    ] as const) {
      const session = { userId: null, stage: 'complete', name, address: null, createdAt: at(-2), expiresAt } as const
      await storage.sessions.open(name, session, act())
      await storage.links.add(name, { purpose: 'sign-in', expiresAt, createdById: null }, act())
      await storage.passkeys.addChallenge(name, { userId: null, expiresAt })
      await storage.challenges.put({ host, token: name, keyAuthorization: 'x', expiresAt })
      const { id } = await storage.tokens.add(`former ${name}`, { ...token, name }, act())
      await storage.tokens.rotate(null, id, `present ${name}`, expiresAt, act())
      const dayAgo = new Date(expiresAt.getTime() - DAY_MS)
      await storage.attempts.count(name, dayAgo, () => 0)
      await storage.idempotency.begin('token 1', name, 'hash', dayAgo)
    }
    await storage.tokens.add('of a token past its end', { ...token, name: 'past', expiresAt: at(-1) }, act())
    for (const key of ['finished', 'open'])
      await storage.jobs.enqueue({ kind: 'test', key, payload: null, runAt: at(0) })
    const job = await storage.jobs.claim('worker', ['test'], now, at(1000))
    await storage.jobs.complete(job!, now)

    expect(await storage.sweep(now)).toBe(7)
    expect(await storage.sessions.find('new', now)).toBeDefined()
    expect(await storage.links.find('new', now)).toBeDefined()
    expect(await storage.passkeys.useChallenge('new', null, now)).toBe(true)
    expect(await storage.challenges.find(host, 'new', now)).toBe('x')
    expect((await storage.tokens.list(null, { limit: 9 })).map(({ name }) => name)).toEqual(['new', 'old', 'past'])
    for (const secret of ['former new', 'present new', 'present old'])
      expect(await storage.tokens.findBySecret(secret, now), secret).toBeDefined()
    expect([...(await storage.attempts.find(['old', 'new'])).keys()]).toEqual(['new'])
    expect(await storage.idempotency.begin('token 1', 'old', 'hash', now)).toBe('begun')
    expect(await storage.idempotency.begin('token 1', 'new', 'hash', now)).not.toBe('begun')
    expect(await storage.jobs.list({ limit: 10 })).toHaveLength(2)

    await storage.sweep(at(7 * DAY_MS))
    expect((await storage.jobs.list({ limit: 10 })).map(({ finishedAt }) => finishedAt)).toEqual([null])
    for (const table of ['session', 'link', 'passkey_challenge', 'acme_challenge', 'sign_in_attempt', 'idempotency'])
      expect(await db.knex(table), table).toEqual([])
  })

  test('keeps orders as long as their certificate, and others for a month', async () => {
    const { storage, clock, act, db } = database
    const begun = clock.now().getTime()
    const { tenant, name, order } = await anOrderable(database)
    const begin = async () => (await storage.orders.begin(order, Buffer.from('key'), act())).id
    const expiresAt = new Date(begun + DAY_MS)
    const failed = await begin()
    const authorizations = [anAuthorization(name, { expiresAt }), anAuthorization(name)]
    await storage.orders.save(failed, { authorizations })
    await storage.orders.end(failed, 'failed', A_PROBLEM, act())
    const issued = await begin()
    const staging = { chain: aChain(), privateKey: null, orderId: issued }
    const certificate = await storage.lineages.stage(tenant.id, order.lineageId, staging, act())
    const underWay = await begin()
    const left = async () => (await storage.orders.list(order.lineageId, { limit: 9 })).map(({ id }) => id)
    const sweepAt = (days: number, ms = 0) => storage.sweep(new Date(begun + days * DAY_MS + ms))

    const found = () => db.knex('acme_authorization').where({ name }).pluck<string[]>('url')
    await sweepAt(1, -1)
    expect(await found()).toHaveLength(2)
    await sweepAt(1)
    expect(await found()).toEqual([authorizations[1]!.url])
    await sweepAt(30, -1)
    expect(await left()).toEqual([underWay, issued, failed])
    await sweepAt(30)
    expect(await left()).toEqual([underWay, issued])
    await sweepAt(3000)
    expect(await left()).toEqual([underWay, issued])
    expect(await found()).toEqual([])
    await storage.lineages.removeCertificate(tenant.id, certificate.id, act())
    await sweepAt(30)
    expect(await left()).toEqual([underWay])
    expect(await db.knex('acme_order_name').where({ name }).pluck<string[]>('order_id')).toEqual([underWay])
  })

  test('keeps authorizations where the clock was set lately: they may be in force by the authority’s', async () => {
    const { storage, clock, act, db } = database
    const { name, order } = await anOrderable(database)
    const { id } = await storage.orders.begin(order, Buffer.from('key'), act())
    await storage.orders.save(id, { authorizations: [anAuthorization(name)] })
    const far = new Date(clock.now().getTime() + 4000 * DAY_MS)
    const found = () => db.knex('acme_authorization').where({ name })
    await storage.sweep(far, { isClockSteady: false })
    expect(await found()).toHaveLength(1)
    await storage.sweep(far, { isClockSteady: true })
    expect(await found()).toEqual([])
  })

  test('takes a thousand rows of each kind at a time', async () => {
    const { storage, clock, db } = database
    const rows = Array.from({ length: 1100 }, (_, i) => ({ caller: 'c', idempotency_key: `${i}`, request_sha256: 'x' }))
    for (const from of [0, 400, 800])
      await db.knex('idempotency').insert(rows.slice(from, from + 400).map((row) => ({ ...row, created_at: 1 })))
    expect(await storage.sweep(clock.now())).toBe(1000)
    expect(await storage.sweep(clock.now())).toBe(100)
  })
})
