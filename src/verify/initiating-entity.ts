import type { Clock } from '../clock.ts'
import { namingWarnings } from '../delegation/naming-warnings.ts'
import type { Ask } from './ask.ts'
import { compare } from './compare.ts'
import { verifyPosh } from './prooftype-posh.ts'
import { verifyTls } from './prooftype-tls.ts'
import { conclude, step, type Question, type Report } from './report.ts'

/** Who wants to connect to a source domain and asks which certificate to expect, by both prooftypes. */
export function initiatingEntity({ ask, clock }: { ask: Ask; clock: Clock }) {
  return {
    async verify(question: Question): Promise<Report> {
      const { sourceDomain, service, protocol } = question
      const now = clock.now()
      const tls = await verifyTls({ ask, now }, question)
      const posh = await verifyPosh(ask, question)
      const steps = [
        ...tls.steps,
        ...posh.steps,
        ...compare(tls.certificates, posh.fingerprints),
        ...(tls.certificates.length === 0 ? [] : namingWarnings(sourceDomain, question, tls.certificates)).map(
          (warning) => step('note', 'Names in the certificate', 'RFC 6120 §13.7.1.2', warning),
        ),
      ]
      return {
        sourceDomain,
        service,
        protocol,
        at: now,
        conclusion: conclude(steps),
        tls: tls.conclusion,
        posh: posh.conclusion,
        steps,
        certificates: tls.certificates,
        fingerprints: posh.fingerprints,
        poshExpiresSeconds: posh.expiresSeconds,
      }
    },
  }
}
