import { createHash } from 'node:crypto'
import type { NewAuthority } from '../../src/acme/authority.ts'
import type { NewOrder, OrderAuthorization } from '../../src/acme/order.ts'
import type { AcmeProblem } from '../../src/acme/session.ts'
import type { Chain } from '../../src/certificate/chain.ts'
import { frontLineageName } from '../../src/certificate/lineage.ts'
import type { Delegation } from '../../src/delegation/delegation.ts'
import { domainName, type DomainName } from '../../src/name.ts'
import type { ImportedDomain, SourceDomain } from '../../src/delegation/source-domain.ts'
import type { Tenant } from '../../src/tenant/tenant.ts'
import type { TestDatabase } from '../support/databases.ts'

let count = 0

/** A name that no other test of the file uses. */
export function freshName(suffix = 'example.com'): DomainName {
  return domainName(`n${++count}.${suffix}`)
}

export function aTenant({ storage, act }: TestDatabase): Promise<Tenant> {
  return storage.tenants.add(`tenant-${++count}`, act())
}

/** What an import registers: a new name, vouched for and delegated to nothing. */
export function anImport(tenantId: string, given: Partial<ImportedDomain> = {}): ImportedDomain {
  return { tenantId, name: freshName(), mode: 'hosted', isVouched: true, delegations: [], ...given }
}

/** Facts as `certificate/` would read them; the stores do not look into a certificate. */
export function aChain(label = `chain ${++count}`): Chain {
  const hex = createHash('sha256').update(label).digest('hex')
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${label}\n-----END CERTIFICATE-----\n`,
    leaf: {
      sha256: hex,
      spkiSha256: hex,
      subject: `CN=${label}`,
      issuer: 'CN=Test',
      serial: '01',
      keyType: 'EC P-256',
      dnsNames: ['hosting.example.com'],
      xmppNames: { dnsIds: [], srvIds: [], xmppAddrs: [], commonNames: [] },
      isSelfSigned: false,
      notBefore: new Date('2026-11-01T00:00:00Z'),
      notAfter: new Date('2027-02-01T00:00:00Z'),
    },
  }
}

/** A held source domain, delegated to a new target host with a new lineage of the operator's. */
export async function aDelegation(
  database: TestDatabase,
  given: { tenant?: Tenant; name?: DomainName; service?: string } = {},
): Promise<{ tenant: Tenant; domain: SourceDomain; delegation: Delegation; target: DomainName; lineageId: string }> {
  const { storage, act } = database
  const tenant = given.tenant ?? (await aTenant(database))
  const name = given.name ?? freshName()
  const domain = await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
  const target = await storage.targetHosts.add({ name: freshName('hosting.example'), port: 443 }, act())
  const lineage = await storage.lineages.create(null, { name: freshName('lineage.example'), source: 'import' }, act())
  const delegation = await storage.delegations.register(
    tenant.id,
    {
      sourceDomainId: domain.id,
      targetHostId: target.id,
      lineageId: lineage.id,
      service: given.service ?? '_xmpp-server',
      protocol: '_tcp',
      tlsAnswer: 'redirect',
      poshAnswer: 'fingerprints',
      srvPort: null,
    },
    act(),
  )
  return { tenant, domain, delegation, target: target.name, lineageId: lineage.id }
}

/** The rows of the change feed behind a position, as "host im.example.com". */
export async function changesBehind({ db }: TestDatabase, position: number): Promise<string[]> {
  const rows = await db
    .knex('change')
    .where('id', '>', position)
    .orderBy('id')
    .select<{ kind: string; key: string }[]>('kind', 'key')
  return rows.map(({ kind, key }) => `${kind} ${key}`)
}

export async function feedEnd({ db }: TestDatabase): Promise<number> {
  const row = await db.knex('change').max<{ id: number | null }[]>('id as id')
  return row[0]?.id ?? 0
}

export function anAuthority(given: Partial<NewAuthority> = {}): NewAuthority {
  const name = `authority-${++count}`
  return {
    name,
    rank: count,
    directoryUrl: `https://${name}.example/directory`,
    caPem: null,
    contact: ['mailto:hostmaster@example.net'],
    eabKeyId: null,
    profile: null,
    keyType: 'ec-p256',
    preferredChain: null,
    ...given,
  }
}

/** One whose account is made. */
export async function aConfirmedAuthority({ storage, act }: TestDatabase, given: Partial<NewAuthority> = {}) {
  const { authority } = await storage.authorities.reserve(anAuthority(given), Buffer.from('account key'), act())
  const account = { url: `${authority.directoryUrl}/account/1`, termsOfService: null }
  return storage.authorities.confirm(authority.id, account, act())
}

/** A name that a new tenant holds, its front lineage and an authority to order of. */
export async function anOrderable(database: TestDatabase, given: { tenant?: Tenant; name?: DomainName } = {}) {
  const { storage, act } = database
  const tenant = given.tenant ?? (await aTenant(database))
  const name = given.name ?? freshName()
  await storage.sourceDomains.add(tenant.id, { name, mode: 'hosted', isVouched: true }, act())
  const lineage = await storage.lineages.create(tenant.id, { name: frontLineageName(name), source: 'acme' }, act())
  const authority = await aConfirmedAuthority(database)
  const order: NewOrder = {
    tenantId: tenant.id,
    lineageId: lineage.id,
    authorityId: authority.id,
    identifiers: [name],
    profile: null,
    replaces: null,
    csrDer: Buffer.from('csr'),
  }
  return { tenant, name, lineage, authority, order }
}

export function anAuthorization(identifier: string, given: Partial<OrderAuthorization> = {}): OrderAuthorization {
  const url = `https://authority.example/authorization/${++count}`
  return { url, identifier, status: 'pending', challenge: null, expiresAt: null, ...given }
}

export const A_PROBLEM: AcmeProblem = {
  type: 'dns',
  detail: 'no address',
  status: 403,
  retryAfterMs: null,
  url: null,
  subproblems: [],
}
