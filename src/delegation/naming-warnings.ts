import type { LineageCertificate } from '../certificate/lineage.ts'
import { displayName, type DomainName } from '../name.ts'
import type { ServiceName } from './delegation.ts'

export interface NamingWords {
  noCertificate: string
  notNamed: { toClients: (name: string) => string; toServers: (name: string) => string }
}

export const NAMING_WORDS: NamingWords = {
  noCertificate: 'the lineage has no certificate yet: nothing is published until one is imported',
  notNamed: {
    toClients: (name) =>
      `the certificate does not name ${name}: Conversations and its forks accept POSH only where the certificate names the domain too`,
    toServers: (name) =>
      `the certificate does not name ${name}: servers that ask for POSH (Prosody with mod_s2s_auth_posh, xmpp-proxy) accept it; Conversations would not`,
  },
}

/**
 * What to tell who publishes a service certificate that does not name the source domain. It is legitimate, it is what
 * the prooftype is for, but some clients look at the name all the same.
 */
export function namingWarnings(
  sourceDomain: DomainName,
  { service }: ServiceName,
  certificates: Pick<LineageCertificate, 'dnsNames'>[],
  words = NAMING_WORDS,
): string[] {
  if (certificates.length === 0) return [words.noCertificate]
  if (certificates.every(({ dnsNames }) => dnsNames.some((dnsName) => covers(dnsName, sourceDomain)))) return []
  const notNamed = service.includes('client') ? words.notNamed.toClients : words.notNamed.toServers
  return [notNamed(displayName(sourceDomain))]
}

/** RFC 9525 §6.3: a wildcard stands for exactly the whole left-most label. */
export function covers(dnsName: string, host: DomainName): boolean {
  if (dnsName === host) return true
  return dnsName.startsWith('*.') && host.includes('.') && dnsName.slice(2) === host.slice(host.indexOf('.') + 1)
}
