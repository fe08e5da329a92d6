import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { alternates } from '../../src/acme/acme-replies.ts'
import type { Issuance } from '../../src/certificate/issuer.ts'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import { rootName } from '../../src/certificate/verified-chain.ts'
import { domainName } from '../../src/name.ts'
import { pebbles } from '../support/pebble.ts'
import { until } from '../support/until.ts'
import { acmeParts, wishFor } from './pebble-rig.ts'
import { startRig, type SessionRig } from './session-rig.ts'

const here = pebbles()

describe.each(here)('chains to several roots, of Pebble $version', (pebble) => {
  let rig: SessionRig
  let roots: string[]

  beforeAll(async () => {
    rig = await startRig({ pebble, env: { PEBBLE_ALTERNATE_ROOTS: '2', PEBBLE_CHAIN_LENGTH: '2' } })
    const pems = await Promise.all([0, 1, 2].map((index) => rig.pebble.root(index)))
    roots = pems.map((pem) => /^CN=(.*)$/m.exec(new X509Certificate(pem).subject)![1]!)
  })
  afterAll(() => rig.stop())

  test('the one to the root that is asked for, and the one offered first where none is', async () => {
    const session = await rig.registered()
    const { certificateUrl } = await rig.validOrder(session, 'a.example')
    expect(new Set(roots).size).toBe(3)
    const rootOf = async (wanted: string) =>
      rootName(await session.certificate(certificateUrl!, (pem) => rootName(pem) === wanted))
    expect(await Promise.all(roots.map(rootOf))).toEqual(roots)
    expect(await rootOf('Nobody')).toBe(roots[0])
    expect(rootName(await session.certificate(certificateUrl!))).toBe(roots[0])
  })

  test('an authority with a preferred chain', async () => {
    const { storage, operator, issuer, act } = await acmeParts()
    await operator.add(wishFor(rig.pebble, { preferredChain: roots[1]! }), act())
    const name = domainName('c.example')
    const { id } = await storage.lineages.create(null, { name: frontLineageName(name), source: 'acme' }, act())
    let issued: Issuance | undefined
    await until(async () => {
      issued = await issuer.issue({ tenantId: null, lineageId: id, identifiers: [name], replaces: null })
      return issued.outcome === 'issued'
    })
    expect(issued?.outcome === 'issued' && rootName(issued.chain.pem)).toBe(roots[1])
    await storage.close()
  })

  test('the preferred one is garbled: another is taken', async () => {
    const { storage, operator, issuer, act } = await acmeParts()
    const { directoryUrl, caPem } = rig.proxy
    await operator.add(wishFor({ directoryUrl, caPem }, { preferredChain: roots[1]! }), act())
    const name = domainName('d.example')
    const { id } = await storage.lineages.create(null, { name: frontLineageName(name), source: 'acme' }, act())
    rig.proxy.clear()
    // The leaf of another, with the wanted root above it
    rig.proxy.fault('cert', { do: 'body', body: (pem) => pem.slice(pem.indexOf('-----BEGIN', 1)) }, { after: 1 })
    let issued: Issuance | undefined
    await until(async () => {
      issued = await issuer.issue({ tenantId: null, lineageId: id, identifiers: [name], replaces: null })
      return issued.outcome === 'issued'
    })
    expect(issued?.outcome === 'issued' && rootName(issued.chain.pem)).toBe(roots[0])
    expect(rig.proxy.requests('cert').length).toBeGreaterThan(1)
    await storage.close()
  })

  test('an alternate that cannot be had is passed over', async () => {
    const session = await rig.registered()
    const { certificateUrl } = await rig.validOrder(session, 'b.example')
    rig.proxy.clear()
    rig.proxy.fault('cert', { do: 'problem', status: 500 }, { after: 1 })
    const prefer = (pem: string) => rootName(pem) === roots[2]
    expect(rootName(await session.certificate(certificateUrl!, prefer))).toBe(roots[2])
  })
})

test.each([
  ['<https://a.example/1>;rel="alternate"', ['https://a.example/1']],
  [
    '<https://a.example/dir>;rel="index", <https://a.example/1>; rel=alternate, <https://a.example/2>;rel="alternate";title="x"',
    ['https://a.example/1', 'https://a.example/2'],
  ],
  ['<https://a.example/1>;rel="up"', []],
  ['<http://a.example/1>;rel="alternate", </2>;rel="alternate", <nonsense>;rel="alternate"', []],
  ['', []],
])('of the links %s the alternates are %j', (link, urls) => {
  expect(alternates({ headers: { link }, body: '' })).toEqual(urls)
})

test('of what is no certificate there is no root', () => {
  expect(rootName('nonsense')).toBeNull()
  expect(rootName('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')).toBeNull()
})
