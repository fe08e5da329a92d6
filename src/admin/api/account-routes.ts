import { z } from 'zod'
import { ProblemError } from '../../problem.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Session } from '../../tenant/session.ts'
import type { Passkey, User } from '../../tenant/user.ts'
import type { AdminDeps } from '../deps.ts'
import { pageOf } from './paging.ts'
import {
  accountOf,
  codeField,
  emailField,
  labelField,
  passwordField,
  recoveryCodes,
  secretField,
  sessionOf,
} from './people.ts'
import { route, type Route } from './route.ts'
import { passkeyResponse } from './session-routes.ts'

const account = z
  .object({
    email: z.string(),
    isOperator: z.boolean(),
    hasPassword: z.boolean(),
    hasTotp: z.boolean().meta({ description: 'Codes of an authenticator app are asked for' }),
    recoveryCodesLeft: z.int(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Account' })

const passkey = z
  .object({
    id: z.string(),
    name: z.string(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Passkey' })

const session = z
  .object({
    id: z.uuid(),
    name: z.string().meta({ description: 'The device' }),
    address: z.string().nullable().meta({ description: 'That it was opened from' }),
    isCurrent: z.boolean(),
    isComplete: z.boolean().meta({ description: 'false: it waits for the second factor, and opens nothing' }),
    createdAt: z.iso.datetime(),
    seenAt: z.iso.datetime().meta({ description: 'Within 5 minutes' }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'Session' })

const creationOptions = z
  .looseObject({ challenge: z.string() })
  .meta({ description: 'What parseCreationOptionsFromJSON() of the browser takes' })

// Base64url; WebAuthn §4 allows ids of 1023 bytes
const onePasskey = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,1400}$/)
    .meta({ example: 'AQIDBAUGBwg' }),
})
const oneSession = z.strictObject({ id: z.uuid() })

/** What people do with their own account. */
export function accountRoutes(deps: AdminDeps): Route[] {
  return [...factorRoutes(deps), ...passkeyRoutes(deps), ...ownSessionRoutes(deps)]
}

function factorRoutes({ users, accounts }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/account',
        summary: 'Your own account',
        access: 'signed-in',
        isOwn: true,
        answer: { status: 200, schema: account },
        problems: ['not-found'],
      },
      async ({ principal }) => {
        const user = await ownUser(users, principal)
        return { body: toAccount(user, await users.countRecoveryCodes(user.id)) }
      },
    ),
    route(
      {
        method: 'put',
        path: '/account/email',
        summary: 'Sign in with another e-mail address from now on; ends your other sessions',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        hasNoEtag: true,
        body: z.strictObject({ email: emailField }),
        answer: { status: 204 },
        problems: ['not-found', 'already-exists'],
      },
      async ({ body: { email }, principal, act, ...input }) => {
        const given = { email, by: 'owner', sessionId: sessionOf(input).id } as const
        await accounts.changeEmail(accountOf(principal), given, act)
        return {}
      },
    ),
    route(
      {
        method: 'put',
        path: '/account/password',
        summary: 'Choose a new password; ends your other sessions',
        access: 'signed-in',
        isOwn: true,
        hasNoEtag: true,
        body: z.strictObject({ present: passwordField, password: passwordField }),
        answer: { status: 204 },
        problems: ['not-found', 'sign-in-refused', 'password-refused'],
      },
      async ({ body, principal, act, ...input }) => {
        await accounts.changePassword(accountOf(principal), { ...body, sessionId: sessionOf(input).id }, act)
        return {}
      },
    ),
    route(
      {
        method: 'post',
        path: '/account/totp',
        summary: 'Begin with an authenticator app; in force once its first code is confirmed',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        body: z.strictObject({}),
        answer: {
          status: 200,
          schema: z
            .object({ secret: secretField, uri: z.string().meta({ description: 'The same, for a QR code' }) })
            .meta({ id: 'TotpSecret' }),
        },
        problems: ['not-found', 'already-exists'],
      },
      async ({ principal, act }) => ({ body: await accounts.beginTotp(accountOf(principal), act) }),
    ),
    route(
      {
        method: 'post',
        path: '/account/totp/confirm',
        summary: 'Confirm the authenticator app by its first code; ends your other sessions',
        access: 'signed-in',
        isOwn: true,
        body: z.strictObject({ code: codeField }),
        answer: { status: 200, schema: recoveryCodes },
        problems: ['not-found', 'sign-in-refused', 'already-exists'],
      },
      async ({ body, principal, act, ...input }) => {
        const given = { ...body, sessionId: sessionOf(input).id }
        return { body: { recoveryCodes: await accounts.confirmTotp(accountOf(principal), given, act) } }
      },
    ),
    route(
      {
        method: 'delete',
        path: '/account/totp',
        summary: 'Do without the authenticator app; ends your other sessions',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        hasNoEtag: true,
        answer: { status: 204 },
        problems: ['not-found'],
      },
      async ({ principal, act, ...input }) => {
        await accounts.removeTotp(accountOf(principal), { sessionId: sessionOf(input).id }, act)
        return {}
      },
    ),
    route(
      {
        method: 'post',
        path: '/account/recovery-codes',
        summary: 'New recovery codes; those of before are spent',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        body: z.strictObject({}),
        answer: { status: 200, schema: recoveryCodes },
        problems: ['not-found'],
      },
      async ({ principal, act }) => ({
        body: { recoveryCodes: await accounts.renewRecoveryCodes(accountOf(principal), act) },
      }),
    ),
  ]
}

