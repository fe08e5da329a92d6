import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminApp } from '../../src/admin/app.ts'
import type { Act } from '../../src/act.ts'
import type { AdminDeps } from '../../src/admin/deps.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { parseConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { adminParts } from '../../src/parts.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import type { Role } from '../../src/tenant/member.ts'
import type { Principal } from '../../src/tenant/principal.ts'
import type { Scope } from '../../src/tenant/scope.ts'
import { SESSION_LIFE_MS } from '../../src/tenant/session.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import type { User } from '../../src/tenant/user.ts'
import { SPECIAL_NAMES } from '../support/special-names.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

export const ADMIN_HOST = 'admin.example.net'
export const ORIGIN = `https://${ADMIN_HOST}`
/** Where the clock stands: a little ahead, so that what openssl makes in the meantime is valid by it. */
export const NOW = new Date(new Date().getTime() + 3_600_000).toISOString()

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  json: () => Record<string, unknown>
}

export interface Asked {
  method?: string
  headers?: Record<string, string | string[] | undefined>
  body?: string | Buffer
}

/** Somebody who asks, with a session's cookie or an API token. */
export interface Somebody {
  headers: Record<string, string>
  api: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>
  /** From the browser's own form. */
  submit: (path: string, fields: Record<string, string>) => Promise<Answer>
  page: (path: string) => Promise<Answer>
}

/** Itself somebody: the operator of the machine, once signed in. */
export interface AdminServer extends Somebody {
  deps: AdminDeps
  storage: Storage
  clock: ReturnType<typeof stoppedClock>
  logged: string[]
  port: number
  ask: (path: string, asked?: Asked) => Promise<Answer>
  signIn: () => Promise<string>
  cookie: () => string
  act: () => Act
  /** A new user with a session, who has just authenticated. */
  person: (is?: {
    email?: string
    isOperator?: boolean
    roles?: Record<string, Role> // by the tenants' names
  }) => Promise<Somebody & { user: User; sessionToken: string }>
  /** A new API token. @param tenant its name; null: the operator's */
  program: (tenant: string | null, scopes: readonly Scope[]) => Promise<Somebody & { secret: string }>
  close: () => Promise<void>
}

/** Who may issue any token. */
const ANYBODY: Principal = {
  name: 'test',
  key: 'test',
  userId: null,
  isOperator: true,
  roles: new Map(),
  scopes: 'all',
  authenticatedAt: new Date(NOW),
  token: null,
}

