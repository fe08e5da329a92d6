import { expect, test } from 'vitest'
import type { Authority } from '../../src/acme/authority.ts'
import type { AcmeSession } from '../../src/acme/session.ts'
import { sessions } from '../../src/acme/sessions.ts'
import { stoppedClock } from '../support/stopped-clock.ts'

test('a session is kept for an hour, and opened anew with the key of then where the authority was changed', async () => {
  const clock = stoppedClock('2026-11-23T12:00:00Z')
  const opened: string[] = []
  let key = 'first key'
  const sessionOf = sessions({
    open: (_, accountKey) => (opened.push(Buffer.from(accountKey).toString()), {} as AcmeSession),
    authorities: { accountKey: async () => Buffer.from(key) },
    clock,
  })
  const authority = { id: 'a', revision: 1 } as Authority
  expect(await sessionOf(authority)).toBe(await sessionOf(authority))
  key = 'second key'
  await sessionOf({ ...authority, revision: 2 })
  await sessionOf({ ...authority, id: 'b' })
  expect(opened).toEqual(['first key', 'second key', 'second key'])
  clock.advance(3_600_000)
  await sessionOf({ ...authority, revision: 2 })
  expect(opened).toHaveLength(4)
})
