import type { Act } from '../act.ts'
import { ProblemError } from '../problem.ts'
import type { Lineage, LineageCertificate, LineageStore } from './lineage.ts'
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
   * Stages the certificate in its lineage, which is made where it is new; the first one becomes active at once. A front
   * certificate that the lineage has already is taken as it is, so that an import may be repeated after a crash.
   * @throws ProblemError certificate-refused, malformed-request, already-exists, still-in-use, too-early
   */
  importCertificate(tenantId: string | null, upload: CertificateUpload, act: Act): Promise<ImportedCertificate>
}

export function certificateImport(deps: {
  lineages: Pick<
    LineageStore,
    'create' | 'findByName' | 'stage' | 'addPrivateKey' | 'activate' | 'isPublished' | 'isPresented'
  >
}): CertificateImport {
  const { lineages } = deps

  return {
    async importCertificate(tenantId, upload, act) {
      const { isFront = false, cacheSpanMs } = upload
      const { chain, privateKey, isNotYetValid, warnings } = readUpload({ ...upload, now: act.at })
      if (isFront && privateKey === null)
        throw refusal(
          'private-key-missing',
          'a certificate that is to be presented over HTTPS needs its private key; give it too',
        )
      const name = lineageName(upload.lineage ?? chain.leaf.dnsNames[0])
      const found = await lineages.findByName(tenantId, name)
      const others = found?.certificates ?? []
      if (found && found.source !== 'import' && (!isFront || found.identifiers !== null))
        throw new ProblemError(
          'still-in-use',
          `the certificates of lineage ${name} are issued by the ${found.source} authority; import into a lineage of another name`,
        )
      const present = active(others)
      const isForced = isFront && !(found && (await lineages.isPublished(found.id)))
      const isFirst = present === undefined || present.notAfter <= act.at
      // All is decided before anything is written: who is refused has changed nothing
      const again = isFront ? others.find(({ sha256 }) => sha256 === chain.leaf.sha256) : undefined
      const asStaged = again ?? { id: '', stagedAt: act.at }
      const isKnownToAll = knownToAllAt(others, asStaged, { now: act.at, cacheSpanMs }) <= act.at
      const isKeyMissed = privateKey === null && found !== undefined && (await lineages.isPresented(found.id))
      const becomesActive = !isNotYetValid && (isForced || (isFirst && isKnownToAll && !isKeyMissed))
      const isActive = again !== undefined && again.id === present?.id
      if (isFront && !becomesActive && !isActive && !present?.privateKeyId) throw notPresentable(name, isNotYetValid)

      const lineage = found ?? (await lineages.create(tenantId, { name, source: 'import' }, act))
      const staged = again ?? (await lineages.stage(tenantId, lineage.id, { chain, privateKey }, act))
      const isToActivate = becomesActive && !isActive
      const options = { now: act.at, cacheSpanMs, isForced }
      // Nobody keeps what is presented: it may come back where a wrong one had taken its place
      const retiresAt =
        isToActivate && !isForced
          ? activation(again ? others : [...others, staged], staged.id, options).retiresAt
          : new Date(act.at.getTime() + cacheSpanMs)
      const certificate =
        staged.privateKeyId === null && privateKey !== null
          ? await lineages.addPrivateKey(tenantId, staged.id, privateKey, act)
          : staged
      if (isNotYetValid)
        warnings.push(`it is not valid before ${chain.leaf.notBefore.toISOString()}: until then it is only staged`)
      if (!isToActivate) return { lineage, certificate, warnings }
      const activated = await lineages.activate(tenantId, certificate.id, retiresAt, act)
      return { lineage: { ...lineage, source: 'import' }, certificate: activated, warnings }
    },
  }
}

function notPresentable(lineage: string, isNotYetValid: boolean): ProblemError {
  return new ProblemError(
    'too-early',
    isNotYetValid
      ? 'the certificate is not valid yet, so that it cannot be presented; import it when it is, or only to be published'
      : `lineage ${lineage} is published, and what it has in use has no key here: nothing could be presented before caches know the new certificate. ` +
          'Import it into a lineage of its own instead, or only to be published',
  )
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
