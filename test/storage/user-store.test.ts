import { describe, expect, test } from 'vitest'
import { entityTag } from '../../src/act.ts'
import { SealError } from '../../src/certificate/sealing.ts'
import { SESSION_LIFE_MS, type Session } from '../../src/tenant/session.ts'
import { onBothEngines, type TestDatabase } from '../support/databases.ts'
import { aMember, aUser, lastEvent, wholeTrail } from './people.ts'
import { aTenant } from './rows.ts'

onBothEngines('users', (database) => {
  test('are found by id and by e-mail address, which has one account', async () => {
    const { storage, act, clock } = database
    const user = await aUser(database, { email: 'alice@example.org', passwordHash: null })
    expect(user).toEqual({
      id: user.id,
      email: 'alice@example.org',
      operatorSince: null,
      hasPassword: false,
      passkeys: 0,
      hasTotp: false,
      lastSignInAt: null,
      createdAt: clock.now(),
      revision: 1,
    })
    expect(await storage.users.find(user.id)).toEqual(user)
    expect(await storage.users.findByEmail('alice@example.org')).toEqual(user)
    expect(await storage.users.find('none')).toBeUndefined()
    expect(await storage.users.findByEmail('nobody@example.org')).toBeUndefined()
    expect(await lastEvent(database)).toEqual({
      tenantId: null,
      actor: 'test',
      action: 'user.add',
      subject: 'alice@example.org',
      detail: { after: { isOperator: false } },
    })
    await expect(
      storage.users.add({ email: 'alice@example.org', isOperator: true, passwordHash: null }, act()),
    ).rejects.toMatchObject({ code: 'already-exists' })
  })

  test('are listed by e-mail address, page by page, by search and by being an operator', async () => {
    const { users } = database.storage
    const emails = async (page: Parameters<typeof users.list>[0]) => (await users.list(page)).map(({ email }) => email)
    for (const [email, isOperator] of [
      ['c@list.example', false],
      ['a@list.example', true],
      ['b_@list.example', false],
      ['jörg@other.example', false],
    ] as const)
      await aUser(database, { email, isOperator })
    const search = '@LIST.'
    expect(await emails({ limit: 2, search })).toEqual(['a@list.example', 'b_@list.example'])
    expect(await emails({ limit: 2, search, after: 'b_@list.example' })).toEqual(['c@list.example'])
    expect(await emails({ limit: 2, search: '_@list' })).toEqual(['b_@list.example'])
    expect(await emails({ limit: 2, search: 'Jör' })).toEqual(['jörg@other.example'])
    expect(await emails({ limit: 9, search, isOperator: true })).toEqual(['a@list.example'])
    expect(await emails({ limit: 9, search, isOperator: false })).toEqual(['b_@list.example', 'c@list.example'])
  })

  test('a sign-in is noted and is no change that If-Match would see', async () => {
    const { users } = database.storage
    const { id } = await aUser(database)
    const at = new Date(database.clock.now().getTime() + 5)
    await users.noteSignIn(id, at)
    expect(await users.find(id)).toMatchObject({ lastSignInAt: at, revision: 1 })
  })

  describe('passwords', () => {
    test('a new one ends the links for another that are still open', async () => {
      const { storage, act, clock } = database
      const { id, email } = await aUser(database)
      const other = await aUser(database)
      const expiresAt = new Date(clock.now().getTime() + 1000)
      await storage.links.add('theirs', { purpose: 'password', userId: id, expiresAt, createdById: null }, act())
      await storage.links.add(
        'of another',
        { purpose: 'password', userId: other.id, expiresAt, createdById: null },
        act(),
      )
      await storage.users.setPassword(id, '$argon2id$second', act())
      expect(await lastEvent(database)).toMatchObject({ action: 'user.set-password', subject: email, detail: {} })
      expect((await storage.users.credentials(id))?.passwordHash).toBe('$argon2id$second')
      expect(await storage.users.find(id)).toMatchObject({ hasPassword: true, revision: 2 })
      expect(await storage.links.find('theirs', clock.now())).toBeUndefined()
      expect(await storage.links.find('of another', clock.now())).toBeDefined()
      expect(await wholeTrail(database)).not.toContain('argon2id')
      await expect(storage.users.setPassword('none', 'x', act())).rejects.toMatchObject({ code: 'not-found' })
    })

    test('a better hash does not bring back a password that was changed meanwhile', async () => {
      const { users } = database.storage
      const { id } = await aUser(database, { passwordHash: 'weak' })
      expect(await users.rehashPassword(id, 'strong', 'weak')).toBe(true)
      expect((await users.credentials(id))?.passwordHash).toBe('strong')
      expect(await users.rehashPassword(id, 'of the old password', 'weak')).toBe(false)
      expect((await users.credentials(id))?.passwordHash).toBe('strong')
    })
  })

  describe('the second factor', () => {
    const secret = Buffer.from('twenty secret bytes!')

    test('is in force from its first code on', async () => {
      const { storage, act, clock } = database
      const { users } = storage
      const { id, email } = await aUser(database)
      expect((await users.credentials(id))?.totp).toBeNull()
      await users.setTotp(id, Buffer.from('never confirmed'), act())
      await users.setTotp(id, secret, act())
      expect(await users.find(id)).toMatchObject({ hasTotp: false })
      const { totp } = (await users.credentials(id))!
      expect(totp).toEqual({ secret, confirmedAt: null })

      await users.confirmTotp(id, 1000, ['a', 'b', 'c'], act())
      expect(await lastEvent(database)).toMatchObject({ action: 'user.confirm-totp', subject: email })
      expect(await users.find(id)).toMatchObject({ hasTotp: true })
      expect((await users.credentials(id))?.totp).toEqual({ secret, confirmedAt: clock.now() })
      expect(await users.countRecoveryCodes(id)).toBe(3)
      await expect(users.setTotp(id, Buffer.from('another'), act())).rejects.toMatchObject({ code: 'already-exists' })
      await expect(users.confirmTotp(id, 1001, ['d'], act())).rejects.toMatchObject({ code: 'not-found' })
      await expect(users.setTotp('none', secret, act())).rejects.toMatchObject({ code: 'not-found' })

      await users.removeTotp(id, act())
      expect(await lastEvent(database)).toMatchObject({ action: 'user.remove-totp', subject: email })
      expect((await users.credentials(id))?.totp).toBeNull()
      expect(await users.countRecoveryCodes(id)).toBe(0)
      await expect(users.removeTotp(id, act())).rejects.toMatchObject({ code: 'not-found' })
      await expect(users.confirmTotp(id, 1, [], act())).rejects.toMatchObject({ code: 'not-found' })
    })

    test('the secret is sealed, and does not open in the row of another', async () => {
      const { storage, act, db } = database
      const [mine, theirs] = [await aUser(database), await aUser(database)]
      for (const { id } of [mine, theirs]) await storage.users.setTotp(id, secret, act())
      const sealed = async (id: string) => {
        const row = await db.knex('user_account').where({ id }).first<{ totp_sealed: Buffer }>('totp_sealed')
        return row.totp_sealed
      }
      expect((await sealed(mine.id)).includes(secret)).toBe(false)
      await db
        .knex('user_account')
        .where({ id: mine.id })
        .update({ totp_sealed: await sealed(theirs.id) })
      await expect(storage.users.credentials(mine.id)).rejects.toThrow(SealError)
    })

    test('of two who use the same code at once one gets in, and no earlier code is taken', async () => {
      const { users } = database.storage
      const other = (await database.open()).users
      const { id } = await aUser(database)
      await users.setTotp(id, secret, database.act())
      await users.confirmTotp(id, 1000, [], database.act())
      expect(await users.useTotpStep(id, 1000)).toBe(false)
      const uses = await Promise.all([users, other, users, other].map((each) => each.useTotpStep(id, 1001)))
      expect(uses.filter(Boolean)).toHaveLength(1)
      expect(await users.useTotpStep(id, 999)).toBe(false)
      expect(await users.useTotpStep(id, 1002)).toBe(true)
    })

    test('a recovery code is taken once, and new ones take the place of all', async () => {
      const { storage, act } = database
      const { users } = storage
      const other = (await database.open()).users
      const { id, email } = await aUser(database)
      const stranger = await aUser(database)
      await expect(users.setRecoveryCodes(id, ['x'], act())).rejects.toMatchObject({ code: 'not-found' })
      await users.setTotp(id, secret, act())
      await users.confirmTotp(id, 1, ['code-1', 'code-2'], act())
      expect(await users.useRecoveryCode(stranger.id, 'code-1', act())).toBe(false)
      const uses = await Promise.all(
        [users, other, users, other].map((each) => each.useRecoveryCode(id, 'code-1', act())),
      )
      expect(uses.filter(Boolean)).toHaveLength(1)
      expect(await lastEvent(database)).toMatchObject({
        action: 'user.use-recovery-code',
        subject: email,
        detail: { left: 1 },
      })
      expect(await users.countRecoveryCodes(id)).toBe(1)
      await users.setRecoveryCodes(id, ['code-3'], act())
      expect(await lastEvent(database)).toMatchObject({ action: 'user.renew-recovery-codes', subject: email })
      expect(await users.useRecoveryCode(id, 'code-2', act())).toBe(false)
      expect(await users.useRecoveryCode(id, 'code-3', act())).toBe(true)
      expect(await wholeTrail(database)).not.toMatch(/code-\d/)
    })
  })

  test('one who is removed is gone from everywhere, which each of their tenants can read', async () => {
    const { storage, act, clock } = database
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    await aMember(database, tenant.id, 'owner')
    const user = await aUser(database)
    for (const { id } of [tenant, other])
      await storage.members.add(id, { userId: user.id, role: id === tenant.id ? 'owner' : 'viewer' }, act())
    const expiresAt = new Date(clock.now().getTime() + 1000)
    const session = { userId: user.id, stage: 'complete', name: 'x', address: null, createdAt: clock.now(), expiresAt }
    await storage.sessions.open('their session', session as never, act())
    await expect(storage.users.remove(user.id, { ...act(), ifMatch: ['"other"'] })).rejects.toMatchObject({
      code: 'precondition-failed',
    })
    await storage.users.remove(user.id, { ...act(), ifMatch: [entityTag(user)] })
    expect(await lastEvent(database)).toMatchObject({ action: 'user.remove', subject: user.email })
    expect(await storage.users.find(user.id)).toBeUndefined()
    expect(await storage.sessions.find('their session', clock.now())).toBeUndefined()
    expect(await storage.members.find(tenant.id, user.id)).toBeUndefined()
    for (const { id } of [tenant, other])
      expect(await storage.audit.list(id, { limit: 1 })).toMatchObject([
        { action: 'member.remove', subject: user.email },
      ])
    await expect(storage.users.remove(user.id, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('what one who is removed has made is gone from everywhere, and who loses it can read so', async () => {
    const { storage, act } = database
    const [own, foreign] = [await aTenant(database), await aTenant(database)]
    await aMember(database, own.id, 'owner')
    const user = await aUser(database)
    await storage.members.add(own.id, { userId: user.id, role: 'owner' }, act())
    const other = await aUser(database)
    const { left, leave } = traces(database, user.id)
    await leave([own.id, foreign.id, null], other.id)
    await storage.users.remove(user.id, act())
    expect(await left()).toEqual([])
    const detailOf = async (tenantId: string) => {
      const events = await storage.audit.list(tenantId, { limit: 2 })
      return events.map(({ action, subject, detail }) => [action, subject, detail])
    }
    const names = (tenantId: string | null) => ({
      revokedTokens: [`token ${tenantId}`],
      withdrawnInvitations: [`${tenantId}@example.org`],
    })
    expect((await detailOf(own.id))[0]).toEqual([
      'member.remove',
      user.email,
      { before: { role: 'owner' }, ...names(own.id) },
    ])
    expect(await detailOf(foreign.id)).toEqual([
      ['invitation.withdraw', `${foreign.id}@example.org`, {}],
      ['token.remove', `token ${foreign.id}`, {}],
    ])
    expect((await lastEvent(database)).detail).toEqual({ before: { isOperator: false }, ...names(null) })
  })

  test('the factors of one are removed together, and their sessions end', async () => {
    const { storage, act, clock } = database
    const { id, email } = await aUser(database)
    await storage.users.setTotp(id, Buffer.from('secret'), act())
    await storage.users.confirmTotp(id, 1, ['code'], act())
    const passkey = { id: 'theirs-alone', userId: id, name: 'key ring', publicKey: Buffer.of(1), counter: 0 }
    await storage.passkeys.add({ ...passkey, transports: [] }, act())
    await aSession(database, 'of one without factors', id)
    await storage.users.removeFactors(id, act())
    expect(await storage.users.find(id)).toMatchObject({ hasTotp: false, passkeys: 0, hasPassword: true })
    expect((await storage.users.credentials(id))?.totp).toBeNull()
    expect(await storage.users.countRecoveryCodes(id)).toBe(0)
    expect(await storage.sessions.find('of one without factors', clock.now())).toBeUndefined()
    expect(await lastEvent(database)).toMatchObject({
      action: 'user.remove-factors',
      subject: email,
      detail: { before: { hasTotp: true, passkeys: ['key ring'] } },
    })
    await expect(storage.users.removeFactors('none', act())).rejects.toMatchObject({ code: 'not-found' })
  })

  const doubts: [string, (id: string, except: string) => Promise<void>][] = [
    ['another password', (id, except) => database.storage.users.setPassword(id, 'hash', database.act(), except)],
    [
      'an authenticator app',
      async (id, except) => {
        await database.storage.users.setTotp(id, Buffer.from('secret'), database.act())
        await database.storage.users.confirmTotp(id, 1, [], database.act(), except)
      },
    ],
    [
      'an authenticator app that is gone',
      async (id, except) => {
        await database.storage.users.setTotp(id, Buffer.from('secret'), database.act())
        await database.storage.users.removeTotp(id, database.act(), except)
      },
    ],
  ]
  test.each(doubts)('%s ends all sessions but one', async (what, make) => {
    const { storage, clock } = database
    const { id } = await aUser(database)
    const kept = await aSession(database, `kept ${what}`, id)
    await aSession(database, `ended ${what}`, id)
    await make(id, kept.id)
    expect(await storage.sessions.find(`kept ${what}`, clock.now())).toBeDefined()
    expect(await storage.sessions.find(`ended ${what}`, clock.now())).toBeUndefined()
  })

  test('the only owner of a tenant is not removed', async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const owner = await aMember(database, tenant.id, 'owner')
    await aMember(database, tenant.id, 'admin')
    await expect(storage.users.remove(owner.id, act())).rejects.toMatchObject({ code: 'last-owner' })
    await aMember(database, tenant.id, 'owner')
    await storage.users.remove(owner.id, act())
  })
})

onBothEngines('operators', (database) => {
  async function onlyOperators(count: number) {
    await database.db.knex('user_account').update({ operator_since: null })
    return Promise.all(Array.from({ length: count }, () => aUser(database, { isOperator: true })))
  }

  test('one remains', async () => {
    const { storage, act, clock } = database
    const { users } = storage
    const [only] = await onlyOperators(1)
    const other = await aUser(database)
    expect(only).toMatchObject({ operatorSince: clock.now() })
    await expect(users.setOperator(only!.id, false, act())).rejects.toMatchObject({ code: 'last-owner' })
    await expect(users.remove(only!.id, act())).rejects.toMatchObject({ code: 'last-owner' })
    expect(await users.countOperators()).toBe(1)

    expect(await users.setOperator(other.id, true, act())).toMatchObject({ operatorSince: clock.now(), revision: 2 })
    expect(await lastEvent(database)).toMatchObject({
      action: 'user.set-operator',
      subject: other.email,
      detail: { before: { isOperator: false }, after: { isOperator: true } },
    })
    expect(await users.countOperators()).toBe(2)
    const stale = { ...act(), ifMatch: [entityTag(other)] }
    await expect(users.setOperator(other.id, false, stale)).rejects.toMatchObject({ code: 'precondition-failed' })
    expect(await users.setOperator(only!.id, false, act())).toMatchObject({ operatorSince: null, revision: 2 })
    expect(await users.setOperator(only!.id, false, act())).toMatchObject({ operatorSince: null, revision: 2 })
    await users.remove(only!.id, act())
    await expect(users.setOperator(only!.id, true, act())).rejects.toMatchObject({ code: 'not-found' })
  })

  test('one who is none any more keeps none of the tokens of the operator, and no link', async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const [user, other] = await onlyOperators(2)
    const { left, leave } = traces(database, user!.id)
    await leave([tenant.id, null], other!.id)
    await storage.users.setOperator(user!.id, false, act())
    expect(await left()).toEqual([`token ${tenant.id}`])
    expect(await lastEvent(database)).toMatchObject({
      action: 'user.set-operator',
      detail: {
        after: { isOperator: false },
        revokedTokens: ['token null'],
        withdrawnInvitations: ['null@example.org'],
      },
    })
    expect(await storage.audit.list(tenant.id, { limit: 1 })).toMatchObject([
      { action: 'invitation.withdraw', subject: `${tenant.id}@example.org` },
    ])
  })

  test('of two who go at the same moment one remains', async () => {
    const { act } = database
    const nodes = [database.storage.users, (await database.open()).users]
    for (let round = 0; round < 15; round++) {
      const [one, two] = await onlyOperators(2)
      const ways = [
        () => nodes[0]!.setOperator(one!.id, false, act()),
        () => (round % 2 ? nodes[1]!.remove(two!.id, act()) : nodes[1]!.setOperator(two!.id, false, act())),
      ]
      const results = await Promise.allSettled(ways.map((way) => way()))
      expect(await nodes[0]!.countOperators()).toBe(1)
      expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'last-owner' } }])
    }
  })
})

