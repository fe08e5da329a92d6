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

const UNPROVEN_AGAIN_MS = 15 * 60_000

export type Confirmation = 'proven' | 'not yet' | 'not claimed'

export interface FrontCertificatePayload {
  tenantId: string | null
  lineageId: string
  identifiers: DomainName[]
}

/**
 * Sees to it that a front lineage has a certificate that is not due. May be run again after a crash at any line: what
 * was staged is activated and not ordered anew. Nobody keeps a front certificate, so it need not be staged for a while,
 * but where a delegation publishes the same lineage.
 * Nothing is ordered for a tenant's name without a fresh proof of control: then it comes again in a quarter of an hour.
 * It ends for good where the lineage is gone, nothing presents it, its tenant claims the name no more, or its
 * certificates come by hand by now.
 */
export function frontCertificateJob(deps: {
  lineages: Pick<LineageStore, 'find' | 'stage' | 'activate' | 'isPublished'>
  authority: Authority
  /** Whether the tenant has a fresh proof that it controls the name, as far as is known: it asks nobody. */
  confirmControl: (tenantId: string, name: DomainName) => Promise<Confirmation>
  /** Whether anything presents the lineage still; where nothing does, it is not renewed. */
  isPresented: (lineage: Lineage) => Promise<boolean>
  cacheSpanMs: number // for how long a document may be kept by whoever fetched it; see `rollover.ts`
  clock: Clock
}): JobKind {
  const { lineages, authority, confirmControl, isPresented, cacheSpanMs, clock } = deps

  async function confirm({ tenantId, identifiers }: FrontCertificatePayload): Promise<Confirmation> {
    const found = tenantId === null ? [] : await Promise.all(identifiers.map((name) => confirmControl(tenantId, name)))
    return found.find((one) => one === 'not claimed') ?? found.find((one) => one === 'not yet') ?? 'proven'
  }

  async function order({ tenantId, lineageId, identifiers }: FrontCertificatePayload, act: Act) {
    const { csrDer, privateKey } = await createRequest(identifiers)
    const { chainPem } = await authority.issue({ identifiers, csrDer })
    const chain = verifiedChain({ chainPem, identifiers, privateKey, now: clock.now() })
    return lineages.stage(tenantId, lineageId, { chain, privateKey }, act)
  }

  async function advance(front: FrontCertificatePayload): Promise<Date | 'not yet' | 'done'> {
    const lineage = await lineages.find(front.tenantId, front.lineageId)
    if (!lineage || lineage.source === 'import') return 'done'
    const now = clock.now()
    // Keys of a name that was lost are destroyed, and their certificates stay
    const isGood = (one: LineageCertificate) =>
      one.privateKeyId !== null && names(one.dnsNames) === names(front.identifiers) && renewAt(one) > now
    const present = active(lineage.certificates)
    if (present && isGood(present)) return renewAt(present)
    // The first is made before the host is told of the lineage; a later one only where a host still has it
    if (present && !(await isPresented(lineage))) return 'done'
    const control = await confirm(front)
    if (control === 'not claimed') return 'done'

    const act: Act = { at: now, actor: authority.name, address: null }
    const left = lineage.certificates.find(
      (one) => stateAt(one, now) === 'staged' && one.notBefore <= now && isGood(one),
    )
    if (!left && control === 'not yet') return 'not yet'
    const fresh = left ?? (await order(front, act))
    const isPublished = await lineages.isPublished(front.lineageId)
    const knownAt = isPublished ? knownToAllAt([...lineage.certificates, fresh], fresh, { now, cacheSpanMs }) : now
    if (knownAt > now) return knownAt
    // The XMPP server that presents the one before as well was told nothing: that stays published to its end
    const inUseUntil = Math.max(now.getTime() + cacheSpanMs, present?.notAfter.getTime() ?? 0)
    const retiresAt = isPublished ? new Date(inUseUntil) : now
    return renewAt(await lineages.activate(front.tenantId, fresh.id, retiresAt, act, 'local'))
  }

  return async ({ payload }) => {
    const front = payload as FrontCertificatePayload // written by our own process, which compiles against the same type
    // The name may also be lost while the authority is asked. Nothing has failed, it is only not the time
    const next = await advance(front).catch((error: unknown) => {
      if (error instanceof ProblemError && error.code === 'control-unproven') return 'not yet' as const
      throw error
    })
    if (next === 'done') return
    return { runAgainAt: next === 'not yet' ? new Date(clock.now().getTime() + UNPROVEN_AGAIN_MS) : next }
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
