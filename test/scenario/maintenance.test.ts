import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { ask, type Reply } from '../support/https-client.ts'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

const ADMIN = 'admin.localhost'
const DOMAIN = 'im.example.com'
const TARGET = 'hosting.example.com'
const PATH = `/.well-known/tls/_xmpp-server._tcp.${DOMAIN}`

let site: Waypost
let secret: string

beforeAll(async () => {
  site = await newWaypost()
  const pem = join(site.folder, 'xmpp.pem')
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', '/CN=xmpp.hosting.example.com', '-keyout', join(site.folder, 'xmpp.key'), '-out', pem],
  ])
  await done('tenant', 'add', 'acme')
  await done('target', 'add', TARGET, '--port', String(site.ports.https))
  await done('domain', 'add', DOMAIN, '--vouch')
  await done('certificate', 'import', pem, '--lineage', 'xmpp')
  await done('delegation', 'add', DOMAIN, '--target', TARGET, '--certificate', 'xmpp')
  const scopes = ['--scope', 'source-domains:write', '--scope', 'delegations:write']
  secret = (await done('token', 'create', 'deploy', '--tenant', 'acme', ...scopes)).trim()
  await site.start()
  await until(async () => (await statusOf(DOMAIN)) === 302 && (await statusOf(TARGET)) === 200)
}, 60_000)
afterAll(() => site.remove())

async function done(...command: string[]): Promise<string> {
  const { code, stdout, stderr } = await site.waypost(...command)
  expect(code, stderr).toBe(0)
  return stdout
}

const statusOf = (host: string) =>
  ask(site, host, PATH).then(
    ({ status }) => status,
    () => undefined,
  )

/** A program of the tenant's, over the edge. */
function api(method: string, path: string, body?: unknown): Promise<Reply> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' }
  const asked = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  return ask(site, ADMIN, `/api/v1/tenants/acme${path}`, asked)
}
const domains = async () =>
  (JSON.parse((await api('GET', '/source-domains')).body) as { items: { name: string }[] }).items.map(
    ({ name }) => name,
  )

/** Asks both hops again and again until it is stopped. @returns what was answered other than as ever */
function fetching() {
  const others: unknown[] = []
  let isOver = false
  let count = 0
  const loop = (async () => {
    for (; !isOver; count++) {
      const found = [await statusOf(DOMAIN), await statusOf(TARGET)]
      if (others.length < 10 && (found[0] !== 302 || found[1] !== 200)) others.push(found)
    }
  })()
  const stop = async () => {
    isOver = true
    await loop
    return { count, others }
  }
  onTestFinished(async () => void (await stop()))
  return stop
}

test('while maintenance is on, fetches go on, certificates come, and a tenant’s changes are refused', async () => {
  const stop = fetching()
  await done('maintenance', 'on', '--reason', 'we move to another machine')

  const refused = await api('POST', '/source-domains', { name: 'new.example.com' })
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '300'])
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'maintenance' })
  expect(refused.body).toContain('we move to another machine')
  const { items } = JSON.parse((await api('GET', '/delegations')).body) as { items: { id: string }[] }
  expect((await api('DELETE', `/delegations/${items[0]!.id}`)).status).toBe(503)
  expect(await domains()).toEqual([DOMAIN])

  // The operator changes what they like, and the job that issues and renews certificates goes on
  await done('domain', 'add', 'other.example.com', '--vouch')
  await until(async () => (await statusOf('other.example.com')) === 404, 15_000)

  const { count, others } = await stop()
  expect(others).toEqual([])
  expect(count).toBeGreaterThan(20)
  await done('maintenance', 'off')
  expect((await api('POST', '/source-domains', { name: 'new.example.com' })).status).toBe(201)
  expect(await domains()).toEqual([DOMAIN, 'new.example.com', 'other.example.com'])
}, 60_000)
