import type { DnsRecord } from './dns-records.ts'
import { registeredDomain } from './registered-domain.ts'
import type { SourceDomain } from './source-domain.ts'
import { relativeName } from './typed-record.ts'

/** The ways in which records are written for programs: whole names, relative to the zone, as an update of a running server. */
export const ZONE_FORMS = ['zone', 'bind', 'nsupdate'] as const
export type ZoneForm = (typeof ZONE_FORMS)[number]

/** The records to publish, of which those for a name that can be an alias and those for one that cannot exclude each other. */
export interface RecordChoice {
  alias: DnsRecord | null // one record that does all; null: external, or at the apex of a zone, where it cannot stand
  proof: DnsRecord[] // the proof, and
  addresses: DnsRecord[] // the addresses, in place of the alias
  others: DnsRecord[]
}

/** @param zone that holds the name; null: not learnt, and taken to be the domain that was registered */
export function recordChoice(
  { name, mode }: Pick<SourceDomain, 'name' | 'mode'>,
  records: readonly DnsRecord[],
  zone: string | null,
): RecordChoice {
  const own = records.filter((record) => record.zone === 'source domain')
  const isApex = (zone ?? registeredDomain(name)) === name
  const aliases = own.filter((record) => record.type === 'CNAME' && record.name === name)
  const addresses = own.filter((record) => record.type === 'A' || record.type === 'AAAA')
  const proof = own.filter((record) => record.type === 'TXT')
  return {
    alias: mode === 'hosted' && !isApex ? (aliases[0] ?? null) : null,
    proof,
    addresses,
    others: own.filter((record) => ![...aliases, ...addresses, ...proof].includes(record)),
  }
}

/** The records as text, those that are usually published; the others, which would be in their way, as remarks. */
export function zoneText(
  form: ZoneForm,
  domain: Pick<SourceDomain, 'name' | 'mode'>,
  records: readonly DnsRecord[],
  zone: string | null,
): string {
  const { alias, proof, addresses, others } = recordChoice(domain, records, zone)
  const origin = zone ?? registeredDomain(domain.name)
  const instead = [...proof, ...addresses]
  const publish = [...(alias ? [alias] : instead), ...others]
  const write = (list: DnsRecord[]) => list.map((record) => line(form, record, origin))
  const remarks = alias
    ? [
        '; or, in place of the first record, where the name has other records of its own:',
        ...write(instead).map(remark),
      ]
    : []
  switch (form) {
    case 'zone':
      return text([...write(publish), ...remarks])
    case 'bind':
      return text([`$ORIGIN ${origin}.`, ...write(publish), ...remarks])
    case 'nsupdate':
      return text([
        '; run it with: nsupdate -k FILE-WITH-YOUR-KEY THIS-FILE, or put the key here in place of that:',
        '; key hmac-sha256:KEY-NAME KEY-IN-BASE64',
        `zone ${origin}.`,
        ...write(publish),
        'send',
        ...remarks,
      ])
  }
}

function line(form: ZoneForm, { name, type, value, ttl }: DnsRecord, origin: string): string {
  const owner = form === 'bind' ? (relativeName(name, origin) ?? '@') : `${name}.`
  return `${form === 'nsupdate' ? 'update add ' : ''}${owner} ${ttl} IN ${type} ${value}`
}

function remark(line: string): string {
  return `; ${line}`
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}
