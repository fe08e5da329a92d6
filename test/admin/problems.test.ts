import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PROBLEMS } from '../../src/admin/problem-details.ts'
import { ProblemError, type ProblemCode } from '../../src/problem.ts'
import { adminServer, ORIGIN, readyToDelegate, selfSigned, type AdminServer } from './admin-server.ts'

let server: AdminServer
beforeAll(async () => {
  server = await adminServer()
  await server.signIn()
  await readyToDelegate(server)
})
afterAll(() => server.close())

const JSON_TYPE = { 'content-type': 'application/json', origin: ORIGIN }

describe('a refusal', () => {
  test.each<[string, number, ProblemCode, string, string, Record<string, string>?, string?]>([
    ['JSON that is none', 400, 'malformed-request', 'POST', '/tenants', JSON_TYPE, '{"name":'],
    ['a JSON text that is no object', 400, 'malformed-request', 'POST', '/tenants', JSON_TYPE, '"acme"'],
    ['a JSON array', 400, 'malformed-request', 'POST', '/tenants', JSON_TYPE, '[]'],
    ['no body', 400, 'malformed-request', 'POST', '/tenants', JSON_TYPE],
    [
      'a form',
      415,
      'unsupported-media-type',
      'POST',
      '/tenants',
      { origin: ORIGIN, 'content-type': 'application/x-www-form-urlencoded' },
      'name=x',
    ],
    [
      'JSON called text (T28)',
      415,
      'unsupported-media-type',
      'POST',
      '/tenants',
      { origin: ORIGIN, 'content-type': 'text/plain' },
      '{"name":"x"}',
    ],
    [
      'a charset that is no UTF',
      415,
      'unsupported-media-type',
      'POST',
      '/tenants',
      { origin: ORIGIN, 'content-type': 'application/json; charset=latin1' },
      '{}',
    ],
    [
      'compressed JSON',
      415,
      'unsupported-media-type',
      'POST',
      '/tenants',
      { ...JSON_TYPE, 'content-encoding': 'gzip' },
      'x',
    ],
    [
      'a body over 64 kB',
      413,
      'too-large',
      'POST',
      '/tenants',
      JSON_TYPE,
      JSON.stringify({ name: 'x'.repeat(64_000) }),
    ],
    [
      'an upload over 200 kB',
      413,
      'too-large',
      'POST',
      '/operator/certificates',
      JSON_TYPE,
      JSON.stringify({ certificate: 'x'.repeat(200_000) }),
    ],
    ['a body where none belongs', 400, 'malformed-request', 'DELETE', '/target-hosts/x.example.com', JSON_TYPE, '{}'],
    ['a % without digits in the path', 400, 'malformed-request', 'GET', '/tenants/%zz'],
    ['bytes in the path that are no UTF-8', 400, 'malformed-request', 'GET', '/tenants/%ff'],
    ['a route that there is not', 404, 'not-found', 'GET', '/nowhere'],
    ['a route in capitals', 404, 'not-found', 'GET', '/TENANTS'],
    ['a final slash', 404, 'not-found', 'GET', '/tenants/'],
    ['an id that is no UUID', 404, 'not-found', 'GET', '/tenants/acme/delegations/1'],
    ['a tenant that there is not', 404, 'not-found', 'GET', '/tenants/nobody'],
    ['a method that the path has not', 405, 'method-not-allowed', 'DELETE', '/tenants', { origin: ORIGIN }],
    ['an unknown query parameter', 400, 'malformed-request', 'GET', '/tenants?page=2'],
    ['a query parameter twice', 400, 'malformed-request', 'GET', '/tenants?limit=2&limit=3'],
    ['a limit that is no number', 400, 'malformed-request', 'GET', '/tenants?limit=many'],
    ['a limit over the most', 400, 'malformed-request', 'GET', '/tenants?limit=201'],
    ['a cursor that no list gave', 400, 'malformed-request', 'GET', '/source-domains?after=x'],
    ['a NUL in a search', 400, 'malformed-request', 'GET', '/tenants?search=%00'],
    ['a name that is none', 400, 'malformed-name', 'POST', '/target-hosts', JSON_TYPE, '{"name":"a..b"}'],
    [
      'a name of the server itself',
      422,
      'name-refused',
      'POST',
      '/target-hosts',
      JSON_TYPE,
      '{"name":"admin.example.net"}',
    ],
    ['a name that is there', 409, 'already-exists', 'POST', '/tenants', JSON_TYPE, '{"name":"acme"}'],
    [
      'a certificate that is none',
      422,
      'certificate-refused',
      'POST',
      '/operator/certificates',
      JSON_TYPE,
      '{"certificate":"hello"}',
    ],
  ])('of %s is a %i %s', async (_what, status, code, method, path, headers = {}, body) => {
    const answer = await server.ask(`/api/v1${path}`, {
      method,
      headers: { cookie: server.cookie(), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    const problem = answer.json()
    expect([answer.status, problem.code]).toEqual([status, code])
    expect(problem).toMatchObject({
      type: `/problems/${code}`,
      title: PROBLEMS[code].title,
      status,
      instance: `urn:uuid:${String(answer.headers['x-request-id'])}`,
      detail: expect.stringMatching(/./) as string,
    })
    expect(answer.text).not.toMatch(/node_modules|\.ts:|SyntaxError/)
  })

  test('says of each field by a JSON pointer what is wrong with it', async () => {
    const answer = await server.api('POST', '/tenants/acme/delegations', {
      sourceDomain: 'im.example.com',
      service: 5,
      targetHost: 'hosting.example.com',
      'a/b~c': 1,
      srvPort: 0,
    })
    expect(answer.json().errors).toEqual([
      { pointer: '/service', detail: 'should be a string' },
      { pointer: '/lineage', detail: 'is missing' },
      { pointer: '/srvPort', detail: 'should be at least 1' },
      { pointer: '/a~1b~0c', detail: 'there is no such field' },
    ])
  })

  test.each([
    ['sourceDomain', { sourceDomain: 'other.example.com' }],
    ['targetHost', { targetHost: 'other.example.com' }],
    ['lineage', { lineage: 'other' }],
  ])('of a %s that is not there points at it', async (field, wrong) => {
    const answer = await server.api('POST', '/tenants/acme/delegations', {
      ...{
        sourceDomain: 'im.example.com',
        service: '_xmpp-server',
        targetHost: 'hosting.example.com',
        lineage: 'hosting',
      },
      ...wrong,
    })
    expect(answer.status).toBe(404)
    expect(answer.json().errors).toEqual([{ pointer: `/${field}`, detail: expect.any(String) as string }])
  })

  test('of an upload names the rule', async () => {
    const { certificate } = selfSigned()
    const { privateKey } = selfSigned()
    const answer = await server.api('POST', '/operator/certificates', { certificate, privateKey })
    expect(answer.json()).toMatchObject({ code: 'certificate-refused', rule: 'private-key-mismatch' })
  })

  test('for a method that the path has not says which it has', async () => {
    const answer = await server.ask('/api/v1/tenants', { method: 'PUT', headers: { origin: ORIGIN } })
    expect(answer.headers.allow).toBe('GET, HEAD, POST')
  })

  test('leads by its type to a page about it', async () => {
    for (const code of Object.keys(PROBLEMS)) expect((await server.ask(`/problems/${code}`)).status).toBe(200)
    expect((await server.ask('/problems/toString')).status).toBe(404)
  })
})

describe('a bug of ours', () => {
  test('is a bare 500 and whole in the log, in the API and on a page', async () => {
    const secret = 'select * from vault'
    const broken = await adminServer()
    const tenants = { ...broken.deps.tenants, list: () => Promise.reject(new Error(secret)) }
    const faulty = await adminServer({ tenants, sessions: broken.deps.sessions })
    await faulty.signIn()
    for (const path of ['/api/v1/tenants', '/tenants']) {
      const answer = await faulty.ask(path, { headers: { cookie: faulty.cookie() } })
      expect(answer.status).toBe(500)
      expect(answer.text).not.toContain(secret)
      expect(answer.text).not.toContain('.ts')
      const requestId = String(answer.headers['x-request-id'])
      expect(faulty.logged.filter((line) => line.includes(requestId) && line.includes(secret))).toHaveLength(1)
    }
    await faulty.close()
    await broken.close()
  })

  test('a refusal of the storage is told as it is', async () => {
    const tenants = {
      ...server.deps.tenants,
      list: () => Promise.reject(new ProblemError('unavailable', 'the database is locked; try again')),
    }
    const locked = await adminServer({ tenants })
    await locked.signIn()
    const answer = await locked.api('GET', '/tenants')
    expect([answer.status, answer.json().code]).toEqual([503, 'unavailable'])
    await locked.close()
  })
})
