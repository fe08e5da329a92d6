import { describe, expect, test } from 'vitest'
import {
  lapsedSince,
  vouchedSince,
  type Claim,
  type Control,
  type ControlState,
  type Sighting,
} from '../../src/tenant/control.ts'
import { explain, isToPublish } from '../../src/tenant/explanation.ts'
import type { DnsReply, Findings, Look, LookFault } from '../../src/tenant/findings.ts'
import { aClaim, after, DAY, HOUR, NAME, START } from './claims.ts'
import { aLook, aReply, theFindings, type Said } from './dns.ts'

const TOKEN = 'waypost-Yours'
const EDGE = 'ta.edge.example.net'
const NEXT = after(90 * 60_000)

const proven = { proof: 'txt', provenAt: START, seenAt: START } as const
const wavering: Partial<Control> = { ...proven, waveringSince: after(HOUR), misses: 1 }
const txt = (said: Said[], given: Partial<Look> = {}) => theFindings({ txt: aLook('TXT', said, given) })

/** What the tenant of claim a reads. */
function shown(
  findings: Findings | null,
  {
    isHeldByAnother = false,
    lookedAt = after(HOUR),
    ...claim
  }: Partial<Claim> & { isHeldByAnother?: boolean; lookedAt?: Date } = {},
) {
  return explain({
    claim: aClaim('a', { mode: 'external', ...claim }),
    wanted: { token: TOKEN, edgeName: EDGE },
    last: findings === null ? undefined : { name: NAME, lookedAt, findings, unanswered: 0 },
    history: [],
    isHeldByAnother,
    nextCheckAt: NEXT,
  })
}

describe('the summary', () => {
  const ok = theFindings({ txt: aLook('TXT', [[TOKEN]]), txtSibling: aLook('TXT', ['no-such-name']) })
  const wrong = txt(['empty'])
  const unknown = txt(['timeout'])
  const mine = { ...proven, isHeldByAnother: false }

  test.each<[is: string, summary: string, ReturnType<typeof shown>]>([
    ['vouched', 'The operator vouches that you control im.example.com.', shown(null, vouchedSince(START))],
    [
      'proven',
      'You have proven that you control im.example.com: the TXT record at _waypost-challenge.im.example.com was last seen on 2026-11-23 at 12:00 UTC, and has to stay.',
      shown(ok, mine),
    ],
    [
      'proven by CNAME',
      'You have proven that you control im.example.com: the CNAME record at im.example.com was last seen on 2026-11-23 at 12:00 UTC, and has to stay.',
      shown(ok, { ...proven, proof: 'cname' }),
    ],
    [
      'proven and in doubt',
      'You have proven that you control im.example.com: the TXT record at _waypost-challenge.im.example.com was last seen on 2026-11-23 at 12:00 UTC; at the last look it could not be asked for, and nothing is lost by that.',
      shown(unknown, mine),
    ],
    [
      'proven and long in doubt',
      'You have proven that you control im.example.com: the TXT record at _waypost-challenge.im.example.com was last seen on 2026-11-23 at 12:00 UTC; at the last look it could not be asked for, and nothing is lost by that, but no certificate is ordered until it can be.',
      shown(unknown, { ...mine, lookedAt: after(DAY) }),
    ],
    [
      'wavering',
      'Your proof that you control im.example.com was found gone on 2026-11-23 at 13:00 UTC; unless it is found again, the name lapses on 2026-11-26 at 13:00 UTC at the earliest, and nothing is served for it then.',
      shown(wrong, wavering),
    ],
    [
      'wavering and in doubt',
      'Your proof that you control im.example.com was found gone on 2026-11-23 at 13:00 UTC, and could not be asked for at the last look, by which nothing is lost; unless it is found again, the name lapses on 2026-11-26 at 13:00 UTC at the earliest, and nothing is served for it then.',
      shown(unknown, wavering),
    ],
    [
      'lapsed',
      'No proof that you control im.example.com has been in force since 2026-11-23 at 13:00 UTC: your record was not found, and nothing is served for it.',
      shown(wrong, lapsedSince(after(HOUR))),
    ],
    [
      "lapsed and another's",
      'No proof that you control im.example.com has been in force since 2026-11-23 at 13:00 UTC: your record was not found, and another tenant holds the name.',
      shown(wrong, { ...lapsedSince(after(HOUR)), isHeldByAnother: true }),
    ],
    [
      'unproven',
      'You have not proven yet that you control im.example.com: your record was not found, and nothing is served for it.',
      shown(wrong),
    ],
    [
      'unproven and in doubt',
      'You have not proven yet that you control im.example.com: there was no clear answer from its name servers, and nothing is served for it.',
      shown(unknown),
    ],
    [
      'unproven and not looked at',
      'You have not proven yet that you control im.example.com: nobody has looked for your record yet, and nothing is served for it.',
      shown(null),
    ],
    [
      "there, and the name another's",
      'You have not proven yet that you control im.example.com: your record was found, but another tenant holds the name.',
      shown(ok, { isHeldByAnother: true }),
    ],
    [
      'there, and not taken in',
      'No proof that you control im.example.com has been in force since 2026-11-23 at 13:00 UTC: your record was found, but nothing is served for it until it is found again.',
      shown(ok, lapsedSince(after(HOUR))),
    ],
  ])('%s', (_is, summary, explanation) => {
    expect(explanation.summary).toBe(summary)
  })

  test('shows a name to people as they write it', () => {
    const name = 'xn--bcher-kva.example' as Claim['name']
    expect(shown(null, { name }).summary).toContain('bücher.example')
    expect(shown(null, { ...proven, name }).summary).toContain('_waypost-challenge.xn--bcher-kva.example')
  })
})

