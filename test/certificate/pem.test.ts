import { execFileSync } from 'node:child_process'
import { describe, expect, test, vi } from 'vitest'
import { cutPem, encodePem, MOST_UPLOAD_BYTES } from '../../src/certificate/pem.ts'
import { ruleOf } from '../support/certificates.ts'

const der = Buffer.from(Array.from({ length: 200 }, (_, i) => i))
const pem = encodePem('CERTIFICATE', der)
const bytesIn = (text: string) => cutPem(text).map(({ bytes }) => Buffer.from(bytes))

test('case 26: is written with 64 columns, LF and one final LF, as openssl writes it', () => {
  const openssl = execFileSync('openssl', ['base64', '-e'], { input: der }).toString()
  expect(pem).toBe(`-----BEGIN CERTIFICATE-----\n${openssl}-----END CERTIFICATE-----\n`)
  expect(pem.split('\n').every((line) => line.length <= 64)).toBe(true)
})

describe('reads what people paste', () => {
  test.each([
    ['as it was written', pem],
    ['with CRLF', pem.replaceAll('\n', '\r\n')],
    ['with CR alone', pem.replaceAll('\n', '\r')],
    ['with text around', `Bag Attributes\n    friendlyName: x\nsubject=CN = x\n${pem}\ntrailing words -----`],
    ['indented, as in a YAML file', pem.replaceAll(/^/gm, '    ')],
    ['with blanks at line ends', pem.replaceAll('\n', ' \t\n')],
    ['on one line', pem.replaceAll('\n', ' ')],
    ['with escaped line ends, as in a JSON document', JSON.stringify(pem)],
    ['without a final line end', pem.trimEnd()],
    [
      'with lines of 76 columns',
      pem.replace(/(?<=-\n)[^-]+(?=\n-)/, (body) => body.replaceAll('\n', '').replaceAll(/.{76}/g, '$&\n')),
    ],
  ])('%s', (_, text) => expect(bytesIn(text)).toEqual([der]))

  test('several blocks, in their order, with their labels', () => {
    const text = `${encodePem('PRIVATE KEY', Buffer.of(1))}words${pem}${encodePem('CERTIFICATE', Buffer.of(2))}`
    expect(cutPem(text).map(({ label }) => label)).toEqual(['PRIVATE KEY', 'CERTIFICATE', 'CERTIFICATE'])
    expect(bytesIn(text)).toEqual([Buffer.of(1), der, Buffer.of(2)])
  })

  test('the headers of an encrypted key of the traditional form', () => {
    const [block] = cutPem(
      '-----BEGIN EC PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-128-CBC,00FF\r\n\r\nAAAA\r\n-----END EC PRIVATE KEY-----',
    )
    expect(block?.headers).toEqual(['Proc-Type: 4,ENCRYPTED', 'DEK-Info: AES-128-CBC,00FF'])
    expect(Buffer.from(block?.bytes ?? [])).toEqual(Buffer.of(0, 0, 0))
  })

  test('nothing where there is no block', () => expect(cutPem('MIIB')).toEqual([]))
})

describe('refuses by rule', () => {
  test.each([
    ['unreadable', 'a block that does not end', pem.slice(0, 200)],
    ['unreadable', 'an end of another label', pem.replace('END CERTIFICATE', 'END PRIVATE KEY')],
    ['unreadable', 'a lost character', pem.replace('AAEC', 'AAE')],
    ['unreadable', 'what is no base64', pem.replace('AAEC', 'AA*C')],
    ['unreadable', 'an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----'],
    ['unreadable', 'a block in a block', `-----BEGIN CERTIFICATE-----\n${pem}`],
    ['unreadable', 'a label without its dashes', '-----BEGIN CERTIFICATE\nAAAA\n-----END CERTIFICATE-----'],
    ['too-many-blocks', 'eleven blocks', pem.repeat(11)],
    ['too-large', 'more than 64 KiB', 'x'.repeat(MOST_UPLOAD_BYTES + 1)],
  ])('%s: %s', (rule, _, text) => expect(ruleOf(() => cutPem(text))).toBe(rule))

  test('ten blocks are not too many', () => expect(cutPem(pem.repeat(10))).toHaveLength(10))
})

describe('the work grows with the length of the text and not with its square', () => {
  const filled = (unit: string) => unit.repeat(Math.floor(MOST_UPLOAD_BYTES / unit.length))
  test.each([
    ['BEGIN', filled('-----BEGIN ')],
    ['BEGIN with labels', filled('-----BEGIN CERTIFICATE-----\n')],
    [
      'BEGIN with labels that differ',
      Array.from({ length: 2000 }, (_, i) => `-----BEGIN A${i}-----`)
        .join('\n')
        .slice(0, MOST_UPLOAD_BYTES),
    ],
    ['END', filled('-----END CERTIFICATE-----\n')],
    ['dashes', filled('-')],
    ['white space in a block', `-----BEGIN A-----${' '.repeat(60_000)}-----END A-----`],
    ['line ends in a block', `-----BEGIN A-----${'\n'.repeat(60_000)}-----END A-----`],
    ['padding in a block', `-----BEGIN A-----${'='.repeat(60_000)}-----END A-----`],
  ])('%s', (_, text) => {
    const indexOf = vi.spyOn(String.prototype, 'indexOf')
    try {
      try {
        cutPem(text)
      } catch {
        // refused or not: only the work counts
      }
      const scanned = indexOf.mock.results.map(({ value }, call) => {
        const from = indexOf.mock.calls[call]?.[1] ?? 0
        return (value === -1 ? text.length : (value as number)) - from
      })
      expect(scanned.length).toBeGreaterThan(0)
      expect(scanned.reduce((sum, work) => sum + work, 0)).toBeLessThanOrEqual(2 * text.length)
    } finally {
      indexOf.mockRestore()
    }
  })
})
