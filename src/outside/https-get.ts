import type { X509Certificate } from 'node:crypto'
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { request, type RequestOptions } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { parseHttpsUrl } from '../verify/https-url.ts'
import type { Ask, HopFault, HopReply, PeerTls } from '../verify/ask.ts'

/** Dial `address` for this host and port instead of asking DNS; SNI, Host and the certificate's check stay the host's. */
export interface Resolve {
  host: string // lower-case A-labels
  port: number
  address: string
}

export interface HttpsGetOptions {
  /** PEM of the only trusted roots; without it those that Node ships. */
  ca?: string
  resolve?: readonly Resolve[]
  lookup?: LookupFunction // for all other names; the system's resolver without it
  timeoutMs: number // for one GET as a whole
  maxBytes: number // of a body
  signal?: AbortSignal
}

/**
 * A door that makes one HTTPS GET and verifies the server's certificate for the URL's host. It follows no redirect.
 * It dials whatever address a name has: for what a person asks from their own machine, not for what a tenant
 * makes the server ask.
 */
export function httpsGet(options: HttpsGetOptions): Ask {
  return (url) =>
    new Promise((resolve) => {
      const target = parseHttpsUrl(url)
      if ('fault' in target) return resolve({ outcome: 'wrong', fault: 'url', why: `the URL ${target.fault}` })
      const { host, port, path, query } = target
      const finish = (reply: HopReply) => {
        clearTimeout(timer)
        resolve(reply)
        get.destroy()
      }
      let tls: PeerTls | undefined
      const settings: RequestOptions & ConnectionOptions = {
        host,
        port,
        path: `${path || '/'}${query}`,
        servername: host,
        headers: { host: port === 443 ? host : `${host}:${port}`, 'user-agent': 'waypost-verify' },
        agent: false, // a pool would answer for a name over a connection that was verified for another
        rejectUnauthorized: true, // explicit, since NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default
        minVersion: 'TLSv1.2',
        ALPNProtocols: ['http/1.1'],
        lookup: lookupOf(options, host, port),
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      }
      const get = request(settings)
      const timer = setTimeout(
        () => finish({ outcome: 'could-not-ask', why: `no complete answer within ${options.timeoutMs / 1000} s` }),
        options.timeoutMs,
      )
      get.on('socket', (socket) => {
        socket.once('secureConnect', () => (tls = peerOf(socket as TLSSocket)))
      })
      get.on('error', (error) => finish(failure(error, host)))
      get.on('response', (response) => {
        response.on('error', (error) => finish(failure(error, host)))
        readBody(response, options.maxBytes, (body) => {
          if (body === null)
            return finish({
              outcome: 'wrong',
              fault: 'body-too-large',
              why: `the body is longer than ${options.maxBytes} bytes`,
            })
          if (tls === undefined) return finish({ outcome: 'could-not-ask', why: 'the connection ended' })
          finish({ outcome: 'ok', status: response.statusCode ?? 0, headers: headerLines(response), body, tls })
        })
      })
      get.end()
    })
}

function readBody(response: IncomingMessage, maxBytes: number, done: (body: Buffer | null) => void): void {
  const chunks: Buffer[] = []
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > maxBytes) return done(null)
    chunks.push(chunk)
  })
  response.on('end', () => done(Buffer.concat(chunks)))
}

/** Node joins or drops repeated headers elsewhere; here they are as they came. */
function headerLines({ rawHeaders }: IncomingMessage): [string, string][] {
  const lines: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    lines.push([(rawHeaders[i] ?? '').toLowerCase(), rawHeaders[i + 1] ?? ''])
  return lines
}

function lookupOf(
  { resolve = [], lookup = systemLookup }: Pick<HttpsGetOptions, 'resolve' | 'lookup'>,
  host: string,
  port: number,
): LookupFunction {
  const addresses: LookupAddress[] = resolve
    .filter((entry) => entry.host === host && entry.port === port)
    .map(({ address }) => ({ address, family: isIP(address) }))
  const [first] = addresses
  if (first === undefined) return lookup
  // Node 20 asks for all of them, to try both families at once
  return (_host, { all }, callback) => (all ? callback(null, addresses) : callback(null, first.address, first.family))
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

/** By code and never by text, which changes between releases of Node and OpenSSL. */
function failure(error: NodeJS.ErrnoException, host: string): HopReply {
  const code = error.code ?? 'no code'
  const known = FAULTS[code] ?? FAULT_FAMILIES.find(([prefix]) => code.startsWith(prefix))?.[1]
  if (known !== undefined) {
    const [fault, why] = known
    return { outcome: 'wrong', fault, why: `${why.replaceAll('HOST', host)} (${code})` }
  }
  return {
    outcome: 'could-not-ask',
    why: `${UNREACHED[code] ?? 'the connection failed'} (${code})`.replaceAll('HOST', host),
  }
}

type Fault = readonly [fault: HopFault, why: string]

const UNTRUSTED: Fault = ['certificate-untrusted', 'the certificate of HOST is of no trusted authority']
const FAULTS: Readonly<Record<string, Fault>> = {
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    'certificate-untrusted',
    'the certificate of HOST is of no trusted authority, or came without its intermediate certificate',
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['certificate-untrusted', 'the certificate of HOST is self-signed'],
  SELF_SIGNED_CERT_IN_CHAIN: ['certificate-untrusted', 'the root of the certificate of HOST is not trusted'],
  CERT_SIGNATURE_FAILURE: ['certificate-untrusted', 'the signature of the certificate of HOST is wrong'],
  CERT_CHAIN_TOO_LONG: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_REJECTED: UNTRUSTED,
  CERT_REVOKED: ['certificate-untrusted', 'the certificate of HOST is revoked'],
  INVALID_CA: ['certificate-untrusted', 'the certificate of HOST was issued by a certificate that is no authority'],
  INVALID_PURPOSE: ['certificate-untrusted', 'the certificate of HOST is not for servers'],
  PATH_LENGTH_EXCEEDED: UNTRUSTED,
  CERT_HAS_EXPIRED: ['certificate-dates', 'the certificate of HOST, or one above it, has expired'],
  CERT_NOT_YET_VALID: ['certificate-dates', 'the certificate of HOST, or one above it, is not valid yet'],
  HOSTNAME_MISMATCH: ['certificate-name', 'the certificate does not name HOST'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['certificate-name', 'the certificate does not name HOST'],
  ERR_TLS_CERT_ALTNAME_FORMAT: ['certificate-name', 'the names in the certificate of HOST cannot be read'],
  EPROTO: ['tls', 'the TLS handshake with HOST failed'],
  ERR_STREAM_WRITE_AFTER_END: ['http', 'HOST ended the connection too early'],
}
const FAULT_FAMILIES: readonly (readonly [prefix: string, Fault])[] = [
  ['HPE_', ['http', 'the answer of HOST is no HTTP/1.1']],
  ['ERR_SSL_', ['tls', 'the TLS handshake with HOST failed']],
]
const UNREACHED: Readonly<Record<string, string>> = {
  ENOTFOUND: 'DNS has no address for HOST',
  EAI_AGAIN: 'DNS did not answer for HOST',
  EAI_FAIL: 'DNS did not answer for HOST',
  ECONNREFUSED: 'HOST refused the connection',
  ECONNRESET: 'HOST ended the connection before its answer was complete',
  EPIPE: 'HOST ended the connection before its answer was complete',
  ETIMEDOUT: 'HOST did not accept the connection in time',
  EHOSTUNREACH: 'there is no way to HOST',
  ENETUNREACH: 'there is no way to the network of HOST',
  ABORT_ERR: 'asking was given up',
}
