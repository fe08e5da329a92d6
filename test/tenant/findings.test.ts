import { describe, expect, test } from 'vitest'
import type { Sighting } from '../../src/tenant/control.ts'
import {
  isSeen,
  sightingOf,
  withoutBulk,
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

/** "ok by most", "could-not-ask" */
function inWords(sighting: Sighting): string {
  return 'isByMost' in sighting && sighting.isByMost ? `${sighting.outcome} by most` : sighting.outcome
}

describe('of a TXT record', () => {
  const outcomeOf = (txt: Look, txtSibling: Look | null = nothingBeside) =>
    inWords(sightingOf(external, wanted, theFindings({ txt, txtSibling })))

  test.each<[is: string, outcome: string, said: Said[]]>([
    ['all servers have it', 'ok by most', [[TOKEN], [TOKEN]]],
    ['it is one of several', 'ok by most', [['v=spf1 -all', TOKEN, 'waypost-theirs']]],
    ['it has white space around it', 'ok by most', [[` ${TOKEN}\t`]]],
    ['more than half have it, and the others fail', 'ok by most', [[TOKEN], [TOKEN], 'timeout']],
    ['more than half have it, and one has not', 'ok by most', [[TOKEN], [TOKEN], 'empty']],
    ['half of them have it, and the others fail', 'ok', [[TOKEN], [TOKEN], 'timeout', 'server-failure']],
    ['half of them have it, and one has not', 'could-not-ask', [[TOKEN], [TOKEN], 'timeout', 'empty']],
    ['less than half have it, and the others fail', 'could-not-ask', [[TOKEN], 'timeout', 'timeout']],
    ['one has it and one has not', 'could-not-ask', [[TOKEN], 'empty']],
    ['one has it and one has another', 'could-not-ask', [[TOKEN], ['waypost-theirs']]],
    ['one has it and one knows no such name', 'could-not-ask', [[TOKEN], 'no-such-name', 'timeout']],
    ['none has it', 'wrong by most', ['empty', 'no-such-name']],
    ['more than half lack it, and one has it', 'wrong by most', ['empty', ['waypost-theirs'], [TOKEN]]],
    ['half of them lack it, and the others fail', 'wrong', ['empty', 'refused']],
    ['half of them lack it, and one has it', 'could-not-ask', ['empty', 'empty', 'lame', [TOKEN]]],
    ['less than half lack it, and the others fail', 'could-not-ask', ['empty', 'refused', 'lame']],
    ['it has another value', 'wrong by most', [['waypost-theirs'], ['waypost-theirs']]],
    ['it is in other letters', 'wrong by most', [[TOKEN.toLowerCase()]]],
    ['it has more behind it', 'wrong by most', [[`${TOKEN}.`]]],
    ['it is within another text', 'wrong by most', [[`token=${TOKEN} ok`]]],
    ['it is in quotation marks', 'ok by most', [[`"${TOKEN}"`]]],
    ['it is in quotation marks, with white space all around', 'ok by most', [[` " ${TOKEN}\t" `]]],
    ['it is in two pairs of quotation marks', 'wrong by most', [[`""${TOKEN}""`]]],
    ['it has one quotation mark', 'wrong by most', [[`"${TOKEN}`, `${TOKEN}"`]]],
    ['it is in other quotation marks', 'wrong by most', [[`'${TOKEN}'`, `“${TOKEN}”`]]],
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
    for (const said of [[], ['timeout'], [[TOKEN]]] satisfies Said[][])
      expect(outcomeOf(aLook('TXT', said, { fault }))).toBe(outcome)
  })

  test('aliases that lead nowhere are believed as far as the servers that say so are most of all', () => {
    const loop: Partial<Look> = { fault: 'alias-loop', aliases: ['b.example'] }
    const leading = ['_waypost-challenge.im.example.com']
    expect(outcomeOf(aLook('TXT', [leading, leading, 'timeout'], loop))).toBe('wrong by most')
    expect(outcomeOf(aLook('TXT', [leading, 'timeout'], loop))).toBe('wrong')
    expect(outcomeOf(aLook('TXT', [leading], { ...loop, isLedByFew: true }))).toBe('wrong')
  })

  test('a server counts once, however many of its addresses are out of reach', () => {
    const replies = [
      aReply('ns1.example.net', [TOKEN], '192.0.2.1'),
      aReply('ns1.example.net', 'unreachable', '2001:db8::1'),
      aReply('ns1.example.net', 'unreachable', '2001:db8::2'),
      aReply('ns2.example.net', 'timeout', '192.0.2.2'),
    ]
    expect(outcomeOf(aLook('TXT', [], { replies }))).toBe('ok')
    expect(outcomeOf(aLook('TXT', [], { replies: replies.slice(0, 3) }))).toBe('ok by most')
  })

  test('nor is it more than one by having many addresses', () => {
    const many = Array.from({ length: 4 }, (_, index) => aReply('ns1.example.net', [TOKEN], `192.0.2.${index}`))
    const others = ['ns2', 'ns3', 'ns4'].map((server) => aReply(`${server}.example.net`, 'empty', '192.0.2.9'))
    expect(outcomeOf(aLook('TXT', [], { replies: [...many, ...others] }))).toBe('wrong by most')
  })

  test('but all of its addresses that say something have to agree', () => {
    const torn = [aReply('ns1.example.net', [TOKEN], '192.0.2.1'), aReply('ns1.example.net', 'empty', '192.0.2.2')]
    expect(outcomeOf(aLook('TXT', [], { replies: torn }))).toBe('could-not-ask')
    const oneMore = [...torn, aReply('ns2.example.net', [TOKEN], '192.0.2.3')]
    expect(outcomeOf(aLook('TXT', [], { replies: oneMore }))).toBe('could-not-ask')
    const twoMore = [...oneMore, aReply('ns3.example.net', [TOKEN], '192.0.2.4')]
    expect(outcomeOf(aLook('TXT', [], { replies: twoMore }))).toBe('ok by most')
  })

  test('T3: an alias into a zone of somebody else proves what the token says, and no more', () => {
    const elsewhere = { aliases: ['challenges.example.org'], zone: 'example.org' }
    expect(outcomeOf(aLook('TXT', [[TOKEN, 'waypost-theirs']], elsewhere))).toBe('ok by most')
    expect(outcomeOf(aLook('TXT', [['waypost-theirs']], elsewhere))).toBe('wrong by most')
  })

  test('what few servers of a zone on the way say is not what most say, however many say it at its end', () => {
    const elsewhere: Partial<Look> = { aliases: ['challenges.example.org'], zone: 'example.org', isLedByFew: true }
    expect(outcomeOf(aLook('TXT', [[TOKEN], [TOKEN]], elsewhere))).toBe('ok')
    expect(outcomeOf(aLook('TXT', ['empty', 'empty'], elsewhere))).toBe('wrong')
  })

  describe('T3: a wildcard that is an alias: whoever it leads to answers two questions as they like', () => {
    const parked = { aliases: ['parked.attacker.test'], zone: 'attacker.test' }
    const beside = (said: Said[], given: Partial<Look>) =>
      aLook('TXT', said, { name: 'waypost-0.im.example.com', ...given })

    test.each<[is: string, beside: Look]>([
      ['has nothing', beside(['empty'], parked)],
      ['has it too', beside([[TOKEN]], parked)],
      ['does not answer', beside(['timeout'], parked)],
      ['leads on in a circle', beside([], { ...parked, fault: 'alias-loop' })],
      ['leads on elsewhere', beside([['v=spf1 -all']], { aliases: [...parked.aliases, 'x.example'], zone: 'example' })],
    ])('what it leads to %s the second time: absent', (_is, beside) => {
      expect(outcomeOf(aLook('TXT', [[TOKEN], [TOKEN]], parked), beside)).toBe('wrong by most')
      expect(outcomeOf(aLook('TXT', [[TOKEN]], { ...parked, aliases: ['parked.attacker.test', 'a.b'] }), beside)).toBe(
        'wrong by most',
      )
    })

    test('and where few servers say that it leads there, few say that it is one', () => {
      const few = { ...parked, isLedByFew: true } as const
      expect(outcomeOf(aLook('TXT', [[TOKEN]], few), beside(['empty'], parked))).toBe('wrong')
      expect(outcomeOf(aLook('TXT', [[TOKEN]], parked), beside(['empty'], few))).toBe('wrong')
    })

    test('the same by a DNAME record, which leads each name to one of its own', () => {
      const dname = { aliases: ['_waypost-challenge.im.attacker.test'], zone: 'attacker.test' }
      const besideIt = beside(['empty'], { ...dname, aliases: ['waypost-0.im.attacker.test'] })
      expect(outcomeOf(aLook('TXT', [[TOKEN]], dname), besideIt)).toBe('wrong by most')
    })

    test('an alias of the challenge name itself is none, though it leads into the same zone', () => {
      const own = { aliases: ['mine.attacker.test'], zone: 'attacker.test' }
      expect(outcomeOf(aLook('TXT', [[TOKEN]], own), beside(['empty'], parked))).toBe('ok by most')
      expect(outcomeOf(aLook('TXT', [[TOKEN]], own), beside(['no-such-name'], {}))).toBe('ok by most')
    })

    test.each<[is: string, said: Said]>([
      ['has nothing', 'empty'],
      ['is dead', 'timeout'],
      ['repeats the token, which all can read', [TOKEN]],
    ])('a TXT record of its own beside one proves, though what the wildcard leads to %s', (_is, said) => {
      expect(outcomeOf(aLook('TXT', [[TOKEN], [TOKEN]]), beside([said], parked))).toBe('ok by most')
      expect(outcomeOf(aLook('TXT', [[TOKEN]]), beside([said], { ...parked, isLedByFew: true }))).toBe('ok')
    })
  })

  test.each<[is: string, outcome: string, beside: Look | null]>([
    ['has it too: it is a wildcard, and absent', 'wrong by most', aLook('TXT', [[TOKEN], [TOKEN]])],
    ['has other values', 'ok by most', aLook('TXT', [['v=spf1 -all'], ['v=spf1 -all']])],
    ['is empty', 'ok by most', aLook('TXT', ['empty', 'empty'])],
    ['is empty as far as it was answered', 'ok', aLook('TXT', ['empty', 'timeout'])],
    ['has an alias that leads in a circle', 'ok by most', aLook('TXT', [], { fault: 'alias-loop', aliases: ['x.y'] })],
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
    ["the tenant's own edge name", 'ok by most', [[EDGE], [EDGE]]],
    ["the tenant's own edge name, by one of two", 'ok', [[EDGE], 'timeout']],
    ["another tenant's", 'wrong by most', [['theirs.edge.example.net']]],
    ["another tenant's, by one of two", 'wrong', [['theirs.edge.example.net'], 'timeout']],
    ['T2: the shared edge name', 'wrong by most', [['edge.example.net']]],
    ['a name below it', 'wrong by most', [[`www.${EDGE}`]]],
    ['a name that it ends', 'wrong by most', [[`x${EDGE}`]]],
    ['a name of which a label ends in a space', 'wrong by most', [[`${EDGE} `]]],
    ['a name in quotation marks', 'wrong by most', [[`"${EDGE}"`]]],
    ['two names, of which one is it', 'wrong by most', [[EDGE, 'theirs.edge.example.net']]],
    ['T2: none, there are addresses', 'wrong by most', ['empty']],
    ['not the same everywhere', 'could-not-ask', [[EDGE], ['theirs.edge.example.net']]],
  ])('%s: %s', (_is, outcome, said) => {
    expect(inWords(sighting({ cname: aLook('CNAME', said) }))).toBe(outcome)
  })

  test('it proves control where no TXT record does', () => {
    expect(sighting({ cname: aLook('CNAME', [[EDGE]]) })).toEqual({ outcome: 'ok', proof: 'cname', isByMost: true })
  })

  test('the TXT record goes first where both are there', () => {
    const both = { txt: aLook('TXT', [[TOKEN]]), txtSibling: nothingBeside, cname: aLook('CNAME', [[EDGE]]) }
    expect(sighting(both)).toEqual({ outcome: 'ok', proof: 'txt', isByMost: true })
  })

  test('what most servers say of one of the records is enough; that both are gone, most have to say of both', () => {
    const few = { txt: aLook('TXT', [[TOKEN], 'timeout']), txtSibling: nothingBeside }
    expect(sighting({ ...few, cname: aLook('CNAME', [[EDGE]]) })).toEqual({
      outcome: 'ok',
      proof: 'txt',
      isByMost: true,
    })
    expect(sighting({ ...few, cname: aLook('CNAME', ['empty']) })).toEqual({
      outcome: 'ok',
      proof: 'txt',
      isByMost: false,
    })
    const gone = aLook('TXT', ['empty', 'timeout'])
    expect(inWords(sighting({ txt: gone, cname: aLook('CNAME', ['empty']) }))).toBe('wrong')
    expect(inWords(sighting({ cname: aLook('CNAME', ['empty', 'timeout']) }))).toBe('wrong')
    expect(inWords(sighting({ cname: aLook('CNAME', ['empty']) }))).toBe('wrong by most')
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

describe('what is kept of a look', () => {
  const others = Array.from({ length: 50 }, (_, index) => `${index} ${'x'.repeat(index === 1 ? 60_000 : 10)}`)
  const keptOf = (said: Said[], type: Look['type'] = 'TXT') => {
    const look = aLook(type, said)
    const findings = type === 'TXT' ? { txt: look, txtSibling: look } : { cname: look, cnameSibling: look }
    return withoutBulk(theFindings(findings), [
      wanted,
      { token: 'waypost-Theirs', edgeName: 'theirs.edge.example.net' },
    ])
  }

  test('is what is wanted of it, and the first four values beside, none of them long', () => {
    const { txt, txtSibling } = keptOf([[...others, ` ${TOKEN}`, 'waypost-Theirs']])
    expect(txt.replies[0]!.values).toEqual([
      TOKEN,
      'waypost-Theirs',
      others[0],
      `${others[1]!.slice(0, 99)}…`,
      ...others.slice(2, 4),
    ])
    expect(txtSibling!.replies).toEqual(txt.replies)
  })

  test('is one of each where a value is there in many spellings', () => {
    const spellings = Array.from({ length: 200 }, (_, index) => ' '.repeat(index) + TOKEN)
    const quoted = spellings.map((value) => `"${value}"`)
    expect(keptOf([[...spellings, ...quoted]]).txt.replies[0]!.values).toEqual([TOKEN])
  })

  test('is small, whatever the servers of a zone say', () => {
    const bulk = Array.from({ length: 54 }, (_, index) => '\u0001'.repeat(200) + index)
    const kept = keptOf(Array.from({ length: 16 }, () => bulk))
    expect(JSON.stringify(kept).length).toBeLessThan(100_000)
  })

  test.each<[is: string, said: Said[]]>([
    ['the value is behind many others', [[...others, TOKEN]]],
    ['it is nowhere', [others]],
    ['one begins with it', [[`${TOKEN}${' '.repeat(70)}x`]]],
    ['it is in quotation marks behind many others', [[...others, `"${TOKEN}"`]]],
    ['it is in two pairs of quotation marks', [[`""${TOKEN}""`]]],
    ['one begins with it, in quotation marks', [[`"${TOKEN}"${' '.repeat(70)}x"`]]],
    ['one has it and one has not', [[...others, TOKEN], others]],
    ['most have it', [[...others, TOKEN], [TOKEN], others]],
    ['nobody answers', ['timeout']],
  ])('says the same as before where %s', (_is, said) => {
    const whole = theFindings({ txt: aLook('TXT', said), txtSibling: nothingBeside })
    expect(sightingOf(external, wanted, withoutBulk(whole, [wanted]))).toEqual(sightingOf(external, wanted, whole))
  })

  test.each<[is: string, values: string[]]>([
    ['the name is one of many', [...others, EDGE]],
    ['it is there twice', [EDGE, EDGE]],
    ['one begins with it', [`${EDGE} ${'x'.repeat(100)}`]],
    ['one is it but for a space', [`${EDGE} `]],
  ])('says the same as before of a CNAME record where %s', (_is, values) => {
    const whole = theFindings({ cname: aLook('CNAME', [values]), cnameSibling: aLook('CNAME', ['no-such-name']) })
    expect(sightingOf(hosted, wanted, withoutBulk(whole, [wanted]))).toEqual(sightingOf(hosted, wanted, whole))
  })
})
