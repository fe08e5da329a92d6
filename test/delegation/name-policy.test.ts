import { describe, expect, test } from 'vitest'
import { requireRegistrable, type NamePolicy } from '../../src/delegation/name-policy.ts'
import { domainName } from '../../src/name.ts'
import { ProblemError } from '../../src/problem.ts'
import { nameCorpus } from '../support/name-corpus.ts'

const POLICY: NamePolicy = {
  adminHost: domainName('admin.example.net'),
  edgeName: domainName('edge.example.net'),
  allow: [],
}

function judge(text: string, policy = POLICY): { verdict: string; why: string } {
  try {
    const name = domainName(text)
    requireRegistrable(name, policy)
    return { verdict: 'ok', why: name }
  } catch (refusal) {
    if (!(refusal instanceof ProblemError)) throw refusal
    return { verdict: refusal.code, why: refusal.rule ?? '' }
  }
}

function refusal(text: string, policy = POLICY): string {
  try {
    requireRegistrable(domainName(text), policy)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

describe('S10, T5 and T6: the corpus of names', () => {
  test('it has 80 names and more, of every verdict and rule', () => {
    expect(nameCorpus.length).toBeGreaterThanOrEqual(80)
    expect(new Set(nameCorpus.map(({ verdict }) => verdict)).size).toBe(3)
    const rules = nameCorpus.filter(({ verdict }) => verdict === 'name-refused').map(({ why }) => why)
    expect([...new Set(rules)].sort()).toEqual([
      ...['admin-host', 'edge-name', 'mixed-scripts', 'public-suffix', 'special-use', 'too-long'],
    ])
  })

  test.each(nameCorpus)('$name: $verdict, $why', ({ name, verdict, why }) => {
    const judged = judge(name)
    expect(judged.verdict).toBe(verdict)
    if (verdict !== 'malformed-name') expect(judged.why).toBe(why)
  })
})

describe('names that the operator allows', () => {
  const allow = ['github.io', 'test', 'example.com', 'home.arpa', 'lan']

  test.each(['github.io', 'im.test', 'example.com', 'im.example.com', 'im.home.arpa'])('%s may be registered', (name) =>
    expect(judge(name, { ...POLICY, allow })).toEqual({ verdict: 'ok', why: name }),
  )

  test.each([
    ['beside it', 'im.example.org', 'special-use'],
    ['above it', 'im.arpa', 'special-use'],
    ['of which it is only the end of a label', 'im.latest.example', 'special-use'],
    ['another public suffix', 'gitlab.io', 'public-suffix'],
    ['below it in letters that nobody can tell apart', 'раураl.test', 'mixed-scripts'],
  ])('but not what is %s: %s', (_, name, rule) =>
    expect(judge(name, { ...POLICY, allow })).toEqual({ verdict: 'name-refused', why: rule }),
  )

  test.each([
    ['admin.example.net', 'admin-host'],
    ['edge.example.net', 'edge-name'],
    ['k3v9q2.edge.example.net', 'edge-name'],
  ])("this server's own names cannot be allowed: %s", (name, rule) =>
    expect(judge(name, { ...POLICY, allow: ['example.net', name] })).toEqual({ verdict: 'name-refused', why: rule }),
  )
})

test.each([
  ['co.uk', /co\.uk cannot be registered: it is a public suffix.*register a name below it.*names\.allow/],
  [
    'im.example.org',
    /example\.org is for documentation only \(RFC 6761 §6\.5\), so nobody can hold it; .*names\.allow/,
  ],
  ['printer.local', /local belongs to multicast DNS/],
  ['im.home.arpa', /home\.arpa is each home network/],
  ['1.2.0.192.in-addr.arpa', /in-addr\.arpa maps addresses/],
  ['6tisch.arpa', /arpa is for the infrastructure/],
  ['admin.example.net', /admin host of this server; register the name that your users write/],
  ['k3v9q2.edge.example.net', /edge\.example\.net and the names below it are this server's own/],
  ['xn--l-7sba6dbr.waypost-corpus.net', /the label раураl mixes letters .*write it in one script/],
  ['xn--55qx5d.cn', /^公司\.cn cannot/],
])('the refusal of %s says why, and what to do', (name, text) => expect(refusal(name)).toMatch(text))
