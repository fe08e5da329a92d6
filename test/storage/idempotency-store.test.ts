import { expect, test } from 'vitest'
import { SealError } from '../../src/certificate/sealing.ts'
import { onBothEngines } from '../support/databases.ts'

onBothEngines('idempotency keys', (database) => {
  const answer = Buffer.from('{"secret":"wp_shown_once"}')

  test('of many at once one begins, and the others learn what it led to', async () => {
    const { storage, clock } = database
    const other = (await database.open()).idempotency
    const nodes = [storage.idempotency, other, storage.idempotency, other]
    const begun = await Promise.all(nodes.map((node) => node.begin('token 1', 'key', 'hash', clock.now())))
    expect(begun.filter((each) => each === 'begun')).toHaveLength(1)
    const seen = begun.filter((each) => each !== 'begun')
    for (const each of seen) expect(each).toEqual({ requestHash: 'hash', beganAt: clock.now(), answer: null })
    await storage.idempotency.answer('token 1', 'key', answer)
    const later = new Date(clock.now().getTime() + 1000)
    expect(await other.begin('token 1', 'key', 'another hash', later)).toEqual({
      requestHash: 'hash',
      beganAt: clock.now(),
      answer,
    })
  })

  test('a key belongs to its caller', async () => {
    const { idempotency } = database.storage
    const now = database.clock.now()
    expect(await idempotency.begin('token 2', 'same', 'hash', now)).toBe('begun')
    expect(await idempotency.begin('token 3', 'same', 'hash', now)).toBe('begun')
    expect(await idempotency.begin('token 2', 'Same', 'hash', now)).toBe('begun')
  })

  test('one that was abandoned may be used again, one that was answered may not', async () => {
    const { idempotency } = database.storage
    const now = database.clock.now()
    await idempotency.begin('token 4', 'key', 'hash', now)
    await idempotency.abandon('token 4', 'key')
    expect(await idempotency.begin('token 4', 'key', 'another', now)).toBe('begun')
    await idempotency.answer('token 4', 'key', answer)
    await idempotency.abandon('token 4', 'key')
    expect(await idempotency.begin('token 4', 'key', 'another', now)).toMatchObject({ answer })
  })

  test('an answer is sealed, and does not open under another key or for another caller', async () => {
    const { storage, db, clock } = database
    const now = clock.now()
    const table = () => db.knex('idempotency')
    await storage.idempotency.begin('token 5', 'key', 'hash', now)
    await storage.idempotency.answer('token 5', 'key', answer)
    const { answer_sealed: sealed } = await table().where({ caller: 'token 5' }).first<{ answer_sealed: Buffer }>()
    expect(sealed.includes('wp_shown_once')).toBe(false)
    for (const [caller, key] of [
      ['token 6', 'key'],
      ['token 5', 'other key'],
    ] as const) {
      await storage.idempotency.begin(caller, key, 'hash', now)
      await table().where({ caller, idempotency_key: key }).update({ answer_sealed: sealed })
      await expect(storage.idempotency.begin(caller, key, 'hash', now)).rejects.toThrow(SealError)
    }
  })
})
