import { describe, expect, test } from 'vitest'
import { argon2Hashes, passwordHashes } from '../../src/tenant/password-hash.ts'
import { CHEAP, PASSWORD, refusal } from './house.ts'

const cheap = argon2Hashes(CHEAP)

describe('a password', () => {
  test('is kept as argon2id with the parameters of OWASP, salted', async () => {
    const [one, other] = await Promise.all([passwordHashes.hash(PASSWORD), passwordHashes.hash(PASSWORD)])
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(one).not.toBe(other)
    expect(await passwordHashes.verify(one, PASSWORD)).toBe(true)
    expect(await passwordHashes.verify(one, 'seven green umbrella')).toBe(false)
  })

  test('is right in another normal form', async () =>
    expect(await cheap.verify(await cheap.hash('grüne Äpfel'), 'gru\u0308ne A\u0308pfel')).toBe(true))

  test('of a length that nobody could have chosen is wrong, whatever its beginning', async () => {
    expect(await cheap.verify(await cheap.hash('x'.repeat(200)), 'x'.repeat(5000))).toBe(false)
    expect(await cheap.verify(await cheap.hash(''), 'x'.repeat(5000))).toBe(false)
  })

  test('is never right for whoever has none', async () => {
    for (const password of ['', '\0', PASSWORD]) expect(await cheap.verify(null, password)).toBe(false)
  })

  test('that was hashed with other parameters is to be hashed anew', async () => {
    const old = await argon2Hashes({ ...CHEAP, timeCost: 2 }).hash(PASSWORD)
    expect([cheap.isDated(old), cheap.isDated(await cheap.hash(PASSWORD))]).toEqual([true, false])
    expect(await cheap.verify(old, PASSWORD)).toBe(true)
    expect(cheap.isDated(old.replace('argon2id', 'argon2i'))).toBe(true)
  })
})

describe('T30: many at once', () => {
  test('are hashed two at a time, a hundred wait, and the next are told when to come again', async () => {
    const hashes = argon2Hashes(CHEAP)
    const outcomes = await Promise.allSettled(Array.from({ length: 110 }, () => hashes.verify(null, PASSWORD)))
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    expect(refused).toHaveLength(8)
    expect(refused[0]).toMatchObject(refusal('too-many-requests', { retryAfterMs: 2000 }))
  })

  test('leave room for the next when they are done, also where one has failed', async () => {
    const hashes = argon2Hashes(CHEAP)
    await Promise.allSettled(Array.from({ length: 10 }, () => hashes.verify('no PHC string', PASSWORD)))
    expect(() => hashes.requireRoom()).not.toThrow()
    expect(await hashes.verify(await hashes.hash(PASSWORD), PASSWORD)).toBe(true)
  })
})
