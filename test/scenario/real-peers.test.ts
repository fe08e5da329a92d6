import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { newWaypost, type Waypost } from '../support/waypost.ts'

// What each of these sends is in the name of its row; both names are of one tenant, the target host is the provider's.
const ASCII = 'im.example.com'
const IDN = 'xn--bcher-kva.example.com'
const TARGET = 'hosting.example.com'
const TWO_HOPS = fileURLToPath(new URL('two-hops.py', import.meta.url))

let site: Waypost
let leafDer: Buffer

beforeAll(async () => {
  site = await newWaypost()
  const key = join(site.folder, 'xmpp.key')
  const pem = join(site.folder, 'xmpp.pem')
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
    ...['-subj', '/CN=xmpp.hosting.example.com', '-keyout', key, '-out', pem],
  ])
  leafDer = execFileSync('openssl', ['x509', '-in', pem, '-outform', 'DER'])
  for (const command of [
    ['tenant', 'add', 'acme'],
    ['target', 'add', TARGET, '--port', String(site.ports.https)],
    ['domain', 'add', ASCII, '--vouch'],
    ['domain', 'add', 'bücher.example.com', '--vouch'],
    ['certificate', 'import', pem, '--lineage', 'xmpp'],
    ['delegation', 'add', ASCII, '--target', TARGET, '--certificate', 'xmpp'],
    ['delegation', 'add', IDN, '--target', TARGET, '--certificate', 'xmpp'],
  ]) {
    const { code, stderr } = await site.waypost(...command)
    expect(code, stderr).toBe(0)
  }
  await site.start()
  await until(() => [ASCII, IDN, TARGET].every((host) => handshake(host).status === 0))
})
afterAll(() => site.remove())

const pathOf = (domain: string) => `/.well-known/tls/_xmpp-server._tcp.${domain}`
const locationOf = (path: string) => `https://${TARGET}:${site.ports.https}${path}`

function handshake(servername: string) {
  return spawnSync(
    'openssl',
    [
      ...['s_client', '-connect', `127.0.0.1:${site.ports.https}`, '-servername', servername],
      ...['-CAfile', site.rootFile, '-verify_return_error', '-verify_hostname', servername],
    ],
    { input: '' },
  )
}

function expectThePublishedCertificate(body: string | Buffer) {
  const der = execFileSync('openssl', ['x509', '-outform', 'DER'], { input: body })
  expect(der.equals(leafDer)).toBe(true)
}

describe('curl', () => {
  const curl = (...args: string[]) =>
    execFileSync('curl', [
      ...['--silent', '--show-error', '--cacert', site.rootFile, '--max-time', '10'],
      ...['--connect-to', `::127.0.0.1:${site.ports.https}`, ...args],
    ])

  test.each([
    { written: 'the plain name', host: ASCII, path: pathOf(ASCII) },
    { written: 'in capitals', host: 'IM.Example.COM', path: pathOf('IM.Example.COM') },
    { written: 'with a final dot', host: 'im.example.com.', path: pathOf(ASCII) },
    { written: 'with a final dot in the path too', host: 'im.example.com.', path: pathOf('im.example.com.') },
    { written: 'an IDN as its A-label', host: IDN, path: pathOf(IDN) },
    {
      written: 'an IDN as U-label in host and path',
      host: 'bücher.example.com',
      path: pathOf('b%C3%BCcher.example.com'),
    },
    { written: 'an IDN with lower-case percent-encoding', host: IDN, path: pathOf('b%c3%bccher.example.com') },
    { written: 'an IDN in decomposed form', host: IDN, path: pathOf('bu%CC%88cher.example.com') },
  ])('completes the two hops for $written', ({ host, path }) => {
    const url = `https://${host}:${site.ports.https}${path}`
    const first = curl(
      '--path-as-is',
      '--write-out',
      '%{http_code} %{redirect_url}',
      '--output',
      '/dev/null',
      url,
    ).toString()
    expect(first).toBe(`302 ${locationOf(path)}`)
    expectThePublishedCertificate(curl('--path-as-is', '--location', '--proto', '=https', url))
  })

  test.each(['xmpp-server'])('reads POSH fingerprints of %s that are those of the PEM', (service) => {
    for (const host of [ASCII, IDN]) {
      const document = JSON.parse(
        curl(`https://${host}:${site.ports.https}/.well-known/posh/${service}.json`).toString(),
      ) as { fingerprints: Record<string, string>[]; expires: number }
      expect(document.fingerprints).toEqual([
        {
          'sha-256': createHash('sha256').update(leafDer).digest('base64'),
          'sha-512': createHash('sha512').update(leafDer).digest('base64'),
        },
      ])
      expect(document.expires).toBe(3600)
    }
  })
})

