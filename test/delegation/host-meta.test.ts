import { describe, expect, test } from 'vitest'
import { hostMetaJson, hostMetaXml, parseHostMeta, type HostMeta } from '../../src/delegation/host-meta.ts'
import { ProblemError } from '../../src/problem.ts'

const websocket = { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://xmpp.example.net/ws' }
const bosh = { rel: 'urn:xmpp:alt-connections:xbosh', href: 'https://xmpp.example.net/bosh' }
const fields = { priority: 10, weight: 50, sni: 'im.example.com', ips: ['192.0.2.1', '2001:db8::1'] }
const directTls = { rel: 'urn:xmpp:alt-connections:tls', port: 443, ech: 'eG1wcA==', ...fields }
const pin = '4/mggdlVx8A3pvHAWW5sD+qJyMtUHgiRuPjVC48N0XQ='
const hostMeta2 = { ttlSeconds: 3000, publicKeyPinsSha256: [pin] }

function faults(value: unknown): string[] {
  try {
    parseHostMeta(value)
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    expect(error.code).toBe('malformed-request')
    return error.fields.map(({ pointer }) => pointer)
  }
  return []
}

describe('host-meta as it is written', () => {
  test('the XML has what XEP-0156 knows, escaped', () => {
    const meta: HostMeta = {
      links: [websocket, directTls, { rel: 'lrdd', template: `https://a.example/?q={uri}&x="<'>` }],
      hostMeta2,
    }
    expect(hostMetaXml(meta)).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>
<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">
  <Link rel="urn:xmpp:alt-connections:websocket" href="wss://xmpp.example.net/ws"/>
  <Link rel="lrdd" template="https://a.example/?q={uri}&amp;x=&quot;&lt;&apos;&gt;"/>
</XRD>
`,
    )
  })

  test('case 76: with Host Meta 2 the JSON has ttl, pins and the fields of every link', () => {
    const link = { ...websocket, ...fields }
    expect(JSON.parse(hostMetaJson({ links: [link, directTls], hostMeta2 }))).toEqual({
      xmpp: { ttl: 3000, 'public-key-pins-sha-256': [pin] },
      links: [link, directTls],
    })
    const withoutPins = { links: [], hostMeta2: { ttlSeconds: 60, publicKeyPinsSha256: [] } }
    expect(JSON.parse(hostMetaJson(withoutPins))).toEqual({ xmpp: { ttl: 60 }, links: [] })
  })

  test('case 76: without it, it has none of them', () => {
    expect(
      JSON.parse(hostMetaJson({ links: [{ ...websocket, ...fields }, directTls, bosh], hostMeta2: null })),
    ).toEqual({ links: [websocket, bosh] })
  })
})

describe('host-meta as it is read', () => {
  test('what is right comes out as it went in', () => {
    const meta = { links: [{ ...websocket, ...fields }, bosh, directTls], hostMeta2 }
    expect(parseHostMeta(meta)).toEqual(meta)
    expect(parseHostMeta({ links: [websocket] })).toEqual({ links: [websocket], hostMeta2: null })
    const lrdd = { rel: 'lrdd', type: 'application/xrd+xml', template: 'https://a.example/?resource={uri}' }
    expect(parseHostMeta({ links: [lrdd] })).toEqual({ links: [lrdd], hostMeta2: null })
  })

  test.each([
    ['no object', 'x', ['', '/links']],
    ['null', null, ['', '/links']],
    ['a list', [], ['', '/links']],
    ['no links', {}, ['/links']],
    ['a field nobody knows', { links: [], x: 1 }, ['/x']],
    ['a link that is none', { links: [1] }, ['/links/0', '/links/0/rel', '/links/0/href']],
    ['a field of a link nobody knows', { links: [{ ...websocket, 'a/b~': 1 }] }, ['/links/0/a~1b~0']],
    ['case 75: http', { links: [{ ...bosh, href: 'http://x.example/' }] }, ['/links/0/href']],
    ['case 75: ws', { links: [{ ...websocket, href: 'ws://x.example/' }] }, ['/links/0/href']],
    ['case 75: https for a websocket', { links: [{ ...websocket, href: 'https://x.example/' }] }, ['/links/0/href']],
    ['script', { links: [{ rel: 'lrdd', href: 'javascript:alert(1)' }] }, ['/links/0/href']],
    ['no URL', { links: [{ ...bosh, href: 'https://' }] }, ['/links/0/href']],
    ['a URL that is repaired', { links: [{ ...bosh, href: 'https://x.example/ y' }] }, ['/links/0/href']],
    ['a password', { links: [{ ...bosh, href: 'https://a:b@x.example/' }] }, ['/links/0/href']],
    ['an http template', { links: [{ rel: 'lrdd', template: 'http://x/{uri}' }] }, ['/links/0/template']],
    ['controls', { links: [{ ...bosh, type: 'a\u0000b' }] }, ['/links/0/type']],
    ['half a surrogate pair', { links: [{ ...bosh, type: '\ud800' }] }, ['/links/0/type']],
    ['a missing href', { links: [{ rel: websocket.rel }] }, ['/links/0/href']],
    ['an href beside a port', { links: [{ ...directTls, href: 'https://x.example/' }] }, ['/links/0/href']],
    [
      'case 76: direct TLS without its fields',
      { links: [{ rel: directTls.rel }], hostMeta2 },
      ['/links/0/port', '/links/0/priority', '/links/0/weight', '/links/0/sni', '/links/0/ips'],
    ],
    [
      'case 76: a websocket without the fields of Host Meta 2',
      { links: [{ ...websocket, priority: 1, weight: 1 }], hostMeta2 },
      ['/links/0/sni', '/links/0/ips'],
    ],
    ['a port out of range', { links: [{ ...directTls, port: 0 }] }, ['/links/0/port']],
    ['a weight that is no integer', { links: [{ ...directTls, weight: 1.5 }] }, ['/links/0/weight']],
    ['a priority in text', { links: [{ ...directTls, priority: '1' }] }, ['/links/0/priority']],
    ['an address that is none', { links: [{ ...directTls, ips: ['1.2.3', 1] }] }, ['/links/0/ips/0', '/links/0/ips/1']],
    ['no address', { links: [{ ...directTls, ips: [] }] }, ['/links/0/ips']],
    ['an SNI in capitals', { links: [{ ...directTls, sni: 'IM.example.com' }] }, ['/links/0/sni']],
    ['an ech that is no base64', { links: [{ ...directTls, ech: 'x' }] }, ['/links/0/ech']],
    ['case 76: a ttl that is no integer', { links: [], hostMeta2: { ttlSeconds: '1' } }, ['/hostMeta2/ttlSeconds']],
    ['no ttl', { links: [], hostMeta2: {} }, ['/hostMeta2/ttlSeconds']],
    [
      'a pin that is none',
      { links: [], hostMeta2: { ttlSeconds: 1, publicKeyPinsSha256: ['x'] } },
      ['/hostMeta2/publicKeyPinsSha256/0'],
    ],
    ['too many links', { links: Array(51).fill(websocket) }, ['/links']],
    ['endless text', { links: [{ ...bosh, type: 'x'.repeat(1001) }] }, ['/links/0/type']],
  ])('refuses %s', (_, value, pointers) => expect(faults(value)).toEqual(pointers))

  test('all faults are told at once, in words', () => {
    expect(() => parseHostMeta({ links: [{ rel: 'x' }, 1], y: 1 })).toThrow(
      /\/y is not known; \/links\/0\/href is missing; \/links\/1 should be an object/,
    )
  })
})
