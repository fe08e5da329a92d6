import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Question } from '../../src/outside/dns-message.ts'
import { ask, budget, type AskOptions, type Exchange } from '../../src/outside/dns-query.ts'
import { behaviourOf, reply, txt, type Behaviour, type BehaviourOf } from '../support/dns-behaviours.ts'
import { dnsServer, freePort, type DnsQuery, type DnsServer } from '../support/dns-wire.ts'
import { until } from '../support/until.ts'

const QUESTION: Question = { name: 'im.example.com', type: 'TXT' }
const TRY_MS = 150

const servers: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** Answers TXT "right" to everything, but as it is told. */
async function server(behaviour: Behaviour, address = '127.0.0.1'): Promise<DnsServer & { queries: DnsQuery[] }> {
  const queries: DnsQuery[] = []
  const one = await dnsServer({ address, port: 0 }, (query) => {
    queries.push(query)
    return behaviourOf(behaviour)(query, async () => reply(query, { answers: [txt(query.name, 'right')] }))
  })
  servers.push(one)
  return { ...one, queries }
}

function put(to: { address: string; port: number }, options: Partial<AskOptions> = {}): Promise<Exchange> {
  const settings = { isRecursive: false, tries: 2, tryMs: TRY_MS, randomBytes, budget: budget(100, 5_000) }
  return ask(to, QUESTION, { ...settings, ...options })
}

function told(exchange: Exchange): string {
  return exchange.outcome === 'reply' ? exchange.reply.answers.map(({ value }) => value).join() : exchange.outcome
}

