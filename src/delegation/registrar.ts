import type { Act } from '../act.ts'
import type { LineageStore } from '../certificate/lineage.ts'
import { displayName, domainName, parseDomainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import {
  USUAL_ANSWERS,
  type Delegation,
  type DelegationStore,
  type DelegationTerms,
  type PoshAnswer,
  type ServiceName,
  type TlsAnswer,
} from './delegation.ts'
import { requireRegistrable, type NamePolicy } from './name-policy.ts'
import { namingWarnings } from './naming-warnings.ts'
import { serviceName } from './service-name.ts'
import type {
  ImportedDomain,
  ImportOutcome,
  SourceDomain,
  SourceDomainMode,
  SourceDomainStore,
  SpentQuotas,
} from './source-domain.ts'
import type { TargetHost, TargetHostStore } from './target-host.ts'

const TARGET_HOSTS_AT_ONCE = 500

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

/** A source domain of a list that somebody brings, not yet parsed. */
export interface ImportRequest {
  tenantId: string
  name: string
  mode: SourceDomainMode
  isVouched: boolean
  delegations: readonly Omit<DelegationRequest, 'sourceDomain'>[]
}

export interface Registration {
  delegation: Delegation
  warnings: string[]
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
  /**
   * Claims the name, unproven, or changes the mode of the tenant's claim.
   * @throws ProblemError malformed-name, name-refused, quota-reached, precondition-failed
   */
  claimOrChange(
    tenantId: string,
    name: string,
    mode: SourceDomainMode,
    act: Act,
  ): Promise<{ domain: SourceDomain; isNew: boolean }>
  /** Parsed and allowed by the policy for names, or thrown; changes nothing. @throws ProblemError malformed-name, name-refused */
  claimableName(name: string): DomainName
  /** @throws ProblemError malformed-name, name-refused, already-exists */
  addTargetHost(name: string, port: number, act: Act): Promise<TargetHost>
  /** @throws ProblemError malformed-name, name-refused, precondition-failed */
  addOrChangeTargetHost(name: string, port: number, act: Act): Promise<{ target: TargetHost; isNew: boolean }>
  /** @throws ProblemError malformed-name, not-found, already-exists, quota-reached */
  register(tenantId: string, request: DelegationRequest, act: Act): Promise<Registration>
  /** What is left out becomes what is usual. @throws ProblemError malformed-name, not-found, quota-reached, precondition-failed */
  registerOrChange(tenantId: string, request: DelegationRequest, act: Act): Promise<Registration & { isNew: boolean }>
  /**
   * Claims many names and registers their delegations, as `importMany` of the store. An outcome for each, in their order.
   * @param requests a problem: it is refused already
   */
  importMany(
    requests: readonly (ImportRequest | ProblemError)[],
    options: { isRehearsal: boolean; spent?: SpentQuotas },
    act: Act,
  ): Promise<ImportOutcome[]>
  /** The same, parsed and allowed by the policy for names, or why they are not; changes nothing. */
  importable(requests: readonly (ImportRequest | ProblemError)[]): Promise<(ImportedDomain | ProblemError)[]>
}

export function registrar(deps: {
  sourceDomains: SourceDomainStore
  targetHosts: TargetHostStore
  delegations: DelegationStore
  lineages: Pick<LineageStore, 'findByName'>
  policy: NamePolicy
}): Registrar {
  const { sourceDomains, targetHosts, delegations, lineages, policy } = deps

  function claimableName(text: string): DomainName {
    const name = domainName(text)
    requireRegistrable(name, policy)
    return name
  }

  /** @throws ProblemError malformed-name, name-refused */
  async function newClaim(text: string, isVouched: boolean, isTarget: IsTarget = isTargetHost): Promise<DomainName> {
    const name = claimableName(text)
    if (!isVouched && (await isTarget(name)))
      // Whoever held it would answer for the operator's own web host
      throw new ProblemError(
        'name-refused',
        `${displayName(name)} is a target host of this server; only the operator may register it, by vouching`,
        { rule: 'target-host' },
      )
    return name
  }

  async function isTargetHost(name: DomainName): Promise<boolean> {
    return (await targetHosts.find(name)) !== undefined
  }

  /** The same for a list of names: a few target hosts are known all at once. */
  async function isOneOfTargetHosts(): Promise<IsTarget> {
    const some = await targetHosts.list({ limit: TARGET_HOSTS_AT_ONCE })
    if (some.length === TARGET_HOSTS_AT_ONCE) return isTargetHost
    const names = new Set(some.map(({ name }) => name))
    return async (name) => names.has(name)
  }

  /** Null where it may be imported: a name that is claimed already stays claimed, whatever the rules are now. */
  async function importRefusal(request: ImportRequest, isTarget: IsTarget): Promise<ProblemError | null> {
    try {
      await newClaim(request.name, request.isVouched, isTarget)
      return null
    } catch (refusal) {
      if (!(refusal instanceof ProblemError)) throw refusal
      const name = parseDomainName(request.name)
      return name && (await sourceDomains.find(request.tenantId, name)) ? null : refusal
    }
  }

  async function importable(
    requests: readonly (ImportRequest | ProblemError)[],
  ): Promise<(ImportedDomain | ProblemError)[]> {
    const parse = importParser()
    const isTarget = await isOneOfTargetHosts()
    const parsed: (ImportedDomain | ProblemError)[] = []
    for (const request of requests) {
      if (request instanceof ProblemError) parsed.push(request)
      else parsed.push((await importRefusal(request, isTarget)) ?? parse(request))
    }
    return parsed
  }

  function targetHostName(text: string): DomainName {
    const name = domainName(text)
    if (name === policy.adminHost)
      throw new ProblemError('name-refused', `${name} is the admin host; give the target host a name of its own`)
    return name
  }

  /** What a request is about, by its names. @throws ProblemError malformed-name, not-found */
  async function resolve(tenantId: string, request: DelegationRequest): Promise<Resolved> {
    const service = serviceName(request.service)
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
    return {
      service,
      domain,
      terms: { targetHostId: target.id, lineageId: lineage.id, ...answersOf(request) },
      warnings: [
        ...(domain.proof === null
          ? [
              `control of ${displayName(domain.name)} is not proven: nothing is served until its DNS records prove it (waypost domain show ${domain.name}) or the operator vouches for it`,
            ]
          : []),
        ...namingWarnings(domain.name, service, lineage.certificates),
      ],
    }
  }

  return {
    claimableName,

    async claim(tenantId, text, claim, act) {
      return sourceDomains.add(tenantId, { name: await newClaim(text, claim.isVouched), ...claim }, act)
    },

    async claimOrChange(tenantId, text, mode, act) {
      const name = domainName(text)
      const { thing, isNew } = await changeOrAdd(
        act,
        async () => (await sourceDomains.find(tenantId, name)) && sourceDomains.setMode(tenantId, name, mode, act),
        async () => sourceDomains.add(tenantId, { name: await newClaim(text, false), mode, isVouched: false }, act),
      )
      return { domain: thing, isNew }
    },

    async addTargetHost(text, port, act) {
      return targetHosts.add({ name: targetHostName(text), port }, act)
    },

    async addOrChangeTargetHost(text, port, act) {
      const name = targetHostName(text)
      const { thing, isNew } = await changeOrAdd(
        act,
        async () => (await targetHosts.find(name)) && targetHosts.setPort(name, port, act),
        () => targetHosts.add({ name, port }, act),
      )
      return { target: thing, isNew }
    },

    async register(tenantId, request, act) {
      const { service, domain, terms, warnings } = await resolve(tenantId, request)
      const delegation = await delegations.register(tenantId, { sourceDomainId: domain.id, ...service, ...terms }, act)
      return { delegation, warnings }
    },

    async registerOrChange(tenantId, request, act) {
      const { service, domain, terms, warnings } = await resolve(tenantId, request)
      const { thing, isNew } = await changeOrAdd(
        act,
        async () => {
          const found = await delegations.findByService(tenantId, domain.name, service)
          return found && delegations.change(tenantId, found.id, terms, act)
        },
        () => delegations.register(tenantId, { sourceDomainId: domain.id, ...service, ...terms }, act),
      )
      return { delegation: thing, warnings, isNew }
    },

    importable,

    async importMany(requests, { isRehearsal, spent }, act) {
      const parsed = await importable(requests)
      const sound = parsed.filter((one): one is ImportedDomain => !(one instanceof ProblemError))
      const outcomes = isRehearsal
        ? await sourceDomains.rehearseImport(sound, spent)
        : await sourceDomains.importMany(sound, act)
      let next = 0
      return parsed.map((one) => (one instanceof ProblemError ? one : outcomes[next++]!))
    },
  }
}

type IsTarget = (name: DomainName) => Promise<boolean>

interface Resolved {
  service: ServiceName
  domain: SourceDomain
  terms: DelegationTerms
  warnings: string[]
}

/** Changes what is there, or adds what is not; of two who add at once the second changes. */
async function changeOrAdd<T>(
  act: Act,
  change: () => Promise<T | undefined>,
  add: () => Promise<T>,
): Promise<{ thing: T; isNew: boolean }> {
  const changed = await change()
  if (changed) return { thing: changed, isNew: false }
  // RFC 9110 §13.1.1: nothing matches where there is nothing, "*" neither
  if (act.ifMatch !== undefined)
    throw new ProblemError('precondition-failed', 'it is not there any more; leave If-Match out to make it anew')
  try {
    return { thing: await add(), isNew: true }
  } catch (refusal) {
    if (!(refusal instanceof ProblemError && refusal.code === 'already-exists')) throw refusal
    const thing = await change()
    if (!thing) throw refusal
    return { thing, isNew: false }
  }
}

/** Parses the requests of one list, in which each name may stand once. */
function importParser() {
  const seen = new Set<string>()
  const vouchedFor = new Map<DomainName, string>() // the tenant's id

  function importedDomain({ tenantId, name: text, mode, isVouched, delegations }: ImportRequest): ImportedDomain {
    const name = domainName(text)
    const services = delegations.map(({ service }) => serviceName(service))
    if (new Set(services.map(fullName)).size < services.length)
      throw new ProblemError('already-exists', 'a service of it stands in the list twice')
    const domain: ImportedDomain = {
      ...{ tenantId, name, mode, isVouched },
      delegations: delegations.map((request, index) => ({
        ...services[index]!,
        targetHost: domainName(request.targetHost),
        lineage: request.lineage,
        ...answersOf(request),
      })),
    }
    if (seen.has(`${tenantId} ${name}`)) throw new ProblemError('already-exists', 'it stands in the list twice')
    if (isVouched && (vouchedFor.get(name) ?? tenantId) !== tenantId)
      throw new ProblemError('source-domain-taken', 'the list vouches for it for another tenant too')
    seen.add(`${tenantId} ${name}`)
    if (isVouched) vouchedFor.set(name, tenantId)
    return domain
  }

  return (request: ImportRequest): ImportedDomain | ProblemError => {
    try {
      return importedDomain(request)
    } catch (refusal) {
      if (refusal instanceof ProblemError) return refusal
      throw refusal
    }
  }
}

function fullName({ service, protocol }: ServiceName): string {
  return `${service}.${protocol}`
}

function answersOf(request: Pick<DelegationRequest, 'tlsAnswer' | 'poshAnswer' | 'srvPort'>) {
  return {
    tlsAnswer: request.tlsAnswer ?? USUAL_ANSWERS.tlsAnswer,
    poshAnswer: request.poshAnswer ?? USUAL_ANSWERS.poshAnswer,
    srvPort: request.srvPort ?? USUAL_ANSWERS.srvPort,
  }
}

/** For whoever shows the problem at the field that it is about. */
function atField(pointer: string, detail: string) {
  return { fields: [{ pointer, detail }] }
}
