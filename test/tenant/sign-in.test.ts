import { beforeEach, describe, expect, test } from 'vitest'
import { argon2Hashes } from '../../src/tenant/password-hash.ts'
import { SECOND_FACTOR_WITHIN_MS, SESSION_LIFE_MS } from '../../src/tenant/session.ts'
import { issueSignInLink } from '../../src/tenant/sign-in.ts'
import type { User } from '../../src/tenant/user.ts'
import type { Visitor } from '../../src/tenant/visitor.ts'
import { authenticator, type Authenticator } from './authenticator.ts'
import { CHEAP, HOME, house, MACHINE, ORIGIN, PASSWORD, refusal, tokenOf, totpAt, type House } from './house.ts'
import { randomBytes } from 'node:crypto'

const EMAIL = 'alice@example.org'
const WRONG = 'eight green umbrellas'
const STRANGER: Visitor = { address: '198.51.100.66', device: 'curl' }

let home: House
let alice: User

beforeEach(async () => {
  home = await house()
  alice = await home.person(EMAIL)
})

const withPassword = (password = PASSWORD, email = EMAIL, visitor = HOME) =>
  home.signIn.withPassword({ email, password }, visitor)

/** With an authenticator app. @returns what it shows, and the recovery codes */
async function withApp(): Promise<{ code: () => Promise<string>; codes: string[] }> {
  await home.accounts.beginTotp(alice.id, home.act())
  const code = async () => {
    const { totp } = (await home.storage.users.credentials(alice.id))!
    return totpAt(totp!.secret, home.clock.now())
  }
  const codes = await home.accounts.confirmTotp(alice.id, { code: await code(), sessionId: '' }, home.act())
  home.clock.advance(30_000) // the code that confirmed it is used up
  return { code, codes }
}

async function withKey(): Promise<Authenticator> {
  const device = authenticator()
  const response = device.create(await home.ceremonies.creation(alice))
  await home.ceremonies.register(alice, 'key ring', response, home.act())
  return device
}

/** A code that is wrong now. */
const otherThan = (code: string) => (code === '000000' ? '000001' : '000000')

describe('with a password', () => {
  test('opens a session for a week, by a token that is stored nowhere', async () => {
    const { token, session } = await withPassword()
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(session).toMatchObject({
      userId: alice.id,
      stage: 'complete',
      name: 'Firefox on Linux',
      address: '192.0.2.1',
      authenticatedAt: home.clock.now(),
      expiresAt: new Date(home.clock.now().getTime() + SESSION_LIFE_MS),
    })
    expect(await home.signIn.find(token)).toEqual(session)
    expect(await home.storage.users.find(alice.id)).toMatchObject({ lastSignInAt: home.clock.now() })
    expect((await withPassword()).token).not.toBe(token)
  })

  test('takes the address and the password as people type them', async () => {
    expect((await withPassword(PASSWORD, '  Alice@EXAMPLE.org ')).session.userId).toBe(alice.id)
    const { user } = await home.accounts.create(
      MACHINE,
      { email: 'jörg@example.org', isOperator: false, password: 'grüne Äpfel im Mai' },
      home.act(),
    )
    const { session } = await withPassword('gru\u0308ne A\u0308pfel im Mai', 'jo\u0308rg@example.org')
    expect(session.userId).toBe(user.id)
  })

  test('T30: is refused alike, whoever it is', async () => {
    await home.accounts.create(MACHINE, { email: 'no-password@example.org', isOperator: false }, home.act())
    const attempts: [string, string][] = [
      [EMAIL, WRONG],
      ['nobody@example.org', PASSWORD],
      ['no-password@example.org', ''],
      ['no-password@example.org', PASSWORD],
      ['no address', PASSWORD],
      ['x'.repeat(100_000), PASSWORD],
      [EMAIL, ''],
      [EMAIL, 'x'.repeat(100_000)],
    ]
    const refusals = await Promise.all(
      attempts.map(([email, password]) => withPassword(password, email, STRANGER).catch((refusal: Error) => refusal)),
    )
    expect(new Set(refusals.map((refusal) => JSON.stringify([refusal, (refusal as Error).message]))).size).toBe(1)
    expect(refusals[0]).toMatchObject(refusal('sign-in-refused'))
  })

  test('opens nothing by the former one where it is reset while it is looked at', async () => {
    const hashes = argon2Hashes(CHEAP)
    let meanwhile = async () => {}
    const verify: typeof hashes.verify = async (phc, password) => {
      const isRight = await hashes.verify(phc, password)
      await meanwhile()
      return isRight
    }
    const slow = await house({ passwordHashes: { ...hashes, verify } })
    const { id, email } = await slow.person(EMAIL)
    const link = await slow.accounts.issuePasswordLink(MACHINE, id, slow.act())
    meanwhile = async () => {
      meanwhile = async () => {}
      await slow.accounts.usePasswordLink(tokenOf(link), 'four purple bicycles', slow.act())
    }
    await expect(slow.signIn.withPassword({ email, password: PASSWORD }, HOME)).rejects.toMatchObject(
      refusal('sign-in-refused'),
    )
    expect(await slow.storage.sessions.list(id, slow.clock.now())).toEqual([])
    await slow.signIn.withPassword({ email, password: 'four purple bicycles' }, HOME)
  })

  test('is taken from several at once also where it is hashed anew', async () => {
    const former = await argon2Hashes({ ...CHEAP, timeCost: 3 }).hash(PASSWORD)
    await home.storage.users.setPassword(alice.id, former, home.act())
    await Promise.all([withPassword(), withPassword(), withPassword()])
  })

  test('hashes it anew where it was hashed with other parameters', async () => {
    const former = await argon2Hashes({ ...CHEAP, timeCost: 3 }).hash(PASSWORD)
    await home.storage.users.setPassword(alice.id, former, home.act())
    await withPassword()
    const { passwordHash } = (await home.storage.users.credentials(alice.id))!
    expect(passwordHash).toMatch(/t=1/)
    expect(await argon2Hashes(CHEAP).verify(passwordHash, PASSWORD)).toBe(true)
  })
})

