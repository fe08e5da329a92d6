import type { KeyObject } from 'node:crypto'
import type { ParsedCertificate } from './parsed-certificate.ts'
import { refusal } from './refusal.ts'
import { checkKey, checkSignatureAlgorithm } from './strength.ts'

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const ANY_USAGE = '2.5.29.37.0'
const POISON = '1.3.6.1.4.1.11129.2.4.3' // RFC 6962 §3.1
/** Those that OpenSSL knows as critical: any other makes every client refuse (RFC 5280 §4.2). */
const KNOWN_CRITICAL = ['15', '17', '19', '30', '31', '32', '33', '36', '37', '54'].map((id) => `2.5.29.${id}`)

/** The one certificate that is no authority's; a self-signed one alone may call itself one, as `openssl req -x509` writes it. */
export function leafOf(bag: ParsedCertificate[], key: KeyObject | null): ParsedCertificate {
  const [only] = bag
  if (only && bag.length === 1 && only.facts.isSelfSigned) return only
  // A self-signed one without basicConstraints beside others is an old root, not a second leaf
  const leaves = bag.filter(({ isCa, issuer, facts }) => {
    const hasSubject = bag.some(
      (other) => other.facts.sha256 !== facts.sha256 && Buffer.compare(other.issuer, issuer) === 0,
    )
    return !isCa && !(facts.isSelfSigned && hasSubject)
  })
  const [leaf] = leaves
  if (leaf && leaves.length === 1) return leaf
  if (leaf)
    throw refusal(
      'two-leaves',
      `there are ${leaves.length} server certificates (${leaves.map(nameOf).join('; ')}); give one with its chain, each of the others by itself`,
    )
  const keyed = key && bag.find(({ x509 }) => x509.checkPrivateKey(key))
  if (keyed)
    throw refusal(
      'ca-certificate',
      `${nameOf(keyed)} is an authority's certificate (CA:TRUE) and clients refuse it as a server's; have one issued without, or sign it with its own key and give it alone`,
    )
  throw refusal(
    'no-leaf',
    `there are only certificates of authorities (${bag.map(nameOf).join('; ')}); add the server's own, which names its domain`,
  )
}

/** @throws ProblemError certificate-refused: what TLS clients would refuse, and an expired one */
export function checkLeaf(leaf: ParsedCertificate, now: Date): void {
  const who = nameOf(leaf)
  checkKey(leaf, who)
  checkSignatureAlgorithm(leaf, who)
  const { extendedKeyUsage: usage } = leaf
  if (usage && !usage.includes(SERVER_AUTH) && !usage.includes(ANY_USAGE))
    throw refusal(
      'extended-key-usage',
      `${who} is not for servers: its extended key usage has no serverAuth; have it issued again for TLS servers`,
    )
  if (leaf.criticalExtensions.includes(POISON))
    throw refusal(
      'critical-extension',
      `${who} is a precertificate (RFC 6962); give the certificate that was issued after it`,
    )
  const unknown = leaf.criticalExtensions.find((oid) => !KNOWN_CRITICAL.includes(oid))
  if (unknown !== undefined)
    throw refusal(
      'critical-extension',
      `${who} has a critical extension that clients do not know (${unknown}) and so refuse; have it issued again without`,
    )
  if (leaf.facts.notAfter <= now)
    throw refusal('expired', `${who} expired at ${leaf.facts.notAfter.toISOString()}; give the one that replaced it`)
}

/** As a person would call it. */
export function nameOf({ facts }: ParsedCertificate): string {
  return `the certificate of ${facts.dnsNames[0] ?? (facts.subject || `serial ${facts.serial}`)}`
}
