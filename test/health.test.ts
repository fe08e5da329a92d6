import { afterEach, beforeEach, expect, test } from 'vitest'
import type { AddressInfo } from 'node:net'
import { healthServer } from '../src/health.ts'
import { createLog } from '../src/log.ts'

let check: () => Promise<void>
let text: () => Promise<string>
let health: ReturnType<typeof healthServer>
let origin: string

beforeEach(async () => {
  check = () => Promise.resolve()
  text = () => Promise.resolve('waypost_jobs_due{kind="x"} 1\n')
  health = healthServer({
    ...{
      check: () => check(),
      metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: () => text() },
    },
    log: createLog({ level: 'silent', role: 'test' }),
  })
  await new Promise<void>((resolve) => health.server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(health.server.address() as AddressInfo).port}`
})
afterEach(() => new Promise((resolve) => health.server.close(resolve)))

const ask = async (path: string, method = 'GET') => {
  const { status, headers, ...reply } = await fetch(origin + path, { method }).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text(),
  }))
  expect(headers.get('cache-control')).toBe('no-store')
  return [status, reply.body]
}

test('/healthz says that the process lives, whatever else is wrong', async () => {
  check = () => Promise.reject(new Error('gone'))
  expect(await ask('/healthz')).toEqual([200, 'ok\n'])
})

test('/readyz wants a listening edge process and a database', async () => {
  expect(await ask('/readyz')).toEqual([503, 'no edge process is listening\n'])
  health.setListeningEdges(1)
  expect(await ask('/readyz')).toEqual([200, 'ready\n'])
  expect(await ask('/readyz', 'HEAD')).toEqual([200, ''])
  check = () => Promise.reject(new Error('database or disk is full'))
  expect(await ask('/readyz')).toEqual([503, 'the database cannot be used\n'])
  check = () => Promise.resolve()
  health.setListeningEdges(0)
  expect(await ask('/readyz')).toEqual([503, 'no edge process is listening\n'])
})

test('there is nothing else', async () => {
  expect((await ask('/'))[0]).toBe(404)
  expect((await ask('/healthz', 'POST'))[0]).toBe(405)
})

test('/metrics tells the lines for Prometheus, or that it cannot', async () => {
  expect(await ask('/metrics')).toEqual([200, 'waypost_jobs_due{kind="x"} 1\n'])
  const { headers } = await fetch(`${origin}/metrics`)
  expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  text = () => Promise.reject(new Error('gone'))
  expect(await ask('/metrics')).toEqual([503, 'the metrics cannot be told\n'])
})
