import type { LookupFunction } from 'node:net'
import type { Ask } from '../verify/ask.ts'
import { parseHttpsUrl } from '../verify/https-url.ts'
import { exchange, only, within } from './https-exchange.ts'

/** Dial `address` for this host and port instead of asking DNS; SNI, Host and the certificate's check stay the host's. */
export interface Resolve {
  host: string // lower-case A-labels
  port: number
  address: string
}

export interface HttpsGetOptions {
  /** PEM of the only trusted roots; without it those that Node ships. */
  ca?: string
  resolve?: readonly Resolve[]
  lookup?: LookupFunction // for all other names; the system's resolver without it
  timeoutMs: number // for one GET as a whole
  maxBytes: number // of a body
  signal?: AbortSignal
}

/**
 * A door that makes one HTTPS GET and verifies the server's certificate for the URL's host. It follows no redirect.
 * It dials whatever address a name has: for what a person asks from their own machine, not for what a tenant
 * makes the server ask.
 */
export function httpsGet({ ca, resolve = [], lookup, timeoutMs, maxBytes, signal }: HttpsGetOptions): Ask {
  return async (url) => {
    const target = parseHttpsUrl(url)
    if ('fault' in target) return { outcome: 'wrong', fault: 'url', why: `the URL ${target.fault}` }
    const addresses = resolve
      .filter(({ host, port }) => host === target.host && port === target.port)
      .map(({ address }) => address)
    const asked = {
      target,
      method: 'GET',
      headers: { 'user-agent': 'waypost-verify' },
      lookup: addresses.length > 0 ? only(addresses) : lookup,
      ca,
      timeoutMs,
      maxBytes,
    } as const
    return within(timeoutMs, signal, (ending) => exchange(asked, ending))
  }
}
