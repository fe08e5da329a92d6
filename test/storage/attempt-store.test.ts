import { expect, test } from 'vitest'
import { onBothEngines } from '../support/databases.ts'

onBothEngines('attempts to sign in', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const openAt = (failures: number) => at(failures * 1000)

  test('failures are counted by key until they are forgotten', async () => {
    const { attempts } = database.storage
    expect(await attempts.noteFailure('one', at(0), openAt)).toEqual({ failures: 1, openAt: at(1000) })
    expect(await attempts.noteFailure('one', at(1), openAt)).toEqual({ failures: 2, openAt: at(2000) })
    await attempts.noteFailure('two', at(0), openAt)
    expect(await attempts.find(['one', 'two', 'three'])).toEqual(
      new Map([
        ['one', { failures: 2, openAt: at(2000) }],
        ['two', { failures: 1, openAt: at(1000) }],
      ]),
    )
    await attempts.forget(['one', 'three'])
    expect([...(await attempts.find(['one', 'two'])).keys()]).toEqual(['two'])
  })

  test('T30: of many at once none goes uncounted', async () => {
    const { attempts } = database.storage
    const other = (await database.open()).attempts
    const noted = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? attempts : other).noteFailure('flood', at(0), openAt)),
    )
    expect(noted.map(({ failures }) => failures).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    expect((await attempts.find(['flood'])).get('flood')).toEqual({ failures: 20, openAt: at(20_000) })
  })

  test('what was typed is not kept', async () => {
    await database.storage.attempts.noteFailure('account my-password', at(0), openAt)
    expect(JSON.stringify(await database.db.knex('sign_in_attempt'))).not.toContain('my-password')
  })
})
