import type { DomainName } from '../name.ts'

/** Whoever issues certificates: the local authority, or one that speaks ACME. */
export interface Authority {
  name: string
  /** @returns the chain as it was issued, leaf first; to be verified before it replaces anything */
  issue(request: { identifiers: DomainName[]; csrDer: Uint8Array }): Promise<{ chainPem: string }>
}
