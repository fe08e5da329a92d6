import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from './certificates.ts'
import { freePort as freeDnsPort } from './dns-wire.ts'
import { isLeftOut } from './left-out.ts'
import { until } from './until.ts'

/** One of the Pebbles that are here: what the distribution has, and the newest, which `test/peers.sh` unpacks. */
export interface PebbleVersion {
  version: string // "2.10.0"
  bin: string // the folder of pebble and pebble-challtestsrv
  hasRenewalInfo: boolean // RFC 9773, and retryAfter
  hasProfiles: boolean // and setRenewalInfo
}

/**
 * The oldest first; none where they are left out by WAYPOST_TEST_WITHOUT. A file with nothing but `describe.each` of them
 * says so then by a `test.skip`: one without any test fails.
 */
export function pebbles(): PebbleVersion[] {
  if (isLeftOut('pebble')) return []
  const newest = join(import.meta.dirname, '../../node_modules/.cache/pebble')
  const found = [
    { version: packaged(), bin: '/usr/bin' },
    {
      version: existsSync(`${newest}/version`) ? readFileSync(`${newest}/version`, 'utf8') : '',
      bin: `${newest}/usr/bin`,
    },
  ]
    .map(({ version, bin }) => ({ version: /^\d+\.\d+\.\d+/.exec(version)?.[0] ?? '', bin }))
    .filter(({ version, bin }, i, all) => {
      const isFirst = all.findIndex((other) => other.version === version) === i
      return version !== '' && isFirst && existsSync(join(bin, 'pebble'))
    })
  if (found.length === 0)
    throw new Error('Pebble is missing: bash test/peers.sh, or leave its tests out with WAYPOST_TEST_WITHOUT=pebble')
  return found.map((one) => {
    const minor = Number(one.version.split('.')[1])
    return { ...one, hasRenewalInfo: minor >= 6, hasProfiles: minor >= 7 }
  })
}

/** For what only the newest can do. @throws where none is here: ask `pebbles()` for an empty list first */
export function newestPebble(): PebbleVersion {
  const newest = pebbles().at(-1)
  if (newest === undefined) throw new Error('Pebble is left out')
  return newest
}

export interface PebbleWish {
  pebble?: PebbleVersion // the newest without it
  httpPort?: number // where it looks for http-01 answers; one where nobody listens without it
  tlsPort?: number // and for tls-alpn-01
  dnsServer?: string // that it asks in place of its own, 127.0.0.1:port
  validitySeconds?: number // of certificates; 90 days without it
  profiles?: Record<string, { description: string; validityPeriod: number }> // where it hasProfiles
  eab?: Record<string, string> // key id to base64url HMAC key; it wants an external account then
  blocklist?: string[] // domains that it refuses with rejectedIdentifier
  retryAfter?: { authz: number; order: number } // seconds, where it hasRenewalInfo
  strict?: boolean
  /**
   * PEBBLE_*. Without it PEBBLE_VA_NOSLEEP=1, PEBBLE_WFE_NONCEREJECT=0 and PEBBLE_AUTHZREUSE=0.
   * PEBBLE_VA_ALWAYS_VALID=1 spares the validation.
   */
  env?: Record<string, string>
}

/** A real ACME authority of one's own, with a DNS that it asks. It ends with this process, however that ends. */
export interface Pebble extends PebbleVersion {
  directoryUrl: string // https://localhost:…/dir
  port: number
  caPem: string // the root of its own HTTPS
  keyPem: string // of its own HTTPS
  dnsServer: string // 127.0.0.1:port of the DNS, over UDP and TCP
  httpPort: number
  tlsPort: number
  pid: number
  dns: PebbleDns
  log(): string
  /** PEM of the root of the certificates that it issues; made anew at every start. */
  root(index?: number): Promise<string>
  /** Makes renewalInfo answer exactly this for a certificate, where it hasProfiles. @param answer a text, valid or not */
  setRenewalInfo(certificatePem: string, answer: string): Promise<void>
  /** "Valid" or "Revoked". @param serial hexadecimal, as X509Certificate has it */
  certificateStatus(serial: string): Promise<string>
  stop(): Promise<void>
}

