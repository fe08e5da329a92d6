import { isIPv6 } from 'node:net'
import { displayName, type DomainName } from '../name.ts'
import type { Delegation } from './delegation.ts'
import { RECORD_WORDS, type Audience, type RecordWords } from './record-words.ts'
import type { SourceDomain } from './source-domain.ts'

/** A record to publish, as data; `name` and names in `value` are absolute, without final dot and with it. */
export interface DnsRecord {
  name: string
  type: 'A' | 'AAAA' | 'CNAME' | 'SRV' | 'TLSA' | 'TXT'
  value: string // as a zone file has it (RFC 1035 §5)
  ttl: number // seconds
  purpose: string // for people
  zone: 'source domain' | 'target host' // whose zone it belongs to
}

const TTL_SECONDS = 3600
// RFC 6120 §14.3; direct TLS (XEP-0368) has no assigned ports, these are what servers use
const USUAL_PORTS: Record<string, number> = {
  '_xmpp-client': 5222,
  '_xmpp-server': 5269,
  '_xmpps-client': 5223,
  '_xmpps-server': 5270,
}

/**
 * What the owner of a source domain, and the operator for the target hosts, have to publish in DNS.
 * @param certificates by lineage id: what each lineage publishes now
 * @param edge its name is the tenant's own, to which no other tenant's names point
 * @param proofToken the value of the tenant's proof of control
 */
export function dnsRecords(what: {
  sourceDomain: Pick<SourceDomain, 'name' | 'mode'>
  delegations: Pick<Delegation, 'service' | 'protocol' | 'targetHost' | 'lineageId' | 'srvPort'>[]
  certificates: ReadonlyMap<string, { spkiSha256: string }[]>
  edge: { name: DomainName; addresses: string[] }
  proofToken: string
  challengeAlias?: string | undefined // for the DNS challenge; undefined: it is not used
  words?: RecordWords // of the reader's language
}): DnsRecord[] {
  const { sourceDomain, delegations, certificates, edge, proofToken, challengeAlias, words = RECORD_WORDS } = what
  const { name } = sourceDomain
  return [
    ...(sourceDomain.mode === 'hosted'
      ? [
          ...hostedRecords(name, edge, proofToken, words),
          ...challengeRecord(name, challengeAlias, 'source domain', words),
        ]
      : [proofRecord(name, proofToken, words.proof.alone)]),
    ...delegations.flatMap((delegation) => srvRecord(name, delegation, words) ?? []),
    ...tlsaRecords(delegations, certificates, words),
  ]
}

const inSourceZone = { ttl: TTL_SECONDS, zone: 'source domain' } as const

/** A CNAME record alone, or the TXT record and those of the addresses, which lead to the edge and prove nothing. */
function hostedRecords(
  name: DomainName,
  edge: { name: DomainName; addresses: string[] },
  proofToken: string,
  words: RecordWords,
): DnsRecord[] {
  return [
    {
      ...inSourceZone,
      name,
      type: 'CNAME',
      value: `${edge.name}.`,
      purpose: words.alias(displayName(name)),
    },
    proofRecord(name, proofToken, words.proof.insteadOfAlias),
    ...edge.addresses.map((address): DnsRecord => ({
      ...inSourceZone,
      name,
      type: isIPv6(address) ? 'AAAA' : 'A',
      value: address,
      purpose: words.address,
    })),
  ]
}

const CHALLENGE_LABEL = '_acme-challenge'

/** Of those in the zone of a source domain, that proves control by itself. */
export function isProof({ name, type }: Pick<DnsRecord, 'name' | 'type'>): boolean {
  return (type === 'TXT' || type === 'CNAME') && !name.startsWith(`${CHALLENGE_LABEL}.`)
}

/** RFC 8555 §8.4, led to a zone of the operator's; none where there is none. */
export function challengeRecord(
  name: DomainName,
  alias: string | undefined,
  zone: DnsRecord['zone'],
  words = RECORD_WORDS,
): DnsRecord[] {
  if (alias === undefined) return []
  return [
    {
      ttl: TTL_SECONDS,
      zone,
      name: `${CHALLENGE_LABEL}.${name}`,
      type: 'CNAME',
      value: `${alias}.`,
      purpose: words.challenge(displayName(name)),
    },
  ]
}

function proofRecord(name: DomainName, proofToken: string, purposeOf: (name: string) => string): DnsRecord {
  return {
    ...inSourceZone,
    name: `_waypost-challenge.${name}`,
    type: 'TXT',
    value: `"${proofToken}"`,
    purpose: purposeOf(displayName(name)),
  }
}

function srvRecord(
  name: DomainName,
  { service, protocol, targetHost, srvPort }: Parameters<typeof dnsRecords>[0]['delegations'][number],
  words: RecordWords,
): DnsRecord | undefined {
  const port = srvPort ?? USUAL_PORTS[service]
  if (port === undefined) return undefined // nobody has said where it listens
  return {
    ...inSourceZone,
    name: `${service}.${protocol}.${name}`,
    type: 'SRV',
    value: `0 5 ${port} ${targetHost}.`,
    purpose: words.srv(audience(service), service.startsWith('_xmpps-'), displayName(targetHost)),
  }
}

function audience(service: string): Audience {
  return service.includes('client') ? 'clients' : service.includes('server') ? 'servers' : 'users'
}

/** RFC 7673: the base of a TLSA record is the target of the SRV record. 3 1 1 survives a renewal that keeps the key. */
function tlsaRecords(
  delegations: Parameters<typeof dnsRecords>[0]['delegations'],
  certificates: ReadonlyMap<string, { spkiSha256: string }[]>,
  words: RecordWords,
): DnsRecord[] {
  const records = new Map<string, DnsRecord>()
  for (const { service, protocol, targetHost, lineageId, srvPort } of delegations) {
    const port = srvPort ?? USUAL_PORTS[service]
    if (port === undefined) continue
    for (const { spkiSha256 } of certificates.get(lineageId) ?? []) {
      const name = `_${port}.${protocol}.${targetHost}`
      records.set(`${name} ${spkiSha256}`, {
        name,
        type: 'TLSA',
        value: `3 1 1 ${spkiSha256}`,
        ttl: TTL_SECONDS,
        purpose: words.tlsa(displayName(targetHost)),
        zone: 'target host',
      })
    }
  }
  return [...records.values()]
}
