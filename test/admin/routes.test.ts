import type { Router } from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routesRouter } from '../../src/admin/api/router.ts'
import { declared } from '../../src/admin/app.ts'
import { cacheSpanMs } from '../../src/config.ts'
import { problemsOf } from '../../src/admin/api/openapi.ts'
import { PROBLEMS } from '../../src/admin/problem-details.ts'
import { vectors } from '../support/vectors.ts'
import { adminServer, readyToDelegate, selfSigned, type AdminServer } from './admin-server.ts'

interface Document {
  openapi: string
  paths: Record<string, Record<string, { summary: string; security: unknown[]; responses: Record<string, unknown> }>>
}

let server: AdminServer
let document: Document
beforeAll(async () => {
  server = await adminServer()
  document = (await server.ask('/api/v1/openapi.json')).json() as unknown as Document
})
afterAll(() => server.close())

/** What Express itself would answer, but for the refusal of other methods. */
function mounted(router: Router): string[] {
  return router.stack.flatMap(({ route }) => {
    if (!route) return []
    const methods = route.stack.map(({ method }) => method).filter((method) => method !== undefined)
    return [...new Set(methods)].map((method) => `${method} ${route.path.replace(/:(\w+)/g, '{$1}')}`)
  })
}

function described(): string[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((key) => ['get', 'post', 'put', 'patch', 'delete'].includes(key))
      .map((method) => `${method} ${path}`),
  )
}

describe('the declarations', () => {
  test('every route that Express has is in the document, and the other way round', () => {
    const routes = mounted(routesRouter(declared(server.deps).routes, server.deps))
    expect(routes.length).toBeGreaterThan(20)
    expect([...routes].sort()).toEqual(described().sort())
  })

  test('the document says of exactly those routes that strangers may ask them that routes-by-role.txt opens to all', () => {
    const open = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { security }]) =>
        security.length === 0 ? [`${method.toUpperCase()} ${path}`] : [],
      ),
    )
    const table = vectors('routes-by-role.txt').map((text) => text.split(/\s+/))
    const expected = table.flatMap(([method, path, access]) => (access === 'public' ? [`${method} ${path}`] : []))
    expect(open.toSorted()).toEqual(expected.toSorted())
  })

  test('the document names every problem that a route declares, and is OpenAPI 3.1', () => {
    expect(document.openapi).toBe('3.1.0')
    for (const { declaration } of declared(server.deps).routes) {
      const responses = document.paths[declaration.path]?.[declaration.method]?.responses ?? {}
      for (const code of problemsOf(declaration))
        expect(Object.keys(responses)).toContain(String(PROBLEMS[code].status))
    }
  })

  test('every route but the open one answers 401 to a stranger, before it reads anything of the body', async () => {
    for (const { declaration } of declared(server.deps).routes) {
      if (declaration.access === 'public') continue
      const path = `/api/v1${declaration.path.replace(/\{\w+\}/g, 'x')}`
      const answer = await server.ask(path, {
        method: declaration.method.toUpperCase(),
        headers: { 'sec-fetch-site': 'same-origin', 'content-type': 'text/html' },
        body: declaration.method === 'get' ? '' : 'x'.repeat(300_000),
      })
      expect([path, answer.status, answer.json().code]).toEqual([path, 401, 'sign-in-required'])
    }
  })

  test('every page but the open ones leads a stranger to where one signs in', async () => {
    for (const { method, declaration } of declared(server.deps).pages) {
      const { path, access } = declaration
      if (access === 'public') continue
      const answer = await server.ask(path.replace(/:\w+/g, 'x'), {
        method: method.toUpperCase(),
        headers: { 'sec-fetch-site': 'same-origin' },
      })
      expect([path, answer.status]).toEqual([path, 303])
      expect(answer.headers.location).toMatch(/^\/sign-in(?:\?next=%2F[^&]*)?$/)
    }
  })
})

