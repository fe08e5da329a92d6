import http from 'node:http'
import { randomBytes } from 'node:crypto'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { OPERATORS_SCOPES, SCOPES } from '../../src/tenant/scope.ts'
import { ADMIN_HOST, adminServer, ORIGIN, selfSigned, type AdminServer, type Somebody } from './admin-server.ts'
import { anAuthority } from './world.ts'

const REQUESTS = 20_000
/** The other tenant, which is asked for, and a mark in the names of what belongs to it, which never is. */
const FOREIGN = `zebra${randomBytes(5).toString('hex')}`
const HIDDEN = `okapi${randomBytes(5).toString('hex')}`

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  example?: unknown
  format?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  minimum?: number
  maximum?: number
}
interface Operation {
  operationId: string
  parameters?: { name: string; in: 'path' | 'query' | 'header'; required?: boolean; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, { schema: Schema }> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}
interface Call {
  operation: Operation
  method: string
  template: string
  caller: string
  params: Record<string, unknown>
  query: Record<string, unknown>
  headers: Record<string, string>
  body: unknown
}

let server: AdminServer
let document: Document
let callers: Record<string, Pick<Somebody, 'headers'>>
let pool: Record<string, unknown[]>
const rejections: unknown[] = []
const onRejection = (reason: unknown) => void rejections.push(reason)
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 })

beforeAll(async () => {
  process.on('unhandledRejection', onRejection)
  server = await adminServer()
  await server.signIn()
  document = (await server.ask('/api/v1/openapi.json')).json() as unknown as Document
  await fill('acme', 'plain', 'plain')
  await fill(FOREIGN, FOREIGN, HIDDEN)
  await letIn()
  pool = await knownValues()
}, 60_000)
afterAll(async () => {
  process.off('unhandledRejection', onRejection)
  agent.destroy()
  await server.close()
})

/** Some requests end sessions, remove members or suspend the tenant; the others would be refused from then on. */
async function letIn(): Promise<void> {
  await server.signIn()
  await server.api('POST', '/tenants/acme/resume')
  const scopes = SCOPES.filter((scope) => !OPERATORS_SCOPES.includes(scope))
  callers = {
    stranger: { headers: {} },
    operator: { headers: { cookie: server.cookie() } },
    viewer: await server.person({ roles: { acme: 'viewer' } }),
    admin: await server.person({ roles: { acme: 'admin' } }),
    owner: await server.person({ roles: { acme: 'owner' } }),
    token: await server.program('acme', scopes),
  }
}

/** One of each thing, each with a mark in its name. */
async function fill(tenant: string, mark: string, hidden: string): Promise<void> {
  const { api } = server
  const made = [
    await api('POST', '/tenants', { name: tenant }),
    await api('POST', '/target-hosts', { name: `${mark === 'plain' ? 'hosting' : 'other'}.example.com` }),
    await api('POST', `/tenants/${tenant}/certificates`, {
      ...selfSigned({ commonName: `${hidden}.example.com`, dnsNames: [`${mark}.example.com`] }),
      lineage: `${mark}-lineage`,
    }),
  ]
  for (const name of [`im.${mark}.example.com`, `chat.${hidden}.example.com`])
    made.push(
      await api('POST', `/tenants/${tenant}/source-domains`, { name, isVouched: true }),
      await api('POST', `/tenants/${tenant}/delegations`, {
        sourceDomain: name,
        service: '_xmpp-server',
        targetHost: `${mark === 'plain' ? 'hosting' : 'other'}.example.com`,
        lineage: `${mark}-lineage`,
      }),
    )
  made.push(
    await api('POST', `/tenants/${tenant}/invitations`, { email: `invited@${hidden}.example`, role: 'viewer' }),
    await api('POST', `/tenants/${tenant}/tokens`, { name: `${hidden}-token`, scopes: ['audit:read'] }),
  )
  await server.person({ email: `member@${mark}.example`, roles: { [tenant]: 'owner' } })
  for (const { status, text } of made) expect([status, text]).toEqual([201, expect.anything()])
}

