import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { makeCertificate, makeKeys, USAGE, type CertificateWish } from './certificates.ts'
import type { Pebble } from './pebble.ts'

export type RequestKind =
  | 'directory'
  | 'newNonce'
  | 'newAccount'
  | 'account'
  | 'keyChange'
  | 'newOrder'
  | 'order'
  | 'authz'
  | 'challenge'
  | 'finalize'
  | 'cert'
  | 'renewalInfo'
  | 'revoke'
  | 'other'

/** What goes wrong with one request. "After" is: Pebble has got it and done it. */
export type Fault =
  // Answers in Pebble's place, which never hears of it
  | { do: 'problem'; status: number; type?: string; detail?: string; more?: object; headers?: Record<string, string> }
  | { do: 'answer'; status: number; body: string | Uint8Array; headers?: Record<string, string> }
  // No answer; the connection stays open until the client closes it
  | { do: 'hang'; after?: boolean }
  // No answer; the connection is reset
  | { do: 'drop'; after?: boolean }
  // Pebble's answer, with its Content-Length, but the connection ends after half of the body
  | { do: 'truncate' }
  // Pebble's head without length, then so many bytes
  | { do: 'flood'; bytes: number }
  // Pebble's answer, a byte every so many ms
  | { do: 'trickle'; everyMs: number }
  // Pebble's answer, changed
  | { do: 'body'; body: string | ((body: string) => string | Promise<string>) }
  | { do: 'json'; edit: (json: Record<string, unknown>) => unknown } // in place, or gives another
  | { do: 'headers'; set: Record<string, string | null>; status?: number } // null: taken away

export interface LoggedRequest {
  kind: RequestKind
  method: string
  path: string
  protected: Record<string, unknown> | null // of the JWS; null: none
  payload: unknown // "" of a POST-as-GET; null: no JWS
  nonce: string | null
  status: number // that the client was sent; 0: none
  reachedPebble: boolean
  fault: Fault['do'] | null
  at: number // performance.now()
  headers: IncomingHttpHeaders
}

/**
 * HTTPS in front of a Pebble, which builds its URLs from the Host line, so that all of them lead through here. Without
 * rules it changes nothing.
 */
