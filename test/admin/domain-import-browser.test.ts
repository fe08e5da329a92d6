import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Job } from '../../src/work/job.ts'
import { isLeftOut } from '../support/left-out.ts'
import { adminBrowser, type AdminBrowser } from './admin-browser.ts'
import { ADMIN_HOST, adminServer, ORIGIN, type AdminServer } from './admin-server.ts'

const LINES = 6000 // more than one run of the job carries out

describe.skipIf(isLeftOut('chromium'))('a file of domains, in Chromium', { timeout: 60_000 }, () => {
  let server: AdminServer
  let browser: AdminBrowser
  let sessionToken: string

  beforeAll(async () => {
    server = await adminServer()
    browser = await adminBrowser(server)
    await server.storage.tenants.add('acme', server.act())
    ;({ sessionToken } = await server.person({ roles: { acme: 'owner' } }))
  })
  afterAll(async () => {
    await browser.close()
    await server.close()
  })

  const opened = async (options: { javaScriptEnabled?: boolean } = {}) => {
    const context = await browser.context(options)
    await context.addCookies([
      { name: '__Host-session', value: sessionToken, domain: ADMIN_HOST, path: '/', secure: true, httpOnly: true },
    ])
    const page = await context.newPage()
    await page.goto(`${ORIGIN}/source-domains/import`)
    return page
  }
  const run = (url: string) => server.deps.fileImports.job({ key: url.split('/').at(-1)! } as Job)

  test('is chosen, looked at, confirmed, and its page follows it to the end by itself', async () => {
    const page = await opened()
    const buffer = Buffer.from(
      `domain\n${Array.from({ length: LINES }, (_, n) => `n${n}.example.org`).join('\n')}\nno name`,
    )
    await page.setInputFiles('input[type=file]', { name: 'domains.csv', mimeType: 'text/csv', buffer })
    await page.click('text=Preview')
    await page.waitForSelector(`text=Import ${LINES} lines`)
    expect(await page.textContent('#import')).toContain('Nothing has changed yet')
    await page.click(`text=Import ${LINES} lines`)
    await page.waitForSelector('progress')
    await page.focus('#cancel-import')
    await run(page.url())
    await page.waitForSelector('text=5000 of 6001 lines')
    expect(await page.evaluate('document.activeElement.id')).toBe('cancel-import')
    await run(page.url())
    await page.waitForSelector('text=The file is imported.')
    expect(await page.locator('#import [role], #import progress').count()).toBe(0)
    expect(await page.textContent('#import table')).toContain('no name')
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Result as CSV')])
    expect(download.suggestedFilename()).toMatch(/^import-.*\.csv$/)
    expect(browser.complaints).toEqual([])
  })

  test('goes the same way without a script', async () => {
    const page = await opened({ javaScriptEnabled: false })
    const file = { name: 'domains.csv', mimeType: 'text/csv', buffer: Buffer.from('plain.example.org') }
    await page.setInputFiles('input[type=file]', file)
    await page.click('text=Preview')
    await page.click('text=Import 1 line')
    expect(await page.textContent('#import')).toContain('Reload this page')
    await run(page.url())
    await page.reload()
    expect(await page.textContent('#import')).toContain('The file is imported.')
  })
})
