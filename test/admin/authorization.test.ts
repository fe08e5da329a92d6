import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import type { RouteDeclaration } from '../../src/admin/api/route.ts'
import { openDatabase, type Database } from '../../src/storage/database.ts'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { SCOPES, type Scope } from '../../src/tenant/scope.ts'
import { emptyDatabase, type TestPlace } from '../support/databases.ts'
import { vectors } from '../support/vectors.ts'
import { adminServer, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'
import { dump, operatorsThings, pathOf, thingsOf, type Things } from './world.ts'

/** One line of routes-by-role.txt: what the table says, whatever the code does. */
interface Rule {
  route: string
  access: string
  scope: string // '-': no token may; 'any': whatever it has
  isGrave: boolean
  isGraveForPeople: boolean
}

const rules = new Map(
  vectors('routes-by-role.txt').map((text): [string, Rule] => {
    const [method = '', path = '', access = '', scope = '', grave = ''] = text.split(/\s+/)
    const route = `${method} ${path}`
    return [route, { route, access, scope, isGrave: grave === 'grave', isGraveForPeople: grave !== '-' }]
  }),
)

/** Who asks, in the words of the table. */
interface Who {
  name: string
  tenant: 'acme' | 'rival' | null // null: a member of none
  role: 'viewer' | 'admin' | 'owner' | null
  isOperator?: boolean
  isLongSignedIn?: boolean
  scopes?: (rule: Rule) => readonly Scope[] // of a token
}

/** All that a tenant's token can have. */
const TENANTS = SCOPES.filter(
  (scope) => !/^(?:tenants:write|target-hosts:write|authorities:.*|jobs:.*|settings:.*)$/.test(scope),
)
const without = (lacking: (scope: Scope) => boolean) => TENANTS.filter((scope) => !lacking(scope))
const noun = ({ scope }: Rule) => scope.split(':')[0]!
const PEOPLE: Who[] = [
  { name: 'a viewer', tenant: 'acme', role: 'viewer' },
  { name: 'an admin', tenant: 'acme', role: 'admin' },
  { name: 'an owner', tenant: 'acme', role: 'owner' },
  { name: 'an owner who signed in long ago', tenant: 'acme', role: 'owner', isLongSignedIn: true },
  { name: 'an owner of another tenant', tenant: 'rival', role: 'owner' },
  { name: 'a member of no tenant', tenant: null, role: null },
  { name: 'the operator', tenant: null, role: 'owner', isOperator: true },
  { name: 'the operator who signed in long ago', tenant: null, role: 'owner', isOperator: true, isLongSignedIn: true },
]
const PROGRAMS: Who[] = [
  { name: 'a token with all scopes', tenant: 'acme', role: 'owner', scopes: () => TENANTS },
  {
    name: 'a token without the scope',
    ...{ tenant: 'acme', role: 'owner' },
    scopes: (rule) => without((scope) => scope === rule.scope || scope === `${noun(rule)}:write`),
  },
  {
    name: 'a token without the scope "grave"',
    ...{ tenant: 'acme', role: 'owner' },
    scopes: () => without((scope) => scope === 'grave'),
  },
  { name: 'a token of another tenant', tenant: 'rival', role: 'owner', scopes: () => TENANTS },
  { name: 'a token of the operator', tenant: null, role: 'owner', isOperator: true, scopes: () => SCOPES },
  {
    name: 'a token of the operator without the scope "grave"',
    ...{ tenant: null, role: 'owner', isOperator: true },
    scopes: () => SCOPES.filter((scope) => scope !== 'grave'),
  },
  {
    name: 'a token of the operator without the scope',
    ...{ tenant: null, role: 'owner', isOperator: true },
    scopes: (rule) => without((scope) => scope === rule.scope || scope === `${noun(rule)}:write`),
  },
]
const EVERYBODY = [...PEOPLE, ...PROGRAMS]

const RANK: Record<string, number> = { viewer: 1, admin: 2, owner: 3 }

/** @returns what to refuse with; null: it is allowed */
function refusal(rule: Rule, who: Who): 401 | 403 | 404 | null {
  if (rule.access === 'public') return null
  const isOfTenant = who.isOperator || who.tenant === 'acme'
  if (rule.route.includes('{tenant}') && !isOfTenant) return 404
  if (rule.access === 'operator' && !who.isOperator) return 403
  const least = RANK[rule.access]
  if (least !== undefined && RANK[who.role ?? '']! < least) return 403
  if (!who.scopes) return rule.isGraveForPeople && who.isLongSignedIn ? 403 : null
  const scopes = who.scopes(rule)
  if (rule.scope === '-' || (rule.isGrave && !scopes.includes('grave'))) return 403
  const isInScope = scopes.some((scope) => scope === rule.scope || scope === `${noun(rule)}:write`)
  return isInScope || rule.scope === 'any' ? null : 403
}

let place: TestPlace
let db: Database
let server: AdminServer
let acme: Things
let rival: Things
let routes: RouteDeclaration[]
let operators: Partial<Things>

beforeAll(async () => {
  place = await emptyDatabase('sqlite')
  server = await adminServer({}, { file: place.file })
  db = await openDatabase({ url: undefined, file: place.file, isReadOnly: true })
  await server.signIn()
  acme = await thingsOf(server, 'acme')
  rival = await thingsOf(server, 'rival')
  operators = await operatorsThings(server)
  routes = declared(server.deps).routes.map(({ declaration }) => declaration)
}, 60_000)
afterAll(async () => {
  await db.knex.destroy()
  await server.close()
  await place.remove()
})

async function comeAs(who: Who, rule: Rule): Promise<Somebody> {
  const { tenant, role, isOperator = false, isLongSignedIn = false, scopes } = who
  if (scopes) return server.program(tenant, scopes(rule))
  const ago = isLongSignedIn ? FRESH_MS : 0
  server.clock.advance(-ago)
  const person = await server.person({ isOperator, roles: tenant === null || role === null ? {} : { [tenant]: role } })
  server.clock.advance(ago)
  return person
}

const known = new Map<string, Somebody>()

async function somebodyLike(who: Who, rule: Rule): Promise<Somebody> {
  const id = `${who.name} ${who.scopes?.(rule).join() ?? ''}`
  const somebody = known.get(id) ?? (await comeAs(who, rule))
  known.set(id, somebody)
  return somebody
}

function ruleOf({ method, path }: RouteDeclaration): Rule {
  const rule = rules.get(`${method.toUpperCase()} ${path}`)
  if (!rule) throw new Error(`test/vectors/routes-by-role.txt has no line for ${method.toUpperCase()} ${path}`)
  return rule
}

function thingsFor({ path }: RouteDeclaration, { tenant }: Pick<Who, 'tenant'> = { tenant: null }): Things {
  const own = tenant === 'rival' ? rival : acme
  return path.startsWith('/operator/') ? { ...own, ...operators, ids: { ...own.ids, ...operators.ids } } : own
}

/** Nothing is changed by accident: nothing is at this revision. */
function ask(somebody: Pick<Somebody, 'api'>, { method, body }: RouteDeclaration, path: string, given: unknown = {}) {
  const headers: Record<string, string> = /^(?:put|patch|delete)$/.test(method) ? { 'if-match': '"nonsense"' } : {}
  return somebody.api(method.toUpperCase(), path, body ? given : undefined, headers)
}

describe('who may ask what (S11, T32)', () => {
  test('every route stands in routes-by-role.txt once, and is declared as it says', () => {
    const lines = vectors('routes-by-role.txt').map((text) => text.split(/\s+/).join(' '))
    const inCode = routes.map(({ method, path, access, scope = '-', isGrave }) =>
      [method.toUpperCase(), path, access, scope, isGrave === true ? 'grave' : isGrave ? 'people' : '-'].join(' '),
    )
    expect(inCode.toSorted()).toEqual(lines.toSorted())
  })

  test('who may not is refused: nothing of the request is looked at, and nothing changes', async () => {
    const stranger = { api: askAsStranger }
    const count = { 401: 0, 403: 0, 404: 0 }
    for (const declaration of routes) {
      const rule = ruleOf(declaration)
      const callers: { who: string; status: 401 | 403 | 404; somebody: Pick<Somebody, 'api'> }[] = []
      for (const who of EVERYBODY) {
        const status = refusal(rule, who)
        if (status === null) continue
        callers.push({ who: who.name, status, somebody: await somebodyLike(who, rule) })
      }
      if (rule.access !== 'public') callers.push({ who: 'a stranger', status: 401, somebody: stranger })
      const before = await dump(db)
      for (const { who, status, somebody } of callers) {
        const answer = await ask(somebody, declaration, pathOf(declaration, thingsFor(declaration)))
        expect([rule.route, who, answer.status, answer.text]).toEqual([rule.route, who, status, expect.anything()])
        count[status]++
      }
      expect({ route: rule.route, stored: await dump(db) }).toEqual({ route: rule.route, stored: before })
    }
    for (const status of [401, 403, 404] as const) expect(count[status]).toBeGreaterThan(50)
  }, 120_000)

  test('who may is let in', async () => {
    let count = 0
    for (const declaration of routes) {
      const rule = ruleOf(declaration)
      for (const who of EVERYBODY.filter((who) => refusal(rule, who) === null)) {
        // What is one's own may end the session that it is asked with
        const isOwn = /^\/(?:session|account)/.test(declaration.path)
        const somebody = await (isOwn ? comeAs(who, rule) : somebodyLike(who, rule))
        const isMember = who.tenant === 'acme' && 'user' in somebody // who may leave, whatever their role
        const own = isMember ? { user: (somebody as { user: { id: string } }).user.id } : {}
        const path = pathOf(declaration, { ...thingsFor(declaration, { tenant: null }), ...own })
        const answer = await ask(somebody, declaration, path)
        const code = answer.status < 400 ? '' : String(answer.json().code)
        const where = `${who.name}: ${rule.route}: ${answer.status} ${answer.text}`
        expect(
          ['sign-in-required', 'forbidden', 'fresh-sign-in-required', 'tenant-suspended', 'internal'],
          where,
        ).not.toContain(code)
        if (declaration.method === 'get') expect(answer.status, where).toBe(200)
        await undo()
        count++
      }
    }
    expect(count).toBeGreaterThan(400)
  }, 120_000)

  test('a suspended tenant’s members read, and change nothing; the operator may', async () => {
    const tenant = await server.storage.tenants.findByName('acme')
    await server.storage.tenants.suspend(tenant!.id, server.act())
    const owner = await server.person({ roles: { acme: 'owner' } })
    const operator = await server.person({ isOperator: true })
    for (const declaration of routes.filter(({ path }) => path.includes('{tenant}'))) {
      const rule = ruleOf(declaration)
      if (rule.access === 'operator' || rule.isGrave) continue
      const path = pathOf(declaration, acme)
      const answer = await ask(owner, declaration, path)
      const where = `${rule.route}: ${answer.status} ${answer.text}`
      if (declaration.method === 'get') expect(answer.status, where).toBe(200)
      else expect([answer.status, answer.json().code], where).toEqual([403, 'tenant-suspended'])
      expect((await ask(operator, declaration, path)).status, where).not.toBe(403)
    }
    await undo()
  })

  async function undo(): Promise<void> {
    const { tenants, sourceDomains } = server.storage
    const tenant = await tenants.findByName('acme')
    if (tenant!.suspendedAt) await tenants.resume(tenant!.id, server.act())
    const domain = await sourceDomains.find(tenant!.id, acme.domain as never)
    if (domain?.suspendedAt) await sourceDomains.resume(tenant!.id, domain.name, server.act())
  }

  function askAsStranger(method: string, path: string, body?: unknown) {
    return server.ask(`/api/v1${path}`, {
      method,
      headers: {
        'sec-fetch-site': 'same-origin',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }
})

/** Bodies that are right, so that the look-up is reached. */
const BODIES: Record<string, unknown> = {
  'PUT /tenants/{tenant}/source-domains/{name}/host-meta': { links: [] },
  'PUT /tenants/{tenant}/source-domains/{name}/front': { lineage: null },
  'PUT /tenants/{tenant}/source-domains/{name}/delegations/{service}': {
    ...{ targetHost: 'hosting.example.com', lineage: 'hosting' },
  },
  'PUT /tenants/{tenant}/members/{user}': { role: 'viewer' },
}
/** It is a claim of the tenant's own: several may have claimed one name. */
const CLAIMS = 'PUT /tenants/{tenant}/source-domains/{name}'

describe('another tenant’s things', () => {
  test('are not found below the own path, whatever is asked of them, and stay as they are', async () => {
    let count = 0
    for (const declaration of routes) {
      const { route, access } = ruleOf(declaration)
      if (!/\{tenant\}.*\{/.test(route) || route === CLAIMS) continue
      const path = pathOf(declaration, { ...rival, tenant: 'acme' })
      const owner = await server.person({ roles: { acme: 'owner' } })
      const operator = await server.person({ isOperator: true }) // as little as the owner: the path is the tenant's
      const before = await dump(db)
      for (const somebody of access === 'operator' ? [operator] : [owner, operator]) {
        const answer = await somebody.api(
          declaration.method.toUpperCase(),
          path,
          declaration.body ? (BODIES[route] ?? {}) : undefined,
        )
        expect([route, answer.status, answer.text]).toEqual([route, 404, expect.stringContaining('not-found')])
      }
      expect({ route, stored: await dump(db) }).toEqual({ route, stored: before })
      count++
    }
    expect(count).toBeGreaterThan(20)
  }, 60_000)

  test('a certificate of theirs is not found in the own lineage either', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const path = `/tenants/acme/lineages/${acme.lineage}/certificates/${rival.ids['certificates']}`
    expect((await owner.api('POST', `${path}/activate`, {})).status).toBe(404)
    expect((await owner.api('DELETE', path)).status).toBe(404)
  })

  const terms = { service: '_xmpp-client', targetHost: 'hosting.example.com' }
  test.each<[string, string, string, () => unknown]>([
    ['to delegate', 'POST', 'delegations', () => ({ ...terms, sourceDomain: rival.domain, lineage: 'hosting' })],
    ['to publish', 'POST', 'delegations', () => ({ ...terms, sourceDomain: acme.domain, lineage: rival.lineage })],
    [
      ...(['to publish for one service', 'PUT', 'source-domains/im.acme.example/delegations/_xmpp-server'] as const),
      () => ({ targetHost: 'hosting.example.com', lineage: rival.lineage }),
    ],
    [...(['to present', 'PUT', 'source-domains/im.acme.example/front'] as const), () => ({ lineage: rival.lineage })],
    ['to present an upload for', 'POST', 'certificates', () => ({ ...selfSigned(), frontOf: rival.domain })],
    [
      'of the operator to present an upload for',
      'POST',
      'certificates',
      () => ({ ...selfSigned(), frontOf: 'hosting.example.com' }),
    ],
    ['of the operator to present', 'PUT', 'source-domains/im.acme.example/front', () => ({ lineage: 'hosting' })],
  ])('are not found where a body names them %s', async (_what, method, path, body) => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const before = await dump(db)
    const answer = await owner.api(method, `/tenants/acme/${path}`, body())
    expect([answer.status, answer.json().code]).toEqual([404, 'not-found'])
    expect(answer.text).not.toContain(rival.tenant + '"')
    expect(await dump(db)).toEqual(before)
  })

  test('a claim to their name leaves theirs as it is, and is held by nobody', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const before = await server.storage.sourceDomains.claims(rival.domain as never)
    const claimed = await owner.api('PUT', `/tenants/acme/source-domains/${rival.domain}`, { mode: 'external' })
    expect([claimed.status, claimed.json().proof]).toEqual([201, null])
    const after = await server.storage.sourceDomains.claims(rival.domain as never)
    expect(after.filter(({ tenantName }) => tenantName === 'rival')).toEqual(before)
    expect((await owner.api('DELETE', `/tenants/acme/source-domains/${rival.domain}`)).status).toBe(204)
    expect(await server.storage.sourceDomains.claims(rival.domain as never)).toEqual(before)
  })
})

describe('what nobody may set (T32)', () => {
  const FORBIDDEN = ['tenantId', 'proof', 'provenAt', 'suspendedAt', 'revision']

  test('a field that a body does not have is refused by its name', async () => {
    const operator = await server.person({ isOperator: true })
    let count = 0
    for (const declaration of routes.filter(({ body }) => body !== undefined)) {
      const { method, path } = declaration
      const given = Object.fromEntries(FORBIDDEN.map((field) => [field, 'x']))
      const answer = await operator.api(method.toUpperCase(), pathOf(declaration, thingsFor(declaration)), given)
      expect([method, path, answer.status, answer.json().code]).toEqual([method, path, 400, 'malformed-request'])
      const pointers = (answer.json().errors as { pointer: string; detail: string }[])
        .filter(({ detail }) => detail === 'there is no such field')
        .map(({ pointer }) => pointer)
      expect([method, path, pointers]).toEqual([method, path, FORBIDDEN.map((field) => `/${field}`)])
      count++
    }
    expect(count).toBeGreaterThan(25)
  })

  test('nor deeper in a body', async () => {
    const delegation = { service: '_xmpp-server', targetHost: 'hosting.example.com', lineage: 'hosting' }
    const answer = await server.api('POST', '/source-domain-imports', {
      domains: [
        { tenant: 'acme', name: 'x.example', proof: 'vouched', delegations: [{ ...delegation, tenantId: 'x' }] },
      ],
    })
    expect(answer.json().errors).toEqual([
      { pointer: '/domains/0/delegations/0/tenantId', detail: 'there is no such field' },
      { pointer: '/domains/0/proof', detail: 'there is no such field' },
    ])
  })

  test('an import registers no delegation for a token that could not register it alone', async () => {
    const token = await server.program('acme', ['source-domains:write'])
    const delegations = [{ service: '_xmpp-server', targetHost: 'hosting.example.com', lineage: 'hosting' }]
    const path = '/tenants/acme/source-domain-imports'
    const refused = await token.api('POST', path, { domains: [{ name: 'scope.example', delegations }] })
    expect([refused.status, refused.json().code]).toEqual([403, 'forbidden'])
    expect(await server.storage.sourceDomains.claims('scope.example' as never)).toEqual([])
    expect((await token.api('POST', path, { domains: [{ name: 'scope.example' }] })).status).toBe(200)
    const both = await server.program('acme', ['source-domains:write', 'delegations:write'])
    expect((await both.api('POST', path, { domains: [{ name: 'scope.example', delegations }] })).status).toBe(200)
  })

  test('only the operator vouches for a name', async () => {
    const owner = await server.person({ roles: { acme: 'owner' } })
    const token = await server.program('acme', TENANTS)
    const domain = { name: 'vouched.example', isVouched: true }
    for (const somebody of [owner, token]) {
      const claimed = await somebody.api('POST', '/tenants/acme/source-domains', domain)
      expect([claimed.status, claimed.json().code]).toEqual([403, 'forbidden'])
      for (const isRehearsal of [true, false]) {
        const imported = await somebody.api('POST', '/tenants/acme/source-domain-imports', {
          ...{ isRehearsal, domains: [{ name: 'other.example' }, domain] },
        })
        expect([imported.status, imported.json().errors]).toEqual([
          403,
          [{ pointer: '/domains/1/isVouched', detail: expect.any(String) as string }],
        ])
      }
    }
    expect(await server.storage.sourceDomains.claims('other.example' as never)).toEqual([])
    expect((await server.api('POST', '/tenants/acme/source-domains', domain)).status).toBe(201)
  })
})
