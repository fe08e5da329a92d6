import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { adminServer, type AdminServer, type Answer } from './admin-server.ts'

let server: AdminServer
let answer: Answer
let page: string
beforeAll(async () => {
  server = await adminServer()
  answer = await server.ask('/api')
  page = answer.text
})
afterAll(() => server.close())

describe('the reference page', () => {
  test('is open to everybody, a page like the others', () => {
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(answer.headers['content-security-policy']).toContain("style-src 'self'")
    expect(page).toMatch(/<h1[^>]*>API reference<\/h1>/)
    expect(page).not.toMatch(/<script(?! src="\/assets\/)/)
    expect(page).not.toMatch(/ style="| on[a-z]+="/)
  })

  test('has every route with who may, its problems and an example', async () => {
    const document = (await server.ask('/api/v1/openapi.json')).json() as {
      paths: Record<string, Record<string, { operationId: string; description: string }>>
    }
    for (const { declaration } of declared(server.deps).routes) {
      const { operationId, description } = document.paths[declaration.path]![declaration.method]!
      const from = page.indexOf(`<details id="${operationId}">`)
      const text = page.slice(from, page.indexOf('</details>', from))
      expect([operationId, from > 0]).toEqual([operationId, true])
      for (const part of [declaration.method.toUpperCase(), declaration.path, escaped(declaration.summary)])
        expect([operationId, text.includes(part)]).toEqual([operationId, true])
      expect(text.replace(/<\/?code>/g, '')).toContain(escaped(description).replaceAll('`', ''))
      expect(text).toContain('href="/problems/malformed-request"')
      expect(text).toContain('curl ')
    }
  })

  test('has no link to an object or an area that it does not have', () => {
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, anchor]) => anchor!)
    expect(links.length).toBeGreaterThan(50)
    expect([...new Set(links)].filter((anchor) => !page.includes(`id="${anchor}"`))).toEqual([])
  })

  test('shows the fields of a body with their types, defaults and meanings', () => {
    const from = page.indexOf('<details id="postTenantsByTenantTokens">')
    const text = page.slice(from, page.indexOf('</details>', from)).replace(/<[^>]+>/g, '')
    expect(text).toMatch(/scopes\s+list of/)
    expect(text).toContain('default null')
    expect(text).toContain('IssuedToken')
  })

  test('takes no query, and no other method', async () => {
    expect((await server.ask('/api?x=1')).status).toBe(400)
    expect((await server.ask('/api', { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } })).status).toBe(
      405,
    )
  })
})

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
