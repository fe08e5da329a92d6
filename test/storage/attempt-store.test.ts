import { expect, test } from 'vitest'
import { onBothEngines } from '../support/databases.ts'

onBothEngines('attempts to sign in', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const wait = (failures: number) => (failures < 3 ? 0 : 1000 * failures)
  const never = new Date(0)

  test('are counted by key until they are forgotten, and each says how long the next has to wait', async () => {
    const { attempts } = database.storage
    for (const failures of [1, 2])
      expect(await attempts.count('one', at(0), wait)).toEqual({
        ...{ isTaken: true, failures, openAt: never, formerlyOpenAt: never },
      })
    expect(await attempts.count('one', at(1), wait)).toEqual({
      ...{ isTaken: true, failures: 3, openAt: at(3001), formerlyOpenAt: never },
    })
    await attempts.count('two', at(0), wait)
    expect(await attempts.find(['one', 'two', 'three'])).toEqual(
      new Map([
        ['one', { failures: 3, openAt: at(3001) }],
        ['two', { failures: 1, openAt: never }],
      ]),
    )
    await attempts.forget(['one', 'three'])
    expect([...(await attempts.find(['one', 'two'])).keys()]).toEqual(['two'])
  })

  test('T30: many at once are counted as if they had come in turn', async () => {
    const { attempts } = database.storage
    const other = (await database.open()).attempts
    const counted = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? attempts : other).count('flood', at(0), wait)),
    )
    const failures = counted.filter(({ isTaken }) => isTaken).map((one) => one.failures)
    expect(failures.sort((a, b) => a - b)).toEqual([1, 2, 3])
    expect((await attempts.find(['flood'])).get('flood')).toEqual({ failures: 3, openAt: at(3000) })
  })

  test('one that is taken back leaves no wait of its own, and that of others', async () => {
    const { attempts } = database.storage
    const fail = (ms: number) => attempts.count('office', at(ms), wait)
    const found = async () => (await attempts.find(['office'])).get('office')
    for (const ms of [0, 0, 0]) await fail(ms)
    const success = await fail(3000)
    expect(await found()).toEqual({ failures: 4, openAt: at(7000) })
    await attempts.takeBack('office', success, wait)
    expect(await found()).toEqual({ failures: 3, openAt: at(3000) })

    const slow = await fail(3000)
    await fail(7000)
    await attempts.takeBack('office', slow, wait)
    expect(await found()).toEqual({ failures: 4, openAt: at(12_000) })

    await attempts.takeBack('unknown', slow, wait)
    expect(await attempts.find(['unknown'])).toEqual(new Map())
  })

  test('what was typed is not kept', async () => {
    await database.storage.attempts.count('account my-password', at(0), wait)
    expect(JSON.stringify(await database.db.knex('sign_in_attempt'))).not.toContain('my-password')
  })
})
