import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeCertificate } from '../../src/certificate/chain.ts'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import type { HostMeta } from '../../src/delegation/host-meta.ts'
import type { Host } from '../../src/delegation/host.ts'
import { domainName } from '../../src/name.ts'
import { makeCertificate } from '../support/certificates.ts'
import { edgeRig, HOUR, type EdgeRig } from '../support/edge-rig.ts'
import { until } from '../support/until.ts'

const MINUTE = 60_000
const T = 'hosting.example.net'
const P = '/.well-known/tls/_xmpp-server._tcp.im.example.com'

let rig: EdgeRig
const fault = { hosts: false, hang: false, keys: false, rows: false }
beforeAll(async () => {
  rig = await edgeRig({
    toml: '[edge]\ncontexts = 10\n',
    directory: (stored) => ({
      ...stored,
      peekHost: (name) => {
        const host = stored.peekHost(name)
        if (fault.rows && host?.sourceDomain)
          return { ...host, sourceDomain: { ...host.sourceDomain, hostMeta: {} as HostMeta } }
        return fault.hosts || fault.hang ? undefined : host
      },
      findHost: async (name) => {
        if (name.endsWith('.bare.example.com')) return { ...(await stored.findHost(name)), targetHost: { port: 443 } }
        if (fault.hang) return new Promise<Host>(() => undefined)
        return fault.hosts ? Promise.reject(new Error('the database is away')) : stored.findHost(name)
      },
    }),
    privateKeys: (stored) => ({
      open: (id) => (fault.keys ? Promise.reject(new Error('it does not open')) : stored.open(id)),
    }),
  })
  await rig.addLineage('service', await makeCertificate())
  await rig.addTarget(T)
  await rig.addDomain('im.example.com')
  await rig.delegate('im.example.com', { target: T, lineage: 'service' })
  await rig.settle()
})
afterAll(() => rig.close())

function connect(serverName: string, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect(
      { port: rig.tlsPort, host: '127.0.0.1', servername: serverName, ca: rig.ca, ...options },
      () => resolve(socket),
    )
    socket.on('error', reject)
  })
}

