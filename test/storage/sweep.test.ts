import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { onBothEngines } from '../support/databases.ts'

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

  test('takes a thousand rows of each kind at a time', async () => {
    const { storage, clock, db } = database
    const rows = Array.from({ length: 1100 }, (_, i) => ({ caller: 'c', idempotency_key: `${i}`, request_sha256: 'x' }))
    for (const from of [0, 400, 800])
      await db.knex('idempotency').insert(rows.slice(from, from + 400).map((row) => ({ ...row, created_at: 1 })))
    expect(await storage.sweep(clock.now())).toBe(1000)
    expect(await storage.sweep(clock.now())).toBe(100)
  })
})
