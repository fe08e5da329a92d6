import { describe, expect, test } from 'vitest'
import type { PublishedDelegation } from '../../src/delegation/delegation.ts'
import type { Host, PublishedSourceDomain } from '../../src/delegation/host.ts'
import { askedSourceDomain, respond } from '../../src/delegation/respond.ts'
import { parseWellKnownPath } from '../../src/delegation/well-known-path.ts'
import { domainName } from '../../src/name.ts'

const TLS = '/.well-known/tls/_xmpp-server._tcp.im.example.com'
const POSH = '/.well-known/posh/xmpp-server.json'
const POSH_AT_TARGET = '/.well-known/posh/im.example.com/xmpp-server.json'
const META = '/.well-known/host-meta'
const LOCATION = `https://hosting.example.com${TLS}`
const NONE = { kind: 'none' }

function delegation(change: Partial<PublishedDelegation> = {}): PublishedDelegation {
  return {
    service: '_xmpp-server',
    protocol: '_tcp',
    targetHost: domainName('hosting.example.com'),
    targetPort: 443,
    lineageId: 'L1',
    tlsAnswer: 'redirect',
    poshAnswer: 'fingerprints',
    ...change,
  }
}

function sourceDomain(change: Partial<PublishedSourceDomain> = {}): PublishedSourceDomain {
  return {
    name: domainName('im.example.com'),
    mode: 'hosted',
    isSuspended: false,
    changedAt: new Date('2026-06-01T00:00:00Z'),
    delegations: [delegation()],
    hostMeta: { links: [], hostMeta2: null },
    ...change,
  }
}

function host(text: string, what: Partial<Host> = {}): Host {
  return {
    name: domainName(text),
    isAdmin: false,
    frontLineageId: null,
    targetHost: null,
    sourceDomain: null,
    ...what,
  }
}

const target = host('hosting.example.com', { targetHost: { port: 443 } })
const other = host('other.example.com', {
  sourceDomain: sourceDomain({ name: domainName('other.example.com'), delegations: [delegation({ lineageId: 'L9' })] }),
})

/** Asks with the hosts that the directory would give. */
function ask(on: Host, rawPath: string, source: PublishedSourceDomain | null = sourceDomain()) {
  const path = parseWellKnownPath(rawPath)
  if (path === null) throw new Error(`no path: ${rawPath}`)
  const known = [on, other, target, host('im.example.com', { sourceDomain: source })]
  const named = path.kind === 'tls' ? path.name.sourceDomain : path.kind === 'posh' ? path.sourceDomain : null
  const sourceHost = known.find(({ name }) => name === (named ?? on.name)) ?? host(named ?? on.name)
  return respond({ host: on, source: sourceHost, path, rawPath })
}

function onSource(rawPath: string, source = sourceDomain()) {
  return ask(host('im.example.com', { sourceDomain: source }), rawPath, source)
}

function onTarget(rawPath: string, source: PublishedSourceDomain | null = sourceDomain()) {
  return ask(target, rawPath, source)
}

describe('the answer on /.well-known/tls, draft-miller-xmpp-fed-00 §6.3', () => {
  test('step 2: the source domain redirects to the target host, the path as it was sent', () => {
    expect(onSource(TLS)).toEqual({ kind: 'redirect', location: LOCATION })
    const spelled = TLS.replace('im.example', 'IM.Example')
    expect(onSource(spelled)).toEqual({ kind: 'redirect', location: `https://hosting.example.com${spelled}` })
  })

  test('another port of the target host stands in the location', () => {
    const source = sourceDomain({ delegations: [delegation({ targetPort: 8443 })] })
    expect(onSource(TLS, source)).toEqual({ kind: 'redirect', location: `https://hosting.example.com:8443${TLS}` })
  })

  test('step 4: the target host gives the certificate', () => {
    expect(onTarget(TLS)).toEqual({ kind: 'pem', lineageId: 'L1' })
  })

  test('possession: the source domain gives the certificate itself, and so does the target host', () => {
    const source = sourceDomain({ delegations: [delegation({ tlsAnswer: 'possession' })] })
    expect(onSource(TLS, source)).toEqual({ kind: 'pem', lineageId: 'L1' })
    expect(onTarget(TLS, source)).toEqual({ kind: 'pem', lineageId: 'L1' })
  })

  test('a source domain that is its own target host is not redirected to itself', () => {
    const source = sourceDomain({ delegations: [delegation({ targetHost: domainName('im.example.com') })] })
    const both = host('im.example.com', { sourceDomain: source, targetHost: { port: 443 } })
    expect(ask(both, TLS, source)).toEqual({ kind: 'pem', lineageId: 'L1' })
    expect(ask(both, POSH, source)).toEqual({ kind: 'fingerprints', lineageIds: ['L1'] })
    expect(ask(both, TLS, { ...source, mode: 'external' })).toEqual({ kind: 'pem', lineageId: 'L1' })
  })

  test.each([
    ['another service', '/.well-known/tls/_xmpp-client._tcp.im.example.com'],
    ['another protocol', '/.well-known/tls/_xmpp-server._udp.im.example.com'],
    ['another domain, though it is delegated too', '/.well-known/tls/_xmpp-server._tcp.other.example.com'],
    ['an unknown domain', '/.well-known/tls/_xmpp-server._tcp.nobody.example.com'],
    ['a challenge, which is answered in clear only', '/.well-known/acme-challenge/0123456789012345678901'],
  ])('the source domain says nothing about %s', (_, path) => expect(onSource(path)).toEqual(NONE))

  test('a source domain that is a target host too answers for no other one that leads elsewhere', () => {
    const both = host('im.example.com', { sourceDomain: sourceDomain(), targetHost: { port: 443 } })
    expect(ask(both, '/.well-known/tls/_xmpp-server._tcp.other.example.com')).toEqual(NONE)
    expect(ask(both, '/.well-known/posh/other.example.com/xmpp-server.json')).toEqual(NONE)
  })

  test('a target host answers for none that leads to another', () => {
    const elsewhere = host('third.example.com', { targetHost: { port: 443 } })
    for (const path of [TLS, POSH_AT_TARGET]) expect(ask(elsewhere, path)).toEqual(NONE)
  })

  test.each([
    ['suspended', sourceDomain({ isSuspended: true })],
    ['not proven, so held by nobody', null],
    ['without delegations', sourceDomain({ delegations: [] })],
  ])('a source domain that is %s is answered for nowhere', (_, source) => {
    for (const path of [TLS, POSH_AT_TARGET]) expect(onTarget(path, source)).toEqual(NONE)
    const asked = host('im.example.com', { sourceDomain: source })
    for (const path of [TLS, POSH]) expect(ask(asked, path, source)).toEqual(NONE)
  })

  test('for an external source domain only the target host answers', () => {
    const source = sourceDomain({ mode: 'external' })
    for (const path of [TLS, POSH, META]) expect(onSource(path, source)).toEqual(NONE)
    expect(onTarget(TLS, source)).toEqual({ kind: 'pem', lineageId: 'L1' })
    expect(onTarget(POSH_AT_TARGET, source)).toEqual({ kind: 'fingerprints', lineageIds: ['L1'] })
  })
})

