import { nameFromBytes, type DomainName } from '../name.ts'

/** The parts of a request that say where it is meant to go, as they came. */
export interface RequestLine {
  url: string
  httpVersion: string
  /** Names and values in turn, with every line that was sent: Node's `headers` hides a second Host line. */
  rawHeaders: readonly string[]
}

export type Refusal = { status: 400 | 421 | 431 | 505 }

export interface Target {
  host: DomainName
  port: number // as the client wrote it, or the scheme's
  path: string // as sent, without query
  query: string // as sent, with its "?"; empty where there is none
}

const MAX_HEADERS = 64
// RFC 9110 §7.2: uri-host [ ":" port ]. What stands before the port is judged as a name, so an IP literal is none.
// No \s: it has U+00A0, and each character is a byte here, one of the UTF-8 of "à" perhaps
const HOST = /^([^\x00-\x20\x7f/\\?#@,:[\]]+)(?::(\d{1,5}))?$/
const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/i

/**
 * Judges a request's version, Host lines, transfer coding and target: what Node lets pass and RFC 9112 does not.
 * @param scheme of the connection
 */
export function requestTarget(request: RequestLine, scheme: 'http' | 'https'): Target | Refusal {
  const { url, httpVersion, rawHeaders } = request
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return { status: 505 }
  if (rawHeaders.length > 2 * MAX_HEADERS) return { status: 431 }
  // RFC 9112 §3.2: one valid Host line, no more and no less, also in HTTP/1.0 for who serves many names
  const [line, ...more] = valuesOf(rawHeaders, 'host')
  const host = line === undefined || more.length > 0 ? null : parseHostLine(line, scheme)
  if (host === null) return { status: 400 }
  // RFC 9112 §6.1: a coding nobody understands is where smuggling begins
  if (valuesOf(rawHeaders, 'transfer-encoding').some((value) => value.toLowerCase() !== 'chunked'))
    return { status: 400 }
  if (url.includes('#')) return { status: 400 }
  if (url.startsWith('/') || url === '*') return { host: host.name, port: host.port, ...splitQuery(url) }
  const [, urlScheme, authority, rest = ''] = ABSOLUTE.exec(url) ?? []
  const absolute = authority === undefined ? null : parseHostLine(authority, scheme)
  if (absolute === null || urlScheme?.toLowerCase() !== scheme) return { status: 400 }
  // RFC 9112 §3.2.2 lets the authority win over Host; nobody honest sends two that differ
  if (absolute.name !== host.name || absolute.port !== host.port) return { status: 421 }
  return { host: host.name, port: host.port, ...splitQuery(rest.startsWith('/') ? rest : `/${rest}`) }
}

/** Whether the request brings a body, whatever its method. */
export function hasBody({ rawHeaders }: Pick<RequestLine, 'rawHeaders'>): boolean {
  return (
    valuesOf(rawHeaders, 'transfer-encoding').length > 0 ||
    valuesOf(rawHeaders, 'content-length').some((length) => !/^0+$/.test(length))
  )
}

/** A Host line or an authority; null where it is no name with, or without, a port. */
function parseHostLine(text: string, scheme: 'http' | 'https'): { name: DomainName; port: number } | null {
  const [, bytes, digits] = HOST.exec(text) ?? []
  const port = Number(digits ?? (scheme === 'https' ? 443 : 80))
  const name = bytes === undefined || port > 65535 ? null : nameFromBytes(bytes)
  return name && { name, port }
}

function splitQuery(target: string): { path: string; query: string } {
  const at = target.indexOf('?')
  return at < 0 ? { path: target, query: '' } : { path: target.slice(0, at), query: target.slice(at) }
}

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.toLowerCase() === name) values.push(rawHeaders[i + 1] ?? '')
  return values
}
