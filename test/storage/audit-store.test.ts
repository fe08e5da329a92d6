import { randomBytes } from 'node:crypto'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { migrations } from '../../migrations/index.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { auditStore } from '../../src/storage/audit-store.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { openStorage } from '../../src/storage/storage.ts'
import { emptyDatabase, onBothEngines, type TestDatabase } from '../support/databases.ts'
import { dice } from '../support/dice.ts'
import { testSealer } from '../support/sealer.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import { aDelegation, anImport, aTenant, freshName } from './rows.ts'

interface Row {
  sequence: number
  id: string
  at: number
  tenant_id: string | null
  actor: string
  address: string | null
  action: string
  subject: string
  detail: string
  hash: string
}

/** Some acts of some people: about five events each time. */
async function someEvents(database: TestDatabase): Promise<void> {
  database.clock.advance(1000)
  await aDelegation(database)
}

async function rows({ db }: Pick<TestDatabase, 'db'>): Promise<Row[]> {
  return db.knex<Row>('audit_event').orderBy('sequence')
}

onBothEngines('the chain of the audit trail', (database) => {
  test('has a number for each event, without a gap, in the order of commits, however many write at once', async () => {
    const tenant = await aTenant(database)
    const nodes = [database.storage, await database.open(), await database.open()]
    const adding = nodes.flatMap((node, index) =>
      Array.from({ length: 15 }, (_, count) => [
        node.sourceDomains.add(tenant.id, { name: freshName(), mode: 'hosted', isVouched: true }, database.act()),
        node.tenants.add(`tenant-${index}-${count}`, database.act()), // which leaves nothing in the change feed
      ]),
    )
    await Promise.all(adding.flat())
    const all = await rows(database)
    expect(all).toHaveLength(91)
    expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1))
    expect(await database.storage.audit.verify()).toEqual({
      isWhole: true,
      events: 91,
      head: { sequence: 91, hash: all.at(-1)?.hash },
    })
    expect(await nodes[1]!.audit.head()).toEqual({ sequence: 91, hash: all.at(-1)?.hash })
  })

  test('is shown also where a detail was tampered with, which verify finds', async () => {
    const { storage, db } = database
    const tenant = await aTenant(database)
    const written = await db.knex<Row>('audit_event').where({ tenant_id: tenant.id }).first()
    for (const detail of ['no JSON', 'null', '[]', '"text"']) {
      await db.knex('audit_event').where({ tenant_id: tenant.id }).update({ detail })
      expect(await storage.audit.list(tenant.id, { limit: 1 })).toMatchObject([
        { action: 'tenant.add', subject: tenant.name, detail: { unreadable: true } },
      ])
      expect(await storage.audit.verify()).toMatchObject({ isWhole: false })
    }
    await db.knex('audit_event').where({ tenant_id: tenant.id }).update({ detail: written!.detail })
    expect(await storage.audit.verify()).toMatchObject({ isWhole: true })
  })

  test('takes the events of one transaction in their order, also more than one statement holds', async () => {
    const tenant = await aTenant(database)
    const before = await database.storage.audit.head()
    const domains = Array.from({ length: 1200 }, () => anImport(tenant.id))
    await database.storage.sourceDomains.importMany(domains, database.act())
    const added = (await rows(database)).filter(({ sequence }) => sequence > before.sequence)
    expect(new Set(added.map(({ subject }) => subject))).toEqual(new Set(domains.map(({ name }) => name)))
    expect((await database.storage.audit.verify([before])).isWhole).toBe(true)
  })

  test('is broken by no character that somebody types', async () => {
    const actor = 'token \ud800 "\n\u001b[31m\u2028\u00e9'
    await database.storage.targetHosts.add(
      { name: freshName(), port: 443 },
      { ...database.act(), actor, address: '::1' },
    )
    const [event] = await database.storage.audit.list('all', { limit: 1 })
    expect(event).toMatchObject({ actor: actor.replace('\ud800', '\ufffd'), address: '::1' })
    expect((await database.storage.audit.verify()).isWhole).toBe(true)
  })

  test('of another master key is not whole', async () => {
    const db = { ...database.db, auditKey: sealer(Buffer.alloc(32, 9), randomBytes).deriveKey('audit-chain') }
    expect(await auditStore({ db, newId: () => 'x' }).verify()).toMatchObject({ isWhole: false, sequence: 1 })
  })
})

