import { describe, expect, test } from 'vitest'
import type { DnsRecord } from '../../src/delegation/dns-records.ts'
import { recordSight } from '../../src/delegation/record-sights.ts'
import { aLook, type Said } from '../tenant/dns.ts'

const at = new Date('2026-11-23T12:00:00Z')

function sight(record: Pick<DnsRecord, 'type' | 'value'>, said: readonly Said[], given = {}) {
  const whole: DnsRecord = { name: 'n.example.com', ttl: 3600, purpose: '', zone: 'source domain', ...record }
  return recordSight(whole, { at, looks: [aLook(record.type as 'A', said, { name: whole.name, ...given })] })
}

describe('a record that is looked for', () => {
  const a = { type: 'A', value: '192.0.2.1' } as const
  const aaaa = { type: 'AAAA', value: '2001:DB8:0::1' } as const
  const srv = { type: 'SRV', value: '0 5 5269 hosting.example.net.' } as const
  const txt = { type: 'TXT', value: '"waypost-1"' } as const
  const cname = { type: 'CNAME', value: 't1.edge.example.net.' } as const

  test.each<
    [
      is: string,
      record: Pick<DnsRecord, 'type' | 'value'>,
      said: Said[],
      outcome: string,
      what: string,
      found: string[],
    ]
  >([
    ['right', a, [['192.0.2.1'], ['192.0.2.1']], 'ok', 'found', []],
    ['right, among others', a, [['192.0.2.1', '192.0.2.9']], 'ok', 'found', ['192.0.2.9']],
    ['another', a, [['192.0.2.9'], ['192.0.2.9']], 'wrong', 'other', ['192.0.2.9']],
    ['not there', a, ['empty', 'no-such-name'], 'wrong', 'missing', []],
    ['silent', a, ['timeout', 'server-failure'], 'could-not-ask', 'too-few', []],
    ['contradicted', a, [['192.0.2.1'], 'empty'], 'could-not-ask', 'too-few', []],
    ['right in other letters', aaaa, [['2001:db8::1']], 'ok', 'found', []],
    ['right with another priority', srv, [['10 0 5269 hosting.example.net']], 'ok', 'found', []],
    ['of another port', srv, [['0 5 5222 hosting.example.net']], 'wrong', 'other', ['0 5 5222 hosting.example.net']],
    ['of another host', srv, [['0 5 5269 other.example.net']], 'wrong', 'other', ['0 5 5269 other.example.net']],
    ['a text with its quotation marks', txt, [['"waypost-1"']], 'ok', 'found', []],
    ['a text in other letters', txt, [['WAYPOST-1']], 'wrong', 'other', ['WAYPOST-1']],
    ['an alias', cname, [['t1.edge.example.net']], 'ok', 'found', []],
    ['another alias', cname, [['edge.example.net']], 'wrong', 'other', ['edge.example.net']],
  ])('is %s', (_is, record, said, outcome, what, found) => {
    expect(sight(record, said)).toMatchObject({ outcome, what, found, at })
  })

  test('could not be asked for where the name servers could not be learnt', () => {
    expect(sight(a, [], { fault: 'no-zone' })).toMatchObject({ outcome: 'could-not-ask', what: 'no-zone' })
  })

  test('is judged as a proof is, where it is one', () => {
    const record: DnsRecord = { name: 'n.example.com', ttl: 1, purpose: '', zone: 'source domain', ...txt }
    const looks = { at, looks: [aLook('TXT', [['waypost-1']], { name: record.name })] }
    expect(recordSight(record, looks, { is: 'wildcard', isByMost: true })).toMatchObject({
      outcome: 'wrong',
      what: 'wildcard',
    })
  })

  test('is not known where it was not asked for', () => {
    const record: DnsRecord = { name: 'other.example.com', ttl: 1, purpose: '', zone: 'source domain', ...a }
    expect(recordSight(record, { at, looks: [aLook('A', [['192.0.2.1']], { name: 'n.example.com' })] })).toBeNull()
  })
})
