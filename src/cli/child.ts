import { setPriority } from 'node:os'
import type { FromChild, StartMessage, ToChild } from '../supervisor.ts'
import { EXIT } from './io.ts'

const MAIN_NICENESS = 5

// The entry of the processes that the supervisor forks: `child main` and `child edge`.
await runChild(process.argv[2] ?? '')

async function runChild(role: string): Promise<void> {
  // A terminal's Ctrl-C reaches all processes at once; only the supervisor acts on it
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  const tell = (message: FromChild) => process.send?.(message)
  let child: Child | undefined
  try {
    const program = await programOf(role) // loaded first: the supervisor lets an edge begin when the main one is ready
    const start = await new Promise<StartMessage>((resolve) => {
      process.on('message', (message: ToChild) => {
        if (message.kind === 'start') resolve(message)
        if (message.kind === 'edges') child?.setListeningEdges?.(message.listening)
        // What has not begun to serve has nothing to end in order
        if (message.kind === 'stop') void (child?.stop() ?? Promise.resolve()).finally(() => process.exit(0))
      })
      tell({ kind: 'listening-to-you' })
    })
    child = await program(start)
    tell({ kind: 'ready', isNew: child.isNew ?? false })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    process.send?.({ kind: 'failed', why } satisfies FromChild, undefined, undefined, () => process.exit(EXIT.couldNot))
  }
}

interface Child {
  isNew?: boolean
  setListeningEdges?(count: number): void
  stop(): Promise<void>
}

async function programOf(role: string): Promise<(start: StartMessage) => Promise<Child>> {
  // Password hashes and imports give way to whoever fetches; the threads that compute them inherit it
  if (role === 'main') setPriority(MAIN_NICENESS)
  return role === 'main' ? (await import('../main.ts')).startMain : (await import('../edge-main.ts')).startEdge
}
