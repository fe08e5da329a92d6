import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dnsChallenges, type ChallengeZone, type DnsChallenges } from '../../src/acme/dns-challenges.ts'
import { preflight } from '../../src/acme/preflight.ts'
import type { Issuance, Wanted } from '../../src/certificate/issuer.ts'
import { systemClock } from '../../src/clock.ts'
import { createLog } from '../../src/log.ts'
import { domainName, type DomainName } from '../../src/name.ts'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { certificateDns } from '../../src/outside/certificate-dns.ts'
import { challengeProbe } from '../../src/outside/challenge-probe.ts'
import { challengeZone } from '../../src/outside/dns-update.ts'
import { nameServers } from '../../src/outside/name-servers.ts'
import { resolver } from '../../src/outside/resolver.ts'
import type { TsigKey } from '../../src/outside/tsig.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { pebbles, startPebble, type Pebble, type PebbleVersion } from '../support/pebble.ts'
import { testSealer } from '../support/sealer.ts'
import { until } from '../support/until.ts'
import { acmeParts, wishFor } from './pebble-rig.ts'

const ZONE = 'acme.hosting.example'
const IM = domainName('im.example.com')
const EDGE = domainName('edge.hosting.example')
const ELSEWHERE = 'im A 127.0.0.2' // nobody answers there, neither HTTP nor TLS
const labelKey = testSealer.deriveKey('challenge-label')
const updateKey: TsigKey = { name: 'waypost', algorithm: 'hmac-sha256', secret: randomBytes(32) }

test('a label is of one tenant and one name, and of one master key', () => {
  const { aliasOf } = dnsChallenges({ ...nothing(), key: labelKey })
  const labels = [aliasOf('a', IM), aliasOf('b', IM), aliasOf(null, IM), aliasOf('a', EDGE)]
  expect(new Set(labels).size).toBe(4)
  expect(aliasOf('a', IM)).toBe(labels[0])
  expect(labels[0]).toMatch(/^[0-9a-f]{32}\.acme\.hosting\.example$/)
  expect(dnsChallenges({ ...nothing(), key: randomBytes(32) }).aliasOf('a', IM)).not.toBe(labels[0])
})

function nothing() {
  const zone = { zone: ZONE } as ChallengeZone
  return { zone, records: {} as never, clock: systemClock, log: createLog({ level: 'silent', role: 'test' }) }
}

if (pebbles().length === 0) test.skip('Pebble is left out', () => undefined)

