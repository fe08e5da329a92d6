import type { Log } from '../log.ts'
import type { DomainName } from '../name.ts'
import { changesSince, endOfFeed } from './change-feed.ts'
import type { Database } from './database.ts'
import { EVERY_HOST } from './perform.ts'

const MAX_BACKLOG = 10_000

interface Memory {
  dropHost(name: DomainName): void
  dropHosts(): void
  dropLineage(id: string): void
  dropAll(): void
}

/** Follows the change feed on behalf of one process's memory. */
export function feedReader(db: Database, memory: Memory, log: Log) {
  let position: number | null = null // null: unknown, so that everything has to be dropped first
  let version: number | null = null // of SQLite's file, when it was last read
  let isBehind = false
  let running: Promise<void> | null = null
  let waiting: Promise<void> | null = null

  async function readOn(): Promise<void> {
    const versionNow = await fileVersion(db)
    if (position !== null && versionNow !== null && versionNow === version) return
    const changes = position === null ? undefined : await changesSince(db, position, MAX_BACKLOG + 1)
    if (changes === undefined || changes.length > MAX_BACKLOG) {
      position = await endOfFeed(db)
      memory.dropAll()
    } else {
      for (const { kind, key } of changes)
        if (kind === 'lineage') memory.dropLineage(key)
        else if (key === EVERY_HOST) memory.dropHosts()
        else memory.dropHost(key as DomainName)
      position = changes.at(-1)?.id ?? position
    }
    version = versionNow
  }

  async function poll(): Promise<void> {
    try {
      await readOn()
      if (isBehind) log.info('the change feed can be read again; everything is read anew')
      isBehind = false
    } catch (err) {
      // What is known is better than nothing, and is dropped as soon as the feed can be read again
      if (!isBehind) log.warn({ err }, 'the change feed cannot be read; what is in memory is served as it is')
      isBehind = true
      position = null
    }
  }

  return {
    /** Takes in all that was committed before the call; never rejects. */
    poll(): Promise<void> {
      if (running === null) return (running = poll().finally(() => (running = null)))
      // The one under way may have looked before
      return (waiting ??= running.then(() => {
        waiting = null
        return this.poll()
      }))
    },
    idle: async (): Promise<void> => void (await Promise.all([running, waiting])),
    isBehind: () => isBehind,
  }
}

/**
 * Tells whether another connection has committed since the last time; null where that cannot be told, on PostgreSQL
 * and on a handle that itself writes, whose own commits do not count.
 */
async function fileVersion(db: Database): Promise<number | null> {
  if (db.engine !== 'sqlite' || !db.isReadOnly) return null
  const [row] = await db.read<{ data_version: number }>('pragma data_version', [])
  return row?.data_version ?? null
}
