import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PublishedCertificate } from '../../src/certificate/lineage.ts'
import { activation, active, nextChangeAt, published, stateAt } from '../../src/certificate/rollover.ts'
import { ProblemError } from '../../src/problem.ts'
import { ruleOf } from '../support/certificates.ts'

const HOUR = 3_600_000
const START = Date.parse('2026-06-01T00:00:00Z')
const at = (hours: number) => new Date(Math.round(START + hours * HOUR))
const SPAN = 2 * HOUR

/** By default staged at hour 0, valid from an hour before and for 1000 more. */
function certificate(
  id: string,
  hours: Partial<Record<'notBefore' | 'notAfter' | 'staged' | 'activated' | 'superseded' | 'retires', number>> = {},
): PublishedCertificate {
  const instant = (hour: number | undefined) => (hour === undefined ? null : at(hour))
  return {
    id,
    chainPem: '',
    privateKeyId: null,
    notBefore: at(hours.notBefore ?? -1),
    notAfter: at(hours.notAfter ?? 1000),
    stagedAt: at(hours.staged ?? 0),
    activatedAt: instant(hours.activated),
    supersededAt: instant(hours.superseded),
    retiresAt: instant(hours.retires),
  }
}

const old = certificate('old', { staged: -100, activated: -50 })
const ids = (certificates: PublishedCertificate[], hour: number) =>
  published(certificates, at(hour)).map(({ id }) => id)
const tryToActivate = (certificates: PublishedCertificate[], id: string, hour: number, isForced = false) =>
  activation(certificates, id, { now: at(hour), cacheSpanMs: SPAN, isForced })

test.each([
  [0, 'staged'],
  [9.999, 'staged'],
  [10, 'active'],
  [20, 'retiring'],
  [21.999, 'retiring'],
  [22, 'retired'],
] as const)('after %d hours its state is %s', (hour, state) => {
  expect(stateAt(certificate('c', { activated: 10, superseded: 20, retires: 22 }), at(hour))).toBe(state)
})

describe('published', () => {
  test('case 24: the one in use first, then staged ones from the newest, then retiring ones', () => {
    const all = [
      certificate('retiring', { staged: -300, activated: -200, superseded: -50, retires: 5 }),
      certificate('retired', { staged: -400, activated: -300, superseded: -200, retires: -190 }),
      certificate('staged', { staged: -2 }),
      certificate('newer', { staged: -1 }),
      old,
    ]
    expect(ids(all, 0)).toEqual(['old', 'newer', 'staged', 'retiring'])
    expect(ids(all, 5)).toEqual(['old', 'newer', 'staged'])
  })

  test('case 25: an expired one is not published, and nothing is where none is left', () => {
    const ending = { ...old, notAfter: at(3) }
    expect(ids([ending, certificate('new')], 2.999)).toEqual(['old', 'new'])
    expect(ids([ending, certificate('new')], 3)).toEqual(['new'])
    expect(ids([ending], 3)).toEqual([])
  })

  test('case 25: one that is not valid yet is published beside another, and never first or alone', () => {
    const early = certificate('early', { notBefore: 4 })
    expect(ids([early], 3)).toEqual([])
    expect(ids([early], 4)).toEqual(['early'])
    expect(ids([old, early], 3)).toEqual(['old', 'early'])
    expect(ids([early, certificate('other', { staged: -5 })], 3)).toEqual(['other', 'early'])
  })
})

describe('nextChangeAt', () => {
  test.each<[string, PublishedCertificate[], number | null]>([
    ['nothing is published', [], null],
    ['the certificate expires', [old], 1000],
    ['a retired one goes', [old, certificate('r', { staged: -200, activated: -100, superseded: -50, retires: 7 })], 7],
    ['one becomes valid where none is', [certificate('early', { notBefore: 4 })], 4],
    [
      'one becomes valid beside the one in use, which changes nothing',
      [{ ...old, notAfter: at(9) }, certificate('early', { notBefore: 4 })],
      9,
    ],
    [
      'one expires that is retired by then',
      [old, certificate('r', { activated: -100, superseded: -50, retires: 7, notAfter: 8 })],
      7,
    ],
  ])('%s', (_, certificates, hour) =>
    expect(nextChangeAt(certificates, at(0))).toEqual(hour === null ? null : at(hour)),
  )
})

describe('activation', () => {
  test('the first certificate of a lineage may be activated at once', () => {
    expect(tryToActivate([certificate('first')], 'first', 0)).toEqual({ retiresAt: at(2), breaksUntil: null })
  })

  test('a successor may be once every cache knows it; the one before stays published as long', () => {
    const all = [old, certificate('new')]
    expect(() => tryToActivate(all, 'new', 1.999)).toThrow('until 2026-06-01T02:00:00.000Z')
    expect(() => tryToActivate(all, 'new', 1.5)).toThrow(
      'before 2026-06-01T00:00:00.000Z will refuse the connection, for at most 30 minutes',
    )
    expect(ruleOf(() => tryToActivate(all, 'new', 1.999))).toBe('too-early')
    expect(tryToActivate(all, 'new', 2)).toEqual({ retiresAt: at(4), breaksUntil: null })
  })

  test('forced, it may be at once, and is told until when it breaks', () => {
    expect(tryToActivate([old, certificate('new')], 'new', 1, true)).toEqual({ retiresAt: at(3), breaksUntil: at(2) })
  })

  test('where the one in use has expired nobody relies on it, and nothing is waited for', () => {
    expect(tryToActivate([{ ...old, notAfter: at(-1) }, certificate('new')], 'new', 0).breaksUntil).toBeNull()
  })

  test('where another was published before, without being in use, caches may hold only that', () => {
    expect(ruleOf(() => tryToActivate([certificate('staged', { staged: -1 }), certificate('new')], 'new', 0))).toBe(
      'too-early',
    )
  })

  test.each<[string, PublishedCertificate, boolean]>([
    ['not-staged', certificate('c', { activated: -1 }), false],
    ['not-staged', certificate('c', { activated: -3, superseded: -1, retires: 1 }), true],
    ['not-staged', certificate('c', { activated: -3, superseded: -2, retires: -1 }), true],
    ['expired', certificate('c', { notAfter: 0 }), true],
    ['too-early', certificate('c', { notBefore: 0.001 }), true],
  ])('%s: is refused, forced or not', (rule, one, isForced) => {
    expect(ruleOf(() => tryToActivate([one], 'c', 0, isForced))).toBe(rule)
    expect(ruleOf(() => tryToActivate([one], 'c', 0))).toBe(rule)
  })

  test('one that the lineage does not have is not found', () => {
    expect(ruleOf(() => tryToActivate([old], 'another', 0))).toBe('not-found')
  })
})

