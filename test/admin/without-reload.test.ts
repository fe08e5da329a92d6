import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { IN_CHROMIUM } from '../support/chromium.ts'
import { isLeftOut } from '../support/left-out.ts'
import { adminBrowser, type AdminBrowser } from './admin-browser.ts'
import { ADMIN_HOST, adminServer, ORIGIN, readyToDelegate, type AdminServer } from './admin-server.ts'

// What a script adds: the document stays, and its parts are exchanged.

describe.skipIf(isLeftOut('chromium'))('with a script', IN_CHROMIUM, () => {
  let server: AdminServer
  let rig: AdminBrowser
  let context: BrowserContext
  let page: Page
  beforeAll(async () => {
    server = await adminServer()
    rig = await adminBrowser(server)
    await server.signIn()
    await readyToDelegate(server)
    for (const name of ['red', 'green', 'blue'])
      await server.api('POST', '/tenants/acme/source-domains', { name: `${name}.example.org`, isVouched: true })
    context = await rig.context({ viewport: { width: 1000, height: 500 } })
  }, 30_000)
  afterAll(async () => {
    await rig.close()
    await server.close()
  })
  beforeEach(async () => {
    const { sessionToken } = await server.person({ isOperator: true })
    await context.addCookies([
      { name: '__Host-session', value: sessionToken, domain: ADMIN_HOST, secure: true, path: '/' },
    ])
    page = await context.newPage()
    await page.goto(`${ORIGIN}/source-domains`)
    await page.evaluate('window.isSameDocument = true')
    return () => page.close()
  })

  const isSameDocument = () => page.evaluate<boolean>('window.isSameDocument === true')
  const focused = () => page.evaluate<string>('document.activeElement.id || document.activeElement.textContent.trim()')
  const rows = () => page.locator('table.list tbody tr').count()

  test('a link exchanges the page: title, address, focus and scroll are as after a full load', async () => {
    await page.evaluate('scrollTo(0, 200)')
    expect(await page.evaluate('scrollY')).toBe(200)
    await page.getByRole('link', { name: 'Tenants', exact: true }).click()
    await page.getByRole('heading', { name: 'Tenants', level: 1 }).waitFor()
    expect(await page.title()).toMatch(/^Tenants · /)
    expect(page.url()).toBe(`${ORIGIN}/tenants`)
    await expect.poll(focused).toBe('main')
    expect(await page.evaluate('scrollY')).toBe(0)
    await page.goBack()
    await page.getByRole('heading', { name: 'Source domains', level: 1 }).waitFor()
    expect(page.url()).toBe(`${ORIGIN}/source-domains`)
    expect(await isSameDocument()).toBe(true)
  })

  test('a form that is done leads on with its notice, and one that is refused to what is wrong with it', async () => {
    await page.goto(`${ORIGIN}/tenants`)
    await page.evaluate('window.isSameDocument = true')
    await page.getByLabel('Name', { exact: true }).fill('globex')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('status').getByText('globex').waitFor()
    await page.getByLabel('Name', { exact: true }).fill('globex')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('alert').waitFor()
    await expect.poll(focused).toBe('problem')
    expect(page.url()).toBe(`${ORIGIN}/tenants`)
    expect(await isSameDocument()).toBe(true)
  })

  test('the search finds while one types, keeps the focus, and its address can be handed on', async () => {
    await page.keyboard.press('/')
    expect(await focused()).toBe('search')
    await page.keyboard.type('example.org')
    await expect.poll(rows).toBe(3)
    await page.keyboard.type(' ')
    await page.keyboard.press('Backspace')
    await page.keyboard.press('Home')
    await page.keyboard.type('re')
    await page.getByText('No source domain').or(page.locator('#list .empty')).first().waitFor()
    await page.keyboard.press('Delete')
    expect(await focused()).toBe('search')
    await page.locator('#search').fill('red.')
    await expect.poll(rows).toBe(1)
    await page.waitForURL(/search=red\.$/)
    expect(await isSameDocument()).toBe(true)
  })

  test('the arrows lead from the search into the list and back', async () => {
    await page.keyboard.press('/')
    const seen: string[] = []
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp', 'ArrowUp']) {
      await page.keyboard.press(key)
      seen.push(await focused())
    }
    expect(seen).toEqual(['blue.example.org', 'green.example.org', 'blue.example.org', 'search'])
  })

  test('whose session is over is led to the sign-in', async () => {
    await context.clearCookies()
    await page.getByRole('link', { name: 'Tenants', exact: true }).click()
    await page.waitForURL(`${ORIGIN}/sign-in?next=%2Ftenants`)
    expect(await isSameDocument()).toBe(true)
  })

  test('a server of another version gets a new document, with its own script and style', async () => {
    await page.route('**/tenants', async (route) => {
      const { text } = await server.ask('/tenants', { headers: await route.request().allHeaders() })
      await route.fulfill({ contentType: 'text/html', body: text.replaceAll('?v=', '?v=another') })
    })
    await page.getByRole('link', { name: 'Tenants', exact: true }).click()
    await expect.poll(isSameDocument).toBe(false)
    expect(page.url()).toBe(`${ORIGIN}/tenants`)
  })

  test('a server that is away for a moment takes nothing from the page', async () => {
    const before = await rows()
    await page.route('**/source-domains?*', (route) => route.fulfill({ status: 503, body: 'away' }))
    const answered = page.waitForResponse(/search=red/)
    await page.locator('#search').fill('red')
    await (await answered).finished()
    await page.unroute('**/source-domains?*')
    expect([await rows(), await isSameDocument()]).toEqual([before, true])
    await page.locator('#search').fill('red.')
    await expect.poll(rows).toBe(1)
    expect(await isSameDocument()).toBe(true)
  })

  test('nobody but htmx may write markup into a page', async () => {
    const refused = await page.evaluate<string>(
      `try { document.body.innerHTML = '<b>x</b>'; 'written' } catch (error) { error.name }`,
    )
    const second = await page.evaluate<string>(
      `try { trustedTypes.createPolicy('htmx', { createHTML: (html) => html }); 'made' } catch (error) { error.name }`,
    )
    expect([refused, second]).toEqual(['TypeError', 'TypeError'])
    rig.complaints.length = 0 // of these two
  })

  test('the console has not a word', () => {
    expect(rig.complaints).toEqual([])
  })
})
