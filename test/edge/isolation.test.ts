import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeCertificate, makeKeys } from '../support/certificates.ts'
import { edgeRig, type EdgeRig } from '../support/edge-rig.ts'
import type { RawAnswer } from '../support/raw-client.ts'

interface Known {
  domain: string
  service: string
  target: string
  port: number
  isAnswered: boolean
}

const TARGETS = { 'one.example.net': 443, 'two.example.net': 8443, 'own.example.com': 443 }
const DELEGATIONS: (Known & { tenant: string; wish?: object; domainWish?: object })[] = [
  ...[known('alice.example.com', 'one.example.net', 'alice'), known('bob.example.com', 'two.example.net', 'bob')],
  { ...known('alice.example.com', 'two.example.net', 'alice'), service: '_xmpp-client' },
  known('xn--bcher-kva.example.com', 'one.example.net', 'bob'),
  {
    ...known('kept.example.com', 'one.example.net', 'carol'),
    wish: { tlsAnswer: 'possession', poshAnswer: 'redirect' },
  },
  { ...known('referred.example.com', 'two.example.net', 'carol'), wish: { poshAnswer: 'reference' } },
  { ...known('outside.example.com', 'one.example.net', 'alice'), domainWish: { mode: 'external' } },
  known('own.example.com', 'own.example.com', 'bob'),
  { ...known('claimed.example.com', 'one.example.net', 'bob'), domainWish: { isVouched: false }, isAnswered: false },
  { ...known('stopped.example.com', 'one.example.net', 'bob'), isAnswered: false },
]
const SPELLINGS: Record<string, string[]> = {
  'xn--bcher-kva.example.com': ['b%C3%BCcher.example.com', 'b%c3%bccher.example.com', 'XN--bcher-kva.example.com'],
}

function known(domain: string, target: keyof typeof TARGETS, tenant: string) {
  return { domain, target, tenant, service: '_xmpp-server', port: TARGETS[target], isAnswered: true }
}

let rig: EdgeRig
const ownerOfPem = new Map<string, Known>()
const ownerOfHash = new Map<string, Known>()
beforeAll(async () => {
  rig = await edgeRig()
  const keys = await makeKeys()
  for (const [target, port] of Object.entries(TARGETS)) await rig.addTarget(target, port)
  const added = new Set<string>()
  for (const delegation of DELEGATIONS) {
    const { domain, service, target, tenant, wish, domainWish } = delegation
    const certificate = await makeCertificate({ names: [domain], keys })
    await rig.addLineage(`${domain} ${service}`, certificate)
    ownerOfPem.set(certificate.pem, delegation)
    ownerOfHash.set(createHash('sha256').update(certificate.der).digest('base64'), delegation)
    const hasFront = domain !== target
    if (!added.has(domain)) await rig.addDomain(domain, { tenant, hasFront, ...domainWish })
    added.add(domain)
    await rig.delegate(domain, { tenant, target, service, lineage: `${domain} ${service}`, ...wish })
  }
  const bob = (await rig.storage.tenants.findByName('bob'))!
  await rig.storage.sourceDomains.suspend(bob.id, 'stopped.example.com' as never, rig.act())
  await rig.settle()
})
afterAll(() => rig.close())

/** The one delegation that an answer has data of; null where it has none. */
function ownerOf({ status, headers, body }: RawAnswer): Known | null {
  if (status === 302) return ownerOfUrl(headers.get('location') ?? '')
  if (status !== 200) return null
  if (headers.get('content-type') === 'application/pem-certificate-chain') return ownerOfPem.get(body) ?? unknown(body)
  const posh = JSON.parse(body) as { fingerprints?: Record<string, string>[]; url?: string }
  if (posh.url !== undefined) return ownerOfUrl(posh.url)
  const owners = posh.fingerprints?.map((each) => ownerOfHash.get(each['sha-256'] ?? ''))
  return owners?.length === 1 && owners[0] ? owners[0] : unknown(body)
}

/** Judged by eye rather than by the parser under test: a URL of a target host that has a domain and a service in it. */
function ownerOfUrl(url: string): Known {
  const lower = decodeURIComponent(url).toLowerCase().replace('bücher', 'xn--bcher-kva')
  const owner = DELEGATIONS.find(
    ({ domain, service, target, port }) =>
      lower.startsWith(`https://${target}${port === 443 ? '' : `:${port}`}/.well-known/`) &&
      (lower.includes(`/tls/${service}._tcp.${domain}`) || lower.endsWith(`/posh/${domain}/${service.slice(1)}.json`)),
  )
  return owner ?? unknown(url)
}

function unknown(what: string): never {
  throw new Error(`data of nobody: ${what}`)
}

