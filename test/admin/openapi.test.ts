import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { curlOf, exampleOf, type ApiDocument, type ApiSchema } from '../../src/admin/api/example.ts'
import { problemsOf } from '../../src/admin/api/openapi.ts'
import { takesIfMatch, type Route } from '../../src/admin/api/route.ts'
import { PROBLEMS } from '../../src/admin/problem-details.ts'
import { adminServer, type AdminServer } from './admin-server.ts'

let server: AdminServer
let routes: Route[]
let document: ApiDocument
beforeAll(async () => {
  server = await adminServer()
  routes = declared(server.deps).routes
  document = (await server.ask('/api/v1/openapi.json')).json() as unknown as ApiDocument
})
afterAll(() => server.close())

const operationOf = ({ method, path }: Route['declaration']) => document.paths[path]?.[method]
const resolve = (ref: string): ApiSchema => document.components.schemas[ref.split('/').at(-1)!]!

describe('the document of the API', () => {
  test('is OpenAPI 3.1 by its own schema', async () => {
    const verdict = await new Validator().validate({ ...document })
    expect(verdict).toEqual({ valid: true })
    expect((document as unknown as { openapi: string }).openapi).toMatch(/^3\.1\./)
  })

  test('has every route that is declared, and no other', () => {
    const inDocument = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    const inRoutes = routes.map(({ declaration: { method, path } }) => `${method} ${path}`)
    expect(inRoutes.length).toBeGreaterThan(60)
    expect(inDocument.sort()).toEqual(inRoutes.sort())
  })

  test('gives each operation a name of its own and an area', () => {
    const ids = routes.map(({ declaration }) => operationOf(declaration)?.operationId)
    expect(new Set(ids).size).toBe(routes.length)
    const areas = new Set(routes.flatMap(({ declaration }) => operationOf(declaration)?.tags ?? []))
    expect([...areas].filter((area) => /^(operator|suspend|resume|export|.*\{.*)$/.test(area))).toEqual([])
  })

  test('names the status of every problem, and the headers that a request takes', () => {
    for (const { declaration } of routes) {
      const operation = operationOf(declaration)!
      for (const code of problemsOf(declaration)) {
        const described = operation.responses[PROBLEMS[code].status]?.description.split(', ')
        expect([operation.operationId, described]).toEqual([operation.operationId, expect.arrayContaining([code])])
      }
      const headers = (operation.parameters ?? []).filter((parameter) => parameter.in === 'header')
      expect(headers.some(({ name }) => name === 'If-Match')).toBe(takesIfMatch(declaration))
    }
  })

  test('tells of every answer that holds a secret that it is shown once', () => {
    const said = JSON.stringify(document).match(/shown in this answer and never again/g) ?? []
    expect(said.length).toBeGreaterThanOrEqual(4) // links, recovery codes, tokens, authenticator apps
  })

  test('gives examples that the routes themselves take', () => {
    for (const { declaration } of routes) {
      const { requestBody, operationId } = operationOf(declaration)!
      if (!requestBody || !declaration.body) continue
      const body = exampleOf(requestBody.content['application/json'].schema, resolve)
      expect([operationId, declaration.body.safeParse(body).error?.issues]).toEqual([operationId, undefined])
    }
  })
})

describe('an example for the shell', () => {
  const curl = (method: 'get' | 'post' | 'put' | 'delete', path: string) =>
    curlOf({ method, path, operation: document.paths[path]![method]! }, document.servers[0].url, resolve)

  test('sends an API token where one may be sent', () => {
    expect(curl('post', '/tenants/{tenant}/invitations')).toBe(
      [
        'curl -X POST https://admin.example.net/api/v1/tenants/acme/invitations',
        `-H 'Authorization: Bearer wp_…'`,
        `--json '{"email":"alice@example.org","role":"viewer"}'`,
      ].join(' \\\n  '),
    )
  })

  test('keeps the cookie of a session, and says where it comes from, where people have to do it', () => {
    expect(curl('post', '/session')).toBe(
      [
        'curl -X POST https://admin.example.net/api/v1/session',
        '-b session.txt -c session.txt',
        `-H 'Origin: https://admin.example.net'`,
        `--json '{"email":"alice@example.org","password":"…"}'`,
      ].join(' \\\n  '),
    )
    expect(curl('get', '/account')).toBe('curl https://admin.example.net/api/v1/account \\\n  -b session.txt')
  })

  test('sets no quotation mark free', () => {
    expect(
      curlOf(
        {
          method: 'post',
          path: '/x',
          operation: {
            ...document.paths['/session']!.post!,
            requestBody: { required: true, content: { 'application/json': { schema: { example: `it's; rm` } } } },
          },
        },
        'https://x',
        resolve,
      ),
    ).toContain(`--json '"it'\\''s; rm"'`)
  })
})
