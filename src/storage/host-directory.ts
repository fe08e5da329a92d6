import { LRUCache } from 'lru-cache'
import { frontLineageName, type PublishedLineage } from '../certificate/lineage.ts'
import type { Clock } from '../clock.ts'
import type { Host, HostDirectory } from '../delegation/host.ts'
import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import type { Database } from './database.ts'
import { feedReader } from './feed-reader.ts'
import { isUnknown, loadAdminHost, loadHost, loadLineage, sizeOfHost, sizeOfLineage } from './published.ts'
import { singleFlight } from './single-flight.ts'

const MAX_UNKNOWN = 10_000 // a few megabytes, however many names strangers make up

export interface DirectoryOptions {
  adminHost: DomainName | null // null: the edge does not answer for it
  maxEntries: number // of hosts, and as many of lineages
  maxBytes: number // of both together, about
  log: Log
  pollMs?: number // 200 where it is left out
}

export interface StoredHostDirectory extends HostDirectory {
  /** Follows the change feed from now on. @param dropped is told of each lineage that may have changed, or null for any */
  start(dropped?: (lineageId: string | null) => void): void
  close(): Promise<void>
  /** Takes in what was committed before the call. Never rejects: where the database does not answer, what is known stays. */
  poll(): Promise<void>
  stats(): { hosts: number; lineages: number; unknown: number; bytes: number; reads: number; isBehind: boolean }
}

export function hostDirectory(
  { db, clock }: { db: Database; clock: Clock },
  { adminHost, maxEntries, maxBytes, log, pollMs = 200 }: DirectoryOptions,
): StoredHostDirectory {
  const maxSize = Math.max(1, Math.floor(maxBytes / 2))
  const hosts = new LRUCache<DomainName, Host>({ max: maxEntries, maxSize, sizeCalculation: sizeOfHost })
  const lineages = new LRUCache<string, PublishedLineage>({ max: maxEntries, maxSize, sizeCalculation: sizeOfLineage })
  // Apart, so that a flood of made-up names drives out nothing but itself
  const unknown = new LRUCache<DomainName, Host>({ max: Math.min(maxEntries, MAX_UNKNOWN) })
  let reads = 0
  let noteDropped: (lineageId: string | null) => void = () => {}

  const hostFlight = singleFlight<DomainName, Host>(
    (name) => {
      reads++
      return name === adminHost ? loadAdminHost(db, name, frontLineageName(name)) : loadHost(db, name)
    },
    (name, host) => (isUnknown(host) ? unknown : hosts).set(name, host),
  )
  const lineageFlight = singleFlight<string, PublishedLineage | undefined>(
    (id) => {
      reads++
      return loadLineage(db, id, clock.now())
    },
    (id, lineage) => lineage && lineages.set(id, lineage),
  )

  const dropHost = (name: DomainName) => {
    hosts.delete(name)
    unknown.delete(name)
    hostFlight.overtake(name)
  }
  const dropHosts = () => {
    hosts.clear()
    unknown.clear()
    hostFlight.overtakeAll()
  }
  const feed = feedReader(
    db,
    {
      dropHost,
      dropHosts,
      dropLineage(id) {
        lineages.delete(id)
        lineageFlight.overtake(id)
        noteDropped(id)
        if (adminHost) dropHost(adminHost) // is tied to its lineage by name only
      },
      dropAll() {
        dropHosts()
        lineages.clear()
        lineageFlight.overtakeAll()
        noteDropped(null)
      },
    },
    log,
  )
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  function follow(): void {
    void feed.poll().then(() => {
      if (!isClosed) timer = setTimeout(follow, pollMs).unref() // who listens on a socket keeps the process alive
    })
  }

  const peekHost = (name: DomainName) => hosts.get(name) ?? unknown.get(name)
  const peekLineage = (id: string) => lineages.get(id)
  return {
    peekHost,
    findHost: async (name) => peekHost(name) ?? hostFlight.find(name),
    peekLineage,
    findLineage: async (id) => peekLineage(id) ?? lineageFlight.find(id),
    start(dropped = () => {}) {
      noteDropped = dropped
      follow()
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      await feed.idle()
    },
    poll: () => feed.poll(),
    stats: () => ({
      hosts: hosts.size,
      lineages: lineages.size,
      unknown: unknown.size,
      bytes: hosts.calculatedSize + lineages.calculatedSize,
      reads,
      isBehind: feed.isBehind(),
    }),
  }
}