interface Wish {
  host: string
  domain: string
  service: string
  form: 'tls' | 'posh' | 'posh of a domain'
  spelling: number
  method: string
  noise: string
  header: string
}

const domains = [...new Set(DELEGATIONS.map(({ domain }) => domain)), 'nobody.example.com']
const hosts = [...domains, ...Object.keys(TARGETS)]

/** What a client asks on one connection: mostly of the name in SNI, mostly for a domain that can be asked for there. */
const connection = fc.constantFrom(...hosts).chain((serverName) => {
  const related = DELEGATIONS.filter(({ domain, target }) => domain === serverName || target === serverName)
  const relatedDomains = related.length > 0 ? related.map(({ domain }) => domain) : [serverName]
  const mostly = <T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>) =>
    fc.oneof({ arbitrary: usual, weight: 14 }, { arbitrary: other, weight: 1 })
  const wish: fc.Arbitrary<Wish> = fc.record({
    host: mostly(fc.constant(serverName), fc.constantFrom(...hosts)),
    domain: mostly(fc.constantFrom(...relatedDomains), fc.constantFrom(...domains)),
    service: mostly(fc.constant('_xmpp-server'), fc.constantFrom('_xmpp-client', '_xmpps-server', '_foo')),
    form: fc.constantFrom('tls', 'tls', 'posh', 'posh of a domain'),
    spelling: fc.nat(5),
    method: mostly(fc.constant('GET'), fc.constantFrom('POST', 'OPTIONS', 'PUT', 'BREW')),
    noise: mostly(
      fc.constant(''),
      fc.oneof(
        fc.constantFrom(
          '?x=1',
          '/',
          '.',
          '..',
          '%00',
          '#x',
          '%2e',
          '/../x',
          '//',
          '%c0%af',
          '@bob.example.com',
          ':443',
        ),
        fc.string({ unit: fc.constantFrom(...'abc./%@:?-_ '), maxLength: 8 }),
      ),
    ),
    header: mostly(
      fc.constant(''),
      fc
        .constantFrom(...hosts)
        .chain((name) =>
          fc.constantFrom(
            `X-Forwarded-Host: ${name}`,
            `X-Original-URL: https://${name}/`,
            `Host: ${name}`,
            'Content-Length: 3',
          ),
        ),
    ),
  })
  return fc.record({ serverName: fc.constant(serverName), wishes: fc.array(wish, { minLength: 1, maxLength: 5 }) })
})

function pathOf({ domain, service, form, spelling, noise }: Wish): string {
  const spelled = [domain, domain.toUpperCase(), `${domain}.`, ...(SPELLINGS[domain] ?? [])][spelling] ?? domain
  switch (form) {
    case 'tls':
      return `/.well-known/tls/${service}._tcp.${spelled}${noise}`
    case 'posh':
      return `/.well-known/posh/${service.slice(1)}.json${noise}`
    case 'posh of a domain':
      return `/.well-known/posh/${spelled}/${service.slice(1)}.json${noise}`
  }
}

test('no answer has data of a delegation other than the one that SNI, Host and path name', async () => {
  const count = { asked: 0, answered: 0, accepted: 0, refusedHandshakes: 0 }
  await fc.assert(
    fc.asyncProperty(connection, async ({ serverName, wishes }) => {
      const bytes = wishes.map((wish) => {
        const lines = [`Host: ${wish.host}`, ...(wish.header ? [wish.header] : [])]
        return `${wish.method} ${pathOf(wish)} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
      })
      count.asked += wishes.length
      const outcome = await rig.raw(bytes.join(''), { serverName, answers: wishes.length }).catch((error: Error) => {
        expect(error.message).toMatch(/handshake failure/)
        count.refusedHandshakes++
        count.asked -= wishes.length
        return null
      })
      for (const [i, answer] of (outcome?.answers ?? []).entries()) {
        const wish = wishes[i]!
        count.answered++
        const owner = ownerOf(answer)
        if (owner === null) continue
        count.accepted++
        const { domain, service, target, isAnswered } = owner
        expect(isAnswered).toBe(true)
        expect(wish.method).toBe('GET')
        expect(wish.host).toBe(serverName)
        expect([domain, target]).toContain(wish.host)
        expect(service).toBe(wish.service)
        // Without a domain in the path the host is the one that is named
        expect(domain).toBe(wish.form === 'posh' ? wish.host : wish.domain)
      }
    }),
    { numRuns: 400 },
  )
  console.log(`isolation: ${JSON.stringify(count)}, ${Math.round((100 * count.accepted) / count.asked)} % accepted`)
  expect(count.accepted / count.asked).toBeGreaterThan(0.2)
}, 60_000)