describe('openssl s_client', () => {
  /** One request over one connection, byte for byte; as Prosody does it where the name is UTF-8. */
  function ask(servername: string, certificateName: string, request: Buffer): string {
    const { stdout, stderr, status } = spawnSync(
      'openssl',
      [
        ...['s_client', '-quiet', '-connect', `127.0.0.1:${site.ports.https}`, '-servername', servername],
        ...['-CAfile', site.rootFile, '-verify_return_error', '-verify_hostname', certificateName],
      ],
      { input: request, timeout: 10_000 },
    )
    expect(status, stderr.toString()).toBe(0)
    return stdout.toString('latin1')
  }
  const requestOf = (host: Buffer, path: string) =>
    Buffer.concat([
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: `),
      host,
      Buffer.from(`:${site.ports.https}\r\nConnection: close\r\n\r\n`),
    ])

  test.each([
    { written: 'the plain name', sni: ASCII, certificate: ASCII, host: Buffer.from(ASCII), path: pathOf(ASCII) },
    {
      written: 'capitals',
      sni: 'IM.EXAMPLE.COM',
      certificate: ASCII,
      host: Buffer.from('Im.Example.com'),
      path: pathOf(ASCII),
    },
    {
      written: 'a final dot',
      sni: `${ASCII}.`,
      certificate: ASCII,
      host: Buffer.from(`${ASCII}.`),
      path: pathOf(ASCII),
    },
    { written: 'an A-label', sni: IDN, certificate: IDN, host: Buffer.from(IDN), path: pathOf(IDN) },
    {
      written: 'raw UTF-8 in SNI and Host, as Prosody sends it',
      sni: 'bücher.example.com',
      certificate: IDN,
      host: Buffer.from('bücher.example.com'),
      path: pathOf(IDN),
    },
    {
      written: 'raw Latin-1 in Host',
      sni: IDN,
      certificate: IDN,
      host: Buffer.from('bücher.example.com', 'latin1'),
      path: pathOf(IDN),
    },
  ])('completes the two hops with $written', ({ sni, certificate, host, path }) => {
    const first = ask(sni, certificate, requestOf(host, path))
    expect(first).toMatch(/^HTTP\/1\.1 302 /)
    expect(/^location: (.*)\r$/im.exec(first)?.[1]).toBe(locationOf(path))
    const second = ask(TARGET, TARGET, requestOf(Buffer.from(TARGET), path))
    expect(second).toMatch(/^HTTP\/1\.1 200 /)
    expectThePublishedCertificate(second.slice(second.indexOf('-----BEGIN')))
  })

  test('gets an alert and no certificate for an unknown and for a missing name', () => {
    for (const name of [['-servername', 'unknown.example.org'], ['-noservername']]) {
      const { stdout, stderr, status } = spawnSync(
        'openssl',
        ['s_client', '-connect', `127.0.0.1:${site.ports.https}`, ...name],
        { input: '' },
      )
      expect(status).not.toBe(0)
      expect(stdout.toString()).toContain('no peer certificate available')
      expect(stderr.toString()).toMatch(/alert handshake failure/)
    }
  })
})

describe("Python's urllib", () => {
  test.each([
    { written: 'the plain name', host: ASCII, path: pathOf(ASCII) },
    { written: 'in capitals', host: 'IM.Example.COM', path: pathOf(ASCII) },
    { written: 'an IDN, whose Host it sends in Latin-1', host: 'bücher.example.com', path: pathOf(IDN) },
    { written: 'an IDN percent-encoded in the path', host: IDN, path: pathOf('b%C3%BCcher.example.com') },
  ])('completes the two hops for $written', ({ host, path }) => {
    const answers = JSON.parse(
      execFileSync('python3', [TWO_HOPS, String(site.ports.https), site.rootFile, host, path]).toString(),
    ) as { status: number; location: string | null; body: string }[]
    expect(answers.map(({ status, location }) => [status, location])).toEqual([
      [302, locationOf(path)],
      [200, null],
    ])
    expectThePublishedCertificate(answers[1]?.body ?? '')
  })
})

describe('waypost verify', () => {
  test('proves both names, and says 1 and 2 where it does not', async () => {
    const resolve = (...hosts: string[]) =>
      hosts.flatMap((host) => ['--resolve', `${host}:${site.ports.https}:127.0.0.1`])
    for (const name of [ASCII, 'bücher.example.com']) {
      const { code, stdout, stderr } = await site.waypost(
        ...['verify', name, '--port', String(site.ports.https), '--ca', site.rootFile, ...resolve(ASCII, IDN, TARGET)],
      )
      expect(code, stdout + stderr).toBe(0)
    }
    const withdrawn = await site.waypost(
      ...['verify', ASCII, '--port', String(site.ports.https), '--service', '_xmpp-client', '--ca', site.rootFile],
      ...resolve(ASCII, IDN, TARGET),
    )
    expect(withdrawn.code, withdrawn.stdout).toBe(1)
    const nobody = await site.waypost(
      'verify',
      ASCII,
      '--port',
      '1',
      '--ca',
      site.rootFile,
      '--resolve',
      `${ASCII}:1:127.0.0.1`,
    )
    expect(nobody.code, nobody.stdout).toBe(2)
  })
})

describe('nothing of a key', () => {
  test('is in the log', () => {
    expect(readFileSync(site.logFile, 'utf8')).not.toMatch(/PRIVATE KEY|masterKey":"(?!\[hidden)/)
  })
})
