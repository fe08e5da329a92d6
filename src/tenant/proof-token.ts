import { createHmac } from 'node:crypto'
import type { DomainName } from '../name.ts'

/**
 * The value of the TXT record at `_waypost-challenge.<domain>` by which a tenant proves control of a domain. Bound to
 * both, so that it proves nothing for anyone else, and telling nothing about the tenant.
 * @param key 32 bytes, derived from the master key for this use only
 */
export function proofToken(key: Uint8Array, tenantId: string, domain: DomainName): string {
  return 'waypost-' + createHmac('sha256', key).update(`${tenantId}\0${domain}`).digest('base64url').slice(0, 32)
}

/** What a tenant's source domains point their CNAME records to; below the edge name that all share. */
export function edgeNameOf({ edgeLabel }: { edgeLabel: string }, edgeName: DomainName): DomainName {
  return `${edgeLabel}.${edgeName}` as DomainName
}

/** Where the TXT record stands; the label is this server's alone. */
export function challengeName(domain: DomainName): string {
  return `_waypost-challenge.${domain}`
}
