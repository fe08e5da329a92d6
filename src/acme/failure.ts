import type { IssuanceMemory, Whose } from './order.ts'
import type { AcmeProblem } from './session.ts'

/** A problem that is found on this side. */
export function finding(type: string, detail: string): AcmeProblem {
  return { type, detail, status: 0, retryAfterMs: null, url: null, subproblems: [] }
}

/**
 * What was going on when it failed, for the same type means another thing then: a name was validated, or an order that
 * had become invalid was looked at; an order was asked for; or anything else was asked about one.
 */
export type During = 'validation' | 'new-order' | 'order'

/** Which of an authority's limits was met: only what it names has to wait. */
export type Scope = 'identifier' | 'registered-domain' | 'account' | 'all' | 'unknown'

const OWNERS = [
  ...['dns', 'connection', 'caa', 'tls', 'incorrectResponse'],
  ...['rejectedIdentifier', 'unsupportedIdentifier'],
]
const ACCOUNTS = ['accountDoesNotExist', 'externalAccountRequired', 'userActionRequired', 'unauthorized']
const OPERATORS = [
  ...['badCSR', 'badPublicKey', 'badSignatureAlgorithm', 'invalidProfile'],
  ...['invalidContact', 'unsupportedContact', 'clock', 'no-authority', 'no-challenge'],
]
/** Of the operator's own zone for dns-01: the authority was not told to look. */
const ZONES = ['dns-update', 'dns-propagation']
const OUTAGES = ['unreachable', 'malformed-answer', 'serverInternal']

/** Who has to do something about it. Of several subproblems the owner's count first: nobody else can mend those. */
export function whose(problem: AcmeProblem, during: During): Whose {
  const { type, subproblems } = problem
  if (type === 'compound' && subproblems.length > 0) {
    const all = subproblems.map((one) => whose({ ...problem, ...one, subproblems: [] }, during))
    return all.find((one) => one === 'owner') ?? all.find((one) => one === 'operator') ?? 'authority'
  }
  if (type === 'unauthorized' && during === 'validation') return 'owner'
  if (OWNERS.includes(type)) return 'owner'
  const isOperators = ACCOUNTS.includes(type) || OPERATORS.includes(type) || isZones(problem)
  if (isOperators || isPausedIdentifier(problem)) return 'operator'
  return 'authority'
}

/** Whether the authority serves nobody now, as far as can be told: it passes by itself, and others need not try. */
export function isOutage({ type, status }: AcmeProblem): boolean {
  return OUTAGES.includes(type) || (status >= 500 && type !== 'rateLimited')
}

/** Whether the answer to dns-01 could not be put where an authority looks for it. */
export function isZones({ type }: Pick<AcmeProblem, 'type'>): boolean {
  return ZONES.includes(type)
}

/** Whether it has answered, and will answer whoever asks again in the same way. */
export function isRefusal({ type, status }: AcmeProblem): boolean {
  return status >= 400 && status < 500 && status !== 429 && type !== 'rateLimited'
}

/** Whether the same request may succeed another time, so that an order under way is kept. */
export function isTransient(problem: AcmeProblem): boolean {
  const { type, status } = problem
  if (isOutage(problem) || isZones(problem) || ACCOUNTS.includes(type)) return true
  return ['rateLimited', 'badNonce'].includes(type) || status === 429
}

const UNKNOWN_LIMIT_MS = 3_600_000

/**
 * For how long it is asked for nothing at the longest, since whatever is ordered there would fail as well; 0: others may
 * order. A limit in words that are not known may be everybody's: an hour is little if it is, and bearable if it is not.
 */
export function longestPauseMs(problem: AcmeProblem, during: During): number {
  if (during === 'validation' || isPausedIdentifier(problem)) return 0
  if (problem.type === 'rateLimited')
    return { account: Infinity, all: Infinity, unknown: UNKNOWN_LIMIT_MS, identifier: 0, 'registered-domain': 0 }[
      scopeOf(problem)
    ]
  if (problem.status === 503 && problem.retryAfterMs !== null) return Infinity
  // Of an order that is there, "unauthorized" may mean that order alone
  if (problem.type === 'unauthorized') return during === 'new-order' ? Infinity : 0
  return ACCOUNTS.includes(problem.type) || problem.type === 'invalidProfile' ? Infinity : 0
}

