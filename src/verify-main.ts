import { X509Certificate } from 'node:crypto'
import { systemClock, type Clock } from './clock.ts'
import { serviceName } from './delegation/service-name.ts'
import { domainName } from './name.ts'
import { httpsGet, type Resolve } from './outside/https-get.ts'
import { ProblemError } from './problem.ts'
import { initiatingEntity } from './verify/initiating-entity.ts'
import type { Report } from './verify/report.ts'

export { formatReport, formatReportJson } from './verify/format-report.ts'
export { ProblemError } from './problem.ts'
export type { Clock } from './clock.ts'
export type { DomainName } from './name.ts'
export type { Resolve } from './outside/https-get.ts'
export type { HeaderLines, PeerTls } from './verify/ask.ts'
export type {
  Conclusion,
  ExpectedCertificate,
  FingerprintDescriptor,
  Report,
  Step,
  StepOutcome,
  StepReply,
} from './verify/report.ts'

const MOST_BYTES = 64 * 1024

export interface VerifyOptions {
  /** As SRV writes it, "_xmpp-server" or "_xmpp-server._tcp" (the default). */
  service?: string
  /** Of the source domain's web server: 443 as the draft has it, another for trials. */
  port?: number
  /** PEM of the only trusted roots for HTTPS; without it those that Node ships. */
  ca?: string
  /** Addresses to use instead of DNS, by host and port. */
  resolve?: readonly Resolve[]
  /** For each request as a whole; 10,000 without it. */
  timeoutMs?: number
  signal?: AbortSignal
  clock?: Clock
}

/**
 * Asks as an initiating entity which certificate a source domain's service presents, by draft-miller-xmpp-fed-00 §6.3
 * and by POSH (RFC 7711), over HTTPS that is verified at each hop. Whatever the other side does, it is told in the report.
 * @throws ProblemError malformed-name for a domain or service that is none, malformed-request for unusable options
 */
export async function verify(sourceDomain: string, options: VerifyOptions = {}): Promise<Report> {
  const {
    service = '_xmpp-server._tcp',
    port = 443,
    ca,
    resolve = [],
    timeoutMs = 10_000,
    signal,
    clock = systemClock,
  } = options
  const name = { sourceDomain: domainName(sourceDomain), ...serviceName(service), port }
  if (ca !== undefined) refuseUnlessCertificate(ca)
  if (!(Number.isInteger(port) && port > 0 && port < 65536))
    throw new ProblemError('malformed-request', 'the port has to be 1 to 65535')
  if (!(timeoutMs > 0 && timeoutMs <= 600_000))
    throw new ProblemError('malformed-request', 'the timeout has to be more than 0 and at most 600 seconds')
  const ask = httpsGet({
    resolve: resolve.map((entry) => ({ ...entry, host: domainName(entry.host) })),
    timeoutMs,
    maxBytes: MOST_BYTES,
    ...(ca === undefined ? {} : { ca }),
    ...(signal === undefined ? {} : { signal }),
  })
  return initiatingEntity({ ask, clock }).verify(name)
}

/** Node takes any text for `ca` and then trusts nothing, which would look as if the domain were at fault. */
function refuseUnlessCertificate(pem: string): void {
  try {
    new X509Certificate(pem)
  } catch (cause) {
    throw new ProblemError('malformed-request', 'the certificates to trust are no PEM certificates (RFC 7468)', {
      cause,
    })
  }
}
