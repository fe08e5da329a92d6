import type { NameServers } from '../tenant/findings.ts'
import type { AddressPolicy } from './address-policy.ts'
import type { Resolver } from './resolver.ts'

/** Asks the name servers of the zone themselves, all of them; see the port. */
export declare function nameServers(deps: {
  resolver: Resolver
  policy: AddressPolicy
  port: number // 53, but for trials
  randomBytes: (size: number) => Uint8Array
}): NameServers
