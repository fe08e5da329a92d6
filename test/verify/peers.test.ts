import { afterAll, beforeAll, expect, test } from 'vitest'
import { verify } from '../../src/verify-main.ts'
import {
  body,
  redirect,
  run,
  testAuthority,
  webHosts,
  type Issued,
  type TestAuthority,
  type WebHosts,
} from './web-hosts.ts'

const SOURCE = 'xn--bcher-kva.example.com'
const TARGET = 'hosting.example.com'
const PATH = `/.well-known/tls/_xmpp-server._tcp.${SOURCE}`

let authority: TestAuthority
let hosts: WebHosts
let service: Issued

beforeAll(async () => {
  authority = await testAuthority('Test root')
  hosts = await webHosts()
  for (const host of [SOURCE, TARGET]) hosts.present(host, await authority.issue([host]))
  service = await authority.issue(['xmpp.hosting.example.com'])
  hosts.answer(SOURCE, PATH, redirect(302, `https://${TARGET}:${hosts.port}${PATH}`))
  hosts.answer(TARGET, PATH, body(200, 'application/pem-certificate-chain', service.certPem))
})
afterAll(() => Promise.all([hosts.close(), authority.remove()]))

// urllib cannot be told an address, so its resolver is replaced; everything else is as it comes
const URLLIB = `
import socket, ssl, sys, urllib.request
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, *rest, **named: real('127.0.0.1', port, *rest, **named)
with urllib.request.urlopen(sys.argv[1], context=ssl.create_default_context(cafile=sys.argv[2]), timeout=5) as reply:
    print(reply.status, reply.geturl())
    print(reply.read().decode(), end='')
`

test('curl and urllib make the same two hops and get the certificate that the report expects', async () => {
  const start = `https://${SOURCE}:${hosts.port}${PATH}`
  const end = `https://${TARGET}:${hosts.port}${PATH}`
  const report = await verify('bücher.example.com', {
    ca: authority.rootPem,
    port: hosts.port,
    resolve: [SOURCE, TARGET].map((host) => ({ host, port: hosts.port, address: '127.0.0.1' })),
  })
  expect(report).toMatchObject({ conclusion: 'proven', certificates: [{ pem: service.certPem }] })
  const ours = hosts.asked.filter((line) => line.endsWith(PATH))
  const resolve = [SOURCE, TARGET].flatMap((host) => ['--resolve', `${host}:${hosts.port}:127.0.0.1`])

  hosts.asked.length = 0
  const curl = [
    '-sS',
    '-L',
    '--noproxy',
    '*',
    '--cacert',
    authority.rootFile,
    ...resolve,
    '-w',
    '%{http_code} %{num_redirects} %{url_effective}',
  ]
  expect((await run('curl', [...curl, start])).stdout).toBe(`${service.certPem}200 1 ${end}`)
  expect(hosts.asked).toEqual(ours)

  hosts.asked.length = 0
  const urllib = await run('python3', ['-c', URLLIB, start, authority.rootFile], { env: { PATH: process.env.PATH } })
  expect(urllib.stdout).toBe(`200 ${end}\n${service.certPem}`)
  expect(hosts.asked).toEqual(ours)
})
