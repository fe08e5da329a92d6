import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ChallengeZone } from '../../src/acme/dns-challenges.ts'
import { systemClock } from '../../src/clock.ts'
import { challengeZone } from '../../src/outside/dns-update.ts'
import { nameServers } from '../../src/outside/name-servers.ts'
import { resolver } from '../../src/outside/resolver.ts'
import { sign, type TsigKey } from '../../src/outside/tsig.ts'
import { dnsWorld, type DnsWorld } from '../support/dns-servers.ts'

const ZONE = 'acme.hosting.example'
const NAME = `k3v9.${ZONE}`
const secret = randomBytes(32)
const key: TsigKey = { name: 'waypost', algorithm: 'hmac-sha256', secret }

let world: DnsWorld
beforeAll(async () => {
  const updateKey = { name: key.name, algorithm: key.algorithm, secret: secret.toString('base64') }
  world = await dnsWorld({ nameServers: 2, updateKey })
})
afterAll(() => world.close())
beforeEach(() => world.setZone(ZONE, '@ TXT "apex"'))
afterEach(() => world.reset())

function zone(more: Partial<Parameters<typeof challengeZone>[0]> = {}): ChallengeZone {
  return challengeZone({
    ...{ zone: ZONE, server: primary(), key, clock: systemClock, randomBytes, timeoutMs: 2_000 },
    nameServers: nameServers({
      resolver: resolver({ servers: [world.resolver], randomBytes, tryMs: 500 }),
      policy: { isAllowed: () => true },
      ...{ port: world.nameServerPort, randomBytes, tryMs: 500 },
    }),
    ...more,
  })
}

function primary(server = 'ns1') {
  return { address: world.addresses[server]!, port: world.nameServerPort }
}

const skewed = (ms: number) => ({ now: () => new Date(systemClock.now().getTime() + ms) })

describe('a record', () => {
  test('is written, beside others of its name, and removed without them', async () => {
    const one = zone({ server: primary('ns2') })
    const both = [zone(), one]
    for (const each of both) {
      expect(await each.add(NAME, 'first')).toEqual({ outcome: 'ok' })
      expect(await each.add(NAME, 'second')).toEqual({ outcome: 'ok' })
      expect(await each.add(NAME, 'second')).toEqual({ outcome: 'ok' })
    }
    expect(await one.look(NAME, 'first')).toEqual({ is: 'everywhere' })
    expect(await one.look(NAME, 'second')).toEqual({ is: 'everywhere' })
    for (const each of both) {
      expect(await each.remove(NAME, 'first')).toEqual({ outcome: 'ok' })
      expect(await each.remove(NAME, 'first')).toEqual({ outcome: 'ok' })
    }
    expect(await one.look(NAME, 'first')).toMatchObject({ is: 'lacking' })
    expect(await one.look(NAME, 'second')).toEqual({ is: 'everywhere' })
  })

  test('is everywhere only where all servers say so; those that do not are named', async () => {
    expect(await zone().add(NAME, 'value')).toEqual({ outcome: 'ok' })
    const server = `ns2.name-servers.test (${world.addresses['ns2']})`
    expect(await zone().look(NAME, 'value')).toEqual({ is: 'lacking', servers: [server] })
    expect(await zone().look(NAME, 'valu')).toMatchObject({ is: 'lacking', servers: { length: 2 } })
    world.setBehaviour('ns2', 'silent')
    expect(await zone().look(NAME, 'value')).toEqual({ is: 'unknown' })
    world.setBehaviour('resolver', 'silent')
    expect(await zone().look(NAME, 'value')).toEqual({ is: 'unknown' })
  })
})

