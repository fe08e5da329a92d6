/** What an API token may be made for. Writing includes reading; `grave` is what people have to confirm anew. */
export const SCOPES = [
  'tenants:read',
  'tenants:write',
  'source-domains:read',
  'source-domains:write',
  'delegations:read',
  'delegations:write',
  'certificates:read',
  'certificates:write',
  'target-hosts:read',
  'target-hosts:write',
  'members:read',
  'members:write',
  'tokens:read',
  'tokens:write',
  'authorities:read',
  'authorities:write',
  'jobs:read',
  'jobs:write',
  'settings:read',
  'settings:write',
  'audit:read',
  'grave',
] as const
export type Scope = (typeof SCOPES)[number]

/** What concerns no one tenant: no token of a tenant has it. */
export const OPERATORS_SCOPES: readonly Scope[] = [
  ...(['tenants:write', 'target-hosts:write'] as const),
  ...(['authorities:read', 'authorities:write', 'jobs:read', 'jobs:write'] as const),
  ...(['settings:read', 'settings:write'] as const),
]

export function includesScope(scopes: ReadonlySet<Scope>, wanted: Scope): boolean {
  return scopes.has(wanted) || scopes.has(wanted.replace(':read', ':write') as Scope)
}