describe('S23: of an audit trail that somebody has touched', () => {
  onBothEngines('100 tamperings of seven kinds', (database) => {
    test('are found, and the first bad event is named', async () => {
      const { storage, db } = database
      const { knex } = db
      for (let i = 0; i < 4; i++) await someEvents(database)
      database.clock.advance(3_600_000)
      const early = await storage.audit.head()
      // So that there is a checkpoint, which is written down elsewhere as well
      for (let i = 0; i < 38; i++) await someEvents(database)
      const cut = await storage.audit.forget(new Date(database.clock.now().getTime() - 3_000_000), database.clock.now())
      expect(cut).toBe(early.sequence)
      const head = await storage.audit.head()
      const whole = await rows(database)
      const checkpoint = await knex('audit_checkpoint').first<Record<string, unknown>>()
      const untouched = { isWhole: true, events: whole.length, head }
      expect(whole.length).toBeGreaterThan(190)
      expect(await storage.audit.verify([early, head])).toEqual(untouched)

      const roll = dice(23)
      const one = <T>(of: readonly T[]) => of[roll(of.length)]!
      const at = (sequence: number) => knex('audit_event').where({ sequence })
      const heads = () => [early, head]
      const tamperings: Record<string, () => Promise<number | null>> = {
        async 'edit a field'() {
          const { sequence, ...row } = one(whole)
          const field = one(Object.keys(row) as (keyof typeof row)[])
          const value = row[field]
          const other =
            typeof value === 'number'
              ? value + 1
              : field === 'detail'
                ? `${value} `
                : value === null
                  ? 'x'
                  : `${value}x`
          await at(sequence).update({ [field]: other })
          return sequence
        },
        async delete() {
          const { sequence } = one(whole)
          await at(sequence).del()
          return sequence
        },
        async insert() {
          const { sequence } = one(whole)
          const events = await knex<Row>('audit_event').where('sequence', '>=', sequence).orderBy('sequence', 'desc')
          for (const row of events) await at(row.sequence).update({ sequence: row.sequence + 1 })
          await knex('audit_event').insert({ ...one(whole), sequence, id: `made up ${roll(1e9)}` })
          return sequence
        },
        async 'swap two'() {
          const [a, b] = [one(whole), one(whole)].sort((x, y) => x.sequence - y.sequence) as [Row, Row]
          if (a.sequence === b.sequence) return this['swap two']!()
          await knex('audit_event').whereIn('sequence', [a.sequence, b.sequence]).del()
          await knex('audit_event').insert([
            { ...a, sequence: b.sequence },
            { ...b, sequence: a.sequence },
          ])
          return a.sequence
        },
        async 're-number'() {
          const last = whole.at(-1)!.sequence
          const { sequence } = one(whole)
          const to = one([last + 1 + roll(10), -roll(10), roll(early.sequence)])
          await at(sequence).update({ sequence: to })
          return Math.min(sequence, to)
        },
        async 'cut the tail'() {
          const { sequence } = one(whole)
          await knex('audit_event').where('sequence', '>=', sequence).del()
          return sequence
        },
        async 'edit the checkpoint'() {
          const field = one(['sequence', 'hash', 'seal', null])
          if (field === null) await knex('audit_checkpoint').del()
          else {
            const value = checkpoint[field]
            const other =
              typeof value === 'number'
                ? value + 1 + roll(50)
                : (value as string).replace(/./g, one([...'0123456789abcdef']))
            await knex('audit_checkpoint').update({ [field]: other })
          }
          return null
        },
      }
      const kinds = Object.keys(tamperings)
      const missed: string[] = []
      for (let i = 0; i < 100; i++) {
        const kind = kinds[i % kinds.length]!
        const first = await tamperings[kind]!()
        const verdict = await storage.audit.verify(heads())
        const isFound = !verdict.isWhole && (first === null || verdict.sequence === first) && verdict.why.length > 20
        if (!isFound) missed.push(`${i} ${kind} ${first}: ${JSON.stringify(verdict)}`)
        await knex('audit_event').del()
        for (let from = 0; from < whole.length; from += 50)
          await knex('audit_event').insert(whole.slice(from, from + 50))
        await knex('audit_checkpoint').del()
        await knex('audit_checkpoint').insert(checkpoint)
      }
      expect(missed).toEqual([])
      expect(await storage.audit.verify(heads())).toEqual(untouched)
    }, 60_000)
  })

  onBothEngines('a tail that was cut off and grew again', (database) => {
    test('is found by a head that was written down elsewhere', async () => {
      const { storage, db } = database
      for (let i = 0; i < 3; i++) await someEvents(database)
      const head = await storage.audit.head()
      const cutOff = (await rows(database)).slice(-4)
      const cutFrom = (sequence: number) => db.knex('audit_event').where('sequence', '>=', sequence).del()
      await cutFrom(head.sequence - 3)
      expect((await storage.audit.verify()).isWhole).toBe(true)
      expect(await storage.audit.verify([head])).toMatchObject({ isWhole: false, sequence: head.sequence - 3 })
      for (let i = 0; i < 3; i++) await someEvents(database)
      expect((await storage.audit.verify()).isWhole).toBe(true)
      expect(await storage.audit.verify([head])).toMatchObject({ isWhole: false, sequence: head.sequence })
      // One that was genuine in its place, before another came to stand there
      const { sequence, ...former } = cutOff.at(-1)!
      await db.knex('audit_event').where({ sequence }).update(former)
      expect(await storage.audit.verify()).toMatchObject({ isWhole: false, sequence })
      await cutFrom(sequence)
      expect((await storage.audit.verify([{ sequence: 0, hash: '0'.repeat(64) }])).isWhole).toBe(true)
    })
  })
})

