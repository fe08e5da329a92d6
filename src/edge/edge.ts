import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { documents } from '../delegation/documents.ts'
import type { HostDirectory } from '../delegation/host.ts'
import type { Log } from '../log.ts'
import { nameFromBytes, type DomainName } from '../name.ts'
import { adminStream } from './admin-stream.ts'
import { challengeContexts } from './challenge-contexts.ts'
import { contexts } from './contexts.ts'
import { httpListener, type Limits } from './http-listener.ts'
import { plainHandler, type Challenges } from './plain-handler.ts'
import { requestHandler } from './request-handler.ts'
import { speaksHttp, tlsListener, type FrontFault } from './tls-listener.ts'

/** The caller listens, on as many addresses as it likes, and hands over each connection at once. */
export interface Edge {
  acceptTls(socket: Socket): void
  acceptPlain(socket: Socket): void
  /** Lets answers that have begun end, and cuts off what is left after the deadline. Stop listening first. */
  close(deadlineMs: number): Promise<void>
  /** The lineage, or null for any, has changed: what was made of its private key is kept no longer. */
  forgetLineage(id: string | null): void
  stats(): EdgeStats
}

export interface EdgeStats {
  requests: number // since the start
  contexts: number // in memory now
}

const PUBLIC_LIMITS: Limits = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  requestsPerConnection: 100,
  hasBodies: false,
}
/** The admin host has uploads, cookies, and people who come back to a page. */
const ADMIN_LIMITS: Limits = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 15_000,
  requestsPerConnection: 1_000,
  hasBodies: true,
}
const MAX_CONNECTIONS = 18_000
const CLOSE_IDLE_EVERY_MS = 50
const COMPLAIN_EVERY_MS = 10_000
const WARN_OF_NAME_EVERY_MS = 600_000
const MAX_WARNED = 1_000 // names; where more are at fault, one cause is behind them and a thousand lines are enough

/** The public plane: TLS and HTTP in front of the host directory, and of the admin plane's socket for the admin host. */
export function edge(deps: {
  directory: HostDirectory
  privateKeys: { open(privateKeyId: string): Promise<Uint8Array> }
  challenges: Challenges
  adminSocket: string
  config: Pick<Config, 'edge' | 'admin' | 'publish'>
  clock: Clock
  log: Log
}): Edge {
  const { directory, challenges, adminSocket, config, clock } = deps
  const kept = contexts({ most: config.edge.contexts, privateKeys: deps.privateKeys })
  const names = new WeakMap<Socket, DomainName>()
  const sockets = new Set<Socket>()
  const warnedAt = new Map<DomainName, number>() // the oldest first
  let requests = 0
  let closing = false
  let complainedAt = -Infinity
  let drained = () => {}

  const isClosing = () => closing
  const serverName = ({ socket }: IncomingMessage) => names.get(socket)
  const unavailable = (err: unknown, name: DomainName) => {
    // A database that is away is away for every request: one line is enough
    const now = clock.now().getTime()
    if (Math.abs(now - complainedAt) < COMPLAIN_EVERY_MS) return
    complainedAt = now
    deps.log.warn({ err, name }, 'a request could not be answered')
  }
  const unverifiable = (why: FrontFault, name: DomainName) => {
    const now = clock.now().getTime()
    for (const [each, at] of warnedAt) {
      if (Math.abs(now - at) < WARN_OF_NAME_EVERY_MS) break
      warnedAt.delete(each)
    }
    if (warnedAt.has(name) || warnedAt.size >= MAX_WARNED) return
    warnedAt.set(name, now)
    deps.log.warn({ name, why }, 'a registered name has no valid front certificate')
  }

  const publicPlane = httpListener(
    PUBLIC_LIMITS,
    isClosing,
    requestHandler({
      directory,
      documents: documents(config.publish.posh_expires_seconds),
      clock,
      maxAgeSeconds: config.publish.max_age_seconds,
      serverName,
      unavailable,
    }),
  )
  const adminPlane = httpListener(ADMIN_LIMITS, isClosing, adminStream({ adminSocket, serverName, unavailable }))
  const plain = httpListener(
    PUBLIC_LIMITS,
    isClosing,
    plainHandler({
      challenges,
      clock,
      admin: { host: config.admin.host, httpsPort: config.edge.https[0]?.port ?? 443 },
      unavailable,
    }),
  )
  const tls = tlsListener({
    directory,
    contexts: kept,
    challengeContexts: challengeContexts({ challenges, clock }),
    clock,
    unavailable,
    unverifiable,
  })
  tls.on('tlsClientError', (_fault, socket) => socket.destroy())
  tls.on('secureConnection', (socket) => {
    // RFC 8737 §4: a validator has seen what it came for
    if (!speaksHttp(socket)) return closeAtOnce(socket)
    const name = nameFromBytes(String(socket.servername))
    if (name === null) return socket.destroy()
    names.set(socket, name)
    const plane = name === config.admin.host ? adminPlane : publicPlane
    plane.emit('connection', socket)
  })
  for (const server of [publicPlane, adminPlane, plain]) {
    server.on('request', () => void requests++)
    // A server that is fed by hand and never listens does not check its time limits
    server.emit('listening')
  }

  function accept(server: NodeJS.EventEmitter, socket: Socket): void {
    if (closing || sockets.size >= MAX_CONNECTIONS) return void socket.destroy()
    sockets.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0) drained()
    })
    server.emit('connection', socket)
  }

  return {
    acceptTls: (socket) => accept(tls, socket),

    acceptPlain(socket) {
      socket.allowHalfOpen = true // as http.Server has it: a client may close its side once it has asked
      accept(plain, socket)
    },

    async close(deadlineMs) {
      closing = true
      const closeIdle = () => {
        for (const server of [publicPlane, adminPlane, plain]) server.closeIdleConnections()
      }
      closeIdle()
      // An answer that was under way kept its connection alive, as it had promised to
      const again = setInterval(closeIdle, CLOSE_IDLE_EVERY_MS)
      const deadline = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, deadlineMs)
      if (sockets.size > 0) await new Promise<void>((resolve) => (drained = resolve))
      clearTimeout(deadline)
      clearInterval(again)
      for (const server of [publicPlane, adminPlane, plain]) server.close()
    },

    forgetLineage: (id) => kept.forget(id),

    stats: () => ({ requests, contexts: kept.size }),
  }
}

function closeAtOnce(socket: TLSSocket): void {
  socket.on('error', () => socket.destroy())
  socket.destroySoon() // after close_notify
}
