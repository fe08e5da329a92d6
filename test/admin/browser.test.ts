import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import { IN_CHROMIUM } from '../support/chromium.ts'
import { isLeftOut } from '../support/left-out.ts'
import { vectors } from '../support/vectors.ts'
import { adminBrowser, type AdminBrowser } from './admin-browser.ts'
import { adminServer, ORIGIN, readyToDelegate, selfSigned, type AdminServer } from './admin-server.ts'

let server: AdminServer
let rig: AdminBrowser
let context: BrowserContext

async function signedIn(options: { javaScriptEnabled?: boolean }): Promise<BrowserContext> {
  const opened = await rig.context(options)
  const page = await opened.newPage()
  const { url } = await issueSignInLink({ ...server.deps, adminOrigin: ORIGIN }, server.act())
  await page.goto(url)
  await page.getByRole('button', { name: 'Sign in as the operator' }).click()
  expect(page.url()).toBe(`${ORIGIN}/overview`)
  await page.close()
  return opened
}

async function opened(path: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(ORIGIN + path)
  return page
}

describe.skipIf(isLeftOut('chromium'))('in Chromium', IN_CHROMIUM, () => {
  beforeAll(async () => {
    server = await adminServer()
    rig = await adminBrowser(server)
    context = await signedIn({})
  })
  afterAll(async () => {
    await rig.close()
    await server.close()
  })

  test('an operator without JavaScript comes from nothing to a delegation', async () => {
    const bare = await signedIn({ javaScriptEnabled: false })
    const page = await bare.newPage()
    const fill = async (path: string, fields: Record<string, string>, button: string) => {
      await page.goto(ORIGIN + path)
      for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
      await page.getByRole('button', { name: button, exact: true }).click()
    }
    await fill('/tenants', { Name: 'acme' }, 'Add')
    await fill('/source-domains', { 'Your domain': 'im.example.com' }, 'Continue')
    await page.getByLabel('No, or it may go').check()
    await page.getByLabel('I vouch that the tenant controls this name').check()
    await page.getByRole('button', { name: 'Add the domain' }).click()
    await fill('/target-hosts', { Name: 'hosting.example.com' }, 'Add')
    await fill('/certificates/import', { Certificate: selfSigned().certificate }, 'Import')
    await fill('/delegations/register', {}, 'Register')
    await page.getByText('The delegation of im.example.com is registered.').waitFor()
    await page.getByText('Served').waitFor()
    await page.getByRole('link', { name: 'Withdraw' }).click()
    await page.getByRole('button', { name: 'Withdraw' }).click()
    await page.getByText('The delegation of im.example.com is withdrawn.').waitFor()
    await bare.close()
  })

  test('a record is copied, "/" leads to the search, and a certificate is read from a file', async () => {
    await server.signIn()
    await readyToDelegate(server)
    const answer = await server.api('POST', '/tenants/acme/delegations', {
      ...{ sourceDomain: 'im.example.com', service: '_xmpp-server', targetHost: 'hosting.example.com' },
      lineage: 'hosting.example.com',
    })
    const page = await opened(String(answer.headers.location).replace('/api/v1', ''))
    await page.getByRole('button', { name: 'Copy SRV, value' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe('0 5 5269 hosting.example.com.')

    await page.goto(`${ORIGIN}/delegations`)
    await page.keyboard.press('/')
    await page.keyboard.type('IM.ex')
    await page.keyboard.press('Enter')
    await page.waitForURL(/search=IM\.ex/)
    await page.getByRole('link', { name: 'im.example.com' }).first().waitFor()

    const folder = mkdtempSync(join(tmpdir(), 'waypost-browser-'))
    const { certificate } = selfSigned({ dnsNames: ['file.example.com'] })
    const der = join(folder, 'certificate.der')
    writeFileSync(der, Buffer.from(certificate.replace(/-----[^-]*-----|\s/g, ''), 'base64'))
    await page.goto(`${ORIGIN}/certificates/import`)
    await page.getByLabel('Read from a file').first().setInputFiles(der)
    await expect.poll(() => page.getByLabel('Certificate', { exact: true }).inputValue()).toMatch(/^MII/)
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await page.getByText('The certificate is imported into file.example.com.').waitFor()
    rmSync(folder, { recursive: true })
    await page.close()
  })

  test('no page scrolls sideways at 320 pixels, and strangers’ texts are shown and never run', async () => {
    await server.signIn()
    const paths = ['/delegations', '/delegations/register', '/source-domains', '/target-hosts', '/tenants']
    paths.push('/certificates', '/certificates/import', '/nowhere', '/sign-in')
    for (const text of vectors('stored-xss.txt')) {
      const { certificate } = selfSigned({ commonName: text.slice(0, 60), dnsNames: [] })
      const imported = await server.api('POST', '/tenants/acme/certificates', { certificate, lineage: text })
      expect(imported.status).toBe(201)
      paths.push(String(imported.headers.location).replace('/api/v1', ''))
      paths.push(`/delegations?search=${encodeURIComponent(text)}`)
    }
    await server.api('POST', '/target-hosts', { name: `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.example` })
    const page = await context.newPage()
    await page.setViewportSize({ width: 320, height: 800 })
    for (const path of paths) {
      await page.goto(ORIGIN + path)
      expect([path, await page.evaluate('document.documentElement.scrollWidth - innerWidth')]).toEqual([path, 0])
    }
    await page.close()
  })

  test('the console has no word of CSP or Trusted Types, nor of anything else', () => {
    expect(rig.complaints).toEqual([])
  })
})
