import { displayName } from '../name.ts'
import type { Conclusion, Report, Step, StepOutcome } from './report.ts'

const LABELS: Record<StepOutcome, string> = { ok: 'ok', wrong: 'WRONG', 'could-not-ask': 'COULD NOT ASK', note: 'note' }
const COLOURS: Record<StepOutcome, string> = { ok: '32', wrong: '31', 'could-not-ask': '33', note: '36' }
const MARGIN = '    '

/** The report for a terminal, every step a block: what was asked, what came back, the rule, and what to do. */
export function formatReport(report: Report, { isColoured }: { isColoured: boolean }): string {
  const paint = (outcome: StepOutcome, text: string) => (isColoured ? `\x1b[${COLOURS[outcome]}m${text}\x1b[0m` : text)
  const { sourceDomain, service, protocol } = report
  const blocks = report.steps.map((step, index) => formatStep(step, report.steps[index - 1], paint))
  const certificates = report.certificates
    .filter(({ validity }) => validity === 'valid')
    .map((certificate) =>
      lines([
        ['expect', certificate.subject || '(no subject)'],
        ['sha-256', certificate.sha256],
        ['names', certificate.dnsNames.join(', ') || '(none)'],
        ['valid', `${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}`],
        ...pemLines(certificate.pem),
      ]),
    )
  const unicode = displayName(sourceDomain)
  const name = unicode === sourceDomain ? sourceDomain : `${unicode} (${sourceDomain})`
  return [
    `${service}.${protocol} of ${name}, asked at ${report.at.toISOString()}`,
    ...blocks,
    ...(report.tls === 'proven' && report.conclusion !== 'disproven' ? certificates : []),
    `${paint(PAINTED[report.conclusion], report.conclusion.toUpperCase())}: ${summary(report)}`,
  ]
    .map((block) => `${block}\n`)
    .join('\n')
}

/** The report as JSON, instants in RFC 3339, safe to print on a terminal. */
export function formatReportJson(value: unknown): string {
  return escapeUnseen(JSON.stringify(value, null, 2))
}

const PAINTED: Record<Conclusion, StepOutcome> = { proven: 'ok', disproven: 'wrong', unknown: 'could-not-ask' }

function summary({ conclusion, tls, posh, steps }: Report): string {
  const broken = steps.filter(({ outcome }) => outcome === 'wrong').length
  const unasked = steps.filter(({ outcome }) => outcome === 'could-not-ask').length
  const both = `by draft-miller-xmpp-fed-00 §6.3 ${tls}, by POSH ${posh}`
  switch (conclusion) {
    case 'proven':
      return `the certificate to expect is known (${both}).`
    case 'disproven':
      return `${broken} rule(s) broken (${both}). What to do stands with each.`
    case 'unknown':
      return `${unasked} question(s) could not be asked (${both}). This says nothing against the domain; ask again.`
  }
}

function formatStep(
  step: Step,
  before: Step | undefined,
  paint: (outcome: StepOutcome, text: string) => string,
): string {
  const { title, outcome, rule, found, cure, asked, reply } = step
  const rows: [string, string][] = []
  if (asked !== null && asked !== before?.asked) rows.push(['asked', asked])
  if (reply !== null) {
    rows.push(['answer', `status ${reply.status}, ${reply.bodyBytes} bytes`])
    rows.push(...reply.headers.map(([name, value]): [string, string] => ['', `${name}: ${value}`]))
    rows.push(...reply.firstLines.map((line): [string, string] => ['', `| ${line}`]))
  }
  rows.push(['found', found], ['rule', rule])
  if (cure !== null) rows.push(['to do', cure])
  return `${paint(outcome, LABELS[outcome])}  ${title}\n${lines(rows)}`
}

function pemLines(pem: string): [string, string][] {
  return pem
    .trimEnd()
    .split('\n')
    .map((line) => ['', line])
}

function lines(rows: [label: string, text: string][]): string {
  return rows.map(([label, text]) => `${MARGIN}${label.padEnd(9)}${visible(text)}`).join('\n')
}

// Headers, bodies and certificates are a stranger's text: a terminal would obey control characters, and directional
// ones make a name look like another
const UNSEEN = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Text of several lines, in which strangers may have had a hand, safe to print on a terminal. */
export function escapeUnseen(text: string): string {
  return text.replaceAll(UNSEEN, escapeCharacter)
}

function visible(text: string): string {
  return escapeUnseen(text.replaceAll('\n', '\\n'))
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
