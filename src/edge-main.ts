import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { sealer } from './certificate/sealing.ts'
import { systemClock } from './clock.ts'
import type { Listen } from './config.ts'
import { edge } from './edge/edge.ts'
import { listenOn } from './listen.ts'
import { createLog } from './log.ts'
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
    // Behind a proxy of the operator's the admin host is no name of ours
    adminHost: config.admin.listen ? null : config.admin.host,
    maxEntries: config.edge.directory_entries,
    maxBytes: config.edge.directory_megabytes * 2 ** 20,
    log,
  })
  const front = edge({
    directory,
    privateKeys: storage.privateKeys,
    challenges: storage.challenges,
    adminSocket,
    config,
    clock,
    log,
  })
  directory.start((lineageId) => front.forgetLineage(lineageId))
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

async function accept(listen: Listen, take: (socket: net.Socket) => void): Promise<net.Server> {
  const server = net.createServer({ noDelay: true }, take)
  await listenOn(server, listen, { isShared: true })
  return server
}
