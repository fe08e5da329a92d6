import { request, type IncomingMessage } from 'node:http'
import type { ChallengeProbe, ProbeReply } from '../acme/preflight.ts'

const TIMEOUT_MS = 2_000
const MAX_HEADER_BYTES = 16_384
const MAX_BYTES = 4096
const MOST_QUOTED = 200

/**
 * Asks one address for a challenge's answer as an authority does (RFC 8555 §8.3), and follows no redirect. It dials what it is
 * given: whoever asks gives addresses of this server alone.
 */
export function challengeProbe({ port = 80, timeoutMs = TIMEOUT_MS }: { port?: number; timeoutMs?: number } = {}) {
  const probe: ChallengeProbe = ({ host, token, address }) => {
    const ending = AbortSignal.timeout(timeoutMs)
    return new Promise<ProbeReply>((resolve) => {
      const fail = ({ code = '' }: NodeJS.ErrnoException) =>
        resolve({ outcome: 'could-not-ask', why: ending.aborted ? LATE : (WHY[code] ?? FAILED) })
      const asked = request({
        ...{ host: address, port, path: `/.well-known/acme-challenge/${token}`, method: 'GET' },
        headers: { host: port === 80 ? host : `${host}:${port}`, 'user-agent': 'waypost', connection: 'close' },
        ...{ agent: false, maxHeaderSize: MAX_HEADER_BYTES, signal: ending },
      })
      asked.on('error', fail)
      asked.on('response', (response) => {
        readBody(response).then((body) => {
          asked.destroy()
          resolve({ outcome: 'ok', ...headOf(response), body })
        }, fail)
      })
      asked.end()
    })
  }
  return probe
}

const LATE = 'no whole answer came in time'
const FAILED = 'the connection failed'
const WHY: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection ended before the answer was complete',
  EHOSTUNREACH: 'there is no way to it from this machine',
  ENETUNREACH: 'there is no way to it from this machine',
  ETIMEDOUT: 'no connection came about in time',
}

function headOf({ statusCode = 0, headers }: IncomingMessage) {
  const { location } = headers
  return { status: statusCode, location: location === undefined ? null : printable(location) }
}

/** What comes after the first 4 KiB is not waited for. */
async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_BYTES) break
  }
  return printable(Buffer.concat(chunks).toString('latin1'))
}

/** A stranger's words, to be shown: without what a terminal or a page would obey. */
function printable(text: string): string {
  return text.replace(/[^!-~]+/g, ' ').slice(0, MOST_QUOTED)
}
