import { createPrivateKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { Secret } from 'otpauth'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { declared } from '../../src/admin/app.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { parseConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { adminParts } from '../../src/parts.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { SPECIAL_NAMES } from '../support/special-names.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import {
  ADMIN_HOST,
  adminServer,
  NOW,
  ORIGIN,
  selfSigned,
  type AdminServer,
  type Answer,
  type Asked,
} from './admin-server.ts'
import { codeOf, cookieOf, tokenIn } from './people.ts'

interface Canary {
  name: string
  text: string
  shownIn?: Answer // the one answer whose body may hold it
}

const PASSWORDS = { owner: 'violet trombone parade', next: 'copper ladder sunrise', guest: 'walnut compass drizzle' }

const canaries: Canary[] = []
const answers: { asked: string; answer: Answer }[] = []
const logged: string[] = []
let folder: string
let storage: Storage
let server: AdminServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'waypost-canary-'))
  const keys = sealer(randomBytes(32), randomBytes)
  const clock = stoppedClock(NOW)
  storage = await openStorage({ url: undefined, file: join(folder, 'waypost.db'), sealer: keys, clock })
  await storage.migrate()
  const config = parseConfig(
    `[admin]\nhost = "${ADMIN_HOST}"\nrequests_per_minute = 1000000\n[tenants]\nself_registration = true\n[log]\nlevel = "debug"\n[outside]\nresolvers = ["127.0.0.1:1"]\n[names]\nallow = ${JSON.stringify(SPECIAL_NAMES)}\n`,
  )
  const log = createLog({ level: 'debug', role: 'test' }, { write: (line: string) => void logged.push(line) })
  const parts = adminParts({ storage, sealer: keys, config, clock, log, roots: async () => undefined })
  server = await adminServer({ ...parts, isBehindEdge: false })
})
afterAll(async () => {
  await server.close()
  await storage.close()
  rmSync(folder, { recursive: true })
})

function secret(name: string, text: string, shownIn?: Answer): void {
  expect([name, text.length >= 10]).toEqual([name, true])
  canaries.push({ name, text, ...(shownIn && { shownIn }) })
}

async function ask(path: string, asked: Asked = {}): Promise<Answer> {
  const answer = await server.ask(path, asked)
  answers.push({ asked: `${asked.method ?? 'GET'} ${path}`, answer })
  return answer
}

