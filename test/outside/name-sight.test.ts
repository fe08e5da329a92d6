import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { EdgeAddresses, PreflightDns, Sight } from '../../src/acme/preflight.ts'
import { domainName } from '../../src/name.ts'
import { nameSight } from '../../src/outside/name-sight.ts'
import type { Zone } from '../../src/outside/resolver.ts'

const NAME = domainName('im.example.com')
const EDGE: EdgeAddresses = { addresses: ['192.0.2.1', '2001:db8::1'], isWhole: true }
const NOWHERE: Sight['addresses'] = { found: [], hasOthers: false, alias: null, isByEdge: false, fault: null }
const UNASKED = { outcome: 'could-not-ask', why: 'silent', isServerFailure: false } as const

const servers: Server[] = []
afterEach(() => servers.splice(0).forEach((server) => server.close()))

async function listening(): Promise<{ port: number; connections: () => number }> {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

function look(addresses: Partial<Sight['addresses']>, { port = 1, zone }: { port?: number; zone?: Zone } = {}) {
  const dns: PreflightDns = {
    edge: async () => EDGE,
    look: async () => ({
      addresses: { ...NOWHERE, ...addresses },
      caa: { outcome: 'ok', set: null },
      challengeRecord: null,
    }),
  }
  const zoneOf = async () => zone ?? ({ outcome: 'ok', zone: 'example.com', servers: ['ns1.example.net'] } as const)
  return nameSight({ dns, resolver: { zoneOf }, port, dialMs: 300 })(NAME)
}

describe('what is seen of a name', () => {
  test.each([
    ['nowhere', {}, 'nowhere'],
    ['by an alias of the edge', { found: ['192.0.2.1'], alias: 't1.edge.example.net', isByEdge: true }, 'here'],
    ['to addresses of the edge', { found: ['192.0.2.1', '2001:db8::1'] }, 'here'],
    ['to no family that could be asked', { fault: UNASKED }, 'could-not-ask'],
    ['to addresses that are not shown', { hasOthers: true }, 'elsewhere'],
    ['to the edge and to addresses that are not shown', { found: ['192.0.2.1'], hasOthers: true }, 'elsewhere'],
  ])('it leads %s', async (_where, addresses, leads) => {
    expect(await look(addresses)).toMatchObject({ leads, web: leads === 'elsewhere' ? 'could-not-ask' : null })
  })

  test('somebody else answers there: one connection is made, and nothing sent', async () => {
    const { port, connections } = await listening()
    expect(await look({ found: ['127.0.0.1'] }, { port })).toMatchObject({ leads: 'elsewhere', web: 'answers' })
    expect(connections()).toBe(1)
  })

  test('nobody answers where each connection is refused', async () => {
    expect(await look({ found: ['127.0.0.1', '127.0.0.2'] })).toMatchObject({ web: 'silent' })
  })

  test('whether somebody answers is not known where nothing comes back', async () => {
    // The kernel opens no connection to all at once, which says nothing of who is there
    expect(await look({ found: ['255.255.255.255'] })).toMatchObject({ web: 'could-not-ask' })
  })

  test('of many addresses few are knocked at', async () => {
    const { port, connections } = await listening()
    await look({ found: Array.from({ length: 20 }, () => '127.0.0.1') }, { port })
    // Accepted in their order: once a later one is, all of the look are
    const before = connect({ host: '127.0.0.1', port })
    await new Promise((resolve) => servers[0]!.once('connection', resolve))
    before.destroy()
    expect(connections()).toBeGreaterThan(0)
    expect(connections()).toBeLessThanOrEqual(3)
  })

  test.each([
    [{ outcome: 'ok', zone: 'im.example.com', servers: [] }, true],
    [{ outcome: 'ok', zone: 'example.com', servers: [] }, false],
    [{ outcome: 'could-not-ask', fault: 'no-zone' }, null],
  ] as const)('whether it is the top of a zone: %j', async (zone, isApex) => {
    expect((await look({}, { zone: zone as unknown as Zone })).isApex).toBe(isApex)
  })
})
