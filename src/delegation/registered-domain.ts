import { getDomain } from 'tldts'
import type { DomainName } from '../name.ts'

/**
 * The name below a public suffix that the name is at or below, by which authorities count certificates: "example.co.uk",
 * and "me.github.io" of the private section too. The name itself where it has no such suffix.
 */
export function registeredDomain(name: DomainName): string {
  return getDomain(name, { allowPrivateDomains: true, validateHostname: false }) ?? name
}
