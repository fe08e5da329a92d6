import { stringify } from 'csv-stringify/sync'
import type { LineageWithCertificates, Place } from '../certificate/lineage.ts'
import { active } from '../certificate/rollover.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'
import { stateOf } from '../tenant/control.ts'
import { escaped } from './api/audit-export.ts'

const PAGE = 500

/**
 * RFC 4180, a page of the list at a time: however long it is, no more than that is in memory. A spreadsheet takes a cell
 * that begins with = + - @ for a formula, so that an apostrophe is set before it.
 */
export async function* csvOf<Item extends { place: Place }>(
  list: (part: { after: Place | undefined; limit: number }) => Promise<Item[]>,
  columns: readonly string[],
  row: (item: Item) => Record<string, string | null>,
): AsyncGenerator<string> {
  let after: Place | undefined
  do {
    const items = await list({ after, limit: PAGE })
    const options = { columns: [...columns], header: after === undefined, escape_formulas: true }
    yield stringify(items.map(row), { ...options, record_delimiter: 'windows' })
    after = items.length < PAGE ? undefined : items.at(-1)?.place
  } while (after !== undefined)
}

export const DOMAIN_COLUMNS = [
  ...['tenant', 'name', 'mode', 'state', 'proof', 'provenAt', 'waveringSince', 'lapsedAt', 'suspendedAt', 'createdAt'],
] as const

export function domainRow(domain: SourceDomain): Record<(typeof DOMAIN_COLUMNS)[number], string | null> {
  const { tenantName, name, mode, proof, provenAt, waveringSince, lapsedAt, suspendedAt, createdAt } = domain
  return {
    ...{ tenant: tenantName, name, mode, state: stateOf(domain), proof },
    provenAt: iso(provenAt),
    waveringSince: iso(waveringSince),
    lapsedAt: iso(lapsedAt),
    suspendedAt: iso(suspendedAt),
    createdAt: iso(createdAt),
  }
}

export const LINEAGE_COLUMNS = ['tenant', 'lineage', 'source', 'names', 'issuer', 'notBefore', 'notAfter'] as const

/** With its certificate in use. */
export function lineageRow(lineage: LineageWithCertificates): Record<(typeof LINEAGE_COLUMNS)[number], string | null> {
  const { tenantName, name, source, certificates } = lineage
  const present = active(certificates)
  return {
    ...{ tenant: tenantName, lineage: escaped(name), source },
    names: present ? escaped(present.dnsNames.join(' ')) : null,
    issuer: present ? escaped(present.issuer) : null,
    notBefore: iso(present?.notBefore),
    notAfter: iso(present?.notAfter),
  }
}

function iso(at: Date | null | undefined): string | null {
  return at?.toISOString() ?? null
}
