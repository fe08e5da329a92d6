import { createServer as createPlainServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { guardedAsk, guardedFetch, type GuardedFetchDeps } from '../../src/outside/guarded-fetch.ts'
import type { Addresses } from '../../src/outside/resolver.ts'
import { makeCertificate } from '../support/certificates.ts'
import { until } from '../support/until.ts'
import { vectors } from '../support/vectors.ts'
import { testAuthority, type Issued, type TestAuthority } from '../verify/web-hosts.ts'

const HOST = 'im.example.com'
/** What stands for a public address here; 127.0.0.1 stays forbidden. */
const PUBLIC = '127.0.0.2'
const MAX_BYTES = 1000

let authority: TestAuthority
let front: Issued
const servers: Listener[] = []

beforeAll(async () => {
  authority = await testAuthority('Test root')
  front = await authority.issue([HOST])
})
afterAll(() => authority.remove())
afterEach(async () => {
  for (const { server, open } of servers.splice(0)) {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
})

interface Listener {
  server: Server
  port: number
  accepted: { count: number }
  open: Set<Socket>
}

async function listening(server: Server, address: string, port = 0): Promise<Listener> {
  const listener = { server, port, accepted: { count: 0 }, open: new Set<Socket>() }
  server.on('connection', (socket: Socket) => {
    listener.accepted.count++
    listener.open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => listener.open.delete(socket))
  })
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(port, address, resolve))
  servers.push(listener)
  return { ...listener, port: (server.address() as AddressInfo).port }
}

/** One that only counts. */
function counting(address: string, port = 0): Promise<Listener> {
  return listening(
    createPlainServer((socket) => socket.destroy()),
    address,
    port,
  )
}

/** An HTTPS server, by default at the public address; `answer` gets the connection after its first bytes. */
async function web(answer: (socket: TLSSocket, asked: string) => void, certificate = front, address = PUBLIC) {
  const server = createTlsServer({ cert: certificate.certPem, key: certificate.keyPem }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes: Buffer) => answer(socket, `${socket.servername as string} ${bytes.toString('latin1')}`))
  })
  server.on('tlsClientError', () => undefined)
  return listening(server, address)
}

/** In the order of the calls; the last one stays. */
function resolving(...answers: (Addresses | string[])[]) {
  const asked: string[] = []
  return {
    asked,
    addresses: async (host: string): Promise<Addresses> => {
      const answer = answers[Math.min(asked.length, answers.length - 1)]!
      asked.push(host)
      return Array.isArray(answer) ? { outcome: 'ok', addresses: answer } : answer
    },
  }
}

