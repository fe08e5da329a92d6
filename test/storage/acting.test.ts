import { expect, test } from 'vitest'
import { ACTING_MS, SESSION_LIFE_MS, type Session } from '../../src/tenant/session.ts'
import { onBothEngines } from '../support/databases.ts'
import { aUser } from './people.ts'
import { aTenant } from './rows.ts'

onBothEngines('a session that acts as a tenant', (database) => {
  let count = 0

  async function anActing(): Promise<{ token: string; session: Session; tenant: { id: string; name: string } }> {
    const { sessions } = database.storage
    const [token, user, tenant] = [`acting ${++count}`, await aUser(database), await aTenant(database)]
    const at = database.clock.now()
    const opened = await sessions.open(
      token,
      {
        ...{ userId: user.id, stage: 'complete', name: 'a test', address: null, createdAt: at },
        expiresAt: new Date(at.getTime() + SESSION_LIFE_MS),
      },
      database.act(),
    )
    await sessions.beginActing(opened.id, tenant, 'a ticket', { ...database.act(), actor: user.email })
    return { token, tenant, session: (await sessions.find(token, at))! }
  }
  const events = async (tenantId: string) =>
    (await database.storage.audit.list(tenantId, { limit: 10 })).map(({ action, detail }) => ({ action, detail }))

  test('does so for an hour, and the tenant’s trail tells why and until when', async () => {
    const { session, tenant } = await anActing()
    const until = new Date(database.clock.now().getTime() + ACTING_MS)
    expect(session.acting).toEqual({ tenantId: tenant.id, until, reason: 'a ticket' })
    expect(await events(tenant.id)).toMatchObject([
      { action: 'tenant.begin-acting', detail: { reason: 'a ticket', until: until.toISOString() } },
      { action: 'tenant.add' },
    ])
  })

  test('does not act as another at the same time', async () => {
    const { session, token, tenant } = await anActing()
    const other = await aTenant(database)
    await expect(database.storage.sessions.beginActing(session.id, other, null, database.act())).rejects.toMatchObject({
      code: 'already-exists',
    })
    const found = await database.storage.sessions.find(token, database.clock.now())
    expect(found?.acting?.tenantId).toBe(tenant.id)
  })

  test.each([
    ['it is stopped', 'stopped', ({ id }: Session) => database.storage.sessions.stopActing(id, database.act())],
    [
      ...(['its owner signs out', 'signed out'] as const),
      ({ id, userId }: Session) => database.storage.sessions.close(userId, id, database.act()),
    ],
    [
      ...(['all sessions of its owner are ended', 'signed out'] as const),
      ({ userId }: Session) => database.storage.sessions.closeAll(userId!, database.act()),
    ],
  ])('ends where %s, and the tenant’s trail tells so once', async (_how, why, end) => {
    const { session, token, tenant } = await anActing()
    await end(session)
    const found = await database.storage.sessions.find(token, database.clock.now())
    expect(found?.acting ?? null).toBeNull()
    await database.storage.sessions.stopActing(session.id, database.act())
    expect((await events(tenant.id)).map(({ action }) => action)).toEqual([
      ...['tenant.stop-acting', 'tenant.begin-acting', 'tenant.add'],
    ])
    expect((await events(tenant.id))[0]?.detail).toEqual({ why })
  })

  test('ends by itself after the hour; of many who ask then one tells of it', async () => {
    const { token, tenant } = await anActing()
    database.clock.advance(ACTING_MS - 1)
    const { sessions } = database.storage
    expect((await sessions.find(token, database.clock.now()))?.acting).not.toBeNull()
    database.clock.advance(1)
    const found = await Promise.all([1, 2, 3, 4].map(() => sessions.find(token, database.clock.now())))
    for (const session of found) expect(session?.acting).toBeNull()
    const told = (await events(tenant.id)).filter(({ action }) => action === 'tenant.stop-acting')
    expect(told).toEqual([{ action: 'tenant.stop-acting', detail: { why: 'time is up' } }])
  })

  test('goes on under another token where its owner proves anew to be there', async () => {
    const { session, tenant } = await anActing()
    const renewed = await database.storage.sessions.renew(session.id, `renewed ${count}`, database.act())
    expect(renewed.acting?.tenantId).toBe(tenant.id)
  })

  test('what it does is its owner’s, and says so', async () => {
    const tenant = await aTenant(database)
    await database.storage.tenants.suspend(tenant.id, { ...database.act(), actingAs: tenant.name })
    const [event] = await database.storage.audit.list(tenant.id, { limit: 1 })
    expect(event).toMatchObject({ actor: 'test', detail: { actingAs: tenant.name, before: {}, after: {} } })
    expect((await database.storage.audit.verify()).isWhole).toBe(true)
  })

  test('is one’s own again once the tenant is gone', async () => {
    const { token, tenant, session } = await anActing()
    await database.storage.tenants.remove(tenant.id, database.act())
    await database.storage.sessions.stopActing(session.id, database.act())
    expect((await database.storage.sessions.find(token, database.clock.now()))?.acting).toBeNull()
  })
})
