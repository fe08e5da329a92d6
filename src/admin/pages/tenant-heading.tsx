import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { useNow, useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { Badge, Heading } from './parts.tsx'
import { maySee } from './whose.tsx'

const PARTS = [
  ['overview', '', 'viewer'],
  ['members', '/members', 'viewer'],
  ['tokens', '/tokens', 'owner'],
  ['audit', '/audit', 'admin'],
] as const
export type TenantPart = (typeof PARTS)[number][0]

export function tenantPath({ name }: Pick<Tenant, 'name'>): string {
  return `/tenants/${name}`
}

/** The top of each of a tenant's pages, with the way to the others that one may see. */
export function TenantHeading(props: { tenant: Tenant; principal: Principal; part: TenantPart }) {
  const all = useTexts()
  const t = all.tenants
  const now = useNow()
  const { tenant, principal, part } = props
  const isSuspended = tenant.suspendedAt !== null
  return (
    <>
      <Heading
        within={{ href: '/tenants', title: t.title }}
        title={tenant.name}
        lead={
          isSuspended ? (
            <Badge tone="bad" icon="stop">
              {t.isSuspended}
            </Badge>
          ) : (
            t.partLeads[part]
          )
        }
      />
      {isSuspended ? (
        <div class="message bad">
          <Icon name="stop" />
          <p>{t.suspendedMeans}</p>
        </div>
      ) : null}
      <nav class="parts" aria-label={tenant.name}>
        <ul>
          {PARTS.filter(([, , access]) => maySee(principal, access, tenant, now)).map(([each, path]) => (
            <li key={each}>
              <a href={`${tenantPath(tenant)}${path}`} {...(each === part ? { 'aria-current': 'page' as const } : {})}>
                {t.parts[each]}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </>
  )
}
