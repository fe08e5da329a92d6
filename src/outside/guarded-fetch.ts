import type { HeaderLines } from '../verify/ask.ts'
import type { Ask } from '../verify/ask.ts'
import type { AddressPolicy } from './address-policy.ts'
import type { Resolver } from './resolver.ts'

/** One HTTPS request to where somebody else says. */
export interface GuardedRequest {
  url: string
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
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

export declare function guardedFetch(deps: GuardedFetchDeps): GuardedFetch

/** The initiating entity's door, through the same policy. */
export declare function guardedAsk(deps: GuardedFetchDeps): Ask