/** What challtestsrv answers. Names without final dot; without records A is 127.0.0.1 and AAAA nothing. */
export interface PebbleDns {
  setA(name: string, addresses: string[]): Promise<void> // none: back to the default
  setAaaa(name: string, addresses: string[]): Promise<void>
  setCaa(name: string, policies: { tag: string; value: string }[]): Promise<void>
  setCname(name: string, target: string | null): Promise<void>
  setTxt(name: string, value: string | null): Promise<void> // adds one; null: none is left
  setServfail(name: string, is: boolean): Promise<void>
  setDefaultIpv4(address: string): Promise<void> // "": none
  setDefaultIpv6(address: string): Promise<void>
}

export async function startPebble(wish: PebbleWish = {}): Promise<Pebble> {
  // Somebody else may take a port between its being found free and its being used
  for (let tries = 1; ; tries++) {
    try {
      return await start(wish)
    } catch (error) {
      if (tries === 5 || !(error instanceof Error) || !error.message.includes('address already in use')) throw error
    }
  }
}

async function start(wish: PebbleWish): Promise<Pebble> {
  const version = wish.pebble ?? newestPebble()
  const folder = mkdtempSync(join(tmpdir(), 'waypost-pebble-'))
  const output: string[] = []
  const children: ChildProcess[] = []
  const [port, managementPort, dnsManagementPort] = [await freePort(), await freePort(), await freePort()]
  const [httpPort, tlsPort] = [wish.httpPort ?? (await freePort()), wish.tlsPort ?? (await freePort())]
  const dnsServer = `127.0.0.1:${await freeDnsPort('127.0.0.1')}`
  const certificate = await makeCertificate({
    names: ['localhost'],
    isCa: true,
    subject: 'CN=Pebble itself',
    notBefore: '2020-01-01T00:00:00Z',
    notAfter: '2049-01-01T00:00:00Z',
  })
  const { pem: caPem, keyPem } = certificate
  writeFileSync(join(folder, 'certificate.pem'), caPem)
  writeFileSync(join(folder, 'key.pem'), keyPem)
  writeFileSync(
    join(folder, 'pebble.json'),
    JSON.stringify({ pebble: configuration(wish, version, folder, { port, managementPort, httpPort, tlsPort }) }),
  )

  function run(name: string, args: string[]): ChildProcess {
    const child = spawn('setpriv', ['--pdeathsig=KILL', '--', join(version.bin, name), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        PEBBLE_VA_NOSLEEP: '1',
        PEBBLE_WFE_NONCEREJECT: '0',
        PEBBLE_AUTHZREUSE: '0',
        ...wish.env,
      },
    })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => output.push(chunk.toString()))
    children.push(child)
    return child
  }

  async function stop(): Promise<void> {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    rmSync(folder, { recursive: true, force: true })
  }

  const isModern = version.hasProfiles
  const silent = ['http01', 'https01', 'tlsalpn01', ...(isModern ? ['doh'] : [])].flatMap((flag) => [`-${flag}`, ''])
  const place = ['-management', `127.0.0.1:${dnsManagementPort}`, isModern ? '-dnsserver' : '-dns01', dnsServer]
  run('pebble-challtestsrv', [...silent, ...place, '-defaultIPv6', ''])
  const pebble = run('pebble', [
    ...['-config', join(folder, 'pebble.json'), '-dnsserver', wish.dnsServer ?? dnsServer],
    ...(wish.strict ? ['-strict'] : []),
  ])
  const directoryUrl = `https://localhost:${port}/dir`
  const managementUrl = `https://localhost:${managementPort}`
  const ask = (url: string, body?: string) => answerOf(url, { ca: caPem, body })
  const tell = (path: string, body: object) =>
    answerOf(`http://127.0.0.1:${dnsManagementPort}/${path}`, { body: JSON.stringify(body) })

  try {
    await until(async () => {
      if (children.some(({ exitCode }) => exitCode !== null)) throw new Error('it has ended')
      const answers = [ask(directoryUrl), ask(`${managementUrl}/roots/0`), tell('clear-a', { host: 'nobody.invalid.' })]
      return (await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')
    })
  } catch (cause) {
    await stop()
    throw new Error(`Pebble does not start:\n${output.join('')}`, { cause })
  }

  const records = (kind: string) => (name: string, addresses: string[]) =>
    addresses.length > 0
      ? tell(`add-${kind}`, { host: `${name}.`, addresses })
      : tell(`clear-${kind}`, { host: `${name}.` })
  const quietly =
    <Args extends unknown[]>(act: (...args: Args) => Promise<string>) =>
    async (...args: Args) =>
      void (await act(...args))
  return {
    ...version,
    directoryUrl,
    port,
    caPem,
    keyPem,
    dnsServer,
    httpPort,
    tlsPort,
    pid: pebble.pid ?? 0,
    dns: {
      setA: quietly(records('a')),
      setAaaa: quietly(records('aaaa')),
      setCaa: quietly((name, policies) =>
        policies.length > 0 ? tell('add-caa', { host: `${name}.`, policies }) : tell('clear-caa', { host: `${name}.` }),
      ),
      setCname: quietly((name, target) =>
        target === null
          ? tell('clear-cname', { host: `${name}.` })
          : tell('set-cname', { host: `${name}.`, target: `${target}.` }),
      ),
      setTxt: quietly((name, value) =>
        value === null ? tell('clear-txt', { host: `${name}.` }) : tell('set-txt', { host: `${name}.`, value }),
      ),
      setServfail: quietly((name, is) => tell(is ? 'set-servfail' : 'clear-servfail', { host: `${name}.` })),
      setDefaultIpv4: quietly((ip) => tell('set-default-ipv4', { ip })),
      setDefaultIpv6: quietly((ip) => tell('set-default-ipv6', { ip })),
    },
    log: () => output.join(''),
    root: (index = 0) => ask(`${managementUrl}/roots/${index}`),
    async setRenewalInfo(certificatePem, answer) {
      const body = JSON.stringify({ Certificate: certificatePem, ARIResponse: answer })
      await ask(`${managementUrl}/set-renewal-info/`, body)
    },
    async certificateStatus(serial) {
      // Pebble compares with the number's own digits
      const answer = await ask(`${managementUrl}/cert-status-by-serial/${serial.replace(/^0+/, '').toLowerCase()}`)
      return (JSON.parse(answer) as { Status: string }).Status
    },
    stop,
  }
}

