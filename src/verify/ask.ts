/**
 * The verifier's one way out: a single HTTPS GET of exactly this URL, byte for byte, whose server certificate is
 * verified for the URL's host and which never follows a redirect. It answers and does not throw.
 */
export type Ask = (url: string) => Promise<HopReply>

/** Every question to the outside has three outcomes; "could not ask" says nothing about the domain. */
export type HopReply =
  | { outcome: 'ok'; status: number; headers: HeaderLines; body: Uint8Array; tls: PeerTls }
  | { outcome: 'wrong'; fault: HopFault; why: string }
  | { outcome: 'could-not-ask'; why: string }

/** As received and in order, names in lower case: a header sent twice stands here twice. */
export type HeaderLines = readonly (readonly [name: string, value: string])[]

/** What makes a reply worthless, or the question pointless. */
export type HopFault =
  | 'url' // not an https URL with a host name, or one with credentials
  | 'address' // DNS has none for the host, or one that is not public and was not dialled
  | 'certificate-untrusted'
  | 'certificate-name'
  | 'certificate-dates'
  | 'tls' // no handshake: no certificate for this name, too old a version, no TLS at all
  | 'http'
  | 'body-too-large'

/** Who answered, as the TLS handshake proved it. */
export interface PeerTls {
  protocol: string // "TLSv1.3"
  address: string
  subject: string
  names: string[] // dNSName entries of the certificate
  sha256: string // of the certificate's DER, lower-case hex
}

export function headerValues(headers: HeaderLines, name: string): string[] {
  return headers.filter(([header]) => header === name).map(([, value]) => value)
}
