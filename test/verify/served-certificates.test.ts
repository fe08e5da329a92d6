import { pino } from 'pino'
import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import {
  servedCertificates,
  stateOf,
  type PresentedHost,
  type ServedReply,
} from '../../src/verify/served-certificates.ts'
import { START, stoppedClock } from '../support/stopped-clock.ts'

const DAY_MS = 86_400_000
const NOW = new Date(START)
const inMs = (ms: number) => new Date(NOW.getTime() + ms)
const host: PresentedHost = { name: domainName('im.example'), sha256: 'aa', activatedAt: inMs(-61_000) }
const served = (left: number, lifetime = 90 * DAY_MS, sha256 = 'aa'): ServedReply => ({
  ...{ outcome: 'ok', sha256, notBefore: inMs(left - lifetime), notAfter: inMs(left) },
})
const HOUR_MS = 3_600_000

test.each<[string, PresentedHost, ServedReply, string]>([
  ['with a sixth of ninety days left', host, served(15 * DAY_MS), 'good'],
  ['with less', host, served(15 * DAY_MS - 1), 'ending'],
  ['of 160 hours, with a sixth left', host, served((160 * HOUR_MS) / 6, 160 * HOUR_MS), 'good'],
  ['of 160 hours, with less', host, served((160 * HOUR_MS) / 6 - 1000, 160 * HOUR_MS), 'ending'],
  ['that ends now', host, served(0), 'ended'],
  ['another than the active one', host, served(80 * DAY_MS, 90 * DAY_MS, 'bb'), 'outdated'],
  [
    'another, a minute after the swap',
    { ...host, activatedAt: inMs(-60_000) },
    served(80 * DAY_MS, 90 * DAY_MS, 'bb'),
    'good',
  ],
  [
    'of a host whose certificate is not known here',
    { ...host, sha256: null, activatedAt: null },
    served(80 * DAY_MS),
    'good',
  ],
  ['none', host, { outcome: 'wrong', why: 'refused' }, 'missing'],
  ['nobody there', host, { outcome: 'could-not-ask', why: 'refused' }, 'unasked'],
])('a certificate %s', (_, of, reply, state) => {
  expect(stateOf(of, reply, NOW)).toBe(state)
})

const ADMIN = domainName('admin.example')

/** @param chance where a walk begins: 0 at the first name, a half at "i" */
function rig(replies: Record<string, ServedReply>, chance = 0) {
  const clock = stoppedClock(NOW.toISOString())
  const asked: string[] = []
  const lines: { level: number; name?: string; state?: string }[] = []
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(JSON.parse(line) as (typeof lines)[0]) })
  const names = Object.keys(replies).sort()
  const watch = servedCertificates({
    adminHost: ADMIN,
    random: () => chance,
    hosts: async ({ after, limit }) => {
      const page = names.filter((name) => name > after).slice(0, limit)
      const hosts = page.map((name) => ({ name: domainName(name), sha256: 'aa', activatedAt: null }))
      return { hosts, end: page.length < limit ? null : page.at(-1)! }
    },
    ask: async (name) => {
      if (name === ADMIN) return served(80 * DAY_MS)
      asked.push(name)
      return replies[name]!
    },
    clock,
    log,
  })
  return { clock, asked, lines, watch }
}

const many = (letters: string[], count: number) =>
  Object.fromEntries(
    letters.flatMap((letter) =>
      Array.from({ length: count }, (_, i) => [`${letter}${i}.example`, served(80 * DAY_MS)]),
    ),
  )

test('all hosts are looked at, some at a time, and again after an hour', async () => {
  const { clock, asked, watch } = rig(many(['a'], 25))
  await watch.round()
  expect(asked).toHaveLength(0) // the edge may not be listening yet
  clock.advance(60_000)
  await watch.round()
  expect(asked).toHaveLength(10)
  expect(watch.standing().states.good).toBe(11) // with the admin host
  for (let i = 0; i < 5; i++) await watch.round()
  expect(new Set(asked).size).toBe(25)
  expect(asked).toHaveLength(25)
  clock.advance(HOUR_MS - 1)
  await watch.round()
  expect(asked).toHaveLength(25)
  clock.advance(1)
  await watch.round()
  expect(asked).toHaveLength(35)
  expect(watch.standing().states.good).toBe(26) // of the walk that is over
  clock.advance(-400 * DAY_MS)
  for (let i = 0; i < 5; i++) await watch.round()
  expect(asked.length).toBeGreaterThan(50) // a clock that was set back does not stop it
})

test.each([
  [['a', 'e'], 12],
  [['a', 'x'], 1],
  [['a', 'x'], 23],
  [['x'], 20],
  [[], 0],
])('a walk begins anywhere and goes around: each of %j × %i once', async (letters, count) => {
  const { clock, asked, watch } = rig(many(letters, count), 0.5)
  clock.advance(60_000)
  for (let i = 0; i < 20; i++) await watch.round()
  expect(asked).toHaveLength(letters.length * count)
  expect(new Set(asked).size).toBe(asked.length)
  if (letters.includes('x')) expect(asked[0]).toMatch(/^x/)
})

test('what ends soon is said by name, at most twenty of them, and what ends first is known', async () => {
  const ending = Array.from({ length: 30 }, (_, i) => [`e${i}.example`, served((i + 1) * HOUR_MS)] as const)
  const { clock, lines, watch } = rig({ ...Object.fromEntries(ending), 'a.example': served(80 * DAY_MS) })
  clock.advance(60_000)
  for (let i = 0; i < 4; i++) await watch.round()
  const named = lines.filter(({ name }) => name !== undefined && name !== 'waypost')
  expect(named).toHaveLength(20)
  expect(named[0]).toMatchObject({ state: 'ending', level: 40 })
  expect(lines.at(-1)).toMatchObject({ ending: 30, good: 2 })
  expect(watch.standing().firstNotAfter).toEqual(inMs(HOUR_MS))
})

test('nothing is said where all is well', async () => {
  const { clock, lines, watch } = rig({ 'a.example': served(80 * DAY_MS) })
  clock.advance(60_000)
  await watch.round()
  expect(lines).toEqual([])
  expect(watch.standing().states.good).toBe(2)
})
