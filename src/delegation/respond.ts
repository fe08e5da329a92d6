import type { DomainName } from '../name.ts'
import type { PublishedDelegation } from './delegation.ts'
import type { HostMeta } from './host-meta.ts'
import type { Host, PublishedSourceDomain } from './host.ts'
import { poshName } from './service-name.ts'
import type { WellKnownPath } from './well-known-path.ts'

/** What one GET gets. Documents are named by the lineages that they are made from. */
export type Answer =
  | { kind: 'redirect'; location: string }
  | { kind: 'pem'; lineageId: string }
  | { kind: 'fingerprints'; lineageIds: string[] }
  | { kind: 'reference'; url: string }
  | { kind: 'host-meta'; format: 'xml' | 'json'; hostMeta: HostMeta }
  | { kind: 'none' }

const NONE: Answer = { kind: 'none' }

/** The source domain that an answer on this host would be about; null where none could be. */
export function askedSourceDomain(host: Host, path: WellKnownPath): DomainName | null {
  const named = path.kind === 'tls' ? path.name.sourceDomain : path.kind === 'posh' ? path.sourceDomain : null
  if (named === null || named === host.name) return host.sourceDomain && host.name
  // Only a target host answers for other names: a source domain would be an open redirect between tenants
  return host.targetHost && named
}

/**
 * Decides the answer, draft-miller-xmpp-fed-00 §6.3 and RFC 7711 §3.
 * @param host of the name in SNI and Host
 * @param source the host of `askedSourceDomain`, which may be the same
 * @param rawPath as the request line has it, without query
 */
export function respond(request: { host: Host; source: Host; path: WellKnownPath; rawPath: string }): Answer {
  const { host, path } = request
  const source = request.source.sourceDomain
  if (source === null || source.isSuspended || source.name !== askedSourceDomain(host, path)) return NONE
  switch (path.kind) {
    case 'tls':
      return tlsAnswer(host, source, path, request.rawPath)
    case 'posh':
      return poshAnswer(host, source, path)
    case 'host-meta':
      return source.hostMeta !== null && source.mode === 'hosted'
        ? { kind: 'host-meta', format: path.format, hostMeta: source.hostMeta }
        : NONE
    case 'acme-challenge':
      return NONE // in clear only, RFC 8555 §8.3
  }
}

function tlsAnswer(
  host: Host,
  source: PublishedSourceDomain,
  { name }: WellKnownPath & { kind: 'tls' },
  rawPath: string,
): Answer {
  const delegation = source.delegations.find(
    ({ service, protocol }) => service === name.service && protocol === name.protocol,
  )
  if (!delegation) return NONE
  // The target host is asked about first: a source domain that is its own target host would be redirected to itself
  if (host.name === delegation.targetHost) return { kind: 'pem', lineageId: delegation.lineageId }
  if (!isAnsweredAt(host, source)) return NONE
  return delegation.tlsAnswer === 'possession'
    ? { kind: 'pem', lineageId: delegation.lineageId }
    : // §6.3 step 2: "the path MUST be identical", so it is copied as received and not rebuilt from the parsed name
      { kind: 'redirect', location: targetUrl(delegation, rawPath) }
}

function poshAnswer(
  host: Host,
  source: PublishedSourceDomain,
  { service, sourceDomain }: WellKnownPath & { kind: 'posh' },
): Answer {
  // One document speaks for STARTTLS and for direct TLS: it has what either may present
  const delegations = source.delegations.filter(
    (delegation) => poshName(delegation) === service && delegation.poshAnswer !== 'off',
  )
  // Where the two differ in how they answer, STARTTLS has its way: the document bears its name
  const first = delegations.find((delegation) => delegation.service === `_${service}`) ?? delegations[0]
  if (!first) return NONE
  const fingerprints: Answer = {
    kind: 'fingerprints',
    lineageIds: [...new Set(delegations.map(({ lineageId }) => lineageId))],
  }
  if (delegations.some(({ targetHost }) => targetHost === host.name)) return fingerprints
  if (!isAnsweredAt(host, source) || sourceDomain !== null) return NONE
  const url = targetUrl(first, `/.well-known/posh/${source.name}/${service}.json`)
  switch (first.poshAnswer) {
    case 'redirect':
      return { kind: 'redirect', location: url }
    case 'reference':
      return { kind: 'reference', url }
    case 'fingerprints':
    case 'off':
      return fingerprints
  }
}

function isAnsweredAt(host: Host, source: PublishedSourceDomain): boolean {
  return source.mode === 'hosted' && source.name === host.name
}

function targetUrl({ targetHost, targetPort }: PublishedDelegation, path: string): string {
  return `https://${targetHost}${targetPort === 443 ? '' : `:${targetPort}`}${path}`
}
