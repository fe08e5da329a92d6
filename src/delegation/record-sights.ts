import { addressBytes, addressText } from '../tenant/ip-address.ts'
import {
  saysSomething,
  valueAt,
  type Finding,
  type Look,
  type LookFault,
  type ServerReply,
} from '../tenant/findings.ts'
import type { DnsRecord } from './dns-records.ts'

/** Whether a record that is to be published is there, by a look at the name servers of its zone. */
export interface RecordSight {
  outcome: 'ok' | 'wrong' | 'could-not-ask'
  what: 'found' | 'missing' | 'other' | 'wildcard' | 'too-few' | LookFault
  found: string[] // in its place, or beside it; what is right is not among them
  replies: ServerReply[] // who was asked, and what each said
  at: Date // when the look began
}

/**
 * @param looks at one moment
 * @param finding of a record that proves control, which is told from a wildcard's; left out: there is none
 * @returns null: it was not asked for
 */
export function recordSight(
  record: DnsRecord,
  { looks, at }: { looks: readonly Look[]; at: Date },
  finding?: Finding,
): RecordSight | null {
  const look = looks.find(({ name, type }) => name === record.name && type === record.type)
  if (look === undefined) return null
  const wanted = comparable(record.type, record.value)
  const comparables: Look = { ...look, replies: look.replies.map((reply) => withComparables(record, reply)) }
  const { is } = finding ?? valueAt(comparables, wanted)
  const found = [...new Set(look.replies.filter(saysSomething).flatMap(({ values }) => values))].filter(
    (value) => comparable(record.type, value) !== wanted,
  )
  return { ...judged(is, look.fault, found), found, replies: look.replies, at }
}

function judged(is: Finding['is'], fault: LookFault | null, found: string[]): Pick<RecordSight, 'outcome' | 'what'> {
  switch (is) {
    case 'found':
      return { outcome: 'ok', what: 'found' }
    case 'wildcard':
    case 'wildcard-alias':
      return { outcome: 'wrong', what: 'wildcard' }
    case 'absent':
      return { outcome: 'wrong', what: fault ?? (found.length > 0 ? 'other' : 'missing') }
    case 'could-not-ask':
      return { outcome: 'could-not-ask', what: fault ?? 'too-few' }
  }
}

function withComparables({ type }: DnsRecord, reply: ServerReply): ServerReply {
  return { ...reply, values: reply.values.map((value) => comparable(type, value)) }
}

/** Of two texts for one thing the same. Of an SRV record priority and weight are its owner's affair. */
function comparable(type: DnsRecord['type'], value: string): string {
  if (type === 'TXT') return unquoted(value.trim()).trim()
  const text = value.toLowerCase().replace(/\.$/, '')
  if (type === 'SRV') return text.split(' ').slice(2).join(' ')
  const bytes = type === 'A' || type === 'AAAA' ? addressBytes(text) : null
  return bytes === null ? text : addressText(bytes)
}

function unquoted(value: string): string {
  return value.replace(/^"(.*)"$/s, '$1')
}