describe('the advice', () => {
  const PUBLISH_IT = 'Publish the record below; it has to stay.'
  const PUBLISH_ONE = 'Publish one of the records below; it has to stay.'
  const TIME =
    'A change in DNS takes minutes to be seen everywhere, in some zones hours; this server looks again by itself.'

  test('where nothing is to be done there is none', () => {
    const ok = theFindings({ txt: aLook('TXT', [[TOKEN]]), txtSibling: aLook('TXT', ['empty']) })
    expect(shown(ok, proven).advice).toEqual([])
    expect(shown(null, vouchedSince(START)).advice).toEqual([])
    expect(shown(txt(['timeout']), vouchedSince(START)).advice).toEqual([])
  })

  test('says to publish the record, what was found, and that it is looked for again', () => {
    expect(shown(null).advice).toEqual([PUBLISH_IT, TIME])
    expect(shown(txt(['empty'])).advice).toEqual([
      PUBLISH_IT,
      'At _waypost-challenge.im.example.com there is no TXT record.',
      TIME,
    ])
  })

  test('repeats no value of a record, since the records stand beside it', () => {
    for (const mode of ['hosted', 'external'] as const)
      expect(shown(null, { mode }).advice.join(' ')).not.toMatch(new RegExp(`${TOKEN}|${EDGE}`))
  })

  test('says to publish one of the records of a hosted name, and what was found of both', () => {
    const findings = { ...txt(['empty']), cname: aLook('CNAME', ['empty']) }
    expect(shown(findings, { mode: 'hosted' }).advice).toEqual([
      PUBLISH_ONE,
      'At _waypost-challenge.im.example.com there is no TXT record.',
      'At im.example.com there is no CNAME record; an address record (A or AAAA) proves nothing.',
      TIME,
    ])
  })

  test('tells who has a proof in force to leave the record in place while nobody can be asked', () => {
    expect(shown(txt(['timeout', 'refused']), proven).advice).toEqual([
      'Leave your record in place.',
      'Too few name servers of example.com gave an answer: ns1.example.net (192.0.2.1) did not answer in time, ns2.example.net (192.0.2.2) refused to answer.',
      TIME,
    ])
  })

  test('but to publish it where it was found gone before', () => {
    expect(shown(txt(['timeout']), wavering).advice[0]).toBe(PUBLISH_IT)
  })

  test('says what becomes of a name that another holds, and not who', () => {
    const ok = theFindings({ txt: aLook('TXT', [[TOKEN]]), txtSibling: aLook('TXT', ['empty']) })
    for (const findings of [ok, txt(['empty'])]) {
      const { advice } = shown(findings, { isHeldByAnother: true })
      expect(advice.at(-2)).toMatch(/^Another tenant holds the name.*the name is yours/)
    }
  })

  test('and which servers are silent, where too few have the record to take the name from another', () => {
    const byFew = theFindings({ txt: aLook('TXT', [[TOKEN], 'timeout']), txtSibling: aLook('TXT', ['empty']) })
    expect(shown(byFew, { isHeldByAnother: true }).advice[0]).toBe(
      'At _waypost-challenge.im.example.com your TXT record was found, but not by more than half of the name servers: ns2.example.net (192.0.2.2) did not answer in time.',
    )
    expect(shown(byFew, proven).advice).toEqual([])
  })

  const found = (findings: Findings, mode: Claim['mode'] = 'external') => shown(findings, { mode }).advice.slice(1, -1)

  test.each<[is: string, said: Said[], found: RegExp]>([
    ['another value', [['waypost-Theirs']], /the TXT record has another value: "waypost-Theirs"\.$/],
    ['five values', [['a', 'b', 'c', 'd', 'e']], /another value: "a", "b", "c" and more\.$/],
    ['a long value', [['x'.repeat(300)]], /another value: "x{80}…"\.$/],
    ['a value of several lines', [['a\r\nb\u001b[31m']], /another value: "a\\r\\nb\\u001b\[31m"\.$/],
    ['other letters', [['WAYPOST-YOURS']], /"; that is yours but for upper and lower case, which matter here\.$/],
    ['other letters in quotation marks', [['"WAYPOST-YOURS"']], /yours but for upper and lower case/],
    [
      'disagreement',
      [[TOKEN], 'empty', 'no-such-name', 'timeout'],
      /disagree on .*: your record is at ns1\.example\.net \(192\.0\.2\.1\), but not at ns2\.example\.net \(192\.0\.2\.2\), ns3/,
    ],
    [
      'one old server',
      [['waypost-Theirs'], [TOKEN], 'empty'],
      /^Most name servers have no longer, or not yet, your record at .*: it is at ns2\.example\.net \(192\.0\.2\.2\), but not at ns1.*, ns3/,
    ],
    [
      'the only one of three',
      [[TOKEN], 'lame', 'malformed'],
      /Too few .*ns2.* does not serve the zone, ns3.* sent no valid answer\.$/,
    ],
    ['nobody', [], /^Too few name servers of example\.com gave an answer\.$/],
  ])('says that there is %s', (_is, said, line) => {
    expect(found(txt(said))).toEqual([expect.stringMatching(line)])
  })

  test.each<[DnsReply, string]>([
    ['server-failure', 'failed (SERVFAIL)'],
    ['refused', 'refused to answer'],
    ['lame', 'does not serve the zone'],
    ['timeout', 'did not answer in time'],
    ['unreachable', 'could not be reached'],
    ['malformed', 'sent no valid answer'],
  ])('a server with %s is named with that', (reply, words) => {
    expect(found(txt([reply]))[0]).toContain(`ns1.example.net (192.0.2.1) ${words}`)
  })

  test('a server without an address and one whose address is not asked read alike', () => {
    const replies = [aReply('ns1.example.net', 'not-asked', '')]
    expect(found(txt([], { replies }))[0]).toMatch(/: ns1\.example\.net has no public address that could be asked\.$/)
  })

  test.each<[LookFault, RegExp]>([
    ['no-resolver', /not for you to mend/],
    ['no-zone', /see that the domain is registered and delegated/],
    [
      'no-servers',
      /zone example\.com is delegated to name servers of which none has a public address that could be asked: ns1\.example\.net\./,
    ],
    ['servers-disagree', /disagree on where the alias at .* leads/],
    [
      'alias-loop',
      /at _waypost-challenge\.im\.example\.com \(an alias of b\.example, then of c\.example\) lead round in a circle/,
    ],
    ['too-many-aliases', /lead through too many names/],
  ])('the fault %s is put into words', (fault, line) => {
    const replies = [aReply('ns1.example.net', 'not-asked', '')]
    const findings = txt([], { fault, replies, aliases: fault === 'alias-loop' ? ['b.example', 'c.example'] : [] })
    expect(found(findings)).toEqual([expect.stringMatching(line)])
  })

  test('says so once where both records have the same trouble', () => {
    const fault = { fault: 'no-resolver', zone: null } as const
    const findings = { ...txt([], fault), cname: aLook('CNAME', [], fault) }
    expect(found(findings, 'hosted')).toHaveLength(1)
  })

  test('says that it is a wildcard, or might be one', () => {
    const wildcard = theFindings({ txt: aLook('TXT', [[TOKEN]]), txtSibling: aLook('TXT', [[TOKEN]]) })
    expect(found(wildcard)[0]).toContain('by a wildcard record')
    const parked = { aliases: ['parked.example.org'], zone: 'example.org' }
    const byAlias = { txt: aLook('TXT', [[TOKEN]], parked), txtSibling: aLook('TXT', ['empty'], parked) }
    expect(found(theFindings(byAlias))[0]).toBe(
      'At _waypost-challenge.im.example.com (an alias of parked.example.org) your value was found, but by a wildcard alias (or a DNAME record), which leads every name beside it there too: publish a TXT record at _waypost-challenge.im.example.com itself.',
    )
    const doubtful = theFindings({ txt: aLook('TXT', [[TOKEN]]), txtSibling: aLook('TXT', ['timeout']) })
    expect(found(doubtful)[0]).toMatch(/whether it is a wildcard's could not be asked: ns1.* did not answer in time\.$/)
  })

  describe('of a panel that adds the zone to names', () => {
    const noName = (given: Partial<Look> = {}) => aLook('TXT', ['no-such-name', 'no-such-name'], given)

    test('says what it has made of the name, and what to enter', () => {
      expect(found(theFindings({ txt: noName() }))).toEqual([
        'There is no name _waypost-challenge.im.example.com in DNS.',
        'Some DNS panels add example.com to a name by themselves, and make _waypost-challenge.im.example.com.example.com of the whole one: enter only _waypost-challenge.im there.',
      ])
    })

    test('says it once of both records', () => {
      const findings = theFindings({ txt: noName(), cname: aLook('CNAME', ['no-such-name']) })
      const lines = found(findings, 'hosted')
      expect(lines).toHaveLength(3)
      expect(lines[2]).toMatch(/enter only _waypost-challenge\.im or im there\.$/)
    })

    test.each<[is: string, given: Partial<Look>]>([
      ['the zone was not learnt', { zone: null }],
      ['the name is not below the zone', { zone: 'example.org' }],
      ['it is the name that an alias leads to', { aliases: ['x.example.com'] }],
    ])('says nothing of it where %s', (_is, given) => {
      expect(found(theFindings({ txt: noName(given) })).join(' ')).not.toContain('panel')
    })

    test('says nothing of it where the name is there', () => {
      expect(found(txt(['no-such-name', 'no-such-name', 'empty'])).join(' ')).not.toContain('panel')
    })
  })

  test('says where the challenge is an alias', () => {
    expect(found(txt(['empty'], { aliases: ['x.example.org'], zone: 'example.org' }))).toEqual([
      'At _waypost-challenge.im.example.com (an alias of x.example.org) there is no TXT record: publish it where the alias leads, or in place of the alias.',
    ])
  })

  test.each<[is: string, look: Look]>([
    ["the tenant's own edge name", aLook('TXT', ['empty'], { aliases: [EDGE], zone: 'example.net' })],
    ['a name below it', aLook('TXT', ['no-such-name'], { aliases: ['x.example', `w.${EDGE}`], zone: 'example.net' })],
    ['one that nobody answers for', aLook('TXT', [], { aliases: [EDGE], zone: null, fault: 'no-zone' })],
  ])('says that an alias hides the challenge where it leads to %s', (_is, look) => {
    expect(found(theFindings({ txt: look }))).toEqual([
      `An alias (CNAME), probably that of a wildcard, leads _waypost-challenge.im.example.com to ${look.aliases.at(-1)!}, and hides the challenge: publish the TXT record at _waypost-challenge.im.example.com itself, in place of any alias there.`,
    ])
  })

  test('but not where it leads to a name that only ends alike', () => {
    expect(found(txt(['empty'], { aliases: [`x${EDGE}`] }))[0]).not.toContain('hides')
  })

  test('nor where the record was found there', () => {
    const there = { aliases: [EDGE], zone: 'example.net' }
    const byFew = { txt: aLook('TXT', [[TOKEN], 'timeout'], there), txtSibling: aLook('TXT', ['empty']) }
    expect(shown(theFindings(byFew), { isHeldByAnother: true }).advice[0]).toContain('your TXT record was found')
  })

  describe('of the record that its owner has not chosen', () => {
    const both = (txt: Look, cname: Look) => found(theFindings({ txt, cname }), 'hosted')
    const line = (text: string): unknown => expect.stringContaining(text)
    const noTxt = aLook('TXT', ['empty'])
    const noCname = aLook('CNAME', ['empty'])

    test.each<[is: string, txt: Look]>([
      ['another value', aLook('TXT', [['waypost-Theirs']])],
      ['disagreement', aLook('TXT', [[TOKEN], 'empty'])],
      ['an alias', aLook('TXT', ['empty'], { aliases: [EDGE] })],
      ['a fault', aLook('TXT', [], { fault: 'servers-disagree' })],
    ])('says nothing of a missing CNAME record where of the TXT record there is %s', (_is, txt) => {
      expect(both(txt, noCname)).toEqual([line('_waypost-challenge.im.example.com')])
    })

    test.each<[is: string, cname: Look]>([
      ['the edge name of all', aLook('CNAME', [['edge.example.net']])],
      ["another's edge name", aLook('CNAME', [['theirs.edge.example.net']])],
      ['no final dot', aLook('CNAME', [[`${EDGE}.example.com`]])],
      ['disagreement', aLook('CNAME', [[EDGE], 'empty'])],
      ['a fault', aLook('CNAME', [], { fault: 'no-servers' })],
    ])('says nothing of a missing TXT record where of the CNAME record there is %s', (_is, cname) => {
      expect(both(noTxt, cname)).toEqual([expect.not.stringContaining('_waypost-challenge')])
    })

    test('speaks of both where the name is an alias of something else, as it may have been before', () => {
      expect(both(noTxt, aLook('CNAME', [['www.example.org']]))).toEqual([
        line('there is no TXT record'),
        'At im.example.com the CNAME record has another value: "www.example.org".',
      ])
    })

    test('speaks of both where nobody answers for the other', () => {
      expect(both(noTxt, aLook('CNAME', ['timeout']))).toEqual([line('there is no TXT record'), line('Too few')])
    })

    test('says once that the servers of the zone are silent', () => {
      expect(both(aLook('TXT', ['timeout']), aLook('CNAME', ['timeout']))).toEqual([
        'Too few name servers of example.com gave an answer: ns1.example.net (192.0.2.1) did not answer in time.',
      ])
    })
  })

  test('says where a CNAME record leads instead', () => {
    const cname = (value: string, given: Partial<Look> = {}) =>
      found({ ...txt(['empty']), cname: aLook('CNAME', [[value]], given) }, 'hosted').at(-1)
    expect(cname('www.example.org')).toBe('At im.example.com the CNAME record has another value: "www.example.org".')
    expect(cname('edge.example.net')).toContain('all tenants have that one in common')
    expect(cname(`${EDGE}.example.com`)).toMatch(
      /; that is yours with example\.com added, since its final dot was forgotten\.$/,
    )
    expect(cname(`${EDGE}.example.org`)).not.toContain('dot')
    expect(cname(`${EDGE}.null`, { zone: null })).not.toContain('dot')
  })
})

test.each<[ControlState, Sighting['outcome'] | null, boolean]>([
  ['vouched', 'wrong', false],
  ['proven', null, false],
  ['proven', 'ok', false],
  ['proven', 'could-not-ask', false],
  ['proven', 'wrong', true],
  ['wavering', 'could-not-ask', true],
  ['unproven', null, true],
  ['unproven', 'ok', false],
  ['lapsed', 'wrong', true],
])('to who is %s, and the last look was %s, the records are shown: %s', (state, outcome, isShown) => {
  expect(isToPublish(state, outcome)).toBe(isShown)
})

test('an explanation has the state, the sighting and when it ends', () => {
  expect(shown(txt(['empty']), wavering)).toMatchObject({
    state: 'wavering',
    sighting: { outcome: 'wrong' },
    lookedAt: after(HOUR),
    lapsesAt: after(73 * HOUR),
    nextCheckAt: NEXT,
  })
})

test('a look from before the claim, or before it was a hosted one, says nothing about it', () => {
  const nothing = { sighting: null, lookedAt: null, looks: [] }
  expect(shown(txt(['empty']), { claimedAt: after(2 * HOUR) })).toMatchObject(nothing)
  expect(shown(txt(['empty']), { mode: 'hosted' })).toMatchObject(nothing)
})