async function presentedTo(serverName: string): Promise<string> {
  const socket = await connect(serverName)
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

/** What was logged about registered names at fault, since the log was emptied. */
function warned(): { name: string; why: string }[] {
  return rig.logged
    .map((line) => JSON.parse(line) as { level: string; msg: string; name: string; why: string })
    .filter(({ level, msg }) => level === 'warn' && msg === 'a registered name has no valid front certificate')
    .map(({ name, why }) => ({ name, why }))
}

/** Makes what the operator's lineage of that name has its front certificate. */
async function presentFront(name: string, lineage = frontLineageName(domainName(name))): Promise<void> {
  const [tenant, front] = [
    (await rig.storage.tenants.findByName('alice'))!,
    (await rig.storage.lineages.findByName(null, lineage))!,
  ]
  await rig.storage.sourceDomains.setFrontLineage(tenant.id, domainName(name), front.id, rig.act())
  await rig.settle()
  rig.logged.length = 0
}

describe('front certificates', () => {
  test('a name is presented the certificate that names it, and clients verify it', async () => {
    const socket = await connect(T)
    expect(socket.authorized).toBe(true)
    expect(socket.getPeerCertificate().subjectaltname).toBe(`DNS:${T}`)
    socket.destroy()
  })

  test('a certificate that was activated is presented from then on, and open connections stay', async () => {
    const open = await connect(T)
    const before = await presentedTo(T)
    await rig.addFront(T) // staged beside the active one
    await rig.settle()
    expect(await presentedTo(T)).toBe(before)
    const { certificates } = (await rig.storage.lineages.findByName(null, frontLineageName(domainName(T))))!
    const staged = certificates.find(({ activatedAt }) => activatedAt === null)!
    await rig.storage.lineages.activate(null, staged.id, new Date(rig.clock.now().getTime() + HOUR), rig.act())
    await rig.settle()
    const after = await presentedTo(T)
    expect(after).not.toBe(before)
    expect(after.replaceAll(':', '').toLowerCase()).toBe(staged.sha256)
    open.write(`GET ${P} HTTP/1.1\r\nHost: ${T}\r\n\r\n`)
    expect(
      await new Promise((resolve) => open.once('data', (chunk: Buffer) => resolve(chunk.toString().slice(0, 12)))),
    ).toBe('HTTP/1.1 200')
    open.destroy()
  })

  test('far more names than contexts are served, in any order, and no more contexts are kept than allowed', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `n${n}.churn.example.com`)
    for (const name of names) await rig.addDomain(name)
    await rig.settle()
    for (let round = 0; round < 3; round++)
      await Promise.all(
        names.map(async (name) => {
          const answer = await rig.get(name, '/')
          expect(answer.status).toBe(404)
        }),
      )
    expect(rig.edge.stats().contexts).toBe(10)
  })

  test('a key that does not open is an alert and a line in the log, and mended without a restart', async () => {
    await rig.addDomain('sealed.example.com')
    await rig.settle()
    rig.logged.length = 0
    rig.clock.advance(HOUR)
    fault.keys = true
    await expect(connect('sealed.example.com')).rejects.toThrow(/alert handshake failure/)
    fault.keys = false
    expect(rig.logged.join()).toContain('it does not open')
    expect((await rig.get('sealed.example.com', '/')).status).toBe(404)
  })

  test('a registered name without one is refused, with a line in the log at most every ten minutes', async () => {
    await rig.addDomain('frontless.example.com', { hasFront: false })
    await rig.settle()
    rig.logged.length = 0
    const refused = () => expect(connect('frontless.example.com')).rejects.toThrow(/alert handshake failure/)
    for (let n = 0; n < 3; n++) await refused()
    expect(warned()).toEqual([{ name: 'frontless.example.com', why: 'no front certificate' }])
    rig.clock.advance(10 * MINUTE - 1)
    await refused()
    expect(warned()).toHaveLength(1)
    rig.clock.advance(1)
    await refused()
    expect(warned()).toHaveLength(2)
  })

  test('a lineage whose active certificate has no key here presents nothing, and the log says so', async () => {
    const name = 'keyless.example.com'
    await rig.addDomain(name, { hasFront: false })
    const { pem, der } = await makeCertificate({ names: [name] })
    const lineages = rig.storage.lineages
    // A service certificate, whose lineage is put in front of the name although its key is not here
    const { id } = await lineages.create(null, { name: 'keyless', source: 'import' }, rig.act())
    const chain = { pem, leaf: describeCertificate(der) }
    const staged = await lineages.stage(null, id, { chain, privateKey: null }, rig.act())
    await lineages.activate(null, staged.id, rig.clock.now(), rig.act())
    await presentFront(name, 'keyless')
    await expect(connect(name)).rejects.toThrow(/alert handshake failure/)
    expect(warned()).toEqual([{ name, why: 'no front certificate' }])
  })

  test('an expired one is presented, and the log says so', async () => {
    const name = 'expired.example.com'
    await rig.addDomain(name, { hasFront: false })
    const dates = { notBefore: '2020-01-01T00:00:00Z', notAfter: '2020-02-01T00:00:00Z' }
    await rig.addLineage(frontLineageName(domainName(name)), await makeCertificate({ names: [name], ...dates }))
    await presentFront(name)
    for (const memory of ['cold', 'warm']) {
      const socket = await connect(name, { rejectUnauthorized: false })
      expect(socket.getPeerCertificate().valid_to, memory).toContain('2020')
      socket.destroy()
      expect(warned(), memory).toEqual([{ name, why: 'expired' }])
      rig.clock.advance(10 * MINUTE)
      rig.logged.length = 0
    }
  })

  test('unknown names, external source domains and valid certificates are nothing to log', async () => {
    await rig.addDomain('elsewhere.example.com', { mode: 'external', hasFront: false })
    await rig.settle()
    rig.logged.length = 0
    for (const name of ['unknown.example.com', 'elsewhere.example.com'])
      await expect(connect(name)).rejects.toThrow(/alert handshake failure/)
    await presentedTo(T)
    expect(rig.logged).toEqual([])
  })

  test('of many registered names without one the first thousand are logged, and others ten minutes later', async () => {
    rig.clock.advance(10 * MINUTE)
    rig.logged.length = 0
    const ask = (n: number) => expect(connect(`n${n}.bare.example.com`)).rejects.toThrow(/alert handshake failure/)
    for (let first = 0; first < 1050; first += 50)
      await Promise.all(Array.from({ length: 50 }, (_, n) => ask(first + n)))
    expect(new Set(warned().map(({ name }) => name)).size).toBe(1000)
    expect(warned()).toHaveLength(1000)
    rig.clock.advance(10 * MINUTE)
    await ask(1049)
    expect(warned()).toHaveLength(1001)
  })

  test('an external source domain is not answered for, whatever certificate it has', async () => {
    await rig.addDomain('external.example.com', { mode: 'external' })
    await rig.delegate('external.example.com', { target: T, lineage: 'service' })
    await rig.settle()
    await expect(connect('external.example.com')).rejects.toThrow(/alert handshake failure/)
    const path = P.replace('im.', 'external.')
    expect((await rig.get(T, path)).status).toBe(200)
  })
})

