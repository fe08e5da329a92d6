import { z } from 'zod'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { emailField, linkTokenField, passwordField } from './people.ts'
import { route, type Route } from './route.ts'

/** What strangers may do to come to an account, or back to it. */
export function registrationRoutes({ accounts }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'post',
        path: '/registrations',
        summary: 'Register a tenant of your own, where the operator allows it; its name gets a random ending',
        access: 'public',
        body: z.strictObject({ tenant: tenantNameField, email: emailField, password: passwordField }),
        answer: { status: 201, schema: z.object({ message: z.string() }).meta({ id: 'Registered' }) },
        problems: ['registration-closed', 'password-refused', 'already-exists'],
      },
      async ({ body, act }) => {
        await accounts.register(body, act)
        return { body: { message: 'sign in now; where that is refused, the e-mail address had an account before' } }
      },
    ),
    route(
      {
        method: 'post',
        path: '/password-links/use',
        summary: 'Choose a new password by a link; ends all sessions of the account',
        access: 'public',
        body: z.strictObject({ token: linkTokenField, password: passwordField }),
        answer: { status: 204 },
        problems: ['link-spent', 'password-refused'],
      },
      async ({ body: { token, password }, act }) => {
        await accounts.usePasswordLink(token, password, act)
        return {}
      },
    ),
  ]
}
