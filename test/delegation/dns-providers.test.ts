import { describe, expect, test } from 'vitest'
import { dnsProviderOf } from '../../src/delegation/dns-providers.ts'
import type { DnsRecord } from '../../src/delegation/dns-records.ts'
import { typedRecord } from '../../src/delegation/typed-record.ts'

describe('whose name servers these are', () => {
  test.each([
    ['Cloudflare', ['amir.ns.cloudflare.com', 'dina.ns.cloudflare.com']],
    ['Amazon Route 53', ['ns-1.awsdns-00.com', 'ns-2.awsdns-11.co.uk', 'ns-3.awsdns-22.net', 'ns-4.awsdns-33.org']],
    ['Hetzner', ['helium.ns.hetzner.de', 'hydrogen.ns.hetzner.com', 'oxygen.ns.hetzner.com']],
    ['Hetzner', ['ns1.first-ns.de', 'robotns2.second-ns.de', 'robotns3.second-ns.com']],
    ['OVHcloud', ['dns10.ovh.net', 'ns10.ovh.net']],
    ['Gandi', ['ns-11-a.gandi.net', 'ns-22-b.gandi.net', 'ns-33-c.gandi.net']],
    ['GoDaddy', ['ns01.domaincontrol.com', 'ns02.domaincontrol.com']],
    ['Namecheap', ['dns1.registrar-servers.com', 'dns2.registrar-servers.com']],
    ['IONOS', ['ns1045.ui-dns.biz', 'ns1045.ui-dns.com', 'ns1045.ui-dns.de', 'ns1045.ui-dns.org']],
    ['Strato', ['docks10.rzone.de', 'shades10.rzone.de']],
    ['INWX', ['ns.inwx.de', 'ns2.inwx.de', 'ns3.inwx.eu']],
    ['netcup', ['root-dns.netcup.net', 'second-dns.netcup.net', 'third-dns.netcup.net']],
    ['Google Cloud DNS or Squarespace', ['ns-cloud-a1.googledomains.com', 'ns-cloud-a2.googledomains.com']],
    ['Azure DNS', ['ns1-01.azure-dns.com', 'ns2-01.azure-dns.net', 'ns3-01.azure-dns.org', 'ns4-01.azure-dns.info']],
    ['DigitalOcean', ['ns1.digitalocean.com', 'ns2.digitalocean.com']],
    ['Akamai (Linode)', ['ns1.linode.com', 'ns5.linode.com']],
    ['deSEC', ['ns1.desec.io', 'ns2.desec.org']],
    ['Hurricane Electric', ['ns1.he.net', 'ns2.he.net']],
    ['Porkbun', ['curitiba.ns.porkbun.com', 'maceio.ns.porkbun.com']],
    ['DNSimple', ['ns1.dnsimple.com', 'ns2.dnsimple-edge.net']],
    ['Vercel', ['ns1.vercel-dns.com', 'ns2.vercel-dns.com']],
    ['Netlify or NS1', ['dns1.p01.nsone.net', 'dns2.p01.nsone.net']],
    ['Squarespace', ['ns01.squarespacedns.com', 'ns02.squarespacedns.com']],
    ['ALL-INKL', ['ns5.kasserver.com', 'ns6.kasserver.com']],
    ['Infomaniak', ['ns11.infomaniak.ch', 'ns12.infomaniak.ch']],
  ])('%s', (name, servers) => {
    expect(dnsProviderOf(servers)?.name).toBe(name)
    expect(dnsProviderOf(servers.map((server) => server.toUpperCase()))?.name).toBe(name)
  })

  test.each([
    ['none', []],
    ['nobody known', ['ns1.example.net', 'ns2.example.net']],
    ['two houses', ['amir.ns.cloudflare.com', 'ns1.he.net']],
    ['one known, one not', ['amir.ns.cloudflare.com', 'ns1.example.net']],
    ['one who calls themselves so', ['ns.cloudflare.com.example.net', 'evilns.cloudflare.com']],
    ['the name alone', ['ns.cloudflare.com']],
  ])('%s: is not told', (_who, servers) => {
    expect(dnsProviderOf(servers)).toBeNull()
  })
})

describe('a record as a panel wants it typed', () => {
  const record = (given: Partial<DnsRecord>): DnsRecord => ({
    ...{ name: 'im.example.com', type: 'CNAME', value: 't1.edge.example.net.', ttl: 3600, purpose: '' },
    ...{ zone: 'source domain' },
    ...given,
  })
  const txt = record({ name: '_waypost-challenge.im.example.com', type: 'TXT', value: '"waypost-1"' })
  const cloudflare = dnsProviderOf(['a.ns.cloudflare.com'])
  const hetzner = dnsProviderOf(['oxygen.ns.hetzner.com'])
  const route53 = dnsProviderOf(['ns-1.awsdns-00.com'])

  test.each([
    ['Cloudflare: below the zone, no dot', cloudflare, record({}), 'im', 't1.edge.example.net'],
    ['Cloudflare: no quotation marks', cloudflare, txt, '_waypost-challenge.im', 'waypost-1'],
    ['Hetzner: the final dot stays', hetzner, record({}), 'im', 't1.edge.example.net.'],
    ['Route 53: so do the quotation marks', route53, txt, '_waypost-challenge.im', '"waypost-1"'],
    ['nobody known: the whole name', null, record({}), 'im.example.com', 't1.edge.example.net.'],
    ['nobody known: no quotation marks', null, txt, '_waypost-challenge.im.example.com', 'waypost-1'],
    ['the zone itself', cloudflare, record({ name: 'example.com', type: 'A', value: '192.0.2.1' }), '@', '192.0.2.1'],
    [
      'the zone itself, left empty',
      route53,
      record({ name: 'example.com', type: 'A', value: '192.0.2.1' }),
      '',
      '192.0.2.1',
    ],
    ['a name of another zone', cloudflare, record({ name: 'notexample.com' }), 'notexample.com', 't1.edge.example.net'],
  ])('%s', (_what, provider, given, name, value) => {
    expect(typedRecord(given, 'example.com', provider)).toEqual({ name, value })
  })

  test('is the whole name where the zone is not known', () => {
    expect(typedRecord(record({}), null, cloudflare).name).toBe('im.example.com')
  })
})