function deps(port: number, wish: Partial<GuardedFetchDeps> = {}): GuardedFetchDeps {
  return {
    resolver: resolving([PUBLIC]),
    policy: addressPolicy([`${PUBLIC}/32`]),
    allowPorts: [port],
    ca: [authority.rootPem],
    timeoutMs: 3000,
    maxBytes: MAX_BYTES,
    ...wish,
  }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Twice: a\r\nX-Twice: b\r\n\r\nhi'

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
const CLOSING_CHUNK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n'

describe('S22: nothing outside the allow rule is dialled', () => {
  test('no URL of the list, by the fetch or by the verifier; nor is DNS asked for it', async () => {
    const ipv4 = await counting('127.0.0.1')
    const listeners = [ipv4, await counting('::1', ipv4.port), await counting(PUBLIC, ipv4.port)]
    const resolver = resolving([PUBLIC])
    const given = deps(ipv4.port, { resolver })
    const urls = vectors('urls-refused.txt').map((url) => url.replaceAll('PORT', String(ipv4.port)))
    expect(urls.length).toBeGreaterThan(31)
    for (const url of urls) {
      expect({ url, ...(await guardedFetch(given)({ url })) }).toMatchObject({ url, outcome: 'refused' })
      expect({ url, ...(await guardedAsk(given)(url)) }).not.toMatchObject({ outcome: 'ok' })
    }
    expect(resolver.asked).toEqual([])
    expect(listeners.map(({ accepted }) => accepted.count)).toEqual([0, 0, 0])
  })

  test('of a host on a port that is not allowed the verifier says that it could not ask, of other URLs that they are wrong', async () => {
    const ask = guardedAsk(deps(4443))
    expect(await ask(`https://${HOST}:8443/`)).toEqual({
      outcome: 'could-not-ask',
      why: 'the URL has the port 8443, and this server asks no other than 443, 4443',
    })
    expect(await ask('https://127.0.0.1:4443/')).toMatchObject({ outcome: 'wrong', fault: 'url' })
  })

  test.each(['im.example.com', 'IM.EXAMPLE.COM.', '127.0.0.1.nip.example', 'localtest.example'])(
    'no name that resolves to 127.0.0.1: %s',
    async (name) => {
      const { port, accepted } = await counting('127.0.0.1')
      const given = deps(port, { resolver: resolving(['127.0.0.1']) })
      expect(await guardedAsk(given)(`https://${name}:${port}/`)).toMatchObject({ outcome: 'wrong', fault: 'address' })
      expect(accepted.count).toBe(0)
    },
  )

  test('no address of the list that a name resolves to', async () => {
    const ipv4 = await counting('127.0.0.1')
    const ipv6 = await counting('::1', ipv4.port)
    for (const address of vectors('addresses-refused.txt')) {
      const given = deps(ipv4.port, { resolver: resolving([address]) })
      const reply = await guardedFetch(given)({ url: `https://${HOST}:${ipv4.port}/` })
      // In the words of a name without any address: what this machine's resolver knows is not a stranger's to learn
      const without = guardedFetch(deps(ipv4.port, { resolver: resolving({ outcome: 'wrong', why: 'none' }) }))
      expect({ address, ...reply }).toEqual({ address, ...(await without({ url: `https://${HOST}:${ipv4.port}/` })) })
      expect(reply.outcome).toBe('refused')
    }
    expect(ipv4.accepted.count + ipv6.accepted.count).toBe(0)
  })

  test.each([
    ['a private one last', [PUBLIC, '127.0.0.1']],
    ['a private one first', ['127.0.0.1', PUBLIC]],
    ['an IPv4-mapped one', [PUBLIC, '::ffff:127.0.0.1']],
    ['a private one behind many', [...Array<string>(40).fill(PUBLIC), '10.0.0.1']],
  ])('no host whose addresses are mixed: %s', async (_why, addresses) => {
    const allowed = await counting(PUBLIC)
    const forbidden = await counting('127.0.0.1', allowed.port)
    const given = deps(allowed.port, { resolver: resolving(addresses) })
    expect(await guardedFetch(given)({ url: `https://${HOST}:${allowed.port}/` })).toMatchObject({ outcome: 'refused' })
    expect([allowed.accepted.count, forbidden.accepted.count]).toEqual([0, 0])
  })

  test('a resolver that rebinds, 1,000 times: each request is resolved once, and what was judged is dialled', async () => {
    const allowed = await counting(PUBLIC)
    const forbidden = await counting('127.0.0.1', allowed.port)
    const url = `https://${HOST}:${allowed.port}/`
    for (let i = 0; i < 500; i++) {
      const publicFirst = resolving([PUBLIC], ['127.0.0.1'])
      expect(await guardedFetch(deps(allowed.port, { resolver: publicFirst }))({ url })).toMatchObject({
        outcome: 'could-not-ask',
      })
      expect(publicFirst.asked).toEqual([HOST])
      const privateFirst = resolving(['127.0.0.1'], [PUBLIC])
      expect(await guardedFetch(deps(allowed.port, { resolver: privateFirst }))({ url })).toMatchObject({
        outcome: 'refused',
      })
    }
    expect([allowed.accepted.count, forbidden.accepted.count]).toEqual([500, 0])
  }, 30_000)

  test.each(['https://169.254.169.254/latest/meta-data/', 'https://127.0.0.1:PORT/', '//[::1]:PORT/'])(
    'a redirect to %s is an answer like others',
    async (to) => {
      const { port, accepted } = await web((socket) =>
        socket.end(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`),
      )
      const forbidden = await counting('127.0.0.1', port)
      const location = to.replace('PORT', String(port))
      const reply = await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })
      expect(reply).toMatchObject({ outcome: 'ok', status: 302 })
      expect(reply.outcome === 'ok' && reply.headers[0]).toEqual(['location', location])
      expect([accepted.count, forbidden.accepted.count]).toEqual([1, 0])
    },
  )

  test('no proxy of the environment', async () => {
    const { port } = await web((socket) => socket.end(OK))
    const proxy = await counting('127.0.0.1')
    const names = ['HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'HTTP_PROXY', 'NODE_USE_ENV_PROXY']
    for (const name of names) process.env[name] = name.endsWith('ENV_PROXY') ? '1' : `http://127.0.0.1:${proxy.port}`
    try {
      const reply = await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })
      expect(reply).toMatchObject({ outcome: 'ok' })
    } finally {
      for (const name of names) delete process.env[name]
    }
    expect(proxy.accepted.count).toBe(0)
  })

  test('what is told of a closed port is what is told of an open one', async () => {
    const { port } = await counting('127.0.0.1')
    const given = (other: number) => deps(other, { resolver: resolving(['127.0.0.1']) })
    const open = await guardedAsk(given(port))(`https://${HOST}:${port}/`)
    expect(await guardedAsk(given(9))(`https://${HOST}:9/`)).toEqual(open)
  })
})

describe('guardedFetch', () => {
  test('asks by SNI and Host of the URL, and gives status, headers and body as they came', async () => {
    let received = ''
    const { port } = await web((socket, asked) => {
      received = asked
      socket.end(OK)
    })
    const resolver = resolving([PUBLIC])
    const reply = await guardedFetch(deps(port, { resolver }))({
      url: `https://IM.Example.com.:${port}/a/../%2f?x=//y`,
      headers: { 'X-Mine': '1', Host: 'evil.example', 'Accept-Encoding': 'gzip' },
    })
    expect(reply).toEqual({
      outcome: 'ok',
      status: 200,
      headers: [
        ['content-length', '2'],
        ['x-twice', 'a'],
        ['x-twice', 'b'],
      ],
      body: Buffer.from('hi'),
      address: PUBLIC,
    })
    expect(received.toLowerCase().split('\r\n').sort()).toEqual(
      [
        '',
        '',
        `${HOST} get /a/../%2f?x=//y http/1.1`,
        `host: ${HOST}:${port}`,
        'connection: close',
        'x-mine: 1',
        'accept-encoding: identity',
      ].sort(),
    )
    expect(resolver.asked).toEqual([HOST])
  })

  test('sends the body of a POST', async () => {
    const body = Buffer.from('{"text":"gr\u00fc\u00dfe"}')
    let received = ''
    const { port } = await web((socket, asked) => {
      received = asked
      const more = () => {
        if (received.endsWith('}')) socket.end('HTTP/1.1 204 No Content\r\n\r\n')
      }
      socket.on('data', (bytes: Buffer) => {
        received += bytes.toString('latin1')
        more()
      })
      more()
    })
    const headers = { 'content-type': 'application/json', 'user-agent': 'waypost-webhook' }
    const reply = await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/hook`, method: 'POST', headers, body })
    expect(reply).toMatchObject({ outcome: 'ok', status: 204, body: Buffer.alloc(0) })
    const [head, sent] = received.split('\r\n\r\n')
    expect(head).toMatch(/ POST \/hook HTTP\/1\.1\r\n/)
    expect(head).toMatch(new RegExp(`\r\ncontent-length: ${body.length}(\r\n|$)`))
    expect(head).toContain('\r\ncontent-type: application/json\r\n')
    expect(Buffer.from(sent ?? '', 'latin1')).toEqual(body)
  })

  test('goes on to the next address where one refuses the connection, and asks DNS no more', async () => {
    const { port } = await web((socket) => socket.end(OK))
    const resolver = resolving(['127.0.0.3', PUBLIC])
    const policy = addressPolicy(['127.0.0.2/31'])
    const reply = await guardedFetch(deps(port, { resolver, policy }))({ url: `https://${HOST}:${port}/` })
    expect(reply).toMatchObject({ outcome: 'ok', address: PUBLIC })
    expect(resolver.asked).toEqual([HOST])
  })

  test('goes on to the other family', async () => {
    const { port } = await web((socket) => socket.end(OK), front, '::1')
    const resolver = resolving([PUBLIC, '::1'])
    const policy = addressPolicy([`${PUBLIC}/32`, '::1/128'])
    const reply = await guardedFetch(deps(port, { resolver, policy }))({ url: `https://${HOST}:${port}/` })
    expect(reply).toMatchObject({ outcome: 'ok', address: '::1' })
  })

  test('knocks at two addresses of a family and no more', async () => {
    const { port, accepted } = await web((socket) => socket.end(OK))
    const resolver = resolving(['127.0.0.3', '127.0.0.4', PUBLIC])
    const policy = addressPolicy(['127.0.0.2/31', '127.0.0.4/32'])
    const reply = await guardedFetch(deps(port, { resolver, policy }))({ url: `https://${HOST}:${port}/` })
    expect(reply).toMatchObject({ outcome: 'could-not-ask', why: expect.stringContaining('ECONNREFUSED') as string })
    expect(accepted.count).toBe(0)
  })

  test('no address at all is nothing to dial', async () => {
    expect(await guardedFetch(deps(443, { resolver: resolving([]) }))({ url: `https://${HOST}/` })).toMatchObject({
      outcome: 'could-not-ask',
    })
  })

  test('a name without an address is wrong, one that could not be asked for is not', async () => {
    const none = deps(443, { resolver: resolving({ outcome: 'wrong', why: 'there is no such name' }) })
    expect(await guardedAsk(none)(`https://${HOST}/`)).toMatchObject({ outcome: 'wrong', fault: 'address' })
    const silence = { outcome: 'could-not-ask', why: 'no resolver answered' } as const
    expect(await guardedAsk(deps(443, { resolver: resolving(silence) }))(`https://${HOST}/`)).toEqual(silence)
  })

  test('a connection is never used twice', async () => {
    const { port, accepted, open } = await web((socket) => socket.write(`${OK}${OK}`))
    const fetch = guardedFetch(deps(port))
    for (let i = 0; i < 3; i++)
      expect(await fetch({ url: `https://${HOST}:${port}/` })).toMatchObject({ outcome: 'ok', body: Buffer.from('hi') })
    expect(accepted.count).toBe(3)
    await until(() => open.size === 0)
  })
})

describe('a certificate that is not right', () => {
  test.each<[why: string, certificate: () => Promise<Issued>, fault: string]>([
    ['of another name', () => authority.issue(['other.example.com']), 'certificate-name'],
    ['that has expired', () => authority.issue([HOST], { days: -1 }), 'certificate-dates'],
    ['of an authority that is not trusted', elsewhere, 'certificate-untrusted'],
    ['signed by itself', selfSigned, 'certificate-untrusted'],
    ['of the address', () => authority.issue([PUBLIC]), 'certificate-name'],
  ])('%s: nothing is asked over it', async (_why, certificate, fault) => {
    let asked = 0
    const { port, open } = await web(
      (socket) => {
        asked++
        socket.end(OK)
      },
      await certificate(),
    )
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      expect(await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })).toMatchObject({
        outcome: 'could-not-ask',
      })
      expect(await guardedAsk(deps(port))(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'wrong', fault })
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
    await until(() => open.size === 0)
    expect(asked).toBe(0)
  })

  async function elsewhere(): Promise<Issued> {
    const other = await testAuthority('Another root')
    const issued = await other.issue([HOST])
    await other.remove()
    return issued
  }

  async function selfSigned(): Promise<Issued> {
    const { pem, keyPem } = await makeCertificate({
      names: [HOST],
      notBefore: '2020-01-01T00:00:00Z',
      notAfter: '2099-01-01T00:00:00Z',
    })
    return { certPem: pem, keyPem }
  }
})

