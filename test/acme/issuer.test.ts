import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AcmeProblem } from '../../src/acme/session.ts'
import { certId } from '../../src/acme/renewal-info.ts'
import { readLeaf } from '../../src/certificate/chain.ts'
import { domainName } from '../../src/name.ts'
import { makeCertificate } from '../support/certificates.ts'
import { HOUR_MS, issuerRig, MINUTE_MS, type IssuerRig } from './issuer-rig.ts'
import { problem, unreachable } from './scripted-authority.ts'

const DAY_MS = 24 * HOUR_MS

let rig: IssuerRig
beforeEach(async () => void (rig = await issuerRig()))
afterEach(() => rig.storage.close())

const later = (ms: number) => ({ outcome: 'later', at: new Date(rig.clock.now().getTime() + ms) })
const inMs = (at: Date) => at.getTime() - rig.clock.now().getTime()
async function again(): Promise<number> {
  const result = await rig.issue()
  if (result.outcome !== 'later') throw new Error('issued')
  return inMs(result.at)
}
const renewing = {
  termsOfService: null,
  isExternalAccountRequired: false,
  profiles: null,
  renewalInfo: 'https://x/ari',
  caaIdentities: null,
}

describe('without a fault', () => {
  test('a new lineage gets its certificate: one order, one answer, no request too many', async () => {
    expect(await rig.issue()).toEqual(later(1000))
    expect(rig.authority.calls).toEqual(['newOrder', 'authorization', 'answer'])
    rig.clock.advance(1000)
    const { chain, orderId } = await rig.issued()
    expect(rig.authority.calls.slice(3)).toEqual(['authorization', 'order', 'finalize', 'certificate'])
    expect(chain.leaf.dnsNames).toEqual(['im.example.com'])
    expect(await rig.underWay()).toMatchObject({ id: orderId, status: 'valid', newOrders: 1 })
  })

  test('the answer to a challenge is there before the authority is told, and gone when the authorization is final', async () => {
    const seen: (string | undefined)[] = []
    const host = rig.front().identifiers[0]!
    const find = () => rig.storage.challenges.find(host, 'token-2-http-01', rig.clock.now())
    rig.authority.script.before = async (method) => void (method === 'answer' && seen.push(await find()))
    await rig.issue()
    expect(seen).toEqual(['token-2-http-01.thumb'])
    await rig.issued()
    expect(await find()).toBeUndefined()
  })

  test('names that were authorized lately are not validated again', async () => {
    rig.authority.script.isReusing = true
    await rig.activated()
    await rig.use('im.example.com')
    rig.authority.calls.length = 0
    expect(await rig.issue()).toMatchObject({ outcome: 'issued' })
    expect(rig.authority.calls).toEqual(['newOrder', 'finalize', 'certificate'])
    expect(await rig.underWay()).toMatchObject({ authorizations: [{ status: 'valid', challenge: null }] })
  })

  test('of several names each is validated, and none twice', async () => {
    await rig.use('b.example.com', 'im.example.com')
    let pending = true
    rig.authority.script.validate = (identifier) => (identifier === 'b.example.com' && pending ? 'pending' : 'valid')
    await rig.issue()
    await rig.issue()
    expect(await rig.underWay()).toMatchObject({
      authorizations: [
        { identifier: 'b.example.com', status: 'pending', challenge: { isAnswered: true } },
        { identifier: 'im.example.com', status: 'valid' },
      ],
    })
    expect(rig.authority.count('answer')).toBe(2)
    // What was told in vain is told again after ten minutes
    pending = false
    rig.clock.advance(11 * MINUTE_MS)
    expect((await rig.issued()).chain.leaf.dnsNames).toEqual(['b.example.com', 'im.example.com'])
    expect(rig.authority.count('answer')).toBe(3)
  })

  test('only challenges that can be answered here are chosen', async () => {
    rig.authority.script.offered = ['dns-01', 'tls-alpn-01']
    await rig.issue()
    expect(await rig.underWay()).toMatchObject({ authorizations: [{ challenge: { type: 'tls-alpn-01' } }] })
    const [answer] = await rig.storage.challenges.findForTls(rig.front().identifiers[0]!, rig.clock.now())
    expect(answer).toBe('token-2-tls-alpn-01.thumb')
  })

  test('where the authority takes its time it is asked after 1 s, then ever later, and every 5 minutes after ten', async () => {
    rig.authority.script.validate = () => 'pending'
    const waits: number[] = []
    for (let i = 0; i < 40; i++) {
      const wait = await again()
      waits.push(wait)
      rig.clock.advance(wait)
    }
    expect(waits.slice(0, 5)).toEqual([1000, 1000, 1000, 1000, 1333])
    expect(Math.max(...waits.slice(0, 25))).toBe(30_000)
    expect(waits.at(-1)).toBe(5 * MINUTE_MS)
    expect(await rig.memory()).toBeUndefined()
  })

  test('it is asked when it says so', async () => {
    rig.authority.script.processingPolls = 1
    rig.authority.script.orderRetryAfterMs = 7000
    await rig.issue()
    rig.authority.calls.length = 0
    expect(await again()).toBe(7000)
    expect(rig.authority.calls).toEqual(['authorization', 'order', 'finalize'])
    expect(await again()).toBe(7000)
    expect(await rig.issue()).toMatchObject({ outcome: 'issued' })
  })

  test.each(['ec-p256', 'ec-p384', 'rsa-2048'] as const)('the key is of the type that is set: %s', async (keyType) => {
    await rig.storage.authorities.update('first', { keyType }, rig.act())
    const { keyType: used } = (await rig.issued()).chain.leaf
    expect(used).toBe({ 'ec-p256': 'EC P-256', 'ec-p384': 'EC P-384', 'rsa-2048': 'RSA 2048' }[keyType])
  })

  test('one call does not outlast ten seconds by more than a step', async () => {
    await rig.use(...Array.from({ length: 9 }, (_, i) => `n${i}.example.com`))
    rig.authority.script.before = async () => rig.clock.advance(3000)
    const startedAt = rig.clock.now()
    expect(await rig.issue()).toEqual(later(0))
    expect(rig.clock.now().getTime() - startedAt.getTime()).toBeLessThan(18_000)
    expect((await rig.issued()).chain.leaf.dnsNames).toHaveLength(9)
    expect(rig.authority.orders).toHaveLength(1)
  })
})

