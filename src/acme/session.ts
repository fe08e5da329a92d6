import type { Authority } from './authority.ts'
import type { Finding } from './preflight-findings.ts'

/** What a directory says of its authority, RFC 8555 §7.1.1; unknown members are ignored. */
export interface Directory {
  termsOfService: string | null // a URL of any scheme: no link without a look at it
  isExternalAccountRequired: boolean
  profiles: Readonly<Record<string, string>> | null // name to description; null: it knows no profiles
  renewalInfo: string | null // RFC 9773 §4.1; null: it has none
  caaIdentities: string[] | null // what it goes by in CAA records; null: it does not say
}

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'

export interface OrderReply {
  url: string
  status: OrderStatus
  expiresAt: Date | null
  authorizationUrls: string[]
  finalizeUrl: string
  certificateUrl: string | null // of a valid order
  problem: AcmeProblem | null // of an invalid one
  retryAfterMs: number | null
}

export interface AuthorizationReply {
  url: string
  identifier: string
  status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'expired' | 'revoked'
  expiresAt: Date | null
  challenges: Challenge[] // of types that are known here
  problem: AcmeProblem | null // of the challenge that failed
  retryAfterMs: number | null
}

export type ChallengeType = 'http-01' | 'tls-alpn-01' | 'dns-01'

export interface Challenge {
  type: ChallengeType
  url: string
  token: string
  status: 'pending' | 'processing' | 'valid' | 'invalid'
  keyAuthorization: string // RFC 8555 §8.1: the token and the thumbprint of the account's key
}

/** Why an authority did not do what it was asked: RFC 7807 with RFC 8555 §6.7, or that it could not be asked at all. */
export interface AcmeProblem {
  type: string // "rateLimited", of urn:ietf:params:acme:error:; "unreachable", "malformed-answer" and "clock" are ours
  detail: string // in the authority's words, cut to 2000 characters, without control characters
  status: number // of HTTP; 0: no answer
  retryAfterMs: number | null // as it asks; clamped to 1 minute and 7 days
  url: string | null // of instructions for a person, RFC 8555 §6.7.1 and userActionRequired
  subproblems: { identifier: string | null; type: string; detail: string }[]
  preflight?: { since: string /* ISO 8601 */; findings: Finding[] } // of what was found before an order, and since when
}

export interface RenewalInfo {
  start: Date
  end: Date
  explanationUrl: string | null
  retryAfterMs: number | null // as it came, unclamped
}

/**
 * One account at one authority. Every call ends within `TIMEOUT_MS` and tries nothing twice, but for badNonce.
 * All of them throw ProblemError `authority-refused` or `authority-unreachable`, whose cause is an AcmeProblem (`acmeProblem`).
 */
export interface AcmeSession {
  directory(): Promise<Directory>
  /** Makes the account of this key, or finds it: then it changes nothing. @returns its URL */
  register(account: { contact: string[]; eab: { keyId: string; key: string /* base64url */ } | null }): Promise<string>
  /**
   * Reads the account, as a POST-as-GET of its URL: with the account's key, and of a valid one, this ends without a word.
   * @throws ProblemError authority-refused: it has another key, or is deactivated or revoked
   */
  account(): Promise<void>
  newOrder(order: { identifiers: string[]; profile: string | null; replaces: string | null }): Promise<OrderReply>
  order(url: string): Promise<OrderReply>
  authorization(url: string): Promise<AuthorizationReply>
  /** Tells the authority that the challenge may be looked at. */
  answer(challengeUrl: string): Promise<void>
  finalize(finalizeUrl: string, orderUrl: string, csrDer: Uint8Array): Promise<OrderReply>
  /**
   * PEM as it came, at most 64 KiB, unverified. Of several chains (RFC 8555 §7.4.2) the first that is preferred, and the
   * one that the authority offers where none is.
   */
  certificate(url: string, isPreferred?: (chainPem: string) => boolean): Promise<string>
  deactivateAuthorization(url: string): Promise<void>
  /** What is revoked already counts as done. @param reason RFC 5280 §5.3.1: 0, 1, 4 or 5 */
  revoke(certificateDer: Uint8Array, reason: number): Promise<void>
  /** RFC 8555 §7.3.5. @param key PKCS#8 DER; the account's own from then on */
  changeKey(key: Uint8Array): Promise<void>
  updateContact(contact: string[]): Promise<void>
  /** RFC 9773 §4.2. @param certId see `renewal-info.ts` */
  renewalInfo(certId: string): Promise<RenewalInfo>
  /** By how much the authority's clock is ahead of ours, by its last answer; 0 where it is within five minutes or unknown. */
  clockSkewMs(): number
}

/** @param accountUrl null: it is not known yet, and only `directory` and `register` work */
export type OpenSession = (
  authority: Pick<Authority, 'directoryUrl' | 'caPem' | 'accountUrl'>,
  accountKey: Uint8Array, // PKCS#8 DER
) => AcmeSession