describe('is refused in words that say what to mend', () => {
  test.each<
    [title: string, more: () => Partial<Parameters<typeof challengeZone>[0]>, outcome: string, words: string[]]
  >([
    ['another key', () => ({ key: { ...key, name: 'stranger' } }), 'refused', ['does not know the key stranger']],
    [
      'another secret',
      () => ({ key: { ...key, secret: Buffer.alloc(32) } }),
      'refused',
      ['does not accept', 'secret or its algorithm (hmac-sha256)', 'acme.dns_key_file'],
    ],
    ['a clock behind', () => ({ clock: skewed(-3_600_000) }), 'refused', ['s ahead of', 'NTP']],
    ['a clock ahead', () => ({ clock: skewed(3_600_000) }), 'refused', ['s behind', 'NTP']],
    ['another zone', () => ({ zone: 'elsewhere.example' }), 'refused', ['is not the primary name server of elsewhere']],
    ['nobody there', () => ({ server: { address: '127.0.0.1', port: 1 } }), 'unanswered', ['cannot be reached']],
  ])('%s', async (_title, more, outcome, words) => {
    const result = await zone(more()).add(NAME, 'value')
    expect(result.outcome).toBe(outcome)
    const { why } = result as { why: string }
    for (const each of words) expect(why).toContain(each)
    expect(why).not.toContain(secret.toString('base64'))
    expect(await zone().look(NAME, 'value')).toMatchObject({ is: 'lacking', servers: { length: 2 } })
  })

  test('a name outside the zone', async () => {
    const result = await zone().add('k3v9.other.example', 'value')
    expect(result).toMatchObject({ outcome: 'refused', why: expect.stringContaining('another zone') as string })
  })
})

describe('an answer that nobody should believe is none', () => {
  let server: Server
  const sockets = new Set<Socket>()
  let answer: (query: Buffer) => Buffer | null
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        const reply = answer(bytes.subarray(2))
        if (reply) socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]))
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  /** Header and zone of the question, as an answer with that rcode. */
  function head(query: Buffer, rcode: number): Buffer {
    const reply = Buffer.concat([query.subarray(0, 12), query.subarray(12, query.indexOf('example') + 12)])
    reply.writeUInt16BE(0xa800 | rcode, 2)
    for (const at of [6, 8, 10]) reply.writeUInt16BE(0, at)
    return reply
  }
  const ask = () => {
    const { port } = server.address() as { port: number }
    return zone({ server: { address: '127.0.0.1', port }, timeoutMs: 300 }).add(NAME, 'value')
  }
  const why = (words: string) => expect.stringContaining(words) as string

  test.each<[title: string, reply: (query: Buffer) => Buffer | null, outcome: string, words: string]>([
    ['success without a signature', (query) => head(query, 0), 'unanswered', 'not signed by the key waypost'],
    [
      'success, signed as if nothing was asked',
      (query) => sign(head(query, 0), key, systemClock.now()).bytes,
      'unanswered',
      'not signed',
    ],
    ['a refusal without a signature', (query) => head(query, 5), 'refused', 'does not let the key waypost change TXT'],
    ['that there is nothing of the kind', (query) => head(query, 4), 'refused', 'takes no dynamic updates'],
    ['SERVFAIL', (query) => head(query, 2), 'unanswered', 'SERVFAIL'],
    [
      'to another question',
      (query) => Buffer.concat([Buffer.of(0, 0), head(query, 0).subarray(2)]),
      'unanswered',
      'none',
    ],
    ['the question itself', (query) => query, 'unanswered', 'an answer that is none'],
    ['half a header', (query) => query.subarray(0, 5), 'unanswered', 'an answer that is none'],
    ['more records than it has', (query) => withCount(head(query, 0), 0xffff), 'unanswered', 'an answer that is none'],
    ['one record that is not there', (query) => withCount(head(query, 0), 1), 'unanswered', 'an answer that is none'],
    [
      'a signature that ends too early',
      (query) => cut(sign(head(query, 0), key, systemClock.now()).bytes),
      'unanswered',
      'none',
    ],
    ['too much', () => Buffer.alloc(60_000), 'unanswered', 'an answer that is none'],
    ['nothing', () => null, 'unanswered', 'does not answer over TCP in time'],
  ])('%s', async (_title, reply, outcome, words) => {
    answer = reply
    expect(await ask()).toEqual({ outcome, why: why(words) })
  })

  /** The signature's record says that it is shorter, and is. */
  function cut(reply: Buffer): Buffer {
    const length = reply.lastIndexOf(Buffer.from('\x0bhmac-sha256', 'latin1')) - 2
    reply.writeUInt16BE(reply.readUInt16BE(length) - 20, length)
    return reply.subarray(0, reply.length - 20)
  }

  function withCount(reply: Buffer, count: number): Buffer {
    reply.writeUInt16BE(count, 10)
    return reply
  }
})
