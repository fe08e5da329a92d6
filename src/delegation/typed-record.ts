import type { DnsProvider } from './dns-providers.ts'
import type { DnsRecord } from './dns-records.ts'

/** What is typed into a DNS panel for a record. */
export interface TypedRecord {
  name: string // '': the field is left empty
  value: string
}

/**
 * As the panel of a provider wants it; where that is not known, the whole name, which nobody misreads, and a text without the
 * quotation marks that many panels take for a part of it.
 * @param zone null: not known
 */
export function typedRecord(record: DnsRecord, zone: string | null, provider: DnsProvider | null): TypedRecord {
  const { name, type, value } = record
  if (provider === null) return { name, value: type === 'TXT' ? unquoted(value) : value }
  return {
    name: zone === null ? name : (relativeName(name, zone) ?? provider.apex),
    value: type === 'TXT' ? (provider.isQuoted ? value : unquoted(value)) : dotted(value, provider),
  }
}

/** Null for the zone itself; the whole name where it is not in the zone. */
export function relativeName(name: string, zone: string): string | null {
  if (name === zone) return null
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : name
}

function dotted(value: string, { isDotted }: DnsProvider): string {
  return isDotted ? value : value.replace(/\.$/, '')
}

function unquoted(value: string): string {
  return value.replace(/^"(.*)"$/s, '$1')
}
