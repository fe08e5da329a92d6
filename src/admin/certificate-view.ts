import { explainCertificate, type CertificateExplanation, type Circumstances } from '../acme/certificate-explanation.ts'
import type { CertificateWords } from '../acme/certificate-words.ts'
import { FRONT_CERTIFICATE } from '../certificate/issuance.ts'
import {
  FRONT_LINEAGE_PREFIX,
  frontLineageName,
  isFrontLineage,
  type LineageWithCertificates,
} from '../certificate/lineage.ts'
import { active } from '../certificate/rollover.ts'
import type { SourceDomain } from '../delegation/source-domain.ts'
import type { TargetHost } from '../delegation/target-host.ts'
import type { DomainName } from '../name.ts'
import { isFresh } from '../tenant/control.ts'
import type { AdminDeps } from './deps.ts'

/** An explanation, and whose lineage it is about. */
export interface CertificateView {
  lineage: LineageWithCertificates | null // null: there is none yet
  explanation: CertificateExplanation
}

type Subject = Pick<Circumstances, 'name' | 'isHosted' | 'control' | 'lineage' | 'challengeAlias'>

/**
 * How it stands with certificates, put together from all that is known of them, in the words of the reader's language.
 * Nobody outside is asked.
 */
export function certificateView(deps: AdminDeps) {
  const { lineages, sourceDomains, authorities, orders, issuance, renewalInfo, jobs, config, challengeAlias, clock } =
    deps

  async function view(subject: Subject, words: CertificateWords | undefined): Promise<CertificateView> {
    const { lineage } = subject
    const present = lineage && active(lineage.certificates)
    const [known, issued, underWay, memory, info, nextRunAt] = await Promise.all([
      authorities.list(),
      present ? orders.ofCertificate(present.id) : undefined,
      lineage ? orders.underWay(lineage.id) : undefined,
      lineage ? issuance.memory(lineage.id) : undefined,
      present ? renewalInfo.find(present.id) : undefined,
      lineage ? jobs.nextRun(FRONT_CERTIFICATE, lineage.id) : null,
    ])
    const circumstances = {
      ...{ ...subject, issued, underWay, memory, nextRunAt, renewalInfo: info, authorities: known },
      ...{ issuedBy: config.front.authority, now: clock.now() },
    }
    const explanation = explainCertificate(circumstances, words)
    return { lineage, explanation }
  }

  function controlOf(domains: readonly (SourceDomain | undefined)[]): Subject['control'] {
    if (domains.some((domain) => !domain || domain.proof === null)) return 'none'
    return domains.every((domain) => domain && isFresh(domain, clock.now())) ? 'proven' : 'too old'
  }

  return {
    async ofLineage(lineage: LineageWithCertificates, words?: CertificateWords): Promise<CertificateView> {
      const { tenantId, name, certificates, identifiers } = lineage
      const host = isFrontLineage(lineage) ? name.slice(FRONT_LINEAGE_PREFIX.length) : name
      const names = isFrontLineage(lineage) ? [host] : (identifiers ?? active(certificates)?.dnsNames ?? [])
      const isOwners = tenantId !== null && lineage.source !== 'import'
      const domains = isOwners
        ? await Promise.all(names.map((one) => sourceDomains.find(tenantId, one as DomainName)))
        : []
      const alias = isFrontLineage(lineage) ? challengeAlias?.(tenantId, host as DomainName) : undefined
      const control = isOwners ? controlOf(domains) : 'not needed'
      return view({ lineage, name: host, isHosted: true, control, challengeAlias: alias }, words)
    },

    async ofSourceDomain(domain: SourceDomain, words?: CertificateWords): Promise<CertificateView> {
      const { tenantId, name, mode, frontLineageId } = domain
      const lineage = await lineageOf(tenantId, name, frontLineageId)
      const alias = challengeAlias?.(tenantId, name)
      return view(
        { lineage, name, isHosted: mode === 'hosted', control: controlOf([domain]), challengeAlias: alias },
        words,
      )
    },

    async ofTargetHost({ name, frontLineageId }: TargetHost, words?: CertificateWords): Promise<CertificateView> {
      const lineage = await lineageOf(null, name, frontLineageId)
      const alias = challengeAlias?.(null, name)
      return view({ lineage, name, isHosted: true, control: 'not needed', challengeAlias: alias }, words)
    },
  }

  /** What the host presents, or will as soon as it has a certificate. */
  async function lineageOf(tenantId: string | null, host: DomainName, presentedId: string | null) {
    const found =
      presentedId === null
        ? await lineages.findByName(tenantId, frontLineageName(host))
        : await lineages.find(tenantId, presentedId)
    return found ?? null
  }
}
