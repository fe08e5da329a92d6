import { describe, expect, test } from 'vitest'
import {
  isSeen,
  sightingOf,
  zoneServers,
  type DnsReply,
  type Findings,
  type Look,
  type LookFault,
} from '../../src/tenant/findings.ts'
import { aLook, aReply, theFindings, type Said } from './dns.ts'

const TOKEN = 'waypost-Yours'
const EDGE = 'tmine.edge.example.net'
const wanted = { token: TOKEN, edgeName: EDGE }
const external = { mode: 'external' } as const
const hosted = { mode: 'hosted' } as const
const nothingBeside = aLook('TXT', ['no-such-name', 'no-such-name'])

describe('of a TXT record', () => {
  const outcomeOf = (txt: Look, txtSibling: Look | null = nothingBeside) =>
    sightingOf(external, wanted, theFindings({ txt, txtSibling })).outcome

  test.each<[is: string, outcome: string, said: Said[]]>([
    ['all servers have it', 'ok', [[TOKEN], [TOKEN]]],
    ['it is one of several', 'ok', [['v=spf1 -all', TOKEN, 'waypost-theirs']]],
    ['it has white space around it', 'ok', [[` ${TOKEN}\t`]]],
    ['half of them have it, and the others fail', 'ok', [[TOKEN], [TOKEN], 'timeout', 'server-failure']],
    ['less than half have it, and the others fail', 'could-not-ask', [[TOKEN], 'timeout', 'timeout']],
    ['one has it and one has not', 'could-not-ask', [[TOKEN], 'empty']],
    ['one has it and one has another', 'could-not-ask', [[TOKEN], ['waypost-theirs']]],
    ['one has it and one knows no such name', 'could-not-ask', [[TOKEN], 'no-such-name', 'timeout']],
    ['none has it', 'wrong', ['empty', 'no-such-name']],
    ['half of them lack it, and the others fail', 'wrong', ['empty', 'refused']],
    ['less than half lack it, and the others fail', 'could-not-ask', ['empty', 'refused', 'lame']],
    ['it has another value', 'wrong', [['waypost-theirs'], ['waypost-theirs']]],
    ['it is in other letters', 'wrong', [[TOKEN.toLowerCase()]]],
    ['it has more behind it', 'wrong', [[`${TOKEN}.`]]],
    ['it is within another text', 'wrong', [[`token=${TOKEN} ok`]]],
    ['it is in quotation marks', 'wrong', [[`"${TOKEN}"`]]],
    ['there is no server', 'could-not-ask', []],
  ])('%s: %s', (_is, outcome, said) => {
    expect(outcomeOf(aLook('TXT', said))).toBe(outcome)
  })

  test.each<DnsReply>(['server-failure', 'refused', 'lame', 'timeout', 'unreachable', 'malformed', 'not-asked'])(
    'a server that is %s says nothing, whatever it sends along',
    (reply) => {
      const silent = { server: 'ns1.example.net', address: '192.0.2.1', reply, values: [TOKEN] }
      expect(outcomeOf(aLook('TXT', [], { replies: [silent] }))).toBe('could-not-ask')
      expect(outcomeOf(aLook('TXT', [], { replies: [silent, aReply('ns2.example.net', 'empty', '')] }))).toBe('wrong')
    },
  )

  test.each<[LookFault, string]>([
    ['no-resolver', 'could-not-ask'],
    ['no-zone', 'could-not-ask'],
    ['no-servers', 'could-not-ask'],
    ['servers-disagree', 'could-not-ask'],
    ['alias-loop', 'wrong'],
    ['too-many-aliases', 'wrong'],
  ])('the fault %s is %s, whatever was replied', (fault, outcome) => {
    for (const said of [[], ['empty'], [[TOKEN]]] satisfies Said[][])
      expect(outcomeOf(aLook('TXT', said, { fault }))).toBe(outcome)
  })

  test('a server counts once, however many of its addresses are out of reach', () => {
    const replies = [
      aReply('ns1.example.net', [TOKEN], '192.0.2.1'),
      aReply('ns1.example.net', 'unreachable', '2001:db8::1'),
      aReply('ns1.example.net', 'unreachable', '2001:db8::2'),
      aReply('ns2.example.net', 'timeout', '192.0.2.2'),
    ]
    expect(outcomeOf(aLook('TXT', [], { replies }))).toBe('ok')
  })

  test('but all of its addresses that say something have to agree', () => {
    const replies = [aReply('ns1.example.net', [TOKEN], '192.0.2.1'), aReply('ns1.example.net', 'empty', '192.0.2.2')]
    expect(outcomeOf(aLook('TXT', [], { replies }))).toBe('could-not-ask')
  })

  test('T3: an alias into a zone of somebody else proves what the token says, and no more', () => {
    const elsewhere = { aliases: ['challenges.example.org'], zone: 'example.org' }
    expect(outcomeOf(aLook('TXT', [[TOKEN, 'waypost-theirs']], elsewhere))).toBe('ok')
    expect(outcomeOf(aLook('TXT', [['waypost-theirs']], elsewhere))).toBe('wrong')
  })

  test.each<[is: string, outcome: string, beside: Look | null]>([
    ['has it too: it is a wildcard, and absent', 'wrong', aLook('TXT', [[TOKEN], [TOKEN]])],
    ['has other values', 'ok', aLook('TXT', [['v=spf1 -all'], ['v=spf1 -all']])],
    ['is empty', 'ok', aLook('TXT', ['empty', 'empty'])],
    ['has an alias that leads in a circle', 'ok', aLook('TXT', [], { fault: 'alias-loop' })],
    ['has it on one server only', 'could-not-ask', aLook('TXT', [[TOKEN], 'empty'])],
    ['could not be asked for', 'could-not-ask', aLook('TXT', ['timeout', 'timeout'])],
    ['was not asked for, since the claim came later', 'could-not-ask', null],
  ])('T3: a name beside it %s', (_is, outcome, beside) => {
    expect(outcomeOf(aLook('TXT', [[TOKEN]]), beside)).toBe(outcome)
  })
})

