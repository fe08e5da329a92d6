import type { Act } from '../act.ts'
import type { LineageStore } from '../certificate/lineage.ts'
import { displayName, domainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { USUAL_ANSWERS, type Delegation, type DelegationStore, type PoshAnswer, type TlsAnswer } from './delegation.ts'
import { namingWarnings } from './naming-warnings.ts'
import { serviceName } from './service-name.ts'
import type { SourceDomain, SourceDomainMode, SourceDomainStore } from './source-domain.ts'
import type { TargetHost, TargetHostStore } from './target-host.ts'

/** A delegation as people ask for it: by names, not yet parsed. */
export interface DelegationRequest {
  sourceDomain: string
  service: string // "_xmpp-server" or "_xmpp-server._tcp"
  targetHost: string
  lineage: string // by its name: the tenant's own, else the operator's
  tlsAnswer?: TlsAnswer | undefined
  poshAnswer?: PoshAnswer | undefined
  srvPort?: number | null | undefined
}

/** The rules by which source domains are claimed and delegations registered, for the command line, the API and the page. */
export interface Registrar {
  /** @throws ProblemError malformed-name, name-refused, already-exists, source-domain-taken */
  claim(
    tenantId: string,
    name: string,
    claim: { mode: SourceDomainMode; isVouched: boolean },
    act: Act,
  ): Promise<SourceDomain>
  /** Parsed and allowed, or thrown; changes nothing. */
  claimableName(name: string): DomainName
  /** @throws ProblemError malformed-name, name-refused, already-exists */
  addTargetHost(name: string, port: number, act: Act): Promise<TargetHost>
  /** @throws ProblemError malformed-name, not-found, already-exists */
  register(
    tenantId: string,
    request: DelegationRequest,
    act: Act,
  ): Promise<{ delegation: Delegation; warnings: string[] }>
}

export function registrar(deps: {
  sourceDomains: SourceDomainStore
  targetHosts: TargetHostStore
  delegations: DelegationStore
  lineages: Pick<LineageStore, 'findByName'>
  /** The operator's own names: nobody may claim them. */
  reserved: { adminHost: DomainName; edgeName: DomainName }
}): Registrar {
  const { sourceDomains, targetHosts, delegations, lineages, reserved } = deps

  function claimableName(text: string): DomainName {
    const name = domainName(text)
    if (name === reserved.adminHost || name === reserved.edgeName)
      throw new ProblemError('name-refused', `${name} is a name of this server itself and cannot be delegated`)
    return name
  }

  return {
    claimableName,

    async claim(tenantId, text, claim, act) {
      return sourceDomains.add(tenantId, { name: claimableName(text), ...claim }, act)
    },

    async addTargetHost(text, port, act) {
      const name = domainName(text)
      if (name === reserved.adminHost)
        throw new ProblemError('name-refused', `${name} is the admin host; give the target host a name of its own`)
      return targetHosts.add({ name, port }, act)
    },

    async register(tenantId, request, act) {
      const { service, protocol } = serviceName(request.service)
      const domain = await sourceDomains.find(tenantId, domainName(request.sourceDomain))
      if (!domain)
        throw new ProblemError(
          'not-found',
          `the tenant has no source domain ${request.sourceDomain}; add it first: waypost domain add ${request.sourceDomain}`,
          atField('/sourceDomain', 'the tenant has no such source domain; add it first'),
        )
      const target = await targetHosts.find(domainName(request.targetHost))
      if (!target)
        throw new ProblemError(
          'not-found',
          `there is no target host ${request.targetHost}; the operator adds one: waypost target add ${request.targetHost}`,
          atField('/targetHost', 'there is no such target host; the operator adds one'),
        )
      const lineage =
        (await lineages.findByName(tenantId, request.lineage)) ?? (await lineages.findByName(null, request.lineage))
      if (!lineage)
        throw new ProblemError(
          'not-found',
          `there is no certificate lineage ${request.lineage}; import its certificate first: waypost certificate import`,
          atField('/lineage', 'there is no such certificate lineage; import its certificate first'),
        )
      const delegation = await delegations.register(
        tenantId,
        {
          sourceDomainId: domain.id,
          service,
          protocol,
          targetHostId: target.id,
          lineageId: lineage.id,
          tlsAnswer: request.tlsAnswer ?? USUAL_ANSWERS.tlsAnswer,
          poshAnswer: request.poshAnswer ?? USUAL_ANSWERS.poshAnswer,
          srvPort: request.srvPort ?? USUAL_ANSWERS.srvPort,
        },
        act,
      )
      return {
        delegation,
        warnings: [
          ...(domain.proof === null
            ? [`nobody has proven control of ${displayName(domain.name)} yet: nothing is served until then`]
            : []),
          ...namingWarnings(domain.name, { service, protocol }, lineage.certificates),
        ],
      }
    },
  }
}

/** For whoever shows the problem at the field that it is about. */
function atField(pointer: string, detail: string) {
  return { fields: [{ pointer, detail }] }
}
