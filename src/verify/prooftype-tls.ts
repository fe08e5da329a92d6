import type { Ask } from './ask.ts'
import { readExpected } from './expected-certificate.ts'
import { shownReply, sourceOrigin, unableStep, walk, type HopRules } from './hops.ts'
import { conclude, step, type Conclusion, type ExpectedCertificate, type Question, type Step } from './report.ts'

const SECTION = 'draft-miller-xmpp-fed-00 §6.3'
const FINAL = 'Certificate to expect'

const RULES: HopRules = {
  getTitle: (hop) => (hop === 0 ? 'HTTPS GET to the source domain' : 'HTTPS GET to the target host'),
  getRule: (hop) => `${SECTION} step ${hop === 0 ? 1 : 3}`,
  redirectRule: (hop) => `${SECTION} step ${hop === 0 ? 2 : 4}`,
  redirectStatuses: [302],
  permanentStatuses: [],
  isPathKept: true,
  redirectCure: 'Answer 302 with one Location: https://, the target host, and the path of the request unchanged.',
}

export interface TlsVerification {
  conclusion: Conclusion
  steps: Step[]
  certificates: ExpectedCertificate[]
}

/**
 * Walks draft-miller-xmpp-fed-00 §6.3 as an initiating entity. A success without redirect is allowed ("possession"):
 * its step 2 is a SHOULD.
 */
export async function verifyTls({ ask, now }: { ask: Ask; now: Date }, question: Question): Promise<TlsVerification> {
  const { sourceDomain, service, protocol } = question
  const url = `${sourceOrigin(question)}/.well-known/tls/${service}.${protocol}.${sourceDomain}`
  const { steps, end, redirects } = await walk(ask, url, RULES, new Set())
  if (redirects > 1 && end !== null)
    steps.push(
      step('note', FINAL, `${SECTION} step 4`, `the target host redirects on: ${redirects} redirects in all`, {
        cure: 'Some clients follow one redirect only. Let the source domain name the last host at once.',
      }),
    )
  let certificates: ExpectedCertificate[] = []
  if (end !== null) {
    const { reply } = end
    const shown = { asked: end.url, reply: shownReply(reply) }
    const unable = unableStep(FINAL, `${SECTION} step 4`, end.url, reply)
    if (unable !== null) steps.push(unable)
    else if (reply.status >= 200 && reply.status < 300) {
      const expected = readExpected(reply.body, now, `${SECTION} step 4`, shown)
      steps.push(...expected.steps)
      certificates = expected.certificates
    } else
      steps.push(
        step(
          'wrong',
          FINAL,
          `${SECTION} step ${redirects === 0 ? 2 : 4}`,
          `the status is ${reply.status}, not a success`,
          {
            ...shown,
            cure:
              redirects === 0
                ? 'The source domain must redirect this path to the target host, or give the PEM certificate itself.'
                : 'The target host must know this delegation: look whether it is registered there for this service.',
          },
        ),
      )
  }
  return { conclusion: conclude(steps), steps, certificates }
}
