import type { Act } from '../act.ts'
import { readLeaf } from '../certificate/chain.ts'
import type { Lineage, LineageCertificate, LineageStore, LineageWithCertificates } from '../certificate/lineage.ts'
import { stateAt } from '../certificate/rollover.ts'
import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import type { JobStore } from '../work/job.ts'
import type { JobKind } from '../work/runner.ts'
import { acmeProblem } from './acme-problem.ts'
import type { Authority, AuthorityStore } from './authority.ts'
import { failureWords, whose } from './failure.ts'
import type { CertificateRequests } from './certificate-requests.ts'
import type { OrderStore } from './order.ts'
import type { AcmeSession } from './session.ts'

/** The kind of job; its key is the id of the certificate. */
export const CERTIFICATE_REVOCATION = 'certificate-revocation'

const LOOK_AGAIN_MS = 60_000

/** RFC 5280 §5.3.1, as far as authorities take them from those who hold the certificate. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  'key-compromise': 1,
  superseded: 4,
  'cessation-of-operation': 5,
} as const
export type RevocationReason = keyof typeof REVOCATION_REASONS

/** What became of a certificate that was to be revoked. */
export type Revocation = 'revoked' | 'after its successor'

export interface Revocations {
  /**
   * Has the authority revoke a certificate; one that is revoked already counts as done. What is in use is replaced first,
   * with a new key, and revoked when its successor is active: nobody is to meet a revoked one.
   * @throws ProblemError malformed-request: no authority that is set up here has issued it
   * @throws ProblemError authority-refused, authority-unreachable: in words that say what to do
   */
  revoke(lineage: LineageWithCertificates, id: string, reason: RevocationReason, act: Act): Promise<Revocation>
  job: JobKind
}

interface Payload {
  tenantId: string | null
  lineageId: string
  certificateId: string
  reason: RevocationReason
}

export function revocations(deps: {
  lineages: Pick<LineageStore, 'find' | 'noteRevocation' | 'removeCertificate'>
  /** As in `frontCertificateJob`, which is to replace what is in use: of another lineage nobody would make a successor. */
  isInUse: (lineage: Lineage) => Promise<boolean>
  orders: Pick<OrderStore, 'ofCertificate'>
  authorities: Pick<AuthorityStore, 'list'>
  jobs: Pick<JobStore, 'enqueue'>
  /** Has another certificate ordered in the place of the active one, though that is not due. */
  replace: CertificateRequests['replace']
  sessionOf: (authority: Authority) => Promise<AcmeSession>
  clock: Clock
}): Revocations {
  const { lineages, isInUse, orders, authorities, jobs, replace, sessionOf, clock } = deps

  async function isToBeReplaced(lineage: LineageWithCertificates, certificate: LineageCertificate): Promise<boolean> {
    return stateAt(certificate, clock.now()) === 'active' && (await isInUse(lineage))
  }

  async function issuerOf({ id }: LineageCertificate): Promise<Authority> {
    const order = await orders.ofCertificate(id)
    if (!order)
      throw new ProblemError(
        'malformed-request',
        'no authority that is set up here has issued this certificate; ask whoever issued it to revoke it',
      )
    const authority = (await authorities.list()).find((one) => one.id === order.authorityId)
    if (!authority)
      throw new ProblemError(
        'malformed-request',
        'the authority that has issued this certificate was removed here, and its account with it; ask that authority to revoke it',
      )
    return authority
  }

  async function revokeNow(
    { tenantId }: Pick<LineageWithCertificates, 'tenantId'>,
    certificate: LineageCertificate,
    authority: Authority,
    reason: RevocationReason,
    act: Act,
  ): Promise<void> {
    const session = await sessionOf(authority)
    const code = REVOCATION_REASONS[reason]
    await session.revoke(readLeaf(certificate.chainPem).der, code)
    await lineages.noteRevocation(tenantId, certificate.id, code, act)
    const state = stateAt(certificate, act.at)
    // Whoever reads what is published asks nobody whether it was revoked: a stolen key would go on being believed
    const isBelieved = state === 'retiring' && reason === 'key-compromise'
    // A staged one would be put to use yet
    if (state === 'staged' || isBelieved) await lineages.removeCertificate(tenantId, certificate.id, act)
  }

  return {
    async revoke(lineage, id, reason, act) {
      const certificate = lineage.certificates.find((one) => one.id === id)
      if (!certificate) throw new ProblemError('not-found', `lineage ${lineage.name} has no certificate ${id}`)
      const authority = await issuerOf(certificate)
      if (await isToBeReplaced(lineage, certificate)) {
        const payload: Payload = {
          ...{ tenantId: lineage.tenantId, lineageId: lineage.id },
          ...{ certificateId: id, reason },
        }
        // The job first: a crash in between replaces nothing, and the job waits for whoever asks again
        const runAt = new Date(act.at.getTime() + LOOK_AGAIN_MS)
        await jobs.enqueue({ kind: CERTIFICATE_REVOCATION, key: id, payload, runAt })
        await replace(lineage, { revocationOf: id, reason }, act)
        return 'after its successor'
      }
      try {
        await revokeNow(lineage, certificate, authority, reason, act)
      } catch (error) {
        throw inWords(error, authority, certificate)
      }
      return 'revoked'
    },

    async job({ payload }) {
      const { tenantId, lineageId, certificateId, reason } = payload as Payload // of our own making
      const now = clock.now()
      const lineage = await lineages.find(tenantId, lineageId)
      const certificate = lineage?.certificates.find(({ id }) => id === certificateId)
      if (!lineage || !certificate || certificate.notAfter <= now) return
      if (await isToBeReplaced(lineage, certificate)) return { runAgainAt: new Date(now.getTime() + LOOK_AGAIN_MS) }
      const authority = await issuerOf(certificate)
      try {
        await revokeNow(lineage, certificate, authority, reason, { at: now, actor: 'acme', address: null })
      } catch (error) {
        throw inWords(error, authority, certificate)
      }
    },
  }
}

function inWords(error: unknown, { name }: Authority, { dnsNames }: LineageCertificate): unknown {
  const problem = acmeProblem(error)
  if (!problem || !(error instanceof ProblemError)) return error
  const { code, cause, retryAfterMs } = error
  const failure = { problem, whose: whose(problem, 'order'), challengeType: null }
  return new ProblemError(code, failureWords(failure, { authority: name, identifiers: dnsNames }), {
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
