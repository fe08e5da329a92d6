import { expect, test } from 'vitest'
import { dnsRecords, isProof } from '../../src/delegation/dns-records.ts'
import { domainName } from '../../src/name.ts'

const targetHost = domainName('hosting.example.net')
const delegation = { service: '_xmpp-server', protocol: '_tcp', targetHost, lineageId: 'L1', srvPort: null }
const spki = 'ab'.repeat(32)

function records(change: Partial<Parameters<typeof dnsRecords>[0]> = {}) {
  return dnsRecords({
    sourceDomain: { name: domainName('im.example.com'), mode: 'hosted' },
    delegations: [delegation],
    certificates: new Map([['L1', [{ spkiSha256: spki }]]]),
    edge: { name: domainName('k3v9q2.edge.example.net'), addresses: ['192.0.2.1', '2001:db8::1'] },
    proofToken: 'waypost-token',
    ...change,
  }).map(({ name, type, value, zone }) => `${name} ${type} ${value} (${zone})`)
}

test('a hosted domain: the proof, the edge by name or by addresses, the service, the key of the target host', () => {
  expect(records()).toEqual([
    'im.example.com CNAME k3v9q2.edge.example.net. (source domain)',
    '_waypost-challenge.im.example.com TXT "waypost-token" (source domain)',
    'im.example.com A 192.0.2.1 (source domain)',
    'im.example.com AAAA 2001:db8::1 (source domain)',
    '_xmpp-server._tcp.im.example.com SRV 0 5 5269 hosting.example.net. (source domain)',
    `_5269._tcp.hosting.example.net TLSA 3 1 1 ${spki} (target host)`,
  ])
})

test('a hosted domain can lead its DNS challenge to this server, which proves nothing', () => {
  const challengeAlias = 'k3.acme.hosting.example'
  const record = '_acme-challenge.im.example.com CNAME k3.acme.hosting.example. (source domain)'
  expect(records({ challengeAlias })).toContain(record)
  expect(records()).not.toContain(record)
  const sourceDomain = { name: domainName('im.example.com'), mode: 'external' as const }
  expect(records({ challengeAlias, sourceDomain })).not.toContain(record)
  const all = records({ challengeAlias }).map((text) => {
    const [name = '', type] = text.split(' ')
    return { name, type: type as 'TXT' }
  })
  expect(all.filter(isProof).map(({ name }) => name)).toEqual(['im.example.com', '_waypost-challenge.im.example.com'])
})

test('an external domain keeps its own web server: nothing leads to the edge', () => {
  const external = records({ sourceDomain: { name: domainName('im.example.com'), mode: 'external' } })
  expect(external.filter((record) => / (CNAME|A|AAAA) /.test(record))).toEqual([])
  expect(external[0]).toBe('_waypost-challenge.im.example.com TXT "waypost-token" (source domain)')
})

test.each([
  ['_xmpp-client', 5222],
  ['_xmpp-server', 5269],
  ['_xmpps-client', 5223],
  ['_xmpps-server', 5270],
])('%s is usually at port %d', (service, port) => {
  const named = records({ delegations: [{ ...delegation, service }] })
  expect(named).toContain(`${service}._tcp.im.example.com SRV 0 5 ${port} hosting.example.net. (source domain)`)
})

test('another port is in both the SRV and the TLSA record', () => {
  const moved = records({ delegations: [{ ...delegation, srvPort: 15269 }] })
  expect(moved).toContain('_xmpp-server._tcp.im.example.com SRV 0 5 15269 hosting.example.net. (source domain)')
  expect(moved).toContain(`_15269._tcp.hosting.example.net TLSA 3 1 1 ${spki} (target host)`)
})

test('a service whose port nobody has told has no records', () => {
  const unknown = records({ delegations: [{ ...delegation, service: '_foo' }] })
  expect(unknown.filter((record) => / (SRV|TLSA) /.test(record))).toEqual([])
})

test('in a rollover every published key has its TLSA record, and a key that is reused has one', () => {
  const [first, second] = ['aa'.repeat(32), 'bb'.repeat(32)]
  const both = records({
    delegations: [delegation, { ...delegation, lineageId: 'L2' }],
    certificates: new Map([
      ['L1', [{ spkiSha256: first }, { spkiSha256: second }]],
      ['L2', [{ spkiSha256: second }]],
    ]),
  })
  expect(both.filter((record) => record.includes('TLSA'))).toEqual([
    `_5269._tcp.hosting.example.net TLSA 3 1 1 ${first} (target host)`,
    `_5269._tcp.hosting.example.net TLSA 3 1 1 ${second} (target host)`,
  ])
})

test('every record says what it is for, what it proves, and that an apex cannot have a CNAME', () => {
  const all = dnsRecords({
    sourceDomain: { name: domainName('xn--bcher-kva.example.com'), mode: 'hosted' },
    delegations: [delegation, { ...delegation, service: '_xmpps-client' }],
    certificates: new Map([['L1', [{ spkiSha256: spki }]]]),
    edge: { name: domainName('k3v9q2.edge.example.net'), addresses: ['192.0.2.1'] },
    proofToken: 'waypost-token',
  })
  for (const { purpose, ttl } of all) {
    expect(purpose.length).toBeGreaterThan(20)
    expect(ttl).toBeGreaterThan(0)
  }
  const purposeOf = (wanted: string) => all.find(({ type }) => type === wanted)?.purpose
  expect(purposeOf('CNAME')).toMatch(/proves that you control bücher\.example\.com; it has to stay.* apex/)
  expect(purposeOf('TXT')).toMatch(/proves that you control bücher\.example\.com in place of the CNAME record.* apex/)
  expect(purposeOf('A')).toMatch(/apex .*it proves nothing, so that the TXT record is needed with it/)
  expect(all.find(({ value }) => value.includes('5223'))?.purpose).toContain('begin with TLS')
})
