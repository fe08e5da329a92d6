import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchChromium } from '../support/chromium.ts'
import { ask, signIn } from '../support/https-client.ts'
import { isLeftOut } from '../support/left-out.ts'
import { until } from '../support/until.ts'
import { freePort, newWaypost, type Waypost } from '../support/waypost.ts'

const DOMAIN = 'im.example.com'
const TARGET = 'hosting.example.com'
const PATH = `/.well-known/tls/_xmpp-server._tcp.${DOMAIN}`
/** A change is served by every worker within a second of the commit. */
const SERVED_WITHIN_MS = 1000

let site: Waypost

beforeAll(async () => {
  site = await newWaypost({ WAYPOST_EDGE_PROCESSES: '2' })
  const pem = join(site.folder, 'xmpp.pem')
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', '/CN=xmpp.hosting.example.com', '-keyout', join(site.folder, 'xmpp.key'), '-out', pem],
  ])
  for (const command of [
    ['tenant', 'add', 'acme'],
    ['target', 'add', TARGET, '--port', String(site.ports.https)],
    ['domain', 'add', DOMAIN, '--vouch'],
    ['certificate', 'import', pem, '--lineage', 'xmpp'],
  ]) {
    const { code, stderr } = await site.waypost(...command)
    expect(code, stderr).toBe(0)
  }
  await site.start()
  // Each process learns for itself of the names' first certificates
  await until(async () => (await isEverywhere(404)) && (await isEverywhere(404, TARGET)))
})
afterAll(() => site.remove())

const statusOf = (host: string) =>
  ask(site, host, PATH).then(
    ({ status }) => status,
    () => undefined,
  )
/** Asked many times, since each of the two edge processes keeps names in a memory of its own. */
const isEverywhere = async (status: number, host = DOMAIN) =>
  (await Promise.all(Array.from({ length: 8 }, () => statusOf(host)))).every((one) => one === status)

describe('a change is served within a second', () => {
  test('when a command makes it in another shell', async () => {
    expect(await isEverywhere(404)).toBe(true)
    const add = await site.waypost('delegation', 'add', DOMAIN, '--target', TARGET, '--certificate', 'xmpp')
    expect(add.code, add.stderr).toBe(0)
    await until(() => isEverywhere(302), SERVED_WITHIN_MS)
    expect((await ask(site, TARGET, PATH)).body).toBe(readFileSync(join(site.folder, 'xmpp.pem'), 'utf8'))

    expect((await site.waypost('delegation', 'withdraw', DOMAIN)).code).toBe(0)
    await until(() => isEverywhere(404), SERVED_WITHIN_MS)
    await until(async () => (await statusOf(TARGET)) === 404, SERVED_WITHIN_MS)
  })

  test('when the API makes it', async () => {
    const api = await signIn(site)
    const registered = await api('POST', '/tenants/acme/delegations', {
      sourceDomain: DOMAIN,
      service: '_xmpp-server._tcp',
      targetHost: TARGET,
      lineage: 'xmpp',
    })
    expect(registered.status, registered.body).toBe(201)
    await until(() => isEverywhere(302), SERVED_WITHIN_MS)

    const { id } = JSON.parse(registered.body) as { id: string }
    expect((await api('DELETE', `/tenants/acme/delegations/${id}`)).status).toBe(204)
    await until(() => isEverywhere(404), SERVED_WITHIN_MS)
  })

  test.skipIf(isLeftOut('chromium'))('when somebody makes it on the page', async () => {
    const browser = await launchChromium('admin.localhost', site.ports.https)
    try {
      const page = await browser.newPage({ ignoreHTTPSErrors: true })
      const { stdout } = await site.waypost('sign-in')
      await page.goto(stdout.trim())
      await page.getByRole('button', { name: 'Sign in as the operator' }).click()
      await page.getByRole('link', { name: 'Delegations', exact: true }).click()
      await page.getByRole('link', { name: 'Register a delegation' }).first().click()
      await page.getByLabel('Tenant', { exact: true }).fill('acme')
      await page.getByLabel('Source domain', { exact: true }).fill(DOMAIN)
      await page.getByLabel('Service', { exact: true }).fill('_xmpp-server._tcp')
      await page.getByLabel('Target host', { exact: true }).fill(TARGET)
      await page.getByLabel('Certificate lineage', { exact: true }).fill('xmpp')
      await page.getByRole('button', { name: 'Register', exact: true }).click()
      await page.getByText(`The delegation of ${DOMAIN} is registered.`).waitFor()
      await until(() => isEverywhere(302), SERVED_WITHIN_MS)

      await page.getByRole('link', { name: 'Withdraw' }).click()
      await page.getByRole('button', { name: 'Withdraw' }).click()
      await page.getByText(`The delegation of ${DOMAIN} is withdrawn.`).waitFor()
      await until(() => isEverywhere(404), SERVED_WITHIN_MS)
    } finally {
      await browser.close()
    }
  })

  test('also when the process that should tell of it has just died', async () => {
    const { pid } = processOf('main')
    process.kill(pid, 'SIGKILL')
    const add = await site.waypost('delegation', 'add', DOMAIN, '--target', TARGET, '--certificate', 'xmpp')
    expect(add.code, add.stderr).toBe(0)
    await until(() => isEverywhere(302), SERVED_WITHIN_MS)
    await until(() => processOf('main').pid !== pid)
    expect((await site.waypost('delegation', 'withdraw', DOMAIN)).code).toBe(0)
    await until(() => isEverywhere(404), SERVED_WITHIN_MS)
  })
})

describe('a second server', () => {
  test('on the same data folder is refused, and the first does not notice', async () => {
    const other = await freePort()
    const { code, stderr } = await site.waypost('serve')
    expect([code, stderr]).toEqual([2, expect.stringMatching(/another Waypost is running|taken by another program/)])
    const elsewhere = await site.with({
      WAYPOST_HEALTH_LISTEN: `127.0.0.1:${other}`,
      WAYPOST_EDGE_HTTPS: `127.0.0.1:${await freePort()}`,
      WAYPOST_EDGE_HTTP: `127.0.0.1:${await freePort()}`,
    })('serve')
    expect([elsewhere.code, elsewhere.stderr]).toEqual([2, expect.stringContaining('another Waypost is running')])
    expect((await ask(site, 'admin.localhost', '/sign-in')).status).toBe(200)
  })
})

describe('a process that dies', () => {
  test('is started again; whoever asks the other edge process does not notice', async () => {
    const before = processOf('edge').pid
    process.kill(before, 'SIGKILL')
    await until(() => processOf('edge').pid !== before)
    await until(() => isEverywhere(404))
  })
})

/** The newest process of its kind, by its first line in the log. */
function processOf(role: string): { pid: number } {
  const lines = readFileSync(site.logFile, 'utf8').trim().split('\n')
  const starts = lines
    .map((line) => JSON.parse(line) as { role: string; pid: number; msg: string })
    .filter((line) => line.role === role && /is ready|is listening/.test(line.msg))
  const last = starts.at(-1)
  if (!last) throw new Error(`no ${role} process in the log`)
  return last
}