describe('an order that is under way', () => {
  test('is left where other names are wanted by now', async () => {
    await rig.issue()
    rig.rename('im.example.com', 'b.example.com')
    expect((await rig.issued()).chain.leaf.dnsNames).toEqual(['b.example.com', 'im.example.com'])
    expect(await rig.orders()).toMatchObject([{ outcome: null }, { outcome: 'abandoned' }])
  })

  test('is gone with its authority', async () => {
    await rig.issue()
    await rig.storage.authorities.remove('first', rig.act())
    expect(await rig.issue()).toEqual(later(10 * MINUTE_MS))
    expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { type: 'no-authority' } })
  })

  test('that has expired is begun anew, once', async () => {
    rig.authority.script.orderLifeMs = HOUR_MS
    rig.authority.script.validate = () => 'pending'
    await rig.issue()
    rig.clock.advance(2 * HOUR_MS)
    rig.authority.script.validate = () => 'valid'
    await rig.issued()
    expect(rig.authority.orders).toHaveLength(2)
    expect(await rig.memory()).toBeUndefined()
  })

  test('that the authority does not know any more is begun anew; when that happens twice it is a failure', async () => {
    await rig.issue()
    rig.authority.fail('authorization', problem('malformed', { status: 404 }), { times: 2 })
    expect(await again()).toBe(MINUTE_MS)
    expect(await rig.memory()).toMatchObject({ whose: 'authority', problem: { type: 'order-lost' } })
    await rig.issued()
  })

  test('that an outage made too old is begun anew at once; the next that does not come to an end is a failure', async () => {
    rig.authority.script.validate = () => 'pending'
    await rig.issue()
    rig.authority.fail('authorization', unreachable)
    await again()
    rig.clock.advance(25 * HOUR_MS)
    await rig.issue()
    expect(rig.authority.orders).toHaveLength(2)
    rig.clock.advance(25 * HOUR_MS)
    expect(await again()).toBe(10 * MINUTE_MS)
    expect(await rig.memory()).toMatchObject({ failures: 2, problem: { type: 'order-lost' } })
  })

  test('whose certificate cannot be fetched for a day is given up, and another one begun', async () => {
    await rig.issue()
    rig.authority.fail('certificate', unreachable, { times: 999 })
    for (let waited = 0; waited <= DAY_MS;) {
      const wait = await again()
      expect(await rig.underWay()).toMatchObject({ status: 'valid' })
      rig.clock.advance(wait)
      waited += wait
    }
    await again()
    expect(await rig.orders()).toMatchObject([{ outcome: 'failed', problem: { type: 'unreachable' } }])
    rig.authority.mend()
    await rig.issued()
    expect(rig.authority.orders).toHaveLength(2)
  })

  test('that cannot be looked at for a day is given up', async () => {
    rig.authority.script.processingPolls = 1
    await rig.issue()
    rig.clock.advance(1000)
    await rig.issue()
    rig.authority.fail('order', unreachable, { times: 999 })
    for (let waited = 0; waited <= DAY_MS + 2 * HOUR_MS;) {
      const wait = await again()
      rig.clock.advance(wait)
      waited += wait
    }
    expect(await rig.orders()).toMatchObject([{ outcome: 'failed' }])
  })

  test('that was valid before it expired is fetched still', async () => {
    await rig.issue()
    rig.authority.fail('finalize', unreachable, { isAfter: true })
    rig.authority.fail('order', unreachable, { times: 1 })
    rig.clock.advance(1000)
    rig.authority.script.orderLifeMs = 0
    await rig.issued()
    expect(rig.authority.orders).toHaveLength(1)
  })

  test('ten that begin at the same time begin one', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, () => rig.issue()))
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(10).fill('later'))
    expect(await rig.orders()).toHaveLength(1)
    expect(rig.authority.count('newOrder')).toBe(1)
  })
})

