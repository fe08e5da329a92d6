import { publishedAt, delegationsOf, recordsOf } from './delegation-view.ts'
import { certificateView, type CertificateView } from './certificate-view.ts'
import type { LineageCertificate } from '../certificate/lineage.ts'
import type { Delegation } from '../delegation/delegation.ts'
import { dnsProviderOf, type DnsProvider } from '../delegation/dns-providers.ts'
import { isProof, type DnsRecord } from '../delegation/dns-records.ts'
import { recordSight, type RecordSight } from '../delegation/record-sights.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'
import { recordChoice, zoneText, ZONE_FORMS, type RecordChoice, type ZoneForm } from '../delegation/zone-text.ts'
import type { Explanation } from '../tenant/proof-checks.ts'
import type { Tenant } from '../tenant/tenant.ts'
import type { AdminDeps, LookUps } from './deps.ts'
import { domainStanding, type DomainStanding } from './domain-standing.ts'
import { standingOf, type Standing } from './standing.ts'
import { TOLD } from './told.ts'

/** All that there is to tell of one source domain. Nobody outside is asked. */
export interface SourceDomainView {
  domain: SourceDomain
  explanation: Explanation
  certificate: CertificateView | null // null: its owner's web server sees to that
  delegations: DelegationInView[]
  published: LineageCertificate[]
  proofs: RecordInView[] // each of which proves control
  further: RecordInView[]
  zone: { name: string | null; provider: DnsProvider | null }
  files: Record<ZoneForm, string>
  standing: DomainStanding
  isWaitingForRecords: boolean
}

export interface DelegationInView {
  delegation: Delegation
  standing: Standing
}

/** A record to publish, and what was seen of it. */
export interface RecordInView {
  record: DnsRecord
  id: string // "record-1", on the page
  sight: RecordSight | null // null: nobody has looked
  isNeeded: boolean // false: it is optional, or what it is for is done by another
}

export async function sourceDomainView(
  deps: AdminDeps,
  find: LookUps,
  tenant: Tenant,
  domain: SourceDomain,
  told = TOLD,
): Promise<SourceDomainView> {
  const { proofs, clock } = deps
  const now = clock.now()
  const all = await delegationsOf(deps, tenant, domain.name)
  const [explanation, records, certificate, lineages] = await Promise.all([
    proofs.explain(tenant.id, domain.name, told.control),
    recordsOf(deps, find, tenant, domain, all, told),
    domain.mode === 'hosted' ? certificateView(deps).ofSourceDomain(domain, told.certificate) : null,
    lineagesOf(find, all),
  ])
  const zone = explanation.zone?.name ?? null
  const choice = recordChoice(domain, records, zone)
  const shown = inView(domain, choice, explanation)
  const delegations = all.map((delegation) => {
    const lineage = lineages.get(delegation.lineageId)
    const underTenant = { ...domain, suspendedAt: domain.suspendedAt ?? tenant.suspendedAt }
    return {
      delegation,
      standing: standingOf(delegation, underTenant, lineage, now),
      // Whatever becomes of the proof and the rule
      publishable: standingOf(delegation, { mode: 'hosted', proof: 'vouched', suspendedAt: null }, lineage, now),
    }
  })
  const sightOf = (record: DnsRecord) => shown.find((one) => one.record === record)?.sight ?? null
  return {
    domain,
    explanation,
    certificate,
    delegations,
    published: [...lineages.values()].flatMap((lineage) => publishedAt(lineage, now)),
    proofs: shown.filter(({ record }) => isProof(record)),
    further: shown.filter(({ record }) => !isProof(record)),
    zone: { name: zone, provider: dnsProviderOf(explanation.zone?.servers ?? []) },
    files: Object.fromEntries(ZONE_FORMS.map((form) => [form, zoneText(form, domain, records, zone)])) as Record<
      ZoneForm,
      string
    >,
    standing: domainStanding({
      ...{ domain, explanation },
      isSuspended: domain.suspendedAt !== null || tenant.suspendedAt !== null,
      proofs: shown.filter(({ record }) => isProof(record)).map(({ sight }) => sight),
      leads: { alias: choice.alias && sightOf(choice.alias), addresses: choice.addresses.map(sightOf) },
      certificate: certificate?.explanation ?? null,
      isFrontByHand: deps.config.front.authority === 'import' || certificate?.lineage?.source === 'import',
      delegations: delegations.map(({ delegation: { ruleCheck }, publishable }) => ({
        standing: publishable,
        rule: ruleCheck?.outcome ?? null,
      })),
    }),
    isWaitingForRecords: shown.some(({ isNeeded, sight }) => isNeeded && sight?.outcome !== 'ok'),
  }
}

async function lineagesOf(find: LookUps, delegations: readonly Delegation[]) {
  const lineages = new Map<string, Awaited<ReturnType<LookUps['lineageOf']>>>()
  for (const delegation of delegations)
    if (!lineages.has(delegation.lineageId)) lineages.set(delegation.lineageId, await find.lineageOf(delegation))
  return lineages
}

function inView(domain: SourceDomain, choice: RecordChoice, explanation: Explanation): RecordInView[] {
  const { alias, proof, addresses, others } = choice
  const sightOf = (record: DnsRecord) => sightIn(explanation, record)
  const isThere = (record: DnsRecord) => sightOf(record)?.outcome === 'ok'
  const isVouched = domain.proof === 'vouched'
  const isAlias = alias !== null && isThere(alias)
  const isInstead = addresses.length > 0 && addresses.every(isThere) && (isVouched || proof.every(isThere))
  const needs: [DnsRecord, boolean][] = [
    ...(alias ? [[alias, !isInstead] as [DnsRecord, boolean]] : []),
    ...proof.map((record): [DnsRecord, boolean] => [record, !isAlias && !isVouched]),
    ...addresses.map((record): [DnsRecord, boolean] => [record, !isAlias && (alias === null || proof.some(isThere))]),
    ...others.map((record): [DnsRecord, boolean] => [record, record.type === 'SRV']),
  ]
  return needs.map(([record, isNeeded], index) => ({
    ...{ record, isNeeded, sight: sightOf(record) },
    id: `record-${index + 1}`,
  }))
}

function sightIn({ looks, lookedAt, proofs, further }: Explanation, record: DnsRecord): RecordSight | null {
  if (!isProof(record)) return further && recordSight(record, further)
  const finding = record.type === 'TXT' ? proofs?.txt : proofs?.cname
  return lookedAt && recordSight(record, { looks, at: lookedAt }, finding ?? undefined)
}
