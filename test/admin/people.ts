import { Secret } from 'otpauth'
import { expect } from 'vitest'
import { totpAt } from '../tenant/house.ts'
import { ORIGIN, type AdminServer, type Answer } from './admin-server.ts'

export const PASSWORD = 'four unrelated paper lanterns'

/** The cookie that an answer sets, as a browser sends it back. */
export function cookieOf(answer: Answer): string {
  return (answer.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')
}

/** What the authenticator app shows for a secret in base32. */
export function codeOf(secret: string, at: Date): string {
  return totpAt(Secret.fromBase32(secret).bytes, at)
}

/** The token in a one-time link, which is all that a program needs of it. */
export function tokenIn(link: unknown): string {
  return new URL((link as { url: string }).url).searchParams.get('token') ?? ''
}

/** Browsers of people who sign in by the API. */
export function people(server: () => AdminServer) {
  const ask = (method: string, path: string, body?: unknown, cookie?: string) =>
    server().ask(`/api/v1${path}`, {
      method,
      headers: {
        origin: ORIGIN,
        'content-type': body === undefined ? undefined : 'application/json',
        cookie,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const post = (path: string, body: unknown, cookie?: string) => ask('POST', path, body, cookie)

  return {
    ask,
    post,
    get: (path: string, cookie?: string) => ask('GET', path, undefined, cookie),

    /** By the operator of the machine, who has to have signed in. @returns the user's id */
    async account(email: string, isOperator = false): Promise<string> {
      const made = await server().api('POST', '/users', { email, isOperator, password: PASSWORD })
      expect([made.status, made.text]).toEqual([201, expect.anything()])
      return (made.json().user as { id: string }).id
    },

    /** @returns the cookie */
    async signedIn(email: string, password = PASSWORD): Promise<string> {
      const answer = await post('/session', { email, password })
      expect([email, answer.status]).toEqual([email, 201])
      return cookieOf(answer)
    },
  }
}
