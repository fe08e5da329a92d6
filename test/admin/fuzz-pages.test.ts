import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { problemsOf } from '../../src/admin/api/openapi.ts'
import { PROBLEMS } from '../../src/admin/problem-details.ts'
import { adminServer, ORIGIN, readyToDelegate, selfSigned, type AdminServer } from './admin-server.ts'

let server: AdminServer
let pem: string
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  await readyToDelegate(server)
  pem = selfSigned().certificate
})
afterAll(() => server.close())

/** Values that pass, values that nearly pass, and anything. */
const text = () =>
  fc.oneof(
    fc.constantFrom('acme', 'im.example.com', 'hosting.example.com', 'hosting', 'IM.example.com.', 'münchen.example'),
    fc.constantFrom('hosted', 'external', 'redirect', 'fingerprints', '_xmpp-server', '_xmpp-client._tcp', pem),
    fc.constantFrom('', ' ', '..', '%', '%00', "'", '\u0000', '\ud800', '__proto__', 'a'.repeat(300), '-----BEGIN '),
    fc.uuid(),
    fc.string({ unit: 'binary', maxLength: 40 }),
  )
const value = () =>
  fc.oneof({ weight: 4, arbitrary: text() }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) }, fc.integer())

/** What a field or parameter is for, so that a fair part of the requests is accepted. */
const GOOD: Record<string, fc.Arbitrary<unknown>> = {
  tenant: fc.constantFrom('acme', 'acme', 'other'),
  name: fc.oneof(
    fc.constant('im.example.com'),
    fc.nat(999).map((n) => `n${n}.example.com`),
  ),
  sourceDomain: fc.constantFrom('im.example.com', 'IM.example.com.'),
  service: fc.nat(99).map((n) => `_service-${n}`),
  targetHost: fc.constant('hosting.example.com'),
  lineage: fc.constant('hosting'),
  certificate: fc.constant('PEM'),
  mode: fc.constantFrom('hosted', 'external'),
  tlsAnswer: fc.constantFrom('redirect', 'possession'),
  poshAnswer: fc.constantFrom('fingerprints', 'off'),
  isVouched: fc.boolean(),
  isForced: fc.boolean(),
  limit: fc.integer({ min: 1, max: 200 }).map(String),
  search: fc.constantFrom('im', 'zzz', 'xn--'),
  port: fc.integer({ min: 1, max: 65535 }),
  srvPort: fc.option(fc.integer({ min: 1, max: 65535 })),
}
const field = (key: string, other: fc.Arbitrary<unknown>) =>
  key in GOOD ? fc.oneof({ weight: 12, arbitrary: GOOD[key]! }, { weight: 1, arbitrary: other }) : other
const fields = (schema: unknown, other: () => fc.Arbitrary<unknown>, requiredKeys?: []) =>
  fc.record(
    Object.fromEntries(keysOf(schema).map((key) => [key, field(key, other())])),
    ...(requiredKeys ? [{ requiredKeys }] : []),
  )

function keysOf(schema: unknown): string[] {
  return Object.keys((schema as { shape?: Record<string, unknown> } | undefined)?.shape ?? {})
}

test('no request, whatever it holds, is a bug of ours or answered outside its declaration', async () => {
  const { routes, pages } = declared(server.deps)
  const counts: Record<string, number> = {}

  const request = fc.constantFrom(...routes).chain(({ declaration }) => {
    const { params, query, body } = declaration
    return fc.record({
      declaration: fc.constant(declaration),
      params: fields(params, text),
      query: fc.oneof(fc.constant({}), fields(query, text, [])),
      body: body
        ? fc.oneof(
            { weight: 9, arbitrary: fields(body, value) },
            { weight: 3, arbitrary: fields(body, value, []) },
            { weight: 1, arbitrary: fc.jsonValue() },
          )
        : fc.constant(undefined),
    })
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ declaration, params, query, body }) => {
      const path = declaration.path.replace(/\{(\w+)\}/g, (_, key: string) => escaped(String(params[key])))
      const search = Object.entries(query).map(([key, value]) => `${key}=${escaped(String(value))}`)
      const answer = await server.ask(`/api/v1${path}?${search.join('&')}`.replace(/\?$/, ''), {
        method: declaration.method.toUpperCase(),
        headers: {
          cookie: server.cookie(),
          origin: ORIGIN,
          'content-type': body === undefined ? undefined : 'application/json',
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body).replace('"PEM"', JSON.stringify(pem)) }),
      })
      counts[answer.status] = (counts[answer.status] ?? 0) + 1
      const declaredStatuses = [
        declaration.answer.status,
        ...[...problemsOf(declaration)].map((code) => PROBLEMS[code].status),
      ]
      // An empty parameter makes another path of it
      expect([...declaredStatuses, 404, ...(Object.values(params).includes('') ? [405] : [])]).toContain(answer.status)
      if (answer.status < 300 && declaration.answer.schema) {
        const parsed = declaration.answer.schema.safeParse(answer.json())
        expect(parsed.error?.issues ?? []).toEqual([])
        expect(answer.text).not.toContain('PRIVATE KEY')
      }
    }),
    { numRuns: 800, seed: 7 },
  )

  const form = fc.constantFrom(...pages).chain(({ method, declaration }) =>
    fc.record({
      method: fc.constant(method),
      path: fc.constant(declaration.path),
      params: fields(declaration.params, text),
      query: fc.oneof(fc.constant({}), fields(declaration.query, text, [])),
      typed: fc.oneof({ weight: 4, arbitrary: fields(declaration.form, text) }, fields(declaration.form, text, [])),
    }),
  )
  await fc.assert(
    fc.asyncProperty(form, async ({ method, path, params, query, typed }) => {
      if (path === '/sign-out' || (path === '/sign-in' && method === 'post')) return
      const at = path.replace(/:(\w+)/g, (_, key: string) => escaped(String(params[key])))
      const text = (fields: object) =>
        Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value ?? '').replace('PEM', pem)]))
      const answer = await (method === 'post'
        ? server.submit(at, text(typed))
        : server.ask(`${at}?${new URLSearchParams(text(query)).toString()}`, { headers: { cookie: server.cookie() } }))
      counts[`page ${answer.status}`] = (counts[`page ${answer.status}`] ?? 0) + 1
      expect(answer.status).toBeLessThan(500)
    }),
    { numRuns: 400, seed: 7 },
  )
  console.log('answers by status:', counts)
  const accepted = ['200', '201', '204'].reduce((sum, status) => sum + (counts[status] ?? 0), 0)
  expect(accepted).toBeGreaterThan(0.2 * 800)
  expect(server.logged.filter((line) => line.includes('"level":"error"'))).toEqual([])
}, 120_000)

/** As a client that takes no care would send it, but for what Node's own client refuses. */
function escaped(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()).replaceAll('%25', '%')
}
