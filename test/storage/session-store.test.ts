import { expect, test } from 'vitest'
import { IDLE_MS, SESSION_LIFE_MS, type Session } from '../../src/tenant/session.ts'
import { onBothEngines } from '../support/databases.ts'
import { aUser, lastEvent, wholeTrail } from './people.ts'

const MINUTE = 60_000

onBothEngines('sessions', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  const actAt = (ms: number) => ({ ...database.act(), at: at(ms) })
  let count = 0

  async function aSession(given: Partial<Session> & { token?: string } = {}): Promise<Session> {
    const { token = `token ${++count}`, ...session } = given
    return database.storage.sessions.open(
      token,
      {
        userId: null,
        stage: 'complete',
        name: 'Firefox on Linux',
        address: '192.0.2.1',
        createdAt: at(0),
        expiresAt: at(SESSION_LIFE_MS),
        ...session,
      },
      database.act(),
    )
  }

  test('one is found by its token, and the trail tells who opened it', async () => {
    const { sessions } = database.storage
    const user = await aUser(database)
    const session = await aSession({ token: 'its token', userId: user.id })
    expect(session).toEqual({
      id: session.id,
      userId: user.id,
      stage: 'complete',
      name: 'Firefox on Linux',
      address: '192.0.2.1',
      createdAt: at(0),
      seenAt: at(0),
      authenticatedAt: at(0),
      expiresAt: at(SESSION_LIFE_MS),
      acting: null,
    })
    expect(await sessions.find('its token', at(0))).toEqual(session)
    expect(await sessions.find('another', at(0))).toBeUndefined()
    expect(await lastEvent(database)).toEqual({
      tenantId: null,
      actor: 'test',
      action: 'session.open',
      subject: user.email,
      detail: { device: 'Firefox on Linux', signedInFrom: '192.0.2.1' },
    })
    await aSession()
    expect(await lastEvent(database)).toMatchObject({ action: 'session.open', subject: 'operator' })
    expect(await wholeTrail(database)).not.toContain('its token')
  })

  test('one is not opened by a password that has been changed since it was looked at', async () => {
    const { sessions, users } = database.storage
    const { id: userId } = await aUser(database, { passwordHash: 'former' })
    const open = (token: string, passwordHash: string) => {
      const times = { createdAt: at(0), expiresAt: at(MINUTE) }
      const session = { userId, stage: 'complete', name: 'x', address: null, ...times } as const
      return sessions.open(token, session, database.act(), { userId, passwordHash })
    }
    await open('in time', 'former')
    await users.setPassword(userId, 'present', database.act())
    await expect(open('too late', 'former')).rejects.toMatchObject({ code: 'sign-in-refused' })
    expect(await sessions.list(userId, at(0))).toEqual([])
    await open('anew', 'present')
  })

  test('of sessions that are opened while the password is changed none is left that the former one opened', async () => {
    const nodes = [database.storage, await database.open()]
    for (let round = 0; round < 15; round++) {
      const { id: userId } = await aUser(database, { passwordHash: 'former' })
      const times = { createdAt: at(0), expiresAt: at(MINUTE) }
      const session = { userId, stage: 'complete', name: 'x', address: null, ...times } as const
      await Promise.allSettled([
        ...[0, 1, 2].map((i) =>
          nodes[i % 2]!.sessions.open(`${userId} ${i}`, session, database.act(), { userId, passwordHash: 'former' }),
        ),
        nodes[round % 2]!.users.setPassword(userId, 'present', database.act()),
      ])
      expect(await database.storage.sessions.list(userId, at(0))).toEqual([])
    }
  })

  test('one lives while it is used, at most to its end', async () => {
    const { sessions } = database.storage
    await aSession({ token: 'idle' })
    expect(await sessions.find('idle', at(IDLE_MS))).toBeUndefined()
    expect(await sessions.find('idle', at(IDLE_MS - 1))).toMatchObject({ seenAt: at(IDLE_MS - 1) })
    expect(await sessions.find('idle', at(IDLE_MS + 1))).toBeDefined()
    await aSession({ token: 'ending', expiresAt: at(MINUTE) })
    expect(await sessions.find('ending', at(MINUTE - 1))).toBeDefined()
    expect(await sessions.find('ending', at(MINUTE))).toBeUndefined()
  })

  test('that it was seen is noted every five minutes', async () => {
    const { sessions } = database.storage
    const { id } = await aSession({ token: 'seen' })
    const seenAt = async () => {
      const row = await database.db.knex('session').where({ id }).first<{ seen_at: number }>('seen_at')
      return new Date(row.seen_at)
    }
    await sessions.find('seen', at(5 * MINUTE - 1))
    expect(await seenAt()).toEqual(at(0))
    await sessions.find('seen', at(5 * MINUTE))
    expect(await seenAt()).toEqual(at(5 * MINUTE))
  })

  test('with the second factor it goes on under another token, is complete, and lives from then on', async () => {
    const { sessions } = database.storage
    const user = await aUser(database)
    const expiresAt = at(10 * MINUTE)
    const pending = await aSession({ token: 'pending', userId: user.id, stage: 'second-factor', expiresAt })
    expect(await lastEvent(database)).toMatchObject({ action: 'user.add' })
    expect(await sessions.find('pending', at(0))).toMatchObject({ stage: 'second-factor' })
    const complete = await sessions.renew(pending.id, 'complete', actAt(MINUTE))
    expect(complete).toEqual({
      ...pending,
      stage: 'complete',
      seenAt: at(MINUTE),
      authenticatedAt: at(MINUTE),
      expiresAt: at(MINUTE + SESSION_LIFE_MS),
    })
    expect(await sessions.find('complete', at(MINUTE))).toEqual(complete)
    expect(await sessions.find('pending', at(MINUTE))).toBeUndefined()
    expect(await lastEvent(database)).toMatchObject({ action: 'session.open', subject: user.email })
  })

  test('who proves anew to be there gets another token, and no longer life', async () => {
    const { sessions } = database.storage
    const session = await aSession({ token: 'before' })
    const renewed = await sessions.renew(session.id, 'after', actAt(MINUTE))
    expect(renewed).toEqual({ ...session, seenAt: at(MINUTE), authenticatedAt: at(MINUTE) })
    expect(await sessions.find('before', at(MINUTE))).toBeUndefined()
    expect(await sessions.find('after', at(MINUTE))).toEqual(renewed)
    expect(await lastEvent(database)).toMatchObject({ action: 'session.renew', subject: 'operator' })
  })

  test('one that has ended is not renewed', async () => {
    const { sessions } = database.storage
    const [ended, idle, closed] = [await aSession({ expiresAt: at(MINUTE) }), await aSession(), await aSession()]
    await sessions.close(null, closed.id, database.act())
    for (const [{ id }, ms] of [
      [ended, MINUTE],
      [idle, IDLE_MS],
      [closed, 0],
    ] as const)
      await expect(sessions.renew(id, 'again', actAt(ms))).rejects.toMatchObject({ code: 'not-found' })
    expect(await sessions.find('again', at(0))).toBeUndefined()
  })

  test("a user's are listed, the one that was seen last first", async () => {
    const { sessions } = database.storage
    const [user, other] = [await aUser(database), await aUser(database)]
    const userId = user.id
    const first = await aSession({ userId, token: 'first' })
    const second = await aSession({ userId })
    await aSession({ userId, expiresAt: at(MINUTE) })
    await aSession({ userId: other.id })
    const operators = await aSession()
    await sessions.find('first', at(10 * MINUTE))
    expect((await sessions.list(userId, at(10 * MINUTE))).map(({ id }) => id)).toEqual([first.id, second.id])
    expect((await sessions.list(userId, at(IDLE_MS))).map(({ id }) => id)).toEqual([first.id])
    expect((await sessions.list(null, at(0))).map(({ id }) => id)).toContain(operators.id)
    expect((await sessions.list(null, at(0))).every((session) => session.userId === null)).toBe(true)
  })

  test('its owner renames and closes it, nobody else', async () => {
    const { sessions } = database.storage
    const { act } = database
    const [user, other] = [await aUser(database), await aUser(database)]
    const { id } = await aSession({ userId: user.id, token: 'own' })
    for (const stranger of [other.id, null]) {
      await expect(sessions.rename(stranger, id, 'mine', act())).rejects.toMatchObject({ code: 'not-found' })
      await expect(sessions.close(stranger, id, act())).rejects.toMatchObject({ code: 'not-found' })
    }
    await sessions.rename(user.id, id, 'Kitchen', act())
    expect(await sessions.find('own', at(0))).toMatchObject({ name: 'Kitchen' })
    expect(await lastEvent(database)).toMatchObject({
      action: 'session.rename',
      subject: user.email,
      detail: { before: { name: 'Firefox on Linux' }, after: { name: 'Kitchen' } },
    })
    await sessions.close(user.id, id, act())
    expect(await sessions.find('own', at(0))).toBeUndefined()
    expect(await lastEvent(database)).toMatchObject({
      action: 'session.close',
      subject: user.email,
      detail: { device: 'Kitchen' },
    })
  })

  test("all of a user's are closed but one, also those that wait for the second factor", async () => {
    const { sessions } = database.storage
    const [user, other] = [await aUser(database), await aUser(database)]
    const userId = user.id
    const kept = await aSession({ userId, token: 'kept' })
    await aSession({ userId, token: 'ended' })
    await aSession({ userId, token: 'pending', stage: 'second-factor' })
    await aSession({ userId, expiresAt: at(0) })
    await aSession({ userId: other.id, token: 'of another' })
    const before = await database.storage.audit.list('all', { limit: 1000 })
    expect(await sessions.closeAll(userId, database.act(), kept.id)).toBe(2)
    for (const [token, isOpen] of [
      ['kept', true],
      ['ended', false],
      ['pending', false],
      ['of another', true],
    ] as const)
      expect((await sessions.find(token, at(0))) !== undefined, token).toBe(isOpen)
    const after = await database.storage.audit.list('all', { limit: 1000 })
    expect(after.slice(0, after.length - before.length)).toMatchObject([
      { action: 'session.close', subject: user.email },
    ])
    expect(await sessions.closeAll(userId, database.act())).toBe(1)
    expect(await sessions.list(userId, at(0))).toEqual([])
  })
})
