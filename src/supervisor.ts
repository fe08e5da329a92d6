import cluster, { type Worker } from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from './config.ts'
import type { Log } from './log.ts'

/** What a child needs to begin; it comes over the private channel, so that the key is in no file, argument or environment. */
export interface StartMessage {
  kind: 'start'
  config: Config
  masterKey: string // base64
  databaseFile: string
  adminSocket: string
}
export type ToChild = StartMessage | { kind: 'stop' } | { kind: 'edges'; listening: number }
export type FromChild =
  { kind: 'listening-to-you' } | { kind: 'ready'; isNew: boolean } | { kind: 'failed'; why: string }

type Role = 'main' | 'edge'

export interface Supervisor {
  /**
   * Resolves when the main process and every edge process answer, and tells whether the database was empty before.
   * @throws Error with the child's own words
   */
  ready: Promise<{ isNew: boolean }>
  stop(): Promise<void>
}

const FIRST_RESTART_MS = 100
const LONGEST_RESTART_MS = 10_000
const STEADY_MS = 30_000 // a child that lived so long is restarted at once
const STOP_DEADLINE_MS = 12_000

/**
 * Forks the main process and the edge processes, which wait for the main one to have migrated, and restarts whichever
 * dies, with growing pauses. It does nothing else: node:cluster's workers die with their primary, so it must not be able to.
 * @param program the file and arguments that make a process a child of the given role
 */
export function supervise(
  start: Omit<StartMessage, 'kind'>,
  program: (role: Role) => { file: string; args: string[] },
  log: Log,
): Supervisor {
  // SCHED_NONE: the workers accept by themselves; round robin would make this process a bottleneck
  cluster.schedulingPolicy = cluster.SCHED_NONE
  const children = new Map<Worker, { role: Role; isListening: boolean; isReady: boolean }>()
  let isStopping = false

  /** @param mayStart until then the child has loaded its program and waits */
  function fork(
    role: Role,
    pauseMs: number,
    mayStart: Promise<unknown> = Promise.resolve(),
  ): Promise<{ isNew: boolean }> {
    const { file, args } = program(role)
    cluster.setupPrimary({ exec: file, args })
    const worker = cluster.fork()
    const child = { role, isListening: false, isReady: false }
    children.set(worker, child)
    const bornAt = process.hrtime.bigint()
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromChild) => {
        // node:cluster drops what is sent before the worker's program has a listener of its own
        if (message.kind === 'listening-to-you') {
          child.isListening = true
          return void mayStart.then(
            () => tell(worker, { kind: 'start', ...start }),
            () => undefined, // the start failed, and is told of elsewhere
          )
        }
        if (message.kind === 'ready') {
          child.isReady = true
          tellEdges()
          resolve({ isNew: message.isNew })
        } else reject(new Error(message.why))
      })
      worker.on('error', (err) => log.warn({ err, child: role }, 'a process could not be told'))
      worker.on('exit', (code, signal) => {
        children.delete(worker)
        if (isStopping) return
        tellEdges()
        if (!child.isReady) reject(new Error(`the ${role} process ended before it was ready (${signal ?? code})`))
        const livedMs = Number((process.hrtime.bigint() - bornAt) / 1_000_000n)
        const nextMs = livedMs > STEADY_MS ? FIRST_RESTART_MS : Math.min(pauseMs * 2, LONGEST_RESTART_MS)
        log.error({ child: role, childPid: worker.process.pid, code, signal, restartInMs: nextMs }, 'a process ended')
        void delay(nextMs).then(() => (isStopping ? undefined : fork(role, nextMs).catch(logFailure)))
      })
    })
  }

  function logFailure(err: unknown): void {
    log.error({ err }, 'a process did not start')
  }

  function tellEdges(): void {
    const listening = [...children.values()].filter(({ role, isReady }) => role === 'edge' && isReady).length
    for (const [worker, { role }] of children) if (role === 'main') tell(worker, { kind: 'edges', listening })
  }

  function tell(worker: Worker, message: ToChild): void {
    // One that has just died is connected still: its end is told of by 'exit', and an error here would be ours
    if (worker.isConnected()) worker.send(message, () => undefined)
  }

  const ready = (async () => {
    const migrated = fork('main', FIRST_RESTART_MS)
    const edges = Array.from({ length: start.config.edge.processes }, () => fork('edge', FIRST_RESTART_MS, migrated))
    const [started] = await Promise.all([migrated, ...edges])
    return started
  })()

  return {
    ready,
    async stop() {
      isStopping = true
      const ends = [...children.keys()].map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
      for (const [worker, { isListening }] of children)
        if (isListening) tell(worker, { kind: 'stop' })
        else worker.process.kill('SIGKILL') // it has not begun, and would not hear
      const deadline = new AbortController()
      await Promise.race([
        Promise.all(ends),
        delay(STOP_DEADLINE_MS, undefined, { signal: deadline.signal }).catch(() => undefined),
      ])
      deadline.abort()
      for (const worker of children.keys()) worker.process.kill('SIGKILL')
    },
  }
}
