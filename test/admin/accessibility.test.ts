import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import axe, { type AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isLeftOut } from '../support/left-out.ts'
import { isLong } from '../support/long.ts'
import { adminBrowser, sidewaysScroll, type AdminBrowser } from './admin-browser.ts'
import { ADMIN_HOST, adminServer, ORIGIN, type AdminServer } from './admin-server.ts'
import { everyPage, firstPages, type Visit } from './every-page.ts'

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
// A folder for pictures of them all, to be looked at: `npm run screenshots`
const PICTURES = process.env['WAYPOST_TEST_SCREENSHOTS']
const MOST_STATIC_BYTES = 30_000
const LOOKS: { colorScheme: 'light' | 'dark'; width: number }[] = [
  { colorScheme: 'light', width: 1280 },
  { colorScheme: 'dark', width: 390 },
]
const LOOKS_OF_THE_LONG_FORM: typeof LOOKS = [
  { colorScheme: 'dark', width: 1280 },
  { colorScheme: 'light', width: 390 },
  { colorScheme: 'light', width: 320 },
  { colorScheme: 'dark', width: 3840 },
]
// Whom these lead elsewhere or refuse is shown what stands there
const ANSWERED_OTHERWISE: Record<string, number> = { '/set-up': 403, '/invitation': 400, '/password': 400 }

describe.skipIf(isLeftOut('chromium')).each<[string, (server: AdminServer) => Promise<Visit[]>]>([
  ['every page', async (server) => (await everyPage(server)).visits],
  ['what is seen first', firstPages],
])('%s', (what, visitsOf) => {
  let server: AdminServer
  let rig: AdminBrowser
  let visits: Visit[]
  beforeAll(async () => {
    server = await adminServer()
    rig = await adminBrowser(server)
    visits = await visitsOf(server)
  }, 60_000)
  afterAll(async () => {
    await rig.close()
    await server.close()
  })

  test.each([...LOOKS, ...(isLong ? LOOKS_OF_THE_LONG_FORM : [])])(
    'in $colorScheme, $width pixels wide, keeps WCAG 2.2 AA, never scrolls sideways, and the console is silent',
    async ({ colorScheme, width }) => {
      const context = await rig.context({ colorScheme, viewport: { width, height: 900 } })
      const page = await context.newPage()
      const faults: string[] = []
      for (const [index, { declaredPath, path, session }] of visits.entries()) {
        await context.clearCookies()
        if (session !== null)
          await context.addCookies([
            { name: '__Host-session', value: session, domain: ADMIN_HOST, secure: true, path: '/' },
          ])
        const answer = await page.goto(ORIGIN + path)
        const status = answer?.status()
        if (status !== (ANSWERED_OTHERWISE[declaredPath] ?? 200)) faults.push(`${path}: ${status}`)
        const scroll = await sidewaysScroll(page)
        if (scroll > 0) faults.push(`${path}: ${scroll} pixels sideways`)
        if (PICTURES !== undefined) {
          const name = `${what} ${index} ${declaredPath} ${colorScheme} ${width}`.replace(/[^a-z0-9]+/g, '-')
          await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
        }
        faults.push(...(await violations(page)).map((fault) => `${path}: ${fault}`))
      }
      await context.close()
      expect(faults).toEqual([])
      expect(rig.complaints).toEqual([])
    },
    300_000,
  )
})

test('static files are less than 30 kB, compressed', () => {
  const folder = new URL('../../public/', import.meta.url)
  const htmx = createRequire(import.meta.url).resolve('htmx.org/dist/htmx.min.js')
  const files = [htmx, ...readdirSync(folder).map((name) => new URL(name, folder))]
  const bytes = files.map((file) => gzipSync(readFileSync(file)).length).reduce((sum, one) => sum + one, 0)
  console.log(`static files: ${bytes} bytes, compressed`)
  expect(bytes).toBeLessThan(MOST_STATIC_BYTES)
})

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const run = `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })`
  const results = await page.evaluate<AxeResults>(run)
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary ?? ''}`),
  )
}