export interface FaultProxy {
  directoryUrl: string
  caPem: string // Pebble's own
  log: LoggedRequest[]
  /** The next `times` requests of a kind go wrong like this, after `after` that do not; rules of one kind act in turn. */
  fault(kind: RequestKind, fault: Fault, options?: { times?: number; after?: number }): void
  /** Forgets the log and the rules. */
  clear(): void
  /** Those that came, of one kind or of all. */
  requests(kind?: RequestKind): LoggedRequest[]
  /** Nonces that came twice. It must always be empty. */
  reusedNonces(): string[]
  stop(): Promise<void>
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export async function startFaultProxy(pebble: Pick<Pebble, 'port' | 'caPem' | 'keyPem'>): Promise<FaultProxy> {
  const log: LoggedRequest[] = []
  let rules: { kind: RequestKind; fault: Fault; times: number; after: number }[] = []

  /** The first rule of this kind that is not used up. */
  function faultOf(kind: RequestKind): Fault | null {
    const rule = rules.find((one) => one.kind === kind && one.times > 0)
    if (rule === undefined) return null
    if (rule.after > 0) {
      rule.after--
      return null
    }
    rule.times--
    return rule.fault
  }

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const at = performance.now()
    const body = await bodyOf(req)
    const kind = kindOf(req.url ?? '')
    const fault = faultOf(kind)
    const jws = jwsOf(body)
    const entry: LoggedRequest = {
      kind,
      method: req.method ?? '',
      path: req.url ?? '',
      protected: jws?.protected ?? null,
      payload: jws?.payload ?? null,
      nonce: typeof jws?.protected['nonce'] === 'string' ? jws.protected['nonce'] : null,
      status: 0,
      reachedPebble: false,
      fault: fault?.do ?? null,
      at,
      headers: req.headers,
    }
    log.push(entry)
    const send = (
      status: number,
      headers: IncomingHttpHeaders | Record<string, string>,
      content: string | Uint8Array,
    ) => {
      entry.status = status
      const length = req.method === 'HEAD' ? {} : { 'content-length': String(Buffer.byteLength(content)) }
      res.writeHead(status, { ...headers, ...length }).end(content)
    }
    if (fault?.do === 'problem') {
      const type = fault.type === undefined ? {} : { type: `urn:ietf:params:acme:error:${fault.type}` }
      const problem = { ...type, detail: fault.detail ?? 'so says the proxy', status: fault.status, ...fault.more }
      const json = { 'content-type': 'application/problem+json' }
      return send(fault.status, { ...json, ...fault.headers }, JSON.stringify(problem))
    }
    if (fault?.do === 'answer') return send(fault.status, fault.headers ?? {}, fault.body)
    if (fault?.do === 'hang' && !fault.after) return
    if (fault?.do === 'drop' && !fault.after) return void req.socket.destroy()
    const answer = await forward(req, body)
    entry.reachedPebble = true
    const { status, headers } = answer
    switch (fault?.do) {
      case undefined:
        return send(status, headers, answer.body)
      case 'hang':
        return
      case 'drop':
        return void req.socket.destroy()
      case 'truncate':
        entry.status = status
        res.writeHead(status, { ...headers, 'content-length': String(answer.body.length) })
        res.write(answer.body.subarray(0, Math.floor(answer.body.length / 2)))
        await delay(20) // so that it is out before the connection ends
        return void req.socket.destroy()
      case 'flood': {
        entry.status = status
        res.writeHead(status, headers)
        const chunk = Buffer.alloc(65_536, 0x20)
        for (let sent = 0; sent < fault.bytes && !res.destroyed; sent += chunk.length)
          if (!res.write(chunk)) await Promise.race([once(res, 'drain'), once(res, 'close')])
        return void res.end()
      }
      case 'trickle':
        entry.status = status
        res.writeHead(status, { ...headers, 'content-length': String(answer.body.length) })
        for (let i = 0; i < answer.body.length && !res.destroyed; i++) {
          res.write(answer.body.subarray(i, i + 1))
          await delay(fault.everyMs)
        }
        return void res.end()
      case 'body': {
        const text = answer.body.toString()
        return send(status, headers, typeof fault.body === 'string' ? fault.body : await fault.body(text))
      }
      case 'json': {
        const json = JSON.parse(answer.body.toString()) as Record<string, unknown>
        return send(status, headers, JSON.stringify(fault.edit(json) ?? json))
      }
      case 'headers': {
        const changed: Record<string, unknown> = { ...headers, ...fault.set }
        const kept = Object.entries(changed).filter(([, value]) => value !== null)
        if (fault.set['date'] === null) res.sendDate = false
        return send(fault.status ?? status, Object.fromEntries(kept) as IncomingHttpHeaders, answer.body)
      }
    }
  }

  /** Pebble is told the Host that was asked, and its length and framing are left to this server. */
  async function forward(req: IncomingMessage, body: Buffer): Promise<Answer> {
    const asked = request({
      ...{ host: '127.0.0.1', port: pebble.port, servername: 'localhost', ca: pebble.caPem, agent: false },
      ...{ method: req.method, path: req.url, headers: { ...req.headers, connection: 'close' } },
    })
    asked.end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    const content = await bodyOf(response)
    const { connection: _, 'content-length': _length, 'transfer-encoding': _framing, ...headers } = response.headers
    return { status: response.statusCode ?? 0, headers, body: content }
  }

