import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { X509Certificate } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { deactivationJob } from '../../src/acme/deactivation.ts'
import { AUTHORIZATION_DEACTIVATION } from '../../src/acme/order.ts'
import type { Wanted } from '../../src/certificate/issuer.ts'
import type { LineageCertificate } from '../../src/certificate/lineage.ts'
import { systemClock } from '../../src/clock.ts'
import { domainName } from '../../src/name.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { pebbles, startPebble, type Pebble, type PebbleVersion } from '../support/pebble.ts'
import { until } from '../support/until.ts'
import { acmeParts, wishFor } from './pebble-rig.ts'

type Parts = Awaited<ReturnType<typeof acmeParts>>

describe.each(pebbles())('with Pebble $version', (version: PebbleVersion) => {
  let pebble: Pebble
  let proxy: FaultProxy
  let edge: Server // answers http-01 as an edge does, from the rows
  let parts: Parts
  let lineageId: string
  const asked: string[] = []

  beforeAll(async () => {
    edge = createServer((request, response) => {
      asked.push(`${request.headers.host} ${request.url}`)
      const host = domainName((request.headers.host ?? '').replace(/:\d+$/, ''))
      const token = (request.url ?? '').replace('/.well-known/acme-challenge/', '')
      void parts.storage.challenges
        .find(host, token, systemClock.now())
        .then((answer) => (answer === undefined ? response.writeHead(404).end() : response.end(answer)))
    }).listen(0, '127.0.0.1')
    await once(edge, 'listening')
    pebble = await startPebble({
      pebble: version,
      httpPort: (edge.address() as AddressInfo).port,
      validitySeconds: 45 * 86_400,
      blocklist: ['blocked.example.org'],
      env: { PEBBLE_WFE_NONCEREJECT: '20' },
    })
    proxy = await startFaultProxy(pebble)
  })
  afterAll(async () => {
    edge.close()
    await proxy.stop()
    await pebble.stop()
  })
  beforeEach(async () => {
    parts = await acmeParts()
    await parts.operator.add(wishFor(proxy), parts.act())
    lineageId = (await parts.storage.lineages.create(null, { name: 'front', source: 'acme' }, parts.act())).id
    asked.length = 0
    proxy.clear()
  })
  afterEach(() => parts.storage.close())

  const certificatesMade = () => pebble.log().split('Issued certificate serial').length - 1

  async function issued(names: string[], replaces: LineageCertificate | null = null): Promise<LineageCertificate> {
    const { issuer, storage, act } = parts
    const wanted: Wanted = { tenantId: null, lineageId, identifiers: names.map(domainName), replaces }
    let certificate: LineageCertificate | undefined
    await until(async () => {
      const result = await issuer.issue(wanted)
      const memory = await storage.issuance.memory(lineageId)
      if (memory) throw new Error(JSON.stringify(memory.problem))
      if (result.outcome === 'later') return false
      const staged = await storage.lineages.stage(null, lineageId, result, act())
      certificate = await storage.lineages.activate(null, staged.id, systemClock.now(), act(), 'acme')
      return true
    })
    return certificate!
  }

  test('a certificate is issued after a real validation, its key is kept, and no nonce is used twice', async () => {
    const certificate = await issued(['im.example.com', 'b.example.com'])
    expect([...certificate.dnsNames].sort()).toEqual(['b.example.com', 'im.example.com'])
    const key = await parts.storage.privateKeys.open(certificate.privateKeyId!)
    expect(key.length).toBeGreaterThan(100)
    expect(new Set(asked.map((line) => line.split(':')[0]))).toEqual(new Set(['im.example.com', 'b.example.com']))
    expect(proxy.requests('newOrder').filter(({ status }) => status === 201)).toHaveLength(1)
    expect(proxy.reusedNonces()).toEqual([])
    const [order] = await parts.storage.orders.list(lineageId, { limit: 5 })
    expect(order).toMatchObject({ outcome: 'issued', certificateId: certificate.id, newOrders: 1 })
  })

  test('a renewal gets another certificate with another key, and says which one it replaces where that is known', async () => {
    const first = await issued(['im.example.com'])
    const second = await issued(['im.example.com'], first)
    expect(second.spkiSha256).not.toBe(first.spkiSha256)
    const { payload } = proxy.requests('newOrder').at(-1)!
    const { replaces } = payload as { replaces?: string }
    expect(replaces === undefined).toBe(!version.hasRenewalInfo)
    // It has been replaced: the authority refuses to hear of it, and the order goes on without
    if (version.hasRenewalInfo) await issued(['im.example.com'], first)
  })

  test('a certificate that the authority does not know is replaced all the same', async () => {
    const first = await issued(['im.example.com'])
    proxy.fault('newOrder', {
      do: 'problem',
      status: 500,
      type: 'serverInternal',
      detail: 'could not find an order for the given certificate',
    })
    const error = issued(['im.example.com'], first)
    await (version.hasRenewalInfo ? error : expect(error).rejects.toThrow('could not find'))
  })

  test('a name that nobody answers for is the owner to mend, in words', async () => {
    await pebble.dns.setA('gone.example.com', ['127.0.0.2'])
    await expect(issued(['gone.example.com'])).rejects.toThrow(/"type":"(connection|unauthorized)"/)
    expect(await parts.storage.issuance.memory(lineageId)).toMatchObject({ whose: 'owner', challengeType: 'http-01' })
  })

  test('a name that is refused is refused', async () => {
    await expect(issued(['blocked.example.org'])).rejects.toThrow('rejectedIdentifier')
    expect(await parts.storage.issuance.memory(lineageId)).toMatchObject({ whose: 'owner' })
  })

  test.each(['ec-p384', 'rsa-2048'] as const)('a certificate for a key of type %s', async (keyType) => {
    await parts.operator.update('pebble', { keyType }, parts.act())
    const { chainPem } = await issued(['im.example.com'])
    const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(chainPem).publicKey
    expect([asymmetricKeyType, asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength]).toEqual(
      keyType === 'rsa-2048' ? ['rsa', 2048] : ['ec', 'secp384r1'],
    )
  })

  test.each([
    ['newOrder', { do: 'drop', after: true }],
    ['authz', { do: 'truncate' }],
    ['challenge', { do: 'drop', after: true }],
    ['order', { do: 'answer', status: 500, body: 'oops' }],
    ['finalize', { do: 'drop', after: true }],
    ['cert', { do: 'truncate' }],
  ] as const)('a fault at %s, %o, ends well the next time', async (kind, fault) => {
    const before = certificatesMade()
    proxy.fault(kind, fault)
    await issued(['im.example.com']).catch(() => undefined)
    await parts.storage.issuance.forget(lineageId)
    if (!(await parts.storage.lineages.find(null, lineageId))!.certificates.length) await issued(['im.example.com'])
    expect((await parts.storage.lineages.find(null, lineageId))!.certificates).toHaveLength(1)
    expect(certificatesMade()).toBe(before + 1)
    expect(proxy.reusedNonces()).toEqual([])
  })

  test('of a name that is lost the authorizations are deactivated', async () => {
    const { storage, act, sessionOf } = parts
    const tenant = await storage.tenants.add('acme', act())
    const name = domainName('im.example.com')
    await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
    const front = await storage.lineages.create(tenant.id, { name: 'front', source: 'acme' }, act())
    const wanted: Wanted = { tenantId: tenant.id, lineageId: front.id, identifiers: [name], replaces: null }
    await until(async () => (await parts.issuer.issue(wanted)).outcome === 'issued')
    const [authorization] = await storage.orders.authorizations(tenant.id, name, systemClock.now())
    const authority = (await storage.authorities.list())[0]!
    const status = async () => (await (await sessionOf(authority)).authorization(authorization!.url)).status
    expect(await status()).toBe('valid')

    const deactivate = deactivationJob({
      ...{ ...storage, sessionOf, clock: systemClock },
      finishKeyChange: async () => false,
    })
    const payload = { tenantId: tenant.id, name }
    const job = {
      id: 'j',
      kind: AUTHORIZATION_DEACTIVATION,
      key: '',
      payload,
      runAt: systemClock.now(),
      attempts: 1,
      fence: 1,
    }
    proxy.fault('authz', { do: 'drop' })
    await expect(deactivate(job)).rejects.toMatchObject({ code: 'authority-unreachable' })
    expect(await deactivate(job)).toBeUndefined()
    expect(await status()).toBe('deactivated')
    expect(await storage.orders.authorizations(tenant.id, name, systemClock.now())).toEqual([])
  })
})
