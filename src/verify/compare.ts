import { createHash, X509Certificate } from 'node:crypto'
import { step, type ExpectedCertificate, type FingerprintDescriptor, type Step } from './report.ts'

const TITLE = 'PEM and POSH together'
const CURE = 'Publish both from the same certificates, and change them together.'

/** Whether the two prooftypes promise the same certificates. Nothing is said where one of them promises none. */
export function compare(certificates: ExpectedCertificate[], fingerprints: FingerprintDescriptor[]): Step[] {
  if (certificates.length === 0 || fingerprints.length === 0) return []
  const steps: Step[] = []
  for (const [index, { pem, sha256 }] of certificates.entries()) {
    const descriptor = fingerprints.find((hashes) => hashes['sha-256'] === sha256)
    const which = `certificate ${index + 1} of the PEM (sha-256 ${sha256.slice(0, 16)}…)`
    const der = new X509Certificate(pem).raw
    const wrongHashes = Object.entries(descriptor ?? {}).filter(([name, hash]) => hash !== hashOf(name, der))
    if (descriptor !== undefined && wrongHashes.length === 0)
      steps.push(step('ok', TITLE, 'RFC 7711 §3.3', `${which} is among the POSH fingerprints`))
    else if (descriptor !== undefined)
      steps.push(
        step(
          'wrong',
          TITLE,
          'RFC 7711 §3.1',
          `the ${wrongHashes.map(([name]) => name).join(', ')} beside the sha-256 of ${which} is of another certificate; Prosody looks at the strongest hash only`,
          { cure: 'All hashes of one descriptor must be of the same certificate.' },
        ),
      )
    else
      // The first is the one in use; those behind it may be on their way in or out
      steps.push(
        step(
          index === 0 ? 'wrong' : 'note',
          TITLE,
          'RFC 7711 §3.3',
          `${which} is not among the POSH fingerprints: clients of POSH reject it`,
          { cure: CURE },
        ),
      )
  }
  const promised = new Set(certificates.map(({ sha256 }) => sha256))
  const more = fingerprints.filter((hashes) => !promised.has(hashes['sha-256'] ?? '')).length
  if (more > 0)
    steps.push(
      step('note', TITLE, 'RFC 7711 §3.3', `${more} more fingerprint(s) than the PEM has certificates for`, {
        cure: CURE,
      }),
    )
  return steps
}

function hashOf(name: string, der: Uint8Array): string {
  return createHash(name.replace('-', '')).update(der).digest('hex')
}
