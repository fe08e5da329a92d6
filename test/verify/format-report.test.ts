import { expect, test } from 'vitest'
import { domainName } from '../../src/name.ts'
import { formatReport, formatReportJson, type Report, type Step } from '../../src/verify-main.ts'

const tls = { protocol: 'TLSv1.3', address: '127.0.0.1', subject: 'CN=x', names: [], sha256: '00' }

function report(steps: Step[]): Report {
  return {
    sourceDomain: domainName('bücher.example.com'),
    service: '_xmpp-server',
    protocol: '_tcp',
    at: new Date('2026-11-22T10:00:00Z'),
    conclusion: 'disproven',
    tls: 'disproven',
    posh: 'absent',
    steps,
    certificates: [],
    fingerprints: [],
    poshExpiresSeconds: null,
  }
}

const hostile: Step = {
  title: 'Certificate to expect',
  outcome: 'wrong',
  rule: 'draft-miller-xmpp-fed-00 §6.3 step 4',
  found: 'the body holds no PEM certificate\u202e',
  cure: 'Publish it.',
  asked: 'https://hosting.example.com/x',
  reply: {
    status: 200,
    headers: [['content-type', '\x1b]0;title\x07text/html\x9b2J']],
    firstLines: ['\x1b[2J<h1>\u2066'],
    bodyBytes: 10,
    tls,
  },
}

test('a step is one block: outcome and title, then what was asked, what came back, the rule, and what to do', () => {
  const plain = { ...hostile, found: 'nothing', reply: { ...hostile.reply!, headers: [], firstLines: ['<h1>'] } }
  expect(formatReport(report([plain]), { isColoured: false })).toBe(
    `_xmpp-server._tcp of bücher.example.com (xn--bcher-kva.example.com), asked at 2026-11-22T10:00:00.000Z

WRONG  Certificate to expect
    asked    https://hosting.example.com/x
    answer   status 200, 10 bytes
             | <h1>
    found    nothing
    rule     draft-miller-xmpp-fed-00 §6.3 step 4
    to do    Publish it.

DISPROVEN: 1 rule(s) broken (by draft-miller-xmpp-fed-00 §6.3 disproven, by POSH absent). What to do stands with each.
`,
  )
})

test('a URL that two steps share is printed once', () => {
  const text = formatReport(report([hostile, hostile]), { isColoured: false })
  expect(text.match(/asked {4}https/g)).toHaveLength(1)
})

test.each([
  ['text', (value: Report) => formatReport(value, { isColoured: false })],
  ['JSON', formatReportJson],
])("a stranger's control and directional characters are shown, not obeyed, in %s", (_form, format) => {
  const text = format(report([hostile]))
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/)
  expect(text).toContain('\\u001b[2J<h1>\\u2066')
})

test('the JSON is the report', () => {
  expect(JSON.parse(formatReportJson(report([hostile])))).toEqual(JSON.parse(JSON.stringify(report([hostile]))))
})

test('colours are for terminals', () => {
  expect(formatReport(report([]), { isColoured: true })).toContain('\x1b[31mDISPROVEN\x1b[0m')
})
