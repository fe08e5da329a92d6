import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { sealer } from './certificate/sealing.ts'
import { systemClock } from './clock.ts'
import type { Listen } from './config.ts'
import { edge } from './edge/edge.ts'
import { createLog } from './log.ts'
import { ProblemError } from './problem.ts'
import { openStorage } from './storage/storage.ts'
import type { StartMessage } from './supervisor.ts'

const STOP_DEADLINE_MS = 8000

export interface EdgeProcess {
  stop(): Promise<void>
}

/** The parts list of one edge process: a read-only database handle, the host directory, the listeners. */
export async function startEdge({ config, masterKey, databaseFile, adminSocket }: StartMessage): Promise<EdgeProcess> {
  const clock = systemClock
  const log = createLog({ level: config.log.level, role: 'edge' })
  const storage = await openStorage({
    url: config.storage.url,
    file: databaseFile,
    sealer: sealer(Buffer.from(masterKey, 'base64'), randomBytes),
    clock,
    isReadOnly: true,
  })
  const directory = storage.directory({
    adminHost: config.admin.host,
    maxEntries: config.edge.directory_entries,
    maxBytes: config.edge.directory_megabytes * 2 ** 20,
    log,
  })
  directory.start()
  const front = edge({
    directory,
    privateKeys: storage.privateKeys,
    challenges: storage.challenges,
    adminSocket,
    config,
    clock,
    log,
  })
  const listeners = await Promise.all([
    ...config.edge.https.map((listen) => accept(listen, (socket) => front.acceptTls(socket))),
    ...config.edge.http.map((listen) => accept(listen, (socket) => front.acceptPlain(socket))),
  ])
  log.info({ https: config.edge.https, http: config.edge.http }, 'an edge process is listening')
  return {
    async stop() {
      for (const listener of listeners) listener.close()
      await front.close(STOP_DEADLINE_MS)
      await directory.close()
      await storage.close()
    },
  }
}

/** The sockets are the supervisor's and shared by all edge processes. */
function accept({ host, port }: Listen, take: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer({ noDelay: true }, take)
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenProblem(cause, host, port)))
    server.listen({ ...(host === undefined ? {} : { host }), port }, () => resolve(server))
  })
}

function listenProblem(cause: NodeJS.ErrnoException, host: string | undefined, port: number): Error {
  const where = `${host ?? ''}:${port}`
  if (cause.code === 'EACCES')
    return new ProblemError(
      'unavailable',
      `this user may not listen on ${where}; three cures:\n` +
        `  sudo setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")"\n` +
        `  sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}\n` +
        `  or other ports in the configuration (edge.https, edge.http) and a port forwarding in front of them`,
      { cause },
    )
  if (cause.code === 'EADDRINUSE')
    return new ProblemError('unavailable', `${where} is taken by another program; see who it is with: ss -ltnp`, {
      cause,
    })
  return new ProblemError('unavailable', `cannot listen on ${where}: ${cause.message}`, { cause })
}