describe('the resources', () => {
  beforeAll(async () => {
    await server.signIn()
    await readyToDelegate(server)
  })

  const asked = {
    sourceDomain: 'IM.example.com.',
    service: '_xmpp-server',
    targetHost: 'hosting.example.com',
    lineage: 'hosting',
  }

  test('a delegation is registered, shown with hops and records, listed, found by search, and withdrawn', async () => {
    const { api, ask, cookie } = server
    const registered = await api('POST', '/tenants/acme/delegations', asked)
    expect(registered.status).toBe(201)
    expect(registered.json()).toMatchObject({
      tenant: 'acme',
      sourceDomain: 'im.example.com',
      service: '_xmpp-server._tcp',
      warnings: [expect.stringContaining('does not name im.example.com')],
    })
    const location = String(registered.headers.location)
    const shown = await ask(location, { headers: { cookie: cookie() } })
    expect(shown.json()).toMatchObject({
      hops: [
        {
          url: 'https://im.example.com/.well-known/tls/_xmpp-server._tcp.im.example.com',
          status: 302,
          location: 'https://hosting.example.com/.well-known/tls/_xmpp-server._tcp.im.example.com',
        },
        { url: 'https://hosting.example.com/.well-known/tls/_xmpp-server._tcp.im.example.com', status: 200 },
      ],
      certificates: [{ state: 'active', hasPrivateKey: true }],
    })
    expect(shown.text).toContain('_waypost-challenge.im.example.com')
    expect((await api('GET', '/delegations?search=IM.ex')).json().items).toHaveLength(1)
    expect((await api('GET', '/delegations?search=nobody')).json().items).toEqual([])
    expect((await api('DELETE', location.replace('/api/v1', ''))).status).toBe(204)
    expect((await ask(location, { headers: { cookie: cookie() } })).status).toBe(404)
  })

  test('another tenant’s delegation, source domain and lineage are not found, and not withdrawn', async () => {
    const { api, deps } = server
    await api('POST', '/tenants', { name: 'rival' })
    // It has claimed the same name: that must not open the other's door either
    await api('POST', '/tenants/rival/source-domains', { name: 'im.example.com' })
    await api('POST', '/tenants/acme/source-domains', { name: 'only-acme.example.com' })
    const location = String((await api('POST', '/tenants/acme/delegations', asked)).headers.location)
    const foreign = location.replace('/api/v1', '').replace('acme', 'rival')
    for (const [method, path] of [
      ['GET', foreign],
      ['DELETE', foreign],
      ['GET', '/tenants/rival/source-domains/only-acme.example.com'],
      ['POST', '/tenants/rival/source-domains/only-acme.example.com/suspend'],
      ['GET', '/tenants/rival/lineages/hosting'],
    ] as const) {
      const answer = await api(method, path)
      expect([path, answer.status, answer.json().code]).toEqual([path, 404, 'not-found'])
    }
    for (const path of [foreign, `${foreign}/withdraw`]) {
      const page = await server.ask(path, { headers: { cookie: server.cookie() } })
      expect([path, page.status]).toEqual([path, 404])
    }
    const id = location.split('/').at(-1)!
    expect(await deps.delegations.find('all', id)).toBeDefined()
    expect((await api('GET', '/tenants/rival/delegations')).json().items).toEqual([])
    await api('DELETE', location.replace('/api/v1', ''))
  })

  test('pages of a list follow one another without a gap, also where tenants share a name', async () => {
    const { api } = server
    for (const tenant of ['one', 'two', 'three']) {
      await api('POST', '/tenants', { name: tenant })
      for (const name of ['a.paging.example', 'b.paging.example'])
        expect((await api('POST', `/tenants/${tenant}/source-domains`, { name })).status).toBe(201)
    }
    const seen: string[] = []
    let next: string | null = '/api/v1/source-domains?search=paging.example&limit=2'
    for (let page = 0; next !== null && page < 9; page++) {
      const { items, next: after } = (await api('GET', next.replace('/api/v1', ''))).json() as {
        items: { tenant: string; name: string }[]
        next: string | null
      }
      expect(items.length).toBeLessThanOrEqual(2)
      seen.push(...items.map(({ name, tenant }) => `${name} ${tenant}`))
      next = after
    }
    expect(seen).toHaveLength(6)
    expect(new Set(seen).size).toBe(6)
  })

  test('a staged certificate becomes active once caches know it, or at once where it is forced', async () => {
    const { api, clock } = server
    const imported = await api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
    const { id, state } = imported.json().certificate as { id: string; state: string }
    expect([imported.status, state]).toEqual([201, 'staged'])
    const path = `/operator/lineages/hosting/certificates/${id}/activate`
    expect((await api('POST', path)).json().code).toBe('too-early')
    expect((await api('POST', path, { isForced: 'yes' })).status).toBe(400)
    clock.advance(cacheSpanMs(server.deps.config))
    const activated = await api('POST', path)
    expect(activated.status).toBe(200)
    expect(activated.json()).toMatchObject({ certificate: { state: 'active' }, breaksUntil: null })
  })

  test('a DER certificate in base64 is taken like its PEM', async () => {
    const { certificate } = selfSigned({ dnsNames: ['der.example.com'] })
    const base64 = certificate.replace(/-----[^-]*-----|\s/g, '')
    const imported = await server.api('POST', '/tenants/acme/certificates', { certificate: base64 })
    expect(imported.status).toBe(201)
    expect(imported.headers.location).toBe('/api/v1/tenants/acme/lineages/der.example.com')
  })
})
