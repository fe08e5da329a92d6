import { getEventListeners } from 'node:events'
import { createServer as createPlainServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { httpsGet, type HttpsGetOptions } from '../../src/outside/https-get.ts'
import { testAuthority, type Issued, type TestAuthority } from '../verify/web-hosts.ts'

const HOST = 'im.example.com'
let authority: TestAuthority
let front: Issued
const servers: Server[] = []

beforeAll(async () => {
  authority = await testAuthority('Test root')
  front = await authority.issue([HOST])
})
afterAll(() => authority.remove())
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server that answers each connection with these bytes, whatever it is asked. Gives its port and what it received. */
async function raw(answer: string, options: TlsOptions = {}): Promise<{ port: number; received: string[] }> {
  const received: string[] = []
  const server = createTlsServer({ cert: front.certPem, key: front.keyPem, ...options }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes: Buffer) => {
      received.push(`${socket.servername} ${bytes.toString('latin1')}`)
      socket.end(answer, 'latin1')
    })
  })
  return { port: await listening(server), received }
}

async function listening(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return (server.address() as AddressInfo).port
}

function door(port: number, options: Partial<HttpsGetOptions> = {}) {
  const resolve = [{ host: HOST, port, address: '127.0.0.1' }]
  return httpsGet({ ca: authority.rootPem, resolve, timeoutMs: 3000, maxBytes: 1000, ...options })
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Twice: a\r\nX-Twice: b\r\n\r\nhi'

describe('httpsGet', () => {
  test.each([
    '/.well-known/tls/_xmpp-server._tcp.b%C3%BCcher.example.com',
    '/.well-known/tls/%5fxmpp-server._TCP.IM.Example.COM',
    '/a/../b/./c//d?x=%2F',
    '/',
  ])('asks %s byte for byte, by SNI and Host of the URL', async (path) => {
    const { port, received } = await raw(OK)
    const reply = await door(port)(`https://IM.Example.com:${port}${path}`)
    expect(received[0]).toMatch(new RegExp(`^${HOST} GET`))
    expect(received[0]?.split('\r\n')[0]).toBe(`${HOST} GET ${path} HTTP/1.1`)
    expect(received[0]).toMatch(new RegExp(`\r\nhost: ${HOST}:${port}\r\n`, 'i'))
    expect(reply).toMatchObject({
      outcome: 'ok',
      status: 200,
      headers: [
        ['content-length', '2'],
        ['x-twice', 'a'],
        ['x-twice', 'b'],
      ],
      body: Buffer.from('hi'),
      tls: { protocol: 'TLSv1.3', address: '127.0.0.1', subject: 'CN=im.example.com', names: [HOST] },
    })
  })

  test('never follows a redirect', async () => {
    const { port, received } = await raw('HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n')
    expect(await door(port)(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'ok', status: 302 })
    expect(received).toHaveLength(1)
  })

  test('verifies although the environment says not to', async () => {
    const { port } = await raw(OK)
    const other = await testAuthority('Another root')
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      expect(await door(port, { ca: other.rootPem })(`https://${HOST}:${port}/`)).toMatchObject({
        outcome: 'wrong',
        fault: 'certificate-untrusted',
      })
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
      await other.remove()
    }
  })

  test('trusts only the given roots, and without them not a private one', async () => {
    const { port } = await raw(OK)
    const reply = await httpsGet({
      resolve: [{ host: HOST, port, address: '127.0.0.1' }],
      timeoutMs: 3000,
      maxBytes: 1000,
    })(`https://${HOST}:${port}/`)
    expect(reply).toMatchObject({ outcome: 'wrong', fault: 'certificate-untrusted' })
  })

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', 'http'],
    ['a header without name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n', 'http'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi', 'http'],
    ['a header of 64 KiB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(65536)}\r\n\r\n`, 'http'],
    ['too long a body', `HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n${'y'.repeat(1001)}`, 'body-too-large'],
    ['a body without end', `HTTP/1.1 200 OK\r\n\r\n${'y'.repeat(100_000)}`, 'body-too-large'],
  ])('%s is wrong', async (_why, answer, fault) => {
    const { port } = await raw(answer)
    expect(await door(port)(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'wrong', fault })
  })

  test('a body of exactly the limit is read', async () => {
    const { port } = await raw(`HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${'y'.repeat(1000)}`)
    expect(await door(port)(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'ok' })
  })

  test.each<[why: string, options: TlsOptions, fault: string]>([
    ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }, 'tls'],
    ['an alert instead of a certificate', { cert: undefined, key: undefined }, 'tls'],
    ['another application protocol only', { ALPNProtocols: ['h2'] }, 'tls'],
  ])('%s is wrong', async (_why, options, fault) => {
    const { port } = await raw(OK, options)
    expect(await door(port)(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'wrong', fault })
  })

  test('plain HTTP on the port is wrong', async () => {
    const port = await listening(createPlainServer((socket) => socket.on('error', () => undefined).end(OK)))
    expect(await door(port)(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'wrong', fault: 'tls' })
  })

  test.each([
    ['a connection that ends at once', (socket: { destroy(): void }) => socket.destroy()],
    ['a connection on which nothing comes', () => undefined],
  ])('%s could not be asked', async (_why, onConnection) => {
    const port = await listening(createPlainServer(onConnection))
    expect(await door(port, { timeoutMs: 200 })(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'could-not-ask' })
  })

  test('the time limit is for the whole answer, not between two bytes', async () => {
    let drip: NodeJS.Timeout | undefined
    const server = createTlsServer({ cert: front.certPem, key: front.keyPem }, (socket) => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      drip = setInterval(() => socket.write('y'), 20)
    })
    const port = await listening(server)
    expect(await door(port, { timeoutMs: 300 })(`https://${HOST}:${port}/`)).toMatchObject({
      outcome: 'could-not-ask',
      why: expect.stringContaining('0.3 s') as string,
    })
    clearInterval(drip)
  })

  test('a truncated body could not be asked', async () => {
    const { port } = await raw('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi')
    expect(await door(port)(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'could-not-ask' })
  })

  test('a signal ends it', async () => {
    const port = await listening(createPlainServer(() => undefined))
    const controller = new AbortController()
    const reply = door(port, { signal: controller.signal })(`https://${HOST}:${port}/`)
    controller.abort()
    expect(await reply).toMatchObject({ outcome: 'could-not-ask', why: expect.stringContaining('given up') as string })
  })

  test('the time may be any number', async () => {
    const { port } = await raw(OK)
    expect(await door(port, { timeoutMs: 1234.5 })(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'ok' })
  })

  test('a signal that has fired already ends it, and one that has not is left as it was', async () => {
    const { port, received } = await raw(OK)
    expect(await door(port, { signal: AbortSignal.abort() })(`https://${HOST}:${port}/`)).toMatchObject({
      outcome: 'could-not-ask',
    })
    const { signal } = new AbortController()
    expect(await door(port, { signal })(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'ok' })
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(received).toHaveLength(1)
  })

  test('an address for another port is not used', async () => {
    const { port } = await raw(OK)
    const elsewhere = createTlsServer({ cert: front.certPem, key: front.keyPem }, (socket) => socket.end(OK))
    servers.push(elsewhere)
    await new Promise<void>((resolve) => elsewhere.listen(port, '127.0.0.9', resolve))
    const resolve = [
      { host: HOST, port: port - 1, address: '127.0.0.9' },
      { host: HOST, port, address: '127.0.0.1' },
    ]
    expect(await door(port, { resolve })(`https://${HOST}:${port}/`)).toMatchObject({ tls: { address: '127.0.0.1' } })
  })

  test('dials IPv6 where told to', async () => {
    const server = createTlsServer({ cert: front.certPem, key: front.keyPem }, (socket) => socket.end(OK))
    const port = await listening(server, '::1')
    const reply = await door(port, { resolve: [{ host: HOST, port, address: '::1' }] })(`https://${HOST}:${port}/`)
    expect(reply).toMatchObject({ outcome: 'ok', tls: { address: '::1' } })
  })

  test.each([
    'http://im.example.com/',
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://[::1]/',
    'https://me:secret@im.example.com/',
    'https://me@im.example.com/',
    'https://im.example.com/#x',
    'https://im.example.com:0/',
    'https://im.example.com:65536/',
    'https://im.example.com\\@127.0.0.1/',
    'https://im.example.com/ x',
    'https://im.example.com/\r\nX: y',
    'https:///x',
    'https:im.example.com/',
    '//im.example.com/',
    '/x',
    '',
  ])('%j is refused without a connection', async (url) => {
    expect(await httpsGet({ timeoutMs: 1000, maxBytes: 1000 })(url)).toMatchObject({ outcome: 'wrong', fault: 'url' })
  })
})

test.each(['ENOTFOUND', 'EAI_AGAIN'])('a name for which DNS says %s could not be asked', async (code) => {
  const lookup = (_host: string, _options: unknown, done: (fault: NodeJS.ErrnoException, address: string) => void) =>
    done(Object.assign(new Error(code), { code }), '')
  const reply = await httpsGet({ lookup, timeoutMs: 1000, maxBytes: 1000 })('https://im.example.com/')
  expect(reply).toMatchObject({ outcome: 'could-not-ask', why: expect.stringMatching(/DNS/) as string })
})
