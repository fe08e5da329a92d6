import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRequest } from '../../src/certificate/certificate-request.ts'
import { describeCertificate, readLeaf } from '../../src/certificate/chain.ts'
import {
  createLocalAuthority,
  localAuthority,
  type LocalAuthorityMaterial,
} from '../../src/certificate/local-authority.ts'
import { cutPem, encodePem } from '../../src/certificate/pem.ts'
import { systemClock } from '../../src/clock.ts'
import { domainName } from '../../src/name.ts'
import { opensslFolder, type OpensslFolder } from '../support/openssl.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

const run = promisify(execFile)
const DAY_MS = 86_400_000
const identifiers = ['im.example.com', 'xn--mnchen-3ya.example'].map(domainName)

let folder: OpensslFolder
let authority: LocalAuthorityMaterial
let chainPem: string
let privateKey: Uint8Array

beforeAll(async () => {
  folder = opensslFolder()
  authority = await createLocalAuthority(systemClock.now())
  const request = await createRequest(identifiers)
  privateKey = request.privateKey
  chainPem = (await localAuthority({ ...authority, clock: systemClock }).issue({ identifiers, csrDer: request.csrDer }))
    .chainPem
  folder.write('root.pem', authority.rootPem)
  folder.write('intermediate.pem', authority.intermediatePem)
  folder.write('chain.pem', chainPem)
})
afterAll(() => folder.remove())

test('the chain is the leaf and the intermediate; it verifies for TLS servers up to the root', async () => {
  expect(cutPem(chainPem)).toHaveLength(2)
  const verified = await folder.openssl(
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-verify_hostname',
    'im.example.com',
    '-CAfile',
    'root.pem',
    '-untrusted',
    'intermediate.pem',
    'chain.pem',
  )
  expect(verified.toString()).toBe('chain.pem: OK\n')
})

test('the leaf has its names alone in it: no subject, SAN critical, serverAuth, a random serial', async () => {
  const text = (await folder.openssl('x509', '-in', 'chain.pem', '-noout', '-text')).toString()
  expect(text).toMatch(/Subject: *\n/)
  expect(text).toMatch(/Subject Alternative Name: critical\s+DNS:im\.example\.com, DNS:xn--mnchen-3ya\.example\n/)
  expect(text).toMatch(/Extended Key Usage: *\n\s+TLS Web Server Authentication\n/)
  expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/)
  expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE\n/)
  const { serial } = describeCertificate(readLeaf(chainPem).der)
  expect(serial).toMatch(/^[4-7][0-9a-f]{35}$/)
  const again = await localAuthority({ ...authority, clock: systemClock }).issue({
    identifiers,
    ...(await createRequest(identifiers)),
  })
  expect(describeCertificate(readLeaf(again.chainPem).der).serial).not.toBe(serial)
})

test('the request names the identifiers and no CN, and is signed by its key', async () => {
  const { csrDer } = await createRequest(identifiers)
  folder.write('csr.pem', encodePem('CERTIFICATE REQUEST', csrDer))
  const text = (await folder.openssl('req', '-in', 'csr.pem', '-noout', '-text', '-verify')).toString()
  expect(text).toMatch(/DNS:im\.example\.com, DNS:xn--mnchen-3ya\.example/)
  expect(text).toMatch(/Subject: *\n/)
  expect(text).toMatch(/NIST CURVE: P-256/)
})

describe('clients that trust the root accept it', () => {
  let server: https.Server
  let port: number
  beforeAll(async () => {
    const key = encodePem('PRIVATE KEY', privateKey)
    server = https.createServer({ key, cert: chainPem }, (_, response) => response.end('hello')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => new Promise((resolve) => server.close(resolve)))

  test.each(identifiers)('curl, for %s', async (name) => {
    const { stdout } = await run('curl', [
      '-sS',
      '--cacert',
      `${folder.path}/root.pem`,
      '--resolve',
      `${name}:${port}:127.0.0.1`,
      `https://${name}:${port}/`,
    ])
    expect(stdout).toBe('hello')
  })

  test('Python, with its strict checks', async () => {
    const script = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
with context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[2]))), server_hostname='im.example.com') as tls:
    print(tls.getpeercert()['subjectAltName'][0][1])
`
    const { stdout } = await run('python3', ['-c', script, `${folder.path}/root.pem`, String(port)])
    expect(stdout).toBe('im.example.com\n')
  })

  test('Node', async () => {
    const options = { host: '127.0.0.1', port, servername: 'im.example.com', ca: authority.rootPem, agent: false }
    const status = await new Promise((resolve, reject) =>
      https.get(options, (response) => resolve(response.resume().statusCode)).on('error', reject),
    )
    expect(status).toBe(200)
  })

  test('and not for another name', async () => {
    const asked = run('curl', [
      '-sS',
      '--cacert',
      `${folder.path}/root.pem`,
      '--resolve',
      `evil.example:${port}:127.0.0.1`,
      `https://evil.example:${port}/`,
    ])
    await expect(asked).rejects.toMatchObject({ code: 60 })
  })
})

describe('dates', () => {
  const clock = stoppedClock('2026-06-01T00:00:00Z')
  const issueAt = async (elapsed: number) => {
    const material = await createLocalAuthority(new Date('2026-06-01T00:00:00Z'))
    const late = stoppedClock('2026-06-01T00:00:00Z')
    late.advance(elapsed)
    const issued = await localAuthority({ ...material, clock: late }).issue({
      identifiers,
      ...(await createRequest(identifiers)),
    })
    return { leaf: describeCertificate(readLeaf(issued.chainPem).der), material, now: late.now() }
  }

  test('a leaf lives 90 days and is backdated by one hour', async () => {
    const { leaf, now } = await issueAt(100 * DAY_MS)
    expect(now.getTime() - leaf.notBefore.getTime()).toBe(3_600_000)
    expect(leaf.notAfter.getTime() - leaf.notBefore.getTime()).toBe(90 * DAY_MS)
  })

  test('but never outlives the intermediate', async () => {
    const { leaf, material } = await issueAt(20 * 365 * DAY_MS - 10 * DAY_MS)
    expect(leaf.notAfter).toEqual(describeCertificate(readLeaf(material.intermediatePem).der).notAfter)
  })

  test('two installations have roots of different names', async () => {
    const subjects = await Promise.all(
      [1, 2].map(async () => new X509Certificate((await createLocalAuthority(clock.now())).rootPem).subject),
    )
    expect(new Set(subjects).size).toBe(2)
  })
})

test('a request that is not signed by its own key is refused', async () => {
  const { csrDer } = await createRequest(identifiers)
  const changed = Buffer.from(csrDer)
  changed[changed.indexOf('im.example.com')]! ^= 1
  await expect(
    localAuthority({ ...authority, clock: systemClock }).issue({ identifiers, csrDer: changed }),
  ).rejects.toThrow('not signed by its own key')
})
