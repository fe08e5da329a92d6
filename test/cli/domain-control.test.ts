import { describe, expect, test } from 'vitest'
import { exitCodeOf, lapseOf, screenOf } from '../../src/cli/domain-control-command.ts'
import type { ControlOfSourceDomain } from '../../src/cli/resources.ts'
import { domainName } from '../../src/name.ts'

const AT = '2026-11-23T12:00:00.000Z'

function control(
  given: Partial<ControlOfSourceDomain>,
  outcome?: 'ok' | 'wrong' | 'could-not-ask',
): ControlOfSourceDomain {
  return {
    ...{ tenant: 'acme', name: domainName('im.waypost-corpus.net'), summary: 'So it stands.', advice: [] },
    ...{
      state: 'unproven',
      proof: null,
      provenAt: null,
      seenAt: null,
      waveringSince: null,
      lapsesAt: null,
      lapsedAt: null,
    },
    ...{ isHeldByAnother: false, nextCheckAt: null, dnsRecords: [] },
    lastLook: outcome === undefined ? null : { at: AT, outcome, looks: [] },
    ...given,
  }
}

describe('the exit code of a check', () => {
  test.each<[string, number, ControlOfSourceDomain]>([
    ['proven and found', 0, control({ state: 'proven', proof: 'txt' }, 'ok')],
    ['proven, and could not be asked for', 2, control({ state: 'proven', proof: 'txt' }, 'could-not-ask')],
    ['wavering: not found', 1, control({ state: 'wavering', proof: 'txt' }, 'wrong')],
    ['unproven: not found', 1, control({}, 'wrong')],
    ['unproven, and could not be asked for', 2, control({}, 'could-not-ask')],
    ['found, but another tenant holds the name', 1, control({ isHeldByAnother: true }, 'ok')],
    ['vouched for: found', 0, control({ state: 'vouched', proof: 'vouched' }, 'ok')],
    ['vouched for: not found, which matters to nobody', 0, control({ state: 'vouched', proof: 'vouched' }, 'wrong')],
    ['vouched for: not asked, the same', 0, control({ state: 'vouched', proof: 'vouched' }, 'could-not-ask')],
  ])('%s: %i', (_how, code, given) => expect(exitCodeOf(given)).toBe(code))
})

test('one screen says how it stands, who was asked, what came back and what to do; a stranger’s text obeys nobody', () => {
  const screen = screenOf(
    control({
      advice: ['Publish it.'],
      nextCheckAt: AT,
      dnsRecords: [
        {
          name: '_waypost-challenge.im',
          type: 'TXT',
          value: '"x"',
          ttl: 60,
          purpose: 'proves it',
          zone: 'source domain',
        },
      ],
      lastLook: {
        at: AT,
        outcome: 'wrong',
        looks: [
          {
            ...{ name: '_waypost-challenge.im', type: 'TXT', aliases: ['a.example'], zone: 'example', fault: null },
            replies: [
              { server: 'ns1.example', address: '192.0.2.1', reply: 'answer', values: ['\u001b[31mred\u202e'] },
              { server: 'ns2.example', address: '', reply: 'not-asked', values: [] },
            ],
          },
        ],
      },
    }),
  )
  for (const text of ['unproven', 'So it stands.', 'not found', 'ns1.example (192.0.2.1): answers', '-> a.example'])
    expect(screen).toContain(text)
  for (const text of ['ns2.example: ', 'What to do:\n  Publish it.', '_waypost-challenge.im. 60 IN TXT "x"'])
    expect(screen).toContain(text)
  expect(screen).toContain('\\u001b[31mred\\u202e')
  expect(screen).not.toMatch(/\u001b|\u202e/)
})

test('a name lapses at a look and not by the clock', () => {
  expect(lapseOf(AT)).toBe('at the first look after 2026-11-23T12:00:00Z')
})