describe('T30: guessing', () => {
  const MINUTES_MS = 15 * 60_000

  test('is limited, by the same answers for an account that does not exist', async () => {
    const answers = async (email: string, address: string) => {
      const list: unknown[] = []
      for (let i = 0; i < 20; i++)
        list.push(
          await withPassword(WRONG, email, { address, device: 'curl' }).catch((refusal: Error) => [
            refusal.message,
            refusal,
          ]),
        )
      return list
    }
    const known = await answers(EMAIL, '198.51.100.1')
    expect(await answers('nobody@example.org', '198.51.100.2')).toEqual(known)
    expect(known[4]).toMatchObject([/wrong/, refusal('sign-in-refused')])
    expect(known[5]).toMatchObject([/try again in 1 s/, refusal('too-many-requests', { retryAfterMs: 1000 })])
  })

  test('is not looked at before the wait is over, not even the right password', async () => {
    for (let i = 0; i < 5; i++) await expect(withPassword(WRONG, EMAIL, STRANGER)).rejects.toMatchObject({})
    await expect(withPassword(PASSWORD, EMAIL, STRANGER)).rejects.toMatchObject(refusal('too-many-requests'))
    home.clock.advance(1000)
    await withPassword(PASSWORD, EMAIL, STRANGER)
  })

  test('S31: of 200 wrong passwords few are looked at, and the owner comes in from another address', async () => {
    let refused = 0
    for (let i = 0; i < 200; i++) {
      await withPassword(WRONG, EMAIL, STRANGER).catch(({ code }: { code: string }) => {
        refused += code === 'sign-in-refused' ? 1 : 0
      })
      home.clock.advance(300) // a minute in all
    }
    expect(refused).toBe(10) // five, and after 1, 2, 4, 8 and 16 s
    await withPassword()
  })

  test('at one account after another is limited for the address, which exist or not', async () => {
    for (let i = 0; i < 20; i++)
      await expect(withPassword(WRONG, `person-${i}@example.org`, STRANGER)).rejects.toMatchObject(
        refusal('sign-in-refused'),
      )
    for (const email of [EMAIL, 'nobody@example.org'])
      await expect(withPassword(PASSWORD, email, STRANGER)).rejects.toMatchObject(refusal('too-many-requests'))
    await withPassword()
  })

  test('from 300 addresses keeps the owner out at no time', async () => {
    for (let i = 0; i < 300; i++)
      await withPassword(WRONG, EMAIL, { address: `2001:db8:${i.toString(16)}::1`, device: 'curl' }).catch(() => {})
    await withPassword()
    await expect(withPassword(WRONG)).rejects.toMatchObject(refusal('sign-in-refused'))
  })

  test('at 102 accounts at once from one address is looked at twenty times', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 102 }, (_, i) =>
        withPassword(WRONG, `person-${i}@example.org`, STRANGER).catch(({ code }: { code: string }) => code),
      ),
    )
    expect(outcomes.filter((code) => code === 'sign-in-refused')).toHaveLength(20)
    expect(outcomes.filter((code) => code === 'too-many-requests')).toHaveLength(82)
  })

  test('does not stand in the way of a passkey', async () => {
    const device = await withKey()
    for (let i = 0; i < 30; i++) await withPassword(WRONG, EMAIL, HOME).catch(() => {})
    await expect(withPassword()).rejects.toMatchObject(refusal('too-many-requests'))
    await home.signIn.withPasskey(device.get(await home.signIn.passkeyRequest(null)), HOME)
  })

  test('by whoever has stolen a session is limited when it confirms', async () => {
    const { session } = await withPassword()
    for (let i = 0; i < 5; i++)
      await expect(home.signIn.confirm(session, { password: WRONG }, STRANGER)).rejects.toMatchObject(
        refusal('sign-in-refused'),
      )
    await expect(home.signIn.confirm(session, { password: PASSWORD }, STRANGER)).rejects.toMatchObject(
      refusal('too-many-requests'),
    )
  })

  test('codes ends the session after five wrong ones', async () => {
    const { code } = await withApp()
    const { token } = await withPassword()
    const wrong = otherThan(await code())
    for (let i = 0; i < 5; i++)
      await expect(home.signIn.withCode(token, wrong, STRANGER)).rejects.toMatchObject(refusal('sign-in-refused'))
    home.clock.advance(MINUTES_MS / 2) // beyond any wait that has grown so far; the session would still be open
    expect(await home.signIn.find(token)).toBeUndefined()
    await expect(home.signIn.withCode(token, await code(), HOME)).rejects.toMatchObject(refusal('sign-in-refused'))
  })

  test('codes with the password known slows down, and a recovery code still opens', async () => {
    const { code, codes } = await withApp()
    for (let i = 0; i < 5; i++) {
      const { token } = await withPassword(PASSWORD, EMAIL, STRANGER)
      await home.signIn.withCode(token, otherThan(await code()), STRANGER).catch(() => {})
    }
    const { token } = await withPassword()
    await expect(home.signIn.withCode(token, await code(), HOME)).rejects.toMatchObject(
      refusal('too-many-requests', { retryAfterMs: 1000 }),
    )
    await home.signIn.withCode(token, codes[0]!, HOME)
  })
})

