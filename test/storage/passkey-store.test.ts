import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { passkeyCeremonies } from '../../src/tenant/passkeys.ts'
import { onBothEngines } from '../support/databases.ts'
import { aUser, lastEvent } from './people.ts'

onBothEngines('passkeys', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const wish = (userId: string, id: string) => ({
    id,
    userId,
    name: 'Yubikey',
    publicKey: Uint8Array.of(0, 1, 255),
    counter: 4_294_967_295, // WebAuthn counts in 32 bits without a sign
    transports: ['usb', 'nfc'],
  })

  test('one is registered once, for one user', async () => {
    const { storage, act, clock } = database
    const [user, other] = [await aUser(database), await aUser(database)]
    const passkey = await storage.passkeys.add(wish(user.id, 'once'), act())
    expect(passkey).toEqual({ ...wish(user.id, 'once'), createdAt: clock.now(), lastUsedAt: null })
    expect(await lastEvent(database)).toMatchObject({
      tenantId: null,
      action: 'passkey.add',
      subject: user.email,
      detail: { after: { name: 'Yubikey' } },
    })
    expect(await storage.passkeys.find('once')).toEqual(passkey)
    expect(await storage.users.find(user.id)).toMatchObject({ passkeys: 1 })
    for (const { id } of [user, other])
      await expect(storage.passkeys.add(wish(id, 'once'), act())).rejects.toMatchObject({ code: 'already-exists' })
    await expect(storage.passkeys.add(wish('none', 'other'), act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('are listed in the order in which they were registered', async () => {
    const { storage, act, clock } = database
    const user = await aUser(database)
    for (const id of ['z', 'y', 'x']) {
      await storage.passkeys.add(wish(user.id, id), act())
      clock.advance(1)
    }
    expect((await storage.passkeys.list(user.id)).map(({ id }) => id)).toEqual(['z', 'y', 'x'])
  })

  test('a use is noted', async () => {
    const { storage, act } = database
    const user = await aUser(database)
    const passkey = await storage.passkeys.add({ ...wish(user.id, 'used'), counter: 0 }, act())
    await storage.passkeys.noteUse('used', 5, at(7))
    expect(await storage.passkeys.find('used')).toEqual({ ...passkey, counter: 5, lastUsedAt: at(7) })
  })

  test('its owner renames and removes it, nobody else', async () => {
    const { storage, act } = database
    const [user, other] = [await aUser(database), await aUser(database)]
    await storage.passkeys.add(wish(user.id, 'own'), act())
    await expect(storage.passkeys.rename(other.id, 'own', 'mine', act())).rejects.toMatchObject({ code: 'not-found' })
    await expect(storage.passkeys.remove(other.id, 'own', act())).rejects.toMatchObject({ code: 'not-found' })
    await storage.passkeys.rename(user.id, 'own', 'Laptop', act())
    expect(await storage.passkeys.find('own')).toMatchObject({ name: 'Laptop' })
    expect(await lastEvent(database)).toMatchObject({
      action: 'passkey.rename',
      subject: user.email,
      detail: { before: { name: 'Yubikey' }, after: { name: 'Laptop' } },
    })
    await storage.passkeys.remove(user.id, 'own', act())
    expect(await storage.passkeys.find('own')).toBeUndefined()
    expect(await lastEvent(database)).toMatchObject({
      action: 'passkey.remove',
      subject: user.email,
      detail: { before: { name: 'Laptop' } },
    })
  })

  test('a challenge is answered once, in time, by whom it was made for', async () => {
    const { passkeys } = database.storage
    const other = (await database.open()).passkeys
    const now = at(0)
    await passkeys.addChallenge('of alice', { userId: 'alice', expiresAt: at(10) })
    await passkeys.addChallenge('of anybody', { userId: null, expiresAt: at(10) })
    await passkeys.addChallenge('late', { userId: null, expiresAt: at(10) })
    for (const [challenge, userId] of [
      ['of alice', null],
      ['of alice', 'bob'],
      ['of anybody', 'alice'],
      ['unknown', null],
    ] as const)
      expect(await passkeys.useChallenge(challenge, userId, now)).toBe(false)
    expect(await passkeys.useChallenge('late', null, at(10))).toBe(false)
    expect(await passkeys.useChallenge('of alice', 'alice', at(9))).toBe(true)
    const uses = [passkeys, other, passkeys, other].map((each) => each.useChallenge('of anybody', null, now))
    expect((await Promise.all(uses)).filter(Boolean)).toHaveLength(1)
  })

  // PostgreSQL throws at a NUL in a text: a fault of ours that anybody could cause
  test.each([
    ['a NUL', 'a\0b'],
    ['nothing', ''],
    ['what is no base64url', 'a+b='],
    ['a line more', 'abc\n'],
    ['more than any authenticator gives', 'x'.repeat(1401)],
  ])('are not asked for by an id with %s', async (_, id) => {
    const { passkeys } = database.storage
    const asked: string[] = []
    const { request, verify } = passkeyCeremonies({
      passkeys: { ...passkeys, find: (given) => (asked.push(given), passkeys.find(given)) },
      clock: database.clock,
      randomBytes,
      origin: 'https://admin.example.net',
    })
    const signed = async (given: string) => {
      const { challenge } = await request(null)
      const clientDataJSON = Buffer.from(JSON.stringify({ type: 'webauthn.get', challenge })).toString('base64url')
      return verify({ id: given, response: { clientDataJSON, authenticatorData: 'AA', signature: 'AA' } }, null)
    }
    expect(await signed(id)).toBeUndefined()
    expect(asked).toEqual([])
    expect(await signed('x'.repeat(1400))).toBeUndefined()
    expect(asked).toHaveLength(1)
  })
})
