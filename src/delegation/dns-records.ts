import { isIPv6 } from 'node:net'
import { displayName, type DomainName } from '../name.ts'
import type { Delegation } from './delegation.ts'
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
}): DnsRecord[] {
  const { sourceDomain, delegations, certificates, edge, proofToken, challengeAlias } = what
  return [
    ...(sourceDomain.mode === 'hosted'
      ? [
          ...hostedRecords(sourceDomain.name, edge, proofToken),
          ...challengeRecord(sourceDomain.name, challengeAlias, 'source domain'),
        ]
      : [proofRecord(sourceDomain.name, proofToken, '; it has to stay')]),
    ...delegations.flatMap((delegation) => srvRecord(sourceDomain.name, delegation) ?? []),
    ...tlsaRecords(delegations, certificates),
  ]
}

const inSourceZone = { ttl: TTL_SECONDS, zone: 'source domain' } as const

/** A CNAME record alone, or the TXT record and those of the addresses, which lead to the edge and prove nothing. */
function hostedRecords(
  name: DomainName,
  edge: { name: DomainName; addresses: string[] },
  proofToken: string,
): DnsRecord[] {
  return [
    {
      ...inSourceZone,
      name,
      type: 'CNAME',
      value: `${edge.name}.`,
      purpose: `leads HTTPS for the name to this server, wherever its addresses move, and proves that you control ${displayName(name)}; it has to stay. Not possible where the name has other records of its own, as the apex of a zone has`,
    },
    proofRecord(
      name,
      proofToken,
      ' in place of the CNAME record, or for a name that cannot have one, such as the apex of a zone; it has to stay',
    ),
    ...edge.addresses.map((address): DnsRecord => ({
      ...inSourceZone,
      name,
      type: isIPv6(address) ? 'AAAA' : 'A',
      value: address,
      purpose: `in place of the CNAME record, for a name that cannot have one, such as the apex of a zone; it proves nothing, so that the TXT record is needed with it`,
    })),
  ]
}

const CHALLENGE_LABEL = '_acme-challenge'

/** Of those in the zone of a source domain, that proves control by itself. */
export function isProof({ name, type }: Pick<DnsRecord, 'name' | 'type'>): boolean {
  return (type === 'TXT' || type === 'CNAME') && !name.startsWith(`${CHALLENGE_LABEL}.`)
}

/** RFC 8555 §8.4, led to a zone of the operator's; none where there is none. */
export function challengeRecord(name: DomainName, alias: string | undefined, zone: DnsRecord['zone']): DnsRecord[] {
  if (alias === undefined) return []
  return [
    {
      ttl: TTL_SECONDS,
      zone,
      name: `${CHALLENGE_LABEL}.${name}`,
      type: 'CNAME',
      value: `${alias}.`,
      purpose: `optional: lets this server get the certificate of ${displayName(name)} by DNS, also before the name leads here, or where its port 80 does not; no TXT record may stand there`,
    },
  ]
}

function proofRecord(name: DomainName, proofToken: string, more: string): DnsRecord {
  return {
    ...inSourceZone,
    name: `_waypost-challenge.${name}`,
    type: 'TXT',
    value: `"${proofToken}"`,
    purpose: `proves that you control ${displayName(name)}${more}`,
  }
}

function srvRecord(
  name: DomainName,
  { service, protocol, targetHost, srvPort }: Parameters<typeof dnsRecords>[0]['delegations'][number],
): DnsRecord | undefined {
  const port = srvPort ?? USUAL_PORTS[service]
  if (port === undefined) return undefined // nobody has said where it listens
  return {
    ...inSourceZone,
    name: `${service}.${protocol}.${name}`,
    type: 'SRV',
    value: `0 5 ${port} ${targetHost}.`,
    purpose: `leads ${audience(service)} to the XMPP service at ${displayName(targetHost)}`,
  }
}

function audience(service: string): string {
  const who = service.includes('client') ? 'clients' : service.includes('server') ? 'other servers' : 'users'
  return service.startsWith('_xmpps-') ? `${who} that begin with TLS (XEP-0368)` : who
}

/** RFC 7673: the base of a TLSA record is the target of the SRV record. 3 1 1 survives a renewal that keeps the key. */
function tlsaRecords(
  delegations: Parameters<typeof dnsRecords>[0]['delegations'],
  certificates: ReadonlyMap<string, { spkiSha256: string }[]>,
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
        purpose: `pins the key of the service certificate, where the zone of the target host is signed (DNSSEC); for the operator of ${displayName(targetHost)}`,
        zone: 'target host',
      })
    }
  }
  return [...records.values()]
}