/** The real admin plane over a real database, in memory where no file is given, on a port of 127.0.0.1. */
export async function adminServer(
  overrides: Partial<AdminDeps> = {},
  { file = ':memory:' }: { file?: string } = {},
): Promise<AdminServer> {
  const clock = stoppedClock(NOW)
  const logged: string[] = []
  const keys = sealer(randomBytes(32), randomBytes)
  const storage = await openStorage({ url: undefined, file, sealer: keys, clock })
  await storage.migrate()
  const config = parseConfig(
    `[admin]\nhost = "${ADMIN_HOST}"\nrequests_per_minute = 1000000\npublic_check = true\n[tenants]\nself_registration = true\n[edge]\nname = "edge.example.net"\naddresses = ["192.0.2.1", "2001:db8::1"]\n[names]\nallow = ${JSON.stringify(SPECIAL_NAMES)}\n[outside]\nresolvers = ["127.0.0.1:1"]\n`,
  )
  const log = createLog({ level: 'debug', role: 'test' }, { write: (line: string) => void logged.push(line) })
  const deps: AdminDeps = {
    ...adminParts({ storage, sealer: keys, config, clock, log, roots: async () => undefined }),
    isBehindEdge: false,
    ...overrides,
  }
  const server = http.createServer(adminApp(deps))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  let session = ''

  function ask(path: string, { method = 'GET', headers = {}, body }: Asked = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = Object.fromEntries(
        Object.entries({
          host: ADMIN_HOST,
          // Node frames no body of a DELETE by itself
          'content-length': body === undefined ? undefined : String(Buffer.byteLength(body)),
          ...headers,
        }).filter(([, value]) => value !== undefined),
      )
      const request = http.request(
        { host: '127.0.0.1', port, path, method, headers: sent, agent: false },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: () => JSON.parse(text) as Record<string, unknown>,
            })
          })
          response.on('error', reject)
        },
      )
      request.on('error', reject)
      request.end(body)
    })
  }

  const somebody = (headers: () => Record<string, string>): Omit<Somebody, 'headers'> => ({
    api: (method, path, body, more = {}) =>
      ask(`/api/v1${path}`, {
        method,
        headers: {
          ...headers(),
          origin: ORIGIN,
          'content-type': body === undefined ? undefined : 'application/json',
          ...more,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    submit: (path, fields) =>
      ask(path, {
        method: 'POST',
        headers: {
          ...headers(),
          'sec-fetch-site': 'same-origin',
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams(fields).toString(),
      }),
    page: (path) => ask(path, { headers: headers() }),
  })
  const operator = somebody((): Record<string, string> => (session === '' ? {} : { cookie: session }))
  const act = (): Act => ({ at: clock.now(), actor: 'test', address: null })
  let people = 0

  return {
    deps,
    storage,
    clock,
    logged,
    port,
    ask,
    ...operator,
    get headers() {
      return { cookie: session }
    },
    act,
    async person({ email = `person-${++people}@example.org`, isOperator = false, roles = {} } = {}) {
      const user = await storage.users.add({ email, isOperator, passwordHash: null }, act())
      for (const [name, role] of Object.entries(roles)) {
        const tenant = await storage.tenants.findByName(name)
        await storage.members.add(tenant!.id, { userId: user.id, role }, act())
      }
      const sessionToken = randomBytes(32).toString('base64url')
      await storage.sessions.open(
        createHash('sha256').update(sessionToken).digest('hex'),
        {
          userId: user.id,
          stage: 'complete',
          name: 'a test',
          address: '127.0.0.1',
          createdAt: clock.now(),
          expiresAt: new Date(clock.now().getTime() + SESSION_LIFE_MS),
        },
        act(),
      )
      const headers = { cookie: `__Host-session=${sessionToken}` }
      return { ...somebody(() => headers), headers, user, sessionToken }
    },
    async program(tenant, scopes) {
      const tenantId = tenant === null ? null : (await storage.tenants.findByName(tenant))!.id
      const token = { tenantId, name: `program-${++people}`, scopes, addresses: null, expiresAt: null }
      const { secret } = await deps.apiTokens.issue(ANYBODY, token, act())
      const headers = { authorization: `Bearer ${secret}` }
      return { ...somebody(() => headers), headers, secret }
    },
    async signIn() {
      const { url } = await issueSignInLink({ ...deps, adminOrigin: ORIGIN }, act())
      const answer = await operator.submit('/sign-in', { token: new URL(url).searchParams.get('token') ?? '' })
      session = (answer.headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0]).join('; ')
      return session
    },
    cookie: () => session,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await storage.close()
    },
  }
}

/** A self-signed certificate of openssl's, valid now. */
export function selfSigned(options: { commonName?: string; dnsNames?: string[] } = {}): {
  certificate: string
  privateKey: string
} {
  const { commonName = 'hosting.example.com', dnsNames = ['hosting.example.com'] } = options
  const folder = mkdtempSync(join(tmpdir(), 'waypost-admin-'))
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    execFileSync(
      'openssl',
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-noenc',
          '-utf8',
          '-days',
          '60',
        ],
        ...['-keyout', key, '-out', certificate, '-subj', `/CN=${commonName.replaceAll('/', '\\/')}`],
        ...(dnsNames.length > 0
          ? ['-addext', `subjectAltName=${dnsNames.map((name) => `DNS:${name}`).join(',')}`]
          : []),
      ],
      { stdio: 'pipe' },
    )
    return { certificate: readFileSync(certificate, 'utf8'), privateKey: readFileSync(key, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A tenant with a proven domain, a target host and a certificate, ready to be delegated. */
export async function readyToDelegate({ api }: AdminServer, tenant = 'acme', domain = 'im.example.com'): Promise<void> {
  await api('POST', '/tenants', { name: tenant })
  await api('POST', `/tenants/${tenant}/source-domains`, { name: domain, isVouched: true })
  await api('POST', '/target-hosts', { name: 'hosting.example.com' })
  await api('POST', '/operator/certificates', { ...selfSigned(), lineage: 'hosting' })
}