function api(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(`/api/v1${path}`, {
    method,
    headers: { origin: ORIGIN, 'content-type': body === undefined ? undefined : 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

function opened(name: string, answer: Answer): { cookie: string } {
  const cookie = cookieOf(answer)
  secret(`the session token of ${name}`, cookie.split('=')[1] ?? '')
  return { cookie }
}

/** The forms in which a key could get out. Its end is the public key, which a certificate has too. */
function keyCanaries(name: string, pem: string): void {
  const key = createPrivateKey(pem)
  const der = key.export({ type: 'pkcs8', format: 'der' })
  const scalar = Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url')
  const lines = pem.split('\n').filter((line) => !line.startsWith('-'))
  for (const line of lines.slice(0, 2)) secret(`a line of ${name}`, line)
  for (const encoding of ['base64', 'base64url', 'hex'] as const) {
    secret(`the number of ${name} in ${encoding}`, scalar.toString(encoding).slice(0, 40))
    // As it stands within the DER, where base64 begins at a multiple of three
    const from = Math.ceil(der.indexOf(scalar) / 3) * 3
    secret(`a part of ${name} in ${encoding}`, der.subarray(from, from + 24).toString(encoding))
  }
}

test('S20: no key, password, token, link or code gets into a log, the audit trail or an answer that is not its own', async () => {
  const { privateKey, certificate } = selfSigned({ dnsNames: ['hosting.example.com'] })
  keyCanaries('the imported key', privateKey)
  for (const [who, password] of Object.entries(PASSWORDS)) secret(`the password of ${who}`, password)

  // The operator of the machine, who came by a link
  const machine = { cookie: await server.signIn() }
  secret('the session token of the operator', machine.cookie.split('=')[1] ?? '')
  const tenant = await api('POST', '/tenants', { name: 'acme' }, machine)
  expect(tenant.status).toBe(201)
  await api('POST', '/tenants/acme/source-domains', { name: 'im.example.com', isVouched: true }, machine)
  await api('POST', '/target-hosts', { name: 'hosting.example.com' }, machine)

  // Somebody is invited, accepts, and gets a second factor
  const invited = await api('POST', '/tenants/acme/invitations', { email: 'owner@example.org', role: 'owner' }, machine)
  const token = tokenIn(invited.json().link)
  secret('the token of the invitation', token, invited)
  await api('POST', '/invitations/look', { token })
  const accepted = await api('POST', '/invitations/accept', { token, password: PASSWORDS.owner })
  expect(accepted.status).toBe(201)
  let owner = opened('the owner', accepted)
  const begun = await api('POST', '/account/totp', {}, owner)
  const shared = begun.json().secret as string
  secret('the secret of the authenticator app', shared, begun)
  for (const encoding of ['hex', 'base64'] as const)
    secret(
      `the secret of the authenticator app in ${encoding}`,
      Buffer.from(Secret.fromBase32(shared).bytes).toString(encoding).replace(/=+$/, ''),
    )
  const confirmed = await api('POST', '/account/totp/confirm', { code: codeOf(shared, server.deps.clock.now()) }, owner)
  const { recoveryCodes } = confirmed.json() as { recoveryCodes: string[] }
  recoveryCodes.forEach((code, at) => secret(`recovery code ${at}`, code, confirmed))
  const pending = opened(
    'the sign-in',
    await api('POST', '/session', { email: 'owner@example.org', password: PASSWORDS.owner }),
  )
  owner = opened('the second step', await api('POST', '/session/code', { code: recoveryCodes[0] }, pending))
  owner = opened(
    'the confirmation',
    await api('POST', '/session/confirm', { password: PASSWORDS.owner, code: recoveryCodes[1] }, owner),
  )
  await api('PUT', '/account/password', { present: PASSWORDS.owner, password: PASSWORDS.next }, owner)

  // Tokens, with a rotation, and the answer that is given again
  const key = { ...owner, 'idempotency-key': 'one' }
  const issue = () =>
    api('POST', '/tenants/acme/tokens', { name: 'deploy', scopes: ['certificates:write', 'audit:read'] }, key)
  const issued = await issue()
  const again = await issue()
  expect([issued.status, again.text]).toEqual([201, issued.text])
  answers.pop()
  const bearer = { authorization: `Bearer ${issued.json().secret as string}` }
  secret('the secret of the token', issued.json().secret as string, issued)
  const { id } = issued.json().token as { id: string }
  const rotated = await api('POST', `/tenants/acme/tokens/${id}/rotate`, {}, owner)
  secret('the next secret of the token', rotated.json().secret as string, rotated)

  // A certificate with its key, by the token
  const imported = await api(
    'POST',
    '/tenants/acme/certificates',
    { certificate, privateKey, lineage: 'hosting' },
    bearer,
  )
  expect(imported.status).toBe(201)

  // Another way to a password, and a registration
  const made = await api('POST', '/users', { email: 'guest@example.org' }, machine)
  const link = tokenIn(made.json().passwordLink)
  secret('the token of the link for a password', link, made)
  const user = (made.json().user as { id: string }).id
  await api('POST', '/password-links/use', { token: link, password: PASSWORDS.guest })
  await api('POST', '/registrations', { tenant: 'shop', email: 'shop@example.org', password: PASSWORDS.guest })

  // What goes wrong: each with a secret in it
  const other = selfSigned({ dnsNames: ['other.example.com'] })
  keyCanaries('a key that does not fit', other.privateKey)
  const refused = [
    await api('POST', '/session', { email: 'guest@example.org', password: `${PASSWORDS.guest}!` }),
    await api('POST', '/session', { email: PASSWORDS.guest, password: PASSWORDS.guest }),
    await api('POST', '/session', `{"email":"x","password":"${PASSWORDS.guest}"`),
    await api('POST', '/session', { email: 'x', passwort: PASSWORDS.guest }),
    await api('POST', '/session/code', { code: recoveryCodes[0] }, owner),
    await api('POST', '/invitations/accept', { token, password: PASSWORDS.guest }),
    await api('POST', '/password-links/use', { token: link, password: PASSWORDS.guest }),
    await api('PUT', '/account/password', { present: PASSWORDS.guest, password: PASSWORDS.next }, owner),
    await api('POST', '/tenants/acme/certificates', { certificate, privateKey: other.privateKey }, bearer),
    await api('POST', '/tenants/acme/certificates', { certificate: other.privateKey, privateKey: certificate }, bearer),
    await api('POST', '/tenants/acme/certificates', { certificate, privateKey: privateKey.slice(0, -60) }, bearer),
    await api('POST', '/tenants/acme/certificates', { certificate, privateKey, lineage: 7 }, bearer),
    await api('GET', `/session?token=${bearer.authorization.slice(7)}`, undefined, owner),
    await api('GET', '/session', undefined, { authorization: `Bearer ${issued.json().secret as string}x` }),
  ]
  for (const { status } of refused) expect(status).toBeGreaterThanOrEqual(400)

  // Whatever can be read afterwards
  const known: Record<string, string[]> = {
    tenant: ['acme'],
    name: ['im.example.com', 'hosting.example.com'],
    lineage: ['hosting'],
    user: [user],
    id: [id, user],
    service: ['_xmpp-server'],
  }
  let read = 0
  for (const { declaration } of declared(server.deps).routes) {
    if (declaration.method !== 'get') continue
    const names = [...declaration.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
    const paths = names.reduce<string[]>(
      (paths, name) => paths.flatMap((path) => known[name]!.map((value) => path.replace(`{${name}}`, value))),
      [declaration.path],
    )
    for (const path of paths)
      for (const caller of [machine, owner, bearer])
        if ((await api('GET', path, undefined, caller)).status === 200) read++
  }
  expect(read).toBeGreaterThan(40)
  const csv = await api('GET', '/audit/export?format=csv', undefined, machine)
  const trail = csv.text + (await api('GET', '/audit/export?format=json', undefined, machine)).text
  for (const action of ['token.add', 'token.rotate', 'certificate', 'member.add', 'session.open', 'user'])
    expect(trail).toContain(action)

  // A database that fails under way: its errors name what was to be written
  const database = new Sqlite(join(folder, 'waypost.db'))
  const tables = ['api_token_secret', 'private_key', 'link', 'user_account', 'recovery_code', 'audit_event']
  const broken: Answer[] = []
  for (const table of tables) {
    database.exec(`alter table ${table} rename to ${table}_gone`)
    broken.push(
      await api('POST', '/tenants/acme/tokens', { name: `with ${table}`, scopes: ['audit:read'] }, machine),
      await api(
        'POST',
        '/tenants/acme/certificates',
        { certificate: other.certificate, privateKey: other.privateKey },
        machine,
      ),
      await api('POST', '/tenants/acme/invitations', { email: 'new@example.org', role: 'viewer' }, machine),
      await api('POST', '/session', { email: 'guest@example.org', password: PASSWORDS.guest }),
      await api('POST', '/registrations', { tenant: 'x', email: 'x@example.org', password: PASSWORDS.guest }),
    )
    database.exec(`alter table ${table}_gone rename to ${table}`)
  }
  database.close()
  expect(broken.filter(({ status }) => status >= 500).length).toBeGreaterThan(5)
  expect(logged.length).toBeGreaterThan(5)

  const everything = [
    ...logged.map((line) => ({ where: 'the log', text: line, answer: null })),
    { where: 'the audit trail', text: trail, answer: null },
    // JSON writes some characters in another way
    ...answers.map(({ asked, answer }) => ({ where: asked, text: answer.text + decoded(answer.text), answer })),
    ...answers.map(({ asked, answer }) => ({
      where: `the headers of ${asked}`,
      text: JSON.stringify({ ...answer.headers, 'set-cookie': null }),
      answer: null,
    })),
  ]
  const hits = canaries.flatMap(({ name, text, shownIn }) =>
    everything
      .filter((one) => one.text.includes(text) && (!shownIn || one.answer !== shownIn))
      .map(({ where }) => `${name} is in ${where}`),
  )
  expect(hits).toEqual([])
  // Each that is shown, is shown
  for (const { name, text, shownIn } of canaries)
    if (shownIn) expect([name, shownIn.text.includes(text)]).toEqual([name, true])
})

function decoded(text: string): string {
  return text
    .replace(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll('\\', '')
}