describe('answers that are lost', () => {
  test.each([
    ['before it was done', false],
    ['though it was done', true],
  ])('an order that was asked for %s is asked for once more', async (_, isAfter) => {
    rig.authority.fail('newOrder', unreachable, { isAfter })
    expect(await again()).toBe(MINUTE_MS)
    await rig.issued()
    expect(rig.authority.count('newOrder')).toBe(2)
    expect(await rig.orders()).toHaveLength(1)
  })

  test('and not a third time', async () => {
    rig.authority.fail('newOrder', unreachable, { times: 2 })
    await rig.issue()
    rig.clock.advance(MINUTE_MS)
    expect(await again()).toBe(10 * MINUTE_MS)
    expect(await rig.orders()).toMatchObject([{ outcome: 'failed', newOrders: 2 }])
  })

  test.each([
    ['its answer is lost', unreachable, true],
    ['it is cut off', problem('malformed-answer', { status: 200 }), true],
    ['the authority fails', problem('serverInternal', { status: 500 }), true],
    ['it is not ready after all', problem('orderNotReady'), true],
  ])('where finalizing is of uncertain outcome since %s, the order tells', async (_, what, isAfter) => {
    await rig.issue()
    rig.authority.fail('finalize', what, { isAfter })
    expect(await rig.issue()).toMatchObject({ outcome: 'issued' })
    expect(rig.authority.orders.map(({ finalized }) => finalized)).toEqual([1])
  })

  test('an order that is ready after it was finalized is finalized again, in the next round', async () => {
    await rig.issue()
    rig.authority.fail('finalize', unreachable)
    expect(await again()).toBe(1000)
    expect(await rig.issue()).toMatchObject({ outcome: 'issued' })
  })

  test('where the authority wants to be left alone, nothing more is asked', async () => {
    await rig.issue()
    const before = rig.authority.calls.length
    rig.authority.fail('finalize', problem('serverInternal', { status: 503, retryAfterMs: HOUR_MS }))
    expect(await again()).toBeGreaterThanOrEqual(HOUR_MS)
    expect(rig.authority.calls.slice(before)).toEqual(['authorization', 'order', 'finalize'])
    rig.clock.advance(HOUR_MS - 1)
    expect((await rig.issue()).outcome).toBe('later')
    expect(rig.authority.calls.slice(before)).toHaveLength(3)
  })
})

test('a challenge that the authority was told of already may be refused to be told again', async () => {
  rig.authority.script.validate = () => 'pending'
  rig.authority.fail('answer', problem('malformed', { status: 400, detail: 'authorization must be pending' }))
  expect(await again()).toBe(1000)
  expect(await rig.underWay()).toMatchObject({ authorizations: [{ challenge: { isAnswered: true } }] })
})

