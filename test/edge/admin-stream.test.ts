import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { edgeRig, type EdgeRig } from '../support/edge-rig.ts'
import { until } from '../support/until.ts'

const ADMIN = 'admin.example.net'

let rig: EdgeRig
let arrived = 0
let aborted = 0
let seen: Seen[] = []
beforeAll(async () => {
  rig = await edgeRig({ toml: `[admin]\nhost = "${ADMIN}"\n`, adminHandler: adminPlane })
  await rig.addFront(ADMIN)
  await rig.addTarget('hosting.example.net')
  await rig.settle()
})
afterAll(() => rig.close())

/** A request as the admin plane read it to its end. */
interface Seen {
  method: string | undefined
  url: string | undefined
  body: string
}

/** What the admin plane is for the edge: a server on a Unix socket. */
function adminPlane(request: IncomingMessage, response: ServerResponse): void {
  switch ((request.url ?? '').replace(/\?.*/, '')) {
    case '/echo': {
      const { method, url, rawHeaders } = request
      response.writeHead(200, { 'Content-Type': 'application/json', 'Set-Cookie': ['a=1', 'b=2'], 'Keep-Alive': 'x' })
      return void response.end(JSON.stringify({ method, url, rawHeaders }))
    }
    case '/count': {
      let bytes = 0
      request.on('data', (chunk: Buffer) => (bytes += chunk.length))
      return void request.on('end', () => response.end(String(bytes)))
    }
    case '/drip':
      response.write('first ')
      return void response.on('close', () => aborted++)
    case '/wait':
      arrived++
      return void response.on('close', () => aborted++)
    case '/seen':
    case '/smuggled': {
      const { method, url } = request
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      return void request.on('end', () => {
        seen.push({ method, url, body })
        response.end()
      })
    }
    case '/early':
      response.writeHead(413)
      return void response.end('too large')
    case '/torn':
      response.writeHead(200, { 'Content-Length': 100 })
      response.write('torn')
      return void setTimeout(() => response.destroy(), 50)
    case '/crash':
      return void request.socket.destroy()
    default:
      response.writeHead(404)
      response.end()
  }
}

interface Reply {
  status: number | undefined
  headers: IncomingMessage['headers']
  body: string
}

