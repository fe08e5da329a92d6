import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import type { DomainName } from '../../src/name.ts'
import type { Storage } from '../../src/storage/storage.ts'
import {
  afterLook,
  KEEP_KEYS_MS,
  MISSES_TO_LAPSE,
  WAVERING_MS,
  type Claim,
  type ControlStore,
  type Sighting,
} from '../../src/tenant/control.ts'
import type { Findings } from '../../src/tenant/findings.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { onBothEngines } from '../support/databases.ts'
import { until } from '../support/until.ts'
import { aChain, anImport, aTenant, freshName } from './rows.ts'

const DAY_MS = 86_400_000
const ROUNDS = 10

const GONE: Sighting = { outcome: 'wrong', isByMost: true }
const TXT: Sighting = { outcome: 'ok', proof: 'txt', isByMost: true }
const FINDINGS: Findings = {
  txt: { name: 'x', type: 'TXT', aliases: [], zone: null, replies: [], fault: null },
  txtSibling: null,
  cname: null,
  cnameSibling: null,
}

onBothEngines('the keys of names that share a front', (database) => {
  const claim = ({ id }: Tenant, name: DomainName, isVouched = false) =>
    database.storage.sourceDomains.add(id, { name, mode: 'hosted', isVouched }, database.act())

  /** A look, begun a second after the one before, at which the records of these tenants were there and all others' gone. */
  function look(name: DomainName, seen: readonly Tenant[], control: ControlStore = database.storage.control) {
    database.clock.advance(1000)
    const lookedAt = database.clock.now()
    const sighting = ({ tenantId }: Claim) => (seen.some(({ id }) => id === tenantId) ? TXT : GONE)
    return control.takeIn(
      { name, lookedAt, findings: FINDINGS },
      (claims) => ({ changes: afterLook(claims, sighting, lookedAt), isUnanswered: false, sighting }),
      database.act(),
    )
  }
  async function lapse(name: DomainName) {
    for (let miss = 1; miss < MISSES_TO_LAPSE; miss++) await look(name, [])
    database.clock.advance(WAVERING_MS)
    await look(name, [])
  }
  const stage = (tenant: Tenant, lineageId: string) =>
    database.storage.lineages.stage(
      tenant.id,
      lineageId,
      { chain: aChain(), privateKey: Buffer.from('secret') },
      database.act(),
    )
  const keysOf = async (lineageId: string) =>
    (await database.db.knex('certificate').where({ lineage_id: lineageId }).whereNotNull('private_key_id')).length
  const lostNames = (lineageId: string) =>
    database.db.knex('lost_front').where({ lineage_id: lineageId }).orderBy('name').pluck<string[]>('name')
  async function destroyDue() {
    while ((await database.storage.control.destroyKeys(database.clock.now())) > 0);
  }

  /** Two names of one tenant that present one lineage with a key; another tenant claims them too. */
  async function shared() {
    const [a, b] = [await aTenant(database), await aTenant(database)]
    const [one, two] = [freshName(), freshName()]
    for (const name of [one, two]) {
      for (const tenant of [a, b]) await claim(tenant, name)
      await look(name, [a])
    }
    const { id } = await database.storage.lineages.create(
      a.id,
      { name: `both of ${one}`, source: 'import' },
      database.act(),
    )
    await stage(a, id)
    for (const name of [one, two]) await database.storage.sourceDomains.setFrontLineage(a.id, name, id, database.act())
    return { a, b, one, two, id }
  }

  test('are kept while one of the names is held, and destroyed with the last of them', async () => {
    const { a, b, one, two, id } = await shared()
    await lapse(one)
    expect(await lostNames(id)).toEqual([one])
    database.clock.advance(KEEP_KEYS_MS)
    await destroyDue()
    expect(await keysOf(id)).toBe(1)
    await lapse(two)
    expect(await lostNames(id)).toEqual([one, two].sort())
    await look(one, [b])
    expect(await keysOf(id)).toBe(1) // the other may come back
    database.clock.advance(KEEP_KEYS_MS - 1001)
    await destroyDue()
    expect(await keysOf(id)).toBe(1)
    database.clock.advance(1)
    await destroyDue()
    expect(await keysOf(id)).toBe(0)
    expect(await lostNames(id)).toEqual([])
    for (const name of [one, two])
      expect(await database.storage.sourceDomains.find(a.id, name)).toMatchObject({ frontLineageId: null })
  })

  test('are not destroyed where one name goes to another tenant a day after the other has lapsed', async () => {
    const { a, b, one, two, id } = await shared()
    await lapse(two)
    database.clock.advance(DAY_MS)
    await look(one, [b])
    expect(await keysOf(id)).toBe(1)
    await look(two, [a])
    expect(await lostNames(id)).toEqual([one])
    expect(await database.storage.sourceDomains.find(a.id, two)).toMatchObject({ frontLineageId: id })
    database.clock.advance(KEEP_KEYS_MS)
    await destroyDue()
    expect(await keysOf(id)).toBe(1)
    await database.storage.sourceDomains.setFrontLineage(a.id, two, null, database.act())
    await destroyDue()
    expect(await keysOf(id)).toBe(0) // one of them is valid for a name of another's, and nothing needs it any more
  })

  test('are destroyed in the act that gives the second name to another tenant too', async () => {
    const { b, one, two, id } = await shared()
    await look(one, [b])
    expect(await keysOf(id)).toBe(1)
    await look(two, [b])
    expect(await keysOf(id)).toBe(0)
    expect(await lostNames(id)).toEqual([])
  })

  test('stay where they came into the lineage after the loss', async () => {
    const { a, one, two, id } = await shared()
    for (const name of [one, two]) await lapse(name)
    database.clock.advance(10 * DAY_MS)
    const later = await stage(a, id)
    database.clock.advance(KEEP_KEYS_MS)
    await destroyDue()
    expect(await lostNames(id)).toEqual([])
    const { certificates } = (await database.storage.lineages.find(a.id, id))!
    expect(certificates.map(({ privateKeyId }) => privateKeyId)).toEqual([null, later.privateKeyId])
    expect(await database.storage.audit.verify()).toMatchObject({ isWhole: true })
  })

  test('that a clock has staged which ran ahead are lost with the name all the same', async () => {
    const { b, one, two, id } = await shared()
    await database.db
      .knex('certificate')
      .where({ lineage_id: id })
      .update({ staged_at: database.clock.now().getTime() + 365 * DAY_MS })
    for (const name of [one, two]) await look(name, [b])
    expect(await keysOf(id)).toBe(0)
  })

  test('do not stand behind those of others that are still in use', async () => {
    const { lineages, sourceDomains } = database.storage
    const tenant = await aTenant(database)
    for (let n = 0; n <= 100; n++) {
      const used = await lineages.create(tenant.id, { name: `used ${n}`, source: 'import' }, database.act())
      const { name } = await claim(tenant, freshName(), true)
      await sourceDomains.setFrontLineage(tenant.id, name, used.id, database.act())
      await database.db.knex('lost_front').insert({ lineage_id: used.id, name: freshName(), lost_at: 1, due_at: 1 })
    }
    const { one, two, id } = await shared()
    for (const name of [one, two]) await lapse(name)
    database.clock.advance(KEEP_KEYS_MS)
    await destroyDue()
    expect(await keysOf(id)).toBe(0)
  })

  test('go with the lineage', async () => {
    const { a, one, two, id } = await shared()
    for (const name of [one, two]) await database.storage.sourceDomains.remove(a.id, name, database.act())
    await database.storage.lineages.remove(a.id, id, database.act())
    expect(await lostNames(id)).toEqual([])
  })

  /** A name that its tenant holds, with the front that is made for it. */
  async function fronted() {
    const [a, b] = [await aTenant(database), await aTenant(database)]
    const name = freshName()
    for (const tenant of [a, b]) await claim(tenant, name)
    await look(name, [a])
    const { storage, act } = database
    const { id } = await storage.lineages.create(a.id, { name: frontLineageName(name), source: 'local' }, act())
    const staged = await stage(a, id)
    await storage.sourceDomains.setFrontLineage(a.id, name, id, act())
    return { a, b, name, id, staged }
  }

  test('a certificate that was ordered before the name went to another is neither staged nor activated after it', async () => {
    const { lineages } = database.storage
    const { a, b, name, id, staged } = await fronted()
    const other = await lineages.stage(a.id, id, { chain: aChain(), privateKey: null }, database.act())
    await look(name, [b])
    const unproven = { code: 'control-unproven', message: expect.stringContaining(name) as string }
    await expect(stage(a, id)).rejects.toMatchObject(unproven)
    await expect(
      lineages.activate(a.id, staged.id, database.clock.now(), database.act(), 'local'),
    ).rejects.toMatchObject(unproven)
    await expect(lineages.addPrivateKey(a.id, other.id, Buffer.from('secret'), database.act())).rejects.toMatchObject(
      unproven,
    )
    expect(await keysOf(id)).toBe(0)
    await database.storage.sourceDomains.remove(a.id, name, database.act())
    await expect(stage(a, id)).rejects.toMatchObject(unproven)
    // The operator's is made for a host of the operator's, and another's is not there
    const ours = await lineages.create(null, { name: frontLineageName(name), source: 'local' }, database.act())
    await lineages.stage(null, ours.id, { chain: aChain(), privateKey: null }, database.act())
    await expect(stage(b, id)).rejects.toMatchObject({ code: 'not-found' })
  })

  test('one that is staged while the name goes to another leaves no key', async () => {
    const { control } = await database.open()
    for (let round = 0; round < ROUNDS; round++) {
      const { a, b, name, id } = await fronted()
      const [staged, taken] = await Promise.allSettled([stage(a, id), look(name, [b], control)])
      expect(taken).toMatchObject({ status: 'fulfilled' })
      if (staged.status === 'rejected') expect(staged.reason).toMatchObject({ code: 'control-unproven' })
      expect(await keysOf(id)).toBe(0)
    }
  })

  const losses: [how: string, lose: (of: Awaited<ReturnType<typeof fronted>>) => Promise<unknown>][] = [
    ['is lost to another', ({ b, name }) => look(name, [b])],
    ['lapses', ({ name }) => lapse(name)],
    ['is given up', ({ a, name }) => database.storage.sourceDomains.remove(a.id, name, database.act())],
    [
      'is no longer vouched for',
      async ({ a, name }) => {
        await database.storage.sourceDomains.vouch(a.id, name, database.act())
        await database.storage.sourceDomains.withdrawVouch(a.id, name, database.act())
      },
    ],
  ]
  test.each(losses)('where a name %s, no authority finds the answers of its former holder', async (_, lose) => {
    const { challenges } = database.storage
    const of = await fronted()
    const other = freshName()
    const expiresAt = new Date(database.clock.now().getTime() + 30 * DAY_MS)
    for (const host of [of.name, other])
      await challenges.put({ host, token: 't', keyAuthorization: 't.key', expiresAt })
    await look(of.name, [of.a])
    expect(await challenges.find(of.name, 't', database.clock.now())).toBe('t.key')
    await lose(of)
    expect(await challenges.find(of.name, 't', database.clock.now())).toBeUndefined()
    expect(await challenges.find(other, 't', database.clock.now())).toBe('t.key')
  })

  test('the answers of a holder stay where another gives up what it never held', async () => {
    const { challenges, sourceDomains, lineages } = database.storage
    const { b, name } = await fronted()
    const expiresAt = new Date(database.clock.now().getTime() + DAY_MS)
    await challenges.put({ host: name, token: 't', keyAuthorization: 't.key', expiresAt })
    const { id } = await lineages.create(b.id, { name: `of ${name}`, source: 'import' }, database.act())
    await sourceDomains.setFrontLineage(b.id, name, id, database.act())
    await sourceDomains.remove(b.id, name, database.act())
    expect(await challenges.find(name, 't', database.clock.now())).toBe('t.key')
  })

  if (database.engine === 'sqlite') {
    test('are gone from all files of SQLite after the next round', async () => {
      const { b, name, staged } = await fronted()
      const [row] = await database.db
        .knex('private_key')
        .where({ id: staged.privateKeyId! })
        .select<{ sealed: Buffer }[]>('sealed')
      const files = () => Buffer.concat(['', '-wal'].map((suffix) => readFileSync(database.place.file + suffix)))
      await look(name, [b])
      expect(files().includes(row!.sealed)).toBe(true) // in the log of what was written before
      await destroyDue()
      expect(files().includes(row!.sealed)).toBe(false)
    })
    return // one writer at a time: nobody waits for two
  }

  /** What those who wait for another are waiting for. */
  const waits = async () => {
    const sql = `select wait_event as event from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' order by wait_event`
    return (await database.db.read<{ event: string }>(sql, [])).map(({ event }) => event)
  }
  const untilWaiting = (number: number) => until(async () => (await waits()).length === number)

  type Gain = (storage: Storage, tenant: Tenant, name: DomainName) => Promise<unknown>
  const gains: [how: string, gain: Gain][] = [
    [
      'adds and vouches for another claim',
      ({ sourceDomains }, { id }, name) =>
        sourceDomains.add(id, { name, mode: 'hosted', isVouched: true }, database.act()),
    ],
    [
      'imports another claim',
      ({ sourceDomains }, { id }, name) => sourceDomains.importMany([anImport(id, { name })], database.act()),
    ],
    ['vouches for another claim', ({ sourceDomains }, { id }, name) => sourceDomains.vouch(id, name, database.act())],
  ]

  test.each(gains)('a look waits for whoever %s, and not the one for the other', async (how, gain) => {
    const { a, name, id } = await fronted()
    await lapse(name)
    const c = await aTenant(database)
    if (how.startsWith('vouches')) await claim(c, name)
    const { knex } = database.db
    const [{ here }] = database.db.rows<{ here: string }>(await knex.raw('select current_database() as here')) as [
      { here: string },
    ]
    // Longer than a statement may take: who waits for the other in a circle fails
    await knex.raw(`alter database ?? set deadlock_timeout = '1min'`, [here])
    const [one, other] = [await database.open(), await database.open()]
    const outcomes: Promise<unknown>[] = []
    // Who is vouched for stops between the claim and the keys, until the look has come as far as it can
    await knex.transaction(async (trx) => {
      await trx('lineage').where({ id }).forUpdate().first()
      outcomes.push(gain(one, c, name))
      await untilWaiting(1)
      outcomes.push(look(name, [a], other.control))
      await untilWaiting(2)
    })
    for (const outcome of await Promise.allSettled(outcomes)) expect(outcome).toMatchObject({ status: 'fulfilled' })
    const holders = (await other.control.claimsTo(name)).filter(({ proof }) => proof !== null)
    expect(holders.map(({ tenantId }) => tenantId)).toEqual([c.id])
    expect(await keysOf(id)).toBe(0)
    await knex.raw('alter database ?? reset deadlock_timeout', [here])
  })

  test.each(gains)('whoever %s waits for a look before anything is written', async (how, gain) => {
    const { a, name } = await fronted()
    await lapse(name)
    const c = await aTenant(database)
    if (how.startsWith('vouches')) await claim(c, name)
    const outcomes: Promise<unknown>[] = []
    await database.db.knex.transaction(async (trx) => {
      await trx.raw('lock table source_domain in share mode') // rows can be locked, and not written
      outcomes.push(look(name, [a]))
      await untilWaiting(1)
      outcomes.push(gain(database.storage, c, name))
      await untilWaiting(2)
      expect(await waits()).toEqual(['relation', 'transactionid'])
    })
    await Promise.allSettled(outcomes)
    const holders = (await database.storage.control.claimsTo(name)).filter(({ proof }) => proof !== null)
    expect(holders.map(({ tenantId }) => tenantId)).toEqual([a.id])
  })

  test('a look that PostgreSQL has ended for a deadlock is taken in at the second try', async () => {
    const { a, b, name, id } = await fronted()
    await lapse(name)
    let taken: ReturnType<typeof look> | undefined
    await database.db.knex.transaction(async (trx) => {
      await trx.raw(`set local deadlock_timeout = '1min'`) // so that it is the look that is ended
      await trx('lineage').where({ id }).forUpdate().first()
      taken = look(name, [b])
      taken.catch(() => {})
      await untilWaiting(1)
      await trx('source_domain').where({ tenant_id: a.id, name }).forUpdate().first()
    })
    expect(await taken).toMatchObject({ claims: [{ proof: null }, { proof: 'txt' }] })
    expect(await keysOf(id)).toBe(0)
  })
})
