import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { challengeProbe } from '../../src/outside/challenge-probe.ts'

const host = domainName('im.example.com')
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Writes that as soon as a request is there. */
async function serving(answer: string | ((socket: Socket) => void)) {
  const requests: string[] = []
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (bytes) => {
      requests.push(bytes.toString())
      if (typeof answer === 'function') answer(socket)
      else socket.end(answer)
    })
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const probe = challengeProbe({ port, timeoutMs: 400 })
  return { requests, port, ask: () => probe({ host, token: 'tok-en_1', address: '127.0.0.1' }) }
}

const ok = (body: string, more = '') => `HTTP/1.1 200 OK\r\n${more}content-length: ${body.length}\r\n\r\n${body}`

test('asks for the challenge with the Host line of the name', async () => {
  const { requests, port, ask } = await serving(ok('tok-en_1.thumb'))
  expect(await ask()).toEqual({ outcome: 'ok', status: 200, location: null, body: 'tok-en_1.thumb' })
  expect(requests[0]).toMatch(/^GET \/\.well-known\/acme-challenge\/tok-en_1 HTTP\/1\.1\r\n/)
  expect(requests[0]?.toLowerCase()).toContain(`host: im.example.com:${port}\r\n`)
})

test('follows no redirect', async () => {
  const { requests, ask } = await serving(
    'HTTP/1.1 301 Moved\r\nlocation: http://127.0.0.1:1/x\r\ncontent-length: 0\r\n\r\n',
  )
  expect(await ask()).toEqual({ outcome: 'ok', status: 301, location: 'http://127.0.0.1:1/x', body: '' })
  expect(requests).toHaveLength(1)
})

test('shows what a stranger answered, cut and without what a terminal would obey', async () => {
  const { ask } = await serving(ok(`<h1>\u001b[2J${'x'.repeat(500)}`))
  const reply = await ask()
  expect(reply).toMatchObject({ outcome: 'ok', body: `<h1> [2J${'x'.repeat(192)}` })
})

test('does not wait for what comes after 4 KiB', async () => {
  const { ask } = await serving((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\n\r\n${'y'.repeat(5000)}`)
  })
  expect(await ask()).toMatchObject({ outcome: 'ok', body: 'y'.repeat(200) })
})

test.each<[title: string, answer: string | ((socket: Socket) => void), why: string]>([
  ['nothing', () => undefined, 'in time'],
  ['a body that drips', (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx'), 'in time'],
  ['the end', (socket) => socket.end(), 'ended before'],
  ['a part', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx', 'ended before'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'failed'],
  ['headers without end', `HTTP/1.1 200 OK\r\n${`a: ${'b'.repeat(1000)}\r\n`.repeat(20)}`, 'failed'],
])('could not ask who answers %s', async (_title, answer, why) => {
  const began = performance.now()
  const { ask } = await serving(answer)
  expect(await ask()).toEqual({ outcome: 'could-not-ask', why: expect.stringContaining(why) as string })
  expect(performance.now() - began).toBeLessThan(1_500)
})

test('could not ask where nobody listens', async () => {
  const { port } = await serving('')
  servers.pop()!.close()
  const reply = await challengeProbe({ port })({ host, token: 't', address: '127.0.0.1' })
  expect(reply).toEqual({ outcome: 'could-not-ask', why: 'the connection was refused' })
})