describe('a failed validation', () => {
  const dns = problem('dns', { detail: 'NXDOMAIN looking up A for im.example.com' })
  const fail = (what: AcmeProblem | ((identifier: string) => AcmeProblem | 'valid')) =>
    (rig.authority.script.validate = typeof what === 'function' ? what : () => what)

  test("is the owner's, and tried again after 12, 100, 1000 minutes, then daily", async () => {
    fail(dns)
    const waits: number[] = []
    for (let i = 0; i < 5; i++) {
      await rig.issue()
      rig.clock.advance(1000)
      waits.push((await again()) / MINUTE_MS)
      rig.clock.advance(waits.at(-1)! * MINUTE_MS)
    }
    expect(waits.map(Math.round)).toEqual([13, 100, 1000, 1440, 1440])
    expect(await rig.memory()).toMatchObject({ whose: 'owner', failures: 5, problem: { type: 'dns' } })
    expect(rig.failuresNoted).toEqual(Array(5).fill('im.example.com'))
    expect((await rig.orders())[0]).toMatchObject({ outcome: 'failed', problem: { type: 'dns' } })
  })

  test('makes the next attempt use the other challenge', async () => {
    fail(dns)
    const types: (string | undefined)[] = []
    for (let i = 0; i < 3; i++) {
      await rig.issue()
      types.push((await rig.underWay())?.authorizations[0]?.challenge?.type)
      rig.clock.advance(1000)
      rig.clock.advance(await again())
    }
    expect(types).toEqual(['http-01', 'tls-alpn-01', 'http-01'])
  })

  test('is not tried sooner, however often somebody asks; but when a person wants it, it is', async () => {
    fail(dns)
    await rig.issue()
    rig.clock.advance(1000)
    const wait = await again()
    const calls = rig.authority.calls.length
    for (let i = 0; i < 20; i++) await rig.issue()
    expect(rig.authority.calls).toHaveLength(calls)
    expect(await again()).toBe(wait)
    fail(() => 'valid')
    await rig.storage.issuance.forget(rig.front().id)
    await rig.issued()
  })

  test('of one of several names says which', async () => {
    await rig.use('b.example.com', 'im.example.com')
    fail((identifier) => (identifier === 'b.example.com' ? dns : 'valid'))
    await rig.issue()
    await rig.issue()
    expect(await rig.memory()).toMatchObject({
      problem: { type: 'dns', subproblems: [{ identifier: 'b.example.com', type: 'dns' }] },
    })
    expect(rig.failuresNoted).toEqual(['b.example.com'])
  })

  test('leaves no answer behind', async () => {
    fail(dns)
    await rig.issue()
    await rig.issue()
    const host = rig.front().identifiers[0]!
    expect(await rig.storage.challenges.find(host, 'token-2-http-01', rig.clock.now())).toBeUndefined()
  })

  test('is forgotten with the next certificate', async () => {
    fail(dns)
    await rig.issue()
    await rig.issue()
    fail(() => 'valid')
    await rig.issued()
    expect(await rig.memory()).toBeUndefined()
  })

  test('where no challenge that is offered can be answered, the operator has to act', async () => {
    rig.authority.script.offered = ['dns-01']
    expect(await again()).toBe(HOUR_MS)
    expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { type: 'no-challenge' } })
  })
})

describe("an authority's own failure", () => {
  test('is tried again after 1 and 10 minutes, and an outage then every 100', async () => {
    rig.authority.fail('authorization', unreachable, { times: 9 })
    await rig.issue()
    const waits: number[] = []
    for (let i = 0; i < 4; i++) {
      waits.push(await again())
      rig.clock.advance(waits.at(-1)!)
    }
    expect(waits.map((ms) => ms / MINUTE_MS)).toEqual([1, 10, 100, 100])
    expect(await rig.memory()).toMatchObject({ whose: 'authority', failuresOfAuthority: 4 })
    rig.authority.mend()
    await rig.issued()
    expect(rig.authority.orders).toHaveLength(1)
  })

  test('that concerns the account pauses the authority until Retry-After, in words; others do not ask either', async () => {
    const detail = 'too many new orders (300) from this account in the last 3h0m0s, retry after 2026-11-23 13:00:00 UTC'
    rig.authority.fail('newOrder', problem('rateLimited', { detail, status: 429, retryAfterMs: HOUR_MS }))
    expect(await again()).toBeGreaterThanOrEqual(HOUR_MS)
    const [paused] = await rig.storage.authorities.list()
    expect(inMs(paused!.pausedUntil!)).toBeGreaterThanOrEqual(HOUR_MS)
    expect(paused!.pauseReason).toContain('too many new orders')
    await rig.use('other.example.com')
    expect(await again()).toBeGreaterThanOrEqual(HOUR_MS)
    expect(rig.authority.calls).toEqual(['newOrder'])
  })

  test('that concerns the name alone lets others go on', async () => {
    const detail = 'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s'
    rig.authority.fail('newOrder', problem('rateLimited', { detail, status: 429, retryAfterMs: DAY_MS }))
    expect(await again()).toBeGreaterThanOrEqual(DAY_MS)
    await rig.use('other.example.com')
    await rig.issued()
  })

  test('that goes on for five lineages pauses it for all, for longer each time, until it works again', async () => {
    const { acmeIssuer } = await import('../../src/acme/issuer.ts')
    const issuer = acmeIssuer(rig.deps)
    rig.authority.fail('newOrder', unreachable, { times: 6 })
    const asked = () => rig.authority.count('newOrder')
    const next = async (name: string) => {
      await rig.use(name)
      const { id, identifiers } = rig.front()
      return issuer.issue({ tenantId: null, lineageId: id, identifiers, replaces: null })
    }
    for (let i = 0; i < 9; i++) await next(`n${i}.example.com`)
    expect(asked()).toBe(5)
    rig.clock.advance(5 * MINUTE_MS)
    for (let i = 0; i < 3; i++) await next(`m${i}.example.com`)
    expect(asked()).toBe(6)
    expect(inMs((await rig.storage.authorities.list())[0]!.pausedUntil!)).toBe(10 * MINUTE_MS)
    rig.clock.advance(10 * MINUTE_MS)
    for (let i = 0; i < 3; i++) await next(`o${i}.example.com`)
    expect(asked()).toBe(9)
  })

  test.each([
    ['accountDoesNotExist', 400],
    ['externalAccountRequired', 403],
    ['userActionRequired', 403],
    ['unauthorized', 403],
  ])("%s is the operator's affair: the authority is paused for an hour, and the link is kept", async (type, status) => {
    rig.authority.fail('newOrder', problem(type, { status, url: 'https://ca.example/terms' }))
    expect(await again()).toBe(HOUR_MS)
    expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { url: 'https://ca.example/terms' } })
    const [paused] = await rig.storage.authorities.list()
    expect(paused!.pauseReason).toContain('https://ca.example/terms')
  })
})

