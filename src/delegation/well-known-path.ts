import { parseDomainName, type DomainName } from '../name.ts'
import type { ServiceName } from './delegation.ts'
import { parseServiceName } from './service-name.ts'

/** What a path under /.well-known/ asks for. */
export type WellKnownPath =
  | { kind: 'tls'; name: ServiceName & { sourceDomain: DomainName } }
  | { kind: 'posh'; service: string; sourceDomain: DomainName | null } // "xmpp-server"; null: the host that is asked
  | { kind: 'host-meta'; format: 'xml' | 'json' }
  | { kind: 'acme-challenge'; token: string }

const TLS = '/.well-known/tls/'
const POSH = '/.well-known/posh/'
const ACME = '/.well-known/acme-challenge/'
// RFC 8555 §8.3: base64url of at least 128 bits
const TOKEN = /^[A-Za-z0-9_-]{22,128}$/
const PERCENT = /%([0-9A-Fa-f]{2})/g
// Nobody needs to escape ASCII in a name: `%5Fxmpp-server` and `%2e%2e` would be second spellings of what has one
const ESCAPES_ONLY_NON_ASCII = /^(?:[^%]|%[89A-Fa-f][0-9A-Fa-f])*$/

/**
 * Reads a path, without query, as the request line has it. Null where it is of no form that is served: on a public
 * port an everyday 404. Paths are case-sensitive (RFC 9110 §4.2.3); names in them are not (RFC 4343).
 */
export function parseWellKnownPath(path: string): WellKnownPath | null {
  if (path.startsWith(TLS)) return tlsPath(path.slice(TLS.length))
  if (path.startsWith(POSH)) return poshPath(path.slice(POSH.length))
  if (path === '/.well-known/host-meta') return { kind: 'host-meta', format: 'xml' }
  if (path === '/.well-known/host-meta.json') return { kind: 'host-meta', format: 'json' }
  if (!path.startsWith(ACME)) return null
  const token = path.slice(ACME.length)
  return TOKEN.test(token) ? { kind: 'acme-challenge', token } : null
}

/** `<service>.<protocol>.<source-domain>`, draft-miller-xmpp-fed-00 §6.3 step 1. */
function tlsPath(rest: string): WellKnownPath | null {
  const [service = '', protocol = '', ...labels] = rest.split('.')
  const name = parseServiceName(service, protocol)
  const sourceDomain = name && domainInPath(labels.join('.'))
  return sourceDomain ? { kind: 'tls', name: { ...name, sourceDomain } } : null
}

/** `<service>.json`, RFC 7711 §3, or `<source-domain>/<service>.json` at a target host, which must tell tenants apart. */
function poshPath(rest: string): WellKnownPath | null {
  const slash = rest.indexOf('/')
  const file = rest.slice(slash + 1)
  const service = file.endsWith('.json') ? file.slice(0, -'.json'.length) : ''
  if (parseServiceName(`_${service}`, '_tcp')?.service !== `_${service}`) return null
  if (slash < 0) return { kind: 'posh', service, sourceDomain: null }
  const sourceDomain = domainInPath(rest.slice(0, slash))
  return sourceDomain && { kind: 'posh', service, sourceDomain }
}

function domainInPath(text: string): DomainName | null {
  if (!text.includes('%')) return parseDomainName(text)
  if (!ESCAPES_ONLY_NON_ASCII.test(text)) return null
  const bytes = text.replace(PERCENT, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  try {
    return parseDomainName(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1')))
  } catch {
    return null
  }
}