function passkeyRoutes({ users, passkeys, sessions, ceremonies }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/account/passkeys',
        summary: 'Your passkeys, in the order in which they were registered',
        access: 'signed-in',
        isOwn: true,
        answer: { status: 200, schema: pageOf(passkey) },
        problems: ['not-found'],
      },
      async ({ principal }) => {
        const own = await passkeys.list(accountOf(principal))
        return { body: { items: own.map(toPasskey), next: null } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/account/passkey-options',
        summary: 'Begin to register a passkey',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        body: z.strictObject({}),
        answer: { status: 200, schema: creationOptions },
        problems: ['not-found'],
      },
      async ({ principal }) => ({
        body: await ceremonies.creation(await ownUser(users, principal)),
      }),
    ),
    route(
      {
        method: 'post',
        path: '/account/passkeys',
        summary: 'Register a passkey; ends your other sessions',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        body: z.strictObject({ name: labelField, response: passkeyResponse }),
        answer: { status: 201, schema: passkey },
        problems: ['not-found', 'sign-in-refused', 'already-exists'],
      },
      async ({ body: { name, response }, principal, act, ...input }) => {
        const user = await ownUser(users, principal)
        const registered = await ceremonies.register(user, name, response, act)
        await sessions.closeAll(user.id, act, sessionOf(input).id)
        return { body: toPasskey(registered) }
      },
    ),
    route(
      {
        method: 'patch',
        path: '/account/passkeys/{id}',
        summary: 'Give a passkey another name',
        access: 'signed-in',
        isOwn: true,
        hasNoEtag: true,
        params: onePasskey,
        body: z.strictObject({ name: labelField }),
        answer: { status: 204 },
      },
      async ({ params, body, principal, act }) => {
        await passkeys.rename(accountOf(principal), params.id, body.name, act)
        return {}
      },
    ),
    route(
      {
        method: 'delete',
        path: '/account/passkeys/{id}',
        summary: 'Remove a passkey; ends your other sessions',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        hasNoEtag: true,
        params: onePasskey,
        answer: { status: 204 },
      },
      async ({ params, principal, act, ...input }) => {
        const userId = accountOf(principal)
        await passkeys.remove(userId, params.id, act)
        await sessions.closeAll(userId, act, sessionOf(input).id)
        return {}
      },
    ),
  ]
}

function ownSessionRoutes({ sessions }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/account/sessions',
        summary: 'Your sessions, the one that was seen last first',
        access: 'signed-in',
        isOwn: true,
        answer: { status: 200, schema: pageOf(session) },
      },
      async ({ principal, act, ...input }) => {
        const own = await sessions.list(principal.userId, act.at)
        const current = sessionOf(input).id
        return { body: { items: own.map((one) => toSession(one, current)), next: null } }
      },
    ),
    route(
      {
        method: 'patch',
        path: '/account/sessions/{id}',
        summary: 'Give a session another name',
        access: 'signed-in',
        isOwn: true,
        hasNoEtag: true,
        params: oneSession,
        body: z.strictObject({ name: labelField }),
        answer: { status: 204 },
      },
      async ({ params, body, principal, act }) => {
        await sessions.rename(principal.userId, params.id, body.name, act)
        return {}
      },
    ),
    route(
      {
        method: 'delete',
        path: '/account/sessions/{id}',
        summary: 'End a session of yours',
        access: 'signed-in',
        isOwn: true,
        hasNoEtag: true,
        params: oneSession,
        answer: { status: 204, setsSession: true },
      },
      async ({ params: { id }, principal, act, ...input }) => {
        await sessions.close(principal.userId, id, act)
        return id === sessionOf(input).id ? { session: null } : {}
      },
    ),
    route(
      {
        method: 'delete',
        path: '/account/sessions',
        summary: 'End all your sessions but this one',
        access: 'signed-in',
        isOwn: true,
        hasNoEtag: true,
        answer: { status: 204 },
      },
      async ({ principal: { userId }, act, ...input }) => {
        const current = sessionOf(input).id
        if (userId !== null) await sessions.closeAll(userId, act, current)
        else
          for (const { id } of await sessions.list(null, act.at))
            if (id !== current) await sessions.close(null, id, act)
        return {}
      },
    ),
  ]
}

async function ownUser(users: AdminDeps['users'], principal: Principal): Promise<User> {
  const user = await users.find(accountOf(principal))
  if (!user) throw new ProblemError('not-found', 'the account is gone')
  return user
}

function toAccount(user: User, recoveryCodesLeft: number): z.input<typeof account> {
  const { email, operatorSince, hasPassword, hasTotp, createdAt } = user
  return {
    email,
    isOperator: operatorSince !== null,
    hasPassword,
    hasTotp,
    recoveryCodesLeft,
    createdAt: createdAt.toISOString(),
  }
}

function toPasskey({ id, name, createdAt, lastUsedAt }: Passkey): z.input<typeof passkey> {
  return { id, name, createdAt: createdAt.toISOString(), lastUsedAt: lastUsedAt?.toISOString() ?? null }
}

function toSession(one: Session, current: string): z.input<typeof session> {
  const { id, name, address, stage, createdAt, seenAt, expiresAt } = one
  return {
    id,
    name,
    address,
    isCurrent: id === current,
    isComplete: stage === 'complete',
    createdAt: createdAt.toISOString(),
    seenAt: seenAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  }
}
