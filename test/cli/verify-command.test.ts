import { Command } from 'commander'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { addVerifyCommand } from '../../src/cli/verify-command.ts'
import {
  body,
  redirect,
  testAuthority,
  webHosts,
  type Issued,
  type TestAuthority,
  type WebHosts,
} from '../verify/web-hosts.ts'

const SOURCE = 'im.example.com'
const path = (service: string) => `/.well-known/tls/${service}._tcp.${SOURCE}`
const SERVER = path('_xmpp-server')

let authority: TestAuthority
let hosts: WebHosts
let service: Issued

beforeAll(async () => {
  authority = await testAuthority('Test root')
  hosts = await webHosts()
  hosts.present(SOURCE, await authority.issue([SOURCE]))
  service = await authority.issue([SOURCE])
})
afterAll(() => Promise.all([hosts.close(), authority.remove()]))
beforeEach(() => {
  hosts.reset()
  hosts.answer(SOURCE, SERVER, body(200, 'application/pem-certificate-chain', service.certPem))
})

async function waypost(...args: string[]) {
  const result = { out: '', error: '', exitCode: undefined as number | undefined }
  const program = new Command('waypost')
  addVerifyCommand(program, {
    write: (text) => void (result.out += text),
    writeError: (text) => void (result.error += text),
    setExitCode: (code) => void (result.exitCode = code),
    isTerminal: false,
  })
  await program.parseAsync(['verify', ...args], { from: 'user' })
  return result
}

const here = (address = '127.0.0.1') => [
  ...['--port', String(hosts.port), '--ca', authority.rootFile],
  ...['--resolve', `${SOURCE}:${hosts.port}:${address}`],
]
interface Output {
  conclusion: string
  reports: { service: string; conclusion: string; at: string; certificates: { pem: string; notAfter: string }[] }[]
}

describe('waypost verify', () => {
  test('proven: exit code 0, and the certificate to expect on standard output', async () => {
    const { out, error, exitCode } = await waypost(SOURCE, ...here())
    expect([exitCode, error]).toEqual([0, ''])
    expect(out).toContain('PROVEN: ')
    expect(out).toContain(service.certPem.split('\n')[1])
    expect(out).not.toContain('\x1b')
  })

  test('disproven: exit code 1, with the rule and what to do', async () => {
    hosts.answer(SOURCE, SERVER, redirect(301, `https://${SOURCE}:${hosts.port}/x`))
    const { out, exitCode } = await waypost(SOURCE, ...here())
    expect(exitCode).toBe(1)
    expect(out).toMatch(/WRONG {2}Redirect[^]*rule +draft-miller-xmpp-fed-00 §6.3 step 2\n +to do +Answer 302/)
    expect(out).toContain('DISPROVEN: 1 rule(s) broken')
    expect(out).not.toContain('BEGIN CERTIFICATE')
  })

  test('could not ask: exit code 2', async () => {
    const { out, exitCode } = await waypost(SOURCE, ...here('127.0.0.2'))
    expect(exitCode).toBe(2)
    expect(out).toContain('UNKNOWN: ')
  })

  test('--json gives every report, and the worst of them the exit code', async () => {
    const both = ['--service', '_xmpp-server', '--service', '_xmpp-client._tcp']
    const { out, exitCode } = await waypost(SOURCE, '--json', ...both, ...here())
    const { conclusion, reports } = JSON.parse(out) as Output
    expect([exitCode, conclusion]).toEqual([1, 'disproven'])
    expect(reports).toMatchObject([
      { service: '_xmpp-server', conclusion: 'proven', certificates: [{ pem: service.certPem }] },
      { service: '_xmpp-client', conclusion: 'disproven', certificates: [] },
    ])
    expect(reports[0]?.certificates[0]?.notAfter).toMatch(/^\d{4}-.*Z$/)
  })

  test('a rule broken for one service outweighs another that could not be asked', async () => {
    hosts.answer(SOURCE, SERVER, body(503, 'text/plain', 'later'))
    const both = ['--service', '_xmpp-server', '--service', '_xmpp-client']
    expect((await waypost(SOURCE, ...both, ...here())).exitCode).toBe(1)
    expect((await waypost(SOURCE, ...here())).exitCode).toBe(2)
  })

  test.each([
    [['127.0.0.1'], /"127.0.0.1" is no domain name/],
    [[SOURCE, '--service', 'xmpp'], /"xmpp" is no service/],
    [[SOURCE, '--ca', '/nonexistent.pem'], /--ca: .* cannot be read/],
    [[SOURCE, '--ca', '/dev/null'], /no PEM/],
    [[SOURCE, '--timeout', 'soon'], /--timeout/],
    [[SOURCE, '--timeout', '0'], /--timeout/],
    [[SOURCE, '--port', 'x'], /port/],
    [[SOURCE, '--resolve', 'im.example.com'], /--resolve/],
    [[SOURCE, '--resolve', 'im.example.com:443:hosting.example.com'], /--resolve/],
    [[SOURCE, '--resolve', 'im.example.com:443:[127.0.0.1]'], /--resolve/],
    [[SOURCE, '--resolve', 'im.example.com:99999:127.0.0.1'], /--resolve/],
    [[SOURCE, '--resolve', 'im_example:443:127.0.0.1'], /no domain name/],
  ])('wrong use is told and is not "disproven": %j', async (args, error) => {
    const result = await waypost(...args)
    expect(result).toMatchObject({ exitCode: 2, out: '' })
    expect(result.error).toMatch(error)
    expect(result.error).not.toMatch(/\n.*\n/)
  })

  test.each(['::1', '[::1]'])('--resolve takes the IPv6 address %s', async (address) => {
    const { out } = await waypost(SOURCE, ...here(address))
    expect(out).toContain('ECONNREFUSED')
  })

  test('--help tells the exit codes and shows an example', () => {
    const program = new Command('waypost')
    addVerifyCommand(program, { write: () => {}, writeError: () => {}, setExitCode: () => {}, isTerminal: false })
    let help = ''
    const command = program.commands[0]!.configureOutput({ writeOut: (text) => void (help += text) })
    command.outputHelp()
    expect(help).toMatch(/0 {2}proven[^]*1 {2}disproven[^]*2 {2}could not ask[^]*\$ waypost verify im\.example\.com/)
  })
})