/** By the words of Let's Encrypt, which all its limits have in common with Boulder's other users. */
export function scopeOf({ detail, status, subproblems }: AcmeProblem): Scope {
  if (/from this IP|from this \/\d+|service busy/i.test(detail) || status === 503) return 'all'
  if (/exact set of (identifiers|domains)|failed authorizations/i.test(detail)) return 'identifier'
  if (/certificates .*already issued/i.test(detail)) return 'registered-domain'
  if (/account/i.test(detail)) return 'account'
  return subproblems.some(({ identifier }) => identifier !== null) ? 'identifier' : 'unknown'
}

/** Let's Encrypt refuses a name that failed for months until a person follows the link. */
function isPausedIdentifier({ type, detail }: AcmeProblem): boolean {
  return type === 'rateLimited' && /temporarily prevented|unpause|is paused|self-service/i.test(detail)
}

type Failure = Pick<IssuanceMemory, 'problem' | 'whose' | 'challengeType'>

interface About {
  authority: string // its name
  identifiers: readonly string[]
}

/** What the authority said and what is to be done about it, in a few sentences for whoever has to do it. */
export function failureWords(failure: Failure, about: About): string {
  const { problem } = failure
  const one = mainProblem(problem)
  const facts: Facts = {
    said: quoted(one.detail),
    found: one.detail,
    authority: about.authority,
    name: one.identifier ?? about.identifiers[0] ?? 'the name',
    where: placeOf(failure.challengeType, one.identifier ?? about.identifiers[0] ?? 'the name'),
  }
  const words =
    failure.whose === 'operator' && isPausedIdentifier(problem) ? PAUSED : (WORDS[keyOf(failure, one)] ?? OTHER)
  const also = problem.subproblems.filter(({ identifier }) => identifier !== null && identifier !== one.identifier)
  return [
    words(facts),
    ...(also.length > 0 ? [`It also refused ${also.map(({ identifier }) => identifier).join(', ')}.`] : []),
    ...(problem.url?.startsWith('https://') ? [`It gives instructions at ${problem.url}`] : []),
  ].join(' ')
}

interface Facts {
  said: string
  found: string // the same, of what is in our own words
  authority: string
  name: string
  where: string
}

const BY_ITSELF = 'Nothing has to be done: it is tried again by itself.'
const LEADS_HERE =
  "See that all of the name's A and AAAA records lead to this server, as its page shows them, and that none of a former server is left"

const wrongAnswer = ({ authority, where, said }: Facts) =>
  `${authority} got a wrong answer at ${where}${said}. ${LEADS_HERE}; a proxy before it must pass the request on.`
const accountGone = ({ authority, said }: Facts) =>
  `${authority} does not accept this server's account${said}. The operator has to remove the authority and add it again, or to ask the authority about the account.`
const refusedName = ({ authority, name, said }: Facts) =>
  `${authority} does not issue certificates for ${name}${said}. Another name is needed, or the operator adds an authority that accepts it.`
const badRequest = ({ authority, said }: Facts) =>
  `${authority} refused the certificate request${said}. The operator can choose another key type for this authority.`

