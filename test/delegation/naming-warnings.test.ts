import { expect, test } from 'vitest'
import { covers, namingWarnings } from '../../src/delegation/naming-warnings.ts'
import { domainName } from '../../src/name.ts'

const IM = domainName('im.example.com')
const CLIENT = { service: '_xmpp-client', protocol: '_tcp' }
const SERVER = { service: '_xmpp-server', protocol: '_tcp' }

test.each([
  ['im.example.com', true],
  ['*.example.com', true],
  ['*.com', false], // RFC 9525 §6.3: one label
  ['*.im.example.com', false],
  ['example.com', false],
  ['m.example.com', false],
])('%s covers im.example.com: %s', (dnsName, is) => expect(covers(dnsName, IM)).toBe(is))

test('case 73: a certificate that does not name the domain is told of, with who will mind', () => {
  const foreign = [{ dnsNames: ['hosting.example.com'] }]
  expect(namingWarnings(IM, CLIENT, foreign)).toEqual([
    expect.stringMatching(/does not name im\.example\.com: Conversations/),
  ])
  expect(namingWarnings(IM, SERVER, foreign)).toEqual([expect.stringMatching(/Prosody .* accept it/)])
  expect(namingWarnings(IM, CLIENT, [{ dnsNames: ['im.example.com'] }])).toEqual([])
})

test('during a rollover every certificate has to name it', () => {
  const certificates = [{ dnsNames: ['im.example.com'] }, { dnsNames: ['hosting.example.com'] }]
  expect(namingWarnings(IM, CLIENT, certificates)).toHaveLength(1)
})

test('a lineage without certificates publishes nothing', () => {
  expect(namingWarnings(IM, SERVER, [])).toEqual([expect.stringContaining('no certificate yet')])
})
