import 'reflect-metadata'
import { createServer as createPlainServer, type AddressInfo, type Server } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { SubjectAlternativeNameExtension } from '@peculiar/x509'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { authorityExchange } from '../../src/outside/authority-exchange.ts'
import { makeCertificate, type MadeCertificate } from '../support/certificates.ts'

const ALWAYS = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2049-01-01T00:00:00Z' }
const servers: Server[] = []
let ca: MadeCertificate

beforeAll(async () => {
  const addresses = new SubjectAlternativeNameExtension([
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
  ])
  ca = await makeCertificate({ isCa: true, extensions: [addresses], ...ALWAYS })
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Answers each connection with these bytes; gives what it was asked. */
async function answering(answer: string): Promise<{ port: number; received: string[] }> {
  const received: string[] = []
  const server = createTlsServer({ cert: ca.pem, key: ca.keyPem }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes: Buffer) => {
      received.push(bytes.toString('latin1'))
      if (answer !== '') socket.end(answer, 'latin1')
    })
  })
  return { port: await listening(server), received }
}

async function listening(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

interface Wish {
  signal?: AbortSignal
  caPem?: string | null
  timeoutMs?: number
  connectTimeoutMs?: number
  maxBytes?: number
}

function ask(url: string, { signal = AbortSignal.timeout(10_000), caPem = ca.pem, ...limits }: Wish = {}) {
  return authorityExchange(limits)({ url, method: 'GET', headers: { 'user-agent': 'waypost' }, caPem }, signal)
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nReplay-Nonce: a\r\nLink: <https://a>\r\nLink: <https://b>\r\n\r\nhi'

describe('authorityExchange', () => {
  test.each(['localhost', '127.0.0.1'])(
    'asks an authority at a private address, %s, in the bytes of the URL',
    async (host) => {
      const { port, received } = await answering(OK)
      expect(await ask(`https://${host}:${port}/a/../%7e/x?b=%2f`)).toEqual({
        outcome: 'ok',
        status: 200,
        headers: { 'content-length': '2', 'replay-nonce': 'a', link: '<https://a>, <https://b>' },
        body: 'hi',
      })
      expect(received[0]).toMatch(/^GET \/a\/\.\.\/%7e\/x\?b=%2f HTTP\/1\.1\r\n/)
      expect(received[0]).toContain(`host: ${host}:${port}\r\n`)
      expect(received[0]).toContain('user-agent: waypost\r\n')
    },
  )

  test('asks for the head alone, and sends a body', async () => {
    const { port, received } = await answering('HTTP/1.1 204 No Content\r\nReplay-Nonce: b\r\n\r\n')
    const to = { url: `https://localhost:${port}/nonce`, headers: {}, caPem: ca.pem }
    const signal = AbortSignal.timeout(10_000)
    expect(await authorityExchange()({ ...to, method: 'HEAD' }, signal)).toMatchObject({ status: 204, body: '' })
    await authorityExchange()({ ...to, method: 'POST', body: '{"payload":""}' }, signal)
    expect(received[0]).toMatch(/^HEAD \/nonce/)
    expect(received[1]).toMatch(/content-length: 14\r\n\r\n\{"payload":""\}$/)
  })

  test('follows no redirect', async () => {
    const { port, received } = await answering('HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n')
    expect(await ask(`https://localhost:${port}/`)).toMatchObject({ outcome: 'ok', status: 302 })
    expect(received).toHaveLength(1)
  })

  test.each([
    'http://localhost/',
    'https://user@localhost/',
    'https://localhost/#part',
    'https://localhost:99999/',
    'https://loc alhost/',
    'https:///path',
    'https:\\\\localhost/',
    '/dir',
    '',
  ])('asks nothing of %j', async (url) => {
    expect(await ask(url)).toMatchObject({ outcome: 'malformed' })
  })

  test.each([
    ['is cut off', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi', 'unreachable'],
    ['is cut off in its pieces', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n', 'unreachable'],
    ['is no HTTP', 'SSH-2.0\r\n\r\n', 'malformed'],
    ['is too large', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1001)}`, 'malformed'],
  ])('an answer that %s is none', async (_what, answer, outcome) => {
    const { port, received } = await answering(answer)
    expect(await ask(`https://localhost:${port}/`, { maxBytes: 1000 })).toMatchObject({ outcome })
    expect(received).toHaveLength(1)
  })

  test('takes a mebibyte', async () => {
    const { port } = await answering(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1_048_576)}`)
    expect(await ask(`https://localhost:${port}/`)).toMatchObject({ outcome: 'ok' })
  })

  test('gives up where no answer comes, where no handshake comes, and where it is told to', async () => {
    const { port } = await answering('')
    const mute = await listening(createPlainServer(() => undefined))
    const url = `https://localhost:${port}/`
    expect(await ask(url, { timeoutMs: 200 })).toEqual({
      outcome: 'unreachable',
      why: 'no complete answer within 0.2 s',
    })
    expect(await ask(`https://localhost:${mute}/`, { connectTimeoutMs: 200 })).toEqual({
      outcome: 'unreachable',
      why: 'localhost did not accept the connection in time (ETIMEDOUT)',
    })
    expect(await ask(url, { signal: AbortSignal.timeout(200) })).toMatchObject({ outcome: 'unreachable' })
  })

  test('says why nobody answers', async () => {
    const server = createPlainServer()
    const port = await listening(server)
    await new Promise((resolve) => server.close(resolve))
    expect(await ask(`https://127.0.0.1:${port}/`)).toMatchObject({
      outcome: 'unreachable',
      why: '127.0.0.1 refused the connection (ECONNREFUSED)',
    })
  })

  test('trusts the CA that was given and no other, and says how to give one', async () => {
    const { port, received } = await answering(OK)
    const url = `https://localhost:${port}/`
    const other = await makeCertificate({ isCa: true, ...ALWAYS })
    expect(await ask(url, { caPem: null })).toMatchObject({
      why: expect.stringContaining('give the CA file') as string,
    })
    expect(await ask(url, { caPem: other.pem })).toMatchObject({
      why: expect.stringContaining('the CA file that was given') as string,
    })
    expect(received).toEqual([])
  })
})