describe('one question to one server', () => {
  test.each<[behaviour: Behaviour & string, told: string, packets: string]>([
    ['normal', 'right', 'udp'],
    ['silent', 'timeout', 'udp udp'],
    ['formerr-on-edns', 'right', 'udp udp-plain'],
    ['badvers-on-edns', 'right', 'udp udp-plain'],
    ['truncated', 'right', 'udp tcp'],
    ['truncated-no-tcp', 'timeout', 'udp tcp'],
    ['truncated-always', 'malformed', 'udp tcp'],
    ['garbage', 'malformed', 'udp udp'],
    ['wrong-id', 'malformed', 'udp udp'],
    ['wrong-question', 'malformed', 'udp udp'],
    ['oversized', 'malformed', 'udp tcp'],
    ['many-records', 'malformed', 'udp tcp'],
  ])('of the kind %s ends as %s', async (behaviour, expected, packets) => {
    const { queries, ...to } = await server(behaviour)
    expect(told(await put(to))).toBe(expected)
    expect(queries.map(({ transport, hasEdns }) => `${transport}${hasEdns ? '' : '-plain'}`).join(' ')).toBe(packets)
  })

  test.each<[behaviour: Behaviour & string, rcode: number, packets: number]>([
    ['servfail', 2, 1],
    ['refused', 5, 1],
    ['nxdomain', 3, 1],
    ['notimp', 4, 2], // which may have been about EDNS
  ])('of the kind %s is answered with rcode %i', async (behaviour, rcode, packets) => {
    const { queries, ...to } = await server(behaviour)
    expect(await put(to)).toMatchObject({ outcome: 'reply', reply: { rcode } })
    expect(queries).toHaveLength(packets)
  })

  test.each<Behaviour & string>(['normal', 'truncated'])('goes over IPv6 as well: %s', async (behaviour) => {
    expect(told(await put(await server(behaviour, '::1')))).toBe('right')
  })

  test('is asked again where the first packet is lost', async () => {
    let count = 0
    const { queries, ...to } = await server(async (_query, proper) => (++count === 1 ? [] : [await proper()]))
    expect(told(await put(to))).toBe('right')
    expect(queries).toHaveLength(2)
  })

  test('goes out from another port and with another id each time', async () => {
    const { queries, ...to } = await server('silent')
    await Promise.all(Array.from({ length: 8 }, () => put(to)))
    expect(queries).toHaveLength(16)
    expect(new Set(queries.map(({ from }) => from.port)).size).toBeGreaterThan(12)
    expect(new Set(queries.map(({ packet }) => packet.id)).size).toBeGreaterThan(12)
  })

  test('desires recursion only where it is told to', async () => {
    const { queries, ...to } = await server('normal')
    await put(to)
    await put(to, { isRecursive: true })
    expect(queries.map(({ packet }) => packet.flag_rd)).toEqual([false, true])
  })

  test('takes no answer from another port, though it has the right id and question', async () => {
    const stranger = createSocket('udp4')
    stranger.bind(0, '127.0.0.1')
    await once(stranger, 'listening')
    const { queries, ...to } = await server(async (query) => {
      const forged = reply(query, { answers: [txt(query.name, 'forged')] })
      await new Promise((sent) => stranger.send(forged, query.from.port, query.from.address, sent))
      return []
    })
    expect(told(await put(to, { tries: 1 }))).toBe('timeout')
    stranger.close()
    expect(queries).toHaveLength(1)
  })

  test('waits past answers with another id or question for the right one', async () => {
    const late: BehaviourOf = async (query, proper) => [
      ...(await behaviourOf('wrong-id')(query, proper)),
      ...(await behaviourOf('wrong-question')(query, proper)),
      await proper(),
    ]
    const { queries, ...to } = await server(late)
    expect(told(await put(to))).toBe('right')
    expect(queries).toHaveLength(1)
  })

  test('moves to TCP, where nobody can forge, before many ids have been tried on it', async () => {
    const flood: BehaviourOf = async (query, proper) => {
      if (query.transport === 'tcp') return [await proper()]
      const forged = reply(query, { answers: [txt(query.name, 'forged')] })
      return Array.from({ length: 50 }, (_, i) => {
        const copy = Buffer.from(forged)
        copy.writeUInt16BE((copy.readUInt16BE() + 1 + i) % 0x10000)
        return copy
      })
    }
    const { queries, ...to } = await server(flood)
    expect(told(await put(to))).toBe('right')
    expect(queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp'])
  })

  test('to a port where nobody listens is unreachable at once', async () => {
    const to = await server('normal')
    await to.close()
    servers.pop()
    const began = performance.now()
    expect(told(await put(to, { tryMs: 5_000 }))).toBe('unreachable')
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  test('to where this machine has no way is told apart', async () => {
    expect(told(await put({ address: '255.255.255.255', port: 53 }))).toBe('no-route')
  })

  test.each<[title: string, send: Buffer | 'byte by byte' | 'end', told: string]>([
    ['claims 40,000 bytes', Buffer.from([0x9c, 0x40, 0, 0]), 'malformed'],
    ['claims none', Buffer.from([0, 0]), 'malformed'],
    ['ends without an answer', 'end', 'malformed'],
    ['stops in the middle', Buffer.from([0, 40, 1, 2, 3]), 'timeout'],
    ['comes byte by byte', 'byte by byte', 'right'],
  ])('over TCP: an answer that %s', async (_title, send, expected) => {
    const tcp = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.setNoDelay(true)
      socket.once('data', (query: Buffer) => {
        if (send === 'end') return socket.end()
        if (send !== 'byte by byte') return socket.write(send)
        const question = { packet: { id: query.readUInt16BE(2) }, name: QUESTION.name, type: QUESTION.type }
        const message = reply(question as DnsQuery, { answers: [txt(QUESTION.name, 'right')] })
        const bytes = [...Buffer.from([message.length >> 8, message.length & 0xff]), ...message]
        const next = () => {
          const byte = bytes.shift()
          if (byte !== undefined) socket.write(Buffer.from([byte]), () => setImmediate(next))
        }
        return next()
      })
    })
    const udp = createSocket('udp4')
    const port = await freePort('127.0.0.1') // for both
    udp.bind(port, '127.0.0.1')
    await once(udp, 'listening')
    udp.on('message', (bytes, from) => {
      const truncated = Buffer.from(bytes)
      truncated.writeUInt16BE(0x8600, 2)
      udp.send(truncated, from.port, from.address)
    })
    tcp.listen(port, '127.0.0.1')
    await once(tcp, 'listening')
    expect(told(await put({ address: '127.0.0.1', port }, { tryMs: 500 }))).toBe(expected)
    udp.close()
    tcp.close()
  })

  test('is not sent once the packets are used up, and not waited for once the time is', async () => {
    const { queries, ...to } = await server('silent')
    expect(told(await put(to, { budget: budget(1, 5_000) }))).toBe('timeout')
    expect(queries).toHaveLength(1)
    const began = performance.now()
    expect(told(await put(to, { tryMs: 5_000, budget: budget(10, 100) }))).toBe('timeout')
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(queries).toHaveLength(2)
  })

  test('leaves no socket behind', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((kind) => /udp|tcpsocket/i.test(kind)).length
    const { queries, ...to } = await server('truncated')
    const before = sockets()
    await Promise.all(Array.from({ length: 10 }, () => put(to)))
    expect(queries).toHaveLength(20)
    await until(() => sockets() <= before)
  })
})
