import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminServer, type AdminServer } from './admin-server.ts'
import { cookieOf, PASSWORD, people, tokenIn } from './people.ts'

let server: AdminServer
let owner: Awaited<ReturnType<AdminServer['person']>>
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  await server.api('POST', '/tenants', { name: 'acme' })
  owner = await server.person({ roles: { acme: 'owner' } })
})
afterAll(() => server.close())

const { account, get, post, signedIn } = people(() => server)
const invite = async (email: string, role = 'admin') =>
  (await owner.api('POST', '/tenants/acme/invitations', { email, role })).json() as { id: string; link: unknown }

describe('an invitation', () => {
  test('is looked at, accepted by a new account, which is signed in at once, and spent', async () => {
    const { link, ...invitation } = await invite('New@Example.org')
    expect(invitation).toMatchObject({ email: 'new@example.org', role: 'admin', createdBy: owner.user.email })
    const token = tokenIn(link)
    const looked = await post('/invitations/look', { token })
    expect(looked.json()).toEqual({ tenant: 'acme', role: 'admin', email: 'new@example.org', hasAccount: false })

    expect((await post('/invitations/accept', { token, password: 'new@example.org' })).json()).toMatchObject({
      code: 'password-refused',
      rule: 'context',
    })
    const accepted = await post('/invitations/accept', { token, password: PASSWORD })
    expect([accepted.status, accepted.json()]).toEqual([
      201,
      { email: 'new@example.org', session: { stage: 'complete', expiresAt: expect.any(String) as string } },
    ])
    expect((await get('/session', cookieOf(accepted))).json().tenants).toEqual([{ name: 'acme', role: 'admin' }])
    for (const path of ['look', 'accept'])
      expect((await post(`/invitations/${path}`, { token })).json()).toMatchObject({ status: 410, code: 'link-spent' })
  })

  test('of somebody who has an account is accepted by them, signed in, and by nobody else', async () => {
    await account('ann@example.org')
    const token = tokenIn((await invite('ann@example.org', 'viewer')).link)
    expect((await post('/invitations/look', { token })).json().hasAccount).toBe(true)
    expect((await post('/invitations/accept', { token, password: PASSWORD })).json().code).toBe('sign-in-required')
    await account('bob@example.org')
    const bob = await signedIn('bob@example.org')
    expect((await post('/invitations/accept', { token }, bob)).json().code).toBe('forbidden')
    const ann = await signedIn('ann@example.org')
    const accepted = await post('/invitations/accept', { token }, ann)
    expect([accepted.status, accepted.json().session]).toEqual([201, null])
    expect((await get('/session', ann)).json().tenants).toEqual([{ name: 'acme', role: 'viewer' }])
  })

  test('is listed without its link while it is open, and can be withdrawn', async () => {
    const { id, link } = await invite('carol@example.org')
    const listed = await owner.api('GET', '/tenants/acme/invitations')
    expect((listed.json().items as { id: string }[]).map((one) => one.id)).toEqual([id])
    expect(listed.text).not.toContain(tokenIn(link))
    expect((await owner.api('DELETE', `/tenants/acme/invitations/${id}`)).status).toBe(204)
    expect((await owner.api('DELETE', `/tenants/acme/invitations/${id}`)).status).toBe(404)
    expect((await post('/invitations/look', { token: tokenIn(link) })).json().code).toBe('link-spent')
  })

  test('is an owner’s affair, and another tenant’s is not found', async () => {
    const { id } = await invite('dave@example.org')
    const admin = await server.person({ roles: { acme: 'admin' } })
    for (const [method, path, body] of [
      ['GET', '/tenants/acme/invitations'],
      ['POST', '/tenants/acme/invitations', { email: 'x@example.org', role: 'owner' }],
      ['DELETE', `/tenants/acme/invitations/${id}`],
    ] as const)
      expect((await admin.api(method, path, body)).json().code).toBe('forbidden')
    await server.api('POST', '/tenants', { name: 'rival' })
    const rival = await server.person({ roles: { rival: 'owner' } })
    expect((await rival.api('DELETE', `/tenants/rival/invitations/${id}`)).json().code).toBe('not-found')
    expect((await server.api('DELETE', `/operator/invitations/${id}`)).json().code).toBe('not-found')
  })

  test('to be an operator makes one', async () => {
    const made = await server.api('POST', '/operator/invitations', { email: 'erin@example.org' })
    const { role, link } = made.json()
    expect(role).toBeNull()
    const token = tokenIn(link)
    expect((await post('/invitations/look', { token })).json()).toMatchObject({ tenant: null, role: null })
    const accepted = await post('/invitations/accept', { token, password: PASSWORD })
    expect((await get('/session', cookieOf(accepted))).json().isOperator).toBe(true)
    expect((await server.api('GET', '/operator/invitations')).json().items).toEqual([])
  })

  test('accepted by a new account in the browser of the operator of the machine signs the operator out', async () => {
    const former = server.cookie()
    const token = tokenIn((await invite('gina@example.org')).link)
    expect((await post('/invitations/accept', { token, password: PASSWORD }, former)).status).toBe(201)
    expect((await get('/session', former)).status).toBe(401)
    await server.signIn()
  })

  test('of who is a member already is refused', async () => {
    const refused = await owner.api('POST', '/tenants/acme/invitations', { email: owner.user.email, role: 'viewer' })
    expect(refused.json()).toMatchObject({ status: 409, code: 'already-exists' })
  })

  test('sent twice with one Idempotency-Key gives one link, and its answer stands in no clear text in the database', async () => {
    const again = () =>
      owner.api(
        'POST',
        '/tenants/acme/invitations',
        { email: 'frank@example.org', role: 'viewer' },
        { 'idempotency-key': 'one' },
      )
    const [first, second] = [await again(), await again()]
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.json()).toEqual(first.json())
  })
})
