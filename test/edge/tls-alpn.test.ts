import { X509Certificate } from 'node:crypto'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import tls from 'node:tls'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { edgeRig, HOUR, type EdgeRig } from '../support/edge-rig.ts'
import { until } from '../support/until.ts'

const MINUTE = 60_000
const FRONT = 'hosting.example.net'
const FIRST = 'first.example.com' // nobody has registered it
const TOKEN = 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA'

let rig: EdgeRig
let asked: string[] = []
const fault = { isAway: false }
beforeAll(async () => {
  rig = await edgeRig({
    toml: '[admin]\nhost = "admin.example.net"\n',
    challenges: (stored) => ({
      ...stored,
      findForTls: async (host, now) => {
        asked.push(host)
        if (fault.isAway) throw new Error('the database is away')
        return stored.findForTls(host, now)
      },
    }),
  })
  await rig.addTarget(FRONT)
  await rig.addDomain('im.example.com', { hasFront: false })
  await rig.settle()
})
afterAll(() => rig.close())
beforeEach(() => {
  asked = []
  rig.clock.advance(MINUTE) // what an earlier test has asked for is long ago
})

interface Met {
  names: string
  isChallenge: boolean
  protocol: string | false | null
  said: string
  socket: tls.TLSSocket
}

/** Shakes hands and waits for the other side to close, or, with who speaks HTTP, for an answer. Rejects with the alert. */
async function meet(serverName: string, offer: string[] | null, options: tls.ConnectionOptions = {}): Promise<Met> {
  const socket = tls.connect({
    ...{ port: rig.tlsPort, host: '127.0.0.1', servername: serverName, rejectUnauthorized: false },
    ...(offer ? { ALPNProtocols: offer } : {}),
    ...options,
  })
  await once(socket, 'secureConnect')
  const certificate = socket.getPeerX509Certificate()!
  let said = ''
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()))
  socket.on('error', () => undefined)
  socket.write(`GET / HTTP/1.1\r\nHost: ${serverName}\r\nConnection: close\r\n\r\n`)
  await once(socket, 'close')
  return {
    names: certificate.subjectAltName ?? '',
    isChallenge: isChallenge(certificate),
    protocol: socket.alpnProtocol,
    said,
    socket,
  }
}

function isChallenge({ raw }: X509Certificate): boolean {
  return raw.includes(Buffer.from('06082b0601050507011f0101ff', 'hex')) // its object identifier, and critical
}

interface ChallengeWish {
  type?: 'tls-alpn-01' | 'http-01'
  n?: string
  forMs?: number
}

const keyAuthorization = (n = '') => `${TOKEN}${n}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI`

async function put(host: string, { type = 'tls-alpn-01', n = '', forMs = HOUR }: ChallengeWish = {}) {
  const expiresAt = new Date(rig.clock.now().getTime() + forMs)
  const challenge = { host: domainName(host), token: `${TOKEN}${n}`, type, keyAuthorization: keyAuthorization(n) }
  await rig.storage.challenges.put({ ...challenge, expiresAt })
}

const remove = (host: string) => rig.storage.challenges.remove(domainName(host), TOKEN)

/** TLS over a connection that the client's TLS leaves open. */
function validator(serverName: string): { raw: net.Socket; secure: tls.TLSSocket } {
  const raw = net.connect({ port: rig.tlsPort, host: '127.0.0.1', allowHalfOpen: true })
  const socket = new Duplex({ read: () => undefined, write: (chunk, _, done) => void raw.write(chunk as Buffer, done) })
  raw.on('data', (chunk) => socket.push(chunk))
  const offer = { servername: serverName, rejectUnauthorized: false, ALPNProtocols: ['acme-tls/1'] }
  const secure = tls.connect({ socket, ...offer })
  for (const each of [raw, socket, secure]) each.on('error', () => undefined)
  return { raw, secure }
}

