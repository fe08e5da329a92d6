import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseWellKnownPath } from '../../src/delegation/well-known-path.ts'
import { vectors } from '../support/vectors.ts'

const server = (sourceDomain: string) => ({
  kind: 'tls',
  name: { service: '_xmpp-server', protocol: '_tcp', sourceDomain },
})

describe('paths under /.well-known/', () => {
  test.each([
    ['/.well-known/tls/_xmpp-server._tcp.im.example.com', server('im.example.com')],
    ['/.well-known/tls/_xmpp-server._tcp.IM.example.com', server('im.example.com')],
    ['/.well-known/tls/_XMPP-Server._TCP.im.example.com', server('im.example.com')],
    ['/.well-known/tls/_xmpp-server._tcp.im.example.com.', server('im.example.com')],
    ['/.well-known/tls/_xmpp-server._tcp.xn--bcher-kva.example.com', server('xn--bcher-kva.example.com')],
    ['/.well-known/tls/_xmpp-server._tcp.b%C3%BCcher.example.com', server('xn--bcher-kva.example.com')],
    ['/.well-known/tls/_xmpp-server._tcp.b%c3%bccher.example.com', server('xn--bcher-kva.example.com')],
    // case 48: another normal form, another width
    ['/.well-known/tls/_xmpp-server._tcp.bu%CC%88cher.example.com', server('xn--bcher-kva.example.com')],
    ['/.well-known/tls/_xmpp-server._tcp.%EF%BD%82%C3%BCcher.example.com', server('xn--bcher-kva.example.com')],
    [
      '/.well-known/tls/_foo._udp.im.example.com',
      { kind: 'tls', name: { service: '_foo', protocol: '_udp', sourceDomain: 'im.example.com' } },
    ],
    ['/.well-known/posh/xmpp-server.json', { kind: 'posh', service: 'xmpp-server', sourceDomain: null }],
    [
      '/.well-known/posh/IM.example.com/xmpp-client.json',
      { kind: 'posh', service: 'xmpp-client', sourceDomain: 'im.example.com' },
    ],
    ['/.well-known/host-meta', { kind: 'host-meta', format: 'xml' }],
    ['/.well-known/host-meta.json', { kind: 'host-meta', format: 'json' }],
    ['/.well-known/acme-challenge/0123456789-_ABCDEFabcd', { kind: 'acme-challenge', token: '0123456789-_ABCDEFabcd' }],
  ])('reads %s', (path, expected) => expect(parseWellKnownPath(path)).toEqual(expected))

  test.each(vectors('well-known-paths-none.txt'))('%s is none', (path) => expect(parseWellKnownPath(path)).toBeNull())

  test('any text at all is answered without an exception, and slowly by none', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom('%', 'C', '3', 'B', '.', '/', '_', '-', 'x'), maxLength: 8000 }),
    )
    const prefix = fc.constantFrom('', '/.well-known/tls/', '/.well-known/tls/_a._tcp.', '/.well-known/posh/')
    fc.assert(
      fc.property(prefix, hostile, (start, rest) => void parseWellKnownPath(start + rest)),
      { numRuns: 2_000 },
    )
    const began = performance.now()
    for (const unit of ['%C3', '.', '-', 'a.', '_', '%'])
      parseWellKnownPath('/.well-known/tls/_a._tcp.' + unit.repeat(50_000))
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
