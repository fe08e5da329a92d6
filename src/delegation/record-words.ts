/** How a language says what a record is for. */
export interface RecordWords {
  alias(name: string): string
  proof: { alone: (name: string) => string; insteadOfAlias: (name: string) => string }
  address: string
  challenge(name: string): string
  srv(whom: Audience, isDirectTls: boolean, targetHost: string): string
  tlsa(targetHost: string): string
}

/** Whom an SRV record leads. */
export type Audience = 'clients' | 'servers' | 'users'

export const RECORD_WORDS: RecordWords = {
  alias: (name) =>
    `leads HTTPS for the name to this server, wherever its addresses move, and proves that you control ${name}; it has to stay. Not possible where the name has other records of its own, as the apex of a zone has`,
  proof: {
    alone: (name) => `proves that you control ${name}; it has to stay`,
    insteadOfAlias: (name) =>
      `proves that you control ${name} in place of the CNAME record, or for a name that cannot have one, such as the apex of a zone; it has to stay`,
  },
  address:
    'in place of the CNAME record, for a name that cannot have one, such as the apex of a zone; it proves nothing, so that the TXT record is needed with it',
  challenge: (name) =>
    `optional: lets this server get the certificate of ${name} by DNS, also before the name leads here, or where its port 80 does not; no TXT record may stand there`,
  srv: (whom, isDirectTls, targetHost) =>
    `leads ${whom === 'servers' ? 'other servers' : whom}${isDirectTls ? ' that begin with TLS (XEP-0368)' : ''} to the XMPP service at ${targetHost}`,
  tlsa: (targetHost) =>
    `pins the key of the service certificate, where the zone of the target host is signed (DNSSEC); for the operator of ${targetHost}`,
}
