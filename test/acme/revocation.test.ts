import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { deactivationJob } from '../../src/acme/deactivation.ts'
import { AUTHORIZATION_DEACTIVATION } from '../../src/acme/order.ts'
import { CERTIFICATE_REVOCATION, revocations } from '../../src/acme/revocation.ts'
import type { JobKind } from '../../src/work/runner.ts'
import { aChain } from '../storage/rows.ts'
import { HOUR_MS, issuerRig, MINUTE_MS, type IssuerRig } from './issuer-rig.ts'
import { problem } from './scripted-authority.ts'

const limited = problem('rateLimited', { status: 429, retryAfterMs: HOUR_MS })

let rig: IssuerRig
beforeEach(async () => void (rig = await issuerRig({ authorities: ['first', 'second'] })))
afterEach(() => rig.storage.close())

const job = (kind: string, payload: object): Parameters<JobKind>[0] => ({
  ...{ id: 'j', kind, key: 'k', runAt: rig.clock.now(), attempts: 1, fence: 1, payload },
})

describe('a certificate that is to be revoked', () => {
  let inUse = true
  let replaced = 0
  beforeEach(() => {
    inUse = true
    replaced = 0
  })
  const revoker = () =>
    revocations({
      ...{ ...rig.storage, clock: rig.clock, sessionOf: rig.deps.sessionOf },
      isInUse: async () => inUse,
      replace: async () => void replaced++,
    })
  const found = async () => (await rig.storage.lineages.find(null, rig.front().id))!
  const asked = (id: string) => ({ tenantId: null, lineageId: rig.front().id, certificateId: id, reason: 'superseded' })

  test('is replaced first where anybody is shown it, and revoked at once where nobody is', async () => {
    const { id } = await rig.activated()
    expect(await revoker().revoke(await found(), id, 'superseded', rig.act())).toBe('after its successor')
    expect([replaced, rig.authority.count('revoke')]).toEqual([1, 0])
    inUse = false
    expect(await revoker().revoke(await found(), id, 'superseded', rig.act())).toBe('revoked')
    expect([replaced, rig.authority.count('revoke')]).toEqual([1, 1])
  })

  test.each([
    ['key-compromise', false],
    ['superseded', true],
  ] as const)('for %s, and is published still after another is active: stays so: %s', async (reason, isKept) => {
    const { id, notAfter } = await rig.activated()
    const successor = { chain: aChain(), privateKey: Buffer.from('key') }
    const { id: newer } = await rig.storage.lineages.stage(null, rig.front().id, successor, rig.act())
    await rig.storage.lineages.activate(null, newer, notAfter, rig.act())
    expect(await revoker().revoke(await found(), id, reason, rig.act())).toBe('revoked')
    expect((await found()).certificates.some((one) => one.id === id)).toBe(isKept)
  })

  test('fails as a job where the authority cannot do it now, with the time to come again', async () => {
    const { id } = await rig.activated()
    inUse = false
    rig.authority.fail('revoke', limited)
    const run = () => revoker().job(job(CERTIFICATE_REVOCATION, asked(id)))
    await expect(run()).rejects.toMatchObject({ code: 'authority-refused', retryAfterMs: HOUR_MS })
    expect(await run()).toBeUndefined()
    expect(rig.authority.count('revoke')).toBe(2)
  })
})

describe('authorizations for a name that was lost', () => {
  const names = ['a.example.com', 'b.example.com', 'c.example.com']
  const deactivate = (authorizations: { authorityId: string; url: string }[]) => {
    const left = new Set(authorizations)
    const orders = {
      authorizations: async () => [...left],
      noteDeactivated: async (url: string) => void left.forEach((one) => one.url === url && left.delete(one)),
    }
    const { clock, storage, deps } = rig
    const { sessionOf, finishKeyChange } = deps
    const run = deactivationJob({ orders, authorities: storage.authorities, sessionOf, finishKeyChange, clock })
    return { left, run: () => run(job(AUTHORIZATION_DEACTIVATION, { tenantId: 't', name: names[0] })) }
  }
  async function authorizations() {
    const ids = (await rig.storage.authorities.list()).map(({ id }) => id)
    await Promise.all(
      rig.authorities.map(({ session }) => session.newOrder({ identifiers: names, profile: null, replaces: null })),
    )
    return rig.authorities.flatMap((one, n) => one.authorizations().map(({ url }) => ({ authorityId: ids[n]!, url })))
  }
  const counts = () => rig.authorities.map(({ count }) => count('deactivateAuthorization'))

  test('where the authority cannot do it now, it is asked for no other, and the job fails with the time to come again', async () => {
    const { run, left } = deactivate(await authorizations())
    rig.authority.fail('deactivateAuthorization', limited, { times: 9 })
    await expect(run()).rejects.toMatchObject({ retryAfterMs: HOUR_MS })
    expect(counts()).toEqual([1, 3])
    rig.authority.mend()
    expect(await run()).toBeUndefined()
    expect(counts()).toEqual([4, 3])
    expect(left.size).toBe(0)
  })

  test('where the authority is paused, nothing is asked before that is over', async () => {
    const { run } = deactivate(await authorizations())
    const [first] = await rig.storage.authorities.list()
    const until = new Date(rig.clock.now().getTime() + 5 * MINUTE_MS)
    await rig.storage.authorities.pause(first!.id, until, 'busy', rig.act())
    expect(await run()).toEqual({ runAgainAt: until })
    expect(counts()).toEqual([0, 3])
  })

  test('where the authority refuses there is none to forget', async () => {
    const { run } = deactivate(await authorizations())
    rig.authority.fail('deactivateAuthorization', problem('malformed', { status: 404 }), { times: 9 })
    expect(await run()).toBeUndefined()
    expect(counts()).toEqual([3, 3])
  })

  test('where it refuses because the key of the account was changed meanwhile, it is asked again with the new one', async () => {
    const [first] = await rig.storage.authorities.list()
    rig.deps.finishKeyChange = async ({ id }, act) => {
      const key = await rig.storage.authorities.preparedAccountKey(id)
      if (key) await rig.storage.authorities.replaceAccountKey(id, key, act)
      return key !== null
    }
    const { run, left } = deactivate(await authorizations())
    await rig.storage.authorities.prepareAccountKey(first!.id, Buffer.from('next'))
    rig.authority.fail('deactivateAuthorization', problem('malformed', { status: 400 }))
    await expect(run()).rejects.toMatchObject({ code: 'authority-refused' })
    expect(left.size).toBe(3)
    expect(await run()).toBeUndefined()
    expect(left.size).toBe(0)
  })

  test('what takes too long goes on in the next run, but not at once where the authority has failed', async () => {
    const { run } = deactivate(await authorizations())
    rig.authority.script.before = async () => rig.clock.advance(21_000)
    expect(await run()).toEqual({ runAgainAt: rig.clock.now() })
    expect(counts()).toEqual([1, 0])
    rig.authority.fail('deactivateAuthorization', limited)
    await expect(run()).rejects.toMatchObject({ retryAfterMs: HOUR_MS })
  })
})
