import { describe, expect, test } from 'vitest'
import { entityTag } from '../../src/act.ts'
import type { ProblemError } from '../../src/problem.ts'
import { onBothEngines } from '../support/databases.ts'
import { aMember, aUser, lastEvent } from './people.ts'
import { aTenant } from './rows.ts'

onBothEngines('members', (database) => {
  test('a user joins a tenant once, and may join others', async () => {
    const { storage, act, clock } = database
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const user = await aUser(database)
    const member = await storage.members.add(tenant.id, { userId: user.id, role: 'admin' }, act())
    expect(member).toEqual({
      id: user.id,
      tenantId: tenant.id,
      email: user.email,
      role: 'admin',
      hasSecondFactor: false,
      createdAt: clock.now(),
      revision: 1,
    })
    expect(await lastEvent(database)).toEqual({
      tenantId: tenant.id,
      actor: 'test',
      action: 'member.add',
      subject: user.email,
      detail: { after: { role: 'admin' } },
    })
    expect(await storage.members.find(tenant.id, user.id)).toEqual(member)
    expect(await storage.members.find(other.id, user.id)).toBeUndefined()
    await expect(storage.members.add(tenant.id, { userId: user.id, role: 'owner' }, act())).rejects.toMatchObject({
      code: 'already-exists',
    })
    await storage.members.add(other.id, { userId: user.id, role: 'viewer' }, act())
    expect(await storage.members.rolesOf(user.id)).toEqual(
      new Map([
        [tenant.id, 'admin'],
        [other.id, 'viewer'],
      ]),
    )
    for (const [tenantId, userId] of [
      ['none', user.id],
      [tenant.id, 'none'],
    ] as const)
      await expect(storage.members.add(tenantId, { userId, role: 'viewer' }, act())).rejects.toMatchObject({
        code: 'not-found',
      })
  })

  test('are listed by e-mail address, page by page and by search, and only those of the tenant', async () => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const other = await aTenant(database)
    for (const email of ['c@m.example', 'a@m.example', 'b@m.example', 'other@m.example']) {
      const { id: userId } = await aUser(database, { email })
      const { id } = email.startsWith('other') ? other : tenant
      await storage.members.add(id, { userId, role: 'viewer' }, act())
    }
    const emails = async (page: { after?: string; limit: number; search?: string }) =>
      (await storage.members.list(tenant.id, page)).map(({ email }) => email)
    expect(await emails({ limit: 2 })).toEqual(['a@m.example', 'b@m.example'])
    expect(await emails({ limit: 2, after: 'b@m.example' })).toEqual(['c@m.example'])
    expect(await emails({ limit: 2, search: 'B@' })).toEqual(['b@m.example'])
  })

  test.each(['authenticator app', 'passkey'])('show whether they have a second factor: %s', async (factor) => {
    const { storage, act } = database
    const tenant = await aTenant(database)
    const { id } = await aMember(database, tenant.id, 'viewer')
    if (factor === 'passkey') {
      const passkey = { id: 'k', userId: id, name: 'x', publicKey: Buffer.of(1), counter: 0, transports: [] }
      await storage.passkeys.add(passkey, act())
    } else {
      await storage.users.setTotp(id, Buffer.from('secret'), act())
      expect(await storage.members.find(tenant.id, id)).toMatchObject({ hasSecondFactor: false })
      await storage.users.confirmTotp(id, 1, [], act())
    }
    expect(await storage.members.find(tenant.id, id)).toMatchObject({ hasSecondFactor: true })
    expect(await storage.members.list(tenant.id, { limit: 9 })).toMatchObject([{ hasSecondFactor: true }])
  })

  test('another role, and none any more, at the revision that was read', async () => {
    const { storage, act } = database
    const { members } = storage
    const [tenant, foreign] = [await aTenant(database), await aTenant(database)]
    await aMember(database, tenant.id, 'owner')
    const member = await aMember(database, tenant.id, 'viewer')
    const matching = { ...act(), ifMatch: [entityTag(member)] }
    const changed = await members.setRole(tenant.id, member.id, 'owner', matching)
    expect(changed).toEqual({ ...member, role: 'owner', revision: 2 })
    expect(await lastEvent(database)).toMatchObject({
      tenantId: tenant.id,
      action: 'member.set-role',
      subject: member.email,
      detail: { before: { role: 'viewer' }, after: { role: 'owner' } },
    })
    expect(await members.setRole(tenant.id, member.id, 'owner', act())).toEqual(changed)
    for (const change of [
      () => members.setRole(tenant.id, member.id, 'admin', matching),
      () => members.remove(tenant.id, member.id, matching),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'precondition-failed' })
    for (const change of [
      () => members.setRole(foreign.id, member.id, 'admin', act()),
      () => members.remove(foreign.id, member.id, act()),
      () => members.setRole('none', member.id, 'admin', act()),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'not-found' })
    await members.remove(tenant.id, member.id, { ...act(), ifMatch: [entityTag(changed)] })
    expect(await lastEvent(database)).toMatchObject({
      tenantId: tenant.id,
      action: 'member.remove',
      subject: member.email,
      detail: { before: { role: 'owner' } },
    })
    expect(await members.find(tenant.id, member.id)).toBeUndefined()
    expect(await storage.users.find(member.id)).toBeDefined()
  })

  describe('who is removed or demoted does not come back by what they have made', () => {
    const expiresAt = new Date('2027-01-01T00:00:00Z')

    async function whatTheyLeave() {
      const { storage, act } = database
      const [tenant, other] = [await aTenant(database), await aTenant(database)]
      const remaining = await aMember(database, tenant.id, 'owner')
      const mallory = await aMember(database, tenant.id, 'owner')
      const token = { tenantId: tenant.id, scopes: [], addresses: null, expiresAt: null }
      const link = { purpose: 'invitation', role: 'owner', expiresAt } as const
      const key = (what: string) => `${what} ${tenant.id}`
      for (const [name, createdById, tenantId] of [
        ['theirs', mallory.id, tenant.id],
        ['of their token', mallory.id, tenant.id],
        ['elsewhere', mallory.id, other.id],
        ['of another', remaining.id, tenant.id],
        ['of the machine', null, tenant.id],
      ] as const) {
        await storage.tokens.add(key(name), { ...token, name, tenantId, createdById }, act())
        const email = `${name.replaceAll(' ', '-')}@example.org`
        await storage.links.add(key(name), { ...link, email, tenantId, createdById }, act())
      }
      const used = { ...link, email: 'used@example.org', tenantId: tenant.id, createdById: mallory.id }
      await storage.links.add(key('used'), used, act())
      await storage.links.use(key('used'), 'invitation', act().at)
      const left = async () => {
        const found: string[] = []
        for (const name of ['theirs', 'of their token', 'elsewhere', 'of another', 'of the machine']) {
          if (await storage.tokens.findBySecret(key(name), act().at)) found.push(`token ${name}`)
          if (await storage.links.find(key(name), act().at)) found.push(`link ${name}`)
        }
        return found
      }
      return { tenant, mallory, left }
    }
    const others = ['elsewhere', 'of another', 'of the machine'].flatMap((name) => [`token ${name}`, `link ${name}`])
    const told = {
      revokedTokens: ['of their token', 'theirs'],
      withdrawnInvitations: ['of-their-token@example.org', 'theirs@example.org'],
    }

    test('as a member who is removed', async () => {
      const { tenant, mallory, left } = await whatTheyLeave()
      expect(await left()).toHaveLength(10)
      await database.storage.members.remove(tenant.id, mallory.id, database.act())
      expect(await left()).toEqual(others)
      expect((await lastEvent(database)).detail).toEqual({ before: { role: 'owner' }, ...told })
    })

    test('as one who gets a lower role, and keeps all by the same or a higher one', async () => {
      const { storage, act } = database
      const { tenant, mallory, left } = await whatTheyLeave()
      await storage.members.setRole(tenant.id, mallory.id, 'admin', act())
      expect(await left()).toEqual(others)
      expect((await lastEvent(database)).detail).toEqual({
        before: { role: 'owner' },
        after: { role: 'admin' },
        ...told,
      })
      const token = { tenantId: tenant.id, name: 'late', scopes: [], addresses: null, expiresAt: null }
      await storage.tokens.add(`late ${tenant.id}`, { ...token, createdById: mallory.id }, act())
      await storage.members.setRole(tenant.id, mallory.id, 'owner', act())
      expect(await storage.tokens.findBySecret(`late ${tenant.id}`, act().at)).toBeDefined()
    })
  })

  test('a tenant keeps an owner', async () => {
    const { storage, act } = database
    const { members } = storage
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const owner = await aMember(database, tenant.id, 'owner')
    await aMember(database, tenant.id, 'admin')
    await aMember(database, other.id, 'owner')
    for (const change of [
      () => members.setRole(tenant.id, owner.id, 'admin', act()),
      () => members.remove(tenant.id, owner.id, act()),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'last-owner' })
    await members.setRole(tenant.id, owner.id, 'owner', act())
  })

  test('of owners who go at the same moment, by whichever way, one remains', async () => {
    const { act } = database
    const nodes = [database.storage, await database.open(), await database.open()]
    const [tenant, second] = [await aTenant(database), await aTenant(database)]
    for (let round = 0; round < 15; round++) {
      const leftover = await database.storage.members.list(tenant.id, { limit: 9 })
      const owners = [
        leftover[0] ?? (await aMember(database, tenant.id, 'owner')),
        await aMember(database, tenant.id, 'owner'),
        await aMember(database, tenant.id, 'owner'),
      ]
      for (const { id: userId } of owners)
        if (!(await database.storage.members.find(second.id, userId)))
          await database.storage.members.add(second.id, { userId, role: 'viewer' }, act())
      const ways = [
        () => nodes[0]!.members.remove(tenant.id, owners[round % 3]!.id, act()),
        () => nodes[1]!.users.remove(owners[(round + 1) % 3]!.id, act()),
        () => nodes[2]!.users.remove(owners[(round + 2) % 3]!.id, act()),
      ]
      const results = await Promise.allSettled(ways.map((way) => way()))
      const left = await database.storage.members.list(tenant.id, { limit: 9 })
      expect(left.map(({ role }) => role)).toEqual(['owner'])
      expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: { code: 'last-owner' } }])
    }
  })

  test('a tenant keeps an owner where one is made, one is unmade and one is removed at the same moment', async () => {
    const { act } = database
    const nodes = [database.storage, await database.open(), await database.open()]
    for (let round = 0; round < 15; round++) {
      const tenant = await aTenant(database)
      const owner = await aMember(database, tenant.id, 'owner')
      const admin = await aMember(database, tenant.id, 'admin')
      const results = await Promise.allSettled([
        nodes[0]!.members.setRole(tenant.id, admin.id, 'owner', act()),
        nodes[1]!.members.setRole(tenant.id, owner.id, 'viewer', act()),
        nodes[2]!.users.remove(admin.id, act()),
      ])
      const left = await database.storage.members.list(tenant.id, { limit: 9 })
      expect(left.filter(({ role }) => role === 'owner')).toHaveLength(1)
      for (const result of results)
        if (result.status === 'rejected')
          expect(['last-owner', 'not-found']).toContain((result.reason as ProblemError).code)
    }
  })
})
