import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as OTPAuth from 'otpauth'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

const run = promisify(execFile)
const ADMIN = 'admin.localhost'
const DOMAIN = 'im.example.com'
const TARGET = 'hosting.example.com'
const WELL_KNOWN = `/.well-known/tls/_xmpp-server._tcp.${DOMAIN}`
const PASSWORD = 'seventeen quiet herons'

let site: Waypost
beforeAll(async () => {
  site = await newWaypost()
  await site.start()
})
afterAll(() => site.remove())

interface Reply {
  status: number
  headers: string
  body: string
  json: Record<string, unknown>
}

async function curl(url: string, ...args: string[]): Promise<Reply> {
  const { stdout } = await run('curl', [
    ...['--silent', '--show-error', '--include', '--max-time', '20', '--cacert', site.rootFile],
    ...['--connect-to', `::127.0.0.1:${site.ports.https}`, ...args, url],
  ])
  const [headers = '', ...rest] = stdout.split('\r\n\r\n')
  const body = rest.join('\r\n\r\n')
  const isJson = /^content-type: application\/(problem\+)?json/im.test(headers)
  return {
    status: Number(/^HTTP\/1.1 (\d+)/.exec(headers)?.[1]),
    headers,
    body,
    json: isJson ? (JSON.parse(body) as Record<string, unknown>) : {},
  }
}

/** The API, asked by one person or program. */
function api(...credentials: string[]) {
  return (method: string, path: string, body?: unknown, ...args: string[]) =>
    curl(
      `https://${ADMIN}:${site.ports.https}/api/v1${path}`,
      ...['--request', method, ...credentials, ...args],
      ...(body === undefined ? [] : ['--header', 'Content-Type: application/json', '--data', JSON.stringify(body)]),
    )
}

function person(name: string) {
  const jar = join(site.folder, `${name}.cookies`)
  writeFileSync(jar, '')
  return ['--cookie', jar, '--cookie-jar', jar, '--header', `Origin: https://${ADMIN}:${site.ports.https}`]
}

const tokenOf = (url: unknown) => new URL(String(url)).searchParams.get('token')!

