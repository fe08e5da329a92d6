import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from './log.ts'

const CHECK_DEADLINE_MS = 3000

/**
 * `/metrics`: for Prometheus. `/healthz`: this process lives. `/readyz`: the database can be read and written and an edge process listens; 503
 * with the reason otherwise. Names in cache are answered by the edge either way.
 */
export function healthServer(deps: {
  check: () => Promise<void>
  metrics: { contentType: string; text: () => Promise<string> }
  log: Log
}): {
  server: http.Server
  setListeningEdges(count: number): void
} {
  let edges = 0
  const server = http.createServer((req, res) => {
    const answer = (status: number, text: string, contentType = 'text/plain') => {
      res.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
      res.end(req.method === 'HEAD' ? undefined : text + '\n')
    }
    if (req.method !== 'GET' && req.method !== 'HEAD') return answer(405, 'only GET and HEAD')
    if (req.url === '/healthz') return answer(200, 'ok')
    if (req.url === '/metrics') {
      const { contentType, text } = deps.metrics
      Promise.race([text(), deadline()]).then(
        (lines) => answer(200, lines.trimEnd(), contentType),
        (err: unknown) => {
          deps.log.error({ err }, 'no metrics')
          answer(503, 'the metrics cannot be told')
        },
      )
      return
    }
    if (req.url !== '/readyz') return answer(404, 'there are /healthz, /readyz and /metrics')
    if (edges === 0) return answer(503, 'no edge process is listening')
    Promise.race([deps.check(), deadline()]).then(
      () => answer(200, 'ready'),
      (err: unknown) => {
        deps.log.error({ err }, 'not ready')
        answer(503, 'the database cannot be used')
      },
    )
  })
  return { server, setListeningEdges: (count) => (edges = count) }
}

async function deadline(): Promise<never> {
  await delay(CHECK_DEADLINE_MS, undefined, { ref: false })
  throw new Error(`the database did not answer within ${CHECK_DEADLINE_MS} ms`)
}