interface Ports {
  port: number
  managementPort: number
  httpPort: number
  tlsPort: number
}

function configuration(wish: PebbleWish, version: PebbleVersion, folder: string, ports: Ports): object {
  const validityPeriod = wish.validitySeconds ?? 90 * 86_400
  return {
    listenAddress: `127.0.0.1:${ports.port}`,
    managementListenAddress: `127.0.0.1:${ports.managementPort}`,
    certificate: join(folder, 'certificate.pem'),
    privateKey: join(folder, 'key.pem'),
    httpPort: ports.httpPort,
    tlsPort: ports.tlsPort,
    ocspResponderURL: '',
    externalAccountBindingRequired: wish.eab !== undefined,
    externalAccountMACKeys: wish.eab ?? {},
    domainBlocklist: wish.blocklist ?? [],
    ...(version.hasRenewalInfo ? { retryAfter: wish.retryAfter ?? { authz: 1, order: 1 } } : {}),
    ...(version.hasProfiles
      ? {
          profiles: wish.profiles ?? { default: { description: 'What there is', validityPeriod } },
          keyAlgorithm: 'ecdsa',
        }
      : { certificateValidityPeriod: validityPeriod }),
  }
}

function packaged(): string {
  try {
    const args = ['-W', '-f', '${Version}', 'pebble']
    return execFileSync('dpkg-query', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return '' // no Debian, or no such package
  }
}

/** The body of an answer with status 200. */
function answerOf(url: string, { ca, body }: { ca?: string; body?: string | undefined }): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'user-agent': 'waypost-test' } // the newest Pebble insists
    const options = { method: body === undefined ? 'GET' : 'POST', headers, agent: false, family: 4, timeout: 5_000 }
    const asked = ca === undefined ? plainRequest(url, options) : request(url, { ...options, ca })
    asked.on('error', reject)
    asked.on('timeout', () => asked.destroy(new Error(`${url} does not answer`)))
    asked.on('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', reject)
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${url}: ${response.statusCode} ${text}`)),
      )
    })
    asked.end(body)
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