onBothEngines('retention of the audit trail', (database) => {
  const DAY = 86_400_000
  const now = () => database.clock.now()
  const ago = (ms: number) => new Date(now().getTime() - ms)
  const count = async () => (await rows(database)).length

  test('cuts off what is older, in bounded steps and never with a gap, and writes down that it did', async () => {
    const { storage, clock } = database
    const tenant = await aTenant(database)
    await storage.sourceDomains.importMany(
      Array.from({ length: 1500 }, () => anImport(tenant.id)),
      database.act(),
    )
    const old = await storage.audit.head()
    clock.advance(DAY)
    await someEvents(database)
    const kept = await rows(database)
    expect(await storage.audit.forget(ago(10 * DAY), now())).toBe(0)
    expect(await count()).toBe(kept.length) // and no event tells of nothing
    expect(await storage.audit.forget(ago(DAY / 2), now())).toBe(1000)
    expect((await storage.audit.verify([old])).isWhole).toBe(true)
    expect(await storage.audit.list('all', { limit: 1 })).toMatchObject([
      { tenantId: null, actor: 'retention', action: 'audit.forget', detail: { events: 1000 } },
    ])
    expect(await storage.audit.forget(ago(DAY / 2), now())).toBe(501)
    expect(await storage.audit.forget(ago(DAY / 2), now())).toBe(0)
    const left = await rows(database)
    expect(left[0]).toEqual(kept[old.sequence])
    expect(left.map(({ sequence }) => sequence)).toEqual(left.map((_, index) => old.sequence + 1 + index))
    expect((await storage.audit.verify([old])).isWhole).toBe(true)
    expect(await storage.audit.verify([{ ...old, hash: 'f'.repeat(64) }])).toMatchObject({
      isWhole: false,
      sequence: old.sequence,
    })
  })

  test('stops at the first event that is not older, though a later one is', async () => {
    const { storage, clock } = database
    clock.advance(DAY)
    await storage.audit.forget(ago(1), now())
    const [first] = await rows(database)
    await storage.targetHosts.add({ name: freshName(), port: 443 }, { ...database.act(), at: ago(5 * DAY) })
    clock.advance(DAY)
    const before = await count()
    expect(await storage.audit.forget(new Date(first!.at), now())).toBe(0)
    expect(await count()).toBe(before)
  })

  test('may cut off everything, and the chain goes on behind it', async () => {
    const { storage, clock } = database
    clock.advance(DAY)
    const head = await storage.audit.head()
    await storage.audit.forget(ago(-1), now())
    expect(await rows(database)).toMatchObject([{ sequence: head.sequence + 1, action: 'audit.forget' }])
    expect((await storage.audit.verify([head])).isWhole).toBe(true)
    await database.db.knex('audit_event').del()
    expect(await storage.audit.head()).toEqual(head)
    expect(await storage.audit.verify()).toEqual({ isWhole: true, events: 0, head })
    await someEvents(database)
    expect((await storage.audit.verify([head])).isWhole).toBe(true)
  })

  test('by two nodes at once cuts off each event once, while others write and verify', async () => {
    const { storage, clock } = database
    const tenant = await aTenant(database)
    await storage.sourceDomains.importMany(
      Array.from({ length: 3500 }, () => anImport(tenant.id)),
      database.act(),
    )
    clock.advance(DAY)
    const before = await count()
    const nodes = [storage, await database.open()]
    const forgetting = nodes.map(async (node) => {
      let forgotten = 0
      for (let step; (step = await node.audit.forget(ago(DAY / 2), now())) > 0;) forgotten += step
      return forgotten
    })
    const verdicts = await Promise.all([storage.audit.verify(), someEvents(database), nodes[1]!.audit.verify()])
    const [one = 0, two = 0] = await Promise.all(forgetting)
    expect(one + two).toBe(before)
    expect(verdicts).toMatchObject([{ isWhole: true }, undefined, { isWhole: true }])
    expect((await storage.audit.verify()).isWhole).toBe(true)
  })
})

