import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkLimits } from '../../src/admin/check-limits.ts'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { guardedAsk } from '../../src/outside/guarded-fetch.ts'
import { resolver } from '../../src/outside/resolver.ts'
import { parseConfig } from '../../src/config.ts'
import type { Ask } from '../../src/verify/ask.ts'
import { domainChecks } from '../../src/verify/domain-checks.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { isLeftOut } from '../support/left-out.ts'
import { until } from '../support/until.ts'
import { poshOf } from '../verify/posh-of.ts'
import {
  body,
  redirect,
  testAuthority,
  webHosts,
  type Issued,
  type TestAuthority,
  type WebHosts,
} from '../verify/web-hosts.ts'
import { ADMIN_HOST, adminServer, selfSigned, type AdminServer, type Answer } from './admin-server.ts'
import { expectOnlyOurMarkup } from './only-our-markup.ts'

const [SOURCE, TARGET] = ['im.example.com', 'hosting.example.net']
const PATH = `/.well-known/tls/_xmpp-server._tcp.${SOURCE}`
const POSH = '/.well-known/posh/xmpp-server.json'
/** Stands for the public Internet here; 127.0.0.9, and all else that is private, stays forbidden. */
const PUBLIC = '127.0.0.1'
const PRIVATE = '127.0.0.9'

let authority: TestAuthority
let web: WebHosts
let dns: DnsWorld
let service: Issued
let inside: { server: Server; connections: number }

beforeAll(async () => {
  ;[authority, web, dns] = await Promise.all([testAuthority('Test root'), webHosts(), dnsWorld({ nameServers: 1 })])
  const front = await authority.issue([SOURCE, TARGET, 'xn--bcher-kva.example.com'])
  for (const host of [SOURCE, TARGET, 'xn--bcher-kva.example.com']) web.present(host, front)
  service = await authority.issue([SOURCE])
  inside = { server: createServer((socket) => void (inside.connections++, socket.destroy())), connections: 0 }
  await new Promise<void>((resolve) => inside.server.listen(web.port, PRIVATE, resolve))
}, 30_000)
afterAll(async () => {
  await Promise.all([web.close(), dns.close(), authority.remove()])
  await new Promise((resolve) => inside.server.close(resolve))
})

const at = (host: string, path = PATH) => `https://${host}:${web.port}${path}`
const pem = (...issued: string[]) => body(200, 'application/pem-certificate-chain', issued.join(''))

beforeEach(async () => {
  web.reset()
  await dns.reset()
  inside.connections = 0
  for (const host of [SOURCE, TARGET, 'xn--bcher-kva.example.com']) dns.setHost(host, [PUBLIC])
  web.answer(SOURCE, PATH, redirect(302, at(TARGET)))
  web.answer(TARGET, PATH, pem(service.certPem))
  web.answer(SOURCE, POSH, poshOf(service.certPem))
})

const config = (isPublic: boolean) =>
  parseConfig(`[admin]\nhost = "${ADMIN_HOST}"\npublic_check = ${isPublic}\nrequests_per_minute = 1000000\n`)

/** The admin plane behind an edge, so that a test says where a request comes from. */
async function serving(
  run: (server: AdminServer) => Promise<void>,
  { isPublic = true, ask: outside }: { isPublic?: boolean; ask?: Ask } = {},
): Promise<void> {
  const resolve = resolver({ servers: [dns.resolver], randomBytes })
  const policy = addressPolicy([`${PUBLIC}/32`])
  const server: AdminServer = await adminServer({
    config: config(isPublic),
    isBehindEdge: true,
    domainChecks: domainChecks({
      askAt: (allowPorts) =>
        outside ??
        guardedAsk({
          resolver: resolve,
          policy,
          allowPorts,
          ca: [authority.rootPem],
          timeoutMs: 3000,
          maxBytes: 65_536,
        }),
      httpsPort: web.port,
      targetPorts: async () => [],
      admit: checkLimits(),
      clock: { now: () => server.clock.now() },
    }),
  })
  try {
    await run(server)
  } finally {
    await server.close()
  }
}

const from = (address: string) => ({ 'x-forwarded-for': address, 'x-forwarded-host': ADMIN_HOST })
const look = (server: AdminServer, domain: string, { address = '192.0.2.7', more = '' } = {}) =>
  server.ask(`/check?domain=${encodeURIComponent(domain)}${more}`, { headers: from(address) })
const textOf = ({ text }: Answer) => {
  expectOnlyOurMarkup(text)
  return text
    .slice(text.indexOf('<main'))
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
}

