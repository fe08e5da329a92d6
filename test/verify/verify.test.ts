import { createHash, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { verify, type Report, type VerifyOptions } from '../../src/verify-main.ts'
import { stoppedClock } from '../support/stopped-clock.ts'
import {
  body,
  redirect,
  testAuthority,
  webHosts,
  type Answer,
  type Issued,
  type TestAuthority,
  type WebHosts,
} from './web-hosts.ts'

const SOURCE = 'im.example.com'
const TARGET = 'hosting.example.com'
const PATH = `/.well-known/tls/_xmpp-server._tcp.${SOURCE}`
const POSH = '/.well-known/posh/xmpp-server.json'
const HOP = (step: number) => `draft-miller-xmpp-fed-00 §6.3 step ${step}`
const HOPS = Array.from({ length: 12 }, (_, index) => `hop${index}.example.com`)

let authority: TestAuthority
let stranger: TestAuthority
let hosts: WebHosts
let service: Issued
let other: Issued
let expired: Issued
const at = (host: string, path = PATH) => `https://${host}:${hosts.port}${path}`
const base64 = (pem: string, hash: string) => createHash(hash).update(new X509Certificate(pem).raw).digest('base64')
const sha256 = (pem: string) => base64(pem, 'sha256')
const posh = (document: unknown, headers: Record<string, string> = { 'cache-control': 'max-age=60' }) =>
  body(200, 'application/json', JSON.stringify(document), headers)
const fingerprints = (...pems: string[]) => ({
  fingerprints: pems.map((pem) => ({ 'sha-256': sha256(pem), 'sha-512': base64(pem, 'sha512') })),
  expires: 3600,
})

beforeAll(async () => {
  authority = await testAuthority('Test root')
  stranger = await testAuthority('Unknown root')
  hosts = await webHosts()
  const idn = 'xn--bcher-kva.example.com'
  const front = await authority.issue([SOURCE, TARGET, ...HOPS, idn])
  for (const host of [SOURCE, TARGET, ...HOPS, idn]) hosts.present(host, front)
  hosts.present('expired.example.com', await authority.issue(['expired.example.com'], { days: -1 }))
  hosts.present('untrusted.example.com', await stranger.issue(['untrusted.example.com']))
  hosts.present('misnamed.example.com', await authority.issue(['another.example.com']))
  service = await stranger.issue(['xmpp.hosting.example.com', SOURCE])
  other = await stranger.issue(['xmpp.hosting.example.com', SOURCE])
  expired = await stranger.issue(['xmpp.hosting.example.com', SOURCE], { days: -1 })
})
afterAll(() => Promise.all([hosts.close(), authority.remove(), stranger.remove()]))
beforeEach(() => {
  hosts.reset()
  hosts.answer(SOURCE, PATH, redirect(302, at(TARGET)))
  hosts.answer(TARGET, PATH, pem(service.certPem))
  hosts.answer(SOURCE, POSH, posh(fingerprints(service.certPem)))
})

const pem = (text: string | Uint8Array) => body(200, 'application/pem-certificate-chain', text)

function ask(domain = SOURCE, options: VerifyOptions = {}): Promise<Report> {
  const names = [SOURCE, TARGET, ...HOPS, 'xn--bcher-kva.example.com', 'expired.example.com']
  const all = [...names, 'untrusted.example.com', 'misnamed.example.com', 'unknown-to-the-server.example.com']
  const resolve = all.map((host) => ({ host, port: hosts.port, address: '127.0.0.1' }))
  return verify(domain, { ca: authority.rootPem, resolve, port: hosts.port, timeoutMs: 5000, ...options })
}
const brokenRules = ({ steps }: Report) => steps.filter(({ outcome }) => outcome === 'wrong').map(({ rule }) => rule)
const notes = ({ steps }: Report) => steps.filter(({ outcome }) => outcome === 'note').map(({ found }) => found)

describe('draft-miller-xmpp-fed-00 §6.3', () => {
  test('two hops prove the certificate, and every step is told with its rule', async () => {
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'proven', tls: 'proven', posh: 'proven', poshExpiresSeconds: 3600 })
    expect(report.steps.slice(0, 4).map(({ outcome, rule }) => [outcome, rule])).toEqual(
      [1, 2, 3, 4].map((step) => ['ok', HOP(step)]),
    )
    expect(report.steps[1]).toMatchObject({
      asked: at(SOURCE),
      reply: { status: 302, headers: [['location', at(TARGET)]] },
    })
    expect(report.steps[3]?.reply?.tls).toMatchObject({
      address: '127.0.0.1',
      protocol: 'TLSv1.3',
      names: [SOURCE, TARGET, ...HOPS, 'xn--bcher-kva.example.com'],
    })
    expect(report.certificates).toHaveLength(1)
    expect(report.certificates[0]).toMatchObject({
      pem: service.certPem,
      subject: 'CN=xmpp.hosting.example.com',
      validity: 'valid',
    })
    expect(Buffer.from(report.certificates[0]!.sha256, 'hex').toString('base64')).toBe(sha256(service.certPem))
    expect(notes(report)).toEqual([])
  })

  test('a success without redirect proves it too ("possession")', async () => {
    hosts.answer(SOURCE, PATH, pem(service.certPem))
    expect(await ask()).toMatchObject({ conclusion: 'proven', certificates: [{ pem: service.certPem }] })
    expect(hosts.asked).toEqual([`${SOURCE} ${PATH}`, `${SOURCE} ${POSH}`])
  })

  test('a domain without POSH is proven all the same, with a note', async () => {
    hosts.answer(SOURCE, POSH, body(404, 'text/plain', 'not found\n'))
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'proven', posh: 'absent', poshExpiresSeconds: null })
    expect(notes(report)).toEqual([expect.stringContaining('no POSH here (404)')])
  })

  test.each<[why: string, source: () => Answer, rule: string, found: RegExp]>([
    [
      'another path',
      () => redirect(302, at(TARGET, '/.well-known/tls/_xmpp-server._tcp.hosting.example.com')),
      HOP(2),
      /path of the Location/,
    ],
    ['a path in other case', () => redirect(302, at(TARGET, PATH.replace('im.', 'IM.'))), HOP(2), /byte for byte/],
    [
      'a path that is percent-encoded',
      () => redirect(302, at(TARGET, PATH.replace('_xmpp', '%5Fxmpp'))),
      HOP(2),
      /%5Fxmpp/,
    ],
    [
      'a path with dot segments that lead to the same',
      () => redirect(302, at(TARGET, `/x/..${PATH}`)),
      HOP(2),
      /byte for byte/,
    ],
    ['an http Location', () => redirect(302, `http://${TARGET}${PATH}`), HOP(2), /http: and not/],
    ['a relative Location', () => redirect(302, PATH), HOP(2), /relative/],
    ['a Location without scheme', () => redirect(302, `//${TARGET}${PATH}`), HOP(2), /relative/],
    ['301', () => redirect(301, at(TARGET)), HOP(2), /status is 301/],
    ['303', () => redirect(303, at(TARGET)), HOP(2), /status is 303/],
    ['307', () => redirect(307, at(TARGET)), HOP(2), /status is 307/],
    ['308', () => redirect(308, at(TARGET)), HOP(2), /status is 308/],
    ['no Location', () => redirect(302), HOP(2), /without a Location/],
    ['two Location lines', () => redirect(302, at(TARGET), at(TARGET)), HOP(2), /2 Location headers/],
    ['a fragment', () => redirect(302, `${at(TARGET)}#x`), HOP(2), /fragment/],
    ['credentials', () => redirect(302, at(TARGET).replace('//', '//me:secret@')), HOP(2), /user name/],
    ['an IPv4 address', () => redirect(302, at('127.0.0.1')), HOP(2), /names no DNS host/],
    ['an IPv4 address in disguise', () => redirect(302, at('0x7f.1')), HOP(2), /names no DNS host/],
    ['an IPv6 address', () => redirect(302, at('[::1]')), HOP(2), /names no DNS host/],
    ['bytes that no URL may hold', () => redirect(302, `${at(TARGET)}\\x{}`), HOP(2), /characters that no URL/],
    ['itself', () => redirect(302, at(SOURCE)), 'RFC 7711 §10', /circle/],
    [
      'a redirect to an expired certificate',
      () => redirect(302, at('expired.example.com')),
      `${HOP(3)}; RFC 9110 §4.3.4`,
      /expired/,
    ],
    [
      'a certificate of an unknown authority',
      () => redirect(302, at('untrusted.example.com')),
      `${HOP(3)}; RFC 9110 §4.3.4`,
      /trusted/,
    ],
    [
      'a certificate of another name',
      () => redirect(302, at('misnamed.example.com')),
      `${HOP(3)}; RFC 9110 §4.3.4`,
      /does not name/,
    ],
    [
      'a server without certificate for the name',
      () => redirect(302, at('unknown-to-the-server.example.com')),
      `${HOP(3)}; RFC 9110 §4.3.3`,
      /handshake/,
    ],
    ['404', () => body(404, 'text/plain', 'no'), HOP(2), /status is 404/],
  ])('an answer of the source domain that disproves it: %s', async (_why, source, rule, found) => {
    hosts.answer(SOURCE, PATH, source())
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'disproven', tls: 'disproven', posh: 'proven', certificates: [] })
    const broken = report.steps.filter(({ outcome }) => outcome === 'wrong')
    expect(broken).toMatchObject([{ rule, asked: expect.stringContaining('https://') as string }])
    expect(broken[0]?.found).toMatch(found)
    expect(broken[0]?.cure).toBeTruthy()
  })

  test.each<[why: string, target: () => Answer, rule: string, found: RegExp]>([
    ['404', () => body(404, 'text/plain', 'no'), HOP(4), /status is 404/],
    ['an HTML page', () => body(200, 'text/html', '<h1>Welcome</h1>'), HOP(4), /no PEM certificate/],
    ['nothing', () => body(204, 'text/plain', ''), HOP(4), /no PEM certificate/],
    ['DER', () => pem(new X509Certificate(service.certPem).raw), HOP(4), /DER/],
    ['a damaged block', () => pem(service.certPem.replace('MII', '!II')), HOP(4), /base64/],
    [
      'a public key',
      () => pem('-----BEGIN PUBLIC KEY-----\nMAMCAQE=\n-----END PUBLIC KEY-----\n'),
      HOP(4),
      /PUBLIC KEY/,
    ],
    ['a block without its end', () => pem(service.certPem.slice(0, -30)), HOP(4), /no "-----END/],
    [
      'PEM of something else',
      () => pem('-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n'),
      HOP(4),
      /no X.509/,
    ],
    [
      'a private key beside the certificate',
      () => pem(service.certPem + service.keyPem),
      'RFC 7711 §10',
      /private key/,
    ],
    ['an expired certificate', () => pem(expired.certPem), 'RFC 7711 §6', /has expired/],
    ['more than the limit', () => pem('x'.repeat(70_000)), HOP(3), /longer than/],
  ])('%s at the target host disproves it', async (_why, target, rule, found) => {
    hosts.answer(SOURCE, POSH, body(404, 'text/plain', 'no'))
    hosts.answer(TARGET, PATH, target())
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'disproven', tls: 'disproven' })
    expect(brokenRules(report)).toEqual([rule])
    expect(report.steps.find(({ outcome }) => outcome === 'wrong')?.found).toMatch(found)
  })

  test('a private key is never shown', async () => {
    hosts.answer(TARGET, PATH, pem(service.keyPem))
    const secret = service.keyPem.split('\n')[1]!
    expect(JSON.stringify(await ask())).not.toContain(secret)
  })

  test.each([
    ['expired.example.com', /has expired/],
    ['untrusted.example.com', /trusted/],
    ['misnamed.example.com', /does not name/],
    ['unknown-to-the-server.example.com', /handshake/],
  ])('the front certificate of the source domain is verified: %s', async (domain, found) => {
    const report = await ask(domain)
    expect(report).toMatchObject({ conclusion: 'disproven', tls: 'disproven', posh: 'disproven' })
    expect(report.steps[0]).toMatchObject({ outcome: 'wrong', rule: expect.stringContaining(HOP(1)) as string })
    expect(report.steps[0]?.found).toMatch(found)
    expect(hosts.asked).toEqual([])
  })

  test('ten redirects are followed, with a note, and the eleventh is not', async () => {
    const chain = [SOURCE, ...HOPS]
    for (const [index, host] of chain.slice(0, -1).entries())
      hosts.answer(host, PATH, redirect(302, at(chain[index + 1]!)))
    hosts.answer(chain[10]!, PATH, pem(service.certPem))
    const ten = await ask()
    expect(ten.conclusion).toBe('proven')
    expect(notes(ten)).toEqual([expect.stringContaining('10 redirects')])
    hosts.answer(chain[10]!, PATH, redirect(302, at(chain[11]!)))
    hosts.answer(chain[11]!, PATH, pem(service.certPem))
    const eleven = await ask()
    expect(eleven.conclusion).toBe('disproven')
    expect(brokenRules(eleven)).toEqual(['RFC 7711 §10'])
    expect(hosts.asked).not.toContain(`${chain[11]} ${PATH}`)
  })

  test('a circle of two hosts is seen at once', async () => {
    hosts.answer(TARGET, PATH, redirect(302, at(SOURCE)))
    expect(brokenRules(await ask())).toEqual(['RFC 7711 §10'])
    expect(hosts.asked.filter((line) => line.endsWith(PATH))).toEqual([`${SOURCE} ${PATH}`, `${TARGET} ${PATH}`])
  })

  test.each<[why: string, target: Answer]>([
    ['a body that does not end', (_request, response) => void response.writeHead(200).write('-----BEGIN')],
    ['no answer', () => undefined],
    [
      'an answer that is cut off',
      (_request, response) =>
        void response.writeHead(200, { 'content-length': 99 }).end('x', () => response.socket?.destroy()),
    ],
    ['503', body(503, 'text/plain', 'later', { 'retry-after': '9' })],
    ['429', body(429, 'text/plain', 'later')],
  ])('%s at the target host says nothing against the domain', async (_why, target) => {
    hosts.answer(TARGET, PATH, target)
    const report = await ask(SOURCE, { timeoutMs: 400 })
    expect(report).toMatchObject({ conclusion: 'unknown', tls: 'unknown', posh: 'proven' })
  })

  test('a closed port says nothing against the domain', async () => {
    expect(await ask(SOURCE, { resolve: [{ host: SOURCE, port: hosts.port, address: '127.0.0.2' }] })).toMatchObject({
      conclusion: 'unknown',
      steps: [{ outcome: 'could-not-ask', rule: HOP(1), found: expect.stringContaining('ECONNREFUSED') as string }, {}],
    })
  })

  test('during a rollover the one in use comes first, and one that ran out is only noted', async () => {
    hosts.answer(TARGET, PATH, pem(service.certPem + other.certPem + expired.certPem))
    hosts.answer(SOURCE, POSH, posh(fingerprints(other.certPem, service.certPem)))
    const report = await ask()
    expect(report.conclusion).toBe('proven')
    expect(report.certificates.map(({ validity }) => validity)).toEqual(['valid', 'valid', 'expired'])
    expect(notes(report)).toEqual([
      expect.stringMatching(/certificate 3 .* has expired/),
      expect.stringMatching(/certificate 3 .* is not among/),
    ])
  })

  test("the clock decides over the service certificate's dates", async () => {
    const { notBefore, notAfter } = (await ask()).certificates[0]!
    const clock = stoppedClock(notAfter.toISOString())
    expect((await ask(SOURCE, { clock })).conclusion).toBe('proven')
    clock.advance(1)
    expect(brokenRules(await ask(SOURCE, { clock }))).toEqual(['RFC 7711 §6'])
    const before = stoppedClock(new Date(notBefore.getTime() - 1).toISOString())
    expect(brokenRules(await ask(SOURCE, { clock: before }))).toEqual(['RFC 7711 §6'])
  })

  test('an issuer beside the certificate, a query and a certificate without the domain are noted', async () => {
    const provider = await stranger.issue(['xmpp.hosting.example.com'])
    hosts.answer(SOURCE, PATH, redirect(302, `${at(TARGET)}?x=1`))
    hosts.answer(TARGET, `${PATH}?x=1`, pem(provider.certPem + stranger.rootPem))
    hosts.answer(SOURCE, POSH, body(404, 'text/plain', 'no'))
    const report = await ask()
    expect(report.conclusion).toBe('proven')
    expect(notes(report)).toEqual([
      expect.stringContaining('adds the query ?x=1'),
      expect.stringContaining('certificate 2 is the issuer'),
      expect.stringContaining('no POSH'),
      expect.stringContaining('does not name im.example.com'),
    ])
  })

  test.each(['bücher.example.com', 'BÜCHER.example.com', 'xn--bcher-kva.example.com', 'bu\u0308cher.example.com.'])(
    '%s is asked by its A-label, in Host, SNI and path',
    async (domain) => {
      const path = '/.well-known/tls/_xmpp-client._tcp.xn--bcher-kva.example.com'
      hosts.answer('xn--bcher-kva.example.com', path, redirect(302, at(TARGET, path)))
      hosts.answer(TARGET, path, pem(service.certPem))
      const report = await ask(domain, { service: '_xmpp-client' })
      expect(report).toMatchObject({ tls: 'proven', sourceDomain: 'xn--bcher-kva.example.com' })
      expect(hosts.asked[0]).toBe(`xn--bcher-kva.example.com ${path}`)
    },
  )

  test.each(['127.0.0.1', '[::1]', 'im', 'im..example.com', 'https://im.example.com'])(
    '%s is refused as a source domain',
    async (domain) => {
      await expect(ask(domain)).rejects.toMatchObject({ name: 'ProblemError', code: 'malformed-name' })
    },
  )
  test.each<[VerifyOptions]>([
    [{ ca: 'no PEM' }],
    [{ timeoutMs: 0 }],
    [{ timeoutMs: NaN }],
    [{ port: 0 }],
    [{ port: 1.5 }],
  ])('unusable options are refused: %j', async (options) => {
    await expect(ask(SOURCE, options)).rejects.toMatchObject({ code: 'malformed-request' })
  })
})

