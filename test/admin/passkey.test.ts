import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FRESH_MS } from '../../src/tenant/principal.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import { isLeftOut } from '../support/left-out.ts'
import { addAuthenticator, adminBrowser, sidewaysScroll, type AdminBrowser } from './admin-browser.ts'
import { adminServer, ORIGIN, type AdminServer } from './admin-server.ts'
import { codeOf, PASSWORD } from './people.ts'
import { thingsOf } from './world.ts'

describe.skipIf(isLeftOut('chromium'))('people in Chromium', { timeout: 60_000 }, () => {
  let server: AdminServer
  let rig: AdminBrowser
  beforeAll(async () => {
    server = await adminServer()
    rig = await adminBrowser(server)
  })
  afterAll(async () => {
    await rig.close()
    await server.close()
  })

  async function signIn(page: Page, email: string): Promise<void> {
    await page.goto(`${ORIGIN}/sign-in`)
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  }

  const account = (email: string, isOperator = false) =>
    server.deps.accounts.create({ userId: null, token: null }, { email, isOperator, password: PASSWORD }, server.act())

  test('without JavaScript the first operator sets up an account and a second factor, and signs in by both', async () => {
    const context = await rig.context({ javaScriptEnabled: false })
    const page = await context.newPage()
    const { url } = await issueSignInLink({ ...server.deps, adminOrigin: ORIGIN }, server.act())
    await page.goto(url)
    await page.getByRole('button', { name: 'Sign in as the operator' }).click()
    await page.getByRole('link', { name: 'Create your operator account' }).click()
    const email = 'first@example.org'
    await page.getByLabel('E-mail address').fill(email)
    await page.getByLabel('New password').fill(PASSWORD)
    await page.getByLabel('The same again').fill(PASSWORD)
    await page.getByRole('button', { name: 'Create the account' }).click()
    await page.getByText(`The account ${email} is created`).waitFor()
    await page.getByRole('link', { name: 'Set it up' }).click()
    await page.getByRole('button', { name: 'Set it up' }).click()
    await page.getByRole('img', { name: 'QR code' }).waitFor()
    const secret = await page.locator('input[name=secret]').inputValue()
    await page.getByLabel('Code', { exact: true }).fill(codeOf(secret, server.clock.now()))
    await page.getByRole('button', { name: 'Switch it on' }).click()
    const codes = await page.locator('.codes code').allTextContents()
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()

    server.clock.advance(30_000)
    for (const code of [codeOf(secret, server.clock.now()), codes[0]!]) {
      await signIn(page, email)
      await page.getByLabel('Code', { exact: true }).fill(code)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.waitForURL(`${ORIGIN}/overview`)
      await page.getByRole('button', { name: 'Sign out' }).click()
    }
    await context.close()
  })

  test('a passkey is added, renamed, signs in alone, is a second factor, confirms, and is removed', async () => {
    await account('passkey@example.org', true)
    const context = await rig.context()
    const page = await context.newPage()
    await addAuthenticator(page)
    await signIn(page, 'passkey@example.org')
    await page.waitForURL(`${ORIGIN}/overview`)
    const other = await rig.context()
    const elsewhere = await other.newPage()
    await signIn(elsewhere, 'passkey@example.org')
    await elsewhere.waitForURL(`${ORIGIN}/overview`)
    await page.goto(`${ORIGIN}/account`)
    await page.getByRole('link', { name: 'Add a passkey' }).click()
    await page.getByText('All your other devices are signed out.').waitFor()
    await page.getByLabel('Name').fill('blue key')
    await page.getByRole('button', { name: 'Add it' }).click()
    await page.getByText('The passkey blue key is added.').waitFor()
    await elsewhere.goto(`${ORIGIN}/account`)
    await elsewhere.waitForURL(/\/sign-in\?next=%2Faccount/)
    await other.close()

    await page.getByText('Rename blue key').click()
    await page.locator('input[value="blue key"]').fill('red key')
    await page.getByRole('button', { name: 'Save' }).first().click()
    await page.getByText('It is called red key now.').waitFor()

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.waitForURL(`${ORIGIN}/overview`)

    await page.getByRole('button', { name: 'Sign out' }).click()
    await signIn(page, 'passkey@example.org')
    await page.waitForURL(`${ORIGIN}/sign-in/code`)
    expect(await page.getByLabel('Code', { exact: true }).count()).toBe(0)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.waitForURL(`${ORIGIN}/overview`)

    server.clock.advance(FRESH_MS)
    await page.goto(`${ORIGIN}/account`)
    await page.getByRole('link', { name: 'Remove red key' }).click()
    await page.getByRole('button', { name: 'Confirm with a passkey' }).click()
    await page.getByText('Remove the passkey red key?').waitFor()
    await page.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('The passkey red key is removed.').waitFor()

    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByText('the passkey is unknown here', { exact: false }).waitFor()
    await context.close()
  })

  test('what an authenticator refuses is told, and the form can be sent again', async () => {
    const context = await rig.context()
    const page = await context.newPage()
    await page.goto(`${ORIGIN}/sign-in`)
    const devtools = await context.newCDPSession(page)
    await devtools.send('WebAuthn.enable') // no authenticator is there
    await page.evaluate(`navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError'))`)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByText('Nothing came of it').waitFor()
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).isEnabled()).toBe(true)
    await context.close()
  })

  test('a server that is out of reach is told as that, and a form that is sent is sent once', async () => {
    const context = await rig.context()
    const page = await context.newPage()
    await page.goto(`${ORIGIN}/sign-in`)
    const button = page.getByRole('button', { name: 'Sign in with a passkey' })
    for (const answer of ['abort', 'gateway'] as const) {
      await page.route('**/passkey-options', (route) =>
        answer === 'abort' ? route.abort() : route.fulfill({ status: 502, body: '<h1>Bad Gateway</h1>' }),
      )
      await button.click()
      await page.getByText('The server could not be reached.').waitFor()
      expect(await button.isEnabled()).toBe(true)
      await page.reload()
      await page.unroute('**/passkey-options')
    }
    await page.evaluate(`navigator.credentials.get = async () => ({ toJSON: () => ({}) })`)
    await page.evaluate(`HTMLFormElement.prototype.submit = () => (document.title = 'sent')`)
    await button.click()
    await expect.poll(() => page.title()).toBe('sent')
    expect(await button.isDisabled()).toBe(true)
    await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
    expect(await button.isEnabled()).toBe(true)
    await context.close()
  })

  test('without JavaScript a passkey is not offered, and the way back is', async () => {
    const context = await rig.context({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(`${ORIGIN}/sign-in`)
    await page.getByText('A passkey needs JavaScript').waitFor()
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).isVisible()).toBe(false)
    await context.close()
  })

  test('at 360 pixels the area, the name and the choice of a tenant can be seen', async () => {
    await account('narrow@example.org', true)
    const context = await rig.context()
    const page = await context.newPage()
    await page.setViewportSize({ width: 360, height: 800 })
    await signIn(page, 'narrow@example.org')
    await page.waitForURL(`${ORIGIN}/overview`)
    await page.goto(`${ORIGIN}/audit`)
    const isInSight = `document.querySelector('.areas [aria-current]').getBoundingClientRect().right <= innerWidth`
    await expect.poll(() => page.evaluate(isInSight)).toBe(true)
    const widthOf = (selector: string) =>
      page.evaluate<number>(`document.querySelector('${selector}').getBoundingClientRect().width`)
    expect(await widthOf('.own-name')).toBeGreaterThan(120) // most of the name, though there is little room
    await page.getByRole('button', { name: 'Sign out' }).click()

    await server.signIn()
    for (const name of ['short', 'other']) await server.submit('/tenants', { name })
    const chooser = await server.person({ roles: { short: 'viewer', other: 'viewer' } })
    await context.addCookies([{ name: '__Host-session', value: chooser.sessionToken, url: ORIGIN, secure: true }])
    await page.goto(`${ORIGIN}/source-domains`)
    expect(await widthOf('.chooser select')).toBeLessThan(200) // beside its label, not below it
    await context.close()
  })

  test('what is grave by what was typed is confirmed in another tab, and nothing is typed twice', async () => {
    await account('two-tabs@example.org', true)
    const context = await rig.context()
    const page = await context.newPage()
    await signIn(page, 'two-tabs@example.org')
    await page.waitForURL(`${ORIGIN}/overview`)
    server.clock.advance(FRESH_MS)
    await page.goto(`${ORIGIN}/users`)
    await page.getByLabel('E-mail address').fill('typed-once@example.org')
    await page.getByLabel('An operator').check()
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    const opened = context.waitForEvent('page')
    await page.getByRole('link', { name: 'Confirm first that it is you' }).click()
    const tab = await opened
    await tab.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await tab.getByRole('button', { name: 'Confirm', exact: true }).click()
    await tab.waitForURL(`${ORIGIN}/users`)
    await tab.close()
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('heading', { name: 'The account typed-once@example.org' }).waitFor()
    await context.close()
  })

  test('a member is invited, accepts, sees their own tenant only, and ends a device', async () => {
    await server.signIn()
    await thingsOf(server, 'acme')
    await thingsOf(server, 'rival')
    await account('boss@example.org', true)
    const context = await rig.context()
    const page = await context.newPage()
    await signIn(page, 'boss@example.org')
    await page.goto(`${ORIGIN}/tenants/acme/members`)
    await page.getByLabel('E-mail address').fill('guest@example.org')
    await page.getByLabel('Role', { exact: true }).selectOption('admin')
    await page.getByRole('button', { name: 'Make the invitation' }).click()
    const link = await page.locator('.copyable code').textContent()
    await page.getByRole('button', { name: 'Sign out' }).click()

    await page.goto(link!)
    await page.getByLabel('New password').fill(PASSWORD)
    await page.getByLabel('The same again').fill(PASSWORD)
    await page.getByRole('button', { name: 'Accept' }).click()
    await page.getByText('You are a member of acme now.').waitFor()
    expect(await page.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents()).toEqual([
      'Overview',
      'Delegations',
      'Source domains',
      'Certificates',
      'Tenants',
    ])
    await page.getByRole('link', { name: 'Source domains' }).first().click()
    await page.getByRole('link', { name: 'im.acme.example' }).waitFor()
    expect(await page.getByText('rival').count()).toBe(0)
    expect((await page.goto(`${ORIGIN}/tenants/rival`))?.status()).toBe(404)

    const other = await rig.context()
    const elsewhere = await other.newPage()
    await signIn(elsewhere, 'guest@example.org')
    await elsewhere.waitForURL(`${ORIGIN}/overview`)
    await page.goto(`${ORIGIN}/account`)
    await page.getByRole('button', { name: 'Sign all other devices out' }).click()
    await page.getByText('One other device is signed out.').waitFor()
    await elsewhere.goto(`${ORIGIN}/account`)
    await elsewhere.waitForURL(/\/sign-in\?next=%2Faccount/)
    await other.close()
    await context.close()
  })

  test('no page of people scrolls sideways at 320 pixels', async () => {
    const long = `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.example.org`
    await account(long, true)
    const context = await rig.context()
    const page = await context.newPage()
    await page.setViewportSize({ width: 320, height: 800 })
    await signIn(page, long)
    await page.waitForURL(`${ORIGIN}/overview`)
    const tenant = (await server.deps.tenants.findByName('acme'))!
    const [domain] = await server.deps.sourceDomains.list(tenant.id, { limit: 1 })
    const [lineage] = await server.deps.lineages.list(tenant.id, { limit: 1 })
    const [user] = await server.deps.users.list({ limit: 1, search: 'boss@' })
    const [member] = await server.deps.members.list(tenant.id, { limit: 1 })
    await server.deps.members.add(tenant.id, { userId: user!.id, role: 'owner' }, server.act())
    const certificate = lineage!.certificates[0]!
    const certificates = `/tenants/acme/lineages/${lineage!.name}/certificates/${certificate.id}`
    for (const path of [
      ...['/account', '/account/second-factor', '/account/passkeys', '/account/second-factor/remove', '/confirm'],
      ...['/tenants', '/tenants/acme', '/tenants/acme/members', '/tenants/acme/tokens', '/tenants/acme/audit'],
      ...[`/tenants/acme/members/${member!.id}/remove`, '/tenants/acme/suspend', '/tenants/acme/remove'],
      ...[`/tenants/acme/source-domains/${domain!.name}`, '/source-domains?tenant=acme', '/audit', '/users'],
      ...[`/users/${user!.id}`, `/users/${user!.id}/operator`, '/operator/tokens', `${certificates}/remove`],
      ...['/sign-in', '/sign-in?token=x', '/register', '/certificates/import', `${certificates}/key`],
    ]) {
      const answer = await page.goto(ORIGIN + path)
      expect([path, answer?.status(), await sidewaysScroll(page)]).toEqual([path, 200, 0])
    }
    await page.goto(`${ORIGIN}/account/second-factor`)
    await page.getByRole('button', { name: 'Set it up' }).click()
    await page.getByRole('img', { name: 'QR code' }).waitFor()
    expect(await sidewaysScroll(page)).toBe(0)
    await context.close()
  })

  test('the console has no word of CSP or Trusted Types, nor of anything else', () => {
    expect(rig.complaints).toEqual([])
  })
})
