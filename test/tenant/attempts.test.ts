import { describe, expect, test } from 'vitest'
import { attemptLimits, waitMs, type Attempt } from '../../src/tenant/attempts.ts'
import { house, refusal } from './house.ts'

const VICTIM = 'alice@example.org'
const MINUTE_MS = 60_000

async function limits() {
  const { storage, clock } = await house()
  const guard = attemptLimits(storage)
  return {
    storage,
    clock,
    guard,
    /** One wrong attempt. @returns how long the next has to wait, where this one was not looked at */
    async fail(email: string, address: string): Promise<number | 'looked at'> {
      return outcome(guard.password(email, address, clock.now()))
    },
    /** One right attempt, as above. */
    async succeed(email: string, address: string): Promise<number | 'looked at'> {
      return outcome(guard.password(email, address, clock.now()), (attempt) => attempt.succeeded())
    },
  }
}

async function outcome(
  pending: Promise<Attempt>,
  then: (attempt: Attempt) => Promise<void> = async () => {},
): Promise<number | 'looked at'> {
  try {
    await then(await pending)
    return 'looked at'
  } catch (refused) {
    expect(refused).toMatchObject(refusal('too-many-requests'))
    return (refused as { retryAfterMs: number }).retryAfterMs
  }
}

test.each([
  [0, 0],
  [4, 0],
  [5, 1000],
  [6, 2000],
  [7, 4000],
  [14, 512_000],
  [15, 900_000],
  [2000, 900_000],
])('after %d failures the wait is %d ms', (failures, ms) => {
  expect(waitMs({ free: 5, mostMs: 900_000 }, failures)).toBe(ms)
})

describe('T30: guessing one password from one address', () => {
  test('is free five times, then slower and slower; what comes too early is not counted', async () => {
    const { fail, clock } = await limits()
    for (let i = 0; i < 5; i++) expect(await fail(VICTIM, '192.0.2.9')).toBe('looked at')
    for (const waitMs of [1000, 2000, 4000]) {
      expect(await fail(VICTIM, '192.0.2.9')).toBe(waitMs)
      clock.advance(waitMs - 1)
      expect(await fail(VICTIM, '192.0.2.9')).toBe(1)
      clock.advance(1)
      expect(await fail(VICTIM, '192.0.2.9')).toBe('looked at')
    }
  })

  test('gets no further by 60 attempts at once than by five', async () => {
    const { fail, clock } = await limits()
    const atOnce = () => Promise.all(Array.from({ length: 60 }, () => fail(VICTIM, '192.0.2.9')))
    const count = (outcomes: unknown[]) => outcomes.filter((one) => one === 'looked at').length
    expect(count(await atOnce())).toBe(5)
    clock.advance(15 * MINUTE_MS)
    expect(count(await atOnce())).toBe(1)
  })

  test('is one address in a whole /56 of IPv6, and in both spellings of IPv4', async () => {
    const { fail } = await limits()
    for (let i = 0; i < 5; i++) await fail(VICTIM, `2001:db8:0:1${i}0::1`)
    expect(await fail(VICTIM, '2001:db8:0:1ff::77')).toBe(1000)
    expect(await fail(VICTIM, '2001:db8:0:200::1')).toBe('looked at')
    for (let i = 0; i < 5; i++) await fail(VICTIM, '192.0.2.9')
    expect(await fail(VICTIM, '::ffff:192.0.2.9')).toBe(1000)
  })

  test('begins anew after a success', async () => {
    const { fail, guard, clock } = await limits()
    for (let i = 0; i < 4; i++) await fail(VICTIM, '192.0.2.9')
    await (await guard.password(VICTIM, '192.0.2.9', clock.now())).succeeded()
    for (let i = 0; i < 5; i++) expect(await fail(VICTIM, '192.0.2.9')).toBe('looked at')
  })
})

