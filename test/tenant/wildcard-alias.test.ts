import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { nameServers } from '../../src/outside/name-servers.ts'
import { resolver } from '../../src/outside/resolver.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import { reply, txt } from '../support/dns-behaviours.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'
import { isLeftOut } from '../support/left-out.ts'
import { proofWorld, type ProofWorld } from './proof-world.ts'

const NAME = domainName('victim.example')

describe.skipIf(isLeftOut('knot'))('T3: of victim.example everything leads to name servers of mallory', () => {
  let dns: DnsWorld
  let world: ProofWorld
  let mallory: Tenant
  let token: string

  beforeAll(async () => {
    dns = await dnsWorld({ nameServers: 3 })
  })
  afterAll(() => dns.close())

  beforeEach(async () => {
    await dns.reset()
    const resolve = resolver({ servers: [dns.resolver], randomBytes })
    const policy = addressPolicy(['127.0.0.0/8'])
    world = await proofWorld({
      nameServers: nameServers({ resolver: resolve, policy, port: dns.nameServerPort, randomBytes }),
    })
    mallory = await world.storage.tenants.add('mallory', world.act())
    token = world.txt(mallory, NAME)[2]
    await world.claim(mallory, NAME)
    await dns.setZone('attacker.example', 'parked A 192.0.2.1', { nameServers: ['ns3'] })
    let questions = 0
    dns.setBehaviour('ns3', async (query, proper) => {
      if (query.type !== 'TXT') return [await proper()]
      return [++questions === 1 ? reply(query, { answers: [txt(query.name, token)] }) : reply(query)]
    })
    return () => world.close()
  })

  const check = () => world.checks.check(mallory.id, NAME, world.act())

  test.each<[by: string, record: string]>([
    ['a wildcard alias', '* CNAME parked.attacker.example.'],
    ['a DNAME record', '@ DNAME attacker.example.'],
  ])('by %s, and they have the token for the first question only: that proves nothing', async (_by, record) => {
    await dns.setZone(NAME, record, { nameServers: ['ns1', 'ns2'] })
    const { state, sighting, advice, looks } = await check()
    expect(looks[0]!.replies).toMatchObject([{ reply: 'answer', values: [token] }])
    expect(looks[1]!.replies).toMatchObject([{ reply: 'empty', values: [] }])
    expect({ state, sighting }).toEqual({ state: 'unproven', sighting: { outcome: 'wrong', isByMost: true } })
    expect(advice.join(' ')).toContain('by a wildcard alias (or a DNAME record)')
  })

  test('but a TXT record of the name itself proves, and so does an alias of its own', async () => {
    const wildcard = '* CNAME parked.attacker.example.'
    await dns.setZone(NAME, `${wildcard}\n_waypost-challenge TXT ${token}`, { nameServers: ['ns1', 'ns2'] })
    expect((await check()).state).toBe('proven')
    await dns.setZone(NAME, `${wildcard}\n_waypost-challenge CNAME own.victim.example.\nown TXT ${token}`, {
      nameServers: ['ns1', 'ns2'],
    })
    world.clock.advance(60_000)
    expect((await check()).sighting).toEqual({ outcome: 'ok', proof: 'txt', isByMost: true })
  })
})
