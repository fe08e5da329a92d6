import { isIP } from 'node:net'
import { parseDomainName } from '../name.ts'
import { ProblemError, type FieldProblem } from '../problem.ts'

/**
 * The alternative connection methods of a source domain (XEP-0156 v1.4.0), with the additions of XEP-0487 v0.1.0
 * ("Host Meta 2") where they are switched on. Kept as one document: it is read and written as a whole.
 */
export interface HostMeta {
  links: HostMetaLink[]
  hostMeta2: HostMeta2 | null
}

export interface HostMetaLink {
  rel: string // "urn:xmpp:alt-connections:websocket", or another service's, such as WebFinger's "lrdd"
  href?: string | undefined // wss: or https: only
  template?: string | undefined
  type?: string | undefined
  // XEP-0487 §2.1; left out of the XML and where Host Meta 2 is off
  port?: number | undefined
  priority?: number | undefined
  weight?: number | undefined
  sni?: string | undefined
  ips?: string[] | undefined
  ech?: string | undefined
}

export interface HostMeta2 {
  ttlSeconds: number
  publicKeyPinsSha256: string[] // base64 of the SHA-256 of an SPKI
}

const ALT = 'urn:xmpp:alt-connections:'
/** XEP-0487 §2.1: these have a port in place of an href, and mean nothing to who knows only XEP-0156. */
const BY_PORT = new Set(['tls', 'quic', 's2s-tls', 's2s-quic'].map((method) => ALT + method))

/** The XRD of XEP-0156 §3, with a final line end. */
export function hostMetaXml({ links }: HostMeta): string {
  const lines = links
    .filter(({ rel }) => !BY_PORT.has(rel))
    .map(({ rel, href, template, type }) => `  <Link${attributes({ rel, href, template, type })}/>\n`)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">\n${lines.join('')}</XRD>\n`
}

/** The JRD (RFC 6415 appendix A) of the same; the fields of Host Meta 2 only where it is on. */
export function hostMetaJson({ links, hostMeta2 }: HostMeta): string {
  const document = hostMeta2
    ? {
        xmpp: {
          ttl: hostMeta2.ttlSeconds,
          ...(hostMeta2.publicKeyPinsSha256.length > 0
            ? { 'public-key-pins-sha-256': hostMeta2.publicKeyPinsSha256 }
            : {}),
        },
        links,
      }
    : {
        links: links
          .filter(({ rel }) => !BY_PORT.has(rel))
          .map(({ rel, href, template, type }) => ({ rel, href, template, type })),
      }
  return JSON.stringify(document) + '\n'
}

const XML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }

function attributes(values: Record<string, string | undefined>): string {
  return Object.entries(values)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => ` ${name}="${value.replace(/[&<>"']/g, (character) => XML[character] ?? character)}"`)
    .join('')
}

const MAX_LINKS = 50
const MAX_TEXT = 1000
const WEEK_SECONDS = 604_800
// XML 1.0 §2.2 has no way to write most controls, and half a surrogate pair is no character
const UNWRITABLE = /[\x00-\x1f\x7f-\x9f\ufffe\uffff]|\p{Surrogate}/u

/**
 * Reads the document that a person or a program sends.
 * @throws ProblemError malformed-request, with every field that is wrong
 */
export function parseHostMeta(value: unknown): HostMeta {
  const fields: FieldProblem[] = []
  const fault = (pointer: string, detail: string): undefined => void fields.push({ pointer, detail })
  const root = object(value, '', ['links', 'hostMeta2'], fault)
  const hostMeta2 =
    root.hostMeta2 === null || root.hostMeta2 === undefined ? null : parseHostMeta2(root.hostMeta2, fault)
  const list = array(root.links, '/links', MAX_LINKS, fault)
  const links = list.map((item, index) => parseLink(item, `/links/${index}`, hostMeta2 !== null, fault))
  if (fields.length > 0)
    throw new ProblemError(
      'malformed-request',
      `the host-meta document has faults: ${fields.map(({ pointer, detail }) => `${pointer || 'it'} ${detail}`).join('; ')}`,
      { fields },
    )
  return { links, hostMeta2 }
}

type Fault = (pointer: string, detail: string) => undefined