describe('sessions', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('none is resumed in %s, for its own name or another', async (version) => {
    const versions = { minVersion: version, maxVersion: version }
    const first = await connect('im.example.com', versions)
    const session = first.getSession()
    first.destroy()
    for (const name of ['im.example.com', T]) {
      const second = await connect(name, session ? { ...versions, session } : versions)
      expect(second.isSessionReused()).toBe(false)
      expect(second.getPeerCertificate().subjectaltname).toBe(`DNS:${name}`)
      second.destroy()
    }
  })

  test('renegotiation is refused', async () => {
    const socket = await connect('im.example.com', { maxVersion: 'TLSv1.2' })
    const failed = new Promise((resolve) => {
      socket.on('error', resolve)
      socket.on('close', resolve)
    })
    socket.renegotiate({}, () => undefined)
    await failed
  })
})

describe('when the database is away', () => {
  test('what is in memory is answered; a name that is not is an alert, or 503 on a connection that stands', async () => {
    await rig.addDomain('cold.example.com')
    const open = await connect(T)
    const ask = (path: string) => {
      open.write(`GET ${path} HTTP/1.1\r\nHost: ${T}\r\n\r\n`)
      return new Promise<string>((resolve) => open.once('data', (chunk: Buffer) => resolve(chunk.toString())))
    }
    expect(await ask(P)).toMatch(/^HTTP\/1\.1 200 /)
    fault.hosts = true
    rig.clock.advance(HOUR)
    rig.logged.length = 0
    const answer = await ask(P)
    await expect(connect('cold.example.com')).rejects.toThrow(/alert handshake failure/)
    expect(rig.logged).toHaveLength(1) // not one for each
    expect(rig.logged[0]).toContain('the database is away')
    fault.hosts = false
    expect(answer).toMatch(/^HTTP\/1\.1 503 /)
    expect(answer).toMatch(/\r\nRetry-After: \d+\r\n/)
    expect(answer).toMatch(/\r\nCache-Control: no-store\r\n/)
    expect(await ask(P)).toMatch(/^HTTP\/1\.1 200 /)
    open.destroy()
    expect((await rig.get('cold.example.com', '/')).status).toBe(404)
  })

  test('a row that nothing can be made from is 503 for who asks for it, and the process lives', async () => {
    expect((await rig.get('im.example.com', '/')).status).toBe(404)
    fault.rows = true
    const answer = await rig.get('im.example.com', '/.well-known/host-meta')
    fault.rows = false
    expect(answer.status).toBe(503)
    expect((await rig.get(T, P)).status).toBe(200)
  })

  test('a look-up that never ends is cut off', async () => {
    fault.hang = true
    const began = performance.now()
    await expect(connect('hang.example.com')).rejects.toThrow()
    fault.hang = false
    expect(performance.now() - began).toBeLessThan(8000)
  })
})

describe('stopping', () => {
  test('what is idle is closed, what has begun is answered with its end, and then all is over', async () => {
    let release = () => {}
    const waits = new Promise<void>((resolve) => (release = resolve))
    let isAsked = false
    const stopping = await edgeRig({
      directory: (stored) => ({
        ...stored,
        peekHost: (name) => (isAsked ? undefined : stored.peekHost(name)),
        findHost: async (name) => {
          if (isAsked) await waits
          return stored.findHost(name)
        },
      }),
    })
    await stopping.addTarget(T)
    await stopping.settle()
    const open = () =>
      new Promise<tls.TLSSocket>((resolve) => {
        const socket = tls.connect({ port: stopping.tlsPort, host: '127.0.0.1', servername: T, ca: stopping.ca }, () =>
          resolve(socket),
        )
      })
    const [idle, busy] = [await open(), await open()]
    const request = `GET ${P} HTTP/1.1\r\nHost: ${T}\r\n\r\n`
    const text = { idle: '', busy: '' }
    idle.on('data', (chunk: Buffer) => (text.idle += chunk.toString()))
    busy.on('data', (chunk: Buffer) => (text.busy += chunk.toString()))
    idle.write(request)
    await until(() => text.idle !== '')
    isAsked = true
    busy.write(request)
    await until(() => stopping.edge.stats().requests === 2)
    let isClosed = false
    const closed = stopping.edge.close(60_000).then(() => (isClosed = true))
    await new Promise((resolve) => idle.on('close', resolve))
    expect(isClosed).toBe(false)
    release()
    await closed
    expect(text.busy).toMatch(/^HTTP\/1\.1 404 /)
    await stopping.close()
  })

  test('what does not end is cut off at the deadline', async () => {
    const stopping = await edgeRig()
    await stopping.addTarget(T)
    await stopping.settle()
    const socket = tls.connect({ port: stopping.tlsPort, host: '127.0.0.1', servername: T, ca: stopping.ca })
    await new Promise((resolve) => socket.on('secureConnect', resolve))
    socket.write(`GET ${P} HTTP/1.1\r\nHost`)
    socket.on('error', () => undefined)
    const gone = new Promise((resolve) => socket.on('close', resolve))
    const began = performance.now()
    await stopping.edge.close(300)
    await gone
    expect(performance.now() - began).toBeLessThan(2000)
    await stopping.close()
  })
})