/** Ids and names of both tenants, by the names of fields and parameters, so that a fair part of the requests is about something. */
async function knownValues(): Promise<Record<string, unknown[]>> {
  const items = async (path: string) =>
    ((await server.api('GET', path)).json() as { items: Record<string, unknown>[] }).items
  const ids: unknown[] = []
  for (const tenant of ['acme', FOREIGN]) {
    for (const list of ['delegations', 'members', 'invitations', 'tokens'])
      for (const item of await items(`/tenants/${tenant}/${list}`)) ids.push(item['id'])
    for (const lineage of await items(`/tenants/${tenant}/lineages`))
      for (const certificate of lineage['certificates'] as { id: string }[]) ids.push(certificate.id)
  }
  await anAuthority(server)
  await server.storage.jobs.enqueue({ kind: 'test', key: 'a', payload: {}, runAt: server.clock.now() })
  ids.push(...(await server.storage.jobs.listOpen({ limit: 10 }, server.clock.now())).map(({ id }) => id))
  const invited = { email: 'boss@plain.example' }
  expect((await server.api('POST', '/operator/tokens', { name: 'ops', scopes: ['audit:read'] })).status).toBe(201)
  expect((await server.api('POST', '/operator/invitations', invited)).status).toBe(201)
  for (const list of ['/users', '/operator/tokens', '/operator/invitations'])
    ids.push(...(await items(list)).map((item) => item['id']))
  const { certificate, privateKey } = selfSigned()
  const domains = ['im.plain.example.com', 'chat.plain.example.com', `im.${FOREIGN}.example.com`]
  return {
    tenant: ['acme', 'acme', 'acme', FOREIGN],
    id: ids,
    user: ids,
    name: [
      ...domains,
      'new.example.com',
      'more.example.com',
      'hosting.example.com',
      'other.example.com',
      'ci',
      'acme',
      'nobody',
    ],
    directoryUrl: ['https://127.0.0.1:1/other', 'http://127.0.0.1:1/plain', 'letsencrypt'], // nobody else is asked
    kind: ['test', 'proof-check'],
    sourceDomain: domains,
    service: ['_xmpp-server', '_xmpp-client', '_xmpp-server._tcp', '_xmpps-client'],
    targetHost: ['hosting.example.com', 'other.example.com'],
    lineage: ['plain-lineage', `${FOREIGN}-lineage`, 'new-lineage'],
    certificate: [certificate],
    privateKey: [privateKey],
    email: ['new@example.org', 'member@plain.example', `member@${FOREIGN}.example`],
    password: ['a phrase that nobody guesses'],
    code: ['123456'],
    scopes: [['audit:read'], ['source-domains:write', 'delegations:read']],
    addresses: [['127.0.0.1'], ['2001:db8::/32']],
    expiresAt: ['2036-01-01T00:00:00.000Z'],
    from: ['2026-01-01T00:00:00.000Z'],
    search: ['im', 'plain', FOREIGN.slice(0, 4)],
    head: [`1:${'0'.repeat(64)}`],
  }
}