async function aSession({ storage, act, clock }: TestDatabase, token: string, userId: string): Promise<Session> {
  const times = { createdAt: clock.now(), expiresAt: new Date(clock.now().getTime() + SESSION_LIFE_MS) }
  return storage.sessions.open(token, { userId, stage: 'complete', name: 'x', address: null, ...times }, act())
}

/** A token and an invitation of each tenant, and a link for somebody's password, made by a user. */
function traces({ storage, act, clock }: TestDatabase, createdById: string) {
  const keys: string[] = []
  return {
    async leave(tenantIds: readonly (string | null)[], forWhom: string) {
      const expiresAt = new Date(clock.now().getTime() + 1000)
      for (const tenantId of tenantIds) {
        const name = `token ${tenantId}`
        const token = { tenantId, name, scopes: [], addresses: null, expiresAt: null, createdById }
        await storage.tokens.add(`${createdById} ${tenantId}`, token, act())
        const to = tenantId === null ? { tenantId, role: null } : { tenantId, role: 'viewer' as const }
        const link = { purpose: 'invitation', email: `${tenantId}@example.org`, expiresAt, createdById } as const
        await storage.links.add(`${createdById} ${tenantId}`, { ...link, ...to }, act())
        keys.push(`${createdById} ${tenantId}`)
      }
      const password = { purpose: 'password', userId: forWhom, expiresAt, createdById } as const
      await storage.links.add(`${createdById} password`, password, act())
      keys.push(`${createdById} password`)
    },
    async left() {
      const found: string[] = []
      for (const key of keys) {
        const token = await storage.tokens.findBySecret(key, clock.now())
        const link = await storage.links.find(key, clock.now())
        if (token) found.push(token.name)
        if (link) found.push(link.purpose)
      }
      return found
    },
  }
}
