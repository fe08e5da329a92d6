import type { HopFault, HopReply } from '../verify/ask.ts'

/** What an error of TLS or HTTP says of a host: by its code and never by its text, which changes between releases. */
export function failure(code: string, host: string): Exclude<HopReply, { outcome: 'ok' }> {
  const unreached = UNREACHED[code]
  const known = FAULTS[code] ?? (code.startsWith('ERR_SSL_') ? HANDSHAKE : undefined)
  if (known !== undefined) {
    const [fault, why] = known
    return { outcome: 'wrong', fault, why: `${why.replaceAll('HOST', host)} (${code})` }
  }
  return { outcome: 'could-not-ask', why: `${unreached ?? 'the connection failed'} (${code})`.replaceAll('HOST', host) }
}

type Fault = readonly [fault: HopFault, why: string]

const HANDSHAKE: Fault = ['tls', 'the TLS handshake with HOST failed']
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
  EPROTO: HANDSHAKE,
  HTTPParserError: ['http', 'the answer of HOST is no HTTP/1.1'],
  UND_ERR_HEADERS_OVERFLOW: ['http', 'HOST sends more headers, or more around its body, than any answer needs'],
}
const INCOMPLETE = 'HOST ended the connection before its answer was complete'
const UNREACHED: Readonly<Record<string, string>> = {
  ENOTFOUND: 'DNS has no address for HOST',
  EAI_AGAIN: 'DNS did not answer for HOST',
  EAI_FAIL: 'DNS did not answer for HOST',
  ECONNREFUSED: 'HOST refused the connection',
  ECONNRESET: INCOMPLETE,
  EPIPE: INCOMPLETE,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: INCOMPLETE,
  UND_ERR_SOCKET: INCOMPLETE,
  ETIMEDOUT: 'HOST did not accept the connection in time',
  EHOSTUNREACH: 'there is no way to HOST',
  ENETUNREACH: 'there is no way to the network of HOST',
}
