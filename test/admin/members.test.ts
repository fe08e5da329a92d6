import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'

let server: AdminServer
let tenant: string
let owner: Awaited<ReturnType<AdminServer['person']>>
let admin: typeof owner
let viewer: typeof owner
let tenants = 0
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
})
beforeEach(async () => {
  tenant = `tenant-${++tenants}`
  await server.api('POST', '/tenants', { name: tenant })
  owner = await server.person({ roles: { [tenant]: 'owner' } })
  admin = await server.person({ roles: { [tenant]: 'admin' } })
  viewer = await server.person({ roles: { [tenant]: 'viewer' } })
})
afterAll(() => server.close())

const path = (user?: { id: string }) => `/tenants/${tenant}/members${user ? `/${user.id}` : ''}`
const codeOf = async (by: Pick<Somebody, 'api'>, method: string, where: string, body?: unknown) => {
  const { status, text } = await by.api(method, where, body)
  return status < 300 ? status : (JSON.parse(text) as { code: string }).code
}

describe('the members of a tenant', () => {
  test('are seen by every member and by the operator, not by others', async () => {
    for (const somebody of [owner, admin, viewer, server]) {
      const answer = await somebody.api('GET', path())
      const roles = (answer.json().items as { role: string }[]).map(({ role }) => role)
      expect(roles.sort()).toEqual(['admin', 'owner', 'viewer'])
    }
    const stranger = await server.person()
    expect(await codeOf(stranger, 'GET', path())).toBe('not-found')
    expect(await codeOf(stranger, 'GET', path(owner.user))).toBe('not-found')
  })

  test('get another role by an owner or the operator only', async () => {
    expect(await codeOf(viewer, 'PUT', path(viewer.user), { role: 'owner' })).toBe('forbidden')
    expect(await codeOf(admin, 'PUT', path(admin.user), { role: 'owner' })).toBe('forbidden')
    expect(await codeOf(admin, 'PUT', path(viewer.user), { role: 'admin' })).toBe('forbidden')
    expect(await codeOf(owner, 'PUT', path(viewer.user), { role: 'emperor' })).toBe('malformed-request')
    expect(await codeOf(owner, 'PUT', path(viewer.user), { role: 'admin' })).toBe(200)
    expect(await codeOf(server, 'PUT', path(admin.user), { role: 'owner' })).toBe(200)
  })

  test('another role ends the member’s sessions, and the same role none', async () => {
    expect((await owner.api('PUT', path(viewer.user), { role: 'viewer' })).json().role).toBe('viewer')
    expect((await viewer.api('GET', '/session')).status).toBe(200)
    await owner.api('PUT', path(viewer.user), { role: 'admin' })
    expect((await viewer.api('GET', '/session')).status).toBe(401)
  })

  test('an owner who steps down goes on with this session, as what they are now', async () => {
    await owner.api('PUT', path(admin.user), { role: 'owner' })
    expect(await codeOf(owner, 'PUT', path(owner.user), { role: 'viewer' })).toBe(200)
    expect(await codeOf(owner, 'PUT', path(viewer.user), { role: 'admin' })).toBe('forbidden')
  })

  test('every member may leave; to remove another takes an owner', async () => {
    expect(await codeOf(viewer, 'DELETE', path(admin.user))).toBe('forbidden')
    expect(await codeOf(admin, 'DELETE', path(viewer.user))).toBe('forbidden')
    expect(await codeOf(viewer, 'DELETE', path(viewer.user))).toBe(204)
    expect(await codeOf(viewer, 'GET', path())).toBe('not-found')
    expect(await codeOf(owner, 'DELETE', path(admin.user))).toBe(204)
    expect((await admin.api('GET', '/session')).status).toBe(401)
  })

  test('one owner remains', async () => {
    expect(await codeOf(owner, 'DELETE', path(owner.user))).toBe('last-owner')
    expect(await codeOf(owner, 'PUT', path(owner.user), { role: 'admin' })).toBe('last-owner')
    expect(await codeOf(server, 'DELETE', path(owner.user))).toBe('last-owner')
  })

  test('somebody who is no member is not found, though they have an account', async () => {
    const stranger = await server.person()
    for (const [method, body] of [['GET'], ['PUT', { role: 'owner' }], ['DELETE']] as const)
      expect([method, await codeOf(owner, method, path(stranger.user), body)]).toEqual([method, 'not-found'])
    expect(await codeOf(owner, 'GET', `${path()}/no-uuid`)).toBe('not-found')
  })

  test('a change names the state that it was decided on, and is refused where there is another', async () => {
    const etag = String((await owner.api('GET', path(viewer.user))).headers.etag)
    expect(etag).toMatch(/^"[^"]+"$/)
    const changed = await owner.api('PUT', path(viewer.user), { role: 'admin' }, { 'if-match': etag })
    expect([changed.status, changed.headers.etag === etag]).toEqual([200, false])
    const late = await owner.api('DELETE', path(viewer.user), undefined, { 'if-match': etag })
    expect(late.json().code).toBe('precondition-failed')
  })

  test('nobody changes anything in a suspended tenant but the operator', async () => {
    await server.api('POST', `/tenants/${tenant}/suspend`)
    expect(await codeOf(owner, 'PUT', path(viewer.user), { role: 'admin' })).toBe('tenant-suspended')
    expect(await codeOf(server, 'PUT', path(viewer.user), { role: 'admin' })).toBe(200)
    expect(await codeOf(owner, 'GET', path())).toBe(200)
  })
})
