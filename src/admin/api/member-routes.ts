import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { ProblemError } from '../../problem.ts'
import type { Member, Role } from '../../tenant/member.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { listPage, pageOf, pageQuery } from './paging.ts'
import { BY_EMAIL, roleField } from './people.ts'
import { authorize, requireGrave, route, type Route } from './route.ts'

const resource = z
  .object({
    id: z.uuid().meta({ description: 'Of the user' }),
    email: z.string(),
    role: roleField,
    hasSecondFactor: z.boolean(),
    createdAt: z.iso.datetime().meta({ description: 'When they joined' }),
  })
  .meta({ id: 'Member' })

const one = z.strictObject({ tenant: tenantNameField, user: z.uuid() })

export function memberRoutes({ members, sessions }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/members',
        summary: 'The members of a tenant, by e-mail address',
        access: 'viewer',
        scope: 'members:read',
        params: z.strictObject({ tenant: tenantNameField }),
        query: z.strictObject(pageQuery),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ tenant, query: { search, ...page }, url }) => {
        const { items, next } = await listPage(url, { ...page, sort: 'email' }, BY_EMAIL, ({ limit, after }) =>
          members.list(tenant.id, { limit, ...(after !== undefined && { after }), ...(search && { search }) }),
        )
        return { body: { items: items.map(toResource), next } }
      },
    ),
    route(
      {
        method: 'get',
        path: '/tenants/{tenant}/members/{user}',
        summary: 'One member of a tenant',
        access: 'viewer',
        scope: 'members:read',
        params: one,
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async ({ tenant, params }) => tagged(await find(tenant.id, params.user)),
    ),
    route(
      {
        method: 'put',
        path: '/tenants/{tenant}/members/{user}',
        summary: 'Give a member another role; ends their other sessions',
        access: 'owner',
        scope: 'members:write',
        params: one,
        body: z.strictObject({ role: roleField }),
        answer: { status: 200, schema: resource, hasEtag: true },
        problems: ['last-owner', 'fresh-sign-in-required'],
      },
      async ({ tenant, params: { user }, body: { role }, principal, act, session }) => {
        requireGraveFor(role, principal, act.at)
        const before = await find(tenant.id, user)
        const member = await members.setRole(tenant.id, user, role, act)
        if (role !== before.role) await sessions.closeAll(user, act, session?.id)
        return tagged(member)
      },
    ),
    route(
      {
        method: 'delete',
        path: '/tenants/{tenant}/members/{user}',
        summary: 'Remove a member, which an owner may, or leave a tenant, which every member may',
        access: 'viewer',
        scope: 'members:write',
        params: one,
        answer: { status: 204 },
        problems: ['last-owner'],
      },
      async ({ tenant, params: { user }, act, principal, session }) => {
        if (user !== principal.userId)
          authorize({ access: 'owner', scope: 'members:write' }, principal, tenant, act.at, { isChange: true })
        await members.remove(tenant.id, user, act)
        await sessions.closeAll(user, act, session?.id)
        return {}
      },
    ),
  ]

  async function find(tenantId: string, userId: string): Promise<Member> {
    const member = await members.find(tenantId, userId)
    if (!member)
      throw new ProblemError('not-found', `the tenant has no member ${userId}; whoever is to become one is invited`)
    return member
  }
}

function tagged(member: Member) {
  return { body: toResource(member), etag: entityTag(member) }
}

function toResource({ id, email, role, hasSecondFactor, createdAt }: Member): z.input<typeof resource> {
  return { id, email, role, hasSecondFactor, createdAt: createdAt.toISOString() }
}

/**
 * An owner hands out every right of the tenant, and a person is bound to neither the end nor the addresses of the token
 * that made them one.
 * @throws ProblemError forbidden, fresh-sign-in-required
 */
export function requireGraveFor(role: Role, principal: Principal, now: Date): void {
  const isPerson = principal.scopes === 'all'
  if (isPerson ? role === 'owner' : role !== 'viewer') requireGrave(principal, now)
}
