/** The one policy for what this server connects to because a tenant says so. */
export interface AddressPolicy {
  /** Whether it is a global unicast address (IANA's special-purpose registries), or in a network that the operator allows. */
  isAllowed(address: string): boolean
}

/** @param allowNetworks "10.0.0.0/8", "fd00::/8" */
export declare function addressPolicy(allowNetworks: readonly string[]): AddressPolicy
