import { expect, test } from 'vitest'
import { entityTag } from '../../src/act.ts'
import type { IssuanceMemory } from '../../src/acme/order.ts'
import { FRONT_CERTIFICATE } from '../../src/certificate/issuance.ts'
import { onBothEngines } from '../support/databases.ts'
import { A_PROBLEM, aConfirmedAuthority, anAuthority, anAuthorization, anOrderable } from './rows.ts'

const MINUTE_MS = 60_000
const A_FAILURE: Pick<IssuanceMemory, 'failures' | 'failedAt' | 'problem' | 'whose'> &
  Pick<IssuanceMemory, 'failuresOfAuthority' | 'challengeType'> = {
  ...{ failures: 1, failedAt: new Date(0), problem: A_PROBLEM, whose: 'authority' },
  ...{ failuresOfAuthority: 1, challengeType: null },
}

onBothEngines('authorities', (database) => {
  const key = (label: string) => Buffer.from(`key ${label}`)
  const account = { url: 'https://authority.example/account/7', termsOfService: 'https://authority.example/terms' }
  const trail = async (subject: string) =>
    (await database.storage.audit.list('all', { limit: 50, subject, isOldestFirst: true })).map(
      ({ action, tenantId, detail }) => ({ action, tenantId, detail }),
    )
  const named = async (name: string) => (await database.storage.authorities.find(name))!
  const rowOf = async (name: string) =>
    (await database.db.knex('authority').where({ name }).first<Record<string, unknown> | undefined>())!

  test('the key of its account is kept before there is one, and only then is it in use', async () => {
    const { storage, act } = database
    const given = anAuthority({
      caPem: 'PEM',
      eabKeyId: 'kid',
      profile: { name: 'shortlived', isRequired: true },
      keyType: 'ec-p384',
    })
    const { authority, accountKey } = await storage.authorities.reserve(given, key('1'), act())
    expect(authority).toEqual({
      ...given,
      ...{ id: authority.id, accountUrl: null, termsOfService: null, pausedUntil: null, pauseReason: null },
      ...{ createdAt: database.clock.now(), revision: 1 },
    })
    expect(Buffer.from(accountKey)).toEqual(key('1'))
    expect(Buffer.from(await storage.authorities.accountKey(authority.id))).toEqual(key('1'))
    expect((await storage.authorities.list()).map(({ name }) => name)).not.toContain(given.name)
    expect(await trail(given.name)).toEqual([])

    const confirmed = await storage.authorities.confirm(authority.id, account, act())
    expect(confirmed).toEqual({ ...authority, accountUrl: account.url, termsOfService: account.termsOfService })
    const again = { url: 'https://authority.example/account/8', termsOfService: null }
    expect(await storage.authorities.confirm(authority.id, again, act())).toEqual(confirmed)
    expect(await named(given.name)).toEqual(confirmed)
    expect(await storage.authorities.list()).toContainEqual(confirmed)
    const { accountUrl, keyType } = confirmed
    expect(await trail(given.name)).toMatchObject([
      { action: 'authority.add', tenantId: null, detail: { after: { accountUrl, keyType, eabKeyId: 'kid' } } },
    ])
    await expect(storage.authorities.confirm('none', account, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('of 20 who add it at once all get one key', async () => {
    const given = anAuthority()
    const nodes = [database.storage, await database.open()]
    const reserved = await Promise.all(
      Array.from({ length: 20 }, (_, n) => nodes[n % 2]!.authorities.reserve(given, key(`${n}`), database.act())),
    )
    const [first] = reserved
    expect(new Set(reserved.map(({ accountKey }) => Buffer.from(accountKey).toString())).size).toBe(1)
    expect(new Set(reserved.map(({ authority }) => authority.id)).size).toBe(1)
    const kept = await database.storage.authorities.accountKey(first!.authority.id)
    expect(Buffer.from(kept)).toEqual(Buffer.from(first!.accountKey))
  })

  test('whoever adds it again after a crash gets the key of before, and may have mended the rest', async () => {
    const { authorities } = database.storage
    const given = anAuthority({ eabKeyId: 'mistyped' })
    const { authority } = await authorities.reserve(given, key('1'), database.act())
    const again = await authorities.reserve({ ...given, eabKeyId: 'kid' }, key('2'), database.act())
    expect(again.authority).toEqual({ ...authority, eabKeyId: 'kid' })
    expect(Buffer.from(again.accountKey)).toEqual(key('1'))
    await authorities.withdraw(authority.id)
    expect(await authorities.find(given.name)).toBeUndefined()
    const anew = await authorities.reserve(given, key('3'), database.act())
    expect(Buffer.from(anew.accountKey)).toEqual(key('3'))
  })

  test('one whose account is made is neither added again nor withdrawn', async () => {
    const { authorities } = database.storage
    const given = anAuthority()
    const { authority } = await authorities.reserve(given, key('1'), database.act())
    const other = anAuthority()
    const taken = { code: 'already-exists', message: expect.stringContaining(given.name) as string }
    for (const isMade of [false, true]) {
      if (isMade) await authorities.confirm(authority.id, account, database.act())
      for (const { name, directoryUrl } of [
        { ...given, directoryUrl: other.directoryUrl },
        { ...given, name: other.name },
      ])
        await expect(
          authorities.reserve({ ...given, name, directoryUrl }, key('2'), database.act()),
        ).rejects.toMatchObject(taken)
    }
    await expect(authorities.reserve(given, key('2'), database.act())).rejects.toMatchObject(taken)
    await authorities.withdraw(authority.id)
    expect((await named(given.name)).accountUrl).toBe(account.url)
  })

  test('they are listed by rank', async () => {
    const { storage } = database
    const third = await aConfirmedAuthority(database, { rank: 1003 })
    const first = await aConfirmedAuthority(database, { rank: 1001 })
    const second = await aConfirmedAuthority(database, { rank: 1002 })
    expect((await storage.authorities.list()).map(({ name }) => name).slice(-3)).toEqual(
      [first, second, third].map(({ name }) => name),
    )
  })

  test('a key opens only in its own row, and with its own directory', async () => {
    const { storage, db } = database
    const [one, other] = [await aConfirmedAuthority(database), await aConfirmedAuthority(database)]
    await storage.authorities.prepareAccountKey(one.id, key('next'))
    const row = await rowOf(one.name)
    const opens = () => storage.authorities.accountKey(one.id)
    await db
      .knex('authority')
      .where({ id: other.id })
      .update({ account_key_sealed: row.account_key_sealed, next_key_sealed: row.next_key_sealed })
    await expect(storage.authorities.accountKey(other.id)).rejects.toThrow()
    await expect(storage.authorities.preparedAccountKey(other.id)).rejects.toThrow()
    await db.knex('authority').where({ id: one.id }).update({ account_key_sealed: row.next_key_sealed })
    await expect(opens()).rejects.toThrow()
    await db.knex('authority').where({ id: one.id }).update({ account_key_sealed: row.account_key_sealed })
    await opens()
    await db.knex('authority').where({ id: one.id }).update({ directory_url: 'https://evil.example/' })
    await expect(opens()).rejects.toThrow()

    // Nor does that of one that was removed, in the row of whoever has its directory now
    await db.knex('authority').where({ id: one.id }).update({ directory_url: one.directoryUrl })
    await storage.authorities.remove(one.name, database.act())
    const anew = await aConfirmedAuthority(database, { directoryUrl: one.directoryUrl })
    await db.knex('authority').where({ id: anew.id }).update({ account_key_sealed: row.account_key_sealed })
    await expect(storage.authorities.accountKey(anew.id)).rejects.toThrow()
    await expect(storage.authorities.accountKey('none')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('the next key of an account is kept beside the present one until it takes its place', async () => {
    const { authorities } = database.storage
    const { id, name } = await aConfirmedAuthority(database)
    const present = await authorities.accountKey(id)
    expect(await authorities.preparedAccountKey(id)).toBeNull()
    await authorities.replaceAccountKey(id, key('none'), database.act())
    expect(await authorities.accountKey(id)).toEqual(present)
    const prepared = await Promise.all(
      Array.from({ length: 10 }, (_, n) => authorities.prepareAccountKey(id, key(`next ${n}`))),
    )
    const next = prepared[0]!
    for (const each of prepared) expect(each).toEqual(next)
    expect(await authorities.preparedAccountKey(id)).toEqual(next)
    expect(await authorities.accountKey(id)).toEqual(present)
    await authorities.replaceAccountKey(id, key('of a change before'), database.act())
    expect(await authorities.accountKey(id)).toEqual(present)
    for (let times = 0; times < 2; times++) await authorities.replaceAccountKey(id, next, database.act())
    expect(await authorities.accountKey(id)).toEqual(next)
    expect(await authorities.preparedAccountKey(id)).toBeNull()
    expect((await trail(name)).map(({ action }) => action)).toEqual(['authority.add', 'authority.change-key'])
    expect((await named(name)).revision).toBe(2)
    await expect(authorities.prepareAccountKey('none', key('x'))).rejects.toMatchObject({ code: 'not-found' })
    await expect(authorities.replaceAccountKey('none', next, database.act())).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  test('what is changed grows its revision and is in the trail; what is not is not', async () => {
    const { authorities } = database.storage
    const before = await aConfirmedAuthority(database)
    const { name } = before
    const changes = { profile: { name: 'tlsserver', isRequired: false }, rank: 9, contact: [] }
    const act = { ...database.act(), ifMatch: [entityTag(before)] }
    const after = await authorities.update(name, changes, act)
    expect(after).toEqual({ ...before, ...changes, revision: 2 })
    expect(await named(name)).toEqual(after)
    expect(await authorities.update(name, changes, database.act())).toEqual(after)
    await expect(authorities.update(name, { rank: 1 }, act)).rejects.toMatchObject({ code: 'precondition-failed' })
    await expect(authorities.remove(name, act)).rejects.toMatchObject({ code: 'precondition-failed' })
    expect((await authorities.update(name, { profile: null }, database.act())).profile).toBeNull()
    const { rank, contact } = before
    expect((await trail(name)).slice(1)).toEqual([
      {
        ...{ action: 'authority.update', tenantId: null },
        detail: { before: { rank, contact, profile: null }, after: changes },
      },
      {
        ...{ action: 'authority.update', tenantId: null },
        detail: { before: { profile: changes.profile }, after: { profile: null } },
      },
    ])
    await expect(authorities.update('none', {}, database.act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('of two pauses the longer one counts, until somebody ends it', async () => {
    const { authorities } = database.storage
    const { id, name } = await aConfirmedAuthority(database)
    const at = (minutes: number) => new Date(database.clock.now().getTime() + minutes * MINUTE_MS)
    const pauses: [until: Date | null, reason: string, expected: Date | null, expectedReason: string | null][] = [
      [at(10), 'rate limit', at(10), 'rate limit'],
      [at(5), 'shorter', at(10), 'rate limit'],
      [at(20), 'longer', at(20), 'longer'],
      [null, 'over', null, null],
      [null, 'over already', null, null],
      [at(1), 'again', at(1), 'again'],
    ]
    for (const [until, reason, pausedUntil, pauseReason] of pauses) {
      await (until ? authorities.pause(id, until, reason, database.act()) : authorities.resume(name, database.act()))
      expect(await named(name), reason).toMatchObject({ pausedUntil, pauseReason, revision: 1 })
    }
    expect((await trail(name)).slice(1).map(({ action, detail }) => [action, detail])).toEqual([
      ['authority.pause', { until: at(10).toISOString(), reason: 'rate limit' }],
      ['authority.pause', { until: at(20).toISOString(), reason: 'longer' }],
      ['authority.resume', { before: { pausedUntil: at(20).toISOString(), pauseReason: 'longer' } }],
      ['authority.pause', { until: at(1).toISOString(), reason: 'again' }],
    ])
    await expect(authorities.resume('nobody', database.act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('what waits for the end of a pause is due when somebody ends it, and nothing else', async () => {
    const { storage, act, clock } = database
    const { authority, order } = await anOrderable(database)
    const others = await anOrderable(database)
    const at = (minutes: number) => new Date(clock.now().getTime() + minutes * MINUTE_MS)
    const failed = { ...A_FAILURE, lineageId: order.lineageId, authorityId: authority.id, nextAt: at(60) }
    await storage.issuance.failed(failed, act())
    await storage.issuance.failed({ ...failed, lineageId: others.order.lineageId, nextAt: at(90) }, act())
    for (const [key, runAt] of [
      ['before', at(59)],
      ['at its end', at(60)],
      ['a while after it', at(85)],
      ['later', at(91)],
    ] as const)
      await storage.jobs.enqueue({ kind: FRONT_CERTIFICATE, key, payload: {}, runAt })
    await storage.authorities.pause(authority.id, at(60), 'limit', act())
    await storage.authorities.resume(authority.name, act())
    const nextRuns = ['before', 'at its end', 'a while after it', 'later'].map((key) =>
      storage.jobs.nextRun(FRONT_CERTIFICATE, key),
    )
    expect(await Promise.all(nextRuns)).toEqual([at(59), at(0), at(0), at(91)])
    expect(await storage.issuance.memory(order.lineageId)).toBeUndefined()
    expect(await storage.issuance.memory(others.order.lineageId)).toBeDefined()
  })

  test('one that is removed leaves its certificates, abandons its orders under way, and its keys are gone', async () => {
    const { storage, act, db } = database
    const { tenant, name, authority, order } = await anOrderable(database)
    const [over, other] = [await anOrderable(database), await anOrderable(database)]
    const before = await storage.orders.begin({ ...over.order, authorityId: authority.id }, key('order'), act())
    await storage.orders.end(before.id, 'failed', A_PROBLEM, act())
    const elsewhere = await storage.orders.begin(other.order, key('order'), act())
    const { id } = await storage.orders.begin(order, key('order'), act())
    await storage.orders.save(id, { authorizations: [anAuthorization(name)] })
    const expiresAt = new Date(database.clock.now().getTime() + MINUTE_MS)
    const challenge = { host: name, token: 't', keyAuthorization: 't.k', expiresAt }
    await storage.challenges.put({ ...challenge, orderId: id })
    await storage.authorities.remove(authority.name, act())

    expect(await storage.authorities.find(authority.name)).toBeUndefined()
    expect(await storage.orders.list(order.lineageId, { limit: 9 })).toMatchObject([{ id, outcome: 'abandoned' }])
    expect(await storage.orders.list(over.order.lineageId, { limit: 9 })).toMatchObject([{ outcome: 'failed' }])
    expect(await storage.orders.underWay(other.order.lineageId)).toMatchObject({ id: elsewhere.id })
    expect(await storage.orders.authorizations(tenant.id, name, database.clock.now())).toEqual([])
    expect(await storage.challenges.find(name, 't', database.clock.now())).toBeUndefined()
    expect(await db.knex('acme_order').where({ id }).first('private_key_sealed')).toEqual({ private_key_sealed: null })
    await expect(storage.authorities.accountKey(authority.id)).rejects.toMatchObject({ code: 'not-found' })
    await expect(storage.orders.begin(order, key('order'), act())).rejects.toMatchObject({ code: 'not-found' })
    expect((await trail(authority.name)).map(({ action }) => action)).toEqual(['authority.add', 'authority.remove'])
    expect((await trail(name)).at(-1)).toMatchObject({
      ...{ action: 'order.abandon', tenantId: tenant.id },
      detail: { order: id, why: expect.stringContaining(authority.name) as string },
    })
    await expect(storage.authorities.remove(authority.name, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('none is removed while an order of it is begun', async () => {
    const other = await database.open()
    for (let round = 0; round < 10; round++) {
      const { authority, order } = await anOrderable(database)
      const [begun] = await Promise.allSettled([
        database.storage.orders.begin(order, key('order'), database.act()),
        other.authorities.remove(authority.name, database.act()),
      ])
      if (begun.status === 'rejected') expect(begun.reason).toMatchObject({ code: 'not-found' })
      expect(await database.storage.orders.underWay(order.lineageId)).toBeUndefined()
      expect(await other.authorities.find(authority.name)).toBeUndefined()
    }
  })
})