function sClient(...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${rig.tlsPort}`, '-showcerts', ...args],
      (_error, out, err) => resolve(out + err),
    )
    child.stdin?.on('error', () => undefined) // it stays open: the other side is who closes
  })
}

describe('tls-alpn-01', () => {
  test.each([
    ['a name that nobody has registered', FIRST],
    ['a registered name without a front certificate', 'im.example.com'],
    ['a name that is served', FRONT],
    ['the admin host', 'admin.example.net'],
  ])('%s presents the challenge certificate to who offers acme-tls/1 alone, and closes', async (_, name) => {
    await put(name)
    const met = await meet(name, ['acme-tls/1'])
    expect(met).toMatchObject({ names: `DNS:${name}`, isChallenge: true, protocol: 'acme-tls/1', said: '' })
    await remove(name)
    await expect(meet(name, ['acme-tls/1'])).rejects.toThrow(/alert handshake failure/)
  })

  test('the name is the one of SNI in any case', async () => {
    await put(FIRST)
    expect((await meet(FIRST.toUpperCase(), ['acme-tls/1'])).names).toBe(`DNS:${FIRST}`)
    await remove(FIRST)
  })

  test('openssl sees the SHA-256 of the key authorization', async () => {
    await put(FIRST)
    const out = await sClient('-tls1_3', '-servername', FIRST, '-alpn', 'acme-tls/1')
    expect(out).toContain('ALPN protocol: acme-tls/1')
    const [pem = ''] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(out) ?? []
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(keyAuthorization())))
    expect(new X509Certificate(pem).raw.toString('hex')).toContain(`04220420${digest.toString('hex')}`)
    await remove(FIRST)
  })

  test.each([
    { offer: ['acme-tls/1', 'http/1.1'], protocol: 'http/1.1' },
    { offer: ['http/1.1', 'acme-tls/1'], protocol: 'http/1.1' },
    { offer: ['http/1.1'], protocol: 'http/1.1' },
    { offer: ['h2', 'http/1.1'], protocol: 'http/1.1' },
    { offer: null, protocol: false },
  ])('who offers $offer gets the front certificate and HTTP while a challenge is live', async ({ offer, protocol }) => {
    await put(FRONT)
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const met = await meet(FRONT, offer, { maxVersion, ca: rig.ca, rejectUnauthorized: true })
      expect(met).toMatchObject({ names: `DNS:${FRONT}`, isChallenge: false, protocol })
      expect(met.said).toMatch(/^HTTP\/1\.1 404 /)
    }
    await put(FIRST)
    await expect(meet(FIRST, offer)).rejects.toThrow(/alert handshake failure/)
    expect(asked).toEqual([])
    await remove(FRONT)
    await remove(FIRST)
  })

  test.each([[['h2']], [['acme-tls/1', 'h2']], [['acme-tls/1', 'acme-tls/1']], [['acme-tls/2']]])(
    'who offers %s is refused: no application protocol',
    async (offer) => {
      await put(FRONT)
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
        await expect(meet(FRONT, offer, { maxVersion })).rejects.toThrow(/no application protocol/)
      expect(asked).toEqual([])
      await remove(FRONT)
    },
  )

  test.each([
    ['TLSv1.3', FRONT, /alert handshake failure/],
    ['TLSv1.3', FIRST, /alert handshake failure/],
    ['TLSv1.3', '', /alert handshake failure/],
    ['TLSv1.2', FRONT, /no application protocol/],
    ['TLSv1.2', FIRST, /alert handshake failure/],
    ['TLSv1.2', '', /alert handshake failure/],
  ] as const)(
    'in %s, acme-tls/1 alone for "%s" is refused where no challenge is live',
    async (version, name, alert) => {
      await put(name === FRONT ? FIRST : FRONT) // of another
      await put(FRONT, { type: 'http-01' }) // has no certificate, nor the other way round
      await expect(meet(name, ['acme-tls/1'], { maxVersion: version })).rejects.toThrow(alert)
      await rig.storage.challenges.remove(domainName(FIRST), TOKEN)
      await rig.storage.challenges.remove(domainName(FRONT), TOKEN)
    },
  )

  test('a challenge counts from its commit to its end, whatever was asked before', async () => {
    await expect(meet(FIRST, ['acme-tls/1'])).rejects.toThrow(/alert handshake failure/)
    await put(FIRST, { forMs: 1000 })
    expect((await meet(FIRST, ['acme-tls/1'])).isChallenge).toBe(true)
    rig.clock.advance(1000)
    await expect(meet(FIRST, ['acme-tls/1'])).rejects.toThrow(/alert handshake failure/)
    await remove(FIRST)
  })

  test('the next challenge of a name takes the place of the one before', async () => {
    await put(FIRST, { n: '1' })
    const first = (await meet(FIRST, ['acme-tls/1'])).socket
    expect(first.destroyed).toBe(true)
    await rig.storage.challenges.remove(domainName(FIRST), `${TOKEN}1`)
    await put(FIRST, { n: '2' })
    const out = await sClient('-servername', FIRST, '-alpn', 'acme-tls/1')
    const [pem = ''] = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(out) ?? []
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(keyAuthorization('2'))))
    expect(new X509Certificate(pem).raw.toString('hex')).toContain(digest.toString('hex'))
    await rig.storage.challenges.remove(domainName(FIRST), `${TOKEN}2`)
  })

  test('many who ask at once are presented one certificate', async () => {
    await put(FIRST)
    const seen = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = tls.connect({
          ...{ port: rig.tlsPort, host: '127.0.0.1', servername: FIRST, rejectUnauthorized: false },
          ALPNProtocols: ['acme-tls/1'],
        })
        await once(socket, 'secureConnect')
        const { fingerprint256 } = socket.getPeerX509Certificate()!
        socket.destroy()
        return fingerprint256
      }),
    )
    expect(new Set(seen).size).toBe(1)
    await remove(FIRST)
  })

  test('of far more challenges than certificates are kept, each is answered, and again', async () => {
    const names = Array.from({ length: 130 }, (_, n) => `n${n}.example.com`)
    await Promise.all(names.map((name) => put(name)))
    for (let round = 0; round < 2; round++)
      for (let first = 0; first < names.length; first += 26) {
        const some = names.slice(first, first + 26)
        const met = await Promise.all(some.map((name) => meet(name, ['acme-tls/1'])))
        expect(met.map(({ names }) => names)).toEqual(some.map((name) => `DNS:${name}`))
      }
  })

  test('who goes away in the middle does no harm', async () => {
    await put(FIRST)
    for (let n = 0; n < 20; n++) {
      const { raw, secure } = validator(FIRST)
      await (n % 2 ? once(raw, 'connect') : once(secure, 'secureConnect'))
      if (n % 2) await new Promise((resolve) => setImmediate(resolve))
      raw.resetAndDestroy()
    }
    expect((await meet(FIRST, ['acme-tls/1'])).isChallenge).toBe(true)
    await remove(FIRST)
  })

  test('with the database away it is refused, with one line in the log, and mended without a restart', async () => {
    await put(FRONT)
    rig.clock.advance(HOUR / 2)
    rig.logged.length = 0
    fault.isAway = true
    for (let n = 0; n < 3; n++) await expect(meet(FRONT, ['acme-tls/1'])).rejects.toThrow(/alert handshake failure/)
    const served = await meet(FRONT, ['http/1.1'])
    fault.isAway = false
    expect(served.said).toMatch(/^HTTP\/1\.1 404 /)
    expect(rig.logged).toHaveLength(1)
    expect(rig.logged[0]).toContain('the database is away')
    expect((await meet(FRONT, ['acme-tls/1'])).isChallenge).toBe(true)
    await remove(FRONT)
  })

  test('who validates and does not close is closed', async () => {
    await put(FIRST)
    const { raw, secure } = validator(FIRST)
    await once(secure, 'secureConnect')
    await once(raw, 'end')
    // A side that is closed altogether answers with a reset
    await until(() => {
      secure.write('more')
      return raw.destroyed
    })
    await remove(FIRST)
  })
})

describe('tls-alpn-01 in TLS 1.2', () => {
  const VERSION = { maxVersion: 'TLSv1.2' } as const

  test('is answered at the second time, at a name with a front certificate, while the challenge is live', async () => {
    await put(FRONT)
    await expect(meet(FRONT, ['acme-tls/1'], VERSION)).rejects.toThrow(/no application protocol/)
    await until(async () => (await meet(FRONT, ['acme-tls/1'], VERSION).catch(() => null)) !== null)
    const met = await meet(FRONT, ['acme-tls/1'], VERSION)
    expect(met).toMatchObject({ isChallenge: true, names: `DNS:${FRONT}`, protocol: 'acme-tls/1', said: '' })
    expect(await sClient('-tls1_2', '-servername', FRONT, '-alpn', 'acme-tls/1')).toContain('acme-tls/1')
    await remove(FRONT)
    rig.clock.advance(5000)
    await expect(meet(FRONT, ['acme-tls/1'], VERSION)).rejects.toThrow(/no application protocol/)
  })
})
