import { createServer as createPlainServer, type AddressInfo, type Server } from 'node:net'
import { createSecureContext, createServer } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { edgeHandshake } from '../../src/outside/edge-handshake.ts'
import { makeCertificate } from '../support/certificates.ts'

let servers: Server[]
let [tls, silent] = [0, 0]

beforeAll(async () => {
  const { keyPem: key, pem: cert } = await makeCertificate({ names: ['im.example'] })
  const edge = createServer({
    SNICallback: (name, done) => done(null, name === 'im.example' ? createSecureContext({ key, cert }) : undefined),
  })
  servers = [edge, createPlainServer()]
  ;[tls, silent] = (await Promise.all(servers.map(listening))) as [number, number]
})
afterAll(() => servers.forEach((server) => server.close()))

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)))
}

test('it learns which certificate is presented for a name, trusted or not', async () => {
  const reply = await edgeHandshake({ host: '127.0.0.1', port: tls })(domainName('im.example'))
  expect(reply).toMatchObject({ outcome: 'ok', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
  if (reply.outcome === 'ok') expect(reply.notAfter.getTime()).toBeGreaterThan(reply.notBefore.getTime())
})

test('an alert is an answer; silence and a closed port are none', async () => {
  expect(await edgeHandshake({ host: '127.0.0.1', port: tls })(domainName('other.example'))).toMatchObject({
    outcome: 'wrong',
  })
  const ask = edgeHandshake({ host: '127.0.0.1', port: silent, timeoutMs: 200 })
  expect(await ask(domainName('im.example'))).toMatchObject({
    outcome: 'could-not-ask',
    why: expect.stringContaining('in time') as string,
  })
  expect(await edgeHandshake({ host: '127.0.0.1', port: 1 })(domainName('im.example'))).toMatchObject({
    outcome: 'could-not-ask',
  })
})