const HOSTILE = [
  ...['', ' ', '..', '%', '%00', "'", '"', '\u0000', '\ud800', '\u202e', '__proto__', 'constructor', '[object Object]'],
  ...['a'.repeat(5000), '-----BEGIN CERTIFICATE-----', '1e999', 'null', 'true', '-1', '0x10', '2026-13-40', '🙂'],
]
const anything = fc.oneof(
  fc.constantFrom<unknown>(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.integer(),
  fc.jsonValue({ maxDepth: 2 }),
)

/** A value as the document describes it, or by its name one that is known; now and then anything. */
function described(schema: Schema, name: string, isHostile = true): fc.Arbitrary<unknown> {
  const good = fitting(resolved(schema), name)
  return isHostile ? fc.oneof({ weight: 20, arbitrary: good }, { weight: 1, arbitrary: anything }) : good
}

function fitting(schema: Schema, name: string): fc.Arbitrary<unknown> {
  const { type, format, properties, items, minimum = -5, maximum = 70_000 } = schema
  const known = pool[name]
  const types = typeof type === 'string' ? [type] : (type ?? [])
  if (properties) return fittingObject(schema)
  if (schema.anyOf ?? schema.oneOf)
    return fc.oneof(...(schema.anyOf ?? schema.oneOf ?? []).map((one) => fitting(resolved(one), name)))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (known) return fc.constantFrom(...known)
  if (types.includes('null'))
    return fc.option(fitting({ ...schema, type: types.filter((one) => one !== 'null') }, name))
  if (items) return fc.array(fitting(resolved(items), name), { maxLength: 3 })
  if (types.includes('boolean')) return fc.boolean()
  if (types.includes('integer') || types.includes('number')) return fc.integer({ min: minimum, max: maximum })
  if (schema.example !== undefined) return fc.constant(schema.example)
  if (format === 'uuid') return fc.uuid()
  if (format === 'date-time') return fc.constant('2026-12-01T00:00:00.000Z')
  return types.includes('string') ? fc.string({ maxLength: 20 }) : fc.jsonValue({ maxDepth: 1 })
}

function fittingObject({ properties = {}, required = [] }: Schema): fc.Arbitrary<unknown> {
  const fields = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, described(value, key)]))
  return fc.oneof(
    { weight: 12, arbitrary: fc.record(fields, { requiredKeys: required.filter((key) => key in fields) }) },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [] }) },
    { weight: 1, arbitrary: fc.record({ ...fields, tenantId: fc.uuid(), proof: fc.constant('vouched') }) },
  )
}

function resolved(schema: Schema): Schema {
  const name = schema.$ref?.split('/').at(-1)
  return name === undefined ? schema : resolved(document.components.schemas[name] ?? {})
}

const CALLERS = ['stranger', 'viewer', 'admin', 'owner', 'owner', 'token', 'operator', 'operator', 'operator']

/** What costs a password hash, or ends what the others need, is asked less often. */
const RARE = /password|registrations|^postSession|deleteSession|accept|deleteTenants|deleteAccountSessions/i

function anyCall(): fc.Arbitrary<Call> {
  const operations = Object.entries(document.paths).flatMap(([template, methods]) =>
    Object.entries(methods).flatMap(([method, operation]) =>
      Array.from({ length: RARE.test(operation.operationId) ? 1 : 12 }, () => ({ template, method, operation })),
    ),
  )
  return fc.constantFrom(...operations).chain(({ template, method, operation }) => {
    const part = (where: 'path' | 'query' | 'header', isWhole: boolean) => {
      const parameters = (operation.parameters ?? []).filter((one) => one.in === where)
      const fields = Object.fromEntries(parameters.map(({ name, schema }) => [name, described(schema, name)]))
      return fc.record(fields, isWhole ? {} : { requiredKeys: [] })
    }
    const schema = operation.requestBody?.content['application/json']?.schema
    return fc.record({
      operation: fc.constant(operation),
      method: fc.constant(method),
      template: fc.constant(template),
      caller: fc.constantFrom(...CALLERS),
      params: part('path', true),
      query: fc.oneof({ weight: 6, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: part('query', false) }),
      headers: fc.oneof(
        { weight: 12, arbitrary: fc.constant({}) },
        { weight: 6, arbitrary: fc.record(takenHeaders(operation)) },
        { weight: 1, arbitrary: fc.record({ 'if-match': fc.constantFrom('*', '"x"', 'x', 'W/"1"') }) },
        { weight: 1, arbitrary: fc.record({ 'idempotency-key': fc.constantFrom('a', 'b', 'ä', '') }) },
      ),
      body: schema
        ? fc.oneof({ weight: 15, arbitrary: described(schema, '') }, { weight: 1, arbitrary: fc.jsonValue() })
        : fc.oneof({ weight: 30, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constant({}) }),
    })
  })
}

function takenHeaders({ parameters = [] }: Operation): Record<string, fc.Arbitrary<string>> {
  const values: Record<string, fc.Arbitrary<string>> = { 'if-match': fc.constant('*'), 'idempotency-key': fc.uuid() }
  const names = parameters.filter((one) => one.in === 'header').map(({ name }) => name.toLowerCase())
  return Object.fromEntries(names.flatMap((name) => (values[name] ? [[name, values[name]]] : [])))
}

