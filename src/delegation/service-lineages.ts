import type { Act } from '../act.ts'
import type { Issuer } from '../certificate/issuer.ts'
import { frontLineageName, isFrontLineage, type Lineage, type LineageStore } from '../certificate/lineage.ts'
import { displayName, domainName, type DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import { requireRegistrable, type NamePolicy } from './name-policy.ts'
import type { SourceDomainStore } from './source-domain.ts'
import type { TargetHostStore } from './target-host.ts'

/** As many as an order may have wherever certificates are short-lived. */
const MOST_NAMES = 25

/** A lineage as the operator asks for it: by names, not yet parsed. */
export interface ServiceLineageRequest {
  names: readonly string[]
  lineage: string | undefined // undefined: it is called as the first name
  source: Issuer['source']
}

/**
 * Has certificates issued for names of the operator's own, for an XMPP server to present. An authority proves control of
 * each as of any other name: by the answer of this server at the addresses of the name, or by its DNS. What is a tenant's
 * is not the operator's to have certified: that is proven by the tenant, and its front's lineage can be published as well.
 */
export interface ServiceLineages {
  /** @throws ProblemError malformed-name, malformed-request, name-refused, already-exists */
  create(request: ServiceLineageRequest, act: Act): Promise<Lineage>
}

export function serviceLineages(deps: {
  lineages: Pick<LineageStore, 'create'>
  sourceDomains: Pick<SourceDomainStore, 'claims'>
  targetHosts: Pick<TargetHostStore, 'find'>
  policy: NamePolicy
}): ServiceLineages {
  const { lineages, sourceDomains, targetHosts, policy } = deps

  async function refuseTenants(name: DomainName): Promise<void> {
    const claims = await sourceDomains.claims(name)
    const held = claims.find(({ proof }) => proof !== null)
    if (held)
      throw refused(
        `${displayName(name)} is a source domain of the tenant ${held.tenantName}; delegations can publish what the edge presents for it, lineage ${frontLineageName(name)}`,
        'source-domain',
      )
  }

  return {
    async create({ names, lineage, source }, act) {
      const identifiers = [...new Set(names.map((text) => domainName(text)))]
      const [first, ...others] = identifiers
      if (first === undefined || identifiers.length > MOST_NAMES)
        throw new ProblemError('malformed-request', `a certificate is for 1 to ${MOST_NAMES} names`, {
          fields: [{ pointer: '/names', detail: `should be 1 to ${MOST_NAMES} names` }],
        })
      for (const name of identifiers) {
        requireRegistrable(name, policy)
        await refuseTenants(name)
      }
      if (others.length === 0 && (await targetHosts.find(first)))
        throw refused(
          `${displayName(first)} is a target host, whose lineage ${frontLineageName(first)} delegations can publish as well`,
          'target-host',
        )
      const name = lineage ?? first
      if (isFrontLineage({ name }))
        throw new ProblemError(
          'malformed-request',
          `lineages called ${name} are made by this server; choose another name`,
          {
            fields: [{ pointer: '/lineage', detail: 'should not begin with "front:"' }],
          },
        )
      return lineages.create(null, { name, source, identifiers }, act)
    },
  }
}

function refused(text: string, rule: string): ProblemError {
  return new ProblemError('name-refused', text, { rule, fields: [{ pointer: '/names', detail: text }] })
}