test('active is the one in use, even where it has expired', () => {
  expect(active([certificate('staged'), { ...old, notAfter: at(-1) }])?.id).toBe('old')
  expect(active([certificate('staged')])).toBeUndefined()
})

describe('the invariant of a rollover', () => {
  type Step =
    | { kind: 'wait'; minutes: number }
    | { kind: 'stage'; validInMinutes: number; lifetimeMinutes: number }
    | { kind: 'activate'; which: number }
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 150 }) }),
      fc.record({
        kind: fc.constant('stage' as const),
        validInMinutes: fc.oneof(fc.constant(-60), fc.integer({ min: -60, max: 200 })),
        lifetimeMinutes: fc.oneof(fc.constant(100_000), fc.integer({ min: 100, max: 600 })),
      }),
      fc.record({ kind: fc.constant('activate' as const), which: fc.nat(3) }),
    ),
    { minLength: 4, maxLength: 40 },
  )

  /** What the lineage held at each instant of the story, and when each certificate was activated by the rule. */
  function play(story: Step[]) {
    let minute = 0
    let rows: PublishedCertificate[] = []
    const history: { minute: number; rows: PublishedCertificate[] }[] = [{ minute, rows }]
    let activations = 0
    for (const [index, step] of story.entries()) {
      const now = at(minute / 60)
      if (step.kind === 'wait') minute += step.minutes
      else if (step.kind === 'stage') {
        const notBefore = (minute + step.validInMinutes) / 60
        rows = [
          ...rows,
          certificate(`c${index}`, { staged: minute / 60, notBefore, notAfter: notBefore + step.lifetimeMinutes / 60 }),
        ]
      } else {
        const staged = rows.filter((row) => stateAt(row, now) === 'staged')
        const chosen = staged[step.which % Math.max(1, staged.length)]
        if (!chosen) continue
        try {
          const { retiresAt } = activation(rows, chosen.id, { now, cacheSpanMs: SPAN, isForced: false })
          rows = rows.map((row) =>
            row.id === chosen.id
              ? { ...row, activatedAt: now }
              : row.activatedAt && !row.supersededAt
                ? { ...row, supersededAt: now, retiresAt }
                : row,
          )
          activations++
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error
        }
      }
      history.push({ minute, rows })
    }
    return { history, lastMinute: minute, activations }
  }

  test('whoever may still hold a document finds in it every certificate that the server may present', () => {
    const seen = { activations: 0, rollovers: 0, documents: 0 }
    fc.assert(
      fc.property(steps, fc.array(fc.nat(SPAN / 60_000), { minLength: 3, maxLength: 3 }), (story, ages) => {
        const { history, lastMinute, activations } = play(story)
        seen.activations += activations
        if (activations > 1) seen.rollovers++
        const rowsAt = (minute: number) => history.findLast((entry) => entry.minute <= minute)?.rows ?? []
        for (let minute = 0; minute <= lastMinute + 30; minute += 7) {
          const now = at(minute / 60)
          const presented = rowsAt(minute).filter(
            (row) => ['active', 'retiring'].includes(stateAt(row, now)) && row.notAfter > now,
          )
          for (const age of [0, SPAN / 60_000, ...ages]) {
            const document = published(rowsAt(minute - age), at((minute - age) / 60))
            // A document of expired certificates convinces nobody, and an empty one is a 404
            if (minute < age || document.every(({ notAfter }) => notAfter <= now)) continue
            seen.documents++
            for (const { id } of presented) expect(document.map((held) => held.id)).toContain(id)
          }
        }
      }),
      { seed: 7711, numRuns: 400 },
    )
    expect(seen.rollovers).toBeGreaterThan(50)
    expect(seen.documents).toBeGreaterThan(5000)
  })

  test('nextChangeAt misses no change and tells of none that does not come', () => {
    fc.assert(
      fc.property(steps, (story) => {
        const { history, lastMinute } = play(story)
        const rows = history.at(-1)?.rows ?? []
        const now = START + lastMinute * 60_000
        const idsAt = (ms: number) => published(rows, new Date(ms)).map(({ id }) => id)
        const change = nextChangeAt(rows, new Date(now))?.getTime()
        const end = change ?? now + 3000 * HOUR
        for (let ms = now; ms < end; ms += Math.max(15 * 60_000, Math.floor((end - ms) / 40)))
          expect(idsAt(ms)).toEqual(idsAt(now))
        if (change !== undefined) expect(idsAt(change)).not.toEqual(idsAt(now))
      }),
      { seed: 7711, numRuns: 300 },
    )
  })
})