describe('a certificate that is not what was ordered', () => {
  const stranger = () => makeCertificate({ notAfter: '2027-06-01T00:00:00Z' }).then(({ pem }) => pem)
  const cases: [string, (pem: string) => string | Promise<string>, RegExp][] = [
    ['of another key', stranger, /private key/],
    ['none', () => '', /no certificate/],
    ['garbled', (pem) => pem.replace('M', 'N'), /./],
    ['cut off', (pem) => pem.slice(0, 500), /END CERTIFICATE/],
    ['without its issuer', (pem) => pem.slice(0, pem.indexOf('-----BEGIN', 5)), /without its issuer/],
    [
      'in another order',
      (pem) => pem.slice(pem.indexOf('-----BEGIN', 5)) + pem.slice(0, pem.indexOf('-----BEGIN', 5)),
      /another order/,
    ],
    ['too much', (pem) => pem.repeat(80), /64 KiB/],
  ]
  test.each(cases)('%s: is not used, and fetched again', async (_, tamper, words) => {
    rig.authority.script.tamper = tamper
    await rig.issue()
    expect(await again()).toBe(MINUTE_MS)
    expect(await rig.memory()).toMatchObject({ whose: 'authority', problem: { type: 'bad-certificate' } })
    expect((await rig.memory())!.problem.detail).toMatch(words)
    rig.authority.script.tamper = (pem) => pem
    await rig.issued()
    expect(rig.authority.orders).toHaveLength(1)
  })

  test('of another name: after three times another one is ordered', async () => {
    rig.authority.script.tamper = async () => {
      const { csrDer } = await (await import('../../src/certificate/certificate-request.ts')).createRequest([])
      return (await rig.ca.issue({ identifiers: [domainName('b.example.com')], csrDer })).chainPem
    }
    await rig.issue()
    for (let i = 0; i < 3; i++) rig.clock.advance(await again())
    expect(await rig.orders()).toMatchObject([{ outcome: 'failed' }])
    rig.authority.script.tamper = (pem) => pem
    await rig.issued()
  })
})

test('a certificate that is not valid yet, by a clock that is wrong, is the operator to mend and kept', async () => {
  await rig.issue()
  const late = { ...rig.clock, now: () => new Date(rig.clock.now().getTime() - 2 * HOUR_MS) }
  rig.authority.script.skewMs = 2 * HOUR_MS
  await rig.issue({ clock: late })
  expect(await rig.memory()).toMatchObject({ whose: 'operator', problem: { type: 'clock' } })
  await rig.issued()
  expect(rig.authority.orders).toHaveLength(1)
})

test('where the clocks differ for a day the order is given up: it would never come to an end', async () => {
  await rig.issue()
  const late = { ...rig.clock, now: () => new Date(rig.clock.now().getTime() - 2 * HOUR_MS) }
  rig.authority.script.skewMs = 2 * HOUR_MS
  for (let hours = 0; hours < 28; hours++) {
    await rig.issue({ clock: late })
    rig.clock.advance(HOUR_MS)
    if (hours < 20) expect(await rig.underWay()).toBeDefined()
  }
  expect((await rig.orders()).at(-1)).toMatchObject({ outcome: 'failed' })
})

