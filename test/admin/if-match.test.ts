import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { takesIfMatch, type RouteDeclaration } from '../../src/admin/api/route.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { emptyDatabase, type TestPlace } from '../support/databases.ts'
import { adminServer, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'
import { dump, operatorsThings, pathOf, thingsOf, type Things } from './world.ts'

let place: TestPlace
let db: Database
let server: AdminServer
let acme: Things
let operators: Partial<Things>
let operator: Somebody

beforeAll(async () => {
  place = await emptyDatabase('sqlite')
  server = await adminServer({}, { file: place.file })
  db = await openDatabase({ url: undefined, file: place.file, isReadOnly: true })
  await server.signIn()
  acme = await thingsOf(server, 'acme')
  operators = await operatorsThings(server)
  operator = await server.person({ isOperator: true })
}, 60_000)
afterAll(async () => {
  await db.knex.destroy()
  await server.close()
  await place.remove()
})

function thingsFor({ path }: RouteDeclaration): Things {
  return path.startsWith('/operator/') ? { ...acme, ...operators, ids: { ...acme.ids, ...operators.ids } } : acme
}

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** Bodies that are right, and would change something. */
const BODIES: Record<string, () => unknown> = {
  'PUT /tenants/{tenant}': () => ({ quotas: { sourceDomains: 7, delegations: null, lineages: null } }),
  'PUT /tenants/{tenant}/source-domains/{name}': () => ({ mode: 'external' }),
  'PUT /tenants/{tenant}/source-domains/{name}/host-meta': () => ({
    links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://acme.example/xmpp' }],
  }),
  'PUT /tenants/{tenant}/source-domains/{name}/front': () => ({ lineage: acme.lineage }),
  'PUT /tenants/{tenant}/source-domains/{name}/delegations/{service}': () => ({
    ...{ targetHost: 'hosting.example.com', lineage: 'hosting' },
  }),
  'PATCH /authorities/{name}': () => ({ rank: 7 }),
  'PUT /target-hosts/{name}': () => ({ port: 8443 }),
  'PUT /target-hosts/{name}/front': () => ({ lineage: 'hosting' }),
  'PUT /tenants/{tenant}/members/{user}': () => ({ role: 'admin' }),
  'PUT /users/{id}': () => ({ isOperator: true }),
  'PUT /users/{id}/email': () => ({ email: 'another@example.org' }),
  'PUT /settings': () => ({ serviceName: 'Another', accents: null, support: null, footLine: null }),
  'PUT /settings/logo': () => ({ logo: PNG }),
}
/** What belongs to the caller alone, and has no ETag: nobody else changes it. */
const OWN = /^\/(?:session|account)(?:\/|$)/

describe('If-Match (RFC 9110 §13.1.1)', () => {
  test('whatever can be changed or removed is not, where somebody has seen another revision of it', async () => {
    let count = 0
    for (const { declaration } of declared(server.deps).routes) {
      if (!takesIfMatch(declaration) || OWN.test(declaration.path)) continue
      const route = `${declaration.method.toUpperCase()} ${declaration.path}`
      const before = await dump(db)
      const answer = await operator.api(
        declaration.method.toUpperCase(),
        pathOf(declaration, thingsFor(declaration)),
        declaration.body ? (BODIES[route]?.() ?? {}) : undefined,
        { 'if-match': '"nonsense"' },
      )
      expect([route, answer.status, answer.text]).toEqual([route, 412, expect.stringContaining('precondition-failed')])
      expect({ route, stored: await dump(db) }).toEqual({ route, stored: before })
      count++
    }
    expect(count).toBeGreaterThan(20)
  })

  test('the ETag of what was read, a list with it, or * is let through, and each change makes another', async () => {
    for (const [path, body, another] of [
      [`/tenants/acme/source-domains/${acme.domain}`, { mode: 'external' }, { mode: 'hosted' }],
      ['/target-hosts/hosting.example.com', { port: 8443 }, { port: 443 }],
      [
        '/tenants/acme',
        { quotas: { sourceDomains: 9, delegations: 9, lineages: 9 } },
        { quotas: { sourceDomains: null, delegations: null, lineages: null } },
      ],
      [
        `/tenants/acme/source-domains/${acme.domain}/delegations/_xmpp-server`,
        { targetHost: 'hosting.example.com', lineage: 'hosting', poshAnswer: 'off' },
        { targetHost: 'hosting.example.com', lineage: acme.lineage },
      ],
      [
        `/tenants/acme/source-domains/${acme.domain}/host-meta`,
        { links: [], hostMeta2: { ttlSeconds: 60 } },
        { links: [], hostMeta2: null },
      ],
    ] as const) {
      const etag = String((await operator.api('GET', path)).headers.etag)
      expect(etag).toMatch(/^"[!#-~]+"$/)
      const changed = await operator.api('PUT', path, body, { 'if-match': `"other", ${etag}` })
      expect([path, changed.status, changed.headers.etag === etag]).toEqual([path, 200, false])
      expect((await operator.api('GET', path)).headers.etag).toBe(changed.headers.etag)
      expect((await operator.api('PUT', path, another, { 'if-match': etag })).status).toBe(412)
      expect((await operator.api('PUT', path, another, { 'if-match': '*' })).status).toBe(200)
    }
  })

  test('of two who read the same, the second does not overwrite the first', async () => {
    const path = '/target-hosts/hosting.example.com'
    const etag = String((await operator.api('GET', path)).headers.etag)
    const answers = await Promise.all(
      [5001, 5002].map((port) => operator.api('PUT', path, { port }, { 'if-match': etag })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 412])
    const won = answers.find(({ status }) => status === 200)!
    expect((await operator.api('GET', path)).json()['port']).toBe(won.json()['port'])
    await operator.api('PUT', path, { port: 443 })
  })

  test('nothing is made anew for who has seen what is gone', async () => {
    for (const [path, body] of [
      ['/tenants/acme/source-domains/gone.example', { mode: 'hosted' }],
      ['/target-hosts/gone.example', { port: 443 }],
      [
        `/tenants/acme/source-domains/${acme.domain}/delegations/_gone`,
        { targetHost: 'hosting.example.com', lineage: 'hosting' },
      ],
    ] as const)
      for (const ifMatch of ['"0"', '*']) {
        const answer = await operator.api('PUT', path, body, { 'if-match': ifMatch })
        expect([path, answer.status]).toEqual([path, 412])
        expect((await operator.api('GET', path)).status).toBe(404)
      }
  })

  test('what is made anew under the same name is another thing', async () => {
    const path = '/tenants/acme/source-domains/again.example'
    const first = await operator.api('PUT', path, { mode: 'hosted' })
    expect((await operator.api('DELETE', path, undefined, { 'if-match': String(first.headers.etag) })).status).toBe(204)
    const second = await operator.api('PUT', path, { mode: 'hosted' })
    expect([second.status, second.headers.etag === first.headers.etag]).toEqual([201, false])
    expect((await operator.api('DELETE', path, undefined, { 'if-match': String(first.headers.etag) })).status).toBe(412)
  })

  test('a certificate is removed from the lineage as it was read', async () => {
    const path = '/operator/lineages/hosting'
    const staged = await operator.api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
    const { id } = staged.json()['certificate'] as { id: string }
    const etag = String((await operator.api('GET', path)).headers.etag)
    await operator.api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
    const remove = (ifMatch: string) =>
      operator.api('DELETE', `${path}/certificates/${id}`, undefined, { 'if-match': ifMatch })
    expect((await remove(etag)).status).toBe(412)
    expect((await remove(String((await operator.api('GET', path)).headers.etag))).status).toBe(204)
  })

  test.each(['x', '"x', '"x" "y"', 'W/x', ''])(
    'a line that is no list of entity tags is malformed: %j',
    async (line) => {
      const answer = await operator.api('PUT', '/target-hosts/hosting.example.com', { port: 1 }, { 'if-match': line })
      expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
    },
  )

  test('of an upload, which adds and has nothing to match, is refused: nothing is left half done', async () => {
    const body = { ...selfSigned(), frontOf: 'hosting.example.com' }
    const answer = await operator.api('POST', '/operator/certificates', body, { 'if-match': '"nonsense"' })
    expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
    const { frontLineage } = (await operator.api('GET', '/target-hosts/hosting.example.com')).json()
    expect(frontLineage).not.toBe('front:hosting.example.com')
  })

  test('a weak entity tag never matches', async () => {
    const path = '/target-hosts/hosting.example.com'
    const etag = String((await operator.api('GET', path)).headers.etag)
    expect((await operator.api('PUT', path, { port: 1 }, { 'if-match': `W/${etag}` })).status).toBe(412)
  })
})

describe('PUT', () => {
  test.each([
    ['/tenants/acme/source-domains/twice.example', { mode: 'external' }],
    ['/target-hosts/twice.example', { port: 8443 }],
    [
      '/tenants/acme/source-domains/im.acme.example/delegations/_xmpp-client',
      { targetHost: 'hosting.example.com', lineage: 'hosting', poshAnswer: 'reference' },
    ],
  ])('of %s makes it, and again leaves it as it is', async (path, body) => {
    const made = await operator.api('PUT', path, body)
    expect([made.status, made.headers.location]).toEqual([201, expect.stringContaining(path)])
    const again = await operator.api('PUT', path, body)
    expect([again.status, again.json(), again.headers.location]).toEqual([200, made.json(), undefined])
    const shown = await server.ask(String(made.headers.location), { headers: operator.headers })
    expect(shown.json()).toMatchObject(body)
    await operator.api('DELETE', path)
  })

  test('at once by two makes one thing', async () => {
    for (const [path, body] of [
      ['/tenants/acme/source-domains/race.example', { mode: 'hosted' }],
      ['/target-hosts/race.example', { port: 443 }],
      [
        '/tenants/acme/source-domains/im.acme.example/delegations/_race',
        { targetHost: 'hosting.example.com', lineage: 'hosting' },
      ],
    ] as const) {
      const answers = await Promise.all([1, 2, 3].map(() => operator.api('PUT', path, body)))
      expect([path, answers.map(({ status }) => status).toSorted()]).toEqual([path, [200, 200, 201]])
    }
  })
})
