import { describe, expect, test } from 'vitest'
import { directory } from '../../src/acme/acme-replies.ts'
import { judgeCaa, type CaaIssuer, type CaaRecord, type CaaVerdict } from '../../src/acme/caa.ts'

const issuer: CaaIssuer = {
  caaIdentities: ['letsencrypt.org', 'Other.example'],
  accountUrl: 'https://acme.example/acct/1',
  challengeTypes: ['http-01', 'tls-alpn-01'],
}
const allowed: CaaVerdict = { outcome: 'ok', identity: 'letsencrypt.org' }
const unrestricted: CaaVerdict = { outcome: 'ok', identity: null }
const wrong = (by: 'issuer' | 'account' | 'method' | 'critical', tag = 'issue') => ({ outcome: 'wrong', by, tag })

/** "issue letsencrypt.org" or "128 issue …" */
function record(text: string): CaaRecord {
  const [, flags = '0', tag = '', value = ''] = /^(?:(\d+) )?(\S+) ?(.*)$/.exec(text) ?? []
  return { flags: Number(flags), tag, value }
}

describe('a set of CAA records, RFC 8659 and RFC 8657', () => {
  test.each<[records: string[], verdict: object]>([
    [[], unrestricted],
    [['iodef mailto:a@example.com'], unrestricted],
    [['issuewild digicert.com', '128 issuemail ;', '128 contactemail a@example.com'], unrestricted],
    [['issue letsencrypt.org'], allowed],
    [['128 issue letsencrypt.org'], allowed],
    [['issue \t LetsEncrypt.ORG. \t'], allowed],
    [['issue letsencrypt.org;'], allowed],
    [['issue other.example'], { outcome: 'ok', identity: 'other.example' }],
    [['issue digicert.com', 'issue letsencrypt.org'], allowed],
    [['issue ;', 'issue letsencrypt.org'], allowed],
    [['issue ;'], wrong('issuer')],
    [['issue'], wrong('issuer')],
    [['issue digicert.com'], wrong('issuer')],
    [['issue notletsencrypt.org'], wrong('issuer')],
    [['issue letsencrypt.org letsencrypt.org'], wrong('issuer')],
    [['issue letsencrypt.org; nonsense'], wrong('issuer')],
    [['issue letsencrypt.org; a=b;; c=d'], wrong('issuer')],
    [['issue letsencrypt.org; a=b c'], wrong('issuer')],
    [['issue letsencrypt.org; unknown=parameter; policy=ev'], allowed],
    [['issue letsencrypt.org; accounturi=https://acme.example/acct/1'], allowed],
    [['issue letsencrypt.org; AccountURI = https://acme.example/acct/1 ;'], allowed],
    [['issue letsencrypt.org; accounturi=https://acme.example/acct/12'], wrong('account')],
    [['issue letsencrypt.org; accounturi='], wrong('account')],
    [
      ['issue letsencrypt.org; accounturi=https://acme.example/acct/1; accounturi=https://acme.example/acct/1'],
      wrong('account'),
    ],
    [['issue letsencrypt.org; accounturi=https://acme.example/acct/2', 'issue letsencrypt.org'], allowed],
    [['issue letsencrypt.org; validationmethods=dns-01,http-01'], allowed],
    [['issue letsencrypt.org; validationmethods=tls-alpn-01'], allowed],
    [['issue letsencrypt.org; validationmethods=dns-01'], wrong('method')],
    [['issue letsencrypt.org; validationmethods=http'], wrong('method')],
    [['issue digicert.com', 'issue letsencrypt.org; validationmethods=dns-01'], wrong('method')],
    [['issue letsencrypt.org', '128 tbs unknown'], wrong('critical', 'tbs')],
    [['issue letsencrypt.org', '1 tbs unknown'], wrong('critical', 'tbs')],
    [['issue letsencrypt.org', 'tbs unknown'], allowed],
  ])('%j', (records, verdict) => expect(judgeCaa(records.map(record), issuer)).toEqual(verdict))

  test.each<[records: string[], outcome: object]>([
    [['issue digicert.com'], { outcome: 'unknown' }],
    [['issue letsencrypt.org; accounturi=https://acme.example/acct/1'], { outcome: 'unknown' }],
    [['iodef mailto:a@example.com'], unrestricted],
    [['issue ;'], wrong('issuer')],
    [['issue ca.example; validationmethods=dns-01'], wrong('method')],
    [['issue ca.example', '128 tbs unknown'], wrong('critical', 'tbs')],
  ])('%j, for an authority that does not say what it is called', (records, verdict) => {
    expect(judgeCaa(records.map(record), { ...issuer, caaIdentities: null })).toEqual(verdict)
  })
})

test.each<[caaIdentities: unknown, expected: string[] | null]>([
  [
    ['letsencrypt.org', 'CA.example'],
    ['letsencrypt.org', 'CA.example'],
  ],
  [['', 7, 'two words', 'ca.example'], ['ca.example']],
  [[], null],
  [undefined, null],
  ['ca.example', null],
])("of a directory's caaIdentities %j, these are taken: %j", (caaIdentities, expected) => {
  expect(directory({ meta: { caaIdentities } }).caaIdentities).toEqual(expected)
})

test.each([null, '', 'http://ca.example/renewal', 7, {}])(
  "a directory's renewalInfo that is %j is none, and all else holds",
  (renewalInfo) => expect(directory({ renewalInfo, meta: {} })).toMatchObject({ renewalInfo: null, profiles: null }),
)
