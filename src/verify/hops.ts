import { headerValues, type Ask, type HopFault, type HopReply } from './ask.ts'
import { parseHttpsUrl } from './https-url.ts'
import { step, type Question, type Step, type StepReply } from './report.ts'

/** RFC 7711 §10 recommends the limit; draft-miller-xmpp-fed-00 has none. */
const MOST_REDIRECTS = 10
const SHOWN_HEADERS = ['location', 'content-type', 'content-encoding', 'cache-control', 'retry-after']

export type Answered = Extract<HopReply, { outcome: 'ok' }>

/** What a prooftype demands of its hops. Hop 0 is the first URL, later ones are those it led to. */
export interface HopRules {
  getTitle(hop: number): string
  getRule(hop: number): string
  redirectRule(hop: number): string
  redirectStatuses: readonly number[]
  /** Redirects that are followed as if they were temporary, with a note. */
  permanentStatuses: readonly number[]
  isPathKept: boolean
  redirectCure: string
}

/** Where the hops ended: with an answer that is no redirect, or without one; the last step then says why. */
export interface Walk {
  steps: Step[]
  end: { url: string; reply: Answered } | null
  redirects: number
}

/** Asks `start` and what it redirects to. `asked` collects every URL, so that loops through several walks are seen. */
export async function walk(ask: Ask, start: string, rules: HopRules, asked: Set<string>): Promise<Walk> {
  const steps: Step[] = []
  let url = start
  for (let hop = 0; ; hop++) {
    const circle = circleFault(url, asked)
    if (circle !== null) return { steps: [...steps, circle], end: null, redirects: hop }
    asked.add(url)
    const reply = await ask(url)
    steps.push(getStep(url, reply, rules, hop))
    if (reply.outcome !== 'ok') return { steps, end: null, redirects: hop }
    if (!isRedirect(reply.status)) return { steps, end: { url, reply }, redirects: hop }
    const { location, found } = redirectSteps(url, reply, rules, hop)
    steps.push(...found)
    if (location === null) return { steps, end: null, redirects: hop }
    url = location
  }
}

/** Where the first question goes. */
export function sourceOrigin({ sourceDomain, port }: Question): string {
  return `https://${sourceDomain}${port === 443 ? '' : `:${port}`}`
}

/** The part of a reply that is shown. The body of a private key is not: a report is copied into tickets. */
export function shownReply(reply: Answered): StepReply {
  const text = new TextDecoder('utf-8').decode(reply.body.subarray(0, 4096))
  const firstLines = text.split(/\r\n|[\r\n]/).filter((line) => line.trim() !== '')
  return {
    status: reply.status,
    headers: reply.headers.filter(([name]) => SHOWN_HEADERS.includes(name)),
    firstLines: holdsPrivateKey(reply.body)
      ? ['(a private key, not shown)']
      : firstLines.slice(0, 3).map((line) => line.slice(0, 100)),
    bodyBytes: reply.body.length,
    tls: reply.tls,
  }
}

export function holdsPrivateKey(body: Uint8Array): boolean {
  return Buffer.from(body).includes('PRIVATE KEY-----')
}

/** An answer by which the server says that it cannot answer now: nothing is known of the domain. Null for others. */
export function unableStep(title: string, rule: string, url: string, reply: Answered): Step | null {
  if (reply.status !== 429 && reply.status < 500) return null
  return step('could-not-ask', title, rule, `the server answered ${reply.status}: it cannot answer at the moment`, {
    asked: url,
    reply: shownReply(reply),
    cure: 'Ask again later; if it stays so, the log of that web server says why.',
  })
}

function circleFault(url: string, asked: ReadonlySet<string>): Step | null {
  const fault = asked.has(url)
    ? 'the redirects lead in a circle: this URL was asked before'
    : asked.size > MOST_REDIRECTS
      ? `more than ${MOST_REDIRECTS} redirects: this URL was not asked any more`
      : null
  if (fault === null) return null
  return step('wrong', 'End of the redirects', 'RFC 7711 §10', fault, {
    asked: url,
    cure: 'Redirect once, to a host that answers itself. A source domain that is its own target host gives the document.',
  })
}

function isRedirect(status: number): boolean {
  return status >= 300 && status < 400
}

