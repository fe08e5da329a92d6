import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'
import { operatorsThings, pathOf, thingsOf, type Things } from './world.ts'

type Item = Record<string, unknown>

let server: AdminServer
let acme: Things
let rival: Things

beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  acme = await thingsOf(server, 'acme')
  rival = await thingsOf(server, 'rival')
  await operatorsThings(server)
  const { api, clock } = server
  // The order of time is not that of names, and two tenants have claimed one name
  for (const [tenant, name, mode] of [
    ['rival', 'm.example', 'external'],
    ['acme', 'z.example', 'external'],
    ['acme', 'm.example', 'hosted'],
    ['acme', 'a.example', 'hosted'],
  ] as const) {
    clock.advance(1000)
    expect((await api('POST', `/tenants/${tenant}/source-domains`, { name, mode })).status).toBe(201)
  }
  for (const service of ['_one', '_two', '_three']) {
    clock.advance(1000)
    await api('PUT', `/tenants/acme/source-domains/a.example/delegations/${service}`, {
      ...{ targetHost: service === '_two' ? 'second.example.com' : 'hosting.example.com', lineage: 'hosting' },
    })
    await api('PUT', '/target-hosts/second.example.com', { port: 443 })
  }
  await api('PUT', '/tenants/acme/source-domains/a.example/delegations/_two', {
    ...{ targetHost: 'second.example.com', lineage: 'hosting' },
  })
  await api('POST', '/tenants/acme/source-domains/z.example/suspend')
  await api('POST', '/tenants', { name: 'paused' })
  await api('POST', '/tenants/paused/suspend')
})
afterAll(() => server.close())

async function items(path: string, somebody: Pick<Somebody, 'api'> = server): Promise<Item[]> {
  const answer = await somebody.api('GET', path)
  expect([path, answer.status, answer.text]).toEqual([path, 200, expect.anything()])
  return answer.json()['items'] as Item[]
}

/** All pages, each with so many. */
async function pages(path: string, limit: number): Promise<{ items: Item[]; urls: string[] }> {
  const all: Item[] = []
  const urls: string[] = []
  let next: string | null = `${path}${path.includes('?') ? '&' : '?'}limit=${limit}`
  while (next !== null && urls.length < 100) {
    urls.push(next)
    const answer = await server.api('GET', next)
    expect([next, answer.status, answer.text]).toEqual([next, 200, expect.anything()])
    const page = answer.json() as { items: Item[]; next: string | null }
    expect(page.items.length).toBeLessThanOrEqual(limit)
    all.push(...page.items)
    next = page.next?.replace('/api/v1', '') ?? null
  }
  return { items: all, urls }
}

/** Each declared list, in each of its orders. */
function orders(): string[] {
  return declared(server.deps).routes.flatMap(({ declaration }) => {
    const { method, path, query } = declaration
    const shape = (query as { shape?: Record<string, { unwrap?: () => { options?: string[] } }> } | undefined)?.shape
    if (method !== 'get' || !shape?.['after']) return []
    const list = pathOf({ path }, acme)
    const sorts = shape['sort']?.unwrap?.().options ?? []
    return sorts.length === 0 ? [list] : sorts.map((sort) => `${list}?sort=${sort}`)
  })
}

const AUDIT = /\/audit$/

describe('every list', () => {
  test('has pages that follow one another without a gap, in every order', async () => {
    expect(orders().length).toBeGreaterThan(15)
    for (const list of orders()) {
      const whole = await items(`${list}${list.includes('?') ? '&' : '?'}limit=200`)
      expect([list, (await pages(list, 1)).items]).toEqual([list, whole])
      expect([list, (await pages(list, 2)).items]).toEqual([list, whole])
    }
  })

  test('refuses a cursor that is none, of another order and of another list', async () => {
    const cursors = new Map<string, string>()
    for (const list of orders()) {
      const [, second] = (await pages(list, 1)).urls
      const after = second && new URLSearchParams(second.split('?')[1]).get('after')
      if (after) cursors.set(list, after)
    }
    expect(cursors.size).toBeGreaterThan(12)
    for (const list of orders()) {
      // The number of an event is its place in every list of events
      const isSame = (other: string) => other === list || (AUDIT.test(other) && AUDIT.test(list))
      const foreign = [...cursors].filter(([other]) => !isSame(other)).map(([, after]) => after)
      for (const after of ['x', '', '00000000-0000-0000-0000-000000000000', 'W10', 'bnVsbA', ...foreign]) {
        const answer = await server.api(
          'GET',
          `${list}${list.includes('?') ? '&' : '?'}after=${encodeURIComponent(after)}`,
        )
        expect([list, after, answer.status]).toEqual([list, after, 400])
        expect(answer.json()['code']).toBe('malformed-request')
      }
    }
  })

  test('keeps all that was asked in the path of the next page', async () => {
    const { urls } = await pages('/tenants/acme/source-domains?sort=-created&search=example&isProven=false', 1)
    expect(urls.length).toBe(3)
    for (const url of urls) expect(url).toMatch(/sort=-created&search=example&isProven=false&limit=1/)
  })
})

