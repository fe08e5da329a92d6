import { describe, expect, test } from 'vitest'
import { typedDomain, type TypedDomain } from '../../src/delegation/typed-domain.ts'

describe('the domain in what people paste', () => {
  test.each<[text: string, from: TypedDomain['from']]>([
    ['im.example.com', 'name'],
    ['  IM.Example.COM.  ', 'name'],
    ['im.example.com:5222', 'name'],
    ['“im.example.com”,', 'name'],
    ['im.example.com. 3600 IN CNAME edge.example.net.', 'name'],
    ['my domain is im.example.com', 'name'],
    ['https://im.example.com', 'url'],
    ['HTTPS://IM.EXAMPLE.COM:443/path?query=a@b.example#fragment', 'url'],
    ['http://juliet:secret@im.example.com/', 'url'],
    ['wss://im.example.com/xmpp-websocket', 'url'],
    ['im.example.com/some/page', 'url'],
    ['https://im.example.com/.well-known/posh/xmpp-server.json', 'url'],
    ['https://hosting.example.net/.well-known/tls/_xmpp-server._tcp.im.example.com', 'url'],
    ['juliet@im.example.com', 'address'],
    ['<juliet@im.example.com>;', 'address'],
    ['juliet@im.example.com/balcony', 'address'],
    ['juliet@im.example.com/balcony@night/2', 'address'],
    ['xmpp:juliet@im.example.com?message;body=hello', 'address'],
    ['xmpp:im.example.com', 'address'],
    ['mailto:juliet@im.example.com', 'address'],
    ['_xmpp-server._tcp.im.example.com', 'record'],
    ['_xmpp-client._tcp.im.example.com. 86400 IN SRV 0 5 5222 xmpp.example.net.', 'record'],
    ['_waypost-challenge.im.example.com', 'record'],
  ])('%s', (text, from) => {
    expect(typedDomain(text)).toEqual({ name: 'im.example.com', from })
  })

  test.each([
    ['MÜNCHEN.example', 'xn--mnchen-3ya.example'],
    ['https://m%C3%BCnchen.example/', 'xn--mnchen-3ya.example'],
    ['julia@xn--mnchen-3ya.example/balkon', 'xn--mnchen-3ya.example'],
    ['例え。テスト', null],
  ])('in its own script: %s', (text, name) => {
    if (name === null) expect(() => typedDomain(text)).toThrow(/no domain name/)
    else expect(typedDomain(text).name).toBe(name)
  })

  test.each([
    '',
    '   ',
    'example',
    'https://192.0.2.1/',
    'https://[2001:db8::1]/',
    '*.example.com',
    'a..b',
    '@',
    '://',
    'juliet@',
    '_a._b',
  ])('is not guessed where there is none: %s', (text) => {
    expect(() => typedDomain(text)).toThrow(expect.objectContaining({ code: 'malformed-name' }))
  })

  test.each([
    'a.'.repeat(50_000),
    '@'.repeat(50_000),
    '_a.'.repeat(20_000),
    '<'.repeat(50_000),
    `${'-'.repeat(50_000)}://`,
  ])('is not looked for for long in what is no such thing, no. %#', (text) => {
    const before = performance.now()
    expect(() => typedDomain(text)).toThrow()
    expect(performance.now() - before).toBeLessThan(200)
  })
})
