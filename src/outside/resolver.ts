/** The addresses of a host, or why there are none; three outcomes. */
export type Addresses =
  | { outcome: 'ok'; addresses: string[] }
  | { outcome: 'wrong'; why: string } // there is no such name, or it has no address
  | { outcome: 'could-not-ask'; why: string }

/** Where recursive resolvers listen. */
export interface Server {
  address: string
  port: number
}

/** The configured recursive resolvers, asked in turn; never the C library's, which blocks a thread of the pool. */
export interface Resolver {
  /** All of A and AAAA; aliases are followed by the resolver, a bounded number of them. */
  addresses(host: string): Promise<Addresses>
  /** The zone that holds a name, and the names of its servers. */
  zoneOf(name: string): Promise<Zone>
}

export type Zone =
  | { outcome: 'ok'; zone: string; servers: string[] }
  | { outcome: 'wrong'; why: string } // no zone holds it: the registry says that there is no such domain
  | { outcome: 'could-not-ask'; fault: 'no-resolver' | 'no-zone'; why: string }

/** @param servers none: those that the system is configured with, read anew for each question */
export declare function resolver(deps: {
  servers: readonly Server[]
  randomBytes: (size: number) => Uint8Array
}): Resolver