describe('a clock that was a year ahead', () => {
  const YEAR_MS = 365 * DAY_MS

  test('has left no wait behind, neither of a failure nor of an authority', async () => {
    rig.clock.advance(YEAR_MS)
    rig.authority.fail('newOrder', problem('userActionRequired'))
    await rig.issue()
    expect((await rig.memory())!.nextAt > rig.clock.now()).toBe(true)
    expect((await rig.storage.authorities.list())[0]!.pausedUntil! > rig.clock.now()).toBe(true)
    rig.clock.advance(-YEAR_MS)
    expect(await again()).toBe(1000)
    expect((await rig.issued()).chain.leaf.notBefore <= rig.clock.now()).toBe(true)
  })

  test('nor one that was three days ahead', async () => {
    rig.clock.advance(3 * DAY_MS)
    rig.authority.fail('newOrder', problem('malformed', { status: 400 }))
    await rig.issue()
    rig.clock.advance(-3 * DAY_MS)
    expect(await again()).toBe(1000)
  })

  test('nor does what it has left stand in the way of a pause of today', async () => {
    const [authority] = await rig.storage.authorities.list()
    const at = (ms: number) => new Date(rig.clock.now().getTime() + ms)
    await rig.storage.authorities.pause(authority!.id, at(YEAR_MS), 'of the future', { ...rig.act(), at: at(YEAR_MS) })
    await rig.storage.authorities.pause(authority!.id, at(HOUR_MS), 'of today', rig.act())
    expect(await rig.storage.authorities.list()).toMatchObject([{ pausedUntil: at(HOUR_MS), pauseReason: 'of today' }])
  })

  test('nor an order that is looked at for a year', async () => {
    rig.authority.script.validate = () => 'pending'
    rig.clock.advance(YEAR_MS)
    await rig.issue()
    rig.clock.advance(-YEAR_MS)
    await rig.issue()
    expect(await rig.orders()).toMatchObject([{ outcome: 'failed' }])
  })
})

test('a limit in words that nobody knows stops its lineage for as long as it says, and others for an hour', async () => {
  const detail = 'pas si vite'
  rig.authority.fail('newOrder', problem('rateLimited', { detail, status: 429, retryAfterMs: 7 * DAY_MS }))
  expect(await again()).toBeGreaterThanOrEqual(7 * DAY_MS)
  expect(inMs((await rig.storage.authorities.list())[0]!.pausedUntil!)).toBe(HOUR_MS)
  const limited = rig.front()
  await rig.use('other.example.com')
  rig.clock.advance(HOUR_MS)
  await rig.issued()
  expect(await rig.storage.issuance.memory(limited.id)).toBeDefined()
})

describe('what an order has cost', () => {
  test.each<[string, () => void]>([
    ['is invalid', () => (rig.authority.script.validate = () => problem('dns'))],
    ['is refused', () => rig.authority.fail('newOrder', problem('rejectedIdentifier'))],
  ])('is given back where it %s', async (_, spoil) => {
    spoil()
    await rig.issue()
    await rig.issue()
    expect((await rig.orders())[0]).toMatchObject({ outcome: 'failed' })
    expect(rig.givenBack).toEqual(rig.paid)
    expect(rig.paid).toHaveLength(1)
  })

  test('is given back where it is left, and not where it was issued', async () => {
    await rig.issue()
    rig.rename('b.example.com')
    await rig.activated()
    expect(rig.givenBack.map(({ identifiers }) => identifiers)).toEqual([['im.example.com']])
  })
})

describe('where everything is refused', () => {
  const refusal = problem('malformed', { status: 400, detail: 'JWS verification error' })

  test('since the key of the account was changed, and a crash kept that from being noted, it is noted and goes on', async () => {
    const asked: string[] = []
    const finishKeyChange = async ({ name }: { name: string }) => asked.push(name) === 1
    rig.authority.fail('newOrder', refusal)
    expect(await rig.issue({ finishKeyChange })).toEqual(later(0))
    expect(await rig.memory()).toBeUndefined()
    await rig.issued({ finishKeyChange })
    expect(asked).toEqual(['first'])
  })

  test('for another reason, or where that cannot be asked, it is the failure that it is', async () => {
    const { authorityError } = await import('../../src/acme/acme-problem.ts')
    for (const finishKeyChange of [async () => false, () => Promise.reject(authorityError('x', unreachable))]) {
      rig.authority.fail('newOrder', refusal)
      await rig.issue({ finishKeyChange })
      expect(await rig.memory()).toMatchObject({ problem: { type: 'malformed' } })
      await rig.storage.issuance.forget(rig.front().id)
    }
  })
})

test('a name of which nothing can be found out is looked at hourly after an hour, and daily after a day', async () => {
  const preflight = async () => ({ outcome: 'could-not-ask' as const, isMoved: false, findings: [] })
  const waits: number[] = []
  for (let i = 0; i < 40; i++) {
    const result = await rig.issue({ preflight })
    if (result.outcome !== 'later') throw new Error('issued')
    waits.push(inMs(result.at) / MINUTE_MS)
    rig.clock.advance(inMs(result.at))
  }
  expect(waits).toEqual([
    ...Array<number>(12).fill(5),
    ...Array<number>(23).fill(60),
    ...Array<number>(5).fill(24 * 60),
  ])
  expect(rig.authority.calls).toEqual([])
})

