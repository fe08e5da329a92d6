import { expect, test } from 'vitest'
import { onBothEngines } from '../support/databases.ts'

onBothEngines('jobs', (database) => {
  const LEASE_MS = 60_000
  const now = () => database.clock.now()
  const inMs = (ms: number) => new Date(now().getTime() + ms)
  const enqueue = (key: string, runAt = now(), payload: unknown = { key }) =>
    database.storage.jobs.enqueue({ kind: 'k', key, payload, runAt })
  const claim = (worker = 'w') => database.storage.jobs.claim(worker, ['k'], now(), inMs(LEASE_MS))
  const drain = async () => {
    for (let job = await claim(); job; job = await claim()) await database.storage.jobs.complete(job, now())
  }

  test('the one that has waited longest comes first, and none before its time', async () => {
    await enqueue('later', inMs(10))
    await enqueue('b', inMs(-5))
    await enqueue('a', inMs(-9))
    expect(await claim()).toMatchObject({ key: 'a', attempts: 1, fence: 1, payload: { key: 'a' }, runAt: inMs(-9) })
    expect(await claim()).toMatchObject({ key: 'b' })
    expect(await claim()).toBeUndefined()
    database.clock.advance(10)
    expect(await claim()).toMatchObject({ key: 'later' })
    database.clock.advance(LEASE_MS)
    await drain()
  })

  test('there is one open job of a kind and key; asking again brings it forward and never back', async () => {
    await enqueue('once', inMs(5000))
    await enqueue('once', inMs(1000))
    await enqueue('once', inMs(9000))
    expect(await claim()).toBeUndefined()
    database.clock.advance(1000)
    const job = await claim()
    expect(job).toMatchObject({ key: 'once', runAt: now() })
    expect(await database.storage.jobs.complete(job!, now())).toBe(true)
    expect(await claim()).toBeUndefined()
    await enqueue('once')
    expect((await claim())?.id).not.toBe(job!.id)
    database.clock.advance(LEASE_MS)
    await drain()
  })

  test('a worker gets jobs of the kinds it asks for, of the first of them that has one', async () => {
    const { jobs } = database.storage
    const add = (kind: string, runAt: Date) => jobs.enqueue({ kind, key: 'x', payload: null, runAt })
    await add('one', inMs(-5))
    await add('two', inMs(-9))
    await add('three', inMs(-20))
    const claimOf = async (...kinds: string[]) => (await jobs.claim('w', kinds, now(), inMs(LEASE_MS)))?.kind
    expect(await claimOf()).toBeUndefined()
    expect(await claimOf('none')).toBeUndefined()
    expect(await claimOf('one', 'two')).toBe('one')
    expect(await claimOf('one', 'two')).toBe('two')
    expect(await claimOf('one', 'two')).toBeUndefined()
    await database.db.knex('job').whereIn('kind', ['one', 'two', 'three']).del()
  })

  test('it is told when the open job of a kind and key runs next', async () => {
    const { jobs } = database.storage
    const next = (key = 'next', kind = 'k') => jobs.nextRun(kind, key)
    expect(await next()).toBeNull()
    await enqueue('next', inMs(500))
    expect(await next()).toEqual(inMs(500))
    expect(await next('other')).toBeNull()
    expect(await next('next', 'other')).toBeNull()
    database.clock.advance(500)
    const job = (await claim())!
    expect(await next()).toEqual(now())
    await enqueue('next', inMs(7000))
    expect(await next()).toEqual(inMs(7000))
    await jobs.complete(job, now())
    expect(await next()).toEqual(inMs(7000))
    database.clock.advance(7000)
    await drain()
    expect(await next()).toBeNull()
  })

  test('of many workers each job goes to one', async () => {
    for (let i = 0; i < 40; i++) await enqueue(`race ${i}`)
    const others = [database.storage, await database.open(), await database.open()]
    const claims = await Promise.all(
      Array.from({ length: 60 }, (_, i) => others[i % 3]!.jobs.claim(`w${i}`, ['k'], now(), inMs(LEASE_MS))),
    )
    const ids = claims.flatMap((job) => job?.id ?? [])
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBe(40)
    database.clock.advance(LEASE_MS)
    await drain()
  })

  test('S26: what a clock that was ten years ahead has leased or put to sleep is had again', async () => {
    const DECADE_MS = 3650 * 86_400_000
    await enqueue('leased')
    await enqueue('asleep')
    database.clock.advance(DECADE_MS)
    await claim('gone')
    const sleeper = (await claim('there'))!
    await database.storage.jobs.postpone(sleeper, now(), 'later')
    database.clock.advance(-DECADE_MS)
    const leased = (await claim())!
    expect(await claim()).toBeUndefined()
    const latest = new Date(now().getTime() + 31 * 86_400_000)
    expect(await database.storage.jobs.wake('another', latest, now())).toBe(0)
    expect(await database.storage.jobs.wake(sleeper.kind, latest, now())).toBe(1)
    const awake = (await claim())!
    expect(awake.id).toBe(sleeper.id)
    for (const job of [leased, awake]) expect(await database.storage.jobs.complete(job, now())).toBe(true)
  })

  test('a worker that outlived its lease can neither complete nor postpone what another has', async () => {
    await enqueue('slow')
    const late = (await claim('late'))!
    expect(await claim('other')).toBeUndefined()
    database.clock.advance(LEASE_MS)
    const present = (await claim('present'))!
    expect(present).toMatchObject({ id: late.id, fence: late.fence + 1, attempts: 2 })
    expect(await database.storage.jobs.complete(late, now())).toBe(false)
    expect(await database.storage.jobs.postpone(late, now(), 'late')).toBe(false)
    expect(await database.storage.jobs.complete(present, now())).toBe(true)
    expect(await database.storage.jobs.complete(present, now())).toBe(false)
    expect(await claim()).toBeUndefined()
  })

  test('a postponed job comes back at its time, with what went wrong', async () => {
    await enqueue('failing')
    const job = (await claim())!
    expect(await database.storage.jobs.postpone(job, inMs(1000), 'the CA is down')).toBe(true)
    expect((await database.storage.jobs.list({ limit: 1 }))[0]).toMatchObject({
      id: job.id,
      lastError: 'the CA is down',
      finishedAt: null,
      runAt: inMs(1000),
    })
    expect(await claim()).toBeUndefined()
    database.clock.advance(1000)
    const again = (await claim())!
    expect(again).toMatchObject({ id: job.id, attempts: 2, fence: 2 })
    await database.storage.jobs.complete(again, now())
    expect((await database.storage.jobs.list({ limit: 1 }))[0]).toMatchObject({ lastError: null, finishedAt: now() })
  })

  test('what is asked for while a worker has the job is done once more, at the earliest time asked for', async () => {
    await enqueue('busy')
    const job = (await claim())!
    await enqueue('busy', inMs(7000))
    await enqueue('busy', inMs(3000))
    await enqueue('busy', inMs(9000))
    expect(await database.storage.jobs.complete(job, now())).toBe(true)
    expect(await claim()).toBeUndefined()
    database.clock.advance(3000)
    const again = (await claim())!
    expect(again).toMatchObject({ id: job.id, attempts: 1, fence: 2 })
    expect(await database.storage.jobs.complete(again, now())).toBe(true)
    database.clock.advance(10_000)
    expect(await claim()).toBeUndefined()
  })

  test('a failed job that was asked for meanwhile does not wait for its postponement', async () => {
    await enqueue('impatient')
    const job = (await claim())!
    await enqueue('impatient', inMs(10))
    await database.storage.jobs.postpone(job, inMs(50_000), 'no')
    database.clock.advance(10)
    expect(await claim()).toMatchObject({ id: job.id })
    database.clock.advance(LEASE_MS)
    await drain()
  })

  test('those that are not done are listed by kind and when they are due, page by page, all or those that have failed', async () => {
    const { jobs } = database.storage
    const add = (kind: string, key: string, ms: number) => jobs.enqueue({ kind, key, payload: null, runAt: inMs(ms) })
    await add('list-b', 'late', 9000)
    await add('list-b', 'soon', -1)
    await add('list-a', 'tried', 5000)
    await add('list-a', 'done', -2)
    await jobs.complete((await jobs.claim('w', ['list-a'], now(), inMs(LEASE_MS)))!, now())
    const failed = (await jobs.claim('w', ['list-b'], now(), inMs(LEASE_MS)))!
    const running = async () => (await jobs.listOpen({ kind: 'list-b', limit: 9 }, now()))[0]
    expect(await running()).toMatchObject({ key: 'soon', isRunning: true, attempts: 1, lastError: null })
    await jobs.postpone(failed, inMs(2000), 'it broke')
    const keys: string[] = []
    for (let after; ;) {
      const [one] = await jobs.listOpen({ limit: 1, ...(after && { after }) }, now())
      if (!one) break
      if (one.kind.startsWith('list-')) keys.push(one.key)
      after = one
    }
    expect(keys).toEqual(['tried', 'soon', 'late'])
    const kinds = { kind: 'list-b', limit: 9 }
    expect((await jobs.listOpen(kinds, now())).map(({ key }) => key)).toEqual(['soon', 'late'])
    expect(await jobs.listOpen({ ...kinds, isFailed: true }, now())).toEqual([
      {
        id: failed.id,
        kind: 'list-b',
        key: 'soon',
        about: 'soon',
        runAt: inMs(2000),
        attempts: 1,
        isRunning: false,
        lastError: 'it broke',
      },
    ])
    const lineage = await database.storage.lineages.create(null, { name: 'of-a-job', source: 'local' }, database.act())
    await add('list-c', lineage.id, 0)
    expect(await jobs.listOpen({ kind: 'list-c', limit: 9 }, now())).toMatchObject([
      { key: lineage.id, about: 'of-a-job' },
    ])
    await database.db.knex('job').whereLike('kind', 'list-%').del()
  })

  test('one is made due at once, and one that a worker has is run once more; what is done is not found', async () => {
    const { jobs } = database.storage
    await enqueue('retried', inMs(90_000))
    const [job] = await jobs.listOpen({ kind: 'k', limit: 1 }, now())
    await jobs.retry(job!.id, database.act())
    expect(await jobs.nextRun('k', 'retried')).toEqual(now())
    const claimed = (await claim())!
    database.clock.advance(10)
    await jobs.retry(job!.id, database.act())
    await jobs.complete(claimed, now())
    const again = (await claim())!
    expect(again).toMatchObject({ id: job!.id, runAt: now() })
    await jobs.complete(again, now())
    await expect(jobs.retry(job!.id, database.act())).rejects.toMatchObject({ code: 'not-found' })
    expect(await database.storage.audit.list('all', { limit: 1 })).toMatchObject([
      { action: 'job.retry', subject: 'retried', detail: { kind: 'k' } },
    ])
  })

  test('how a kind stands: what is due, since when, and what failed', async () => {
    const { jobs } = database.storage
    const add = (key: string, runAt: Date) => jobs.enqueue({ kind: 'standing', key, payload: null, runAt })
    await add('a', inMs(-9))
    await add('b', inMs(-5))
    await add('c', inMs(5))
    const [first] = [await jobs.claim('w', ['standing'], now(), inMs(LEASE_MS))]
    await jobs.postpone(first!, inMs(60_000), 'it is down')
    expect(await jobs.standing(['standing', 'none'], now())).toEqual([
      { kind: 'standing', due: 1, failing: 1, oldestDueAt: inMs(-5) },
      { kind: 'none', due: 0, failing: 0, oldestDueAt: null },
    ])
    await database.db.knex('job').where({ kind: 'standing' }).del()
  })
})