function ask(
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: Buffer } = {},
) {
  return new Promise<Reply>((resolve, reject) => {
    const request = https.request(
      {
        ...{ host: '127.0.0.1', port: rig.tlsPort, servername: ADMIN, ca: rig.ca, agent: false, method, path },
        headers: { Host: ADMIN, ...headers },
      },
      (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: text }))
        answer.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

const echo = (reply: Reply) => JSON.parse(reply.body) as { method: string; url: string; rawHeaders: string[] }

describe('the admin host', () => {
  test('method, path and query arrive as they were sent', async () => {
    expect(echo(await ask('/echo?a=%2f&b', { method: 'DELETE' }))).toMatchObject({
      method: 'DELETE',
      url: '/echo?a=%2f&b',
    })
  })

  test('what a client says of itself is dropped, and the truth set', async () => {
    const { rawHeaders } = echo(
      await ask('/echo', {
        headers: {
          'X-Forwarded-For': '203.0.113.9',
          'X-Forwarded-Proto': 'http',
          'X-Forwarded-Host': 'evil.example',
          'X-Forwarded-Anything': 'x',
          Forwarded: 'for=203.0.113.9',
          'X-Real-IP': '203.0.113.9',
          'X-Original-URL': '/x',
          'X-Mine': 'kept',
          Connection: 'close, x-mine-too',
          'X-Mine-Too': 'dropped',
          'Keep-Alive': 'timeout=5',
          TE: 'trailers',
        },
      }),
    )
    const sent = Object.fromEntries(
      rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1]]] : [])),
    ) as Record<string, string>
    expect(sent).toEqual({
      'x-mine': 'kept',
      host: ADMIN,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': ADMIN,
      'x-forwarded-proto': 'https',
      connection: sent['connection'],
    })
  })

  test('the answer comes back without what is between edge and admin plane, every cookie a line of its own', async () => {
    const { headers } = await ask('/echo')
    expect(headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(headers['content-type']).toBe('application/json')
    expect(headers['keep-alive']).not.toBe('x')
  })

  test('a large body streams through, with its length or in chunks', async () => {
    const body = Buffer.alloc(5_000_000, 'x')
    expect((await ask('/count', { method: 'POST', body, headers: { 'Content-Length': '5000000' } })).body).toBe(
      '5000000',
    )
    expect((await ask('/count', { method: 'PUT', body, headers: { 'Transfer-Encoding': 'chunked' } })).body).toBe(
      '5000000',
    )
    expect((await ask('/count', { method: 'POST', body, headers: { Expect: '100-continue' } })).body).toBe('5000000')
  })

  test('an answer streams as it is made, and a client that leaves ends it', async () => {
    const before = aborted
    await new Promise<void>((resolve, reject) => {
      const request = https.get(
        {
          host: '127.0.0.1',
          port: rig.tlsPort,
          servername: ADMIN,
          ca: rig.ca,
          path: '/drip',
          headers: { Host: ADMIN },
        },
        (answer) =>
          answer.once('data', (chunk: Buffer) => {
            expect(chunk.toString()).toBe('first ')
            request.destroy()
            resolve()
          }),
      )
      request.on('error', reject)
    })
    await until(() => aborted > before)
  })

  test('a client that leaves before there is an answer ends the request', async () => {
    const before = aborted
    const request = https.get({
      ...{ host: '127.0.0.1', port: rig.tlsPort, servername: ADMIN, ca: rig.ca, path: '/wait' },
      headers: { Host: ADMIN },
    })
    request.on('error', () => undefined)
    await until(() => arrived > 0)
    request.destroy()
    await until(() => aborted > before)
  })

  test('an answer before the end of the body arrives', async () => {
    const body = Buffer.alloc(20_000_000, 'x')
    const reply = await ask('/early', { method: 'POST', body }).catch((error: NodeJS.ErrnoException) => error.code)
    // A client that is still sending may see the close first
    if (typeof reply === 'object') expect([reply.status, reply.body]).toEqual([413, 'too large'])
    else expect(reply).toMatch(/EPIPE|ECONNRESET/)
  })

  test('an answer that is torn is torn for the client too', async () => {
    await expect(ask('/torn')).rejects.toThrow()
  })

  test('a crash of the admin plane is 502, and the next request is served', async () => {
    const reply = await ask('/crash')
    expect([reply.status, reply.body, reply.headers['cache-control']]).toEqual([502, 'Bad Gateway\n', 'no-store'])
    expect((await ask('/echo')).status).toBe(200)
  })

  test('the name in SNI, Host and target must be one', async () => {
    const status = async (bytes: string, serverName = ADMIN) =>
      (await rig.raw(bytes, { serverName })).answers[0]?.status
    expect(await status(`GET /echo HTTP/1.1\r\nHost: hosting.example.net\r\n\r\n`)).toBe(421)
    expect(await status(`GET /echo HTTP/1.1\r\nHost: ${ADMIN}\r\n\r\n`, 'hosting.example.net')).toBe(421)
    expect(await status(`GET https://evil.example/echo HTTP/1.1\r\nHost: ${ADMIN}\r\n\r\n`)).toBe(421)
    expect(await status(`GET /echo HTTP/1.1\r\nHost: ${ADMIN}\r\nHost: ${ADMIN}\r\n\r\n`)).toBe(400)
    expect(await status(`GET https://${ADMIN}/echo HTTP/1.1\r\nHost: ${ADMIN}\r\n\r\n`)).toBe(200)
    expect(await status(`POST /count HTTP/1.1\r\nHost: ${ADMIN}\r\nTransfer-Encoding: xchunked\r\n\r\n`)).toBe(400)
  })

  describe.each(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH'])('a body of %s', (method) => {
    const hidden = `GET /smuggled HTTP/1.1\r\nHost: ${ADMIN}\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n`
    const length = `Content-Length: ${hidden.length}\r\n`
    const chunks = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`
    test.each([
      ['with its length', length, hidden, hidden],
      ['in chunks', 'Transfer-Encoding: chunked\r\n', chunks, hidden],
      ['in chunks with a trailer', 'Transfer-Encoding: CHUNKED\r\n', chunks.replace(/\r\n$/, 'X: y\r\n\r\n'), hidden],
      ['with its length, named in Connection', `Connection: content-length\r\n${length}`, hidden, hidden],
      [
        'in chunks, named in Connection',
        `Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n`,
        chunks,
        hidden,
      ],
      ['with an upgrade', `Connection: upgrade\r\nUpgrade: websocket\r\n${length}`, hidden, hidden],
      ['of no chunk', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n', ''],
      ['of no length', 'Content-Length: 0\r\n', '', ''],
      ['that is not there', '', '', ''],
    ])('%s arrives as its body, and never as a request', async (_, lines, sent, body) => {
      seen = []
      const bytes = `${method} /seen HTTP/1.1\r\nHost: ${ADMIN}\r\n${lines}\r\n${sent}`
      const { answers } = await rig.raw(bytes, { serverName: ADMIN, isHead: method === 'HEAD' })
      expect(answers.map(({ status }) => status)).toEqual([200])
      expect(seen).toEqual([{ method, url: '/seen', body }])
    })
  })

  test('junk behind a request is 400, as it is alone', async () => {
    const ask = `GET /wait HTTP/1.1\r\nHost: ${ADMIN}\r\n\r\n`
    for (const [bytes, status] of [
      [`${ask}<stream:stream>`, 400],
      [`${ask}BREW / HTTP/1.1\r\n\r\n`, 405],
    ] as const)
      expect((await rig.raw(bytes, { serverName: ADMIN })).answers.map((each) => each.status)).toEqual([status])
  })

  test('it has none of the documents of the public plane', async () => {
    for (const path of ['/.well-known/host-meta', '/.well-known/posh/xmpp-server.json'])
      expect((await ask(path)).status).toBe(404)
  })
})

describe('where the admin plane is down', () => {
  test('its host gets 502 as text, and the public plane is not concerned', async () => {
    const down = await edgeRig({ toml: `[admin]\nhost = "${ADMIN}"\n` })
    await down.addFront(ADMIN)
    await down.addTarget('hosting.example.net')
    await down.settle()
    const reply = await down.get(ADMIN, '/')
    expect([reply.status, reply.headers.get('content-type')]).toEqual([502, 'text/plain; charset=utf-8'])
    expect((await down.get('hosting.example.net', '/')).status).toBe(404)
    await down.close()
  })
})
