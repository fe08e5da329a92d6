import {
  CERTIFICATE_TROUBLES,
  type CertificateTrouble,
  type LineageWithCertificates,
  type Place,
} from '../certificate/lineage.ts'
import {
  SOURCE_DOMAIN_TROUBLES,
  type SourceDomain,
  type SourceDomainMode,
  type SourceDomainTrouble,
} from '../delegation/source-domain.ts'
import type { DomainName } from '../name.ts'
import { ProblemError } from '../problem.ts'
import type { AdminDeps } from './deps.ts'

export const DOMAIN_STANDINGS = SOURCE_DOMAIN_TROUBLES
export const LINEAGE_STANDINGS = CERTIFICATE_TROUBLES

export interface DomainFilter {
  standing?: SourceDomainTrouble | undefined // by name where it is left out
  mode?: SourceDomainMode | undefined
  search?: string | undefined
}

export interface LineageFilter {
  standing?: CertificateTrouble | undefined
  search?: string | undefined
}

interface Part {
  after?: Place | undefined
  limit: number
}
type Placed<Item> = Item & { place: Place }

/** Source domains as somebody wants to see them: each filter has an order of its own, so that a page is found at once. */
export function filteredDomains(
  { sourceDomains, clock }: Pick<AdminDeps, 'sourceDomains' | 'clock'>,
  whose: string | 'all',
  { standing, ...filter }: DomainFilter,
): (part: Part) => Promise<Placed<SourceDomain>[]> {
  return async ({ after, limit }) => {
    if (standing !== undefined)
      return sourceDomains.listTroubled(whose, { ...filter, trouble: standing, after, limit }, clock.now())
    const from = after && { name: String(after.key) as DomainName, id: after.id } // it is compared only
    const found = await sourceDomains.list(whose, { ...filter, after: from, limit })
    return found.map((domain) => ({ ...domain, place: { key: domain.name, id: domain.id } }))
  }
}

export function filteredLineages(
  { lineages, clock }: Pick<AdminDeps, 'lineages' | 'clock'>,
  whose: string | 'all',
  { standing, ...filter }: LineageFilter,
): (part: Part) => Promise<Placed<LineageWithCertificates>[]> {
  return async ({ after, limit }) => {
    if (standing !== undefined)
      return lineages.listTroubled(whose, { ...filter, trouble: standing, after, limit }, clock.now())
    const from = after && { name: String(after.key), id: after.id }
    const found = await lineages.list(whose, { ...filter, after: from, limit })
    return found.map((lineage) => ({ ...lineage, place: { key: lineage.name, id: lineage.id } }))
  }
}

export function cursorOf({ place: { key, id } }: { place: Place }): string {
  return `${id}.${key}`
}

const BY_INSTANT: readonly (SourceDomainTrouble | undefined)[] = ['unproven', 'wavering', 'expired', 'ending']

/** A cursor holds for the filter that it was given for. @throws ProblemError malformed-request */
export function parseCursor(standing: SourceDomainTrouble | undefined): (after: string) => Place {
  return (after) => {
    const { id, key } = /^(?<id>[0-9a-f-]{36})\.(?<key>.+)$/.exec(after)?.groups ?? {}
    const isByInstant = BY_INSTANT.includes(standing)
    if (id === undefined || key === undefined || (isByInstant && !/^\d{1,15}$/.test(key)))
      throw new ProblemError('malformed-request', 'after should come from the `next` of another page')
    return { id, key: isByInstant ? Number(key) : key }
  }
}
