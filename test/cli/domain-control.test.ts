import { describe, expect, test } from 'vitest'
import { exitCodeOf, lapseOf, screenOf } from '../../src/cli/domain-control-command.ts'
import type { ControlOfSourceDomain } from '../../src/cli/resources.ts'
import type { DnsRecord } from '../../src/delegation/dns-records.ts'
import { domainName } from '../../src/name.ts'
import type { Look } from '../../src/tenant/findings.ts'

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
    ...{ isHeldByAnother: false, nextCheckAt: null, history: [], dnsRecords: [] },
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
      advice: ['Publish it.', 'Then wait.'],
      nextCheckAt: AT,
      dnsRecords: [
        {
          name: '_waypost-challenge.im.waypost-corpus.net',
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
            ...{ name: '_waypost-challenge.im.waypost-corpus.net', type: 'TXT', zone: 'example', fault: null },
            aliases: ['a.example'],
            replies: [
              { server: 'ns1.example', address: '192.0.2.1', reply: 'answer', values: ['\u001b[31mred\u202e'] },
              { server: 'ns2.example', address: '', reply: 'not-asked', values: [] },
            ],
          },
        ],
      },
    }),
  )
  for (const text of ['unproven', 'So it stands.', 'not found', 'ns1.example (192.0.2.1) answered: ', '-> a.example'])
    expect(screen).toContain(text)
  expect(screen).toContain('ns2.example has no public address that could be asked\n')
  expect(screen).toContain(
    'What to do: Publish it.\n\n; proves it\n_waypost-challenge.im.waypost-corpus.net. 60 IN TXT "x"\n\n- Then wait.\n',
  )
  expect(screen).toContain('\\u001b[31mred\\u202e')
  expect(screen).not.toMatch(/\u001b|\u202e/)
})

describe('the screen of a look', () => {
  const look = (given: Partial<Look>): string => {
    const looks: Look[] = [
      {
        ...{ name: '_waypost-challenge.im.waypost-corpus.net', type: 'TXT', aliases: [], zone: 'example' },
        ...{ replies: [], fault: null },
        ...given,
      },
    ]
    return screenOf(control({ lastLook: { at: AT, outcome: 'wrong', looks } }))
  }

  test('says of a name that was made up why it was asked for, and of none else', () => {
    expect(look({ name: 'waypost-0.im.waypost-corpus.net' })).toContain('made up for this look')
    expect(look({})).not.toContain('made up')
    expect(look({ name: 'im.waypost-corpus.net', type: 'CNAME' })).not.toContain('made up')
  })

  test('says why the servers were not asked', () => {
    expect(look({ fault: 'no-servers', zone: null })).toContain(
      '\n  None of the zone’s name servers has a public address that could be asked.\n',
    )
  })
})

test('what earlier looks came to is told where it was not always the same', () => {
  const spans: ControlOfSourceDomain['history'] = [
    { firstAt: AT, lastAt: AT, looks: 1, outcome: 'wrong', proof: null },
    { firstAt: '2026-11-20T12:00:00.000Z', lastAt: '2026-11-23T11:00:00.000Z', looks: 4, outcome: 'ok', proof: 'txt' },
  ]
  expect(screenOf(control({ history: spans }, 'wrong'))).toContain(
    `Earlier looks, the newest first:
  2026-11-23T12:00:00Z, 1 look: not found
  2026-11-20T12:00:00Z to 2026-11-23T11:00:00Z, 4 looks: found, TXT record
`,
  )
  expect(screenOf(control({ history: spans.slice(0, 1) }, 'wrong'))).not.toContain('Earlier looks')
})

describe('the records that prove control', () => {
  const record: DnsRecord = {
    ...{ name: 'im.waypost-corpus.net', type: 'CNAME', value: 'ta.edge.example.', ttl: 60 },
    ...{ purpose: 'proves it', zone: 'source domain' },
  }
  const given = { advice: ['Do this.', 'And that.'], dnsRecords: [record] }

  test('are printed after the advice to publish one, and before all other advice', () => {
    expect(screenOf(control(given, 'wrong'))).toMatch(
      /What to do: Do this\.\n\n; proves it\nim\.waypost-corpus\.net\. 60 IN CNAME ta\.edge\.example\.\n\n- And that\.\n$/,
    )
  })

  test.each<[is: string, control: ControlOfSourceDomain]>([
    ['it was found, but another tenant holds the name', control({ ...given, isHeldByAnother: true }, 'ok')],
    ['the proof could not be asked for', control({ ...given, state: 'proven', proof: 'txt' }, 'could-not-ask')],
  ])('are not printed where %s', (_is, control) => {
    expect(screenOf(control)).toMatch(/\nWhat to do:\n- Do this\.\n- And that\.\n$/)
  })

  test('nor where there is nothing to do', () => {
    expect(screenOf(control({ state: 'proven', proof: 'txt', dnsRecords: [record] }, 'ok'))).not.toContain('CNAME')
  })
})

test('a name lapses at a look and not by the clock', () => {
  expect(lapseOf(AT)).toBe('at the first look after 2026-11-23T12:00:00Z')
})
