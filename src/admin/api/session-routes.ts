import { z } from 'zod'
import type { OpenedSession } from '../../tenant/sign-in.ts'
import type { Principal } from '../../tenant/principal.ts'
import { ROLES } from '../../tenant/member.ts'
import { SCOPES } from '../../tenant/scope.ts'
import type { AdminDeps } from '../deps.ts'
import { codeField, emailField, openedSession, passwordField, sessionOf, toOpenedSession } from './people.ts'
import { route, type Route } from './route.ts'

const caller = z
  .object({
    name: z.string().meta({ description: 'As the audit trail names the caller' }),
    isOperator: z.boolean(),
    tenants: z.array(z.object({ name: z.string(), role: z.enum(ROLES) })),
    scopes: z.array(z.enum(SCOPES)).nullable().meta({ description: 'Of an API token; null: a person' }),
    authenticatedAt: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'When a person last proved to be there; null: an API token' }),
    actingAs: z.object({ tenant: z.string(), until: z.iso.datetime() }).nullable().meta({
      description: 'The tenant that an operator acts as, in the pages and here; null: they act as themselves',
    }),
  })
  .meta({ id: 'Caller' })

export const passkeyResponse = z
  .record(z.string(), z.unknown())
  .meta({ description: 'PublicKeyCredential.toJSON() of the browser' })
const passkeyOptions = z
  .looseObject({ challenge: z.string() })
  .meta({ description: 'What parseRequestOptionsFromJSON() of the browser takes' })

/** Signing in, and out. Whoever signs in gets a session under a new token; the one that the browser had is closed. */
export function sessionRoutes({ signIn, tenants }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'post',
        path: '/session',
        summary: 'Sign in with a password',
        access: 'public',
        goesOn: true,
        body: z.strictObject({ email: emailField, password: passwordField }),
        answer: { status: 201, schema: openedSession, setsSession: true },
        problems: ['sign-in-refused'],
      },
      async ({ body, visitor, pendingToken }) => {
        const opened = await signIn.withPassword(body, visitor)
        await closeFormer(pendingToken, opened)
        return begun(opened)
      },
    ),
    route(
      {
        method: 'post',
        path: '/session/code',
        summary: 'The second step of signing in, where the account has a second factor',
        access: 'public',
        goesOn: true,
        body: z.strictObject({ code: codeField }),
        answer: { status: 200, schema: openedSession, setsSession: true },
        problems: ['sign-in-refused', 'not-found'],
      },
      async ({ body: { code }, visitor, pendingToken }) =>
        begun(await signIn.withCode(pendingToken ?? '', code, visitor)),
    ),
    route(
      {
        method: 'post',
        path: '/session/passkey-options',
        summary: 'Begin to sign in with a passkey, instead of a password or as its second step',
        access: 'public',
        goesOn: true,
        body: z.strictObject({}),
        answer: { status: 200, schema: passkeyOptions },
      },
      async () => ({ body: await signIn.passkeyRequest(null) }),
    ),
    route(
      {
        method: 'post',
        path: '/session/passkey',
        summary: 'Sign in with a passkey',
        access: 'public',
        goesOn: true,
        body: z.strictObject({ response: passkeyResponse }),
        answer: { status: 200, schema: openedSession, setsSession: true },
        problems: ['sign-in-refused'],
      },
      async ({ body: { response }, visitor, pendingToken }) => {
        const opened = await signIn.withPasskey(response, visitor)
        await closeFormer(pendingToken, opened)
        return begun(opened)
      },
    ),
    route(
      {
        method: 'get',
        path: '/session',
        summary: 'Who the caller is, and what they may do',
        access: 'signed-in',
        scope: 'any',
        answer: { status: 200, schema: caller },
      },
      async ({ principal }) => ({ body: await toCaller(principal) }),
    ),
    route(
      {
        method: 'post',
        path: '/session/confirm-options',
        summary: 'Begin to confirm with a passkey that it is you',
        access: 'signed-in',
        goesOn: true,
        body: z.strictObject({}),
        answer: { status: 200, schema: passkeyOptions },
      },
      async ({ principal }) => ({ body: await signIn.passkeyRequest(principal.userId) }),
    ),
    route(
      {
        method: 'post',
        path: '/session/confirm',
        summary: 'Confirm that it is you, for what is grave; good for 15 minutes',
        access: 'signed-in',
        goesOn: true,
        body: z
          .strictObject({
            password: passwordField.optional(),
            code: codeField.optional(),
            passkey: passkeyResponse.optional(),
          })
          .refine(({ password, code, passkey }) => (passkey ? !password && !code : password), {
            error:
              'send the password, with a code where the account has a second factor, or a passkey’s response alone',
          })
          .meta({ example: { password: '…' } }),
        answer: { status: 200, schema: openedSession, setsSession: true },
        problems: ['sign-in-refused', 'not-found'],
      },
      async ({ body: { password = '', code, passkey }, visitor, ...input }) => {
        const session = sessionOf(input)
        return begun(
          passkey
            ? await signIn.confirmWithPasskey(session, passkey, visitor)
            : await signIn.confirm(session, { password, code }, visitor),
        )
      },
    ),
    route(
      {
        method: 'delete',
        path: '/session',
        summary: 'Sign out',
        access: 'signed-in',
        goesOn: true,
        hasNoEtag: true,
        answer: { status: 204, setsSession: true },
      },
      async (input) => {
        await signIn.close(sessionOf(input))
        return { session: null }
      },
    ),
  ]

  function begun(opened: OpenedSession) {
    return { body: toOpenedSession(opened), location: '/api/v1/session', session: opened }
  }

  /** Whoever knows the cookie of before is not signed in by it. */
  async function closeFormer(token: string | null, { session }: OpenedSession): Promise<void> {
    const former = token === null ? undefined : await signIn.find(token)
    if (former && former.id !== session.id) await signIn.close(former)
  }

  async function toCaller({ name, isOperator, roles, scopes, authenticatedAt, acting }: Principal) {
    const own = roles.size === 0 ? [] : await tenants.list({ limit: roles.size, among: [...roles.keys()] })
    return {
      name,
      isOperator,
      tenants: own.flatMap(({ id, name }) => {
        const role = roles.get(id)
        return role ? [{ name, role }] : []
      }),
      scopes: scopes === 'all' ? null : [...scopes],
      authenticatedAt: authenticatedAt?.toISOString() ?? null,
      actingAs: acting ? { tenant: acting.tenant.name, until: acting.until.toISOString() } : null,
    }
  }
}
