import { describe, expect, test } from 'vitest'
import { dnsRecords } from '../../src/delegation/dns-records.ts'
import { recordChoice, zoneText, ZONE_FORMS } from '../../src/delegation/zone-text.ts'
import { domainName, type DomainName } from '../../src/name.ts'

const IM = domainName('im.example.com')
const APEX = domainName('example.com')

function recordsOf(name: DomainName, mode: 'hosted' | 'external') {
  return dnsRecords({
    sourceDomain: { name, mode },
    delegations: [
      {
        service: '_xmpp-server',
        protocol: '_tcp',
        targetHost: domainName('hosting.example.net'),
        lineageId: 'l',
        srvPort: null,
      },
    ],
    certificates: new Map([['l', [{ spkiSha256: 'ab' }]]]),
    edge: { name: domainName('t1.edge.example.net'), addresses: ['192.0.2.1', '2001:db8::1'] },
    proofToken: 'waypost-1',
    challengeAlias: undefined,
  })
}

describe('the records as a file', () => {
  test('a name that can be an alias is one, and what would be in its way stands there as remarks', () => {
    expect(zoneText('zone', { name: IM, mode: 'hosted' }, recordsOf(IM, 'hosted'), 'example.com')).toBe(
      `im.example.com. 3600 IN CNAME t1.edge.example.net.
_xmpp-server._tcp.im.example.com. 3600 IN SRV 0 5 5269 hosting.example.net.
; or, in place of the first record, where the name has other records of its own:
; _waypost-challenge.im.example.com. 3600 IN TXT "waypost-1"
; im.example.com. 3600 IN A 192.0.2.1
; im.example.com. 3600 IN AAAA 2001:db8::1
`,
    )
  })

  test('relative to the zone, for BIND', () => {
    expect(zoneText('bind', { name: IM, mode: 'external' }, recordsOf(IM, 'external'), 'example.com')).toBe(
      `$ORIGIN example.com.
_waypost-challenge.im 3600 IN TXT "waypost-1"
_xmpp-server._tcp.im 3600 IN SRV 0 5 5269 hosting.example.net.
`,
    )
  })

  test('the apex of a zone has addresses, and no alias', () => {
    expect(zoneText('bind', { name: APEX, mode: 'hosted' }, recordsOf(APEX, 'hosted'), 'example.com')).toBe(
      `$ORIGIN example.com.
_waypost-challenge 3600 IN TXT "waypost-1"
@ 3600 IN A 192.0.2.1
@ 3600 IN AAAA 2001:db8::1
_xmpp-server._tcp 3600 IN SRV 0 5 5269 hosting.example.net.
`,
    )
  })

  test('as an update for nsupdate, which says where the key goes and ends with send', () => {
    expect(zoneText('nsupdate', { name: APEX, mode: 'external' }, recordsOf(APEX, 'external'), 'example.com')).toBe(
      `; run it with: nsupdate -k FILE-WITH-YOUR-KEY THIS-FILE, or put the key here in place of that:
; key hmac-sha256:KEY-NAME KEY-IN-BASE64
zone example.com.
update add _waypost-challenge.example.com. 3600 IN TXT "waypost-1"
update add _xmpp-server._tcp.example.com. 3600 IN SRV 0 5 5269 hosting.example.net.
send
`,
    )
  })

  test('where the zone is not learnt it is taken to be the domain that was registered', () => {
    const records = recordsOf(IM, 'hosted')
    expect(zoneText('bind', { name: IM, mode: 'hosted' }, records, null)).toMatch(/^\$ORIGIN example\.com\.\nim /)
    expect(recordChoice({ name: APEX, mode: 'hosted' }, recordsOf(APEX, 'hosted'), null).alias).toBeNull()
    expect(recordChoice({ name: IM, mode: 'hosted' }, records, null).alias).toMatchObject({ type: 'CNAME' })
    expect(recordChoice({ name: IM, mode: 'hosted' }, records, IM).alias).toBeNull() // a zone of its own
  })

  test.each(ZONE_FORMS)('nothing of the zone of the target host is in it: %s', (form) => {
    expect(zoneText(form, { name: IM, mode: 'hosted' }, recordsOf(IM, 'hosted'), null)).not.toContain('TLSA')
  })
})