describe('RFC 7711', () => {
  const good = () => ({ 'sha-256': sha256(service.certPem) })

  test.each<[why: string, document: () => unknown, rule: string, found: RegExp]>([
    ['no JSON', () => undefined, '§3.1', /not a JSON object/],
    ['an array', () => [good()], '§3.1', /not a JSON object/],
    ['neither fingerprints nor url', () => ({ expires: 1 }), '§3.1', /neither/],
    [
      'fingerprints and url',
      () => ({ ...fingerprints(service.certPem), url: at(TARGET, POSH) }),
      '§3.1',
      /must not have a url/,
    ],
    ['no descriptor', () => ({ fingerprints: [], expires: 1 }), '§3.1', /at least one/],
    ['fingerprints that are no array', () => ({ fingerprints: good(), expires: 1 }), '§3.1', /not an array/],
    ['a descriptor that is a string', () => ({ fingerprints: ['x'], expires: 1 }), '§3.1', /not an object/],
    ['a hash in hex', () => ({ fingerprints: [{ 'sha-256': 'ab'.repeat(32) }], expires: 1 }), '§3.1', /base64 of 32/],
    [
      'the URL alphabet of base64',
      () => ({ fingerprints: [{ 'sha-256': `${'_'.repeat(43)}=` }], expires: 1 }),
      '§3.1',
      /base64/,
    ],
    ['a hash that is a number', () => ({ fingerprints: [{ 'sha-256': 7 }], expires: 1 }), '§3.1', /base64/],
    [
      'no sha-256 at all',
      () => ({ fingerprints: [{ 'sha-512': base64(service.certPem, 'sha512') }], expires: 1 }),
      '§3.3',
      /no descriptor has a sha-256/,
    ],
    ['no expires', () => ({ fingerprints: [good()] }), '§3.1', /expires is missing/],
    ['expires 0', () => ({ fingerprints: [good()], expires: 0 }), '§3.1', /expires is 0.*Prosody/],
    ['negative expires', () => ({ fingerprints: [good()], expires: -1 }), '§3.1', /non-negative integer/],
    ['expires as a string', () => ({ fingerprints: [good()], expires: '3600' }), '§3.1', /"3600"/],
    ['expires as a fraction', () => ({ fingerprints: [good()], expires: 1.5 }), '§3.1', /1.5/],
    [
      'a sha-512 of another certificate',
      () => ({ fingerprints: [{ ...good(), 'sha-512': base64(other.certPem, 'sha512') }], expires: 1 }),
      '§3.1',
      /sha-512 beside/,
    ],
    ['fingerprints of another certificate', () => fingerprints(other.certPem), '§3.3', /not among/],
    ['a reference over http', () => ({ url: `http://${TARGET}/x`, expires: 1 }), '§3.2', /http: and not/],
    ['a reference without expires', () => ({ url: at(TARGET, POSH) }), '§3.2', /expires is missing/],
    ['a reference that expires at once', () => ({ url: at(TARGET, POSH), expires: 0 }), '§3.2', /expires is 0/],
    ['a reference that is no string', () => ({ url: 7, expires: 1 }), '§3.2', /not a string/],
  ])('%s disproves it', async (_why, document, rule, found) => {
    hosts.answer(SOURCE, POSH, posh(document()))
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'disproven', tls: 'proven' })
    expect(brokenRules(report)).toEqual([`RFC 7711 ${rule}`])
    expect(report.steps.find(({ outcome }) => outcome === 'wrong')?.found).toMatch(found)
  })

  test.each<[status: number, noted: boolean]>([
    [302, false],
    [307, false],
    [301, true],
    [308, true],
  ])('a redirect by %i is followed to another path; a permanent one is noted: %s', async (status, noted) => {
    const path = `/.well-known/posh/${SOURCE}/xmpp-server.json`
    hosts.answer(SOURCE, POSH, redirect(status, at(TARGET, path)))
    hosts.answer(TARGET, path, posh(fingerprints(service.certPem)))
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'proven', posh: 'proven' })
    expect(notes(report).some((found) => found.includes('permanent'))).toBe(noted)
    expect(notes(report)).toContainEqual(expect.stringContaining('Prosody does not follow an HTTP redirect'))
  })

  test.each<[why: string, answer: () => Answer, rule: string]>([
    ['303', () => redirect(303, at(TARGET, POSH)), '§10'],
    ['a redirect to http', () => redirect(302, `http://${TARGET}/x`), '§10'],
    ['two Location lines', () => redirect(302, at(TARGET, '/a'), at(TARGET, '/b')), '§10'],
    ['a redirect to itself', () => redirect(302, at(SOURCE, POSH)), '§10'],
    ['a redirect to nothing', () => redirect(302, at(TARGET, '/nothing')), '§3'],
    ['410', () => body(410, 'text/plain', 'gone'), '§3'],
  ])('%s disproves it', async (_why, answer, rule) => {
    hosts.answer(SOURCE, POSH, answer())
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'disproven', tls: 'proven', posh: 'disproven' })
    expect(brokenRules(report)).toEqual([`RFC 7711 ${rule}`])
  })

  test('a reference is followed once, and the lower expires holds', async () => {
    hosts.answer(SOURCE, POSH, posh({ url: at(TARGET, '/ref.json'), expires: 60 }))
    hosts.answer(TARGET, '/ref.json', posh(fingerprints(service.certPem)))
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'proven', poshExpiresSeconds: 60 })
    expect(notes(report)).toEqual([expect.stringContaining('Prosody does not follow a reference document')])
    hosts.answer(TARGET, '/ref.json', posh({ url: at(TARGET, '/again.json'), expires: 60 }))
    expect(brokenRules(await ask())).toEqual(['RFC 7711 §3.2'])
    hosts.answer(TARGET, '/ref.json', redirect(302, at(SOURCE, POSH)))
    expect(brokenRules(await ask())).toEqual(['RFC 7711 §10'])
  })

  test('what deployed clients mind is noted and breaks no rule', async () => {
    const first = {
      ...good(),
      'sha-1': 'x',
      'sha3-256': 'x',
      'sha-512': base64(service.certPem, 'sha512').replaceAll('=', ''),
    }
    const document = {
      fingerprints: [first, { 'sha-384': base64(other.certPem, 'sha384') }],
      expires: 9,
      pad: 'x'.repeat(10_000),
    }
    hosts.answer(
      SOURCE,
      POSH,
      body(203, 'application/json', JSON.stringify(document), { 'cache-control': 'max-age=3600' }),
    )
    const report = await ask()
    expect(report.conclusion).toBe('proven')
    expect(notes(report)).toEqual([
      expect.stringContaining('sha-512 of descriptor 1 is not padded'),
      expect.stringContaining('descriptor 2 has no sha-256'),
      expect.stringContaining('10,000 bytes'),
      expect.stringContaining('status is 203'),
      expect.stringContaining('Cache-Control'),
      expect.stringContaining('1 more fingerprint'),
    ])
  })

  test('a 404 with a document in its body is noted: Conversations does not look at the status', async () => {
    hosts.answer(SOURCE, POSH, body(404, 'application/json', JSON.stringify(fingerprints(other.certPem))))
    const report = await ask()
    expect(report).toMatchObject({ conclusion: 'proven', posh: 'absent', fingerprints: [] })
    expect(notes(report)).toEqual([expect.stringContaining('Conversations uses it')])
  })

  test('a service that POSH has no name for is not asked', async () => {
    const path = `/.well-known/tls/_turn._udp.${SOURCE}`
    hosts.answer(SOURCE, path, pem(service.certPem))
    expect(await ask(SOURCE, { service: '_turn._udp' })).toMatchObject({ conclusion: 'proven', posh: 'absent' })
    expect(hosts.asked).toEqual([`${SOURCE} ${path}`])
  })
})
