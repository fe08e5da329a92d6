import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { ProblemError } from '../../problem.ts'
import type { User } from '../../tenant/user.ts'
import type { AdminDeps } from '../deps.ts'
import { flag } from '../input.ts'
import { listPage, pageOf, pageQuery } from './paging.ts'
import { BY_EMAIL, emailField, issuedLink, passwordField, toIssuedLink } from './people.ts'
import { authorize, route, type Route } from './route.ts'

const resource = z
  .object({
    id: z.uuid(),
    email: z.string(),
    isOperator: z.boolean(),
    hasPassword: z.boolean(),
    hasTotp: z.boolean(),
    passkeys: z.int().meta({ description: 'How many' }),
    lastSignInAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'User' })

const one = z.strictObject({ id: z.uuid() })
const makeOperator = { access: 'operator', scope: 'members:write', isGrave: true } as const

/** All accounts, by the operator. */
export function userRoutes({ users, accounts, sessions }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/users',
        summary: 'The accounts, by e-mail address',
        access: 'operator',
        scope: 'members:read',
        query: z.strictObject({ ...pageQuery, isOperator: flag.optional() }),
        answer: { status: 200, schema: pageOf(resource) },
      },
      async ({ query: { search, isOperator, ...page }, url }) => {
        const { items, next } = await listPage(url, { ...page, sort: 'email' }, BY_EMAIL, ({ limit, after }) =>
          users.list({
            limit,
            ...(after !== undefined && { after }),
            ...(search && { search }),
            ...(isOperator !== undefined && { isOperator }),
          }),
        )
        return { body: { items: items.map(toResource), next } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/users',
        summary: 'Make an account; without a password, its owner chooses one by the link',
        access: 'operator',
        scope: 'members:write',
        body: z.strictObject({
          email: emailField,
          isOperator: z.boolean().default(false).meta({ description: 'true: as grave as a later change to it' }),
          password: passwordField.optional(),
        }),
        answer: {
          status: 201,
          schema: z.object({ user: resource, passwordLink: z.union([issuedLink, z.null()]) }).meta({ id: 'NewUser' }),
          hasEtag: true,
        },
        problems: ['already-exists', 'password-refused', 'fresh-sign-in-required'],
      },
      async ({ body, principal, act }) => {
        if (body.isOperator) authorize(makeOperator, principal, null, act.at, { isChange: true })
        const { user, link } = await accounts.create(principal, body, act)
        return {
          body: { user: toResource(user), passwordLink: link && toIssuedLink(link) },
          location: `/api/v1/users/${user.id}`,
          etag: entityTag(user),
        }
      },
    ),
    route(
      {
        method: 'get',
        path: '/users/{id}',
        summary: 'One account',
        access: 'operator',
        scope: 'members:read',
        params: one,
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async ({ params: { id } }) => tagged(await find(id)),
    ),
    route(
      {
        method: 'put',
        path: '/users/{id}',
        summary: 'Make somebody an operator, or no longer; ends their other sessions',
        ...makeOperator,
        params: one,
        body: z.strictObject({ isOperator: z.boolean() }),
        answer: { status: 200, schema: resource, hasEtag: true },
        problems: ['last-owner'],
      },
      async ({ params: { id }, body: { isOperator }, act, session }) => {
        const { operatorSince } = await find(id)
        const user = await users.setOperator(id, isOperator, act)
        if (isOperator !== (operatorSince !== null)) await sessions.closeAll(id, act, session?.id)
        return tagged(user)
      },
    ),
    route(
      {
        method: 'delete',
        path: '/users/{id}',
        summary: 'Remove an account, with its memberships',
        access: 'operator',
        scope: 'members:write',
        isGrave: true,
        params: one,
        answer: { status: 204 },
        problems: ['last-owner'],
      },
      async ({ params: { id }, act }) => {
        await users.remove(id, act)
        return {}
      },
    ),
    route(
      {
        method: 'put',
        path: '/users/{id}/email',
        summary: 'Give an account another e-mail address to sign in with; ends its sessions',
        access: 'operator',
        scope: 'members:write',
        isGrave: true,
        params: one,
        body: z.strictObject({ email: emailField }),
        answer: { status: 200, schema: resource, hasEtag: true },
        problems: ['already-exists'],
      },
      async ({ params: { id }, body: { email }, principal, session, act }) => {
        const own = id === principal.userId ? { sessionId: session?.id } : {}
        return tagged(await accounts.changeEmail(id, { email, by: 'operator', ...own }, act))
      },
    ),
    route(
      {
        method: 'post',
        path: '/users/{id}/password-link',
        summary: 'A link by which somebody chooses a new password; other factors stay',
        access: 'operator',
        scope: 'members:write',
        isGrave: true,
        params: one,
        body: z.strictObject({}),
        answer: { status: 201, schema: issuedLink },
      },
      async ({ params: { id }, principal, act }) => ({
        body: toIssuedLink(await accounts.issuePasswordLink(principal, id, act)),
      }),
    ),
    route(
      {
        method: 'delete',
        path: '/users/{id}/second-factors',
        summary: 'Remove the authenticator app, recovery codes and passkeys of somebody who has lost them',
        access: 'operator',
        scope: 'members:write',
        isGrave: true,
        hasNoEtag: true,
        params: one,
        answer: { status: 204 },
      },
      async ({ params: { id }, act }) => {
        await accounts.removeFactors(id, act)
        return {}
      },
    ),
  ]

  async function find(id: string): Promise<User> {
    const user = await users.find(id)
    if (!user) throw new ProblemError('not-found', `there is no user ${id}`)
    return user
  }
}

function tagged(user: User) {
  return { body: toResource(user), etag: entityTag(user) }
}

function toResource(user: User): z.input<typeof resource> {
  const { id, email, operatorSince, hasPassword, hasTotp, passkeys, lastSignInAt, createdAt } = user
  return {
    id,
    email,
    isOperator: operatorSince !== null,
    hasPassword,
    hasTotp,
    passkeys,
    lastSignInAt: lastSignInAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  }
}