test('an order that is refused for itself pauses nobody', async () => {
  await rig.issue()
  rig.authority.fail('finalize', problem('unauthorized'))
  expect(await again()).toBe(HOUR_MS)
  expect(await rig.storage.authorities.list()).toMatchObject([{ pausedUntil: null }])
})

describe('with two authorities', () => {
  beforeEach(async () => {
    await rig.storage.close()
    rig = await issuerRig({ authorities: ['first', 'second'] })
  })
  const asked = () => rig.authorities.map(({ count }) => count('newOrder'))

  test('the second is asked after three failures of the first in a row, and the first again at the next renewal', async () => {
    rig.authorities[0]!.fail('newOrder', unreachable, { times: 99 })
    for (let i = 0; i < 2; i++) rig.clock.advance(await again())
    expect(asked()[1]).toBe(0)
    await rig.activated()
    expect(asked()[1]).toBe(1)
    rig.authorities[0]!.mend()
    await rig.activated()
    expect(asked()[1]).toBe(1)
  })

  test("an owner's failure does not go to the next one", async () => {
    for (const { script } of rig.authorities) script.validate = () => problem('caa')
    for (let i = 0; i < 12; i++) rig.clock.advance(await again())
    expect(asked()[1]).toBe(0)
  })

  const limit = (retryAfterMs: number) =>
    problem('rateLimited', { status: 429, retryAfterMs, detail: 'for this exact set of identifiers' })

  test('the second is asked at once where the first wants to be left alone for long, and not again before that', async () => {
    rig.authorities[0]!.fail('newOrder', limit(DAY_MS))
    expect(await again()).toBe(0)
    await rig.activated()
    expect(asked()).toEqual([1, 1])
    // Also where what failed is forgotten
    await rig.activated()
    expect(asked()).toEqual([1, 2])
    rig.clock.advance(DAY_MS)
    await rig.activated()
    expect(asked()).toEqual([2, 2])
  })

  test('not for a short while, but where the certificate would not live so long', async () => {
    rig.authorities[0]!.fail('newOrder', limit(50 * MINUTE_MS))
    expect(await again()).toBeGreaterThanOrEqual(50 * MINUTE_MS)
    rig.clock.advance(HOUR_MS)
    const { notAfter } = await rig.activated()
    expect(asked()).toEqual([2, 0])
    rig.clock.advance(inMs(notAfter) - 40 * MINUTE_MS)
    rig.authorities[0]!.fail('newOrder', limit(50 * MINUTE_MS))
    expect(await again()).toBe(0)
    await rig.issued()
    expect(asked()).toEqual([3, 1])
  })

  test('where both want to be left alone for long, it waits for the first that does not any more', async () => {
    rig.authorities[0]!.fail('newOrder', limit(5 * HOUR_MS))
    rig.authorities[1]!.fail('newOrder', limit(DAY_MS))
    expect(await again()).toBe(0)
    const wait = await again()
    expect(wait).toBeGreaterThanOrEqual(5 * HOUR_MS)
    expect(wait).toBeLessThan(6 * HOUR_MS)
    rig.clock.advance(wait)
    await rig.issued()
    expect(asked()).toEqual([2, 1])
  })

  test('while the first is paused the second issues, and an order at the first is left', async () => {
    await rig.issue()
    const [first] = await rig.storage.authorities.list()
    await rig.storage.authorities.pause(first!.id, new Date(rig.clock.now().getTime() + HOUR_MS), 'busy', rig.act())
    await rig.issued()
    expect(asked()).toEqual([1, 1])
    expect(await rig.orders()).toMatchObject([{ outcome: null }, { outcome: 'abandoned' }])
  })

  test('the second is asked at once where the first refuses the account', async () => {
    rig.authorities[0]!.fail('newOrder', problem('userActionRequired'), { times: 9 })
    expect(await again()).toBe(0)
    await rig.issued()
    expect(asked()).toEqual([1, 1])
  })

  test('where both fail, each gets its three tries, and then it slows down', async () => {
    for (const { fail } of rig.authorities) fail('newOrder', unreachable, { times: 999 })
    const waits: number[] = []
    for (let i = 0; i < 20; i++) {
      waits.push((await again()) / MINUTE_MS)
      rig.clock.advance(waits.at(-1)! * MINUTE_MS)
    }
    expect(waits).toEqual([1, 10, 0, 1, 10, ...Array<number>(15).fill(100)])
    expect(asked().every((one) => one >= 3)).toBe(true)
  })
})