onBothEngines('the audit trail', (database) => {
  const { act } = database

  test('is paged either way, neither skips nor repeats, and shows a tenant only its own', async () => {
    const { storage } = database
    const [tenant] = [await aTenant(database), await aTenant(database)]
    for (let i = 0; i < 7; i++)
      await storage.sourceDomains.add(tenant.id, { name: freshName(), mode: 'hosted', isVouched: false }, act())
    for (const [whose, length] of [
      [tenant.id, 8],
      ['all', 9],
    ] as const)
      for (const isOldestFirst of [true, false])
        for (let limit = 1; limit < 10; limit++) {
          const seen: number[] = []
          for (let after: number | undefined; ;) {
            const page = await storage.audit.list(whose, { limit, after, isOldestFirst })
            seen.push(...page.map(({ sequence }) => sequence))
            if (page.length < limit || seen.length > 1000) break // the latter: going round in a circle
            after = page.at(-1)!.sequence
          }
          expect(seen).toHaveLength(length)
          expect(seen).toEqual(seen.toSorted((a, b) => (isOldestFirst ? a - b : b - a)))
        }
  })

  test('is filtered by time, action, actor and subject', async () => {
    const { storage, clock } = database
    clock.advance(1000)
    const from = clock.now()
    const { tenant, domain } = await aDelegation(database)
    await storage.sourceDomains.suspend(tenant.id, domain.name, { ...act(), actor: 'alice@example.org' })
    clock.advance(1000)
    const until = clock.now()
    await storage.sourceDomains.resume(tenant.id, domain.name, act())
    const actions = async (filter: object) =>
      (await storage.audit.list(tenant.id, { limit: 100, isOldestFirst: true, ...filter })).map(({ action }) => action)
    const all = [
      'tenant.add',
      'source-domain.add',
      'delegation.register',
      'source-domain.suspend',
      'source-domain.resume',
    ]
    expect(await actions({})).toEqual(all)
    expect(await actions({ from, until })).toEqual(all.slice(0, 4))
    expect(await actions({ from: until })).toEqual(all.slice(4))
    expect(await actions({ action: 'source-domain' })).toEqual([all[1], all[3], all[4]])
    expect(await actions({ action: 'source-domain.add' })).toEqual([all[1]])
    for (const none of ['source', 'source_domain', 'SOURCE-DOMAIN', '%', 'source-domain.'])
      expect(await actions({ action: none })).toEqual([])
    expect(await actions({ actor: 'alice@example.org' })).toEqual(['source-domain.suspend'])
    expect(await actions({ subject: domain.name, action: 'delegation' })).toEqual(['delegation.register'])
  })
})