test('a complete life by curl alone', async () => {
  // Set up: the link of the first start, and from it the first operator's account
  const { stdout: link } = await site.waypost('sign-in', '--json')
  const machine = person('machine')
  const signedIn = await curl(
    `https://${ADMIN}:${site.ports.https}/sign-in`,
    ...[...machine, '--data', `token=${tokenOf((JSON.parse(link) as { url: string }).url)}`],
  )
  expect(signedIn.status, signedIn.body).toBe(303)
  const boss = { email: 'boss@hosting.example', password: 'nine patient ferrymen' }
  const created = await api(...machine)('POST', '/users', { ...boss, isOperator: true })
  expect(created.status, created.body).toBe(201)
  const operator = api(...person('operator'))
  expect((await operator('POST', '/session', boss)).json).toMatchObject({ stage: 'complete' })
  expect((await operator('POST', '/tenants', { name: 'acme' })).status).toBe(201)
  expect((await operator('POST', '/target-hosts', { name: TARGET, port: site.ports.https })).status).toBe(201)

  // Invite and accept
  const invited = await operator('POST', '/tenants/acme/invitations', { email: 'alice@acme.example', role: 'owner' })
  expect(invited.status, invited.body).toBe(201)
  const alice = api(...person('alice'))
  const accepted = await alice('POST', '/invitations/accept', {
    token: tokenOf((invited.json['link'] as { url: string }).url),
    password: PASSWORD,
  })
  expect(accepted.status, accepted.body).toBe(201)
  expect((await alice('GET', '/session')).json).toMatchObject({
    name: 'alice@acme.example',
    isOperator: false,
    tenants: [{ name: 'acme', role: 'owner' }],
  })

  // Second factor, and signing in by it
  const begun = await alice('POST', '/account/totp', {})
  expect(begun.status, begun.body).toBeLessThan(300)
  const code = new OTPAuth.TOTP({ secret: OTPAuth.Secret.fromBase32(String(begun.json['secret'])) }).generate()
  const confirmed = await alice('POST', '/account/totp/confirm', { code })
  const recoveryCodes = confirmed.json['recoveryCodes'] as string[]
  expect(recoveryCodes).toHaveLength(10)
  const again = api(...person('alice-again'))
  const half = await again('POST', '/session', { email: 'alice@acme.example', password: PASSWORD })
  expect(half.json).toMatchObject({ stage: 'second-factor' })
  expect((await again('GET', '/tenants/acme')).status).toBe(401)
  expect((await again('POST', '/session/code', { code: recoveryCodes[0] })).json).toMatchObject({ stage: 'complete' })
  expect((await again('GET', '/tenants/acme')).status).toBe(200)

  // A token, and everything else by it
  const issued = await again('POST', '/tenants/acme/tokens', {
    name: 'deploy',
    scopes: ['source-domains:write', 'delegations:write', 'certificates:write', 'audit:read'],
    addresses: ['127.0.0.0/8'],
  })
  expect(issued.status, issued.body).toBe(201)
  const program = api('--header', `Authorization: Bearer ${String(issued.json['secret'])}`)
  const registered = await program('PUT', `/tenants/acme/source-domains/${DOMAIN}`, { mode: 'hosted' })
  expect(registered.status, registered.body).toBe(201)
  expect((await program('POST', `/tenants/acme/source-domains/${DOMAIN}/vouch`)).status).toBe(403)
  expect((await operator('POST', `/tenants/acme/source-domains/${DOMAIN}/vouch`)).status).toBe(200)

  const [key, pem] = [join(site.folder, 'xmpp.key'), join(site.folder, 'xmpp.pem')]
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', `/CN=${TARGET}`, '-addext', `subjectAltName=DNS:${TARGET}`, '-keyout', key, '-out', pem],
  ])
  const certificate = readFileSync(pem, 'utf8')
  const imported = await program('POST', '/tenants/acme/certificates', { certificate, lineage: 'xmpp' })
  expect(imported.status, imported.body).toBe(201)
  const delegated = await program('POST', '/tenants/acme/delegations', {
    ...{ sourceDomain: DOMAIN, service: '_xmpp-server', targetHost: TARGET, lineage: 'xmpp' },
  })
  expect(delegated.status, delegated.body).toBe(201)

  // Both hops of draft-miller-xmpp-fed-00 §6.3
  const first = () => curl(`https://${DOMAIN}:${site.ports.https}${WELL_KNOWN}`).catch(() => undefined)
  await until(async () => (await first())?.status === 302)
  const location = /^location: (.*)$/im.exec((await first())!.headers)![1]!.trim()
  expect(location).toBe(`https://${TARGET}:${site.ports.https}${WELL_KNOWN}`)
  const second = await curl(location)
  expect([second.status, second.body]).toEqual([200, certificate])

  // Who did what, and the end
  const audit = await program('GET', '/tenants/acme/audit')
  const actions = (audit.json['items'] as { action: string; actor: string }[]).map(
    ({ action, actor }) => `${actor}: ${action}`,
  )
  expect(actions).toEqual(
    expect.arrayContaining([
      'token deploy: delegation.register',
      'boss@hosting.example: source-domain.vouch',
      'token deploy: source-domain.add',
      'alice@acme.example: token.add',
      'boss@hosting.example: invitation.add',
    ]),
  )
  expect((await operator('GET', '/audit/verification')).json).toMatchObject({ isWhole: true })
  expect((await program('DELETE', `/tenants/acme/delegations/${String(delegated.json['id'])}`)).status).toBe(204)
  await until(async () => (await first())?.status === 404, 1000)
  expect((await again('DELETE', '/session')).status).toBe(204)
  expect((await again('GET', '/session')).status).toBe(401)
}, 60_000)
