import type { X509Certificate } from 'node:crypto'
import type { LookupAddress } from 'node:dns'
import { isIP, isIPv6, type LookupFunction, type TcpSocketConnectOpts } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { Client, errors, type Dispatcher } from 'undici'
import type { HopReply, PeerTls } from '../verify/ask.ts'
import type { HttpsUrl } from '../verify/https-url.ts'
import { failure } from './failure.ts'

const TOO_LARGE = 'UND_ERR_RES_EXCEEDED_MAX_SIZE'
const MAX_HEADER_BYTES = 16_384
/** Beside twice the body: interim answers, the sizes and extensions of chunks, trailers, none of which has an end of its own. */
const MAX_FRAMING_BYTES = 65_536

/** An HttpsUrl, or one of what the operator chose: of any host name, or with an address in its place. */
export type Target = Omit<HttpsUrl, 'host'> & { host: string }

export interface HttpsExchange {
  target: Target
  method: 'GET' | 'HEAD' | 'POST'
  headers: Readonly<Record<string, string>>
  body?: Uint8Array | undefined
  lookup?: LookupFunction | undefined // gives what may be dialled; the system's resolver without it
  ca?: string | readonly string[] | undefined // PEM of the only trusted roots; those that Node ships without it
  timeoutMs: number // of which each address but the last is given a quarter
  connectTimeoutMs?: number // until TLS stands; `timeoutMs` without it
  maxBytes: number // of the body
}

/**
 * One HTTPS request over a connection of its own, which ends with the signal; the server's certificate is verified for
 * the URL's host. No redirect is followed, no compression asked for or undone, no proxy of the environment used.
 */
export function exchange(asked: HttpsExchange, signal: AbortSignal): Promise<HopReply> {
  signal.throwIfAborted()
  const { target, method, body, maxBytes } = asked
  return new Promise((resolve) => {
    const answer = { status: 0, headers: [] as [string, string][], chunks: [] as Buffer[] }
    const fail = (code: string) => resolve(code === TOO_LARGE ? tooLarge(maxBytes) : failure(code, target.host))
    let socket: TLSSocket | undefined
    let tls: PeerTls | undefined
    const client = new Client(`https://${authority(target)}`, {
      pipelining: 0, // no second request may use a connection that was made for this one
      maxHeaderSize: MAX_HEADER_BYTES,
      maxResponseSize: maxBytes,
      headersTimeout: 0, // the signal bounds the whole
      bodyTimeout: 0,
      connect(_options, done) {
        // undici dials again where a connection was lost before its request
        if (socket !== undefined) return fail('ECONNRESET')
        const dialled = (socket = dial(asked))
        // Ahead of undici, which takes a connection that is reset for the end of a body without length
        dialled.on('error', (error: Error) => fail(codeOf(error, dialled, answer.status)))
        const hurry = setTimeout(() => {
          fail('ETIMEDOUT')
          dialled.destroy()
        }, asked.connectTimeoutMs ?? asked.timeoutMs)
        dialled.once('close', () => clearTimeout(hurry))
        dialled.once('secureConnect', () => {
          clearTimeout(hurry)
          tls = peerOf(dialled)
          // Ahead of undici too: it reads all there is. Of TLS, bytesRead counts what was decrypted.
          dialled.on('readable', () => {
            if (dialled.bytesRead > 2 * maxBytes + MAX_FRAMING_BYTES) dialled.destroy(new errors.HeadersOverflowError())
          })
          done(null, dialled)
        })
      },
    })
    signal.addEventListener('abort', () => {
      socket?.destroy()
      void client.destroy()
    })
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => undefined,
      onResponseStart(controller, status) {
        // Interim answers (RFC 9110 §15.2) come here as well, and the final one last
        answer.status = status
        answer.headers = headerLines(controller.rawHeaders)
      },
      onResponseData: (_controller, chunk) => void answer.chunks.push(chunk),
      onResponseEnd() {
        const { status, headers, chunks } = answer
        if (tls === undefined) fail('ECONNRESET')
        else resolve({ outcome: 'ok', status, headers, body: Buffer.concat(chunks), tls })
      },
      onResponseError: (_controller, error) => fail(codeOf(error, socket, answer.status)),
    }
    const path = `${target.path || '/'}${target.query}`
    client.dispatch({ path, method, headers: headersOf(asked), ...(body ? { body } : {}) }, handler)
  })
}

