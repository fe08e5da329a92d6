import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import { promisify } from 'node:util'

export const run = promisify(execFile)

export interface Issued {
  certPem: string
  keyPem: string
}

export interface TestAuthority {
  folder: string
  rootPem: string
  rootFile: string
  /** @param days negative: expired; the names become dNSName entries */
  issue(names: string[], options?: { days?: number }): Promise<Issued>
  remove(): Promise<void>
}

/** A certificate authority made by the openssl command, in a temporary folder. */
export async function testAuthority(name: string): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-'))
  const file = (base: string) => join(folder, base)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const root = ['-x509', '-subj', `/CN=${name}`, '-days', '30', '-keyout', file('root.key'), '-out', file('root.pem')]
  await run('openssl', ['req', ...newKey, ...root])
  let serial = 1
  return {
    folder,
    rootPem: await readFile(file('root.pem'), 'utf8'),
    rootFile: file('root.pem'),
    async issue(names, { days = 10 } = {}) {
      const base = `leaf-${++serial}`
      const [key, csr, pem, extensions] = ['key', 'csr', 'pem', 'cnf'].map((end) => file(`${base}.${end}`)) as [
        string,
        string,
        string,
        string,
      ]
      await writeFile(extensions, `subjectAltName=${names.map((dns) => `DNS:${dns}`).join(',')}\n`)
      await run('openssl', ['req', ...newKey, '-subj', `/CN=${names[0]}`, '-keyout', key, '-out', csr])
      const by = ['-CA', file('root.pem'), '-CAkey', file('root.key'), '-set_serial', String(serial)]
      await run('openssl', [
        'x509',
        '-req',
        '-in',
        csr,
        ...by,
        '-days',
        String(days),
        '-extfile',
        extensions,
        '-out',
        pem,
      ])
      return { certPem: await readFile(pem, 'utf8'), keyPem: await readFile(key, 'utf8') }
    },
    remove: () => rm(folder, { recursive: true }),
  }
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface WebHosts {
  port: number
  /** What was asked, as "host path", byte for byte. */
  asked: string[]
  /** What the host answers from now on; everything else is 404. */
  answer(host: string, path: string, answer: Answer): void
  present(host: string, certificate: Issued): void
  reset(): void
  close(): Promise<void>
}

/** Many HTTPS hosts on one port of 127.0.0.1, told apart by SNI. A name without certificate gets a handshake failure. */
export async function webHosts(): Promise<WebHosts> {
  const contexts = new Map<string, SecureContext>()
  const answers = new Map<string, Answer>()
  const asked: string[] = []
  const server = createServer({ SNICallback: (name, done) => done(null, contexts.get(name)) }, (request, response) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '')
    asked.push(`${host} ${request.url}`)
    const answer = answers.get(`${host} ${request.url}`)
    if (answer) answer(request, response)
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    answer: (host, path, answer) => void answers.set(`${host} ${path}`, answer),
    present: (host, { certPem, keyPem }) =>
      void contexts.set(host, createSecureContext({ cert: certPem, key: keyPem })),
    reset() {
      answers.clear()
      asked.length = 0
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export function body(
  status: number,
  type: string,
  text: string | Uint8Array,
  headers: Record<string, string> = {},
): Answer {
  return (_request, response) => void response.writeHead(status, { 'content-type': type, ...headers }).end(text)
}

export function redirect(status: number, ...locations: string[]): Answer {
  return (_request, response) => {
    response.statusCode = status
    if (locations.length > 0) response.setHeader('location', locations)
    response.end()
  }
}
