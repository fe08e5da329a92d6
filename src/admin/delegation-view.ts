import type { LineageCertificate, LineageWithCertificates } from '../certificate/lineage.ts'
import { stateAt } from '../certificate/rollover.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { dnsRecords, type DnsRecord } from '../delegation/dns-records.ts'
import type { Host } from '../delegation/host.ts'
import { namingWarnings } from '../delegation/naming-warnings.ts'
import { respond, type Answer } from '../delegation/respond.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'
import { parseWellKnownPath } from '../delegation/well-known-path.ts'
import type { DomainName } from '../name.ts'
import { edgeNameOf, proofToken } from '../tenant/proof-token.ts'
import type { Tenant } from '../tenant/tenant.ts'
import type { AdminDeps, LookUps } from './deps.ts'
import { TOLD } from './told.ts'

/** One of the requests of draft-miller-xmpp-fed-00 §6.3, and what it is answered with. */
export interface Hop {
  url: string
  answer: Answer
}

export interface DelegationView {
  tenant: Tenant
  delegation: Delegation
  sourceDomain: SourceDomain
  lineage: LineageWithCertificates | undefined
  hops: Hop[]
  dnsRecords: DnsRecord[]
  warnings: string[]
}

const DELEGATIONS_SHOWN = 100

/** What there is to tell of one delegation, for the API and for its page. */
export async function delegationView(
  deps: AdminDeps,
  find: LookUps,
  tenant: Tenant,
  delegation: Delegation,
  told = TOLD,
): Promise<DelegationView> {
  const sourceDomain = await find.sourceDomain(tenant, delegation.sourceDomain)
  const lineage = await find.lineageOf(delegation)
  return {
    tenant,
    delegation,
    sourceDomain,
    lineage,
    hops: hops(delegation, sourceDomain),
    dnsRecords: await recordsOf(deps, find, tenant, sourceDomain, [delegation], told),
    warnings: namingWarnings(delegation.sourceDomain, delegation, lineage?.certificates ?? [], told.naming),
  }
}

/** @param delegations those to publish records for; where it is left out, all of the source domain's */
export async function recordsOf(
  deps: AdminDeps,
  find: LookUps,
  tenant: Tenant,
  sourceDomain: SourceDomain,
  delegations?: Delegation[],
  told = TOLD,
): Promise<DnsRecord[]> {
  const { config, proofKey, challengeAlias, clock } = deps
  const all = delegations ?? (await delegationsOf(deps, tenant, sourceDomain.name))
  const certificates = new Map<string, LineageCertificate[]>()
  for (const delegation of all) {
    if (!certificates.has(delegation.lineageId))
      certificates.set(delegation.lineageId, publishedAt(await find.lineageOf(delegation), clock.now()))
  }
  return dnsRecords({
    sourceDomain,
    delegations: all,
    certificates,
    edge: { name: edgeNameOf(tenant, config.edge.name), addresses: config.edge.addresses },
    proofToken: proofToken(proofKey, tenant.id, sourceDomain.name),
    challengeAlias: challengeAlias?.(tenant.id, sourceDomain.name),
    words: told.records,
  })
}

export function delegationsOf(deps: AdminDeps, tenant: Tenant, sourceDomain: DomainName): Promise<Delegation[]> {
  return deps.delegations.list(tenant.id, { limit: DELEGATIONS_SHOWN, sourceDomain })
}

export function publishedAt(lineage: LineageWithCertificates | undefined, now: Date): LineageCertificate[] {
  return (lineage?.certificates ?? []).filter((certificate) => stateAt(certificate, now) !== 'retired')
}

/** As the edge would answer now, were the source domain proven and not suspended. */
function hops(delegation: Delegation, { name, mode }: SourceDomain): Hop[] {
  const rawPath = `/.well-known/tls/${delegation.service}.${delegation.protocol}.${name}`
  const path = parseWellKnownPath(rawPath)
  if (!path) return []
  const isTarget = delegation.targetHost === name
  const source = host(name, { targetHost: isTarget, sourceDomain: { name, mode, delegation } })
  const target = host(delegation.targetHost, { targetHost: true })
  const targetPort = delegation.targetPort === 443 ? '' : `:${delegation.targetPort}`
  const atTarget: Hop = {
    url: `https://${delegation.targetHost}${targetPort}${rawPath}`,
    answer: respond({ host: isTarget ? source : target, source, path, rawPath }),
  }
  if (isTarget) return [atTarget]
  // An external source domain's own web server has to give the same answer as the edge would
  const asHosted = host(name, { sourceDomain: { name, mode: 'hosted', delegation } })
  const atSource: Hop = {
    url: `https://${name}${rawPath}`,
    answer: respond({ host: asHosted, source: asHosted, path, rawPath }),
  }
  return atSource.answer.kind === 'redirect' ? [atSource, atTarget] : [atSource]
}

function host(
  name: Host['name'],
  what: {
    targetHost?: boolean
    sourceDomain?: { name: Host['name']; mode: SourceDomain['mode']; delegation: Delegation }
  },
): Host {
  const { sourceDomain } = what
  return {
    name,
    isAdmin: false,
    frontLineageId: null,
    targetHost: what.targetHost ? { port: 443 } : null,
    sourceDomain: sourceDomain
      ? {
          name: sourceDomain.name,
          mode: sourceDomain.mode,
          isSuspended: false,
          changedAt: sourceDomain.delegation.createdAt,
          delegations: [sourceDomain.delegation],
          hostMeta: null,
        }
      : null,
  }
}
