import type { z } from 'zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { vectors } from '../support/vectors.ts'
import { adminServer, type AdminServer, type Somebody } from './admin-server.ts'
import { everyPage } from './every-page.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'
import { pagePathOf, type Things } from './world.ts'

// S32, on the server's side: what a form shows again, what a notice says, what a page is asked for.

const TEXTS = vectors('stored-xss.txt')
// Whose session asks is not ended by what is asked
const NOT_ASKED = new Set(['/sign-out', '/account/sessions/end-others'])

describe('a hostile text in every field', () => {
  let server: AdminServer
  let things: Things
  let operators: Partial<Things>
  let operator: Somebody
  beforeAll(async () => {
    server = await adminServer()
    ;({ things, operators } = await everyPage(server))
    operator = await server.person({ isOperator: true })
  }, 60_000)
  afterAll(() => server.close())

  const fieldsOf = (schema: z.ZodType | undefined) =>
    Object.keys((schema as { shape?: Record<string, unknown> } | undefined)?.shape ?? {})

  test('there are forty of them', () => expect(new Set(TEXTS).size).toBe(40))

  test.each(TEXTS)('%j', async (text) => {
    const faults: string[] = []
    for (const { method, declaration } of declared(server.deps).pages) {
      if (NOT_ASKED.has(declaration.path)) continue
      const path = pagePathOf(declaration.path, things, operators)
      const fields = fieldsOf(method === 'post' ? declaration.form : declaration.query)
      if (fields.length === 0) continue
      const typed = Object.fromEntries(fields.map((field) => [field, text]))
      const { status, text: html } =
        method === 'post'
          ? await operator.submit(path, typed)
          : await operator.page(`${path}?${new URLSearchParams(typed).toString()}`)
      if (status === 500) faults.push(`${method} ${path}: ${status}`)
      try {
        if (html.startsWith('<!doctype html>')) expectOnlyOurMarkup(html)
      } catch (error) {
        faults.push(`${method} ${path}: ${String(error)}`)
      }
    }
    expect(faults).toEqual([])
  })
})