test('a name in the path is looked up for a target host only, so that strangers cannot make the edge look up others', () => {
  const path = parseWellKnownPath('/.well-known/tls/_xmpp-server._tcp.other.example.com')!
  expect(askedSourceDomain(target, path)).toBe('other.example.com')
  expect(askedSourceDomain(host('im.example.com', { sourceDomain: sourceDomain() }), path)).toBeNull()
  expect(askedSourceDomain(other, path)).toBe('other.example.com')
  expect(askedSourceDomain(host('other.example.com'), path)).toBeNull()
})

describe('the answer on /.well-known/posh, RFC 7711 §3', () => {
  const posh = (poshAnswer: PublishedDelegation['poshAnswer']) =>
    sourceDomain({ delegations: [delegation({ poshAnswer, targetPort: 8443 })] })
  const url = `https://hosting.example.com:8443${POSH_AT_TARGET}`

  test.each([
    ['fingerprints', { kind: 'fingerprints', lineageIds: ['L1'] }],
    ['redirect', { kind: 'redirect', location: url }],
    ['reference', { kind: 'reference', url }],
    ['off', NONE],
  ] as const)('%s at the source domain', (answer, expected) => expect(onSource(POSH, posh(answer))).toEqual(expected))

  test('the target host has the fingerprints under the name of the domain, unless they are off', () => {
    for (const answer of ['fingerprints', 'redirect', 'reference'] as const)
      expect(onTarget(POSH_AT_TARGET, posh(answer))).toEqual({ kind: 'fingerprints', lineageIds: ['L1'] })
    expect(onTarget(POSH_AT_TARGET, posh('off'))).toEqual(NONE)
  })

  test('at the target host a path without the domain names nobody', () => expect(onTarget(POSH)).toEqual(NONE))

  test('a source domain has no document under the name of a domain', () =>
    expect(onSource(POSH_AT_TARGET)).toEqual(NONE))

  test('STARTTLS and direct TLS share a document, which has what either may present', () => {
    const direct = delegation({ service: '_xmpps-server', lineageId: 'L2', poshAnswer: 'redirect' })
    const source = sourceDomain({ delegations: [direct, delegation()] })
    expect(onSource(POSH, source)).toEqual({ kind: 'fingerprints', lineageIds: ['L2', 'L1'] })
    expect(onTarget(POSH_AT_TARGET, source)).toEqual({ kind: 'fingerprints', lineageIds: ['L2', 'L1'] })
    expect(onSource(POSH, sourceDomain({ delegations: [direct] }))).toMatchObject({ kind: 'redirect' })
  })

  test('one lineage is named once, and one that is off not at all', () => {
    const source = sourceDomain({ delegations: [delegation(), delegation({ service: '_xmpps-server' })] })
    expect(onSource(POSH, source)).toEqual({ kind: 'fingerprints', lineageIds: ['L1'] })
    const off = delegation({ service: '_xmpps-server', lineageId: 'L2', poshAnswer: 'off' })
    expect(onSource(POSH, sourceDomain({ delegations: [delegation(), off] }))).toEqual({
      kind: 'fingerprints',
      lineageIds: ['L1'],
    })
  })

  test('direct TLS has no name of its own, nor has UDP a document', () => {
    expect(onSource('/.well-known/posh/xmpps-server.json')).toEqual(NONE)
    const source = sourceDomain({ delegations: [delegation({ protocol: '_udp' })] })
    expect(onSource(POSH, source)).toEqual(NONE)
  })
})

describe('the answer on /.well-known/host-meta, XEP-0156', () => {
  test('the source domain has its own', () => {
    expect(onSource(META)).toMatchObject({ kind: 'host-meta', format: 'xml' })
    expect(onSource(`${META}.json`)).toMatchObject({ kind: 'host-meta', format: 'json' })
  })

  test('none where it is switched off, suspended, or on a target host', () => {
    expect(onSource(META, sourceDomain({ hostMeta: null }))).toEqual(NONE)
    expect(onSource(META, sourceDomain({ isSuspended: true }))).toEqual(NONE)
    expect(onTarget(META)).toEqual(NONE)
  })
})