function send({ method, template, caller, params, query, headers, body }: Call) {
  const path = template.replace(/\{(\w+)\}/g, (_, key: string) => escaped(params[key]))
  const search = Object.entries(query).map(([key, value]) => `${key}=${escaped(value)}`)
  const text = body === undefined ? undefined : (JSON.stringify(body) ?? '')
  const sent = `${path}?${search.join('&')} ${JSON.stringify(headers)} ${text ?? ''}`
  return new Promise<{ sent: string; status: number; type: string; text: string }>((resolve, reject) => {
    const request = http.request(
      {
        ...{ agent, host: '127.0.0.1', port: server.port, method: method.toUpperCase() },
        path: `/api/v1${path}${search.length > 0 ? `?${search.join('&')}` : ''}`,
        headers: {
          host: ADMIN_HOST,
          origin: ORIGIN,
          ...callers[caller]!.headers,
          ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, encodeURI(value)])),
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          'content-length': Buffer.byteLength(text ?? ''),
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            sent,
            status: response.statusCode ?? 0,
            type: (response.headers['content-type'] ?? '').split(';')[0]!,
            text: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    request.on('error', reject)
    request.end(text)
  })
}

/** As a client that takes no care would send it, but for what Node's own client refuses. */
function escaped(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return encodeURIComponent(Buffer.from(text).toString()).replaceAll('%25', '%')
}

test(`${REQUESTS} requests made from the OpenAPI document: no bug, no answer outside it, nothing of another tenant`, async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: false, formats: fullFormats })
  ajv.addSchema({ $id: 'doc', ...document })
  const validators = new Map<string, ValidateFunction>()
  const counts: Record<string, number> = {}
  let asked = 0
  const escape = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1')

  await fc.assert(
    fc.asyncProperty(anyCall(), async (call) => {
      const { operation, template, method, caller } = call
      if (++asked % 100 === 0) await letIn()
      const { sent, status, type, text } = await send(call)
      counts[status] = (counts[status] ?? 0) + 1
      // While it is on, all others would be refused
      if (template === '/maintenance') await server.storage.settings.endMaintenance(server.act())
      const where = `${caller} ${method} ${template} ${sent.slice(0, 500)}\n${status} ${text.slice(0, 500)}`
      // Nobody answers for the authority that is there
      if (!text.includes('"/problems/authority-unreachable"')) expect(status, where).toBeLessThan(500)
      expect(text, where).not.toContain('PRIVATE KEY')
      const response = operation.responses[status]
      // A path whose parameter is empty or holds an encoded slash is another path
      if (!response && (status === 404 || status === 405 || status === 400)) return
      expect(response, where).toBeDefined()
      if (response!.content) {
        expect(Object.keys(response!.content), where).toContain(type)
        if (/[/+]json$/.test(type)) {
          const pointer = ['paths', template, method, 'responses', String(status), 'content', type, 'schema']
          const id = `doc#/${pointer.map(escape).map(encodeURIComponent).join('/')}`
          const validate = validators.get(id) ?? ajv.compile({ $ref: id })
          validators.set(id, validate)
          expect([validate(JSON.parse(text)), validate.errors, where]).toEqual([true, null, where])
        }
      } else expect(text, where).toBe('')
      if (caller === 'operator') return
      expect(text, where).not.toContain(HIDDEN)
      if (sent.startsWith(`/tenants/${FOREIGN}`)) expect(status, where).toBeGreaterThanOrEqual(400)
    }),
    { numRuns: REQUESTS, seed: 20_261_123, endOnFailure: true },
  )
  console.log('answers by status:', counts)
  const accepted = ['200', '201', '204'].reduce((sum, status) => sum + (counts[status] ?? 0), 0)
  expect(accepted).toBeGreaterThan(0.15 * REQUESTS)
  expect(rejections).toEqual([])
  const errors = server.logged.filter((line) => line.includes('"level":"error"'))
  expect(errors.filter((line) => !line.includes('no DNS resolver answers'))).toEqual([]) // which is so here
}, 300_000)
