import { createHash, X509Certificate } from 'node:crypto'
import https from 'node:https'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate, makeChain, type MadeCertificate, type MadeChain } from '../support/certificates.ts'
import { edgeRig, HOUR, type EdgeRig } from '../support/edge-rig.ts'
import type { RawAnswer } from '../support/raw-client.ts'

const S = 'im.example.com'
const T = 'hosting.example.net'
const P = '/.well-known/tls/_xmpp-server._tcp.im.example.com'
const POSH = '/.well-known/posh/xmpp-server.json'
const META = '/.well-known/host-meta'
const IDN = 'xn--bcher-kva.example.com'
const SPACED: [string, string][] = [
  ['voilà.example.com', 'xn--voil-3na.example.com'],
  ['Škoda.example.com', 'xn--koda-f6a.example.com'],
  ['张.example.com', 'xn--e1t.example.com'],
]
const LONG = { notBefore: '2026-01-01T00:00:00Z', notAfter: '2027-01-01T00:00:00Z' }

const websocket = { rel: 'urn:xmpp:alt-connections:websocket', href: 'wss://hosting.example.net/ws' }

let rig: EdgeRig
let service: MadeChain
beforeAll(async () => {
  rig = await edgeRig()
  service = await makeChain({ names: ['xmpp.hosting.example.net'], ...LONG })
  const { leaf, intermediate } = service
  await rig.addLineage('service', { ...leaf, pem: leaf.pem + intermediate.pem })
  await rig.addTarget(T)
  await rig.addTarget('ported.example.net', 8443)
  const hostMeta = { links: [websocket], hostMeta2: null }
  await rig.addDomain(S, { hostMeta })
  for (const service of ['_xmpp-server', '_xmpp-client'])
    await rig.delegate(S, { target: T, lineage: 'service', service })
  await rig.addDomain(IDN)
  await rig.delegate(IDN, { target: T, lineage: 'service' })
  for (const [, name] of SPACED) {
    await rig.addDomain(name)
    await rig.delegate(name, { target: T, lineage: 'service' })
  }
  await rig.addDomain('ported.example.com')
  await rig.delegate('ported.example.com', { target: 'ported.example.net', lineage: 'service' })
  await rig.addDomain('other.example.com', { tenant: 'bob' })
  await rig.delegate('other.example.com', { tenant: 'bob', target: T, lineage: 'service' })
  await rig.settle()
})
afterAll(() => rig.close())

const at = (host: string) => `/.well-known/tls/_xmpp-server._tcp.${host}`
const ok = (answer: RawAnswer) => [answer.status, answer.headers.get('location')]
const redirect = (path: string) => [302, `https://${T}${path}`]
const json = (answer: RawAnswer) => JSON.parse(answer.body) as Record<string, unknown>