describe('what is asked for', () => {
  const profiles = { classic: 'as ever', shortlived: '160 h' }
  const last = () => rig.authority.orders.at(-1)!
  const set = (profile: { name: string; isRequired: boolean } | null) =>
    rig.storage.authorities.update('first', { profile }, rig.act())

  test('a profile that is preferred is left out where it is not offered, one that is required is not', async () => {
    rig.authority.script.directory = { ...renewing, profiles }
    await set({ name: 'shortlived', isRequired: true })
    await rig.activated()
    expect(last().profile).toBe('shortlived')
    await set({ name: 'gone', isRequired: false })
    await rig.activated()
    expect(last().profile).toBeNull()
    await set({ name: 'gone', isRequired: true })
    expect(await again()).toBe(HOUR_MS)
    expect(await rig.memory()).toMatchObject({
      whose: 'operator',
      problem: { type: 'invalidProfile', detail: expect.stringContaining('offered: classic, shortlived') as string },
    })
  })

  test('one that is offered and refused is left out at once where it is only preferred', async () => {
    rig.authority.script.directory = { ...renewing, profiles }
    await set({ name: 'shortlived', isRequired: false })
    rig.authority.fail('newOrder', problem('invalidProfile', { status: 400 }))
    await rig.issued()
    expect(last().profile).toBeNull()
    expect(rig.authority.count('newOrder')).toBe(2)
  })

  test('a renewal keeps the profile of the certificate before, where it is offered still', async () => {
    rig.authority.script.directory = { ...renewing, profiles }
    await set({ name: 'shortlived', isRequired: false })
    await rig.activated()
    await set(null)
    await rig.activated()
    expect(last().profile).toBe('shortlived')
    rig.authority.script.directory = { ...renewing, profiles: { classic: 'as ever' } }
    await rig.activated()
    expect(last().profile).toBeNull()
  })

  test('a renewal names the certificate that it replaces', async () => {
    rig.authority.script.directory = renewing
    const before = await rig.activated()
    expect(last().replaces).toBeNull()
    await rig.activated()
    expect(last().replaces).toBe(certId(readLeaf(before.chainPem).der))
    expect(rig.paid).toMatchObject([{ isRenewal: false }, { isRenewal: true, isByRenewalInfo: false }])
  })

  test('not where the authority has no renewal information, nor where another one issued it', async () => {
    await rig.activated()
    await rig.activated()
    expect(last().replaces).toBeNull()
    await rig.storage.close()
    rig = await issuerRig({ authorities: ['first', 'second'] })
    for (const { script } of rig.authorities) script.directory = renewing
    await rig.activated()
    const [first] = await rig.storage.authorities.list()
    await rig.storage.authorities.pause(first!.id, new Date(rig.clock.now().getTime() + HOUR_MS), 'busy', rig.act())
    await rig.activated()
    expect(rig.authorities[1]!.orders).toMatchObject([{ replaces: null }])
  })

  const refusals: [string, AcmeProblem][] = [
    ['it was replaced already', problem('alreadyReplaced', { status: 409 })],
    ['it is malformed', problem('malformed', { status: 400, detail: 'parsing ARI CertID failed' })],
    ['it is unknown', problem('malformed', { status: 404 })],
    [
      'it is of another account',
      problem('unauthorized', { detail: 'requester account did not request the certificate being replaced' }),
    ],
    [
      'the authority falls over it',
      problem('serverInternal', { status: 500, detail: 'could not find an order for the given certificate' }),
    ],
  ]
  test.each(refusals)(
    'where the certificate to replace is refused since %s, the order is asked for without',
    async (_, refusal) => {
      rig.authority.script.directory = renewing
      await rig.activated()
      rig.authority.fail('newOrder', refusal)
      await rig.activated()
      expect(last().replaces).toBeNull()
      expect(rig.authority.count('newOrder')).toBe(3)
      expect(await rig.memory()).toBeUndefined()
    },
  )

  test('a limit is no reason to ask again without', async () => {
    rig.authority.script.directory = renewing
    await rig.activated()
    rig.authority.fail('newOrder', problem('rateLimited', { status: 429, retryAfterMs: HOUR_MS }))
    expect(await again()).toBeGreaterThanOrEqual(HOUR_MS)
    expect(rig.authority.count('newOrder')).toBe(2)
  })

  test('nothing is asked for before the budget allows it, and no key is made', async () => {
    const at = new Date(rig.clock.now().getTime() + HOUR_MS)
    const budget = { ...rig.deps.budget, take: async () => ({ outcome: 'later' as const, at, why: 'spent' }) }
    expect(await rig.issue({ budget })).toEqual({ outcome: 'later', at })
    expect(rig.authority.calls).toEqual([])
    expect(await rig.orders()).toEqual([])
  })
})
