import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { displayName, domainName, nameFromBytes, parseDomainName } from '../src/name.ts'
import { ProblemError } from '../src/problem.ts'
import { dice } from './support/dice.ts'
import { vectors } from './support/vectors.ts'

const accepted = vectors('names-accepted.txt').map((line): [string, string] => {
  const at = line.lastIndexOf(' ')
  return [line.slice(0, at), line.slice(at + 1)]
})
const refused = vectors('names-refused.txt')

describe('names, T6 and cases 42 to 50', () => {
  test('the corpus has at least 80 names', () => {
    expect(accepted.length + refused.length).toBeGreaterThanOrEqual(80)
  })

  test.each(accepted)('%j is %s', (spelling, canonical) => {
    expect(parseDomainName(spelling)).toBe(canonical)
    expect(domainName(spelling)).toBe(canonical)
  })

  test.each(refused)('%j is refused', (spelling) => expect(parseDomainName(spelling)).toBeNull())

  test.each(refused)('%j is refused with the reason', (spelling) => {
    expect(() => domainName(spelling)).toThrow(ProblemError)
    expect(() => domainName(spelling)).toThrow(/is no domain name: ./)
  })

  test('what comes out goes in again unchanged, whatever went in', () => {
    const label = fc.oneof(
      { arbitrary: fc.stringMatching(/^[a-zA-Z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/), weight: 4 },
      fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
      fc.constantFrom('xn--bcher-kva', 'XN--A', 'bücher', 'bu\u0308cher', '\uff42ü', 'ß', 'İ', 'ﬁü', '\u200dü', '１'),
      fc.string({ unit: fc.constantFrom(...'aZ0-.üÜ\u0308\u00ad\u3002\uff21ßςσΣ日本\u0660\u06f0') }),
    )
    const text = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'))
    let parsed = 0
    fc.assert(
      fc.property(text, (spelling) => {
        const name = parseDomainName(spelling)
        if (name === null) return
        parsed++
        expect(parseDomainName(name)).toBe(name)
        expect(name).toMatch(/^[a-z0-9.-]+$/)
        // What is shown to people leads back to the same name
        expect(parseDomainName(displayName(name))).toBe(name)
      }),
      { numRuns: 20_000 },
    )
    expect(parsed).toBeGreaterThan(1000)
  })

  test('the longest names are known in their longest spelling too', () => {
    // Of four UTF-16 code units each, two after normalisation
    const label = '\u{1109a}'.repeat(45).normalize('NFD')
    const spelling = `${label}.${label}.${label}.example`
    expect(label).toHaveLength(180)
    expect(parseDomainName(spelling)).toBe(parseDomainName(spelling.normalize('NFC')))
    expect(parseDomainName(spelling)).not.toBeNull()
  })

  // IDNA takes time by the square of the length, and a Host line or a field of a form may have kilobytes
  test('T34: what is too long is refused before IDNA', () => {
    const ideographs = (from: number, length: number) =>
      Array.from({ length }, (_, i) => String.fromCodePoint(from + i)).join('')
    const began = performance.now()
    for (let i = 0; i < 20; i++) expect(parseDomainName(`${ideographs(0x4e00, 20_000)}.example`)).toBeNull()
    for (let i = 0; i < 200; i++)
      expect(nameFromBytes(Buffer.from(`${ideographs(0x4e00 + i, 2600)}.example`).toString('latin1'))).toBeNull()
    expect(performance.now() - began).toBeLessThan(1_000) // without the limits several seconds
    expect(() => domainName('_' + '.a'.repeat(600))).toThrow(/longer than 253/) // said before its label is looked at
    expect(() => domainName(`${ideographs(0x4e00, 256)}.example`)).toThrow(/longer than 255 characters/)
  })

  test('S10: a million random strings, each a name that stays as it is, or none', () => {
    const roll = dice(10)
    const pieces = [
      'im',
      'Example',
      'com',
      'a',
      '-',
      '_',
      '.',
      '.',
      '.',
      'xn--',
      'bcher-kva',
      '1',
      '0x',
      ' ',
      '%2e',
      '*',
    ]
    const letters = [
      'ü',
      'Ü',
      'u\u0308',
      'ß',
      'ς',
      '日本',
      '\u00ad',
      '\u200d',
      '\u3002',
      '\uff21',
      '\ud83d',
      'ﬁ',
      '\u0660',
      '\0',
    ]
    const piece = (): string => {
      const kind = roll(20)
      if (kind === 0) return String.fromCharCode(roll(0x10000))
      if (kind === 1) return letters[roll(letters.length)]!
      return pieces[roll(pieces.length)]!
    }
    let names = 0
    for (let i = 0; i < 1_000_000; i++) {
      const text = Array.from({ length: 1 + roll(8) }, piece).join('')
      const name = parseDomainName(text)
      if (name === null) continue
      names++
      if (parseDomainName(name) !== name || !/^[a-z0-9.-]{3,253}$/.test(name)) expect.fail(JSON.stringify(text))
    }
    expect(names).toBeGreaterThan(10_000)
  })

  test('any text at all is answered without an exception', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        parseDomainName(text)
        nameFromBytes(Buffer.from(text).toString('latin1'))
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('names as SNI and Host bring them', () => {
  const utf8 = Buffer.from('bücher.example.com').toString('latin1')

  test.each([
    ['case 46: the raw UTF-8 of a U-label, as Prosody sends it', utf8],
    ['case 46: its raw Latin-1, as Python sends it', 'b\xfccher.example.com'],
    ['case 46: the A-label', 'xn--bcher-kva.example.com'],
    ['case 42: capitals', 'XN--BCHER-KVA.EXAMPLE.COM'],
    ['case 44: a final dot', 'xn--bcher-kva.example.com.'],
  ])('%s', (_, bytes) => expect(nameFromBytes(bytes)).toBe('xn--bcher-kva.example.com'))

  test.each(accepted)('case 46: the raw UTF-8 of %j is %s', (spelling, canonical) =>
    expect(nameFromBytes(Buffer.from(spelling).toString('latin1'))).toBe(canonical),
  )

  test('bytes that are neither are no name', () => {
    expect(nameFromBytes('im\xff\xfe.example.com\x00')).toBeNull()
    expect(nameFromBytes('')).toBeNull()
    expect(nameFromBytes('im\xa0.example.com')).toBeNull()
    expect(nameFromBytes('b\xfccher\xa0.example.com')).toBeNull()
  })

  test('a name is shown in letters that people read', () => {
    expect(displayName(domainName('xn--bcher-kva.example.com'))).toBe('bücher.example.com')
    expect(displayName(domainName('im.example.com'))).toBe('im.example.com')
  })
})
