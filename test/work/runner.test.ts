import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { ProblemError } from '../../src/problem.ts'
import { retryAt } from '../../src/work/backoff.ts'
import { jobRunner, type JobKind } from '../../src/work/runner.ts'
import { until } from '../support/until.ts'
import { onBothEngines } from '../support/databases.ts'

const log = pino({ level: 'silent' })
const LEASE_MS = 60_000

test('each failure doubles the wait, from half a minute to six hours, spread over its upper half', () => {
  const now = new Date('2026-11-23T12:00:00Z')
  const wait = (failures: number, random: number) => retryAt(now, failures, random).getTime() - now.getTime()
  expect([1, 2, 3, 4].map((failures) => wait(failures, 0))).toEqual([15_000, 30_000, 60_000, 120_000])
  expect(wait(1, 0.999_999)).toBe(30_000)
  expect(wait(1000, 0)).toBe(3 * 3_600_000)
  expect(wait(1000, 0.999_999_999)).toBe(6 * 3_600_000)
})

onBothEngines('the job runner', (database) => {
  const runner = (kinds: Record<string, JobKind>, { worker = 'w', atOnce = 1, leaseMs = LEASE_MS } = {}) =>
    jobRunner({
      jobs: database.storage.jobs,
      kinds,
      atOnce,
      clock: database.clock,
      log,
      worker,
      leaseMs,
      random: () => 0,
    })
  const enqueue = (kind: string, key: string) =>
    database.storage.jobs.enqueue({ kind, key, payload: { of: key }, runAt: database.clock.now() })
  const newest = async () => (await database.storage.jobs.list({ limit: 1 }))[0]!

  test('a job that fails since somebody wants to be left alone is not run before that, and else ever later', async () => {
    const { clock, storage } = database
    const waits: number[] = []
    let retryAfterMs: number | undefined = 7_200_000
    const kinds: Record<string, JobKind> = {
      wants: async () => {
        throw new ProblemError('authority-refused', 'too many', retryAfterMs === undefined ? {} : { retryAfterMs })
      },
    }
    await enqueue('wants', 'x')
    for (let i = 0; i < 4; i++) {
      if (i > 0) retryAfterMs = i < 3 ? undefined : 1
      await runner(kinds).runDue(1)
      waits.push((await storage.jobs.nextRun('wants', 'x'))!.getTime() - clock.now().getTime())
      clock.advance(waits.at(-1)!)
    }
    expect(waits).toEqual([7_200_000, 30_000, 60_000, 120_000])
  })

  test('runs what is due, at most so many, each once', async () => {
    const seen: unknown[] = []
    for (const key of ['a', 'b', 'c']) await enqueue('note', key)
    const jobs = runner({ note: async (job) => void seen.push(job.payload) })
    expect(await jobs.runDue(2)).toEqual({ completed: 2, failed: 0 })
    expect(await jobs.runDue(10)).toEqual({ completed: 1, failed: 0 })
    expect(await jobs.runDue(10)).toEqual({ completed: 0, failed: 0 })
    expect(seen).toEqual([{ of: 'a' }, { of: 'b' }, { of: 'c' }])
  })

  test('a job that fails is postponed and holds nothing up, one of a kind that is not ours is left alone', async () => {
    await enqueue('fails', 'x')
    await enqueue('constructor', 'x')
    await enqueue('works', 'x')
    const kinds: Record<string, JobKind> = {
      fails: async () => {
        throw new Error('the CA is down')
      },
      works: async () => {},
    }
    expect(await runner(kinds).runDue(10)).toEqual({ completed: 1, failed: 1 })
    const jobs = await database.storage.jobs.list({ limit: 3 })
    expect(jobs.find(({ kind }) => kind === 'fails')).toMatchObject({
      lastError: 'the CA is down',
      runAt: retryAt(database.clock.now(), 1, 0),
      finishedAt: null,
    })
    expect(jobs.find(({ kind }) => kind === 'constructor')).toMatchObject({ attempts: 0, lastError: null })
    database.clock.advance(15_000)
    expect(await runner(kinds).runDue(10)).toEqual({ completed: 0, failed: 1 })
    database.clock.advance(30_000)
    expect(await runner({ fails: async () => {}, constructor: async () => {} }).runDue(10)).toEqual({
      completed: 2,
      failed: 0,
    })
  })

  test("one kind's backlog does not stand in the way of another's", async () => {
    for (let i = 0; i < 20; i++) await enqueue('many', `${i}`)
    database.clock.advance(1)
    await enqueue('few', 'x')
    const seen: string[] = []
    const note: JobKind = async ({ kind }) => void seen.push(kind)
    await runner({ many: note, few: note }).runDue(3)
    expect(seen).toContain('few')
    await runner({ many: note }).runDue(100)
  })

  test('so many are under way together, and all have ended when it returns', async () => {
    for (let i = 0; i < 7; i++) await enqueue('waits', `${i}`)
    let [present, most, ended] = [0, 0, 0]
    const waits: JobKind = async () => {
      most = Math.max(most, ++present)
      await until(() => most === 3) // were there fewer at once, it would wait for ever
      await new Promise(setImmediate)
      present--
      ended++
    }
    expect(await runner({ waits }, { atOnce: 3 }).runDue(100)).toEqual({ completed: 7, failed: 0 })
    expect([most, ended]).toEqual([3, 7])
  })

  test('a slow job holds up no other: as one ends the next begins, and a stop waits for those under way', async () => {
    for (const key of ['slow', ...Array.from({ length: 9 }, (_, i) => `quick ${i}`)]) await enqueue('asks', key)
    const ended: string[] = []
    let letGo = () => {}
    const held = new Promise<void>((resolve) => (letGo = resolve))
    const asks: JobKind = async ({ key }) => {
      if (key === 'slow') await held
      ended.push(key)
    }
    const filling = runner({ asks }, { atOnce: 2 })
    await filling.fill()
    await until(() => ended.length === 9)
    expect(ended).not.toContain('slow')
    await enqueue('asks', 'later')
    await filling.fill()
    await until(() => ended.length === 10)
    let isDrained = false
    const drained = filling.drain().then(() => (isDrained = true))
    await enqueue('asks', 'too late')
    await filling.fill()
    await new Promise(setImmediate)
    expect(isDrained).toBe(false)
    letGo()
    await drained
    expect(ended.at(-1)).toBe('slow')
    await runner({ asks }).runDue(10)
  })

  test('a store that cannot be asked makes it reject, after those under way have ended', async () => {
    for (const key of ['a', 'b']) await enqueue('slow', key)
    let isEnded = false
    const slow: JobKind = async () => {
      await until(() => claims > 1)
      isEnded = true
    }
    let claims = 0
    const { jobs } = database.storage
    const failing = jobRunner({
      ...{ kinds: { slow }, atOnce: 2, clock: database.clock, log, worker: 'w', leaseMs: LEASE_MS, random: () => 0 },
      jobs: {
        ...jobs,
        claim: (...args) => (++claims > 1 ? Promise.reject(new Error('away')) : jobs.claim(...args)),
      },
    })
    await expect(failing.runDue(10)).rejects.toThrow('away')
    expect(isEnded).toBe(true)
    await runner({ slow: async () => {} }).runDue(10)
  })

  test('a job that asks to be run again stays open until then', async () => {
    await enqueue('recurs', 'x')
    const runAgainAt = new Date(database.clock.now().getTime() + 3_600_000)
    expect(await runner({ recurs: async () => ({ runAgainAt }) }).runDue(10)).toEqual({ completed: 1, failed: 0 })
    expect(await newest()).toMatchObject({ kind: 'recurs', runAt: runAgainAt, finishedAt: null })
    database.clock.advance(3_600_000)
    expect(await runner({ recurs: async () => {} }).runDue(10)).toEqual({ completed: 1, failed: 0 })
    expect((await newest()).finishedAt).toEqual(database.clock.now())
  })

  test('what a worker brings after its lease has run out is refused', async () => {
    await enqueue('slow', 'x')
    const other = runner({ slow: async () => {} }, { worker: 'other' })
    const slow = runner({
      slow: async () => {
        database.clock.advance(LEASE_MS)
        expect(await other.runDue(10)).toEqual({ completed: 1, failed: 0 })
      },
    })
    expect(await slow.runDue(1)).toEqual({ completed: 0, failed: 1 })
    expect((await newest()).finishedAt).toEqual(database.clock.now())
  })

  test('a job that takes longer than its lease keeps it, until it has hung for ten', async () => {
    const leaseMs = 150
    const { jobs } = database.storage
    await enqueue('long', 'x')
    let letGo = () => {}
    const held = new Promise<void>((resolve) => (letGo = resolve))
    let beats = 0
    const long = jobRunner({
      ...{ kinds: { long: () => held }, clock: database.clock, log, worker: 'w', leaseMs, random: () => 0 },
      jobs: { ...jobs, beat: (...args) => jobs.beat(...args).finally(() => beats++) },
    })
    const other = runner({ long: async () => {} }, { worker: 'other', leaseMs })
    await long.fill()
    for (let round = 0; round < 3; round++) {
      database.clock.advance(leaseMs - 1)
      const before = beats
      await until(() => beats > before + 1)
      expect(await other.runDue(1)).toEqual({ completed: 0, failed: 0 })
    }
    await until(() => beats === 30)
    await delay(leaseMs)
    expect(beats).toBe(30)
    database.clock.advance(leaseMs)
    expect(await other.runDue(1)).toEqual({ completed: 1, failed: 0 })
    letGo()
    await long.drain()
    expect((await newest()).finishedAt).not.toBeNull()
  })
})