describe('T30: guessing at many accounts from one address', () => {
  test('is free twenty times, and a success does not wipe the slate clean', async () => {
    const { fail, guard, clock } = await limits()
    for (let i = 0; i < 20; i++) {
      expect(await fail(`person-${i}@example.org`, '192.0.2.9')).toBe('looked at')
      if (i === 15) await (await guard.password('mallory@example.org', '192.0.2.9', clock.now())).succeeded()
    }
    expect(await fail('person-21@example.org', '192.0.2.9')).toBe(1000)
    expect(await fail('person-21@example.org', '192.0.2.8')).toBe('looked at')
  })

  test('gets one a time further by 60 attempts at once', async () => {
    const { fail, clock } = await limits()
    for (let i = 0; i < 20; i++) await fail(`person-${i}@example.org`, '192.0.2.9')
    clock.advance(1000)
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, i) => fail(`other-${i}@example.org`, '192.0.2.9')),
    )
    expect(outcomes.filter((one) => one === 'looked at')).toHaveLength(1)
  })

  test('gets no further by 102 attempts at once than in turn', async () => {
    const { fail } = await limits()
    const outcomes = await Promise.all(
      Array.from({ length: 102 }, (_, i) => fail(`other-${i}@example.org`, '192.0.2.9')),
    )
    expect(outcomes.filter((one) => one === 'looked at')).toHaveLength(20)
    expect(new Set(outcomes)).toEqual(new Set(['looked at', 1000]))
  })

  test('makes those who share the address and know their passwords wait no longer by their successes', async () => {
    const { fail, succeed, clock } = await limits()
    for (let i = 0; i < 30; i++) expect(await succeed(`colleague-${i}@example.org`, '192.0.2.9')).toBe('looked at')
    for (let i = 0; i < 20; i++) await fail(`person-${i}@example.org`, '192.0.2.9')
    clock.advance(1000)
    for (let i = 0; i < 30; i++) expect(await succeed(`colleague-${i}@example.org`, '192.0.2.9')).toBe('looked at')
    expect(await fail('person-20@example.org', '192.0.2.9')).toBe('looked at')
    expect(await succeed('colleague-1@example.org', '192.0.2.9')).toBe(2000)
  })

  test('is not brought nearer by attempts at one account that were not looked at', async () => {
    const { fail } = await limits()
    await Promise.all(Array.from({ length: 60 }, () => fail(VICTIM, '192.0.2.9')))
    for (let i = 0; i < 15; i++) expect(await fail(`person-${i}@example.org`, '192.0.2.9')).toBe('looked at')
    expect(await fail('person-15@example.org', '192.0.2.9')).toBe(1000)
  })

  test('is counted by the hour: the mistakes of an office do not add up for ever', async () => {
    const { fail, clock } = await limits()
    for (let i = 0; i < 19; i++) await fail(`person-${i}@example.org`, '192.0.2.9')
    clock.advance(60 * MINUTE_MS)
    for (let i = 0; i < 20; i++) expect(await fail(`person-${i}@example.org`, '192.0.2.9')).toBe('looked at')
  })
})

describe('T30: an account that strangers guess at from many addresses', () => {
  async function besieged() {
    const house = await limits()
    for (let i = 0; i < 60; i++) await house.fail(VICTIM, `198.51.100.${i}`)
    return house
  }

  test('keeps its owner out at no time', async () => {
    const { fail, guard, clock } = await besieged()
    const attempt = await guard.password(VICTIM, '192.0.2.1', clock.now())
    await attempt.succeeded()
    expect(await fail(VICTIM, '192.0.2.1')).toBe('looked at')
  })

  test('lets its owner mistype, and try again after a minute however the guessing goes on', async () => {
    const { fail, clock } = await besieged()
    for (let round = 0; round < 4; round++) {
      expect(await fail(VICTIM, '192.0.2.1')).toBe('looked at')
      for (let i = 0; i < 20; i++) {
        await fail(VICTIM, `203.0.113.${20 * round + i}`)
        clock.advance(3000)
      }
    }
  })

  test('makes each address of the strangers wait after its first failure', async () => {
    const { fail } = await besieged()
    expect(await fail(VICTIM, '203.0.113.1')).toBe('looked at')
    expect(await fail(VICTIM, '203.0.113.1')).toBe(MINUTE_MS)
  })
})

describe('T30: guessing codes', () => {
  test('is slowed down for the account, from wherever, also by 60 at once', async () => {
    const { guard, clock } = await limits()
    const code = () => outcome(guard.code('user', clock.now()))
    const outcomes = await Promise.all(Array.from({ length: 60 }, code))
    expect(outcomes.filter((one) => one === 'looked at')).toHaveLength(5)
    clock.advance(15 * MINUTE_MS)
    expect(await code()).toBe('looked at')
    expect(await code()).toBe(2000)
    expect(await outcome(guard.code('another', clock.now()))).toBe('looked at')
  })

  test('begins anew after a right one', async () => {
    const { guard, clock } = await limits()
    for (let i = 0; i < 4; i++) await guard.code('user', clock.now())
    await (await guard.code('user', clock.now())).succeeded()
    for (let i = 0; i < 5; i++) await guard.code('user', clock.now())
  })
})