describe.each(['sqlite', 'postgresql'] as const)('an upgrade on %s', (engine) => {
  const clock = stoppedClock('2026-11-23T12:00:00Z')
  const onEngine = test.skipIf(engine === 'postgresql' && inject('postgres') === null)

  /** A database of the version before, with a trail that nothing chains. */
  async function ofBefore(events: object[]) {
    const { remove, ...place } = await emptyDatabase(engine)
    const db = await openDatabase({ ...place, isReadOnly: false })
    const first = { ...migrations, getMigrations: async () => (await migrations.getMigrations([])).slice(0, 1) }
    await db.knex.migrate.latest({ migrationSource: first })
    for (let from = 0; from < events.length; from += 100)
      await db.knex('audit_event').insert(events.slice(from, from + 100))
    onTestFinished(async () => {
      await db.knex.destroy()
      await remove()
    })
    const open = async (key = testSealer) => {
      const storage = await openStorage({ ...place, sealer: key, clock })
      onTestFinished(() => storage.close())
      return storage
    }
    return { db, open }
  }

  onEngine('chains the trail of before in the order of its ids', async () => {
    const events = Array.from({ length: 1201 }, (_, index) => ({
      id: `01a20846-${String(index).padStart(4, '0')}`,
      at: clock.now().getTime() + index,
      tenant_id: index % 3 === 0 ? null : 'tenant',
      actor: 'cli',
      address: index % 2 === 0 ? null : '192.0.2.1',
      action: 'source-domain.add',
      subject: `d${index}.example`,
      detail: '{"mode": "hosted"}',
    }))
    const roll = dice(7)
    const { db, open } = await ofBefore(events.toSorted(() => roll(3) - 1))
    const storage = await open()
    expect(await storage.migrate()).toContain('002-members')
    const chained = await rows({ db })
    expect(chained).toEqual(
      events.map((event, index) => ({ ...event, sequence: index + 1, hash: expect.any(String) as string })),
    )
    expect(await db.knex.schema.hasTable('audit_event_before')).toBe(false)
    await storage.tenants.add('acme', { at: clock.now(), actor: 'cli', address: null })
    expect(await storage.audit.verify()).toMatchObject({ isWhole: true, events: 1202 })
    await db.knex('audit_event').where({ sequence: 700 }).update({ subject: 'd.example' })
    expect(await storage.audit.verify()).toMatchObject({ isWhole: false, sequence: 700 })
  })

  onEngine('under another master key is refused before anything is written', async () => {
    const { db, open } = await ofBefore([])
    await open()
    await expect(open(sealer(Buffer.alloc(32, 9), randomBytes))).rejects.toMatchObject({ code: 'configuration' })
    expect(await db.knex.schema.hasTable('audit_checkpoint')).toBe(false)
  })
})
