import type { DomainName } from '../name.ts'
import type { DelegationStore } from './delegation.ts'
import { dnsRecords, isProof, type DnsRecord } from './dns-records.ts'
import type { SourceDomainStore } from './source-domain.ts'

const DELEGATIONS = 20

/** What a tenant is to publish for its name beside the proof, each name and type once: addresses, services, the DNS challenge. */
export function furtherRecords(deps: {
  sourceDomains: Pick<SourceDomainStore, 'find'>
  delegations: Pick<DelegationStore, 'list'>
  edge: { name: DomainName; addresses: string[] }
  challengeAlias: ((tenantId: string, name: DomainName) => string) | undefined
}): (tenantId: string, name: DomainName) => Promise<(Pick<DnsRecord, 'name'> & { type: FurtherType })[]> {
  return async (tenantId, name) => {
    const sourceDomain = await deps.sourceDomains.find(tenantId, name)
    if (!sourceDomain) return []
    const records = dnsRecords({
      sourceDomain,
      delegations: await deps.delegations.list(tenantId, { limit: DELEGATIONS, sourceDomain: name }),
      certificates: new Map(),
      edge: deps.edge,
      proofToken: '',
      challengeAlias: deps.challengeAlias?.(tenantId, name),
    })
    const asked = records.flatMap(({ name, type, zone }) =>
      zone === 'source domain' && !isProof({ name, type }) && isFurther(type) ? [{ name, type }] : [],
    )
    return asked.filter((one, at) => asked.findIndex(({ name, type }) => name === one.name && type === one.type) === at)
  }
}

type FurtherType = 'A' | 'AAAA' | 'CNAME' | 'SRV'

function isFurther(type: DnsRecord['type']): type is FurtherType {
  return type === 'A' || type === 'AAAA' || type === 'CNAME' || type === 'SRV'
}