/** Everything that must be true of a refusal. */
function expectRefusal(answer: RawAnswer, status = 404): void {
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(answer.headers.has('location')).toBe(false)
  expect(answer.body).not.toMatch(/[{<]|BEGIN|example/)
}

/** A domain of its own for a test that changes something. */
async function domain(name: string, certificate?: MadeCertificate, wish: object = {}): Promise<string> {
  const made = certificate ?? (await makeCertificate({ names: [name], ...LONG }))
  await rig.addLineage(name, made)
  await rig.addDomain(name, wish)
  const id = await rig.delegate(name, { target: T, lineage: name, ...wish })
  await rig.settle()
  return id
}

describe('§6.3 at the source host', () => {
  test('case 1: a redirect to the target host with an empty body', async () => {
    const answer = await rig.get(S, P)
    expect(ok(answer)).toEqual(redirect(P))
    expect(answer.headers.get('content-length')).toBe('0')
    expect(answer.body).toBe('')
  })

  test('case 2: Location is one absolute https URL', async () => {
    const answer = await rig.get(S, P)
    expect(answer.headers.get('location')).toMatch(/^https:\/\/[^\n]+$/)
  })

  test('case 3: its path is the path of the request, byte for byte', async () => {
    for (const path of [P, P.replace('_xmpp-server', '_XMPP-Server'), P.replace('im.example', 'Im.EXAMPLE'), `${P}.`])
      expect(ok(await rig.get(S, path))).toEqual(redirect(path))
    // ASCII in escapes is refused, so there is nothing to keep
    for (const path of [P.replace('_xmpp', '%5Fxmpp'), P.replace('im.', 'im%2e'), P.replace('im.', 'im%2E')])
      expectRefusal(await rig.get(S, path))
  })

  test('case 4: another port of the target host is in Location, 443 is not', async () => {
    const path = at('ported.example.com')
    expect(ok(await rig.get('ported.example.com', path))).toEqual([302, `https://ported.example.net:8443${path}`])
    expect(ok(await rig.get(S, P))).toEqual(redirect(P))
  })

  test('case 5: client and server are entries of their own', async () => {
    expect(ok(await rig.get(S, P.replace('server', 'client')))).toEqual(redirect(P.replace('server', 'client')))
    expectRefusal(await rig.get(IDN, at(IDN).replace('server', 'client')))
  })

  test('case 6: the status is 302', async () => expect((await rig.get(S, P)).status).toBe(302))

  test('case 7: caches may keep it for a minute', async () => {
    expect((await rig.get(S, P)).headers.get('cache-control')).toBe('max-age=60')
  })

  test('case 8: a query is dropped from Location', async () => {
    expect(ok(await rig.get(S, `${P}?x=1&y=https://evil.example`))).toEqual(redirect(P))
    expectRefusal(await rig.get(S, `/?${P}`))
  })

  test('case 9: a fragment is refused and so never in Location', async () => {
    expectRefusal(await rig.get(S, `${P}#x`), 400)
  })

  test('case 10: a path that names another domain is not redirected, be it a customer or not', async () => {
    expectRefusal(await rig.get(S, at('other.example.com')))
    expectRefusal(await rig.get(S, at('nobody.example.com')))
  })

  test('case 11: an unknown domain looks as an unknown path does', async () => {
    const unknown = await rig.get(T, at('nobody.example.com'))
    const { body, headers } = await rig.get(T, '/nothing')
    expectRefusal(unknown)
    headers.delete('date')
    unknown.headers.delete('date')
    expect([unknown.body, unknown.headers]).toEqual([body, headers])
  })

  test('case 12: an unknown service or protocol', async () => {
    for (const path of [P.replace('_xmpp-server', '_foo'), P.replace('_tcp', '_udp')])
      for (const host of [S, T]) expectRefusal(await rig.get(host, path))
  })

  test('case 13: a service without underscores is not mended', async () => {
    expectRefusal(await rig.get(S, '/.well-known/tls/xmpp-server.tcp.im.example.com'))
  })

  test('case 14: no listing', async () => {
    for (const path of ['/', '/.well-known', '/.well-known/tls', '/.well-known/tls/', '/.well-known/posh/', `${P}/`])
      expectRefusal(await rig.get(S, path))
  })

  test('case 15: only at the root', async () => expectRefusal(await rig.get(S, `/foo${P}`)))

  test('case 16: paths are case-sensitive', async () => {
    expectRefusal(await rig.get(S, P.replace('tls', 'TLS')))
    expectRefusal(await rig.get(S, P.replace('well-known', 'Well-Known')))
  })

  test.each([
    '/.well-known/tls/../x',
    '/.well-known/tls/../tls/_xmpp-server._tcp.im.example.com',
    '/.well-known/tls/%2e%2e/x',
    '/.well-known/tls/_xmpp-server._tcp.im%2fexample.com',
    `${P}%00`,
    `${P}%0d%0aX-Injected:%201`,
    `${P}%E5%98%8D%E5%98%8AX-Injected:1`,
    `/${P}`,
    `//evil.example${P}`,
    '/\\evil.example',
  ])('case 17: %s', async (path) => {
    const answer = await rig.get(S, path)
    expectRefusal(answer)
    expect(answer.headers.has('x-injected')).toBe(false)
  })

  test('case 17: a target of more than 8 kB', async () => {
    expectRefusal(await rig.get(S, P + 'x'.repeat(8192)), 431)
  })

  test('case 18: a source domain that is its own target host has the PEM itself', async () => {
    await rig.addTarget('own.example.com')
    await rig.addDomain('own.example.com', { hasFront: false })
    await rig.delegate('own.example.com', { target: 'own.example.com', lineage: 'service', poshAnswer: 'redirect' })
    await rig.settle()
    expect(await rig.get('own.example.com', at('own.example.com'))).toMatchObject({
      status: 200,
      body: service.leaf.pem,
    })
    expect((await rig.get('own.example.com', POSH)).status).toBe(200)
  })

  test('case 19: a target host as a source domain that it is not', async () => {
    expectRefusal(await rig.get(T, at(T)))
    for (const path of [POSH, META, `${META}.json`]) expectRefusal(await rig.get(T, path))
  })

  test('case 20: possession gives the PEM without a redirect', async () => {
    await domain('possession.example.com', undefined, { tlsAnswer: 'possession' })
    const answer = await rig.get('possession.example.com', at('possession.example.com'))
    expect(answer.status).toBe(200)
    expect(answer.body).toMatch(/^-----BEGIN CERTIFICATE-----\n/)
  })
})

describe('§6.3 at the target host', () => {
  test('case 21: the PEM of the registered certificate', async () => {
    const answer = await rig.get(T, P)
    expect(answer.status).toBe(200)
    expect(new X509Certificate(answer.body).raw.equals(service.leaf.der)).toBe(true)
  })

  test('case 22: its type, and nosniff', async () => {
    const { headers } = await rig.get(T, P)
    expect(headers.get('content-type')).toBe('application/pem-certificate-chain')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('case 23: one leaf, no issuer and no key', async () => {
    const { body } = await rig.get(T, P)
    expect(body).toBe(service.leaf.pem)
    expect(body).not.toContain('PRIVATE')
  })

  test('case 24 and 36: in a rollover PEM has the one in use first, POSH the renewed one', async () => {
    const [old, renewed] = [await makeCertificate(LONG), await makeCertificate(LONG)]
    await domain('rolling.example.com', old)
    rig.clock.advance(HOUR)
    const staged = await rig.addLineage('rolling.example.com', renewed)
    await rig.settle()
    const path = at('rolling.example.com')
    const fingerprints = async () =>
      (json(await rig.get('rolling.example.com', POSH))['fingerprints'] as Record<string, string>[]).map(
        (each) => each['sha-256'],
      )
    const sha256 = ({ der }: MadeCertificate) => createHash('sha256').update(der).digest('base64')
    expect((await rig.get(T, path)).body).toBe(old.pem + renewed.pem)
    expect(await fingerprints()).toEqual([renewed, old].map(sha256))
    rig.clock.advance(HOUR)
    await rig.storage.lineages.activate(null, staged.id, new Date(rig.clock.now().getTime() + HOUR), rig.act())
    await rig.settle()
    expect((await rig.get(T, path)).body).toBe(renewed.pem + old.pem)
    expect(await fingerprints()).toEqual([renewed, old].map(sha256))
    rig.clock.advance(HOUR - 30_000)
    expect((await rig.get(T, path)).headers.get('cache-control')).toBe('max-age=30')
    rig.clock.advance(30_000)
    expect((await rig.get(T, path)).body).toBe(renewed.pem)
    expect(await fingerprints()).toEqual([sha256(renewed)])
  })

  test('case 25: an expired certificate is gone, in PEM and POSH', async () => {
    const notAfter = new Date(rig.clock.now().getTime() + HOUR).toISOString()
    await domain('expiring.example.com', await makeCertificate({ ...LONG, notAfter }))
    expect((await rig.get(T, at('expiring.example.com'))).status).toBe(200)
    rig.clock.advance(HOUR)
    expectRefusal(await rig.get(T, at('expiring.example.com')))
    expectRefusal(await rig.get('expiring.example.com', POSH))
  })

  test('case 26: LF, 64 columns, one final LF, no text around', async () => {
    const { body, headers } = await rig.get(T, P)
    expect(body).toMatch(
      /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n$/,
    )
    expect(headers.get('content-length')).toBe(String(body.length))
  })

  test('case 27: an unknown domain, and no way back to a source domain', async () => {
    expectRefusal(await rig.get(T, at('nobody.example.com')))
  })

  test('case 28: the name that is asked decides, not the address', async () => {
    expect(ok(await rig.get(S, P))).toEqual(redirect(P))
  })

  test('case 29: the same bytes and ETag at the target host and in possession', async () => {
    await domain('twice.example.com', undefined, { tlsAnswer: 'possession' })
    const [here, there] = [
      await rig.get('twice.example.com', at('twice.example.com')),
      await rig.get(T, at('twice.example.com')),
    ]
    expect(here.body).toBe(there.body)
    expect(here.headers.get('etag')).toBe(there.headers.get('etag'))
  })
})

describe('RFC 7711', () => {
  test('case 30: exactly 200, application/json', async () => {
    const answer = await rig.get(S, POSH)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('max-age=60')
  })

  test('case 31: sha-256 and sha-512 of the DER, padded, nothing weaker', async () => {
    const hash = (name: string) => createHash(name).update(service.leaf.der).digest('base64')
    expect(json(await rig.get(S, POSH))['fingerprints']).toEqual([
      { 'sha-256': hash('sha256'), 'sha-512': hash('sha512') },
    ])
  })

  test('case 32 and 33: expires is a positive integer, and there is no url', async () => {
    const document = json(await rig.get(S, POSH))
    expect(Object.keys(document)).toEqual(['fingerprints', 'expires'])
    expect(document['expires']).toBe(3600)
  })

  test('case 34: a reference has url and expires only, and leads to fingerprints', async () => {
    await domain('reference.example.com', undefined, { poshAnswer: 'reference' })
    const url = `https://${T}/.well-known/posh/reference.example.com/xmpp-server.json`
    expect(json(await rig.get('reference.example.com', POSH))).toEqual({ url, expires: 3600 })
    const there = await rig.get(T, new URL(url).pathname)
    expect(there.status).toBe(200)
    expect(Object.keys(json(there))).toEqual(['fingerprints', 'expires'])
  })

  test('case 35: a redirect leads to a path that names the domain, where the fingerprints are', async () => {
    await domain('redirect.example.com', undefined, { poshAnswer: 'redirect' })
    const path = '/.well-known/posh/redirect.example.com/xmpp-server.json'
    expect(ok(await rig.get('redirect.example.com', POSH))).toEqual(redirect(path))
    expect(Object.keys(json(await rig.get(T, path)))).toEqual(['fingerprints', 'expires'])
    expectRefusal(await rig.get(T, POSH))
    expectRefusal(await rig.get(T, '/.well-known/posh/nobody.example.com/xmpp-server.json'))
    expectRefusal(await rig.get('ported.example.net', path))
  })

  test('case 37: under 10,000 bytes', async () => expect((await rig.get(S, POSH)).body.length).toBeLessThan(10_000))

  test('case 38: no material, no JSON', async () => {
    await rig.addDomain('empty.example.com')
    await domain('off.example.com', undefined, { poshAnswer: 'off' })
    for (const host of ['empty.example.com', 'off.example.com']) expectRefusal(await rig.get(host, POSH))
  })

  test.each(['_xmpp-server._tcp', 'unknown', 'xmpps-server', 'XMPP-SERVER', '__proto__', 'constructor'])(
    'case 39: %s is no name of a document',
    async (name) => expectRefusal(await rig.get(S, `/.well-known/posh/${name}.json`)),
  )

  test('case 39: nor is the one of 2013', async () =>
    expectRefusal(await rig.get(S, '/.well-known/posh._xmpp-server._tcp.json')))

  test('case 40 and 70: while certificates change, PEM and POSH agree at every moment and neither is ever absent', async () => {
    await domain('busy.example.com')
    const path = at('busy.example.com')
    const seen = new Set<string | undefined>()
    for (let round = 0; round < 4; round++) {
      rig.clock.advance(HOUR)
      const staged = await rig.addLineage('busy.example.com', await makeCertificate(LONG))
      const changed = rig.storage.lineages
        .activate(null, staged.id, new Date(rig.clock.now().getTime() + HOUR), rig.act())
        .then(() => rig.settle())
      for (let i = 0; i < 5; i++) {
        const answer = await rig.get(T, path)
        expect(answer.status).toBe(200)
        expect(answer.body).toMatch(/^(?:-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n)+$/)
        seen.add(answer.headers.get('etag'))
      }
      await changed
      const hashes = (await rig.get(T, path)).body
        .match(/-----BEGIN[^]*?END CERTIFICATE-----/g)!
        .map((pem) => createHash('sha256').update(new X509Certificate(pem).raw).digest('base64'))
      const posh = json(await rig.get('busy.example.com', POSH))['fingerprints'] as Record<string, string>[]
      expect(posh.map((each) => each['sha-256']).sort()).toEqual(hashes.sort())
    }
    expect(seen.size).toBeGreaterThan(3)
  })

  test('case 41: expires does not reach beyond the first certificate that runs out', async () => {
    const notAfter = new Date(rig.clock.now().getTime() + HOUR / 2).toISOString()
    await domain('short.example.com', await makeCertificate({ ...LONG, notAfter }))
    expect(json(await rig.get('short.example.com', POSH))['expires']).toBe(1800)
    rig.clock.advance(1000)
    expect(json(await rig.get('short.example.com', POSH))['expires']).toBe(900)
  })
})

describe('names', () => {
  test('case 42: a Host in any case', async () => {
    expect(ok(await rig.get('IM.Example.COM', P))).toEqual(redirect(P))
  })

  test('case 43: a domain in any case in the path, which Location keeps', async () => {
    const path = at('IM.example.com')
    expect(ok(await rig.get(S, path))).toEqual(redirect(path))
    expect((await rig.get(T, path)).body).toBe(service.leaf.pem)
  })

  test('case 44: a final dot in Host and in the path', async () => {
    const { answers } = await rig.raw(`GET ${P}. HTTP/1.1\r\nHost: ${S}.\r\n\r\n`)
    expect(ok(answers[0]!)).toEqual(redirect(`${P}.`))
  })

  test('case 45: a port in Host', async () => {
    for (const port of [443, 8443]) {
      const { answers } = await rig.raw(`GET ${P} HTTP/1.1\r\nHost: ${S}:${port}\r\n\r\n`)
      expect(ok(answers[0]!)).toEqual(redirect(P))
    }
  })

  // The UTF-8 of each has a byte that is a space in Latin-1
  test.each(SPACED)('case 46: %s in raw UTF-8, in SNI and Host', async (serverName, name) => {
    const host = Buffer.from(serverName).toString('latin1')
    expect(host).toContain('\xa0')
    const { answers } = await rig.raw(`GET ${at(name)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, { serverName })
    expect(ok(answers[0]!)).toEqual(redirect(at(name)))
  })

  const utf8 = Buffer.from('bücher.example.com').toString('latin1')
  test.each([
    ['an A-label in SNI and Host', IDN, IDN],
    ['the raw UTF-8 of the U-label in both, as Prosody sends it', 'bücher.example.com', utf8],
    ['an A-label in SNI and raw Latin-1 in Host, as Python sends it', IDN, 'b\xfccher.example.com'],
    ['capitals', 'BÜCHER.example.com', 'XN--BCHER-KVA.example.com'],
  ])('case 46: %s', async (_, serverName, host) => {
    const { answers } = await rig.raw(`GET ${at(IDN)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, { serverName })
    expect(ok(answers[0]!)).toEqual(redirect(at(IDN)))
  })

  test.each(['b%C3%BCcher', 'b%c3%bccher', 'bu%CC%88cher', '%EF%BD%82%C3%BCcher', 'XN--bcher-KVA'])(
    'case 47 and 48: %s in the path is the same domain, and Location keeps it',
    async (label) => {
      const path = at(`${label}.example.com`)
      expect(ok(await rig.get(IDN, path))).toEqual(redirect(path))
      expect((await rig.get(T, path)).body).toBe(service.leaf.pem)
    },
  )

  test('case 47: raw bytes over 0x7f in the path are refused', async () => {
    const { answers } = await rig.raw(`GET ${at(utf8)} HTTP/1.1\r\nHost: ${IDN}\r\n\r\n`, { serverName: IDN })
    expectRefusal(answers[0]!, 400)
  })

  test.each(['b%FCcher', 'i%C2%ADm', 'im%E3%80%82x', '%EF%BD%89m', 'xn--a', '%C3', 'b%zz'])(
    'case 48: %s in the path fails IDNA, or is no UTF-8',
    async (label) => expectRefusal(await rig.get(IDN, at(`${label}.example.com`))),
  )

  test('case 49: however a name is written, it is one claim', async () => {
    for (const name of ['BÜCHER.example.com', 'xn--bcher-kva.example.com.', 'bu\u0308cher.example.com'])
      await expect(rig.addDomain(name)).rejects.toMatchObject({ code: 'already-exists' })
  })

  test.each(['*.example.com', '192.0.2.1', '[::1]', 'im..example.com', '.', `${'a'.repeat(250)}.com`, ''])(
    'case 50: Host %s',
    async (host) => {
      const { answers } = await rig.raw(`GET ${P} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expectRefusal(answers[0]!, 400)
    },
  )
})

describe('HTTP', () => {
  test('case 51: HEAD has the headers of GET and no body', async () => {
    for (const [host, path] of [
      [S, P],
      [T, P],
      [S, POSH],
      [S, META],
      [S, '/nothing'],
    ] as const) {
      const [get, head] = [await rig.get(host, path), await rig.get(host, path, {}, 'HEAD')]
      for (const { headers } of [get, head]) headers.delete('date')
      expect([head.status, head.headers]).toEqual([get.status, get.headers])
      expect(head.body).toBe('')
    }
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'PROPFIND'])('case 52: %s', async (method) => {
    const answer = await rig.get(S, P, {}, method)
    expectRefusal(answer, 405)
    expect(answer.headers.get('allow')).toBe('GET, HEAD')
  })

  test.each(['BREW', 'get', 'CONNECT'])('case 52: %s, which Node knows nothing of', async (method) => {
    const target = method === 'CONNECT' ? 'evil.example:443' : P
    const { answers, isClosed } = await rig.raw(`${method} ${target} HTTP/1.1\r\nHost: ${S}\r\n\r\n`, {
      answers: undefined,
    })
    expectRefusal(answers[0]!, 405)
    expect(answers[0]!.headers.get('allow')).toBe('GET, HEAD')
    expect(isClosed).toBe(true)
  })

  test('case 53: OPTIONS is for host-meta only', async () => {
    for (const path of [META, `${META}.json`]) {
      const { status, headers } = await rig.get(S, path, { Origin: 'https://chat.example' }, 'OPTIONS')
      expect(status).toBe(204)
      expect(headers.get('allow')).toBe('GET, HEAD, OPTIONS')
      expect(headers.get('access-control-allow-origin')).toBe('*')
    }
    expect((await rig.get(S, META, {}, 'POST')).headers.get('allow')).toBe('GET, HEAD, OPTIONS')
  })

  test.each([
    ['PEM', T, P],
    ['POSH', S, POSH],
    ['host-meta', S, META],
    ['host-meta.json', S, `${META}.json`],
  ])('case 54: If-None-Match on %s', async (_, host, path) => {
    const { headers } = await rig.get(host, path)
    const etag = headers.get('etag')!
    expect(etag).toMatch(/^"[\w-]+"$/)
    for (const tags of [etag, `"x", ${etag}`, `W/${etag}`, '*']) {
      const answer = await rig.get(host, path, { 'If-None-Match': tags })
      expect([answer.status, answer.body]).toEqual([304, ''])
      expect(answer.headers.get('etag')).toBe(etag)
      expect(answer.headers.get('cache-control')).toBe('max-age=60')
      expect(answer.headers.has('content-type')).toBe(false)
    }
    expect((await rig.get(host, path, { 'If-None-Match': '"other"' })).status).toBe(200)
  })

  test('case 54: a redirect has no ETag', async () => expect((await rig.get(S, P)).headers.has('etag')).toBe(false))

  test('case 55: If-Modified-Since counts without If-None-Match only; Last-Modified is of the change', async () => {
    const changedAt = rig.clock.now()
    await domain('modified.example.com')
    const path = at('modified.example.com')
    expect((await rig.get(T, path)).headers.has('last-modified')).toBe(false)
    rig.clock.advance(HOUR)
    const modified = (await rig.get(T, path)).headers.get('last-modified')!
    expect(modified).toBe(changedAt.toUTCString())
    const since = { 'If-Modified-Since': modified }
    expect((await rig.get(T, path, since)).status).toBe(304)
    expect((await rig.get(T, path, { ...since, 'If-None-Match': '"other"' })).status).toBe(200)
    await rig.addLineage('modified.example.com', await makeCertificate(LONG))
    await rig.settle()
    rig.clock.advance(1000)
    const renewed = (await rig.get(T, path, since)).headers.get('last-modified')!
    expect(Date.parse(renewed)).toBeGreaterThan(Date.parse(modified))

    // What is taken away changes the answer too, though nothing that is left is newer
    const { lineages } = rig.storage
    const lineage = (await lineages.findByName(null, 'modified.example.com'))!
    await lineages.removeCertificate(null, lineage.certificates.at(-1)!.id, rig.act())
    await rig.settle()
    rig.clock.advance(1000)
    expect((await rig.get(T, path, { 'If-Modified-Since': renewed })).status).toBe(200)
  })

  test('case 56: Range is ignored, and so is Accept', async () => {
    const answer = await rig.get(T, P, { Range: 'bytes=0-9', Accept: 'text/html' })
    expect([answer.status, answer.body]).toEqual([200, service.leaf.pem])
  })

  test('case 57: nothing is compressed', async () => {
    const answer = await rig.get(T, P, { 'Accept-Encoding': 'gzip, br' })
    expect(answer.headers.has('content-encoding')).toBe(false)
    expect(answer.body).toBe(service.leaf.pem)
  })

  test.each([
    ['no Host', 'HTTP/1.1\r\n'],
    ['no Host in HTTP/1.0', 'HTTP/1.0\r\n'],
    ['two different Hosts', `HTTP/1.1\r\nHost: ${S}\r\nHost: other.example.com\r\n`],
    ['the same Host twice', `HTTP/1.1\r\nHost: ${S}\r\nhOST: ${S}\r\n`],
    ['a list', `HTTP/1.1\r\nHost: ${S}, other.example.com\r\n`],
  ])('case 58: %s', async (_, rest) => {
    const { answers } = await rig.raw(`GET ${P} ${rest}\r\n`)
    expectRefusal(answers[0]!, 400)
  })

  test('case 58: HTTP/1.0 with Host', async () => {
    const { answers, isClosed } = await rig.raw(`GET ${P} HTTP/1.0\r\nHost: ${S}\r\n\r\n`, { answers: undefined })
    expect([ok(answers[0]!), isClosed]).toEqual([redirect(P), true])
  })

  test('case 59: an absolute target of the same authority, and Location has the path only', async () => {
    for (const target of [`https://${S}${P}`, `https://${S}:443${P}`, `HTTPS://IM.example.com${P}`])
      expect(ok(await rig.get(S, target))).toEqual(redirect(P))
  })

  test('case 59: an absolute target of another authority', async () => {
    for (const authority of ['evil.example', 'other.example.com', `${S}:8443`])
      expectRefusal(await rig.get(S, `https://${authority}${P}`), 421)
    for (const target of [`http://${S}${P}`, `ftp://${S}${P}`, `https://user@${S}${P}`, 'https://', `https://${P}`])
      expectRefusal(await rig.get(S, target), 400)
  })

  test('case 60: a Host that SNI did not name', async () => {
    for (const host of ['other.example.com', T, 'nobody.example', 'admin.localhost']) {
      const { answers } = await rig.raw(`GET ${at('other.example.com')} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expectRefusal(answers[0]!, 421)
    }
  })

  test.each([
    ['no SNI', ''],
    ['an unknown name', 'nobody.example.com'],
    ['a name of one label', 'localhost'],
    ['a target host that is none', 'x.hosting.example.net'],
  ])('case 61: %s gets the alert handshake_failure and no certificate', async (_, serverName) => {
    await expect(rig.raw('', { serverName })).rejects.toMatchObject({ code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' })
  })

  test.each([P, POSH, META, '/', at(T)])('case 62: %s is not served in clear', async (path) => {
    for (const host of [S, T, 'nobody.example.com']) {
      const { answers } = await rig.plain(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expectRefusal(answers[0]!)
    }
  })

  test('case 63: TLS 1.2 and 1.3 and nothing below, and no HSTS on names of customers', async () => {
    const connect = (options: tls.ConnectionOptions) =>
      new Promise<string | null>((resolve, reject) => {
        const socket = tls.connect(
          { port: rig.tlsPort, host: '127.0.0.1', servername: S, ca: rig.ca, ...options },
          () => {
            resolve(socket.getProtocol())
            socket.destroy()
          },
        )
        socket.on('error', reject)
      })
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
      expect(await connect({ minVersion: version, maxVersion: version })).toBe(version)
    for (const version of ['TLSv1', 'TLSv1.1'] as const)
      await expect(
        connect({ minVersion: version, maxVersion: version, ciphers: 'ALL@SECLEVEL=0' }),
      ).rejects.toMatchObject({ code: expect.stringMatching(/ALERT/) as string })
    for (const [host, path] of [
      [S, P],
      [T, P],
      [S, POSH],
      [S, '/'],
    ] as const)
      expect((await rig.get(host, path)).headers.has('strict-transport-security')).toBe(false)
  })

  test('case 64: ALPN http/1.1, or none at all; h2 alone is refused', async () => {
    const negotiate = (ALPNProtocols?: string[]) =>
      new Promise<string | false | null>((resolve, reject) => {
        const options = { port: rig.tlsPort, host: '127.0.0.1', servername: S, ca: rig.ca }
        const socket = tls.connect(ALPNProtocols ? { ...options, ALPNProtocols } : options, () => {
          resolve(socket.alpnProtocol)
          socket.destroy()
        })
        socket.on('error', reject)
      })
    expect(await negotiate(['http/1.1'])).toBe('http/1.1')
    expect(await negotiate(['h2', 'http/1.1'])).toBe('http/1.1')
    expect(await negotiate()).toBe(false)
    await expect(negotiate(['h2'])).rejects.toThrow(/alert no application protocol/)
  })

  test('case 65: no cookies, no credentials, no admin plane, nothing about the software', async () => {
    for (const [host, path] of [
      [S, P],
      [T, P],
      [S, POSH],
      [S, META],
      [S, '/admin'],
      [S, '/api/v1/delegations'],
    ] as const) {
      const { status, headers } = await rig.get(host, path, { Cookie: 'a=b', Origin: 'https://chat.example' })
      if (!path.startsWith('/.well-known')) expect(status).toBe(404)
      for (const name of ['set-cookie', 'access-control-allow-credentials', 'server', 'x-powered-by', 'vary'])
        expect(headers.has(name)).toBe(false)
    }
  })

  test('case 66: every origin may read host-meta, and host-meta only', async () => {
    const origin = { Origin: 'https://chat.example' }
    for (const path of [META, `${META}.json`])
      expect((await rig.get(S, path, origin)).headers.get('access-control-allow-origin')).toBe('*')
    for (const [host, path] of [
      [S, P],
      [T, P],
      [S, POSH],
      [S, '/'],
    ] as const)
      expect((await rig.get(host, path, origin)).headers.has('access-control-allow-origin')).toBe(false)
  })
})

describe('life cycle', () => {
  const everywhere = (name: string): [string, string][] => [
    [name, at(name)],
    [name, POSH],
    [name, META],
    [T, at(name)],
    [T, `/.well-known/posh/${name}/xmpp-server.json`],
  ]
  const statuses = (name: string) =>
    Promise.all(everywhere(name).map(async ([host, path]) => (await rig.get(host, path)).status))

  test('case 67: a suspended domain is nowhere, and a resumed one is as before', async () => {
    const name = 'suspended.example.com'
    await domain(name, undefined, { hostMeta: { links: [websocket], hostMeta2: null } })
    const tenant = (await rig.storage.tenants.findByName('alice'))!
    expect(await statuses(name)).toEqual([302, 200, 200, 200, 200])
    await rig.storage.sourceDomains.suspend(tenant.id, domainOf(name), rig.act())
    await rig.settle()
    for (const [host, path] of everywhere(name)) expectRefusal(await rig.get(host, path))
    await rig.storage.sourceDomains.resume(tenant.id, domainOf(name), rig.act())
    await rig.settle()
    expect(await statuses(name)).toEqual([302, 200, 200, 200, 200])
  })

  test('case 68: a deleted domain is gone at once, on connections that are open too', async () => {
    const name = 'deleted.example.com'
    await domain(name)
    const tenant = (await rig.storage.tenants.findByName('alice'))!
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 })
    const get = (path: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const options = { agent, port: rig.tlsPort, host: '127.0.0.1', servername: name, ca: rig.ca, path }
        https
          .get({ ...options, headers: { Host: name } }, (answer) => {
            answer.resume().on('end', () => resolve(answer.statusCode))
          })
          .on('error', reject)
      })
    expect(await get(at(name))).toBe(302)
    await rig.storage.sourceDomains.remove(tenant.id, domainOf(name), rig.act())
    await rig.settle()
    expect(await get(at(name))).toBe(404)
    agent.destroy()
    expectRefusal(await rig.get(T, at(name)))
    await expect(rig.get(name, at(name))).rejects.toThrow(/alert handshake failure/)
  })

  test('case 69: a domain that nobody has proven is nowhere, and becomes known when it is', async () => {
    const name = 'unproven.example.com'
    await domain(name, undefined, { isVouched: false })
    for (const path of [at(name), `/.well-known/posh/${name}/xmpp-server.json`]) expectRefusal(await rig.get(T, path))
    await expect(rig.get(name, at(name))).rejects.toThrow(/alert handshake failure/)
    const tenant = (await rig.storage.tenants.findByName('alice'))!
    await rig.storage.sourceDomains.vouch(tenant.id, domainOf(name), rig.act())
    await rig.settle()
    expect(await statuses(name)).toEqual([302, 200, 404, 200, 200])
  })

  test('case 73: a certificate that does not name the domain is published all the same', async () => {
    expect(new X509Certificate((await rig.get(T, P)).body).checkHost(S)).toBeUndefined()
  })

  test('case 74: another instance gives the same answers with the same ETags', async () => {
    const again = await edgeRig()
    const { leaf, intermediate } = service
    await again.addLineage('service', { ...leaf, pem: leaf.pem + intermediate.pem })
    await again.addTarget(T)
    await again.addDomain(S, { hostMeta: { links: [websocket], hostMeta2: null } })
    await again.delegate(S, { target: T, lineage: 'service' })
    await again.settle()
    for (const [host, path] of [
      [T, P],
      [S, POSH],
      [S, META],
      [S, `${META}.json`],
    ] as const) {
      const [one, other] = [await rig.get(host, path), await again.get(host, path)]
      expect(other.body).toBe(one.body)
      expect(other.headers.get('etag')).toBe(one.headers.get('etag'))
    }
    await again.close()
  })
})

describe('host-meta', () => {
  test('case 75: XML and JSON with their types', async () => {
    const [xml, jrd] = [await rig.get(S, META), await rig.get(S, `${META}.json`)]
    expect(xml.headers.get('content-type')).toBe('application/xrd+xml')
    expect(xml.body).toContain(`<Link rel="${websocket.rel}" href="${websocket.href}"/>`)
    expect(jrd.headers.get('content-type')).toBe('application/json')
    expect(json(jrd)).toEqual({ links: [websocket] })
  })

  test('case 76: Host Meta 2 where it is on', async () => {
    const fields = { priority: 1, weight: 1, sni: 'two.example.com', ips: ['192.0.2.1'] }
    const links = [{ ...websocket, ...fields }]
    await rig.addDomain('two.example.com', {
      hostMeta: { links, hostMeta2: { ttlSeconds: 60, publicKeyPinsSha256: [] } },
    })
    await rig.settle()
    expect(json(await rig.get('two.example.com', `${META}.json`))).toEqual({ xmpp: { ttl: 60 }, links })
    expect(json(await rig.get(S, `${META}.json`))).not.toHaveProperty('xmpp')
  })

  test('it can be switched off', async () => expectRefusal(await rig.get(IDN, META)))
})

function domainOf(name: string) {
  return name as Parameters<EdgeRig['storage']['sourceDomains']['suspend']>[1]
}