function parseHostMeta2(value: unknown, fault: Fault): HostMeta2 {
  const at = '/hostMeta2'
  const { ttlSeconds, publicKeyPinsSha256 } = object(value, at, ['ttlSeconds', 'publicKeyPinsSha256'], fault)
  return {
    // More than a week would hold clients to pins that they can no longer meet
    ttlSeconds: integer(ttlSeconds, `${at}/ttlSeconds`, 1, WEEK_SECONDS, fault),
    publicKeyPinsSha256: array(publicKeyPinsSha256 ?? [], `${at}/publicKeyPinsSha256`, MAX_LINKS, fault).map(
      (pin, index) => {
        const isPin = typeof pin === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(pin)
        if (!isPin) fault(`${at}/publicKeyPinsSha256/${index}`, 'should be the base64 of a SHA-256, 44 characters')
        return isPin ? pin : ''
      },
    ),
  }
}

function parseLink(value: unknown, at: string, isHostMeta2: boolean, fault: Fault): HostMetaLink {
  const known = ['rel', 'href', 'template', 'type', 'port', 'priority', 'weight', 'sni', 'ips', 'ech']
  const given = object(value, at, known, fault)
  const text = (key: string) => (given[key] === undefined ? undefined : string(given[key], `${at}/${key}`, fault))
  const number = (key: string, least: number) =>
    given[key] === undefined ? undefined : integer(given[key], `${at}/${key}`, least, 65535, fault)
  const rel = string(given.rel, `${at}/rel`, fault)
  const link = {
    rel,
    href: text('href'),
    template: text('template'),
    type: text('type'),
    port: number('port', 1),
    priority: number('priority', 0),
    weight: number('weight', 0),
    sni: text('sni'),
    ips: given.ips === undefined ? undefined : addresses(given.ips, `${at}/ips`, fault),
    ech: text('ech'),
  }
  if (BY_PORT.has(rel)) {
    if (link.href !== undefined) fault(`${at}/href`, `does not belong to ${rel}, which has a port`)
    if (link.port === undefined) fault(`${at}/port`, 'is missing')
  } else if (link.href === undefined && link.template === undefined) fault(`${at}/href`, 'is missing')
  checkUrl(link.href, `${at}/href`, rel, fault)
  checkUrl(link.template?.replaceAll('{uri}', ''), `${at}/template`, rel, fault)
  if (link.sni !== undefined && parseDomainName(link.sni) !== link.sni)
    fault(`${at}/sni`, 'should be a DNS name in lower case, without final dot')
  if (link.ech !== undefined && !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(link.ech))
    fault(`${at}/ech`, 'should be base64')
  // XEP-0487 §2.1 calls these mandatory; its own example has a BOSH link without them
  const isMandatory = BY_PORT.has(rel) || (isHostMeta2 && (rel === `${ALT}websocket` || rel === `${ALT}s2s-websocket`))
  for (const key of isMandatory ? (['priority', 'weight', 'sni', 'ips'] as const) : [])
    if (given[key] === undefined) fault(`${at}/${key}`, `is missing: Host Meta 2 wants it for ${rel}`)
  return link
}

/** XEP-0156 §5: only secure connections may be offered. */
function checkUrl(text: string | undefined, at: string, rel: string, fault: Fault): void {
  if (text === undefined || text === '') return
  const scheme = rel.startsWith(ALT) && rel.endsWith('websocket') ? 'wss:' : 'https:'
  if (!/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text) || new URL(text).protocol !== scheme)
    fault(at, `should be a URL in ASCII that begins with ${scheme}//`)
  else if (new URL(text).username !== '') fault(at, 'should have no user name in it')
}

function addresses(value: unknown, at: string, fault: Fault): string[] {
  const list = array(value, at, MAX_LINKS, fault)
  if (Array.isArray(value) && list.length === 0) fault(at, 'should have at least one address')
  return list.map((item, index) => {
    const isAddress = typeof item === 'string' && isIP(item) !== 0
    if (!isAddress) fault(`${at}/${index}`, 'should be an IPv4 or IPv6 address')
    return isAddress ? item : ''
  })
}

function object(value: unknown, at: string, known: string[], fault: Fault): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    fault(at, 'should be an object')
    return {}
  }
  for (const key of Object.keys(value))
    if (!known.includes(key)) fault(`${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, 'is not known')
  return value as Record<string, unknown>
}

function array(value: unknown, at: string, most: number, fault: Fault): unknown[] {
  if (Array.isArray(value) && value.length <= most) return value
  fault(at, `should be a list of at most ${most}`)
  return []
}

function integer(value: unknown, at: string, least: number, most: number, fault: Fault): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  fault(at, `should be a whole number from ${least} to ${most}`)
  return least
}

function string(value: unknown, at: string, fault: Fault): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_TEXT && !UNWRITABLE.test(value)) return value
  fault(at, `should be text of 1 to ${MAX_TEXT} characters without control characters`)
  return ''
}