describe('a server that means harm', () => {
  /** Writes for ever, as fast as it is read. */
  function endlessly(head: string, piece: string) {
    const pieces = piece.repeat(8192 / piece.length)
    return (socket: TLSSocket) => {
      const write = () => {
        while (!socket.destroyed && socket.write(pieces, 'latin1'));
      }
      socket.on('drain', write)
      socket.write(head)
      write()
    }
  }

  test.each<[why: string, answer: (socket: TLSSocket) => void, fault: string]>([
    ['a body without end', endlessly('HTTP/1.1 200 OK\r\n\r\n', 'y'), 'body-too-large'],
    ['a body in pieces without end', endlessly(CHUNKED, '1\r\ny\r\n'), 'body-too-large'],
    ['a length that lies', endlessly('HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n', 'y'), 'body-too-large'],
    ['one header without end', endlessly('HTTP/1.1 200 OK\r\nx: ', 'y'), 'http'],
    ['headers without end', endlessly('HTTP/1.1 200 OK\r\n', 'x: y\r\n'), 'http'],
    ['empty headers without end', endlessly('HTTP/1.1 200 OK\r\n', 'x:\r\n'), 'http'],
    ['a status without end', endlessly('HTTP/1.1 200 ', 'OK'), 'http'],
    ['interim answers without end', endlessly('', 'HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n'), 'http'],
    ['the extension of a chunk without end', endlessly(`${CHUNKED}1;x=`, 'y'), 'http'],
    ['trailers without end', endlessly(`${CHUNKED}1\r\ny\r\n0\r\n`, 'x: y\r\n'), 'http'],
    ['nothing but line ends', endlessly('', '\r\n'), 'http'],
  ])('%s is cut off', async (_why, answer, fault) => {
    const { port, open } = await web(answer)
    expect(await guardedAsk(deps(port))(`https://${HOST}:${port}/`)).toMatchObject({ outcome: 'wrong', fault })
    expect(await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })).toMatchObject({
      outcome: 'could-not-ask',
    })
    await until(() => open.size === 0)
  })

  test.each<[why: string, answer: (socket: TLSSocket) => void]>([
    ['one byte now and then', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'y')],
    ['one header now and then', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\n', 'x: y\r\n')],
    ['one interim answer now and then', (socket) => drip(socket, '', 'HTTP/1.1 102 Processing\r\n\r\n')],
    ['silence', () => undefined],
    ['silence in the body', (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh')],
  ])('%s does not hold it longer than it may take', async (_why, answer) => {
    const { port, open } = await web(answer)
    const began = performance.now()
    expect(await guardedAsk(deps(port, { timeoutMs: 300 }))(`https://${HOST}:${port}/`)).toEqual({
      outcome: 'could-not-ask',
      why: 'no complete answer within 0.3 s',
    })
    expect(performance.now() - began).toBeLessThan(1500)
    await until(() => open.size === 0)
  })

  test('nor does a TLS handshake that stands still', async () => {
    const { port, open } = await listening(
      createPlainServer((socket) => socket.resume()),
      PUBLIC,
    )
    expect(await guardedFetch(deps(port, { timeoutMs: 300 }))({ url: `https://${HOST}:${port}/` })).toEqual({
      outcome: 'could-not-ask',
      why: 'no complete answer within 0.3 s',
    })
    await until(() => open.size === 0)
  })

  test('nor a resolver that is too late, whose answer is then not dialled', async () => {
    const { port, accepted } = await counting(PUBLIC)
    let late = (_answer: Addresses) => undefined as void
    const addresses = () => new Promise<Addresses>((resolve) => (late = resolve))
    const reply = await guardedFetch(deps(port, { resolver: { addresses }, timeoutMs: 100 }))({
      url: `https://${HOST}:${port}/`,
    })
    expect(reply).toMatchObject({ outcome: 'could-not-ask' })
    late({ outcome: 'ok', addresses: [PUBLIC] })
    await new Promise((resolve) => setImmediate(resolve))
    expect(accepted.count).toBe(0)
  })

  test.each<[why: string, answer: (socket: TLSSocket) => void]>([
    ['a connection that is reset in the head', (socket) => reset(socket, 'HTTP/1.1 200 OK\r\nX: ')],
    ['one in a body with a length', (socket) => reset(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi')],
    ['one in a body in pieces', (socket) => reset(socket, `${CHUNKED}2\r\nhi\r\n`)],
    ['one in a body without a length', (socket) => reset(socket, 'HTTP/1.1 200 OK\r\n\r\nhi')],
    ['a body that ends too early', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi')],
    ['one in pieces', (socket) => socket.end(`${CHUNKED}2\r\nhi\r\n`)],
    ['one in pieces of a connection that was to close', (socket) => socket.end(CLOSING_CHUNK)],
  ])('%s is no answer', async (_why, answer) => {
    const { port } = await web(answer)
    expect(await guardedAsk(deps(port))(`https://${HOST}:${port}/`)).toMatchObject({
      outcome: 'could-not-ask',
      why: expect.stringContaining('before its answer was complete') as string,
    })
  })

  test('what is compressed is given as it came', async () => {
    const bomb = gzipSync(Buffer.alloc(500_000))
    expect(bomb.length).toBeLessThan(MAX_BYTES)
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`
    const { port } = await web((socket) => socket.end(Buffer.concat([Buffer.from(head), bomb])))
    expect(await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })).toMatchObject({
      outcome: 'ok',
      body: bomb,
    })
  })

  test.each([
    ['204', 'HTTP/1.1 204 No Content\r\n\r\nhi'],
    ['304', 'HTTP/1.1 304 Not Modified\r\n\r\nhi'],
    ['200 with the length 0', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhi'],
  ])('what follows a %s is no body', async (_why, answer) => {
    const { port } = await web((socket) => socket.end(answer))
    expect(await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })).toMatchObject({
      outcome: 'ok',
      body: Buffer.alloc(0),
    })
  })

  test('interim answers are passed over', async () => {
    const { port } = await web((socket) => socket.end(`HTTP/1.1 103 Early Hints\r\nX: early\r\n\r\n${OK}`))
    expect(await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })).toMatchObject({
      outcome: 'ok',
      status: 200,
      headers: [
        ['content-length', '2'],
        ['x-twice', 'a'],
        ['x-twice', 'b'],
      ],
    })
  })

  test('an upgrade that nobody asked for is no answer', async () => {
    const { port, open } = await web((socket) =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    )
    expect(await guardedFetch(deps(port))({ url: `https://${HOST}:${port}/` })).toMatchObject({
      outcome: 'could-not-ask',
    })
    await until(() => open.size === 0)
  })

  test('a hundred of them at once leave no connection behind', async () => {
    const answers = [
      endlessly('HTTP/1.1 200 OK\r\n\r\n', 'y'),
      () => undefined,
      (socket: TLSSocket) => reset(socket, ''),
    ]
    let turn = 0
    const { port, open } = await web((socket) => answers[turn++ % answers.length]!(socket))
    const before = connections()
    const fetch = guardedFetch(deps(port, { timeoutMs: 1500 }))
    await Promise.all(Array.from({ length: 100 }, () => fetch({ url: `https://${HOST}:${port}/` })))
    await until(() => open.size === 0 && connections() <= before)
  }, 20_000)
})

function drip(socket: TLSSocket, head: string, piece: string): void {
  socket.write(head)
  const timer = setInterval(() => socket.write(piece), 20)
  socket.on('close', () => clearInterval(timer))
}

/** Resets the connection below the TLS, after what was written has gone out. */
function reset(socket: TLSSocket, text: string): void {
  const below = servers.flatMap(({ open }) => [...open]).find(({ remotePort }) => remotePort === socket.remotePort)
  socket.write(text, () => setTimeout(() => below?.resetAndDestroy(), 20))
}

function connections(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TLS|TCPSocket/.test(kind)).length
}
