import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { apiOver, pages, path, type Api } from '../../src/cli/api.ts'
import { remote, type Server } from '../../src/cli/remote.ts'
import { ProblemError } from '../../src/problem.ts'
import { makeCertificate } from '../support/certificates.ts'

const TOKEN = 'wp_secret'
let server: https.Server
let here: Server
let api: Api
let close: () => Promise<void>
let asked: IncomingMessage[]
let bodies: string[]
let answers: ((req: IncomingMessage, res: ServerResponse) => void)[] // one a request, in turn

beforeAll(async () => {
  const certificate = await makeCertificate({
    names: ['admin.localhost'],
    notBefore: '2020-01-01T00:00:00Z',
    notAfter: '2049-12-31T00:00:00Z',
  })
  server = https.createServer({ cert: certificate.pem, key: certificate.keyPem }, (req, res) => {
    asked.push(req)
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString())
      answers.shift()!(req, res)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `https://admin.localhost:${(server.address() as AddressInfo).port}`
  here = { origin, token: TOKEN, ca: certificate.pem }
  const transport = remote(here)
  api = apiOver(transport)
  close = () => transport.close()
})
beforeEach(() => {
  asked = []
  bodies = []
  answers = []
})
afterAll(async () => {
  await close()
  server.closeAllConnections()
  server.close()
})

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}, type = 'application/json; charset=utf-8') =>
  (_req: IncomingMessage, res: ServerResponse) =>
    void res.writeHead(status, { 'Content-Type': type, ...headers }).end(JSON.stringify(body))
const problem = (status: number, body: Record<string, unknown>, headers: Record<string, string> = {}) =>
  json(status, body, headers, 'application/problem+json; charset=utf-8')
const reset = (req: IncomingMessage) => void req.socket.destroy()
const empty = (_req: IncomingMessage, res: ServerResponse) => void res.writeHead(204).end()

async function refusal(act: Promise<unknown>): Promise<ProblemError> {
  const error: unknown = await act.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(ProblemError)
  return error as ProblemError
}

test('a request carries the token, its body and the entity tag; the answer its own', async () => {
  answers.push(json(200, { name: 'acme' }, { ETag: '"a.2"', Location: '/api/v1/x' }))
  const answer = await api.put(path`/tenants/${'a/b ü'}`, { quotas: {} }, '"a.1"')
  expect(answer).toEqual({ status: 200, body: { name: 'acme' }, etag: '"a.2"', location: '/api/v1/x' })
  expect(asked[0]).toMatchObject({
    method: 'PUT',
    url: '/api/v1/tenants/a%2Fb%20%C3%BC',
    headers: { authorization: `Bearer ${TOKEN}`, 'if-match': '"a.1"', 'content-type': 'application/json' },
  })
  expect(bodies).toEqual(['{"quotas":{}}'])
})

test.each(['', '.', '..'])('a part %j of a path, which means another path, is refused', (part) => {
  expect(() => path`/tenants/${part}`).toThrow('is no name')
})

test('a POST whose answer was lost is sent again under the same key, once', async () => {
  answers.push(reset, json(201, {}))
  await api.post('/tenants', { name: 'acme' })
  const keys = asked.map(({ headers }) => headers['idempotency-key'])
  expect(keys).toEqual([keys[0], keys[0]])
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
  expect(bodies).toEqual(['{"name":"acme"}', '{"name":"acme"}'])
  answers.push(json(201, {}))
  await api.post('/tenants', { name: 'other' })
  expect(asked[2]!.headers['idempotency-key']).not.toBe(keys[0])
})

test('after a second reset it is given up, and what is not known is said', async () => {
  answers.push(reset, reset)
  const { code, message } = await refusal(api.post('/tenants', { name: 'acme' }))
  expect(code).toBe('unavailable')
  expect(message).toMatch(/connection was reset.*not known, so look before you repeat it$/)
  expect(asked).toHaveLength(2)
  answers.push(reset, reset)
  expect((await refusal(api.get('/tenants'))).message).not.toContain('repeat')
})

test('a change under the condition of an entity tag is not sent twice: the first may have broken the condition', async () => {
  answers.push(reset)
  expect((await refusal(api.put('/tenants/acme', {}, '"a.1"'))).message).toContain('look before you repeat it')
  expect(asked).toHaveLength(1)
})

test('a server that does not answer is waited for only so long', async () => {
  const silent = (_req: IncomingMessage, res: ServerResponse) => void res.once('close', () => undefined)
  const halfway = (_req: IncomingMessage, res: ServerResponse) =>
    void res.writeHead(200, { 'Content-Type': 'application/json' }).write('{"items":')
  const hasty = apiOver(remote({ ...here, answerWithinMs: 200 }))
  for (const answer of [silent, halfway]) {
    answers.push(answer)
    expect((await refusal(hasty.get('/tenants'))).message).toContain('does not answer in time')
    answers.push(answer)
    const text = (async () => {
      for await (const _ of hasty.text('/audit/export', {})) void _
    })()
    expect((await refusal(text)).message).toContain('does not answer in time')
  }
})

