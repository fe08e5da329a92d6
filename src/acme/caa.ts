import type { ChallengeType } from './session.ts'

/** One property of RFC 8659 §4.1. */
export interface CaaRecord {
  flags: number
  tag: string // lower case
  value: string
}

/** Who would issue, and how. */
export interface CaaIssuer {
  caaIdentities: readonly string[] | null // the names it goes by in CAA records, RFC 8555 §9.7.6; null: it does not say
  accountUrl: string | null
  challengeTypes: readonly ChallengeType[] // that this server can answer
}

export type CaaVerdict =
  | { outcome: 'ok'; identity: string | null } // by which name it is allowed; null: nobody is restricted
  | { outcome: 'unknown' } // somebody is allowed, and nobody can tell whether that is this one
  | { outcome: 'wrong'; by: 'issuer' | 'account' | 'method' | 'critical'; tag: string }

/** RFC 9495, RFC 8659 and what the CA/Browser Forum has defined: none of these says anything about a name of a server. */
const OTHERS_AFFAIR = ['issuewild', 'iodef', 'issuemail', 'issuevmc', 'contactemail', 'contactphone']

/**
 * Whether a relevant record set (RFC 8659 §3), which is that of a name and no wildcard, lets this one issue.
 * @param records none: there is no set
 */
export function judgeCaa(records: readonly CaaRecord[], issuer: CaaIssuer): CaaVerdict {
  const unknown = records.find(({ flags, tag }) => isCritical(flags) && tag !== 'issue' && !OTHERS_AFFAIR.includes(tag))
  if (unknown) return { outcome: 'wrong', by: 'critical', tag: unknown.tag }
  const issue = records.filter(({ tag }) => tag === 'issue').map(({ value }) => parseIssue(value))
  if (issue.length === 0) return { outcome: 'ok', identity: null }

  const { caaIdentities } = issuer
  if (caaIdentities === null) {
    const faults = issue.map((one) => (one.domain === '' ? 'issuer' : faultOf(one, issuer)))
    if (faults.some((fault) => fault === null)) return { outcome: 'unknown' }
    return { outcome: 'wrong', by: worst(faults), tag: 'issue' }
  }
  const own = issue.filter(({ domain }) => domain !== '' && caaIdentities.some((id) => id.toLowerCase() === domain))
  const allowed = own.find((one) => faultOf(one, issuer) === null)
  if (allowed) return { outcome: 'ok', identity: allowed.domain }
  return { outcome: 'wrong', by: worst(own.map((one) => faultOf(one, issuer))), tag: 'issue' }
}

/** The last one to be mended: whoever may not issue at all has not come as far as accounts and methods. */
function worst(faults: readonly (Fault | 'issuer' | null)[]): Fault | 'issuer' {
  return faults.find((fault) => fault === 'method') ?? faults.find((fault) => fault === 'account') ?? 'issuer'
}

/** Bit 0 is 128. So many have set 1 in its place that authorities take that for the same (RFC 8659 §4.1 leaves it free). */
function isCritical(flags: number): boolean {
  return (flags & 0x81) !== 0
}

interface Issue {
  domain: string // '': nobody may issue by this one
  parameters: readonly [name: string, value: string][]
}

const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/
const PARAMETER = /^([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*=[ \t]*([!-:<-~]*)$/

/** RFC 8659 §4.2; one that is malformed lets nobody issue. */
function parseIssue(value: string): Issue {
  const [first = '', ...rest] = value.split(';').map((part) => part.trim())
  const domain = first.toLowerCase().replace(/\.$/, '')
  const parts = rest.at(-1) === '' ? rest.slice(0, -1) : rest
  const parameters: [string, string][] = []
  for (const part of parts) {
    const [, name, text] = PARAMETER.exec(part) ?? []
    if (name === undefined || text === undefined) return NOBODY
    parameters.push([name.toLowerCase(), text])
  }
  return DOMAIN.test(domain) ? { domain, parameters } : NOBODY
}

const NOBODY: Issue = { domain: '', parameters: [] }

type Fault = 'account' | 'method'

/** RFC 8657: an account that is given twice is nobody's; a method is one of ACME or of the authority's own. */
function faultOf({ parameters }: Issue, { accountUrl, challengeTypes }: CaaIssuer): Fault | null {
  const [accounts, methods] = ['accounturi', 'validationmethods'].map((wanted) =>
    parameters.flatMap(([name, value]) => (name === wanted ? [value] : [])),
  )
  if (accounts && accounts.length > 0 && (accounts.length > 1 || accounts[0] !== accountUrl)) return 'account'
  if (methods === undefined || methods.length === 0) return null
  const allowed = methods[0]?.split(',') ?? []
  return methods.length === 1 && challengeTypes.some((type) => allowed.includes(type)) ? null : 'method'
}
