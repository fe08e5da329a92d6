import type { Act } from '../act.ts'
import { ProblemError } from '../problem.ts'
import type { Lineage, LineageCertificate, LineageStore, LineageWithCertificates } from './lineage.ts'
import { refusal } from './refusal.ts'
import { activation, active, knownToAllAt } from './rollover.ts'
import { readUpload } from './upload.ts'

const LONGEST_NAME = 255

export interface CertificateUpload {
  certificate: Uint8Array
  privateKey?: Uint8Array | undefined
  password?: string | undefined
  lineage?: string | undefined // its name; by default the leaf's first DNS name
  /**
   * The edge is to present it: it needs its key, and comes by hand from now on. It replaces the one before at once,
   * since nobody keeps what is presented; not so where a delegation publishes the same lineage.
   */
  isFront?: boolean | undefined
  /** For how long a document may be kept by whoever fetched it; see `rollover.ts`. */
  cacheSpanMs: number
}

export interface ImportedCertificate {
  lineage: Lineage
  certificate: LineageCertificate
  warnings: string[]
}

/** Takes certificates that people bring: the same for the command line, the API and the page. */
export interface CertificateImport {
  /**
   * Stages the certificate in its lineage, which is made where it is new; the first one becomes active at once.
   * @throws ProblemError certificate-refused, malformed-request, already-exists, still-in-use
   */
  importCertificate(tenantId: string | null, upload: CertificateUpload, act: Act): Promise<ImportedCertificate>
}

export function certificateImport(deps: {
  lineages: Pick<LineageStore, 'create' | 'findByName' | 'stage' | 'activate' | 'takeOver' | 'isPublished'>
}): CertificateImport {
  const { lineages } = deps

  /** The lineage that the certificate joins, and what it has already. */
  async function lineageFor(
    tenantId: string | null,
    name: string,
    isFront: boolean,
    act: Act,
  ): Promise<LineageWithCertificates> {
    const lineage = await lineages.findByName(tenantId, name)
    if (!lineage) return { ...(await lineages.create(tenantId, { name, source: 'import' }, act)), certificates: [] }
    if (lineage.source === 'import') return lineage
    if (!isFront)
      throw new ProblemError(
        'still-in-use',
        `the certificates of lineage ${name} are issued by the ${lineage.source} authority; import into a lineage of another name`,
      )
    await lineages.takeOver(tenantId, lineage.id, act)
    return { ...lineage, source: 'import' }
  }

  return {
    async importCertificate(tenantId, upload, act) {
      const { certificate, privateKey, password, isFront = false, cacheSpanMs } = upload
      const {
        chain,
        privateKey: key,
        isNotYetValid,
        warnings,
      } = readUpload({ certificate, privateKey, password, now: act.at })
      if (isFront && key === null)
        throw refusal(
          'private-key-missing',
          'a certificate that is to be presented over HTTPS needs its private key; give it too',
        )
      const name = lineageName(upload.lineage ?? chain.leaf.dnsNames[0])
      const { certificates, ...lineage } = await lineageFor(tenantId, name, isFront, act)
      const staged = await lineages.stage(tenantId, lineage.id, { chain, privateKey: key }, act)

      if (isNotYetValid)
        warnings.push(`it is not valid before ${chain.leaf.notBefore.toISOString()}: until then it is only staged`)
      const all = [...certificates, staged]
      const present = active(certificates)
      const isFirst = present === undefined || present.notAfter <= act.at
      const isForced = isFront && !(await lineages.isPublished(lineage.id))
      const mayActivate = isForced || (isFirst && knownToAllAt(all, staged, { now: act.at, cacheSpanMs }) <= act.at)
      if (isNotYetValid || !mayActivate) return { lineage, certificate: staged, warnings }
      const { retiresAt } = activation(all, staged.id, { now: act.at, cacheSpanMs, isForced })
      return { lineage, certificate: await lineages.activate(tenantId, staged.id, retiresAt, act), warnings }
    },
  }
}

function lineageName(name: string | undefined): string {
  if (name === undefined)
    throw new ProblemError('malformed-request', 'the certificate names no domain; say in which lineage it belongs', {
      fields: [{ pointer: '/lineage', detail: 'is needed, since the certificate has no DNS name' }],
    })
  if (name.trim() === '' || name.length > LONGEST_NAME || /[\x00-\x1f\x7f]/.test(name))
    throw new ProblemError('malformed-request', `the name of a lineage has 1 to ${LONGEST_NAME} visible characters`, {
      fields: [{ pointer: '/lineage', detail: `should have 1 to ${LONGEST_NAME} visible characters` }],
    })
  return name
}
