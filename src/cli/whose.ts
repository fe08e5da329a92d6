import { domainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { orHint, pages, path, type Api } from './api.ts'
import type { Io } from './io.ts'
import type { Delegation, SourceDomain, SourceDomainInDetail, Tenant } from './resources.ts'

/** The tenant that is named, else the only one of whoever asks. */
export async function tenantOf(api: Api, name: string | undefined): Promise<string> {
  if (name !== undefined) return name
  const { tenants, isOperator } = await api.session()
  const [only, another] = isOperator
    ? (await api.get<{ items: Tenant[] }>('/tenants', { limit: 2 })).body.items
    : tenants
  if (!only) throw new ProblemError('not-found', 'there is no tenant yet; add one: waypost tenant add NAME')
  if (another) throw new ProblemError('malformed-request', 'there are several tenants; say whose with --tenant NAME')
  return only.name
}

/** The path of what belongs to the tenant that is named, else to all whom the one who asks may see. */
export async function everybodysPath(api: Api, tenant: string | undefined, what: string): Promise<string> {
  const isAll = tenant === undefined && (await api.session()).isOperator
  return isAll ? `/${what}` : `${path`/tenants/${await tenantOf(api, tenant)}`}/${what}`
}

/** The path of an owner of lineages: the tenant that is named, else the operator, else the only tenant of who asks. */
export async function ownerPath(api: Api, tenant: string | undefined): Promise<string> {
  const isOperators = tenant === undefined && (await api.session()).isOperator
  return isOperators ? '/operator' : path`/tenants/${await tenantOf(api, tenant)}`
}

/** For what is the operator's or a tenant's, and where a wrong guess would be dangerous. */
export async function saidOwnerPath(
  api: Api,
  { tenant, operator }: { tenant?: string; operator?: true },
): Promise<string> {
  if (tenant !== undefined && operator)
    throw new ProblemError('malformed-request', 'either a tenant’s or the operator’s: leave out --tenant or --operator')
  if (operator) return '/operator'
  if (tenant === undefined && (await api.session()).isOperator)
    throw new ProblemError('malformed-request', 'say whose: --tenant NAME, or --operator')
  return path`/tenants/${await tenantOf(api, tenant)}`
}

/** The claims of all tenants to a name, for the operator. */
export async function claimsTo(api: Api, text: string): Promise<SourceDomain[]> {
  const name = domainName(text)
  return (await api.get<{ items: SourceDomain[] }>('/source-domains', { name })).body.items
}

/** One tenant's claim to a name. @throws ProblemError not-found; malformed-request where it is not clear whose */
export async function claimOf(api: Api, text: string, tenant: string | undefined): Promise<SourceDomainInDetail> {
  const name = domainName(text)
  const whose = tenant ?? (await holderOf(api, text))
  if (whose === undefined)
    throw new ProblemError('not-found', `there is no source domain ${text}; add it: waypost domain add ${text}`)
  const claim = api.get<SourceDomainInDetail>(path`/tenants/${whose}/source-domains/${name}`)
  return (await orHint(claim, 'see: waypost domain list')).body
}

/** The tenant whose source domain it is, where nobody said it; undefined: nobody's. */
export async function holderOf(api: Api, text: string): Promise<string | undefined> {
  if (!(await api.session()).isOperator) return tenantOf(api, undefined)
  const [first, ...others] = await claimsTo(api, text)
  if (first && others.length > 0)
    throw new ProblemError(
      'malformed-request',
      `several tenants have claimed ${text} (${[first, ...others].map(({ tenant }) => tenant).join(', ')}); say whose with --tenant NAME`,
    )
  return first?.tenant
}

export async function delegationsOf(api: Api, { tenant, name }: SourceDomain): Promise<Delegation[]> {
  const found: Delegation[] = []
  for await (const one of pages<Delegation>(api, path`/tenants/${tenant}/delegations`, { sourceDomain: name }))
    found.push(one)
  return found
}

/** Says what is missing for HTTPS, which browsers and initiating entities ask by. */
export function noteMissingFront(io: Io, host: { name: string; hasFrontCertificate: boolean }): void {
  const { name, hasFrontCertificate } = host
  if (!hasFrontCertificate)
    io.writeError(
      `note: HTTPS has no certificate for ${name} yet; where the server does not issue it by itself: waypost certificate import FILE --key KEY --front-of ${name}\n`,
    )
}
