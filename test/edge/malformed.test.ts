import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { edgeRig, type EdgeRig } from '../support/edge-rig.ts'
import type { RawOptions } from '../support/raw-client.ts'

const S = 'im.example.com'
const T = 'hosting.example.net'
const P = '/.well-known/tls/_xmpp-server._tcp.im.example.com'
const HOST = `Host: ${S}\r\n`

let rig: EdgeRig
beforeAll(async () => {
  rig = await edgeRig()
  await rig.addLineage('service', await makeCertificate())
  await rig.addTarget(T)
  await rig.addDomain(S)
  await rig.delegate(S, { target: T, lineage: 'service' })
})
afterAll(() => rig.close())

/** The statuses of all answers up to the close; "open" where the connection stays open. */
async function statuses(bytes: string, options: Partial<RawOptions> = {}): Promise<(number | string)[]> {
  const { answers, isClosed } = await rig.raw(bytes, { answers: undefined, withinMs: 1500, ...options })
  for (const { status, headers, body } of answers.filter((answer) => answer.status >= 400)) {
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(body).not.toMatch(/example|BEGIN/)
    expect(status).toBeLessThan(506)
  }
  return [...answers.map(({ status }) => status), ...(isClosed ? [] : ['open'])]
}

const CLOSE = 'Connection: close\r\n'
const get = (target: string, lines = HOST) => `GET ${target} HTTP/1.1\r\n${lines}${CLOSE}\r\n`