function getStep(url: string, reply: HopReply, rules: HopRules, hop: number): Step {
  const title = rules.getTitle(hop)
  const rule = rules.getRule(hop)
  switch (reply.outcome) {
    case 'ok': {
      const { protocol, address, subject } = reply.tls
      const found = `${address} answered over ${protocol}; its certificate (${subject}) is trusted and names the host`
      return step('ok', title, rule, found, { asked: url })
    }
    case 'wrong': {
      const { section, cure } = FAULTS[reply.fault]
      return step('wrong', title, section === null ? rule : `${rule}; ${section}`, reply.why, { asked: url, cure })
    }
    case 'could-not-ask':
      return step('could-not-ask', title, rule, reply.why, {
        asked: url,
        cure: 'Nothing is proven or disproven. Check the address records, the firewall and your own connection; ask again.',
      })
  }
}

const FAULTS: Record<HopFault, { section: string | null; cure: string }> = {
  url: { section: 'RFC 9110 §4.2.2', cure: 'Give an https URL that names a host.' },
  address: {
    section: 'RFC 9110 §4.3.3',
    cure: 'Publish A or AAAA records with the public addresses of this web server, and no others; ask again when they are out.',
  },
  'certificate-untrusted': {
    section: 'RFC 9110 §4.3.4',
    cure: 'This web server needs a certificate of a public authority, sent with its intermediate certificates.',
  },
  'certificate-name': {
    section: 'RFC 9110 §4.3.4',
    cure: 'This web server needs a certificate that names this very host; look also whether the address is the right one.',
  },
  'certificate-dates': { section: 'RFC 9110 §4.3.4', cure: "Renew this web server's certificate, or set its clock." },
  tls: { section: 'RFC 9110 §4.3.3', cure: 'The web server must answer TLS 1.2 or 1.3 on this port for this name.' },
  http: { section: 'RFC 9112 §2', cure: 'Look at the web server, or at the proxy before it: this is not HTTP/1.1.' },
  'body-too-large': { section: null, cure: 'The document is a few kilobytes long; something else is served here.' },
}

/** Judges one redirect; the location is null where a rule is broken. */
function redirectSteps(
  url: string,
  reply: Answered,
  rules: HopRules,
  hop: number,
): { location: string | null; found: Step[] } {
  const title = `Redirect of ${hop === 0 ? 'the source domain' : 'a host on the way'}`
  const rule = rules.redirectRule(hop)
  const shown = { asked: url, reply: shownReply(reply) }
  const { location, path, query, fault } = judgeLocation(url, reply, rules)
  if (fault !== undefined)
    return { location: null, found: [step('wrong', title, rule, fault, { ...shown, cure: rules.redirectCure })] }
  const kept = rules.isPathKept ? ', with the path unchanged' : ''
  const found = [step('ok', title, rule, `${reply.status} with one Location, an https URL${kept}`, shown)]
  if (rules.permanentStatuses.includes(reply.status))
    found.push(
      step('note', title, rule, `${reply.status} is a permanent redirect; it is treated as temporary`, {
        cure: 'Use 302 or 307: who remembers a permanent one asks the old provider after a move.',
      }),
    )
  if (rules.isPathKept && query !== '')
    found.push(step('note', title, rule, `the Location adds the query ${query}; the draft speaks of the path ${path}`))
  return { location, found }
}

function judgeLocation(
  url: string,
  reply: Answered,
  rules: HopRules,
):
  | { location: string; path: string; query: string; fault?: undefined }
  | { location: null; path?: undefined; query?: undefined; fault: string } {
  const refuse = (fault: string) => ({ location: null, fault })
  if (![...rules.redirectStatuses, ...rules.permanentStatuses].includes(reply.status))
    return refuse(`the status is ${reply.status}; a redirect has to be ${rules.redirectStatuses.join(' or ')}`)
  const locations = headerValues(reply.headers, 'location')
  const [location] = locations
  if (location === undefined) return refuse(`${reply.status} without a Location header`)
  if (locations.length > 1) return refuse(`${locations.length} Location headers: clients would go different ways`)
  const to = parseHttpsUrl(location)
  if ('fault' in to) return refuse(`the Location ${JSON.stringify(location)} ${to.fault}`)
  const from = parseHttpsUrl(url)
  if (rules.isPathKept && 'path' in from && from.path !== to.path)
    return refuse(`the path of the Location is ${to.path} and not, byte for byte, ${from.path}`)
  return { location, path: to.path, query: to.query }
}