  const server = createServer({ cert: pebble.caPem, key: pebble.keyPem }, (req, res) => {
    res.on('error', () => undefined)
    serve(req, res).catch(() => req.socket.destroy())
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    directoryUrl: `https://localhost:${(server.address() as AddressInfo).port}/dir`,
    caPem: pebble.caPem,
    log,
    fault(kind, fault, { times = 1, after = 0 } = {}) {
      rules.push({ kind, fault, times, after })
    },
    clear() {
      log.length = 0
      rules = []
    },
    requests: (kind) => log.filter((one) => kind === undefined || one.kind === kind),
    reusedNonces() {
      const nonces = log.flatMap(({ nonce }) => nonce ?? [])
      return nonces.filter((nonce, i) => nonces.indexOf(nonce) !== i)
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export type CertificateFault =
  'wrong-key' | 'wrong-name' | 'expired' | 'not-yet-valid' | 'leaf-only' | 'reversed' | 'huge' | 'garbage' | 'empty'

/** For `proxy.fault('cert', …)`: the chain that Pebble issued, spoilt in one way and right in all others. */
export function spoiltCertificate(how: CertificateFault): Fault {
  return {
    do: 'body',
    async body(chain) {
      const blocks = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []
      switch (how) {
        case 'wrong-key':
          return remade(chain, { publicKey: await spki(await makeKeys()) })
        case 'wrong-name':
          return remade(chain, { names: ['somebody-else.example'] })
        case 'expired':
          return remade(chain, { notBefore: '2020-01-01T00:00:00Z', notAfter: '2020-04-01T00:00:00Z' })
        case 'not-yet-valid':
          return remade(chain, { notBefore: '2045-01-01T00:00:00Z', notAfter: '2045-04-01T00:00:00Z' })
        case 'leaf-only':
          return blocks[0] ?? ''
        case 'reversed':
          return [...blocks].reverse().join('')
        case 'huge':
          return chain + (blocks[1] ?? '').repeat(200)
        case 'garbage':
          return '-----BEGIN CERTIFICATE-----\nnothing of the kind\n-----END CERTIFICATE-----\n'
        case 'empty':
          return ''
      }
    },
  }
}

/** The same leaf from an authority of the test's own, with something changed. */
async function remade(chain: string, wish: CertificateWish): Promise<string> {
  const leaf = new X509Certificate(chain)
  const issuer = await makeCertificate({ isCa: true, subject: 'CN=Another authority', ...dates(-1, 365) })
  const made = await makeCertificate({
    names: [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name ?? ''),
    eku: [USAGE.server],
    issuer,
    ...dates(-1, 90),
    ...wish,
    publicKey: wish.publicKey ?? leaf.publicKey.export({ type: 'spki', format: 'der' }),
  })
  return made.pem + issuer.pem
}

function dates(fromDays: number, toDays: number): { notBefore: string; notAfter: string } {
  const [notBefore, notAfter] = [fromDays, toDays].map((days) => new Date(Date.now() + days * 86_400_000).toISOString())
  return { notBefore: notBefore ?? '', notAfter: notAfter ?? '' }
}

async function spki(keys: CryptoKeyPair): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
}

const PATHS: [prefix: string, kind: RequestKind][] = [
  ['/dir', 'directory'],
  ['/nonce-plz', 'newNonce'],
  ['/sign-me-up', 'newAccount'],
  ['/my-account/', 'account'],
  ['/rollover-account-key', 'keyChange'],
  ['/order-plz', 'newOrder'],
  ['/my-order/', 'order'],
  ['/authZ/', 'authz'],
  ['/chalZ/', 'challenge'],
  ['/finalize-order/', 'finalize'],
  ['/certZ/', 'cert'],
  ['/draft-ietf-acme-ari-03/', 'renewalInfo'],
  ['/revoke-cert', 'revoke'],
]

function kindOf(path: string): RequestKind {
  return PATHS.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'other'
}

function jwsOf(body: Buffer): { protected: Record<string, unknown>; payload: unknown } | null {
  try {
    const jws = JSON.parse(body.toString()) as { protected: string; payload: string }
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown
    return {
      protected: decode(jws.protected) as Record<string, unknown>,
      payload: jws.payload === '' ? '' : decode(jws.payload),
    }
  } catch {
    return null
  }
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
