import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Command } from 'commander'
import { domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { formatReport, formatReportJson, verify, type Conclusion, type Report, type Resolve } from '../verify-main.ts'

/** What the command writes to; `write` is for the report, `writeError` for what the caller did wrong. */
export interface VerifyIo {
  write(text: string): void
  writeError(text: string): void
  setExitCode(code: number): void
  isTerminal: boolean
}

interface VerifyOptions {
  service: string[]
  json?: boolean
  ca?: string
  resolve: string[]
  timeout: string
  port: string
}

const EXIT_CODES: Record<Conclusion, number> = { proven: 0, disproven: 1, unknown: 2 }
const DEFAULT_SERVICE = '_xmpp-server._tcp'
// host:port:address; an IPv6 address may stand in brackets
const RESOLVE = /^([^:]+):(\d{1,5}):(?:\[([^\]]+)\]|(.+))$/

const HELP = `
Exit codes:
  0  proven: every rule is met; the certificates to expect are printed
  1  disproven: a rule is broken; the report says which, and what to do
  2  could not ask (no DNS, no connection, no answer in time), or the command was used wrongly;
     this says nothing against the domain

Examples:
  $ waypost verify im.example.com
  $ waypost verify im.example.com --service _xmpp-client --service _xmpp-server --json
  $ waypost verify im.example.com --ca root.pem \\
      --resolve im.example.com:443:127.0.0.1 --resolve 'hosting.example.com:443:[::1]'
`

/** Adds `verify <domain>`: what an initiating entity learns of a domain, with an exit code for scripts. */
export function addVerifyCommand(program: Command, io: VerifyIo): void {
  const collect = (value: string, values: string[]) => [...values, value]
  program
    .command('verify')
    .description('ask as an initiating entity which certificate to expect, and report every step')
    .argument('<domain>', 'source domain, such as im.example.com')
    .option('--service <name>', `service as SRV writes it, repeatable (default: ${DEFAULT_SERVICE})`, collect, [])
    .option('--json', 'print the reports as one JSON object')
    .option('--ca <file>', 'trust only the authorities in this PEM file')
    .option('--resolve <host:port:address>', 'use this address instead of DNS, repeatable', collect, [])
    .option('--timeout <seconds>', 'for each request as a whole', '10')
    .option('--port <number>', "the source domain's HTTPS port, for trials", '443')
    .addHelpText('after', HELP)
    .action(async (domain: string, _options: VerifyOptions, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>() // --ca is known to all commands
      try {
        const reports = await verifyEach(domain, options)
        const conclusion = worst(reports)
        io.write(
          options.json
            ? `${formatReportJson({ conclusion, reports })}\n`
            : reports.map((report) => formatReport(report, { isColoured: io.isTerminal })).join('\n'),
        )
        io.setExitCode(EXIT_CODES[conclusion])
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        // Not 1, which a script would read as "disproven"
        io.writeError(`${error.message}\n`)
        io.setExitCode(2)
      }
    })
}

async function verifyEach(domain: string, options: VerifyOptions): Promise<Report[]> {
  const ca = options.ca === undefined ? {} : { ca: readCa(options.ca) }
  const resolve = options.resolve.map(parseResolve)
  const timeoutMs = parseTimeout(options.timeout)
  const port = Number(options.port)
  const services = options.service.length === 0 ? [DEFAULT_SERVICE] : [...new Set(options.service)]
  const reports: Report[] = []
  for (const service of services) reports.push(await verify(domain, { service, resolve, timeoutMs, port, ...ca }))
  return reports
}

function worst(reports: Report[]): Conclusion {
  const order: Conclusion[] = ['disproven', 'unknown', 'proven']
  return order.find((conclusion) => reports.some((report) => report.conclusion === conclusion)) ?? 'unknown'
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new ProblemError('malformed-request', `--ca: ${file} cannot be read; give a PEM file`, { cause })
  }
}

function parseResolve(text: string): Resolve {
  const [, host = '', portText = '', bracketed, plain] = RESOLVE.exec(text) ?? []
  const address = bracketed ?? plain ?? ''
  const port = Number(portText)
  if (isIP(address) === 0 || (bracketed !== undefined && isIP(address) !== 6) || port < 1 || port > 65535)
    throw new ProblemError(
      'malformed-request',
      `--resolve: ${JSON.stringify(text)} is not host:port:address, such as im.example.com:443:192.0.2.1 or im.example.com:443:[2001:db8::1]`,
    )
  return { host: domainName(host), port, address }
}

function parseTimeout(text: string): number {
  const seconds = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : 0
  if (!(seconds > 0 && seconds <= 600))
    throw new ProblemError('malformed-request', '--timeout: give the seconds, more than 0 and at most 600')
  return seconds * 1000
}
