import { ProblemError } from '../problem.ts'

/** Every rule by which an upload is refused. */
export type CertificateRule =
  | 'too-large'
  | 'too-many-blocks'
  | 'unreadable'
  | 'no-certificate'
  | 'pkcs12'
  | 'pkcs7'
  | 'certificate-request'
  | 'public-key'
  | 'no-leaf'
  | 'two-leaves'
  | 'ca-certificate'
  | 'chain-broken'
  | 'expired'
  | 'key-size'
  | 'key-type'
  | 'signature-algorithm'
  | 'extended-key-usage'
  | 'critical-extension'
  | 'several-private-keys'
  | 'private-key-missing' // of a certificate that the edge is to present
  | 'private-key-mismatch'
  | 'private-key-unreadable'
  | 'private-key-encrypted'
  | 'private-key-password'
  | 'private-key-derivation'

/** The refusal of an upload; `text` says what is wrong and how to mend it. */
export function refusal(rule: CertificateRule, text: string, cause?: unknown): ProblemError {
  return new ProblemError('certificate-refused', text, { rule, ...(cause === undefined ? {} : { cause }) })
}
