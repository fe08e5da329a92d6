import type { ServiceName } from '../delegation/delegation.ts'
import type { DomainName } from '../name.ts'
import type { HeaderLines, PeerTls } from './ask.ts'

/** What is asked about. */
export interface Question extends ServiceName {
  sourceDomain: DomainName
  port: number // of the source domain's web server; 443, but for trials
}

/** `note`: no rule is broken, but someone should know. */
export type StepOutcome = 'ok' | 'wrong' | 'could-not-ask' | 'note'

/** One thing that was asked or examined, and the rule that it met or broke. */
export interface Step {
  title: string
  outcome: StepOutcome
  rule: string // document and section, such as "draft-miller-xmpp-fed-00 §6.3 step 2"
  found: string
  cure: string | null // what to do about it; null where there is nothing to do
  asked: string | null // the URL; null where nothing was asked for this step
  reply: StepReply | null // null where no reply came or none is concerned
}

/** The part of a reply that a person needs to see; never the body of a private key. */
export interface StepReply {
  status: number
  headers: HeaderLines
  firstLines: string[]
  bodyBytes: number
  tls: PeerTls
}

/** `proven`: every rule was met. `disproven`: a rule was broken. `unknown`: no rule was seen broken, but not all could be asked. */
export type Conclusion = 'proven' | 'disproven' | 'unknown'

/** A certificate that the XMPP server may present. */
export interface ExpectedCertificate {
  pem: string
  sha256: string // of the DER, lower-case hex
  subject: string
  issuer: string
  dnsNames: string[]
  notBefore: Date
  notAfter: Date
  validity: 'valid' | 'expired' | 'not-yet-valid' // at the time of the report
}

/** One fingerprint descriptor of RFC 7711 §3.1: hash name to hash, lower-case hex; only known hashes. */
export type FingerprintDescriptor = Readonly<Record<string, string>>

export interface Report {
  sourceDomain: DomainName
  service: string
  protocol: string
  at: Date
  conclusion: Conclusion
  tls: Conclusion // of draft-miller-xmpp-fed-00 §6.3 alone
  posh: Conclusion | 'absent' // of RFC 7711 alone; its absence takes nothing from §6.3
  steps: Step[]
  certificates: ExpectedCertificate[] // in the order of the PEM: the one in use first
  fingerprints: FingerprintDescriptor[]
  /** How long the fingerprints may be kept, the lower of two where there was a reference (RFC 7711 §6); null without POSH. */
  poshExpiresSeconds: number | null
}

export function conclude(steps: readonly Pick<Step, 'outcome'>[]): Conclusion {
  if (steps.some(({ outcome }) => outcome === 'wrong')) return 'disproven'
  return steps.some(({ outcome }) => outcome === 'could-not-ask') ? 'unknown' : 'proven'
}

/** A step without what does not apply to it. */
export function step(
  outcome: StepOutcome,
  title: string,
  rule: string,
  found: string,
  more: Partial<Pick<Step, 'cure' | 'asked' | 'reply'>> = {},
): Step {
  return { title, outcome, rule, found, cure: null, asked: null, reply: null, ...more }
}
