import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adminApp } from '../../src/admin/app.ts'
import type { AdminDeps } from '../../src/admin/deps.ts'
import { certificateImport } from '../../src/certificate/import.ts'
import { sealer } from '../../src/certificate/sealing.ts'
import { parseConfig } from '../../src/config.ts'
import { registrar } from '../../src/delegation/registrar.ts'
import { createLog } from '../../src/log.ts'
import { openStorage, type Storage } from '../../src/storage/storage.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
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

export interface AdminServer {
  deps: AdminDeps
  storage: Storage
  clock: ReturnType<typeof stoppedClock>
  logged: string[]
  port: number
  ask: (path: string, asked?: Asked) => Promise<Answer>
  /** As the signed-in operator, with JSON. */
  api: (method: string, path: string, body?: unknown) => Promise<Answer>
  /** As the signed-in operator, from the browser's own form. */
  submit: (path: string, fields: Record<string, string>) => Promise<Answer>
  signIn: () => Promise<string>
  cookie: () => string
  close: () => Promise<void>
}

/** The real admin plane over a real database in memory, on a port of 127.0.0.1. */
export async function adminServer(overrides: Partial<AdminDeps> = {}): Promise<AdminServer> {
  const clock = stoppedClock(NOW)
  const logged: string[] = []
  const keys = sealer(randomBytes(32), randomBytes)
  const storage = await openStorage({ url: undefined, file: ':memory:', sealer: keys, clock })
  await storage.migrate()
  const config = parseConfig(
    `[admin]\nhost = "${ADMIN_HOST}"\n[edge]\nname = "edge.example.net"\naddresses = ["192.0.2.1", "2001:db8::1"]\n`,
  )
  const deps: AdminDeps = {
    ...storage,
    registrar: registrar({ ...storage, reserved: { adminHost: config.admin.host, edgeName: config.edge.name } }),
    imports: certificateImport(storage),
    config,
    proofKey: randomBytes(32),
    clock,
    log: createLog({ level: 'debug', role: 'test' }, { write: (line: string) => void logged.push(line) }),
    randomBytes,
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

  const api: AdminServer['api'] = (method, path, body) =>
    ask(`/api/v1${path}`, {
      method,
      headers: {
        cookie: session,
        origin: ORIGIN,
        'content-type': body === undefined ? undefined : 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })

  const submit: AdminServer['submit'] = (path, fields) =>
    ask(path, {
      method: 'POST',
      headers: {
        cookie: session,
        'sec-fetch-site': 'same-origin',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams(fields).toString(),
    })

  return {
    deps,
    storage,
    clock,
    logged,
    port,
    ask,
    api,
    submit,
    async signIn() {
      const { url } = await issueSignInLink({ ...deps, adminOrigin: ORIGIN })
      const answer = await submit('/sign-in', { token: new URL(url).searchParams.get('token') ?? '' })
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