/**
 * Gives `ask` so much time; its signal fires at the end, whatever the end is, and later words are not waited for.
 * @param outer ends it earlier
 */
export async function within<Reply>(
  timeoutMs: number,
  outer: AbortSignal | undefined,
  ask: (signal: AbortSignal) => Promise<Reply>,
): Promise<Reply | CouldNotAsk> {
  if (outer?.aborted) return GIVEN_UP
  const ending = new AbortController()
  let stop = (_reply: CouldNotAsk) => undefined as void
  const stopped = new Promise<CouldNotAsk>((resolve) => (stop = resolve))
  const giveUp = () => stop(GIVEN_UP)
  outer?.addEventListener('abort', giveUp)
  const late: CouldNotAsk = { outcome: 'could-not-ask', why: `no complete answer within ${timeoutMs / 1000} s` }
  const timer = setTimeout(() => stop(late), timeoutMs)
  try {
    return await Promise.race([stopped, ask(ending.signal)])
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', giveUp)
    ending.abort()
  }
}

type CouldNotAsk = Extract<HopReply, { outcome: 'could-not-ask' }>
const GIVEN_UP: CouldNotAsk = { outcome: 'could-not-ask', why: 'asking was given up' }

/** Dials these in turn and no others. */
export function only(addresses: readonly string[]): LookupFunction {
  const all: LookupAddress[] = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, options, done) => {
    const [first] = all
    if (options.all) done(null, all)
    else done(null, first?.address ?? '', first?.family)
  }
}

type FamilySelection = 'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout'

/** An address in place of a name is dialled itself and `lookup` not asked: whoever guards by it hands in names only. */
function dial({ target: { host, port }, lookup, ca, timeoutMs }: HttpsExchange): TLSSocket {
  const settings: ConnectionOptions & Pick<TcpSocketConnectOpts, FamilySelection> = {
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}), // RFC 6066 §3: no address
    rejectUnauthorized: true, // explicit, since NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    autoSelectFamily: true, // the next address where one does not answer
    autoSelectFamilyAttemptTimeout: Math.ceil(timeoutMs / 4),
    ...(lookup === undefined ? {} : { lookup }),
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
  }
  return connect(settings)
}

function authority({ host, port }: Target): string {
  const name = isIPv6(host) ? `[${host}]` : host
  return port === 443 ? name : `${name}:${port}`
}

/** Those of the caller, but for what the connection itself demands. */
function headersOf({ target, headers }: HttpsExchange): Record<string, string> {
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  return { ...Object.fromEntries(named), host: authority(target), 'accept-encoding': 'identity' }
}

/** undici joins repeated headers elsewhere; here they are as they came. */
function headerLines(raw: Dispatcher.DispatchController['rawHeaders']): [string, string][] {
  const texts = Array.isArray(raw) ? raw.map((part) => part.toString('latin1')) : []
  const lines: [string, string][] = []
  for (let i = 0; i + 1 < texts.length; i += 2) lines.push([(texts[i] ?? '').toLowerCase(), texts[i + 1] ?? ''])
  return lines
}

function peerOf(socket: TLSSocket): PeerTls | undefined {
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  const names = [...(certificate.subjectAltName ?? '').matchAll(/(?:^|, )DNS:([^",\s]+)/g)]
  return {
    protocol: socket.getProtocol() ?? '',
    address: socket.remoteAddress ?? '',
    // Node gives undefined for an empty subject, whatever its types say
    subject: ((certificate.subject as string | undefined) ?? '').split('\n').join(', '),
    names: names.map(([, name]) => name ?? ''),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

function codeOf(error: NodeJS.ErrnoException, socket: TLSSocket | undefined, status: number): string {
  const code = error.code ?? error.name
  // By its class, since undici 7 loses the code. It says so of a body in pieces too that the server ends too early.
  if (error instanceof errors.HTTPParserError) return socket?.readableEnded ? 'ECONNRESET' : 'HTTPParserError'
  // A body that ends too early, but also a head with two lengths
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' && status === 0) return 'HTTPParserError'
  return code
}

function tooLarge(maxBytes: number): HopReply {
  return { outcome: 'wrong', fault: 'body-too-large', why: `the body is longer than ${maxBytes} bytes` }
}
