import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, isIPv6, type Socket } from 'node:net'
import { decode, type DecodedPacket, type Question } from 'dns-packet'

export type Transport = 'udp' | 'tcp'

export interface Place {
  address: string
  port: number
}

/** A question as it reached a server of the test's own. */
export interface DnsQuery {
  bytes: Buffer
  packet: DecodedPacket
  name: string // lower case
  type: Question['type']
  hasEdns: boolean
  transport: Transport
  from: Place
}

/** What goes out for a question, packet by packet; an empty list is silence. */
export type Answerer = (query: DnsQuery) => Promise<Buffer[]> | Buffer[]

export interface DnsServer extends Place {
  close(): Promise<void>
}

/** Answers over UDP and TCP whatever `answer` says. @param port 0: a free one */
export async function dnsServer({ address, port }: Place, answer: Answerer): Promise<DnsServer> {
  // A port that is free for UDP may be taken for TCP
  for (let tries = 20; port === 0 && tries > 0; tries--) {
    const server = await listen({ address, port }, answer).catch(() => null)
    if (server !== null) return server
  }
  return listen({ address, port }, answer)
}

async function listen({ address, port }: Place, answer: Answerer): Promise<DnsServer> {
  const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  udp.bind({ address, port, exclusive: true })
  await once(udp, 'listening')
  const place = { address, port: udp.address().port }
  const connections = new Set<Socket>()
  const tcp = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    socket.on('error', () => socket.destroy())
    eachMessage(socket, (bytes) => {
      const from = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
      void reply(bytes, 'tcp', from, answer, (packet) => void socket.write(withLength(packet)))
    })
  })
  try {
    tcp.listen(place.port, address)
    await once(tcp, 'listening')
  } catch (error) {
    udp.close()
    throw error
  }
  udp.on('message', (bytes, from) => {
    void reply(bytes, 'udp', from, answer, (packet) => sendTo(udp, packet, from))
  })
  return {
    ...place,
    async close() {
      udp.close()
      for (const socket of connections) socket.destroy()
      tcp.close()
      await once(tcp, 'close')
    },
  }
}

/** One message there and one back; null: none came in time. */
export function exchange(to: Place, query: Buffer, transport: Transport, withinMs = 5_000): Promise<Buffer | null> {
  return transport === 'udp' ? overUdp(to, query, withinMs) : overTcp(to, query, withinMs)
}

export async function freePort(address: string): Promise<number> {
  const server = await dnsServer({ address, port: 0 }, () => [])
  await server.close()
  return server.port
}

export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

async function reply(
  bytes: Buffer,
  transport: Transport,
  from: Place,
  answer: Answerer,
  send: (packet: Buffer) => void,
): Promise<void> {
  const packet = decode(bytes)
  const [question] = packet.questions ?? []
  if (question === undefined) return
  const hasEdns = packet.additionals?.some(({ type }) => type === 'OPT') ?? false
  const name = question.name.toLowerCase()
  const { address, port } = from
  const query = { bytes, packet, name, type: question.type, hasEdns, transport, from: { address, port } }
  for (const one of await answer(query)) send(one)
}

function overUdp({ address, port }: Place, query: Buffer, withinMs: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const finish = (bytes: Buffer | null) => {
      clearTimeout(timer)
      socket.close()
      resolve(bytes)
    }
    const timer = setTimeout(() => finish(null), withinMs)
    socket.once('error', () => finish(null))
    socket.once('message', (bytes) => finish(bytes))
    socket.once('connect', () => socket.send(query))
    socket.connect(port, address)
  })
}

function overTcp({ address, port }: Place, query: Buffer, withinMs: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const socket = connect(port, address)
    const finish = (bytes: Buffer | null) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(bytes)
    }
    const timer = setTimeout(() => finish(null), withinMs)
    socket.once('error', () => finish(null))
    socket.once('connect', () => socket.write(withLength(query)))
    eachMessage(socket, finish)
  })
}

function eachMessage(socket: Socket, take: (bytes: Buffer) => void): void {
  let received = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
      const end = 2 + received.readUInt16BE()
      take(received.subarray(2, end))
      received = received.subarray(end)
    }
  })
}

/** Whoever asked may be gone, and the server closed. */
function sendTo(udp: UdpSocket, packet: Buffer, { address, port }: Place): void {
  try {
    udp.send(packet, port, address, () => undefined)
  } catch {
    // ERR_SOCKET_DGRAM_NOT_RUNNING
  }
}