describe('source domains', () => {
  const names = async (path: string) =>
    (await items(path)).map(({ name, tenant }) => `${String(name)} ${String(tenant)}`)

  test.each([
    ['name', 'a.example, im.acme.example, m.example, z.example'],
    ['-name', 'z.example, m.example, im.acme.example, a.example'],
    ['created', 'im.acme.example, z.example, m.example, a.example'],
    ['-created', 'a.example, m.example, z.example, im.acme.example'],
  ])('by %s', async (sort, expected) => {
    const found = await names(`/tenants/acme/source-domains?sort=${sort}`)
    expect(found.join(', ').replaceAll(' acme', '')).toBe(expected)
  })

  test.each([
    ['mode=external', 'z.example'],
    ['isProven=true', 'im.acme.example'],
    ['isProven=false&mode=hosted', 'a.example, m.example'],
    ['isSuspended=true', 'z.example'],
    ['isSuspended=false&search=m.ex', 'm.example'],
    ['search=nobody', ''],
  ])('where %s', async (query, expected) => {
    const found = await names(`/tenants/acme/source-domains?${query}`)
    expect(found.join(', ').replaceAll(' acme', '')).toBe(expected)
  })

  test('of all tenants, or of one of them', async () => {
    expect(await names('/source-domains?search=m.example&mode=external')).toEqual(['m.example rival'])
    expect((await names('/source-domains?search=m.example')).toSorted()).toEqual(['m.example acme', 'm.example rival'])
    expect(await names('/source-domains?tenant=rival')).toEqual(['im.rival.example rival', 'm.example rival'])
    expect(await names('/source-domains?tenant=nobody')).toEqual([])
  })

  test.each([
    'isProven=yes',
    'isProven=1',
    'isProven=',
    'mode=any',
    'sort=proof',
    'sort=-',
    'tenant=a',
    'sort=name&sort=name',
  ])('refuses %s', async (query) => {
    const answer = await server.api('GET', `/tenants/acme/source-domains?${query}`)
    expect([answer.status, answer.json()['code']]).toEqual([400, 'malformed-request'])
  })
})

describe('delegations', () => {
  const services = async (query: string) =>
    (await items(`/delegations?${query}`)).map(({ tenant, service }) => `${String(tenant)} ${String(service)}`)

  test.each([
    ['tenant=acme', 'acme _three._tcp, acme _two._tcp, acme _one._tcp, acme _xmpp-server._tcp'],
    ['tenant=acme&sort=created', 'acme _xmpp-server._tcp, acme _one._tcp, acme _two._tcp, acme _three._tcp'],
    ['targetHost=second.example.com', 'acme _two._tcp'],
    ['sourceDomain=IM.rival.example.', 'rival _xmpp-server._tcp'],
    ['service=_xmpp-server', 'rival _xmpp-server._tcp, acme _xmpp-server._tcp'],
    ['service=_xmpp-server._udp', ''],
    ['lineage=hosting&service=_one', 'acme _one._tcp'],
    ['lineage=rival-lineage', 'rival _xmpp-server._tcp'],
    ['search=rival', 'rival _xmpp-server._tcp'],
    ['tenant=nobody', ''],
  ])('where %s', async (query, expected) => {
    expect((await services(query)).join(', ')).toBe(expected)
  })

  test('of another tenant are not found by its names', async () => {
    const viewer = await server.person({ roles: { acme: 'viewer' } })
    for (const query of [`lineage=${rival.lineage}`, `sourceDomain=${rival.domain}`, 'search=rival'])
      expect(await items(`/tenants/acme/delegations?${query}`, viewer)).toEqual([])
  })
})

describe('lineages', () => {
  const names = async (path: string) => (await items(path)).map(({ name }) => name)

  test('of one tenant, of the operator, and of all', async () => {
    await server.storage.lineages.create(null, { name: 'front:admin.example.net', source: 'local' }, server.act())
    expect(await names('/tenants/acme/lineages')).toEqual(['acme-lineage'])
    expect(await names('/operator/lineages')).toEqual(['front:admin.example.net', 'hosting'])
    expect(await names('/lineages?sort=-name')).toEqual([
      ...['rival-lineage', 'hosting', 'front:admin.example.net', 'acme-lineage'],
    ])
    expect(await names('/lineages?source=local')).toEqual(['front:admin.example.net'])
    expect(await names('/lineages?tenant=rival')).toEqual(['rival-lineage'])
    expect(await names('/lineages?tenant=nobody')).toEqual([])
  })
})

describe('tenants', () => {
  const names = async (query: string, somebody?: Pick<Somebody, 'api'>) =>
    (await items(`/tenants${query}`, somebody)).map(({ name, role }) => `${String(name)} ${String(role)}`)

  test('everybody sees their own, with their role; the operator sees all', async () => {
    const member = await server.person({ roles: { acme: 'viewer', paused: 'owner' } })
    expect(await names('', member)).toEqual(['acme viewer', 'paused owner'])
    expect(await names('?isSuspended=true&sort=-name', member)).toEqual(['paused owner'])
    expect(await names('?search=rival', member)).toEqual([])
    expect(await names('', await server.person())).toEqual([])
    expect(await names('', await server.program('acme', ['tenants:read']))).toEqual(['acme owner'])
    expect(await names('?sort=-name')).toEqual(['rival null', 'paused null', 'acme null'])
    expect(await names('?isSuspended=false')).toEqual(['acme null', 'rival null'])
  })
})
