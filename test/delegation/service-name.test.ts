import { expect, test } from 'vitest'
import { parseServiceName, poshName, serviceName } from '../../src/delegation/service-name.ts'

test.each([
  ['_xmpp-server', { service: '_xmpp-server', protocol: '_tcp' }],
  ['_XMPP-Client._TCP', { service: '_xmpp-client', protocol: '_tcp' }],
  ['_xmpps-server._tcp', { service: '_xmpps-server', protocol: '_tcp' }],
  ['_a._udp', { service: '_a', protocol: '_udp' }],
  ['_abcdefghijklmno', { service: '_abcdefghijklmno', protocol: '_tcp' }], // RFC 6335 §5.1: 15 at most
])('%s is a service', (text, name) => expect(serviceName(text)).toEqual(name))

test.each([
  '',
  'xmpp-server',
  '_',
  '_-a',
  '_a-',
  '_a--b',
  '_5222', // no letter
  '_abcdefghijklmnop',
  '_a.tcp',
  '_a._sctp',
  '_a._tcp.example.com',
  '_ä._tcp',
  '_a b',
])('%j is none, and the refusal says how to write it', (text) => {
  expect(() => serviceName(text)).toThrow(expect.objectContaining({ code: 'malformed-name' }))
  expect(() => serviceName(text)).toThrow('_xmpp-server._tcp')
})

test.each([
  ['_xmpp-server', '_tcp', 'xmpp-server'],
  ['_xmpps-server', '_tcp', 'xmpp-server'], // direct TLS shares the document, XEP-0368
  ['_xmpps-client', '_tcp', 'xmpp-client'],
  ['_imaps', '_tcp', 'imaps'],
  ['_xmpp-server', '_udp', null],
])('the POSH name of %s.%s is %s', (service, protocol, name) =>
  expect(poshName(parseServiceName(service, protocol)!)).toBe(name),
)
