import { expect, test } from 'vitest'
import { entityTag } from '../../src/act.ts'
import type { ApiToken } from '../../src/tenant/token.ts'
import { onBothEngines } from '../support/databases.ts'
import { lastEvent, wholeTrail } from './people.ts'
import { aTenant } from './rows.ts'

const MINUTE = 60_000

onBothEngines('tokens', (database) => {
  const at = (ms: number) => new Date(database.clock.now().getTime() + ms)
  let count = 0

  function aToken(tenantId: string | null, given: Partial<ApiToken> & { secret?: string } = {}): Promise<ApiToken> {
    const { secret = `secret ${++count}`, ...token } = given
    return database.storage.tokens.add(
      secret,
      {
        tenantId,
        name: `token-${++count}`,
        scopes: ['delegations:read', 'grave'],
        addresses: null,
        expiresAt: null,
        createdById: null,
        ...token,
      },
      database.act(),
    )
  }

  test('one is found by its secret and by its id within its tenant', async () => {
    const { tokens } = database.storage
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const addresses = ['192.0.2.0/24', '2001:db8::1']
    const expiresAt = at(MINUTE)
    const token = await aToken(tenant.id, { name: 'deploy', secret: 'its secret', addresses, expiresAt })
    expect(token).toEqual({
      id: token.id,
      tenantId: tenant.id,
      name: 'deploy',
      scopes: ['delegations:read', 'grave'],
      addresses,
      createdBy: 'test',
      createdById: null,
      createdAt: at(0),
      expiresAt,
      lastUsedAt: null,
      lastUsedBy: null,
      rotatesUntil: null,
      revision: 1,
    })
    expect(await lastEvent(database)).toEqual({
      tenantId: tenant.id,
      actor: 'test',
      action: 'token.add',
      subject: 'deploy',
      detail: {
        after: { scopes: ['delegations:read', 'grave'], addresses, expiresAt: expiresAt.toISOString() },
      },
    })
    expect(await wholeTrail(database)).not.toContain('its secret')
    expect(await tokens.findBySecret('its secret', at(0))).toEqual({ ...token, isFormer: false })
    expect(await tokens.findBySecret('its secret', expiresAt)).toBeUndefined()
    expect(await tokens.findBySecret('another', at(0))).toBeUndefined()
    expect(await tokens.find(tenant.id, token.id)).toEqual(token)
    for (const stranger of [other.id, null]) expect(await tokens.find(stranger, token.id)).toBeUndefined()
    const own = await aToken(null)
    expect(await tokens.find(null, own.id)).toEqual(own)
    await expect(aToken('none')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('a name is taken once a tenant, and once by the operator', async () => {
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    for (const tenantId of [tenant.id, other.id, null]) {
      await aToken(tenantId, { name: 'ci' })
      await expect(aToken(tenantId, { name: 'ci' })).rejects.toMatchObject({ code: 'already-exists' })
    }
  })

  test('are listed by name, page by page and by search, and only those of the tenant', async () => {
    const { tokens } = database.storage
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    await aToken(tenant.id, { name: 'größer' })
    expect((await tokens.list(tenant.id, { limit: 9, search: 'GRÖS' })).length).toBe(0)
    expect((await tokens.list(tenant.id, { limit: 9, search: 'GRÖß' })).length).toBe(1)
    await database.db.knex('api_token').del()
    for (const tenantId of [tenant.id, null]) {
      for (const name of ['c', 'a', 'b']) await aToken(tenantId, { name })
      await aToken(other.id)
      const names = async (page: { after?: string; limit: number; search?: string }) =>
        (await tokens.list(tenantId, page)).map(({ name }) => name)
      expect(await names({ limit: 2 })).toEqual(['a', 'b'])
      expect(await names({ limit: 2, after: 'b' })).toEqual(['c'])
      expect(await names({ limit: 2, search: 'B' })).toEqual(['b'])
    }
  })

  test('a use is noted every five minutes', async () => {
    const { tokens } = database.storage
    const token = await aToken(null)
    const { id } = token
    const present = async () => (await tokens.find(null, id))!
    const used = async () => {
      const { lastUsedAt, lastUsedBy } = await present()
      return [lastUsedAt, lastUsedBy]
    }
    await tokens.noteUse(token, '192.0.2.1', at(0))
    expect(await used()).toEqual([at(0), '192.0.2.1'])
    await tokens.noteUse(await present(), '192.0.2.2', at(5 * MINUTE - 1))
    expect(await used()).toEqual([at(0), '192.0.2.1'])
    await tokens.noteUse(token, '192.0.2.2', at(5 * MINUTE - 1)) // which another has noted since it was read
    expect(await used()).toEqual([at(0), '192.0.2.1'])
    await tokens.noteUse(await present(), null, at(5 * MINUTE))
    expect(await used()).toEqual([at(5 * MINUTE), null])
    expect(await tokens.find(null, id)).toMatchObject({ revision: 1 })
  })

  test('a use that need not be noted waits for nobody who writes', async () => {
    const { tokens } = database.storage
    const { id } = await aToken(null)
    await tokens.noteUse({ id, lastUsedAt: null }, null, at(0))
    await database.db.knex.transaction(async (trx) => {
      await trx('api_token').where({ id }).update({ last_used_by: 'being written' })
      await tokens.noteUse((await tokens.find(null, id))!, '192.0.2.2', at(1))
    })
    expect(await tokens.find(null, id)).toMatchObject({ lastUsedAt: at(0), lastUsedBy: 'being written' })
  })

  test('after a rotation both secrets are taken, the former until its end', async () => {
    const { tokens } = database.storage
    const { act } = database
    const tenant = await aTenant(database)
    const token = await aToken(tenant.id, { secret: 'former' })
    const rotated = await tokens.rotate(tenant.id, token.id, 'present', at(MINUTE), {
      ...act(),
      ifMatch: [entityTag(token)],
    })
    expect(rotated).toEqual({ ...token, rotatesUntil: at(MINUTE), revision: 2 })
    expect(await lastEvent(database)).toEqual({
      tenantId: tenant.id,
      actor: 'test',
      action: 'token.rotate',
      subject: token.name,
      detail: { formerUntil: at(MINUTE).toISOString() },
    })
    for (const secret of ['former', 'present'])
      expect(await tokens.findBySecret(secret, at(MINUTE - 1))).toEqual({ ...rotated, isFormer: secret === 'former' })
    expect(await tokens.findBySecret('former', at(MINUTE))).toBeUndefined()
    expect(await tokens.findBySecret('present', at(MINUTE))).toBeDefined()

    await tokens.rotate(tenant.id, token.id, 'third', at(2 * MINUTE), act())
    expect(await tokens.findBySecret('former', at(MINUTE))).toBeUndefined()
    expect(await tokens.findBySecret('present', at(MINUTE))).toMatchObject({ rotatesUntil: at(2 * MINUTE) })
    await tokens.rotate(tenant.id, token.id, 'at once', at(0), act())
    for (const secret of ['former', 'present', 'third'])
      expect(await tokens.findBySecret(secret, at(0)), secret).toBeUndefined()
    expect(await tokens.findBySecret('at once', at(0))).toBeDefined()
  })

  test("a rotation does not lengthen the token's own life", async () => {
    const { tokens } = database.storage
    const token = await aToken(null, { expiresAt: at(MINUTE) })
    await tokens.rotate(null, token.id, 'renewed', at(5 * MINUTE), database.act())
    expect(await tokens.findBySecret('renewed', at(MINUTE))).toBeUndefined()
  })

  test('one is rotated and removed by its tenant, at the revision that was read', async () => {
    const { tokens } = database.storage
    const { act } = database
    const [tenant, other] = [await aTenant(database), await aTenant(database)]
    const token = await aToken(tenant.id, { secret: 'removed' })
    for (const stranger of [other.id, null]) {
      await expect(tokens.rotate(stranger, token.id, 'x', at(0), act())).rejects.toMatchObject({ code: 'not-found' })
      await expect(tokens.remove(stranger, token.id, act())).rejects.toMatchObject({ code: 'not-found' })
    }
    const stale = { ...act(), ifMatch: [entityTag({ ...token, revision: 9 })] }
    for (const change of [
      () => tokens.rotate(tenant.id, token.id, 'x', at(0), stale),
      () => tokens.remove(tenant.id, token.id, stale),
    ])
      await expect(change()).rejects.toMatchObject({ code: 'precondition-failed' })
    await tokens.remove(tenant.id, token.id, act())
    expect(await tokens.findBySecret('removed', at(0))).toBeUndefined()
    expect(await lastEvent(database)).toEqual({
      tenantId: tenant.id,
      actor: 'test',
      action: 'token.remove',
      subject: token.name,
      detail: { before: { scopes: token.scopes, addresses: null, expiresAt: null } },
    })
  })
})
