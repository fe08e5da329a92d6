import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { takesIdempotencyKey } from '../../src/admin/api/idempotency.ts'
import { adminServer, readyToDelegate, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'

const DAY_MS = 86_400_000

let server: AdminServer
let owner: Somebody
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  await readyToDelegate(server)
  owner = await server.person({ roles: { acme: 'owner' } })
})
afterAll(() => server.close())

const key = (value: string) => ({ 'idempotency-key': value })
const names = async (path: string) =>
  ((await server.api('GET', path)).json()['items'] as { name: string }[]).map(({ name }) => name)

describe('a POST with an Idempotency-Key', () => {
  test.each<[string, string, () => unknown]>([
    ['a source domain', '/tenants/acme/source-domains', () => ({ name: 'once.example' })],
    [
      ...(['a delegation', '/tenants/acme/delegations'] as const),
      () => ({
        ...{ sourceDomain: 'im.example.com', service: '_xmpp-server' },
        ...{ targetHost: 'hosting.example.com', lineage: 'hosting' },
      }),
    ],
    ['a certificate', '/tenants/acme/certificates', () => selfSigned({ dnsNames: ['once.example'] })],
    ['an import', '/tenants/acme/source-domain-imports', () => ({ domains: [{ name: 'imported.example' }] })],
    [
      'an API token, whose secret is shown once',
      '/tenants/acme/tokens',
      () => ({ name: 'ci', scopes: ['audit:read'] }),
    ],
  ])('that is sent again is carried out once and answered the same: %s', async (what, path, bodyOf) => {
    const body = bodyOf()
    const first = await owner.api('POST', path, body, key(`once ${what}`.replaceAll(/[^a-z]/g, '-')))
    expect([path, first.status, first.text]).toEqual([path, first.status < 300 ? first.status : 201, expect.anything()])
    const again = await owner.api('POST', path, body, key(`once ${what}`.replaceAll(/[^a-z]/g, '-')))
    expect([again.status, again.json(), again.headers.location, again.headers.etag]).toEqual([
      ...[first.status, first.json(), first.headers.location, first.headers.etag],
    ])
  })

  test('made one of each', async () => {
    expect((await names('/tenants/acme/source-domains?search=once')).length).toBe(1)
    expect(await names('/tenants/acme/tokens')).toEqual(['ci'])
    const [lineage] = (await server.api('GET', '/tenants/acme/lineages')).json()['items'] as { certificates: [] }[]
    expect(lineage!.certificates).toHaveLength(1)
  })

  test('is refused with another body, and to another path', async () => {
    await owner.api('POST', '/tenants/acme/source-domains', { name: 'a.example' }, key('reused'))
    for (const [path, body] of [
      ['/tenants/acme/source-domains', { name: 'b.example' }],
      ['/tenants/acme/source-domain-imports', { name: 'a.example' }],
    ] as const) {
      const answer = await owner.api('POST', path, body, key('reused'))
      expect([answer.status, answer.json()['code']]).toEqual([422, 'idempotency-key-reused'])
    }
    expect(await names('/tenants/acme/source-domains?search=b.example')).toEqual([])
  })

  test('twice at once is carried out once', async () => {
    const answers = await Promise.all(
      [1, 2, 3].map(() => owner.api('POST', '/tenants/acme/source-domains', { name: 'race.example' }, key('race'))),
    )
    const made = answers.filter(({ status }) => status === 201)
    expect(made.length).toBeGreaterThan(0)
    for (const { status, json, headers } of answers)
      if (status === 201) expect(json()).toEqual(made[0]!.json())
      else {
        expect([status, json()['code']]).toEqual([409, 'request-in-progress'])
        expect(headers['retry-after']).toMatch(/^\d+$/)
      }
    const events = (await server.api('GET', '/audit?action=source-domain.add&subject=race.example')).json()['items']
    expect(events).toHaveLength(1)
  })

  test('that was refused has not used the key up', async () => {
    const domain = { name: 'first-refused.example' }
    await server.api('POST', '/tenants/acme/source-domains', domain)
    const refused = await owner.api('POST', '/tenants/acme/source-domains', domain, key('refused'))
    expect([refused.status, refused.json()['code']]).toEqual([409, 'already-exists'])
    await server.api('DELETE', '/tenants/acme/source-domains/first-refused.example')
    expect((await owner.api('POST', '/tenants/acme/source-domains', domain, key('refused'))).status).toBe(201)
  })

  test('of another caller is another key', async () => {
    const admin = await server.person({ roles: { acme: 'admin' } })
    const token = await server.program('acme', ['source-domains:write'])
    for (const [index, caller] of [owner, admin, token].entries()) {
      const made = await caller.api('POST', '/tenants/acme/source-domains', { name: `n${index}.example` }, key('same'))
      expect([made.status, made.json()['name']]).toEqual([201, `n${index}.example`])
    }
  })

  test('is answered as before for a day, and not to who may no longer', async () => {
    const { user, ...admin } = await server.person({ roles: { acme: 'admin' } })
    const body = { name: 'former.example' }
    expect((await admin.api('POST', '/tenants/acme/source-domains', body, key('former'))).status).toBe(201)
    const tenant = await server.storage.tenants.findByName('acme')
    await server.storage.members.remove(tenant!.id, user.id, server.act())
    expect((await admin.api('POST', '/tenants/acme/source-domains', body, key('former'))).status).toBe(404)
  })

  test.each([' ', 'a b', 'ü', 'x'.repeat(256)])('refuses the key %j', async (value) => {
    const answer = await owner.api('POST', '/tenants/acme/source-domains', { name: 'x.example' }, key(encode(value)))
    expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
  })

  test('is taken by every POST that adds something, and by nothing else', async () => {
    for (const { declaration } of declared(server.deps).routes) {
      const { method, access, path, answer } = declaration
      const isOwnStep = 'setsSession' in answer || 'mediaTypes' in answer
      expect([path, takesIdempotencyKey(declaration)]).toEqual([
        path,
        method === 'post' && access !== 'public' && !isOwnStep,
      ])
    }
    const answer = await owner.api('GET', '/tenants/acme', undefined, key('k'))
    expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
  })

  test('after a day is carried out anew', async () => {
    const body = { name: 'a-day-later.example' }
    await server.api('POST', '/tenants/acme/source-domains', body, key('day'))
    server.clock.advance(DAY_MS + 1)
    await server.storage.sweep(server.clock.now())
    await server.signIn()
    const answer = await server.api('POST', '/tenants/acme/source-domains', body, key('day'))
    expect([answer.status, answer.json()['code']]).toEqual([409, 'already-exists'])
  })
})

/** As bytes that Node's client sends as they are. */
function encode(value: string): string {
  return Buffer.from(value).toString('latin1')
}