describe('the second factor', () => {
  test('is asked for where there is an app: the password opens ten minutes for the code, and nothing else', async () => {
    const { code } = await withApp()
    const pending = await withPassword()
    expect(pending.session).toMatchObject({
      stage: 'second-factor',
      expiresAt: new Date(home.clock.now().getTime() + SECOND_FACTOR_WITHIN_MS),
    })
    expect((await home.storage.users.find(alice.id))!.lastSignInAt).toBeNull()
    await expect(home.signIn.confirm(pending.session, { password: PASSWORD, code: await code() }, HOME))
      .rejects // prettier
      .toMatchObject(refusal('sign-in-refused'))

    const { token, session } = await home.signIn.withCode(pending.token, await code(), HOME)
    expect(session).toMatchObject({
      stage: 'complete',
      expiresAt: new Date(home.clock.now().getTime() + SESSION_LIFE_MS),
    })
    expect(await home.signIn.find(token)).toEqual(session)
    expect((await home.storage.users.find(alice.id))!.lastSignInAt).toEqual(home.clock.now())
  })

  test('T28: gives the session another token: the one of before is worth nothing', async () => {
    const { code } = await withApp()
    const pending = await withPassword()
    const { token } = await home.signIn.withCode(pending.token, await code(), HOME)
    expect(token).not.toBe(pending.token)
    expect(await home.signIn.find(pending.token)).toBeUndefined()
  })

  test('T30: takes a code once, and none of before it', async () => {
    const { code } = await withApp()
    home.clock.advance(30_000)
    const former = await code()
    home.clock.advance(30_000)
    const present = await code()
    const attempt = async (text: string) => home.signIn.withCode((await withPassword()).token, text, HOME)
    await attempt(present)
    await expect(attempt(present)).rejects.toMatchObject(refusal('sign-in-refused'))
    await expect(attempt(former)).rejects.toMatchObject(refusal('sign-in-refused'))
  })

  test('of one code given twice at once, one is taken', async () => {
    const { code } = await withApp()
    const pending = await Promise.all([withPassword(), withPassword()])
    const text = await code()
    const outcomes = await Promise.allSettled(pending.map(({ token }) => home.signIn.withCode(token, text, HOME)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('takes each recovery code once, in any spelling', async () => {
    const { codes } = await withApp()
    const attempt = async (text: string) => home.signIn.withCode((await withPassword()).token, text, HOME)
    await attempt(codes[0]!.toUpperCase().replaceAll('-', ' '))
    await expect(attempt(codes[0]!)).rejects.toMatchObject(refusal('sign-in-refused'))
    await attempt(codes[1]!.replaceAll('-', ''))
    expect(await home.storage.users.countRecoveryCodes(alice.id)).toBe(8)
  })

  test('is a passkey where there is no app: the password alone does not suffice', async () => {
    const device = await withKey()
    const pending = await withPassword()
    expect(pending.session.stage).toBe('second-factor')
    const options = await home.signIn.passkeyRequest(alice.id)
    const { session, token } = await home.signIn.confirmWithPasskey(pending.session, device.get(options), HOME)
    expect(session).toMatchObject({ id: pending.session.id, stage: 'complete' })
    expect(await home.signIn.find(token)).toEqual(session)
    expect(await home.signIn.find(pending.token)).toBeUndefined()
    expect((await home.storage.users.find(alice.id))!.lastSignInAt).toEqual(home.clock.now())
  })

  test.each(['', 'x', '12345', 'A'.repeat(43)])('is not for the session %j', async (token) =>
    expect(home.signIn.withCode(token, '123456', HOME)).rejects.toMatchObject(refusal('sign-in-refused')),
  )

  test('is not for a session that is complete or past its time', async () => {
    const { code, codes } = await withApp()
    const complete = await home.signIn.withCode((await withPassword()).token, codes[0]!, HOME)
    await expect(home.signIn.withCode(complete.token, await code(), HOME)).rejects.toMatchObject(
      refusal('sign-in-refused'),
    )
    const pending = await withPassword()
    home.clock.advance(SECOND_FACTOR_WITHIN_MS)
    await expect(home.signIn.withCode(pending.token, await code(), HOME)).rejects.toMatchObject(
      refusal('sign-in-refused'),
    )
  })
})

describe('with a passkey', () => {
  test('is complete at once, also where there is an app', async () => {
    const device = await withKey()
    await withApp()
    const { session } = await home.signIn.withPasskey(device.get(await home.signIn.passkeyRequest(null)), HOME)
    expect(session).toMatchObject({ userId: alice.id, stage: 'complete' })
    expect((await home.storage.users.find(alice.id))!.lastSignInAt).toEqual(home.clock.now())
  })

  test('is refused where its answer does not fit', async () => {
    const device = await withKey()
    const response = device.get(await home.signIn.passkeyRequest(null), { origin: 'https://evil.example' })
    await expect(home.signIn.withPasskey(response, HOME)).rejects.toMatchObject(refusal('sign-in-refused'))
    await expect(home.signIn.withPasskey('nonsense', HOME)).rejects.toMatchObject(refusal('sign-in-refused'))
  })
})

describe('to confirm', () => {
  test('makes the session fresh under another token; it ends when it would have ended', async () => {
    const opened = await withPassword()
    home.clock.advance(3_600_000)
    const { token, session } = await home.signIn.confirm(opened.session, { password: PASSWORD }, HOME)
    expect(session).toMatchObject({
      id: opened.session.id,
      authenticatedAt: home.clock.now(),
      expiresAt: opened.session.expiresAt,
    })
    expect(await home.signIn.find(token)).toEqual(session)
    expect(await home.signIn.find(opened.token)).toBeUndefined()
  })

  test('asks for the code too where there is an app, before it looks at the password', async () => {
    const { code } = await withApp()
    const pending = await withPassword()
    const { session } = await home.signIn.withCode(pending.token, await code(), HOME)
    home.clock.advance(30_000)
    const confirm = (password: string, text?: string) => home.signIn.confirm(session, { password, code: text }, HOME)
    for (const password of [PASSWORD, WRONG])
      await expect(confirm(password)).rejects.toMatchObject(
        refusal('sign-in-refused', { message: expect.stringContaining('asks for a code') }),
      )
    await expect(confirm(WRONG, await code())).rejects.toMatchObject(refusal('sign-in-refused'))
    await expect(confirm(PASSWORD, otherThan(await code()))).rejects.toMatchObject(refusal('sign-in-refused'))
    await confirm(PASSWORD, await code())
  })

  test('takes a passkey, and no password where that is the second factor', async () => {
    const device = await withKey()
    const opened = await home.signIn.withPasskey(device.get(await home.signIn.passkeyRequest(null)), HOME)
    await expect(home.signIn.confirm(opened.session, { password: PASSWORD }, HOME)).rejects.toMatchObject(
      refusal('sign-in-refused', { message: expect.stringContaining('passkey') }),
    )
    const response = device.get(await home.signIn.passkeyRequest(alice.id))
    const { token } = await home.signIn.confirmWithPasskey(opened.session, response, HOME)
    expect(token).not.toBe(opened.token)
  })

  test("takes nobody else's passkey", async () => {
    const device = await withKey()
    await home.person('bob@example.org')
    const { session } = await withPassword(PASSWORD, 'bob@example.org')
    const response = device.get(await home.signIn.passkeyRequest(session.userId))
    await expect(home.signIn.confirmWithPasskey(session, response, HOME)).rejects.toMatchObject(
      refusal('sign-in-refused'),
    )
  })
})

describe('the operator of the machine', () => {
  const issue = () =>
    issueSignInLink(
      { links: home.storage.links, randomBytes, adminOrigin: ORIGIN },
      { ...home.act(), actor: 'cli:root' },
    )

  test('comes by a link, once and within an hour', async () => {
    const link = await issue()
    expect(link.url).toMatch(/^https:\/\/admin\.example\.net:8443\/sign-in\?token=[A-Za-z0-9_-]{43}$/)
    const { session } = await home.signIn.withLink(tokenOf(link), HOME)
    expect(session).toMatchObject({ userId: null, stage: 'complete' })
    await expect(home.signIn.withLink(tokenOf(link), HOME)).rejects.toMatchObject(refusal('link-spent'))
    const late = await issue()
    home.clock.advance(3_600_000)
    await expect(home.signIn.withLink(tokenOf(late), HOME)).rejects.toMatchObject(refusal('link-spent'))
  })

  test('comes by no link of another purpose', async () => {
    const link = await home.accounts.issuePasswordLink(MACHINE, alice.id, home.act())
    await expect(home.signIn.withLink(tokenOf(link), HOME)).rejects.toMatchObject(refusal('link-spent'))
    await expect(home.signIn.withLink('nonsense', HOME)).rejects.toMatchObject(refusal('link-spent'))
    await home.accounts.usePasswordLink(tokenOf(link), PASSWORD, home.act()) // and has not used it up
  })

  test('takes a new link to confirm', async () => {
    const { session } = await home.signIn.withLink(tokenOf(await issue()), HOME)
    const told = refusal('sign-in-refused', { message: expect.stringContaining('waypost sign-in') })
    await expect(home.signIn.confirm(session, { password: PASSWORD }, HOME)).rejects.toMatchObject(told)
    await expect(home.signIn.confirmWithPasskey(session, {}, HOME)).rejects.toMatchObject(told)
  })
})

test('a session that was closed is not found, and who closed it is written down', async () => {
  const { token, session } = await withPassword()
  await home.signIn.close(session)
  expect(await home.signIn.find(token)).toBeUndefined()
  const [event] = await home.storage.audit.list('all', { limit: 1 })
  expect(event).toMatchObject({ actor: EMAIL, action: 'session.close', subject: EMAIL })
})

test.each(['', 'x', `${'A'.repeat(43)}\n`, 'A'.repeat(44)])('%j is no session', async (token) =>
  expect(await home.signIn.find(token)).toBeUndefined(),
)
