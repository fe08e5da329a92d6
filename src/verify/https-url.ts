import { parseDomainName, type DomainName } from '../name.ts'

/** An absolute https URL in its own bytes: WHATWG's parser would decode, re-encode and drop dot segments. */
export interface HttpsUrl {
  host: DomainName
  port: number
  path: string // as written, "" where there is none
  query: string // with its "?", "" where there is none
}

// RFC 3986 §3: scheme, authority, path, query, fragment, of the characters that a URI may hold
const CHARACTERS = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/
const PARTS = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/
const AUTHORITY = /^([^:[\]]+|\[[^\]]*\])(?::(\d{1,5})?)?$/

/** The URL's parts, or what is wrong with it in words that continue "the URL ...". */
export function parseHttpsUrl(text: string): HttpsUrl | { fault: string } {
  if (!CHARACTERS.test(text)) return { fault: 'is empty or has characters that no URL may hold' }
  const [, scheme = '', authority = '', path = '', query = '', fragment] = PARTS.exec(text) ?? []
  if (scheme === '') return { fault: 'is relative: it must be absolute and name its host' }
  if (scheme.toLowerCase() !== 'https') return { fault: `begins with ${scheme}: and not with https:` }
  if (authority.includes('@')) return { fault: 'holds a user name or password' }
  if (fragment !== undefined) return { fault: 'has a fragment (#)' }
  const [, hostText = '', portText = '443'] = AUTHORITY.exec(authority) ?? []
  const host = parseDomainName(hostText)
  if (host === null)
    return { fault: `names no DNS host: ${JSON.stringify(hostText || authority)} is an address or no valid name` }
  const port = Number(portText)
  if (port < 1 || port > 65535) return { fault: `has the port ${portText}, which does not exist` }
  return { host, port, path, query }
}