describe.skipIf(isLeftOut('knot'))('the public check', () => {
  test('is off by default: strangers are led to the sign-in, and nothing is asked', () =>
    serving(
      async (server) => {
        expect(parseConfig('').admin.public_check).toBe(false)
        const answer = await look(server, SOURCE)
        expect(answer.status).toBe(303)
        expect(answer.headers.location).toMatch(/^\/sign-in\?next=%2Fcheck%3Fdomain/)
        expect(web.asked).toEqual([])
        const { headers } = await server.person({})
        const seen = await server.ask(`/check?domain=${SOURCE}`, { headers: { ...from('192.0.2.8'), ...headers } })
        expect(textOf(seen)).toContain('Proven')
      },
      { isPublic: false },
    ))

  test('tells the verdict first, then each step, the certificate with its dates and PEM, and the fingerprints', () =>
    serving(async (server) => {
      const answer = await look(server, SOURCE)
      expect(answer.status).toBe(200)
      expect(answer.headers['x-robots-tag']).toBe('noindex, nofollow')
      const text = textOf(answer)
      const order = [
        /Proven/,
        /Redirect of the source domain/,
        /Certificate to expect/,
        /Valid until/,
        /BEGIN CERTIFICATE/,
      ]
      const places = order.map((part) => text.search(part))
      expect(places).toEqual(places.toSorted((one, other) => one - other))
      expect(places).not.toContain(-1)
      expect(text).toContain(service.certPem.trim().replace(/\s+/g, ' '))
      expect(text).toMatch(/Fingerprints \(POSH\).*They may be kept for 1 h/)
      expect(web.asked).toEqual([`${SOURCE} ${PATH}`, `${TARGET} ${PATH}`, `${SOURCE} ${POSH}`])
    }))

  test.each([
    ['a URL', `https://user@${SOURCE}:443/some/page?x=y`],
    ['an XMPP address', `juliet@${SOURCE}/balcony`],
    ['a link to an XMPP address', `xmpp:juliet@${SOURCE}?message`],
    ['capitals and a final dot', ` IM.Example.COM. `],
  ])('understands %s', (_what, typed) =>
    serving(async (server) => {
      expect(textOf(await look(server, typed))).toMatch(/im\.example\.com .*Proven/)
    }),
  )

  test('understands a name in its own script', () =>
    serving(async (server) => {
      const text = textOf(await look(server, 'bücher.example.com'))
      expect(text).toMatch(/bücher\.example\.com xn--bcher-kva\.example\.com/)
      expect(text).toContain('Disproven')
    }))

  test('of what is no name nothing is asked, and the field says why', () =>
    serving(async (server) => {
      const answer = await look(server, 'no <b>name</b>')
      expect(answer.status).toBe(400)
      expectOnlyOurMarkup(answer.text)
      expect(answer.text).toMatch(/class="field faulty"/)
      expect((await look(server, '')).status).toBe(200)
      expect((await look(server, SOURCE, { more: '&service=_x._udp' })).status).toBe(400)
      expect(web.asked).toEqual([])
    }))

  test('shows a result again for a minute, to whoever asks, and asks anew afterwards', () =>
    serving(async (server) => {
      await look(server, SOURCE)
      const { length } = web.asked
      server.clock.advance(59_000)
      for (const address of ['192.0.2.7', '2001:db8::1']) await look(server, `a@${SOURCE}`, { address })
      expect(web.asked).toHaveLength(length)
      await look(server, SOURCE, { more: '&service=_xmpp-client._tcp' })
      expect(web.asked.length).toBeGreaterThan(length)
      const before = web.asked.length
      server.clock.advance(1000)
      await look(server, SOURCE)
      expect(web.asked).toHaveLength(before + length)
    }))

  test('asks about 10 domains a minute for one address, or one /56, and says when to come again', () =>
    serving(async (server) => {
      for (let n = 0; n < 10; n++) expect((await look(server, `n${n}.example.com`)).status).toBe(200)
      const refused = await look(server, 'n10.example.com')
      expect(refused.status).toBe(429)
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50)
      expect(textOf(refused)).toMatch(/more than 10 domains in a minute; try again in \d+ s/)
      expect((await look(server, 'n9.example.com')).status).toBe(200) // seen a moment ago
      expect((await look(server, 'n10.example.com', { address: '192.0.2.8' })).status).toBe(200)
      for (let n = 20; n < 30; n++) await look(server, `n${n}.example.com`, { address: `2001:db8:0:${n}::1` })
      expect((await look(server, 'n30.example.com', { address: '2001:db8:0:ff::1' })).status).toBe(429)
      expect((await look(server, 'n30.example.com', { address: '2001:db8:0:100::1' })).status).toBe(200)
      const person = await server.person({}) // counts for themselves
      const own = { headers: { ...from('192.0.2.7'), ...person.headers } }
      expect((await server.ask('/check?domain=n31.example.com', own)).status).toBe(200)
    }))

  test('asks about 60 domains an hour for one address', async () => {
    const admit = checkLimits()
    // Ten of them a minute: the shorter limit is not what refuses the last
    const refusals = await Promise.all(Array.from({ length: 61 }, () => admit('a').catch((err: Error) => err.message)))
    expect(refusals.filter(Boolean)).toHaveLength(51)
    await expect(admit('b')).resolves.toBeUndefined()
  })

  test('has one check of an address and four in all under way; who waits for the same one waits for it', () => {
    const waiting: (() => void)[] = []
    const ask: Ask = () =>
      new Promise((resolve) => waiting.push(() => resolve({ outcome: 'could-not-ask', why: 'it was slow' })))
    return serving(
      async (server) => {
        const first = [1, 2, 3, 4].map((n) => look(server, `slow${n}.example.com`, { address: `192.0.2.${n}` }))
        await until(() => waiting.length === 4)
        const same = look(server, 'slow1.example.com', { address: '192.0.2.9' })
        const own = await look(server, 'other.example.com', { address: '192.0.2.1' })
        expect([own.status, own.headers['retry-after']]).toEqual([429, '5'])
        expect(textOf(own)).toMatch(/another check of yours is under way/i)
        const busy = await look(server, 'other.example.com', { address: '192.0.2.5' })
        expect(textOf(busy)).toMatch(/as many domains as can be at once/i)
        const finish = setInterval(() => waiting.splice(0).forEach((end) => end()), 10)
        for (const answer of await Promise.all([...first, same])) expect(textOf(answer)).toContain('It was slow')
        const later = await look(server, 'other.example.com', { address: '192.0.2.5' })
        clearInterval(finish)
        expect(later.status).toBe(200)
      },
      { ask },
    )
  })
})

