import { isIPv4 } from 'node:net'
import type { DomainName } from '../name.ts'
import type { Ask, HeaderLines, HopReply } from '../verify/ask.ts'
import { parseHttpsUrl, type HttpsUrl } from '../verify/https-url.ts'
import type { AddressPolicy } from './address-policy.ts'
import { exchange, only, within } from './https-exchange.ts'
import type { Resolver } from './resolver.ts'

const MOST_DIALLED_OF_A_FAMILY = 2

/** One HTTPS request to where somebody else says. */
export interface GuardedRequest {
  url: string
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>> // host, accept-encoding and what frames the body are set here
  body?: Uint8Array
}

/** The door for all that goes out because a tenant says so; one SSRF policy. It answers and does not throw. */
export type GuardedFetch = (request: GuardedRequest) => Promise<GuardedReply>

export type GuardedReply =
  | { outcome: 'ok'; status: number; headers: HeaderLines; body: Uint8Array; address: string }
  | { outcome: 'refused'; why: string } // by the policy: nothing was sent
  | { outcome: 'could-not-ask'; why: string }

export interface GuardedFetchDeps {
  resolver: Pick<Resolver, 'addresses'>
  policy: AddressPolicy
  allowPorts?: readonly number[] // beside 443
  ca?: readonly string[] // PEM of the trusted roots; those that Node ships without it
  timeoutMs: number // for one request as a whole
  maxBytes: number // of a body
}

/**
 * Https only, on port 443 or one that is allowed, to a DNS name of which every address is allowed; what is dialled is
 * one of the very addresses that were judged. It follows no redirect and shares no connection.
 */
export function guardedFetch(deps: GuardedFetchDeps): GuardedFetch {
  return async (request) => {
    const reply = await guarded(deps, { headers: { 'user-agent': 'waypost' }, ...request })
    switch (reply.outcome) {
      case 'ok': {
        const { status, headers, body, tls } = reply
        return { outcome: 'ok', status, headers, body, address: tls.address }
      }
      case 'refused':
        return { outcome: 'refused', why: reply.why }
      case 'wrong':
      case 'could-not-ask':
        return { outcome: 'could-not-ask', why: reply.why }
    }
  }
}

/** The initiating entity's door, through the same policy. An address that is refused is wrong for everybody outside too; a port is not. */
export function guardedAsk(deps: GuardedFetchDeps): Ask {
  return async (url) => {
    const reply = await guarded(deps, { url, headers: { 'user-agent': 'waypost-verify' } })
    if (reply.outcome !== 'refused') return reply
    const { fault, why } = reply
    return fault === null ? { outcome: 'could-not-ask', why } : { outcome: 'wrong', fault, why }
  }
}

interface Refused {
  outcome: 'refused'
  fault: 'url' | 'address' | null // null: by a rule of this server alone
  why: string
}

async function guarded(deps: GuardedFetchDeps, request: GuardedRequest): Promise<HopReply | Refused> {
  const target = targetOf(request.url, deps.allowPorts ?? [])
  if ('outcome' in target) return target
  const { ca, timeoutMs, maxBytes } = deps
  return within(timeoutMs, undefined, async (ending) => {
    const addresses = await addressesOf(target.host, deps)
    if ('outcome' in addresses) return addresses
    const { method = 'GET', headers = {}, body } = request
    return exchange({ target, method, headers, body, lookup: only(addresses), ca, timeoutMs, maxBytes }, ending)
  })
}

function targetOf(url: string, allowPorts: readonly number[]): HttpsUrl | Refused {
  const target = parseHttpsUrl(url)
  if ('fault' in target) return { outcome: 'refused', fault: 'url', why: `the URL ${target.fault}` }
  const ports = [443, ...allowPorts]
  if (!ports.includes(target.port))
    return {
      outcome: 'refused',
      fault: null,
      why: `the URL has the port ${target.port}, and this server asks no other than ${ports.join(', ')}`,
    }
  return target
}

/** Those to dial. One that is not allowed refuses the host as a whole: it would be asked the next time. */
async function addressesOf(
  host: DomainName,
  { resolver, policy }: GuardedFetchDeps,
): Promise<string[] | HopReply | Refused> {
  const found = await resolver.addresses(host)
  switch (found.outcome) {
    case 'could-not-ask':
      return found
    case 'wrong':
      return notPublic(host)
    case 'ok': {
      if (!found.addresses.every((address) => policy.isAllowed(address))) return notPublic(host)
      const [ipv4, ipv6] = [true, false].map((is) => found.addresses.filter((address) => isIPv4(address) === is))
      // A name with a thousand addresses must not make this server knock at each of them
      return [ipv4, ipv6].flatMap((family) => family?.slice(0, MOST_DIALLED_OF_A_FAMILY) ?? [])
    }
  }
}

/** In the same words where it has none: whoever names a host is not to learn what this machine's resolver knows of it. */
function notPublic(host: DomainName): Refused {
  return {
    outcome: 'refused',
    fault: 'address',
    why: `${host} has no address, or one that is none of the public Internet: each of its A and AAAA records has to be a public address`,
  }
}
