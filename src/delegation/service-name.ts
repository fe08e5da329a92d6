import { ProblemError } from '../problem.ts'
import type { ServiceName } from './delegation.ts'

// RFC 6335 §5.1: 1 to 15 letters, digits and single inner hyphens, at least one letter
const SERVICE = /^_(?=[a-z0-9-]*[a-z])(?!.*--)[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/
const PROTOCOL = /^_(?:tcp|udp)$/

/** The name of a service as DNS writes it (RFC 2782), in any case; null where it is none. */
export function parseServiceName(service: string, protocol: string): ServiceName | null {
  const name = { service: service.toLowerCase(), protocol: protocol.toLowerCase() }
  return SERVICE.test(name.service) && PROTOCOL.test(name.protocol) ? name : null
}

/** From what a person writes: `_xmpp-server` or `_xmpp-server._tcp`. @throws ProblemError malformed-name */
export function serviceName(text: string): ServiceName {
  const [service = '', protocol = '_tcp', ...rest] = text.split('.')
  const name = rest.length === 0 ? parseServiceName(service, protocol) : null
  if (name === null)
    throw new ProblemError(
      'malformed-name',
      `${JSON.stringify(text)} is no service: write it as DNS does, such as _xmpp-server._tcp or _xmpp-client._tcp`,
    )
  return name
}

/**
 * The name of its POSH document, RFC 7711 §8: the bare SRV service. Direct TLS (XEP-0368) has no name of its own,
 * it shares that of STARTTLS.
 */
export function poshName({ service, protocol }: ServiceName): string | null {
  if (protocol !== '_tcp') return null
  return service.replace(/^_/, '').replace(/^xmpps-/, 'xmpp-')
}