describe('requests that Node lets pass, or answers in its own way', () => {
  test.each([
    ['a good one', get(P), 302],
    ['two Host lines, the same', get(P, HOST + HOST), 400],
    ['two Host lines, different', get(P, `${HOST}Host: other.example.com\r\n`), 400],
    ['a second Host line behind many others', get(P, HOST + 'X: y\r\n'.repeat(60) + 'Host: evil.example\r\n'), 400],
    ["another customer's name", get(P, `Host: ${T}\r\n`), 421],
    ['an empty Host', get(P, 'Host:\r\n'), 400],
    ['a list', get(P, `Host: ${S},${S}\r\n`), 400],
    ['a space in Host', get(P, `Host: ${S} x\r\n`), 400],
    ['a space of Latin-1 in Host', get(P, `Host: ${S}\xa0\r\n`), 400],
    ['a slash in Host', get(P, `Host: ${S}/x\r\n`), 400],
    ['a query in Host', get(P, `Host: ${S}?x\r\n`), 400],
    ['a user in Host', get(P, `Host: user@${S}\r\n`), 400],
    ['capitals in Host', get(P, 'Host: IM.EXAMPLE.COM\r\n'), 302],
    ['a final dot in Host', get(P, `Host: ${S}.\r\n`), 302],
    ['two final dots in Host', get(P, `Host: ${S}..\r\n`), 400],
    ['a port in Host', get(P, `Host: ${S}:443\r\n`), 302],
    ['a port out of range', get(P, `Host: ${S}:65536\r\n`), 400],
    ['a port with a letter', get(P, `Host: ${S}:99999x\r\n`), 400],
    ['an empty port', get(P, `Host: ${S}:\r\n`), 400],
    ['no Host in HTTP/1.0', `GET ${P} HTTP/1.0\r\n\r\n`, 400],
    ['no Host in HTTP/1.1', `GET ${P} HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['absolute-form of the same host', get(`https://${S}${P}`), 302],
    ['absolute-form of another', get(`https://evil.example${P}`), 421],
    ['absolute-form in clear', get(`http://${S}${P}`), 400],
    ['two slashes', get(`/${P}`), 404],
    ['three slashes', get(`///evil.example${P}`), 404],
    ['a backslash', get('/\\evil.example'), 404],
    ['an escaped NUL', get(`${P}%00`), 404],
    ['an escaped slash', get(`/.well-known/tls%2f_xmpp-server._tcp.${S}`), 404],
    ['an escaped line end', get(`${P}%0d%0aX-Injected:1`), 404],
    ['escaped twice', get(`${P}%252f`), 404],
    ['an overlong escape', get(`${P}%c0%af`), 404],
    ['no escape', get(`${P}%zz`), 404],
    ['a raw byte over 0x7f', get(`${P}\xfc`), 400],
    ['a NUL', get(`${P}\0`), 400],
    ['a tab', get(`${P}\tx`), 400],
    ['a space', get(`${P} x`), 400],
    ['a bare CR in the target', get(`${P}\rx`), 400],
    ['a fragment', get(`${P}#frag`), 400],
    ['a query', get(`${P}?query`), 302],
    ['an upper-case path', get(P.toUpperCase()), 404],
    ['a trailing slash', get(`${P}/`), 404],
    ['*', get('*'), 404],
    ['obs-fold', get(P, `${HOST}X: a\r\n b\r\n`), 400],
    ['bare LF', `GET ${P} HTTP/1.1\nHost: ${S}\n\n`, 400],
    ['bare CR', `GET ${P} HTTP/1.1\rHost: ${S}\r\r`, 400],
    ['header names that are members of every object', get(P, `${HOST}__proto__: x\r\nconstructor: y\r\n`), 302],
    ['more than 8 kB of headers', get(P, `${HOST}X: ${'y'.repeat(9000)}\r\n`), 431],
    ['more than 64 headers', get(P, HOST + 'X: y\r\n'.repeat(64)), 431],
    ['Content-Length and Transfer-Encoding', get(P, `${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n`), 400],
    ['Transfer-Encoding and Content-Length', get(P, `${HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n`), 400],
    ['Content-Length twice', get(P, `${HOST}Content-Length: 0\r\nContent-Length: 1\r\n`), 400],
    ['Content-Length as a list', get(P, `${HOST}Content-Length: 0, 0\r\n`), 400],
    ['Content-Length below zero', get(P, `${HOST}Content-Length: -1\r\n`), 400],
    ['Content-Length with a plus', get(P, `${HOST}Content-Length: +1\r\n`), 400],
    ['Content-Length in hex', get(P, `${HOST}Content-Length: 0x1\r\n`), 400],
    ['Transfer-Encoding twice', get(P, `${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n`), 400],
    ['Transfer-Encoding: xchunked', get(P, `${HOST}Transfer-Encoding: xchunked\r\n`), 400],
    ['Transfer-Encoding: identity', get(P, `${HOST}Transfer-Encoding: identity\r\n`), 400],
    ['HTTP/2.0', `GET ${P} HTTP/2.0\r\n${HOST}\r\n`, 505],
    ['HTTP/0.9', `GET ${P} HTTP/0.9\r\n${HOST}\r\n`, 505],
    ['HTTP/9.9', `GET ${P} HTTP/9.9\r\n${HOST}\r\n`, 505],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['TRACE', `TRACE ${P} HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 405],
    ['an unknown method', `BREW ${P} HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['an unknown method that begins as a known one', `GETS ${P} HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['an unknown method in HTTP/1.0', `BREW ${P} HTTP/1.0\r\n${HOST}\r\n`, 405],
    ['an unknown method behind an empty line', `\r\nBREW ${P} HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['a method of RTSP', `DESCRIBE ${P} HTTP/1.1\r\n${HOST}\r\n`, 405],
    ['an unknown method of another protocol', `BREW ${P} SIP/2.0\r\n${HOST}\r\n`, 400],
    ['an unknown method and two spaces', `BREW  ${P} HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['an unknown method without a target', `BREW HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['an unknown method and a bare LF', `BREW ${P} HTTP/1.1\n${HOST}\r\n`, 400],
    ['a method that is no token', `BR(W ${P} HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['an expectation nobody knows', get(P, `${HOST}Expect: wonders\r\n`), 417],
    ['an upgrade', get(P, `${HOST}Upgrade: h2c\r\n`), 302],
    ['XMPP', `<?xml version='1.0'?><stream:stream to='${S}'>`, 400],
    ['XMPP without a declaration', `<stream:stream to='${S}' xmlns='jabber:server'>`, 400],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n', 400],
    ['TLS in TLS', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', 400],
    ['junk', '\xff\xfe\xfd\r\n\r\n', 400],
  ])('%s', async (_, bytes, status) => {
    expect(await statuses(bytes)).toEqual([status])
  })

  test('nothing in a header of the request changes the answer', async () => {
    const plain = await rig.get(S, P)
    for (const name of [
      'X-Forwarded-Host',
      'X-Forwarded-For',
      'Forwarded',
      'X-Original-URL',
      'X-Rewrite-URL',
      'X-Host',
    ]) {
      const answer = await rig.get(S, P, { [name]: 'evil.example' })
      for (const { headers } of [plain, answer]) headers.delete('date')
      expect(answer).toEqual(plain)
    }
  })

  test('a body on GET ends the connection, and what is hidden in it is not answered', async () => {
    const smuggled = get('/.well-known/host-meta')
    const withLength = `GET ${P} HTTP/1.1\r\n${HOST}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}${smuggled}`
    expect(await statuses(withLength)).toEqual([302])
    const chunked = `GET ${P} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`
    expect(await statuses(chunked)).toEqual([302])
  })

  test('requests in one packet are answered in turn', async () => {
    const one = `GET ${P} HTTP/1.1\r\n${HOST}\r\n`
    expect(await statuses(one + one + get('/x'))).toEqual([302, 302, 404])
  })

  test('a bad request behind good ones ends the connection, and does not break into their answers', async () => {
    const one = `GET ${P} HTTP/1.1\r\n${HOST}\r\n`
    expect(await statuses(`${one}${one}\0\r\n\r\n`)).toEqual([302])
  })

  test('a connection serves 100 requests at most', async () => {
    const got = await statuses(`GET /x HTTP/1.1\r\n${HOST}\r\n`.repeat(101), { withinMs: 4000 })
    expect(got.filter((each) => each === 404)).toHaveLength(100)
    expect(got).not.toContain('open')
  })

  test('the same rules hold in clear', async () => {
    const inClear = { serverName: undefined, port: rig.plainPort }
    expect(await statuses(get(P, HOST + HOST), inClear)).toEqual([400])
    expect(await statuses(get(`${P}#x`), inClear)).toEqual([400])
    expect(await statuses(`GET ${P} HTTP/2.0\r\n${HOST}\r\n`, inClear)).toEqual([505])
    expect(await statuses(get('http://evil.example/'), inClear)).toEqual([421])
    expect(await statuses('junk\r\n\r\n', inClear)).toEqual([400])
    expect(await statuses(`BREW ${P} HTTP/1.1\r\n${HOST}\r\n`, inClear)).toEqual([405])
  })
})

describe.concurrent('slow clients', () => {
  test.each([
    ['silent after the handshake', ''],
    ['stopped within the headers', `GET ${P} HTTP/1.1\r\nHost:`],
  ])('one that is %s is cut off', async (_, bytes) => {
    const began = performance.now()
    const { isClosed, answers } = await rig.raw(bytes, { answers: undefined, withinMs: 15_000 })
    expect(isClosed).toBe(true)
    expect(answers.map(({ status }) => status)).toEqual([408])
    expect(performance.now() - began).toBeLessThan(8_000)
  })

  test('one that never begins the handshake is cut off', async () => {
    const { isClosed } = await rig.raw('', {
      serverName: undefined,
      port: rig.tlsPort,
      answers: undefined,
      withinMs: 15_000,
    })
    expect(isClosed).toBe(true)
  })

  test('one that is idle between requests is cut off', async () => {
    const { isClosed, answers } = await rig.raw(`GET ${P} HTTP/1.1\r\n${HOST}\r\n`, {
      answers: undefined,
      withinMs: 15_000,
    })
    expect(isClosed).toBe(true)
    expect(answers).toHaveLength(1)
  })
})