test('what the first attempt at removing may have removed is gone', async () => {
  const missing = problem(404, { code: 'not-found', detail: 'there is no tenant acme' })
  answers.push(reset, missing)
  await api.delete('/tenants/acme')
  answers.push(missing)
  expect((await refusal(api.delete('/tenants/acme'))).code).toBe('not-found')
  answers.push(empty)
  await api.delete('/tenants/acme')
})

test.each(['too-many-requests', 'request-in-progress'])(
  '%s is waited for, as long as the server says',
  async (code) => {
    const status = code === 'too-many-requests' ? 429 : 409
    answers.push(problem(status, { code, detail: 'slow down' }, { 'Retry-After': '1' }), json(200, { name: 'acme' }))
    const began = performance.now()
    expect((await api.post('/tenants', {})).body).toEqual({ name: 'acme' })
    expect(performance.now() - began).toBeGreaterThan(900)
  },
)

test('a wait beyond all patience is not begun', async () => {
  answers.push(problem(429, { code: 'too-many-requests', detail: 'slow down' }, { 'Retry-After': '3600' }))
  expect(await refusal(api.get('/tenants'))).toMatchObject({ code: 'too-many-requests', message: 'slow down' })
})

test('a problem is what it was on the server', async () => {
  const errors = [
    { pointer: '/name', detail: 'is missing' },
    { pointer: '/quotas', detail: 'should be an object' },
  ]
  answers.push(problem(422, { code: 'certificate-refused', detail: 'no', rule: 'rsa-too-short', errors }))
  expect(await refusal(api.get('/tenants'))).toMatchObject({
    code: 'certificate-refused',
    message: 'no',
    rule: 'rsa-too-short',
    fields: errors,
  })
  answers.push(problem(500, { code: 'internal', title: 'Internal error', instance: 'urn:uuid:4f' }))
  expect(await refusal(api.get('/tenants'))).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('under request 4f') as string,
  })
})

test.each<[string, (req: IncomingMessage, res: ServerResponse) => void, string]>([
  [
    'a redirect, which would tell the token to somebody else',
    json(302, {}, { Location: 'https://evil.example/' }),
    'https://evil.example/',
  ],
  ['a page of a proxy', json(502, 'Bad gateway', {}, 'text/html'), 'answered 502'],
  ['a page where JSON should be', json(200, '<html>', {}, 'text/html'), 'answered 200'],
  ['a code that nobody knows', problem(418, { code: 'teapot' }), 'answered 418'],
  [
    'a problem that is no JSON',
    (_req, res) => void res.writeHead(400, { 'Content-Type': 'application/problem+json' }).end('{'),
    'answered 400',
  ],
])('%s is no answer of a Waypost', async (_name, answer, said) => {
  answers.push(answer)
  expect(await refusal(api.get('/tenants'))).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining(said) as string,
  })
  expect(asked).toHaveLength(1)
})

test('pages are read to the last one; of `next` only the cursor is taken', async () => {
  answers.push(
    json(200, { items: [1, 2], next: 'https://evil.example/api/v1/users?after=b%2Fc&limit=1' }),
    json(200, { items: [3], next: null }),
  )
  const items: number[] = []
  for await (const item of pages<number>(api, '/tenants', { search: 'a' })) items.push(item)
  expect(items).toEqual([1, 2, 3])
  expect(asked.map(({ url }) => url)).toEqual([
    '/api/v1/tenants?limit=200&search=a',
    '/api/v1/tenants?limit=200&search=a&after=b%2Fc',
  ])
})

test('text comes piece by piece; one that breaks off is no whole one', async () => {
  answers.push((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/csv' })
    res.write('a,b\n')
    res.end('1,ü\n')
  })
  let text = ''
  for await (const chunk of api.text('/audit/export', { format: 'csv' })) text += chunk
  expect(text).toBe('a,b\n1,ü\n')
  answers.push((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/csv' })
    res.write('a,b\n', () => res.destroy())
  })
  const broken = (async () => {
    for await (const _ of api.text('/audit/export', {})) void _
  })()
  expect((await refusal(broken)).code).toBe('unavailable')
  answers.push(problem(403, { code: 'forbidden', detail: 'no' }))
  const refused = (async () => {
    for await (const _ of api.text('/audit/export', {})) void _
  })()
  expect((await refusal(refused)).code).toBe('forbidden')
})
