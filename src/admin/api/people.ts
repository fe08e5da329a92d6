import { z } from 'zod'
import { ProblemError } from '../../problem.ts'
import type { IssuedLink } from '../../tenant/accounts.ts'
import { ROLES } from '../../tenant/member.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Session } from '../../tenant/session.ts'
import type { OpenedSession } from '../../tenant/sign-in.ts'
import { line } from '../input.ts'
import type { Place } from './paging.ts'

export const emailField = line(300).trim().min(1).meta({ example: 'alice@example.org' })
export const roleField = z.enum(ROLES)
/** Longer than any that is accepted: by which rule one is refused is said where it is looked at. */
export const passwordField = z.string().min(1).max(2000)
export const codeField = line(40).min(1).meta({ description: 'Of the authenticator app, or a recovery code' })
export const linkTokenField = line(200).min(1).meta({ description: 'The `token` in the address of the link' })
export const labelField = line(100).trim().min(1)

export const BY_EMAIL: Place<{ email: string }, string> = { of: ({ email }) => email, schema: line(300).min(1) }

const SHOWN_ONCE = 'It is shown in this answer and never again'

export const issuedLink = z
  .object({ url: z.string(), expiresAt: z.iso.datetime() })
  .meta({ id: 'IssuedLink', description: `A one-time link. ${SHOWN_ONCE}: whoever has it can use it` })
export const recoveryCodes = z
  .object({ recoveryCodes: z.array(z.string()).meta({ description: `Each is taken once. ${SHOWN_ONCE}` }) })
  .meta({ id: 'RecoveryCodes' })
export const secretField = z.string().meta({ description: SHOWN_ONCE })

export const openedSession = z
  .object({
    stage: z.enum(['complete', 'second-factor']).meta({ description: 'second-factor: it opens nothing before that' }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: 'OpenedSession', description: 'The session itself is a cookie' })

export function toOpenedSession({ session: { stage, expiresAt } }: OpenedSession): z.input<typeof openedSession> {
  return { stage, expiresAt: expiresAt.toISOString() }
}

export function toIssuedLink({ url, expiresAt }: IssuedLink): z.input<typeof issuedLink> {
  return { url, expiresAt: expiresAt.toISOString() }
}

/** Of a route that no API token may use. */
export function sessionOf({ session }: { session: Session | null }): Session {
  if (!session) throw new Error('an API token got to where only people may be')
  return session
}

/** @throws ProblemError not-found: the operator of the machine, who came by a link of the command line, has no account */
export function accountOf({ userId }: Principal): string {
  if (userId !== null) return userId
  throw new ProblemError(
    'not-found',
    'the operator of the machine has no account; make one by "waypost user create", and sign in with it',
  )
}
