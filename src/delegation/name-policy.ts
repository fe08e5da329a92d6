import { getPublicSuffix } from 'tldts'
import { displayName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { challengeName } from '../tenant/proof-token.ts'

/** What the policy for names has to know of this installation. */
export interface NamePolicy {
  adminHost: DomainName
  edgeName: DomainName // every tenant's own edge name is below it
  allow: readonly string[] // names, with all below them, that may be registered though they are special or a public suffix
}

const MAX_NAME = 253

/**
 * Refuses what nobody may register: public suffixes (also of the private section, as "github.io"), special-use names
 * (RFC 6761 and its registry), labels of mixed scripts, names without room for a proof, and the operator's own.
 * @throws ProblemError name-refused, with a rule and the reason
 */
export function requireRegistrable(name: DomainName, { adminHost, edgeName, allow }: NamePolicy): void {
  if (name === adminHost)
    throw refused(name, 'admin-host', 'it is the admin host of this server; register the name that your users write')
  if (isAtOrBelow(name, edgeName))
    throw refused(
      name,
      'edge-name',
      `${edgeName} and the names below it are this server's own, for CNAME records to point to; register the name that has the record`,
    )
  if (challengeName(name).length > MAX_NAME)
    throw refused(
      name,
      'too-long',
      `with ${challengeName(name).length - name.length} characters more for the record that proves control it is longer than ${MAX_NAME} characters; register a shorter name`,
    )
  for (const label of displayName(name).split('.'))
    if (LOOKALIKE_SCRIPTS.filter((script) => script.test(label)).length > 1)
      throw refused(
        name,
        'mixed-scripts',
        `the label ${label} mixes letters of scripts that look alike, so that nobody can tell which name is meant; write it in one script`,
      )
  if (allow.some((zone) => isAtOrBelow(name, zone))) return
  for (const [zone, reason] of SPECIAL_USE)
    if (isAtOrBelow(name, zone))
      throw refused(name, 'special-use', `${zone} ${reason}, so nobody can hold it; ${CLOSED_NETWORK}`)
  if (getPublicSuffix(name, { allowPrivateDomains: true, extractHostname: false, validateHostname: false }) === name)
    throw refused(
      name,
      'public-suffix',
      `it is a public suffix, below which strangers have names of their own; register a name below it. If all of it is one tenant's, the operator can allow it in names.allow`,
    )
}

const CLOSED_NETWORK = 'in a closed network the operator can allow it in names.allow'

// IANA's registry of special-use domain names (RFC 6761 §5), and what ICANN has set aside; a zone comes before the zone
// that it is in, since the first that fits gives the reason
const SPECIAL_USE: readonly (readonly [zone: string, reason: string])[] = [
  ...['example', 'example.com', 'example.net', 'example.org'].map(
    (zone) => [zone, 'is for documentation only (RFC 6761 §6.5)'] as const,
  ),
  ['test', 'is for tests only (RFC 6761 §6.2)'],
  ['invalid', 'never exists (RFC 6761 §6.4)'],
  ['localhost', 'is every machine itself (RFC 6761 §6.3)'],
  ['local', 'belongs to multicast DNS on each local network (RFC 6762)'],
  ['onion', 'is no DNS: it is resolved by Tor (RFC 7686)'],
  ['alt', 'is for naming systems other than DNS (RFC 9476)'],
  ['internal', 'is set aside for private networks and never delegated in DNS'],
  ['home.arpa', 'is each home network itself (RFC 8375)'],
  ['in-addr.arpa', 'maps addresses to names (RFC 3172)'],
  ['ip6.arpa', 'maps addresses to names (RFC 3172)'],
  // 6tisch, eap, ipv4only, resolver, service and whatever comes next
  ['arpa', 'is for the infrastructure of the Internet (RFC 3172)'],
]

// UTS 39 §5.1, as far as whole words of one script can be written in letters of another
const LOOKALIKE_SCRIPTS = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /\p{Script=Armenian}/u]

function isAtOrBelow(name: DomainName, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`)
}

function refused(name: DomainName, rule: string, reason: string): ProblemError {
  return new ProblemError('name-refused', `${displayName(name)} cannot be registered: ${reason}`, { rule })
}