describe.each(pebbles())('with Pebble $version and Knot', (version: PebbleVersion) => {
  let world: DnsWorld
  let pebble: Pebble
  let proxy: FaultProxy
  let parts: Awaited<ReturnType<typeof acmeParts>>
  let key: TsigKey
  let inDns: DnsChallenges
  let zone: ChallengeZone
  let atSecondary: ChallengeZone
  const written: string[][] = []
  const logged: string[] = []

  beforeAll(async () => {
    const secret = Buffer.from(updateKey.secret).toString('base64')
    world = await dnsWorld({ nameServers: 2, updateKey: { ...updateKey, secret } })
    pebble = await startPebble({ pebble: version, dnsServer: `${world.resolver.address}:${world.resolver.port}` })
    proxy = await startFaultProxy(pebble)
  })
  afterAll(async () => {
    await proxy.stop()
    await pebble.stop()
    await world.close()
  })

  beforeEach(async () => {
    key = updateKey
    proxy.clear()
    const asked = resolver({ servers: [world.resolver], randomBytes, tryMs: 500 })
    logged.length = 0
    const log = pino({ level: 'warn' }, { write: (line) => void logged.push(line) })
    const challengeTypes = ['http-01', 'tls-alpn-01'] as const
    parts = await acmeParts((storage) => {
      const servers = { resolver: asked, policy: { isAllowed: () => true }, port: world.nameServerPort, randomBytes }
      const server = { address: world.addresses['ns1']!, port: world.nameServerPort }
      const rest = { zone: ZONE, server, clock: systemClock, randomBytes, nameServers: nameServers(servers) }
      zone = challengeZone({ ...rest, key })
      atSecondary = challengeZone({ ...rest, key, server: { ...server, address: world.addresses['ns2']! } })
      const told: ChallengeZone = {
        ...zone,
        add: (name, value) => {
          written.push([name, value])
          return challengeZone({ ...rest, key }).add(name, value) // the key may be changed on the way
        },
      }
      inDns = dnsChallenges({ zone: told, records: storage.challengeRecords, key: labelKey, clock: systemClock, log })
      const look = preflight({
        dns: certificateDns({
          ...{ resolver: asked, policy: addressPolicy(['127.0.0.2/32']), lookMs: 2_000 },
          edge: { name: EDGE, addresses: ['127.0.0.1'] },
        }),
        probe: challengeProbe({ port: pebble.httpPort, timeoutMs: 500 }),
        ...{ challenges: storage.challenges, challengeTypes, aliasOf: inDns.aliasOf, clock: systemClock, randomBytes },
      })
      return { challengeTypes, preflight: look.run, dns: { challenges: inDns, waysOf: look.waysOf } }
    })
    await parts.operator.add(wishFor(proxy), parts.act())
  })
  afterEach(async () => {
    await parts.storage.close()
    await world.reset()
  })

  const alias = (name: DomainName = IM) => inDns.aliasOf(null, name)
  /** @param records of example.com */
  async function publish(records: string, servers = ['ns1']): Promise<void> {
    await world.setZone(ZONE, '@ TXT "apex"', { nameServers: servers })
    await world.setZone('example.com', records, { nameServers: ['ns1'] })
  }
  const delegated = () => `_acme-challenge.im CNAME ${alias()}.`
  const isThere = async (value: string) => (await zone.look(alias(), value)).is === 'everywhere'
  const told = () => proxy.requests('challenge').length

  async function wanted(): Promise<Wanted> {
    const { id } = await parts.storage.lineages.create(
      null,
      { name: `front-${randomBytes(4).toString('hex')}`, source: 'acme' },
      parts.act(),
    )
    return { tenantId: null, lineageId: id, identifiers: [IM], replaces: null }
  }

  async function issued(wish: Wanted): Promise<string[]> {
    let result: Issuance | undefined
    await until(async () => {
      result = await parts.issuer.issue(wish)
      const memory = await parts.storage.issuance.memory(wish.lineageId)
      if (memory) throw new Error(JSON.stringify(memory.problem))
      return result.outcome === 'issued'
    })
    if (result?.outcome !== 'issued') throw new Error('nothing was issued')
    const { dnsNames } = await parts.storage.lineages.stage(null, wish.lineageId, result, parts.act())
    return dnsNames
  }

  /** What was written for an order, from before it is told until the sweep has removed it. */
  const records = async ({ lineageId }: Wanted) => {
    const [order] = await parts.storage.orders.list(lineageId, { limit: 1 })
    return order ? parts.storage.challengeRecords.ofOrder(order.id, alias()) : []
  }

  test('a name that leads elsewhere gets its certificate by the record that its owner has led here; nothing is left', async () => {
    await publish(`${ELSEWHERE}\n${delegated()}`)
    const wish = await wanted()
    written.length = 0
    expect(await issued(wish)).toEqual([IM])
    const [[name, value = ''] = []] = written
    expect([name, value]).toEqual([alias(), expect.stringMatching(/^[\w-]{43}$/)])
    expect(await zone.look(alias(), value)).toMatchObject({ is: 'lacking' })
    expect(await records(wish)).toEqual([])
    const [order] = await parts.storage.orders.list(wish.lineageId, { limit: 1 })
    expect(order?.authorizations[0]?.challenge?.type).toBe('dns-01')
    expect(proxy.reusedNonces()).toEqual([])
  })

  test.each<[title: string, records: () => string, words: string]>([
    ['without that record', () => ELSEWHERE, 'leads to 127.0.0.2 and not to this server'],
    [
      'with one for another tenant',
      () => `${ELSEWHERE}\n_acme-challenge.im CNAME ${inDns.aliasOf('other', IM)}.`,
      'not to this server',
    ],
    ['with a TXT record in its place', () => `${ELSEWHERE}\n_acme-challenge.im TXT "stale"`, 'not to this server'],
  ])('%s nothing is ordered', async (_title, published, words) => {
    await publish(published())
    await expect(issued(await wanted())).rejects.toThrow(words)
    expect(proxy.requests('newOrder')).toHaveLength(0)
  })

  test('two orders at once for one name pass, each by its own record', async () => {
    await publish(`${ELSEWHERE}\n${delegated()}`)
    const [one, other] = [await wanted(), await wanted()]
    const all = await Promise.all([issued(one), issued(other)])
    expect(all).toEqual([[IM], [IM]])
    expect([...(await records(one)), ...(await records(other))]).toEqual([])
  })

  test('with a wrong key the authority hears of no challenge, and the operator of what is to be mended', async () => {
    await publish(`${ELSEWHERE}\n${delegated()}`)
    key = { ...updateKey, secret: randomBytes(32) }
    const wish = await wanted()
    await expect(issued(wish)).rejects.toThrow('refused the update')
    expect(logged.join()).toContain('does not accept what is signed by the key waypost')
    expect(told()).toBe(0)
    const memory = await parts.storage.issuance.memory(wish.lineageId)
    expect(memory).toMatchObject({ whose: 'operator', challengeType: 'dns-01', problem: { type: 'dns-update' } })
    expect(await records(wish)).toEqual([])

    // Mended, the same order goes on
    key = updateKey
    await parts.storage.issuance.forget(wish.lineageId)
    expect(await issued(wish)).toEqual([IM])
    expect(proxy.requests('newOrder')).toHaveLength(1)
  })

  test('a process that dies after it has written is followed by one that goes on, or that removes what it wrote', async () => {
    await publish(`${ELSEWHERE}\n${delegated()}`)
    const [dead, forsaken] = [await wanted(), await wanted()]
    for (const wish of [dead, forsaken]) {
      proxy.fault('challenge', { do: 'drop' }) // as if it had died: the record is there, and nobody was told
      await parts.issuer.issue(wish).catch(() => undefined)
      const [record] = await records(wish)
      expect(await isThere(record!.value)).toBe(true)
      expect(await inDns.clear()).toBe(0) // its order is under way
      await parts.storage.issuance.forget(wish.lineageId)
    }
    const [left] = await records(forsaken)
    const [order] = await parts.storage.orders.list(forsaken.lineageId, { limit: 1 })
    await parts.storage.orders.end(order!.id, 'abandoned', null, parts.act())
    expect(await inDns.clear()).toBe(1)
    expect(await isThere(left!.value)).toBe(false)
    expect(await records(forsaken)).toEqual([])

    expect(await issued(dead)).toEqual([IM])
    expect(await records(dead)).toEqual([])
  })

  test('what fails is removed too', async () => {
    await publish(`${ELSEWHERE}\n${delegated()}`)
    const wish = await wanted()
    world.setBehaviour('resolver', async (query, proper) => {
      const isTheirs = query.name === `_acme-challenge.${IM}` && told() > 0
      return isTheirs ? [] : [await proper()]
    })
    await expect(issued(wish)).rejects.toThrow(/"type":"(dns|unauthorized|connection)"/)
    expect(await parts.storage.issuance.memory(wish.lineageId)).toMatchObject({
      challengeType: 'dns-01',
      whose: 'owner',
    })
    await inDns.clear()
    expect(await records(wish)).toEqual([])
  })

  test('a record that a server lacks holds the order up, and the authority is not told', async () => {
    await publish(`${ELSEWHERE}\n${delegated()}`, ['ns1', 'ns2'])
    const wish = await wanted()
    for (let i = 0; i < 2; i++) expect((await parts.issuer.issue(wish)).outcome).toBe('later')
    expect(told()).toBe(0)
    const [record] = await records(wish)
    await atSecondary.add(record!.name, record!.value)
    expect(await issued(wish)).toEqual([IM])
  })
})
