import { expect, test } from 'vitest'
import type { Link, LinkFor } from '../../src/tenant/link.ts'
import { onBothEngines } from '../support/databases.ts'
import { aUser, lastEvent, wholeTrail } from './people.ts'
import { aTenant } from './rows.ts'

const HOUR = 3_600_000

onBothEngines('links', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  let count = 0

  function aLink(link: LinkFor, { token = `token ${++count}`, expiresAt = at(HOUR) } = {}): Promise<Link> {
    return database.storage.links.add(token, { ...link, expiresAt, createdById: null }, database.act())
  }
  const anInvitation = (tenantId: string | null, email = 'guest@example.org'): LinkFor =>
    tenantId === null
      ? { purpose: 'invitation', tenantId, role: null, email }
      : { purpose: 'invitation', tenantId, role: 'admin', email }

  test('one comes back with what it is for, and the trail tells of it', async () => {
    const { links } = database.storage
    const tenant = await aTenant(database)
    const user = await aUser(database)
    const expiresAt = at(HOUR)
    const told = expiresAt.toISOString()
    const cases: [LinkFor, { tenantId: string | null; action: string; subject: string; detail: object }][] = [
      [
        { purpose: 'sign-in' },
        {
          tenantId: null,
          action: 'operator.issue-sign-in-link',
          subject: 'operator',
          detail: { after: { expiresAt: told } },
        },
      ],
      [
        anInvitation(tenant.id),
        {
          tenantId: tenant.id,
          action: 'invitation.add',
          subject: 'guest@example.org',
          detail: { after: { role: 'admin', expiresAt: told } },
        },
      ],
      [
        anInvitation(null),
        {
          tenantId: null,
          action: 'invitation.add',
          subject: 'guest@example.org',
          detail: { after: { role: 'operator', expiresAt: told } },
        },
      ],
      [
        { purpose: 'password', userId: user.id },
        {
          tenantId: null,
          action: 'user.issue-password-link',
          subject: user.email,
          detail: { after: { expiresAt: told } },
        },
      ],
    ]
    for (const [wish, event] of cases) {
      const token = `secret token ${++count}`
      const link = await aLink(wish, { token })
      expect(link).toEqual({ ...wish, id: link.id, createdBy: 'test', createdById: null, createdAt: at(0), expiresAt })
      expect(await links.find(token, at(0))).toEqual(link)
      expect(await lastEvent(database)).toEqual({ actor: 'test', ...event })
    }
    expect(await wholeTrail(database)).not.toContain('secret token')
  })

  test('leads nowhere where the tenant or the user is not there', async () => {
    await expect(aLink(anInvitation('none'))).rejects.toMatchObject({ code: 'not-found' })
    await expect(aLink({ purpose: 'password', userId: 'none' })).rejects.toMatchObject({ code: 'not-found' })
  })

  test('T31: one works once, for its own purpose, until it expires, and of many at once for one', async () => {
    const { links } = database.storage
    const other = (await database.open()).links
    await aLink({ purpose: 'sign-in' }, { token: 'once' })
    expect(await links.use('once', 'password', at(1))).toBeUndefined()
    expect(await links.use('once', 'invitation', at(1))).toBeUndefined()
    const uses = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? links : other).use('once', 'sign-in', at(1))),
    )
    expect(uses.filter(Boolean)).toMatchObject([{ purpose: 'sign-in' }])
    expect(await links.find('once', at(1))).toBeUndefined()
    await aLink({ purpose: 'sign-in' }, { token: 'late' })
    expect(await links.find('late', at(HOUR - 1))).toBeDefined()
    expect(await links.find('late', at(HOUR))).toBeUndefined()
    expect(await links.use('late', 'sign-in', at(HOUR))).toBeUndefined()
    expect(await links.use('unknown', 'sign-in', at(0))).toBeUndefined()
  })

  test("a tenant's open invitations are listed newest first, page by page", async () => {
    const { links } = database.storage
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const made = []
    for (const name of ['a', 'b', 'c']) made.push(await aLink(anInvitation(tenant.id, `${name}@example.org`)))
    await aLink(anInvitation(tenant.id, 'used@example.org'), { token: 'used' })
    await links.use('used', 'invitation', at(0))
    await aLink(anInvitation(tenant.id, 'late@example.org'), { expiresAt: at(1) })
    await aLink(anInvitation(other.id))
    const newestFirst = made.toReversed()
    expect(await links.listInvitations(tenant.id, at(1), { limit: 2 })).toEqual(newestFirst.slice(0, 2))
    expect(await links.listInvitations(tenant.id, at(1), { limit: 2, after: newestFirst[1]!.id })).toEqual([made[0]])
  })

  test("the operator's list has invitations to be an operator, and no other links", async () => {
    const { links } = database.storage
    const tenant = await aTenant(database)
    await database.db.knex('link').del()
    const invitation = await aLink(anInvitation(null))
    await aLink(anInvitation(tenant.id))
    await aLink({ purpose: 'sign-in' })
    await aLink({ purpose: 'password', userId: (await aUser(database)).id })
    expect(await links.listInvitations(null, at(0), { limit: 9 })).toEqual([invitation])
  })

  test('an invitation is withdrawn by the tenant that gave it, while it is open', async () => {
    const { links } = database.storage
    const { act } = database
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const { id } = await aLink(anInvitation(tenant.id), { token: 'withdrawn' })
    const used = await aLink(anInvitation(tenant.id), { token: 'joined' })
    await links.use('joined', 'invitation', at(0))
    const signIn = await aLink({ purpose: 'sign-in' })
    for (const [tenantId, link] of [
      [other.id, id],
      [null, id],
      [tenant.id, used.id],
      [null, signIn.id],
      [tenant.id, 'none'],
    ] as const)
      await expect(links.withdrawInvitation(tenantId, link, act())).rejects.toMatchObject({ code: 'not-found' })
    await links.withdrawInvitation(tenant.id, id, act())
    expect(await lastEvent(database)).toEqual({
      tenantId: tenant.id,
      actor: 'test',
      action: 'invitation.withdraw',
      subject: 'guest@example.org',
      detail: { before: { role: 'admin' } },
    })
    expect(await links.find('withdrawn', at(0))).toBeUndefined()
  })
})
