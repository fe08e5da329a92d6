import type { DomainName } from '../name.ts'
import type { Chain } from './chain.ts'
import type { LineageCertificate, Source } from './lineage.ts'

/** A certificate that a lineage wants. */
export interface Wanted {
  tenantId: string | null
  lineageId: string
  identifiers: DomainName[]
  replaces: LineageCertificate | null // the active one; null: it is the first
}

export type Issuance =
  | {
      outcome: 'issued'
      chain: Chain // verified: of the key, of the names, valid now
      privateKey: Uint8Array // PKCS#8 DER
      orderId: string | null // is over in the transaction that keeps the certificate; null: there is no order
    }
  | { outcome: 'later'; at: Date } // ask again then; why, whoever issues it has written down

/** Whoever issues certificates: the local authority, or those that speak ACME. */
export interface Issuer {
  name: string // who is said to have done it in the audit trail
  source: Exclude<Source, 'import'>
  /** When the certificate is to be replaced, and when to ask that again. */
  renewal(certificate: LineageCertificate): Promise<{ renewAt: Date; askAgainAt: Date }>
  /** Goes as far as it can without waiting. May be asked again after a crash at any line, and goes on where it was. */
  issue(wanted: Wanted): Promise<Issuance>
}