describe('of a CNAME record', () => {
  const cnameBeside = aLook('CNAME', ['no-such-name'])
  const sighting = (given: Partial<Findings>, claim: { mode: 'hosted' | 'external' } = hosted) =>
    sightingOf(claim, wanted, theFindings({ cnameSibling: cnameBeside, ...given }))

  test.each<[is: string, outcome: string, said: Said[]]>([
    ["the tenant's own edge name", 'ok', [[EDGE], [EDGE]]],
    ["another tenant's", 'wrong', [['theirs.edge.example.net']]],
    ['T2: the shared edge name', 'wrong', [['edge.example.net']]],
    ['a name below it', 'wrong', [[`www.${EDGE}`]]],
    ['a name that it ends', 'wrong', [[`x${EDGE}`]]],
    ['two names, of which one is it', 'wrong', [[EDGE, 'theirs.edge.example.net']]],
    ['T2: none, there are addresses', 'wrong', ['empty']],
    ['not the same everywhere', 'could-not-ask', [[EDGE], ['theirs.edge.example.net']]],
  ])('%s: %s', (_is, outcome, said) => {
    expect(sighting({ cname: aLook('CNAME', said) }).outcome).toBe(outcome)
  })

  test('it proves control where no TXT record does', () => {
    expect(sighting({ cname: aLook('CNAME', [[EDGE]]) })).toEqual({ outcome: 'ok', proof: 'cname' })
  })

  test('the TXT record goes first where both are there', () => {
    const both = { txt: aLook('TXT', [[TOKEN]]), txtSibling: nothingBeside, cname: aLook('CNAME', [[EDGE]]) }
    expect(sighting(both)).toEqual({ outcome: 'ok', proof: 'txt' })
  })

  test('it proves nothing for an external name', () => {
    expect(sighting({ cname: aLook('CNAME', [[EDGE]]) }, external).outcome).toBe('wrong')
  })

  test('an external name is not asked about it, so that it cannot be in doubt for its sake', () => {
    expect(sighting({ cname: aLook('CNAME', ['timeout']) }, external).outcome).toBe('wrong')
  })

  test('T3: a wildcard that leads all names there is none', () => {
    const wildcard = { cname: aLook('CNAME', [[EDGE]]), cnameSibling: aLook('CNAME', [[EDGE]]) }
    expect(sighting(wildcard).outcome).toBe('wrong')
  })

  test.each<[is: string, outcome: string, given: Partial<Findings>]>([
    ['could not be asked for, and no TXT record is there', 'could-not-ask', { cname: aLook('CNAME', ['timeout']) }],
    ['was asked for nobody', 'could-not-ask', { cname: null }],
    [
      'is not there, and TXT could not be asked for',
      'could-not-ask',
      { cname: aLook('CNAME', ['empty']), txt: aLook('TXT', ['timeout']) },
    ],
    ['is not there, and no TXT record is', 'wrong', { cname: aLook('CNAME', ['empty']) }],
    [
      'is there, and TXT could not be asked for',
      'ok',
      { cname: aLook('CNAME', [[EDGE]]), txt: aLook('TXT', ['lame']) },
    ],
  ])('it %s: %s', (_is, outcome, given) => {
    expect(sighting(given).outcome).toBe(outcome)
  })
})

test('a record is seen, and a name beside it asked for, only where it counts', () => {
  expect(isSeen(aLook('TXT', [[TOKEN], 'timeout']), TOKEN)).toBe(true)
  expect(isSeen(aLook('TXT', [[TOKEN], 'empty']), TOKEN)).toBe(false)
  expect(isSeen(aLook('TXT', ['empty']), TOKEN)).toBe(false)
})

describe('the servers of the zone', () => {
  test('are named once each, in order', () => {
    const replies = ['b.example.net', 'a.example.net', 'b.example.net'].map((name) => aReply(name, 'empty', ''))
    expect(zoneServers(theFindings({ txt: aLook('TXT', [], { replies }) }))).toEqual(['a.example.net', 'b.example.net'])
  })

  test('are not those behind an alias', () => {
    const txt = aLook('TXT', [[TOKEN]], { aliases: ['challenges.example.org'], zone: 'example.org' })
    expect(zoneServers(theFindings({ txt }))).toBeNull()
    expect(zoneServers(theFindings({ txt, cname: aLook('CNAME', ['empty']) }))).toEqual(['ns1.example.net'])
  })

  test('are unknown where the zone was not learnt', () => {
    expect(zoneServers(theFindings({ txt: aLook('TXT', [], { zone: null, fault: 'no-resolver' }) }))).toBeNull()
  })
})