describe.skipIf(isLeftOut('knot'))('what a stranger names leads nowhere but to the public Internet', () => {
  const cases: [string, () => string][] = [
    ['a private address', () => (dns.setHost('a.example.com', [PRIVATE]), 'a.example.com')],
    ['a private address beside a public one', () => (dns.setHost('a.example.com', [PUBLIC, PRIVATE]), 'a.example.com')],
    ['the metadata address of a cloud', () => (dns.setHost('a.example.com', ['169.254.169.254']), 'a.example.com')],
    ['an IPv4 address within IPv6', () => (dns.setHost('a.example.com', [`::ffff:${PRIVATE}`]), 'a.example.com')],
    ['an alias of this machine', () => (dns.setHost('a.example.com', ['::1']), 'a.example.com')],
    [
      'a public address first and a private one later (rebinding)',
      () => {
        let asked = 0
        dns.setHost(SOURCE, () => [asked++ < 2 ? PUBLIC : PRIVATE]) // A and AAAA of the first look
        return SOURCE
      },
    ],
    [
      'a redirect to a private address',
      () => {
        dns.setHost('inside.example.com', [PRIVATE])
        web.answer(SOURCE, PATH, redirect(302, at('inside.example.com')))
        web.answer(SOURCE, POSH, redirect(302, at('inside.example.com', POSH)))
        return SOURCE
      },
    ],
    [
      'a redirect to an IP address',
      () => {
        web.answer(SOURCE, PATH, redirect(302, at(PRIVATE)))
        web.answer(SOURCE, POSH, redirect(302, at(`[::ffff:${PRIVATE}]`, POSH)))
        return SOURCE
      },
    ],
    [
      'a redirect to another port',
      () => {
        web.answer(SOURCE, PATH, redirect(302, `https://${TARGET}:22${PATH}`))
        web.answer(SOURCE, POSH, redirect(302, `https://${TARGET}:5432${POSH}`))
        return SOURCE
      },
    ],
    [
      'a reference of POSH to a private address',
      () => {
        dns.setHost('inside.example.com', [PRIVATE])
        const document = JSON.stringify({ url: at('inside.example.com', '/posh.json'), expires: 60 })
        web.answer(SOURCE, POSH, body(200, 'application/json', document))
        return SOURCE
      },
    ],
  ]
  test.each(cases)('%s', (_what, prepare) =>
    serving(async (server) => {
      const text = textOf(await look(server, prepare()))
      expect(text).not.toMatch(/ Proven /)
      expect(inside.connections).toBe(0)
      expect(text).not.toContain(PRIVATE.replace('127', '10'))
    }),
  )

  test.each(['localhost', '127.0.0.9', '[::1]', 'https://127.0.0.9/', 'http://169.254.169.254/latest', 'a.localhost'])(
    '%s itself',
    (typed) =>
      serving(async (server) => {
        const answer = await look(server, typed)
        expect(textOf(answer)).not.toMatch(/ Proven /)
        expect(inside.connections).toBe(0)
        expect(dns.queries().filter(({ name }) => name === 'localhost')).toEqual([])
      }),
  )

  test('a name with a private address is told in the words of one without any', () =>
    serving(async (server) => {
      dns.setHost('a.example.com', [PRIVATE])
      const said = async (domain: string) =>
        /[^.]* has no address, or one that is none of the public Internet/.exec(textOf(await look(server, domain)))?.[0]
      expect((await said('a.example.com'))?.replace('a.', 'b.')).toBe(await said('b.example.com'))
    }))
})

