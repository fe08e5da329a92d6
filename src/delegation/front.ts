import type { Act } from '../act.ts'
import type { CertificateImport, CertificateUpload, ImportedCertificate } from '../certificate/import.ts'
import { frontLineageName, type LineageWithCertificates } from '../certificate/lineage.ts'
import { refusal } from '../certificate/refusal.ts'
import { active } from '../certificate/rollover.ts'
import { domainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { covers } from './naming-warnings.ts'
import type { SourceDomain, SourceDomainStore } from './source-domain.ts'
import type { TargetHostStore } from './target-host.ts'

/** The rules by which people say what the edge presents for a host, for the command line, the API and the page. */
export interface Fronts {
  /**
   * Imports a certificate and lets the edge present it.
   * @param whose the tenant's; null: the operator's. Another's host is not found
   * @param host a held source domain of the tenant's; of the operator's a target host or the admin host
   * @throws ProblemError not-found, and as `importCertificate`
   */
  importFor(
    whose: string | null,
    host: string,
    upload: Omit<CertificateUpload, 'isFront'>,
    act: Act,
  ): Promise<ImportedCertificate>
  /** @throws ProblemError still-in-use: the admin host presents the lineage, or the certificate */
  refuseRemovalOfAdmins(lineage: LineageWithCertificates, certificateId?: string): void
}

interface Front {
  host: DomainName
  isByName: boolean // the admin host presents the lineage of its name, and no other
  use: (lineageId: string, act: Act) => Promise<void>
}

export function fronts(deps: {
  sourceDomains: Pick<SourceDomainStore, 'find' | 'setFrontLineage'>
  targetHosts: Pick<TargetHostStore, 'find' | 'setFrontLineage'>
  imports: CertificateImport
  adminHost: DomainName
}): Fronts {
  const { sourceDomains, targetHosts, imports, adminHost } = deps

  async function frontOf(whose: string | null, text: string): Promise<Front> {
    const host = domainName(text)
    return whose === null ? operatorsFront(host) : tenantsFront(whose, host)
  }

  async function operatorsFront(host: DomainName): Promise<Front> {
    if (host === adminHost) return { host, isByName: true, use: async () => undefined }
    if (!(await targetHosts.find(host)))
      throw notFound(
        `${host} is neither a target host nor the admin host; what a source domain presents is its tenant's`,
      )
    return { host, isByName: false, use: (lineageId, act) => targetHosts.setFrontLineage(host, lineageId, act) }
  }

  async function tenantsFront(tenantId: string, host: DomainName): Promise<Front> {
    const domain = await sourceDomains.find(tenantId, host)
    if (!domain || domain.proof === null)
      throw notFound(`the tenant has no source domain ${host} whose control is proven`)
    requireHosted(domain)
    return {
      host,
      isByName: false,
      use: (lineageId, act) => sourceDomains.setFrontLineage(tenantId, host, lineageId, act),
    }
  }

  return {
    async importFor(whose, text, upload, act) {
      const { host, isByName, use } = await frontOf(whose, text)
      const byName = frontLineageName(host)
      if (isByName && upload.lineage !== undefined && upload.lineage !== byName)
        throw new ProblemError(
          'malformed-request',
          `the admin host presents lineage ${byName} and no other; leave the lineage out`,
          { fields: [{ pointer: '/lineage', detail: 'should be left out for the admin host' }] },
        )
      const named = { ...upload, lineage: upload.lineage ?? byName, isFront: true }
      const imported = await imports.importCertificate(whose, named, act)
      await use(imported.lineage.id, { ...act, ifMatch: undefined }) // which is not about the host
      const isNamed = imported.certificate.dnsNames.some((dnsName) => covers(dnsName, host))
      return isNamed
        ? imported
        : {
            ...imported,
            warnings: [
              ...imported.warnings,
              `the certificate does not name ${host}: whoever asks over HTTPS will refuse it`,
            ],
          }
    },

    refuseRemovalOfAdmins({ tenantId, name, certificates }, certificateId) {
      const isAdmins = tenantId === null && name === frontLineageName(adminHost)
      if (isAdmins && (certificateId === undefined || active(certificates)?.id === certificateId))
        throw new ProblemError(
          'still-in-use',
          `the admin host presents lineage ${name}; import another certificate instead`,
        )
    },
  }
}

/** @throws ProblemError malformed-request: the edge presents nothing for it */
export function requireHosted({ name, mode }: Pick<SourceDomain, 'name' | 'mode'>): void {
  if (mode === 'external')
    throw new ProblemError(
      'malformed-request',
      `${name} is external: its owner's web server presents the certificate, and none is needed here`,
    )
}

/** @throws ProblemError certificate-refused: the edge has nothing of the lineage to present */
export function requirePresentable({ name, certificates }: LineageWithCertificates): void {
  const present = active(certificates)
  if (present?.privateKeyId) return
  throw refusal(
    'private-key-missing',
    present
      ? `the private key of the active certificate of lineage ${name} is not here, so that it cannot be presented; import it again with its key`
      : `lineage ${name} has no active certificate that could be presented; import one with its key`,
  )
}

function notFound(text: string): ProblemError {
  return new ProblemError('not-found', text, {
    fields: [{ pointer: '/frontOf', detail: 'should be a host that the edge presents a certificate for' }],
  })
}