const WORDS: Readonly<Record<string, (facts: Facts) => string>> = {
  dns: ({ authority, name, said }) =>
    `${authority} could not look up ${name} in the DNS${said}. See that all name servers of the zone answer for it, A, AAAA and CAA records alike, and that its DNSSEC signatures are valid or its DS record is removed.`,
  connection: ({ authority, where, said }) =>
    `${authority} could not reach ${where}${said}. ${LEADS_HERE}; no firewall may stand in between.`,
  unauthorized: wrongAnswer,
  incorrectResponse: wrongAnswer,
  caa: ({ authority, name, said }) =>
    `A CAA record forbids ${authority} to issue for ${name}${said}. Add a CAA record that names this authority (for Let's Encrypt: 0 issue "letsencrypt.org") at ${name} or at the domain above it that has CAA records now, or remove those.`,
  tls: ({ authority, where, said }) =>
    `${authority} reached ${where} and TLS failed there${said}. ${LEADS_HERE}; a proxy before it must pass TLS on unopened.`,
  rejectedIdentifier: refusedName,
  unsupportedIdentifier: refusedName,
  rateLimited: ({ authority, said }) =>
    `${authority} limits how much it issues, and the limit is met${said}. ${BY_ITSELF} It comes sooner only through another authority.`,
  badCSR: badRequest,
  badPublicKey: badRequest,
  badSignatureAlgorithm: badRequest,
  serverInternal: ({ authority, said }) => `${authority} has a fault of its own${said}. ${BY_ITSELF}`,
  unreachable: ({ authority, said }) =>
    `${authority} could not be reached${said}. It is tried again by itself; where it lasts, the operator sees whether this server may connect to it, and whether its own HTTPS certificate is trusted.`,
  'malformed-answer': ({ authority, said }) => `${authority} gave an answer that cannot be used${said}. ${BY_ITSELF}`,
  'bad-certificate': ({ authority, said }) =>
    `${authority} issued something else than what was ordered, and it is not used${said}. It is tried again by itself; the certificate in use stays.`,
  invalidProfile: ({ authority, said }) =>
    `${authority} does not offer the certificate profile that is required${said}. The operator chooses one of those that \`waypost authority test\` lists, or requires none.`,
  accountDoesNotExist: accountGone,
  'unauthorized-account': accountGone,
  externalAccountRequired: ({ authority, said }) =>
    `${authority} wants an external account${said}. The operator gets a key identifier and key from it, removes the authority here and adds it again with those.`,
  userActionRequired: ({ authority, said }) =>
    `${authority} wants the operator to do something first, such as to agree to new terms of service${said}.`,
  clock: ({ authority, said }) =>
    `The clock of this server and that of ${authority} differ${said}. The operator sets the clock, best by NTP.`,
  'no-authority': () =>
    'No authority is set up that could be asked. The operator adds one with `waypost authority add`.',
  'no-challenge': ({ authority, name, said }) =>
    `${authority} offers no way to prove control of ${name} that this server can go${said}. The operator opens port 80 or 443 of the edge, or uses another authority.`,
  'dns-update': ({ found, name }) =>
    `The TXT record by which control of ${name} is shown could not be written: ${found}. The server's log says why. The authority was not asked to look.`,
  'dns-propagation': ({ found, name }) =>
    `The TXT record by which control of ${name} is shown is not everywhere: ${found} The authority was not asked to look.`,
  preflight: ({ found }) => found,
  moved: ({ found }) => found,
  'preflight-unasked': ({ found }) =>
    `Nothing could be found out about the name, so that nothing is ordered. ${found} It is tried again by itself.`,
  'order-lost': ({ authority, said }) =>
    `${authority} has given the order up, or does not know it any more${said}. ${BY_ITSELF}`,
}

const PAUSED = ({ authority, name, said }: Facts) =>
  `${authority} issues nothing for ${name} since it failed for too long${said}. The operator follows the link that it gives, once the cause is mended.`
const OTHER = ({ authority, said }: Facts) =>
  `${authority} refused${said}. It is tried again by itself; where it lasts, the operator asks the authority.`

function keyOf({ whose }: Failure, { type }: { type: string }): string {
  return type === 'unauthorized' && whose === 'operator' ? 'unauthorized-account' : type
}

/** The subproblem that has to be mended first, where there are any (RFC 8555 §6.7.1). */
function mainProblem(problem: AcmeProblem): { type: string; detail: string; identifier: string | null } {
  const { subproblems } = problem
  const [first] = subproblems
  const owners = subproblems.find((one) => whose({ ...problem, ...one, subproblems: [] }, 'validation') === 'owner')
  const { type, detail } = problem
  if (type === 'compound' && first) return owners ?? first
  return { type, detail, identifier: subproblems.length === 1 ? (first?.identifier ?? null) : null }
}

function placeOf(challengeType: string | null, name: string): string {
  if (challengeType === 'tls-alpn-01') return `port 443 of ${name}`
  if (challengeType === 'dns-01') return `the TXT record of _acme-challenge.${name}`
  return `http://${name}/.well-known/acme-challenge/…`
}

const LONGEST_QUOTE = 300

function quoted(detail: string): string {
  if (detail === '') return ''
  return ` ("${detail.length > LONGEST_QUOTE ? `${detail.slice(0, LONGEST_QUOTE)}…` : detail}")`
}
