import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { JobKind } from '../work/runner.ts'
import type { Authority } from './authority.ts'
import { createRequest } from './certificate-request.ts'
import type { Chain } from './chain.ts'
import type { Lineage, LineageCertificate, LineageStore } from './lineage.ts'
import { renewAt } from './renewal.ts'
import { active, knownToAllAt, stateAt } from './rollover.ts'
import { readUpload } from './upload.ts'

/** The kind of job; its key is the id of the lineage. */
export const FRONT_CERTIFICATE = 'front-certificate'

const UNPROVEN_AGAIN_MS = 3_600_000

export interface FrontCertificatePayload {
  tenantId: string | null
  lineageId: string
  identifiers: DomainName[]
}

/**
 * Sees to it that a front lineage has a certificate that is not due. May be run again after a crash at any line: what
 * was staged is activated and not ordered anew. Nobody keeps a front certificate, so it need not be staged for a while,
 * but where a delegation publishes the same lineage.
 * Nothing is ordered for a tenant's name without a fresh proof of control: then it comes again in an hour.
 * It ends for good where the lineage is gone, nothing presents it, or its certificates come by hand by now.
 */
export function frontCertificateJob(deps: {
  lineages: Pick<LineageStore, 'find' | 'stage' | 'activate' | 'isPublished'>
  authority: Authority
  /** @throws ProblemError control-unproven: the tenant has no fresh proof that it controls the name */
  confirmControl: (tenantId: string, name: DomainName) => Promise<void>
  /** Whether anything presents the lineage still; where nothing does, it is not renewed. */
  isPresented: (lineage: Lineage) => Promise<boolean>
  cacheSpanMs: number // for how long a document may be kept by whoever fetched it; see `rollover.ts`
  clock: Clock
}): JobKind {
  const { lineages, authority, confirmControl, isPresented, cacheSpanMs, clock } = deps

  async function order({ tenantId, lineageId, identifiers }: FrontCertificatePayload, act: Act) {
    if (tenantId !== null) for (const name of identifiers) await confirmControl(tenantId, name)
    const { csrDer, privateKey } = await createRequest(identifiers)
    const { chainPem } = await authority.issue({ identifiers, csrDer })
    const chain = verifiedChain({ chainPem, identifiers, privateKey, now: clock.now() })
    return lineages.stage(tenantId, lineageId, { chain, privateKey }, act)
  }

  /** Undefined where control of a name is not proven at present: nothing has failed, it is only not the time. */
  async function orderIfProven(front: FrontCertificatePayload, act: Act) {
    try {
      return await order(front, act)
    } catch (error) {
      if (error instanceof ProblemError && error.code === 'control-unproven') return undefined
      throw error
    }
  }

  return async ({ payload }) => {
    const front = payload as FrontCertificatePayload // written by our own process, which compiles against the same type
    const lineage = await lineages.find(front.tenantId, front.lineageId)
    if (!lineage || lineage.source === 'import') return
    const now = clock.now()
    // Keys of a name that was lost are destroyed, and their certificates stay
    const isGood = (one: LineageCertificate) =>
      one.privateKeyId !== null && names(one.dnsNames) === names(front.identifiers) && renewAt(one) > now
    const present = active(lineage.certificates)
    if (present && isGood(present)) return { runAgainAt: renewAt(present) }
    // The first is made before the host is told of the lineage; a later one only where a host still has it
    if (present && !(await isPresented(lineage))) return

    const act: Act = { at: now, actor: authority.name, address: null }
    const left = lineage.certificates.find(
      (one) => stateAt(one, now) === 'staged' && one.notBefore <= now && isGood(one),
    )
    const fresh = left ?? (await orderIfProven(front, act))
    if (!fresh) return { runAgainAt: new Date(now.getTime() + UNPROVEN_AGAIN_MS) }
    const isPublished = await lineages.isPublished(front.lineageId)
    const knownAt = isPublished ? knownToAllAt([...lineage.certificates, fresh], fresh, { now, cacheSpanMs }) : now
    if (knownAt > now) return { runAgainAt: knownAt }
    // The XMPP server that presents the one before as well was told nothing: that stays published to its end
    const inUseUntil = Math.max(now.getTime() + cacheSpanMs, present?.notAfter.getTime() ?? 0)
    const retiresAt = isPublished ? new Date(inUseUntil) : now
    return { runAgainAt: renewAt(await lineages.activate(front.tenantId, fresh.id, retiresAt, act, 'local')) }
  }
}

/**
 * The chain that an authority gave, checked in full before it replaces anything.
 * @throws ProblemError certificate-refused: it is none that could be uploaded, or not of this key
 * @throws Error: it is not what was asked for
 */
export function verifiedChain(issued: {
  chainPem: string
  identifiers: DomainName[]
  privateKey: Uint8Array
  now: Date
}): Chain {
  const { chain, isNotYetValid } = readUpload({
    certificate: Buffer.from(issued.chainPem),
    privateKey: issued.privateKey,
    now: issued.now,
  })
  if (isNotYetValid)
    throw new ProblemError('too-early', `the certificate is not valid before ${chain.leaf.notBefore.toISOString()}`)
  const wanted = names(issued.identifiers)
  if (names(chain.leaf.dnsNames) !== wanted)
    throw new Error(`the authority certified ${names(chain.leaf.dnsNames) || 'no name'} instead of ${wanted}`)
  return chain
}

function names(dnsNames: string[]): string {
  return [...new Set(dnsNames)].sort().join(', ')
}