describe.skipIf(isLeftOut('knot'))('hostile answers', () => {
  const openssl = (commonName: string) => selfSigned({ commonName, dnsNames: [] }).certificate
  test.each<[string, () => void, RegExp]>([
    [
      'a certificate with markup for a subject',
      () => web.answer(TARGET, PATH, pem(openssl('<img src=x onerror=alert(1)>'))),
      /CN=.{0,2}&lt;img src=x onerror=alert\(1\)/,
    ],
    ['one that turns the line around', () => web.answer(TARGET, PATH, pem(openssl('abc\u202egpj.exe'))), /\\u\{202e\}/],
    [
      'a document with markup',
      () => web.answer(SOURCE, POSH, body(200, 'application/json', '{"fingerprints":"<script>alert(1)</script>"}')),
      /Disproven|Proven/,
    ],
    [
      'a Location with markup',
      () => web.answer(SOURCE, PATH, redirect(302, `https://${TARGET}/"><script>alert(1)</script>`)),
      /&lt;script>alert\(1\)/,
    ],
    [
      'a body without end',
      () => web.answer(TARGET, PATH, body(200, 'text/plain', 'x'.repeat(200_000))),
      /longer than 65536/,
    ],
    [
      'another kind of PEM',
      () => web.answer(TARGET, PATH, pem(`-----BEGIN EVIL<b>-----\nAAAA\n-----END EVIL<b>-----\n`)),
      /BEGIN.* is damaged/,
    ],
  ])('%s is inert', (_what, prepare, shown) =>
    serving(async (server) => {
      prepare()
      const answer = await look(server, SOURCE)
      expectOnlyOurMarkup(answer.text)
      expect(answer.text).not.toContain('<script>alert')
      expect(textOf(answer)).toMatch(shown)
    }),
  )

  test('a private key that somebody publishes is not shown', () =>
    serving(async (server) => {
      web.answer(TARGET, PATH, pem(service.keyPem))
      const answer = await look(server, SOURCE)
      expect(textOf(answer)).toContain('holds a private key')
      expect(answer.text).not.toContain(service.keyPem.split('\n')[1])
    }))
})

describe.skipIf(isLeftOut('knot'))('by the API', () => {
  test('a token with a reading scope asks, and gets what the page shows', () =>
    serving(async (server) => {
      await server.storage.tenants.add('acme', server.act())
      const ask = async (scopes: Parameters<AdminServer['program']>[1], sent: unknown) => {
        const { headers } = await server.program('acme', scopes)
        return server.ask('/api/v1/checks', {
          method: 'POST',
          headers: { ...from('192.0.2.7'), ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(sent),
        })
      }
      const found = await ask(['source-domains:read'], { domain: SOURCE, service: '_xmpp-server' })
      expect(found.json()).toMatchObject({
        ...{ sourceDomain: SOURCE, service: '_xmpp-server._tcp', conclusion: 'proven', tls: 'proven', posh: 'proven' },
        certificates: [{ pem: service.certPem, validity: 'valid' }],
        fingerprints: [{ 'sha-256': expect.stringMatching(/^[0-9a-f]{64}$/) as string }],
        poshExpiresSeconds: 3600,
      })
      expect((await ask(['audit:read'], { domain: SOURCE })).status).toBe(403)
      expect((await ask(['source-domains:read'], { domain: 'no name' })).json()).toMatchObject({
        code: 'malformed-name',
      })
      expect((await ask(['source-domains:read'], { domain: SOURCE, service: 'xmpp' })).status).toBe(400)
      const stranger = await server.ask('/api/v1/checks', {
        method: 'POST',
        headers: { ...from('192.0.2.7'), origin: `https://${ADMIN_HOST}`, 'content-type': 'application/json' },
        body: JSON.stringify({ domain: SOURCE }),
      })
      expect(stranger.status).toBe(401)
    }))
})
