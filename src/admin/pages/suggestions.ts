import type { AdminDeps } from '../deps.ts'

/** What a field proposes: all of them in most installations, and few enough for a page in the others. */
const MOST = 50
const MOST_TENANTS = 5

export async function suggestedTenants({ tenants }: Pick<AdminDeps, 'tenants'>): Promise<string[]> {
  return (await tenants.list({ limit: MOST })).map(({ name }) => name)
}

export async function suggestedTargetHosts({ targetHosts }: Pick<AdminDeps, 'targetHosts'>): Promise<string[]> {
  return (await targetHosts.list({ limit: MOST })).map(({ name }) => name)
}

/** @param whose tenants' ids */
export async function suggestedSourceDomains(
  { sourceDomains }: Pick<AdminDeps, 'sourceDomains'>,
  whose: 'all' | readonly string[],
): Promise<string[]> {
  const found = await Promise.all(ownersOf(whose).map((tenantId) => sourceDomains.list(tenantId, { limit: MOST })))
  return names(found.flat())
}

/** @param whose tenants' ids */
export async function suggestedLineages(
  { lineages }: Pick<AdminDeps, 'lineages'>,
  whose: 'all' | readonly string[],
): Promise<string[]> {
  const found = await Promise.all(ownersOf(whose).map((tenantId) => lineages.list(tenantId, { limit: MOST })))
  // Those that an authority issues are the front certificates of hosts
  return names(found.flat().filter(({ source }) => source === 'import'))
}

function ownersOf(whose: 'all' | readonly string[]): readonly string[] {
  return whose === 'all' ? ['all'] : whose.slice(0, MOST_TENANTS)
}

function names(items: readonly { name: string }[]): string[] {
  return [...new Set(items.map(({ name }) => name))].slice(0, MOST)
}
