import { isNamedIssuer, parseCertificate, type ParsedCertificate } from '../certificate/parsed-certificate.ts'
import { cutPem, encodePem } from '../certificate/pem.ts'
import { ProblemError } from '../problem.ts'
import { holdsPrivateKey } from './hops.ts'
import { step, type ExpectedCertificate, type Step, type StepReply } from './report.ts'

const TITLE = 'Certificate to expect'
const CURE =
  'The body has to be the PEM of the certificate that the XMPP server presents (RFC 7468 §5), and nothing else.'

/**
 * Reads what the target host published. Several certificates are several that may be presented, the one in use first;
 * certificates that are not valid now are examined, but only those that are valid may be expected.
 * @param rule of the prooftype, for the document as a whole
 */
export function readExpected(
  body: Uint8Array,
  now: Date,
  rule: string,
  shown: { asked: string; reply: StepReply },
): { steps: Step[]; certificates: ExpectedCertificate[] } {
  const refuse = (found: string, cure = CURE, section = rule) => ({
    steps: [step('wrong', TITLE, section, found, { ...shown, cure })],
    certificates: [],
  })
  if (holdsPrivateKey(body))
    return refuse(
      'the body holds a private key',
      'That key is public now: take it away here, replace it and its certificate.',
      'RFC 7711 §10',
    )
  const read = parseBody(body)
  if ('fault' in read) return refuse(read.fault)
  const certificates = read.parsed.map((parsed) => expected(parsed, now))
  const count = certificates.length === 1 ? 'one certificate' : `${certificates.length} certificates`
  return {
    steps: [
      step('ok', TITLE, rule, `${shown.reply.status} with the PEM of ${count}`, shown),
      ...validitySteps(certificates),
      ...chainSteps(read.parsed, rule),
    ],
    certificates,
  }
}

function parseBody(body: Uint8Array): { parsed: ParsedCertificate[] } | { fault: string } {
  try {
    const blocks = cutPem(Buffer.from(body).toString('latin1'))
    const other = blocks.find(({ label }) => label !== 'CERTIFICATE')
    if (other !== undefined) return { fault: `the body holds a PEM block that is no certificate: ${other.label}` }
    if (blocks.length === 0)
      return {
        fault: body[0] === 0x30 ? 'the body is no PEM; it looks like DER' : 'the body holds no PEM certificate',
      }
    return { parsed: blocks.map(({ bytes }) => parseCertificate(bytes)) }
  } catch (error) {
    return { fault: error instanceof ProblemError ? error.message : 'a PEM block in the body is no X.509 certificate' }
  }
}

function expected({ der, facts }: ParsedCertificate, now: Date): ExpectedCertificate {
  const { sha256, subject, issuer, dnsNames, notBefore, notAfter } = facts
  const validity = now > notAfter ? 'expired' : now < notBefore ? 'not-yet-valid' : 'valid'
  return { pem: encodePem('CERTIFICATE', der), sha256, subject, issuer, dnsNames, notBefore, notAfter, validity }
}

/** RFC 7711 §6: an expired certificate must not be accepted. It breaks the proof only where no other is left to expect. */
function validitySteps(certificates: ExpectedCertificate[]): Step[] {
  const isAnyValid = certificates.some(({ validity }) => validity === 'valid')
  return certificates.map(({ validity, subject, notBefore, notAfter }, index) => {
    const which = `certificate ${index + 1} (${subject || 'no subject'})`
    const dates = `${notBefore.toISOString()} to ${notAfter.toISOString()}`
    if (validity === 'valid') return step('ok', 'Validity', 'RFC 7711 §6', `${which} is valid, ${dates}`)
    const state = validity === 'expired' ? 'has expired' : 'is not valid yet'
    return step(isAnyValid ? 'note' : 'wrong', 'Validity', 'RFC 7711 §6', `${which} ${state}: ${dates}`, {
      cure:
        validity === 'expired'
          ? 'Publish the certificate that the XMPP server presents now.'
          : 'Publish it beside the one in use until that ends.',
    })
  })
}

function chainSteps(parsed: ParsedCertificate[], rule: string): Step[] {
  return parsed.flatMap((issuer, index) =>
    parsed.some((certificate) => certificate !== issuer && isNamedIssuer(certificate, issuer))
      ? [
          step('note', TITLE, rule, `certificate ${index + 1} is the issuer of another one, not one to expect`, {
            cure: 'Publish the end-entity certificate only: a second one means that it may be presented as well.',
          }),
        ]
      : [],
  )
}
