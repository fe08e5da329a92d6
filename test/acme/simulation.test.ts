import { describe, expect, test } from 'vitest'
import { optionsOf } from '../bench/simulation/arguments.ts'
import { DAY_MS, HOUR_MS } from '../bench/simulation/authority.ts'
import { simulate, type Options } from '../bench/simulation/simulation.ts'

const MINUTE_MS = 60_000
const NEVER = { outage: { from: Infinity, until: Infinity }, revocation: { at: Infinity, share: 0 } }

const command = (...args: string[]) => optionsOf(args)
const { from } = command()
const after = (ms: number) => from.getTime() + ms
const days = (count: number) => new Date(after(count * DAY_MS))

describe('over seventeen months, three lifetimes, a mass revocation and an outage of two days', () => {
  test('nothing lapses, and the authority is neither hurried nor asked in vain', async () => {
    const figures = await simulate(command('--domains', '600'))
    const { worst, outage, revocation, peaks, authority, polls } = figures
    expect(figures).toMatchObject({ lapsed: 0, uncertified: 0, revocation: { left: 0 }, authority: { limited: 0 } })
    expect(worst.share).toBeGreaterThan(1 / 4)
    expect(revocation.revoked).toBeGreaterThan(150)
    expect(outage.overdue).toBeGreaterThan(15)
    expect(polls.inOutage).toBeLessThan(200) // of which a poll of each every six hours would be thousands
    expect(peaks.second.count).toBeLessThan(10)
    expect(authority.byRenewalInfo / figures.renewed).toBeGreaterThan(0.95)
  }, 120_000)

  test.each(['tlsserver', 'shortlived'])(
    '%s as well',
    async (profile) => {
      const figures = await simulate(command('--domains', '300', '--profile', profile))
      expect(figures).toMatchObject({ lapsed: 0, uncertified: 0, authority: { limited: 0 }, revocation: { left: 0 } })
      expect(figures.outage.overdue).toBeGreaterThan(10)
    },
    120_000,
  )
})

test('S6: of 10,000 names those that are due while the authority is out for 48 hours are renewed within two hours of its end', async () => {
  const outage = { from: after(55 * DAY_MS), until: after(57 * DAY_MS) }
  const options = { domains: 10_000, start: 'certified', rampMs: 8 * DAY_MS, until: days(62) } as const
  const figures = await simulate({ ...command(), ...NEVER, ...options, outage })
  expect(figures).toMatchObject({ lapsed: 0, renewed: 10_000, authority: { limited: 0 } })
  expect(figures.outage.overdue).toBeGreaterThan(2000)
  expect(figures.outage.mostAttempts).toBeLessThanOrEqual(12)
  expect(figures.outage.drainedMs).toBeLessThanOrEqual(2 * HOUR_MS)
  expect(figures.peaks.second.count).toBeLessThan(10)
}, 120_000)

test('S7: 10,000 certificates of one minute are renewed in no minute more than three times the mean', async () => {
  const options = { domains: 10_000, start: 'certified', rampMs: MINUTE_MS, until: days(62) } as const
  const figures = await simulate({ ...command(), ...NEVER, ...options })
  expect(figures).toMatchObject({ lapsed: 0, renewed: 10_000 })
  const hours = figures.ordersByHour.filter((orders) => orders > 0).length
  expect(hours).toBeGreaterThan(40)
  expect(figures.peaks.minute.count).toBeLessThanOrEqual((3 * 10_000) / (hours * 60))
}, 120_000)

test('where the authority has no renewal information all is renewed by the rule of fractions', async () => {
  const options = {
    domains: 50,
    start: 'certified',
    rampMs: 2 * DAY_MS,
    until: days(62),
    hasRenewalInfo: false,
  } as const
  const figures = await simulate({ ...command(), ...NEVER, ...options })
  expect(figures).toMatchObject({ lapsed: 0, renewed: 50, authority: { byRenewalInfo: 0, limited: 0 } })
  expect(figures.worst.share).toBeGreaterThan(0.32)
}, 120_000)

test('a thousand names that are registered at once are ordered as fast as the limit allows, and never faster', async () => {
  const options = { domains: 1000, tenants: 20, rampMs: 0, until: days(2) }
  const figures = await simulate({ ...command(), ...NEVER, ...options })
  expect(figures.authority).toMatchObject({ newOrders: 1000, limited: 0 })
  const hours = (figures.firstsThroughAt! - from.getTime()) / HOUR_MS
  expect(hours).toBeGreaterThan(7)
  expect(hours).toBeLessThan(14)
}, 120_000)

describe('what stands for the real thing makes no difference:', () => {
  const at = after(115 * DAY_MS)
  const small: Options = {
    ...command(),
    ...{ domains: 40, tenants: 0, rampMs: 5 * DAY_MS, until: days(125) },
    revocation: { at, share: 0.3 },
    outage: { from: at + 3 * HOUR_MS, until: at + 9 * HOUR_MS },
  }

  test('the stores in memory and those of SQLite', async () => {
    const [inMemory, real] = [await simulate(small), await simulate({ ...small, stores: 'real' })]
    expect(inMemory.authority.newOrders).toBeGreaterThan(100)
    expect(real).toEqual(inMemory)
  }, 120_000)

  test('polls that are counted, and polls that are made', async () => {
    const [batched, each] = [await simulate(small), await simulate({ ...small, polls: 'each' })]
    expect(each.polls.skipped).toBe(0)
    const polls = batched.polls.made + batched.polls.skipped
    expect(Math.abs(each.polls.made / polls - 1)).toBeLessThan(0.02)
    expect(batched.polls.made).toBeLessThan(polls / 20)
    expect(batched).toMatchObject({ lapsed: 0, revocation: { left: 0 } })
    expect(each).toMatchObject({ lapsed: 0, revocation: { left: 0 } })
    expect(Math.abs(each.renewed - batched.renewed)).toBeLessThan(5) // the last ones are due about the end
    expect(Math.abs(each.worst.share - batched.worst.share)).toBeLessThan(0.02)
  }, 120_000)
})

test.each([
  { args: ['--domains', '0'], words: '--domains is a whole number from 1 to 5000000, and not 0' },
  { args: ['--domains', '1e6'], words: 'and not 1e6' },
  { args: ['--domains'], words: '--domains' },
  { args: ['10000'], words: "Unexpected argument '10000'" },
  { args: ['--lapsed'], words: "Unknown option '--lapsed'" },
  { args: ['--profile', 'gold'], words: '--profile is one of classic, tlsserver, shortlived, and not gold' },
  { args: ['--profile', 'shortlived'], words: 'give --orders-per-3h 3198 or more, or fewer --domains' },
])('the command is refused with $args, in words', ({ args, words }) => {
  expect(() => command(...args)).toThrow(words)
  expect(() => command(...args)).toThrow('Usage: npm run simulate')
})
