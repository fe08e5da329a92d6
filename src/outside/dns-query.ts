import { createSocket } from 'node:dgram'
import { setMaxListeners } from 'node:events'
import { connect, isIPv6 } from 'node:net'
import { RCODE, readReply, writeQuery, type Question, type Reply } from './dns-message.ts'

/** Where a DNS server listens. */
export interface Server {
  address: string
  port: number
}

/** What all questions of one look may take together. */
export interface Budget {
  packets: number // that may still be sent; a TCP connection counts as one
  signal: AbortSignal // when the time is up
}

export type Exchange<T = Reply> =
  | { outcome: 'reply'; reply: T }
  | { outcome: 'timeout' } // or the budget is spent
  | { outcome: 'unreachable' }
  | { outcome: 'no-route' } // this machine has no way there, whatever stands there
  | { outcome: 'malformed' } // something came, but nothing that answers the question

export interface AskOptions {
  isRecursive: boolean // whether recursion is desired
  tries: number // over UDP
  tryMs: number
  randomBytes: (size: number) => Uint8Array
  budget: Budget
}

export const TRY_MS = 2_000

// Whoever forges answers to a question has to send thousands of them to hit its id; TCP is asked long before (RFC 5452 §9.3)
const MOST_STRANGERS = 8
const MOST_TCP_BYTES = 16_384

export function budget(packets: number, ms: number): Budget {
  const signal = AbortSignal.timeout(ms)
  setMaxListeners(0, signal) // Node 20 takes more than ten questions at once for a leak
  return { packets, signal }
}

export function isSpent({ packets, signal }: Budget): boolean {
  return packets <= 0 || signal.aborted
}

/** Puts one question to one server: over UDP, and over TCP where UDP is too small for the answer or not to be trusted. */
export async function ask(server: Server, question: Question, options: AskOptions): Promise<Exchange> {
  let hasEdns = true
  let last: Exchange = { outcome: 'timeout' }
  for (let tries = 0; tries < options.tries;) {
    const exchange = await attempt(overUdp, server, question, hasEdns, options)
    if (exchange === 'over-tcp') return attempt(wholeOverTcp, server, question, hasEdns, options)
    const isWaste = exchange.outcome === 'timeout' || exchange.outcome === 'malformed'
    if (exchange.outcome === 'reply' && hasEdns && WITHOUT_EDNS.has(exchange.reply.rcode)) hasEdns = false
    else if (!isWaste) return exchange
    else tries++
    last = exchange
  }
  return last
}

/** What servers from before EDNS say to it (RFC 6891 §7), and those of another version. */
const WITHOUT_EDNS: ReadonlySet<number> = new Set([RCODE.formErr, RCODE.notImp, RCODE.badVers])

type Transport<T> = (server: Server, query: Buffer, read: (bytes: Buffer) => Reply | null, wait: Wait) => Promise<T>
type Wait = Pick<AskOptions, 'tryMs'> & Pick<Budget, 'signal'>

async function attempt<T>(
  transport: Transport<T>,
  server: Server,
  question: Question,
  hasEdns: boolean,
  { isRecursive, randomBytes, tryMs, budget }: AskOptions,
): Promise<T | { outcome: 'timeout' }> {
  if (isSpent(budget)) return { outcome: 'timeout' }
  budget.packets--
  const id = Buffer.from(randomBytes(2)).readUInt16BE()
  const query = writeQuery(id, question, isRecursive, hasEdns)
  return transport(server, query, (bytes) => readReply(bytes, id, question), { tryMs, signal: budget.signal })
}

/** A socket of its own, and so a port that nobody else knows; connected, so that it hears that one peer only. */
function overUdp(
  { address, port }: Server,
  query: Buffer,
  read: (bytes: Buffer) => Reply | null,
  wait: Wait,
): Promise<Exchange | 'over-tcp'> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    let strangers = 0
    const finish = once(
      wait,
      () => finish({ outcome: strangers > 0 ? 'malformed' : 'timeout' }),
      (exchange: Exchange | 'over-tcp') => {
        socket.close()
        resolve(exchange)
      },
    )
    socket.on('error', (error) => finish(failure(error)))
    socket.on('message', (bytes) => {
      const reply = read(bytes)
      if (reply === null) return ++strangers < MOST_STRANGERS ? undefined : finish('over-tcp')
      finish(reply.isTruncated ? 'over-tcp' : { outcome: 'reply', reply })
    })
    socket.on('connect', () => socket.send(query))
    socket.connect(port, address)
  })
}

const wholeOverTcp: Transport<Exchange> = (server, query, read, wait) =>
  overTcp(server, query, (bytes) => wholeOf(read(bytes)), wait)

function wholeOf(reply: Reply | null): Reply | null {
  return reply?.isTruncated === false ? reply : null
}

/** One message there and one back. @param read null: it is no answer to that question */
export function overTcp<T>(
  { address, port }: Server,
  query: Buffer,
  read: (bytes: Buffer) => T | null,
  wait: Wait,
): Promise<Exchange<T>> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    let received = Buffer.alloc(0)
    const finish = once(
      wait,
      () => finish({ outcome: 'timeout' }),
      (exchange: Exchange<T>) => {
        socket.destroy()
        resolve(exchange)
      },
    )
    socket.on('error', (error) => finish(failure(error)))
    socket.on('connect', () => {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(query.length)
      socket.write(Buffer.concat([length, query]))
    })
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      const length = received.length < 2 ? 0 : received.readUInt16BE()
      if (length > MOST_TCP_BYTES) return finish({ outcome: 'malformed' })
      if (received.length < 2 || received.length < length + 2) return
      const reply = read(received.subarray(2, length + 2))
      finish(reply === null ? { outcome: 'malformed' } : { outcome: 'reply', reply })
    })
    socket.on('end', () => finish({ outcome: 'malformed' }))
  })
}

/** A function that takes the first result only; where none comes in time, `expire` is called to make one. */
function once<T>({ tryMs, signal }: Wait, expire: () => void, done: (result: T) => void): (result: T) => void {
  const timer = setTimeout(expire, tryMs)
  signal.addEventListener('abort', expire)
  let isDone = false
  return (result) => {
    if (isDone) return // a socket that is closed may still have an error to tell
    isDone = true
    clearTimeout(timer)
    signal.removeEventListener('abort', expire)
    done(result)
  }
}

function failure({ code = '' }: NodeJS.ErrnoException): Exclude<Exchange, { outcome: 'reply' }> {
  return { outcome: OF_OURS.has(code) ? 'no-route' : 'unreachable' }
}

const OF_OURS: ReadonlySet<string> = new Set([
  ...['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EACCES', 'EPERM', 'EINVAL'],
  ...['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'],
])
