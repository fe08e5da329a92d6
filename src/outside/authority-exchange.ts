import type { AuthorityExchange } from '../acme/acme-session.ts'
import type { HeaderLines, HopReply } from '../verify/ask.ts'
import { exchange, within, type Target } from './https-exchange.ts'

const TIMEOUT_MS = 20_000
const CONNECT_TIMEOUT_MS = 10_000
const MAX_BYTES = 1_048_576

/**
 * The door to certificate authorities. It dials whatever address their names have: the operator has chosen them, and one
 * of a closed network has a private address.
 */
export function authorityExchange({
  timeoutMs = TIMEOUT_MS,
  connectTimeoutMs = CONNECT_TIMEOUT_MS,
  maxBytes = MAX_BYTES,
} = {}): AuthorityExchange {
  return async ({ url, method, headers, body, caPem }, signal) => {
    const target = targetOf(url)
    if (target === null) return { outcome: 'malformed', why: `${url.slice(0, 200)} is no https URL to be asked` }
    const asked = {
      ...{ target, method, headers, timeoutMs, connectTimeoutMs, maxBytes },
      body: body === undefined ? undefined : Buffer.from(body),
      ca: caPem ?? undefined,
    }
    const reply = await within(timeoutMs, signal, (ending) => exchange(asked, ending))
    if (reply.outcome === 'ok') {
      const { status } = reply
      return { outcome: 'ok', status, headers: joined(reply.headers), body: Buffer.from(reply.body).toString() }
    }
    const isMalformed = reply.outcome === 'wrong' && (reply.fault === 'http' || reply.fault === 'body-too-large')
    return { outcome: isMalformed ? 'malformed' : 'unreachable', why: reply.why + cure(reply, caPem) }
  }
}

/** The path and the query in their own bytes: the authority compares the URL with the one that is signed. */
function targetOf(url: string): Target | null {
  const [whole, path = '', query = ''] = /^https:\/\/[^/?#\\]+([^?#\\]*)(\?[^#\\]*)?$/i.exec(url) ?? []
  if (whole === undefined || !/^[!-~]+$/.test(url) || !URL.canParse(url)) return null
  const { username, password, hostname, port } = new URL(url)
  if (username !== '' || password !== '') return null
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 443), path, query }
}

function cure(reply: HopReply, caPem: string | null): string {
  if (reply.outcome !== 'wrong' || reply.fault !== 'certificate-untrusted') return ''
  return caPem === null
    ? '; if it is an authority of your own, give the CA file that its certificate is trusted by'
    : '; it does not come from the CA file that was given for this authority'
}

/** RFC 9110 §5.3: a header that comes twice is one with both values. */
function joined(lines: HeaderLines): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of lines) headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value
  return headers
}
