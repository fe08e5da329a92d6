import { appendFileSync } from 'node:fs'
import { type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { recipes, startWebServer, type WebServer } from '../delegation/web-servers.ts'
import { acmeSite, ADMIN_HOST, type AcmeSite } from '../support/acme-site.ts'
import { launchChromium } from '../support/chromium.ts'
import { isLeftOut } from '../support/left-out.ts'
import { pebbles } from '../support/pebble.ts'
import { freePort } from '../support/waypost.ts'
import { testAuthority, type TestAuthority } from '../verify/web-hosts.ts'

// What two people do in two browsers, and nothing else: an operator sets Waypost up and invites a domain owner, who has two
// names served, one by this server and one by a web server of their own. Authority, name servers and nginx are real.

const NAME = 'im.example.org'
const EXTERNAL = 'shop.example'
const TARGET = 'hosting.example.com'
const OWNERS_MACHINE = '127.0.0.21'
const OPERATOR = { email: 'operator@example.net', password: 'many lamps beside the harbour' }
const OWNER = { email: 'owner@example.org', password: 'seven quiet otters downstream' }

const isPossible = !isLeftOut('chromium') && !isLeftOut('knot') && !isLeftOut('nginx') && pebbles().length > 0
if (!isPossible) test.skip('a browser, an authority, name servers and nginx')

describe.skipIf(!isPossible)('a play', { timeout: 60_000 }, () => {
  let acme: AcmeSite
  let owners: TestAuthority
  let browser: Browser
  let operator: Page
  let owner: Page
  let web: WebServer
  let origin: string
  const contexts: BrowserContext[] = []
  const complaints: string[] = []

  beforeAll(async () => {
    owners = await testAuthority('Owners')
    const webPort = await freePort()
    acme = await acmeSite(
      { pebble: pebbles().at(-1)! },
      { WAYPOST_OUTSIDE_HTTPS_PORT: String(webPort), WAYPOST_OUTSIDE_CA_FILE: owners.rootFile },
    )
    // The edge, too, is asked as everybody asks it
    appendFileSync(owners.rootFile, await acme.pebble.root())
    origin = `https://${ADMIN_HOST}:${acme.site.ports.https}`
    web = await startWebServer(recipes.nginx, {
      ...{ name: EXTERNAL, rule: '', front: await owners.issue([EXTERNAL]), authority: owners },
      ...{ address: OWNERS_MACHINE, port: webPort },
    })
    await acme.site.start()
    browser = await launchChromium(ADMIN_HOST, acme.site.ports.https)
    ;[operator, owner] = [await someone(), await someone()]
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await acme?.close()
    await web?.stop()
    await owners?.remove()
  })

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') console.log(owner.url(), await owner.locator('body').innerText())
  })

  async function someone(): Promise<Page> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(5_000)
    context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
    })
    context.on('weberror', (event) => complaints.push(String(event.error())))
    contexts.push(context)
    return context.newPage()
  }

  const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()
  const follow = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).first().click()
  const told = (page: Page, text: string | RegExp) => page.getByRole('status').getByText(text).first().waitFor()
  async function fill(page: Page, fields: Record<string, string>): Promise<void> {
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
  }

  test('the operator signs in by the link that the server printed, and makes an account', async () => {
    await operator.goto((await acme.done('sign-in')).match(/https:\/\/\S+/)![0])
    await press(operator, 'Sign in as the operator')
    await follow(operator, 'Create your operator account')
    await fill(operator, {
      'E-mail address': OPERATOR.email,
      'New password': OPERATOR.password,
      'The same again': OPERATOR.password,
    })
    await press(operator, 'Create the account')
    await told(operator, `The account ${OPERATOR.email} is created`)
  })

  test('adds an authority, a target host with the certificate of its XMPP server, and a tenant', async () => {
    await follow(operator, 'Authorities')
    await operator.getByLabel('Name', { exact: true }).fill('pebble')
    await operator.getByLabel('Directory').fill(acme.proxy.directoryUrl)
    await operator.getByLabel('Contact').fill('hostmaster@example.net')
    await operator.getByText('External account, private authority, profile').click()
    await operator.getByLabel('Root certificates').fill(acme.proxy.caPem)
    await operator.getByLabel('I have read its terms of service, and agree').check()
    await press(operator, 'Add')
    await told(operator, 'The authority pebble is added')
    await follow(operator, 'Target hosts')
    await fill(operator, { Name: TARGET })
    await operator.getByLabel('Port').fill(String(acme.site.ports.https))
    await press(operator, 'Add')
    await told(operator, TARGET)
    await follow(operator, 'Certificates')
    await follow(operator, 'Import a certificate')
    const { certPem } = await owners.issue([TARGET])
    await fill(operator, { Certificate: certPem })
    await operator.getByLabel('Certificate lineage').fill('xmpp')
    await press(operator, 'Import')
    await told(operator, 'The certificate is imported into xmpp.')
    await follow(operator, 'Tenants')
    await fill(operator, { Name: 'montague' })
    await press(operator, 'Add')
    await told(operator, 'montague')
  })

  test('the owner accepts the invitation', async () => {
    await operator.goto(`${origin}/tenants/montague/members`)
    await operator.getByLabel('E-mail address').fill(OWNER.email)
    await operator.getByLabel('Role').selectOption('owner')
    await press(operator, 'Make the invitation')
    const link = operator
      .locator('main')
      .getByText(/^https:.*invitation/)
      .first()
    await owner.goto(await link.innerText())
    await fill(owner, { 'New password': OWNER.password, 'The same again': OWNER.password })
    await press(owner, 'Accept')
    await told(owner, 'You are a member of montague now.')
  })

  const domainPage = (name: string) => `${origin}/tenants/montague/source-domains/${name}`
  /** How far the page says that the domain is, step by step. */
  const steps = async (page: Page): Promise<Record<string, string>> => {
    const all = await page.locator('[data-step]').all()
    return Object.fromEntries(
      await Promise.all(
        all.map(async (one) => [
          (await one.getAttribute('data-step')) ?? '',
          ((await one.getAttribute('class')) ?? '').replace('is-', ''),
        ]),
      ),
    ) as Record<string, string>
  }
  /** Of a record: its type, and what the page says of it. */
  const records = async (page: Page) => {
    const all = page.locator('.records > li')
    return Promise.all(
      (await all.all()).map(async (one) => [
        await one.locator('.record-type').innerText(),
        await one.locator('.record-state .badge').first().innerText(),
      ]),
    )
  }
  const isSame = (page: Page) => page.evaluate<boolean>('window.isSame === true')

  test('adds a name as it was pasted, and each record is looked for and not found', async () => {
    await acme.dns.setZone('example.org', '')
    await follow(owner, 'Source domains')
    await owner.getByLabel('Your domain').fill(`xmpp:Romeo@IM.example.org/balcony`)
    await press(owner, 'Continue')
    await owner.getByText('This is the domain of the address.').waitFor()
    expect(await owner.getByLabel('No, or it may go').isChecked(), 'recommended: nothing is there').toBe(true)
    await press(owner, 'Add the domain')
    await owner.waitForURL(domainPage(NAME))
    await expect.poll(() => records(owner), { timeout: 15_000 }).toContainEqual(['CNAME', 'Not found'])
    expect(await steps(owner)).toMatchObject({ proven: 'waiting', certificate: 'waiting' })
  })

  test('publishes what the page shows, and the page turns green by itself', async () => {
    await owner.evaluate('window.isSame = true')
    const record = owner.locator('.records > li').filter({ hasText: 'CNAME' }).first()
    const value = await record.locator('[data-copy]').nth(1).getAttribute('data-copy')
    await acme.dns.setZone('example.org', `im CNAME ${value}`)
    const publishedAt = performance.now()
    const within = async (step: string) => {
      await expect.poll(async () => (await steps(owner))[step], { timeout: 40_000 }).toBe('done')
      return `${step} ${((performance.now() - publishedAt) / 1000).toFixed(1)} s`
    }
    console.log(`after the record was published: ${await within('proven')}, ${await within('certificate')}`)
    expect(await records(owner)).toContainEqual(['CNAME', 'Found'])
    expect(await isSame(owner)).toBe(true)
    expect(await acme.presented(NAME)).toMatchObject({ isTrusted: true })
  })

  test('delegates, and the page shows the certificate that an initiating entity is told to expect', async () => {
    await delegate(owner, NAME)
    const page = await owner.locator('main').innerText()
    const pem = await owner.locator('section:has(#published) pre').first().textContent()
    const { stdout } = await verify(NAME, acme.site.ports.https)
    const { reports } = JSON.parse(stdout) as { reports: { certificates: { sha256: string; pem: string }[] }[] }
    expect(reports[0]!.certificates).toHaveLength(1)
    expect(pem?.trim()).toBe(reports[0]!.certificates[0]!.pem.trim())
    expect(page.replace(/[^0-9a-f]/gi, '').toLowerCase()).toContain(reports[0]!.certificates[0]!.sha256)
    await owner.goto(domainPage(NAME))
    await expect
      .poll(() => steps(owner), { timeout: 20_000 })
      .toEqual({ proven: 'done', certificate: 'done', published: 'done', reachable: 'done' })
  })

  test('adds a name with a website of its own, whose nginx gets the rule that the page shows', async () => {
    acme.dns.setHost(EXTERNAL, [OWNERS_MACHINE])
    await owner.goto(`${origin}/source-domains/add`)
    await owner.getByLabel('Your domain').fill(`https://${EXTERNAL}/basket?item=1`)
    await press(owner, 'Continue')
    expect(await owner.getByLabel('Yes, and it stays').isChecked(), 'recommended: somebody answers').toBe(true)
    await press(owner, 'Add the domain')
    await owner.waitForURL(domainPage(EXTERNAL))
    const record = owner.locator('.records > li').filter({ hasText: 'TXT' }).first()
    const value = await record.locator('[data-copy]').nth(1).getAttribute('data-copy')
    await acme.dns.setZone(EXTERNAL, `_waypost-challenge TXT "${value}"`)
    await expect.poll(async () => (await steps(owner))['proven'], { timeout: 40_000 }).toBe('done')
    await delegate(owner, EXTERNAL)
    await owner.goto(domainPage(EXTERNAL))
    await owner.evaluate('window.isSame = true')
    await owner.getByText('nginx', { exact: true }).click()
    const rule = await owner.locator('details', { hasText: 'nginx' }).locator('pre code').innerText()
    await web.stop()
    const front = await owners.issue([EXTERNAL])
    web = await startWebServer(recipes.nginx, {
      ...{ name: EXTERNAL, rule, front, authority: owners, address: OWNERS_MACHINE, port: web.port },
    })
    await expect.poll(async () => (await steps(owner))['reachable'], { timeout: 40_000 }).toBe('done')
    expect(await isSame(owner)).toBe(true)
    expect(await steps(owner)).toEqual({
      ...{ proven: 'done', certificate: 'not-needed', published: 'done', reachable: 'done' },
    })
    expect((await verify(EXTERNAL, web.port, OWNERS_MACHINE)).code).toBe(0)
  })

  async function delegate(page: Page, name: string): Promise<void> {
    await page.goto(`${origin}/delegations/register`)
    await page.getByRole('combobox', { name: 'Source domain' }).fill(name)
    await page.getByRole('combobox', { name: 'Target host' }).fill(TARGET)
    await page.getByRole('combobox', { name: 'Certificate lineage' }).fill('xmpp')
    await press(page, 'Register')
    await told(page, `The delegation of ${name} is registered.`)
  }

  /** As an initiating entity that sees the same DNS. */
  function verify(name: string, port: number, address = '127.0.0.1') {
    const at = (host: string, where: string) => ['--resolve', `${host}:${where}`]
    const target = `${acme.site.ports.https}:127.0.0.1`
    const where = [...at(name, `${port}:${address}`), ...at(TARGET, target), '--port', String(port)]
    return acme.site.waypost('verify', name, '--ca', owners.rootFile, ...where, '--json')
  }

  test('the console has not a word of it', () => {
    expect(complaints).toEqual([])
  })
})
