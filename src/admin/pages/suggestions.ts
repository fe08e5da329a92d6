import type { AdminDeps } from '../deps.ts'

/** What a field proposes: all of them in most installations, and few enough for a page in the others. */
const MOST = 50

export async function suggestedTenants({ tenants }: Pick<AdminDeps, 'tenants'>): Promise<string[]> {
  return (await tenants.list({ limit: MOST })).map(({ name }) => name)
}

export async function suggestedTargetHosts({ targetHosts }: Pick<AdminDeps, 'targetHosts'>): Promise<string[]> {
  return (await targetHosts.list({ limit: MOST })).map(({ name }) => name)
}

export async function suggestedSourceDomains({ sourceDomains }: Pick<AdminDeps, 'sourceDomains'>): Promise<string[]> {
  return [...new Set((await sourceDomains.list('all', { limit: MOST })).map(({ name }) => name))]
}

export async function suggestedLineages({ lineages }: Pick<AdminDeps, 'lineages'>): Promise<string[]> {
  // Those that an authority issues are the front certificates of hosts
  const imported = (await lineages.list('all', { limit: MOST })).filter(({ source }) => source === 'import')
  return [...new Set(imported.map(({ name }) => name))]
}
