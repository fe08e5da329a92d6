import { z } from 'zod'
import { ProblemError } from '../../problem.ts'
import type { Invitation } from '../../tenant/link.ts'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { BY_ID, listPage, pageOf, pageQuery } from './paging.ts'
import {
  emailField,
  issuedLink,
  linkTokenField,
  openedSession,
  passwordField,
  roleField,
  toIssuedLink,
  toOpenedSession,
} from './people.ts'
import { requireGraveFor } from './member-routes.ts'
import { route, type Route } from './route.ts'

const fields = {
  id: z.uuid(),
  email: z.string(),
  role: roleField.nullable().meta({ description: 'null: to be an operator' }),
  createdBy: z.string(),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
}
const resource = z.object(fields).meta({ id: 'Invitation' })
const issued = z.object({ ...fields, link: issuedLink }).meta({ id: 'IssuedInvitation' })

/** To a tenant, by its owners, or to be an operator, by an operator. Who is made an operator has to be so with care. */
const KINDS = [
  {
    path: '/tenants/{tenant}',
    params: { tenant: tenantNameField },
    to: 'to a tenant',
    body: z.strictObject({ email: emailField, role: roleField }),
    access: 'owner',
    isGrave: false,
  },
  {
    path: '/operator',
    params: {},
    to: 'to be an operator',
    body: z.strictObject({ email: emailField }),
    access: 'operator',
    isGrave: true,
  },
] as const

export function invitationRoutes({ accounts, links, signIn }: AdminDeps): Route[] {
  return [
    ...KINDS.flatMap(({ path, params, to, body, access, isGrave }) => [
      route(
        {
          method: 'get',
          path: `${path}/invitations`,
          summary: `The open invitations ${to}, newest first`,
          access,
          scope: 'members:read',
          ...(path === '/operator' ? {} : { params: z.strictObject(params) }),
          query: z.strictObject({ limit: pageQuery.limit, after: pageQuery.after }),
          answer: { status: 200, schema: pageOf(resource) },
        },
        async ({ tenant, query, url, act }) => {
          const { items, next } = await listPage(url, { ...query, sort: 'newest' }, BY_ID, ({ limit, after }) =>
            links.listInvitations(tenant?.id ?? null, act.at, { limit, ...(after !== undefined && { after }) }),
          )
          return { body: { items: items.map(toResource), next } }
        },
      ),
      route(
        {
          method: 'post',
          path: `${path}/invitations`,
          summary: `Invite somebody ${to}; give them the link of the answer`,
          access,
          scope: 'members:write',
          isGrave,
          ...(path === '/operator' ? {} : { params: z.strictObject(params) }),
          body,
          answer: { status: 201, schema: issued },
          problems: ['already-exists', 'fresh-sign-in-required'],
        },
        async ({ tenant, body, principal, act }) => {
          const role = 'role' in body ? body.role : null
          if (role !== null) requireGraveFor(role, principal, act.at)
          const { invitation, link } = await accounts.invite(principal, { tenant, role, email: body.email }, act)
          return { body: { ...toResource(invitation), link: toIssuedLink(link) } }
        },
      ),
      route(
        {
          method: 'delete',
          path: `${path}/invitations/{id}`,
          summary: `Withdraw an invitation ${to}`,
          access,
          scope: 'members:write',
          hasNoEtag: true,
          params: z.strictObject({ ...params, id: z.uuid() }),
          answer: { status: 204 },
        },
        async ({ tenant, params, act }) => {
          await links.withdrawInvitation(tenant?.id ?? null, params.id, act)
          return {}
        },
      ),
    ]),
    route(
      {
        method: 'post',
        path: '/invitations/look',
        summary: 'What a link invites to',
        access: 'public',
        body: z.strictObject({ token: linkTokenField }),
        answer: {
          status: 200,
          schema: z
            .object({
              tenant: z.string().nullable().meta({ description: 'null: to be an operator' }),
              role: fields.role,
              email: z.string(),
              hasAccount: z.boolean().meta({ description: 'Then its owner signs in first, and needs no password' }),
            })
            .meta({ id: 'InvitationLooked' }),
        },
        problems: ['link-spent'],
      },
      async ({ body: { token } }) => {
        const { invitation, tenant, hasAccount } = await accounts.invitation(token)
        const { role, email } = invitation
        return { body: { tenant: tenant?.name ?? null, role, email, hasAccount } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/invitations/accept',
        summary: 'Accept an invitation: as who you are signed in, or by a new account with this password',
        access: 'public',
        isOwn: true,
        body: z.strictObject({ token: linkTokenField, password: passwordField.optional() }),
        answer: {
          status: 201,
          schema: z
            .object({
              email: z.string(),
              session: z.union([openedSession, z.null()]).meta({ description: 'null: sign in, or go on as you were' }),
            })
            .meta({ id: 'InvitationAccepted' }),
          setsSession: true,
        },
        problems: [
          'link-spent',
          'password-refused',
          'forbidden',
          'already-exists',
          'not-found',
          'sign-in-refused',
          'tenant-suspended',
        ],
      },
      async ({ body: { token, password }, principal, session: former, visitor, act }) => {
        const userId = principal?.userId ?? null
        const { email } = await accounts.accept(token, { password, userId }, act)
        if (password === undefined || userId !== null) return { body: { email, session: null } }
        const opened = await signIn.withPassword({ email, password }, visitor).catch((err: unknown) => {
          // The account is made: whoever has to wait until they may sign in has that much
          if (err instanceof ProblemError && err.code === 'too-many-requests') return null
          throw err
        })
        if (opened && former) await signIn.close(former)
        return { body: { email, session: opened && toOpenedSession(opened) }, ...(opened && { session: opened }) }
      },
    ),
  ]
}

function toResource({ id, email, role, createdBy, createdAt, expiresAt }: Invitation): z.input<typeof resource> {
  return { id, email, role, createdBy, createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() }
}
