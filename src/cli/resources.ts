import type { KeyType, Profile } from '../acme/authority.ts'
import type { Order, Whose } from '../acme/order.ts'
import type { Finding } from '../acme/preflight-findings.ts'
import type { PoshAnswer, TlsAnswer } from '../delegation/delegation.ts'
import type { DnsRecord } from '../delegation/dns-records.ts'
import type { HostMeta } from '../delegation/host-meta.ts'
import type { SourceDomainMode } from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import type { ControlState, Proof, Sighting } from '../tenant/control.ts'
import type { Look } from '../tenant/findings.ts'
import type { Role } from '../tenant/member.ts'
import type { Quotas } from '../tenant/tenant.ts'
import type { Conclusion, Step } from '../verify/report.ts'

// What the commands read of the API's answers. Instants are ISO 8601.

export interface Session {
  name: string
  isOperator: boolean
  tenants: { name: string; role: Role }[]
  scopes: string[] | null // null: everything
  authenticatedAt: string | null
}

export interface Settings {
  serviceName: string | null
  accents: { light: string; dark: string } | null
  support: string | null
  footLine: string | null
  logo: { mediaType: string; sha256: string } | null
}

export interface Maintenance {
  isOn: boolean
  reason: string | null
  since: string | null
  by: string | null
}

export interface Tenant {
  name: string
  createdAt: string
  suspendedAt: string | null
  quotas: Quotas
}

export interface TenantInDetail extends Tenant {
  counts: Record<keyof Quotas, number>
}

/** How it stands with the proof of control. */
export interface Control {
  state: ControlState
  proof: Proof | null
  provenAt: string | null
  seenAt: string | null
  waveringSince: string | null
  lapsesAt: string | null
  lapsedAt: string | null
}

export interface ControlOfSourceDomain extends Control {
  tenant: string
  name: DomainName
  summary: string
  advice: string[]
  isHeldByAnother: boolean
  lastLook: { at: string; outcome: Sighting['outcome'] | null; looks: Look[] } | null
  nextCheckAt: string | null
  history: {
    firstAt: string
    lastAt: string
    looks: number
    outcome: Sighting['outcome']
    proof: 'txt' | 'cname' | null
  }[]
  dnsRecords: DnsRecord[]
}

export interface SourceDomain extends Control {
  tenant: string
  name: DomainName
  mode: SourceDomainMode
  suspendedAt: string | null
  hasFrontCertificate: boolean
  createdAt: string
}

export interface SourceDomainInDetail extends SourceDomain {
  dnsRecords: DnsRecord[]
  hostMeta: HostMeta | null
}

export interface TargetHost {
  name: DomainName
  port: number
  hasFrontCertificate: boolean
  createdAt: string
}

export interface Delegation {
  id: string
  tenant: string
  sourceDomain: DomainName
  service: string // "_xmpp-server._tcp"
  targetHost: DomainName
  targetPort: number
  lineage: string
  tlsAnswer: TlsAnswer
  poshAnswer: PoshAnswer
  srvPort: number | null
  ruleCheck: RuleCheck | null
  createdAt: string
}

export interface RuleCheck {
  outcome: 'ok' | 'wrong' | 'could-not-ask'
  found: string
  checkedAt: string
}

export interface VerificationReport {
  sourceDomain: string
  service: string
  at: string
  conclusion: Conclusion
  tls: Conclusion
  posh: Conclusion | 'absent'
  steps: (Pick<Step, 'title' | 'outcome' | 'rule' | 'found' | 'cure' | 'asked'> & { status: number | null })[]
  ruleCheck: RuleCheck | null // null: the domain is hosted
  certificates: { sha256: string; subject: string; notAfter: string; validity: string }[]
}

export interface Certificate {
  id: string
  state: 'staged' | 'active' | 'retiring' | 'retired'
  subject: string
  issuer: string
  serial: string
  keyType: string
  dnsNames: string[]
  sha256: string
  spkiSha256: string
  notBefore: string
  notAfter: string
  hasPrivateKey: boolean
  stagedAt: string
  activatedAt: string | null
  supersededAt: string | null
  retiresAt: string | null
  chain: string // PEM, leaf first
}

export interface Lineage {
  tenant: string | null // null: the operator's own
  name: string
  source: string
  identifiers: string[] | null
  createdAt: string
  certificates: Certificate[]
}

/** How it stands with the certificate of a host or lineage. */
export interface CertificateExplanation {
  name: string
  tenant: string | null // null: the operator's own
  lineage: string | null
  state: 'valid' | 'due' | 'expired' | 'missing' | 'not needed'
  summary: string
  certificate: { id: string; issuer: string; notBefore: string; notAfter: string } | null
  authority: string | null
  next: { at: string | null; what: string }
  order: {
    authority: string
    status: Order['status']
    startedAt: string
    url: string | null
    authorizations: { identifier: string; status: string; challenge: string | null; isAnswered: boolean }[]
  } | null
  failure: {
    at: string
    failures: number
    whose: Whose
    authority: string | null
    words: string
    findings: Pick<Finding, 'name' | 'check' | 'outcome' | 'words'>[]
    nextTryAt: string
  } | null
  sooner: string[]
}

export interface AcmeAuthority {
  name: string
  rank: number
  directoryUrl: string
  caPem: string | null
  contact: string[]
  eabKeyId: string | null
  profile: Profile | null
  preferredChain: string | null
  keyType: KeyType
  termsOfService: string | null
  accountUrl: string
  pausedUntil: string | null
  pauseReason: string | null
  createdAt: string
}

export interface AcmeAuthorityReport {
  fault: string | null
  directory: {
    termsOfService: string | null
    isExternalAccountRequired: boolean
    profiles: Record<string, string> | null
    hasRenewalInfo: boolean
  } | null
  accountUrl: string | null
  pausedUntil: string | null
  pauseReason: string | null
}

export interface AcmeBudget {
  items: {
    limit: 'pace' | 'orders' | 'registeredDomain' | 'identifierSet' | 'failures'
    count: number
    periodSeconds: number
    left: number
  }[]
}

export interface Overview {
  troubles: {
    trouble:
      | 'expired'
      | 'ending'
      | 'failing-operator'
      | 'failing-owner'
      | 'failing-authority'
      | 'wavering'
      | 'unproven'
      | 'rule-wrong'
      | 'failed-jobs'
    count: number
    isMore: boolean
    examples: { tenant: string | null; name: string; at: string | null }[]
  }[]
}

export interface Job {
  id: string
  kind: string
  key: string
  about: string
  runAt: string
  isRunning: boolean
  attempts: number
  lastError: string | null
}

export interface OneTimeLink {
  url: string
  expiresAt: string
}

export interface User {
  id: string
  email: string
  isOperator: boolean
  hasPassword: boolean
  hasTotp: boolean
  passkeys: number
  lastSignInAt: string | null
  createdAt: string
}

export interface Member {
  id: string // of the user
  email: string
  role: Role
  hasSecondFactor: boolean
  createdAt: string
}

export interface Invitation {
  id: string
  email: string
  role: Role | null // null: to be an operator
  createdBy: string
  createdAt: string
  expiresAt: string
}

export interface ApiToken {
  id: string
  name: string
  scopes: string[]
  addresses: string[] | null
  createdBy: string
  createdAt: string
  expiresAt: string | null
  lastUsedAt: string | null
  lastUsedBy: string | null
  rotatesUntil: string | null
}
