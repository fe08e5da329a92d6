import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { newRecoveryCodes, recoveryCodeHash } from '../../src/tenant/recovery-code.ts'
import { newTotpSecret, totpCode, totpSetup, totpStep } from '../../src/tenant/totp.ts'
import { totpAt } from './house.ts'

describe('a code of the authenticator app', () => {
  // RFC 6238 appendix B, the last six of its eight digits
  test.each([
    ['1970-01-01T00:00:59Z', '287082', 1],
    ['2005-03-18T01:58:29Z', '081804', 37037036],
    ['2009-02-13T23:31:30Z', '005924', 41152263],
    ['2033-05-18T03:33:20Z', '279037', 66666666],
  ])('at %s is %s', (at, code, step) => {
    expect(totpStep(Buffer.from('12345678901234567890'), code, new Date(at))).toBe(step)
  })

  test.each([
    [-90, null],
    [-30, 41152262],
    [-1, 41152262],
    [0, 41152263],
    [29, 41152263],
    [30, 41152264],
    [59, 41152264],
    [60, null],
  ])('of another time than the clock of the server by %d s: step %s', (seconds, step) => {
    const secret = Buffer.from('12345678901234567890')
    const server = new Date('2009-02-13T23:31:30Z')
    const telephone = new Date(server.getTime() + seconds * 1000)
    expect(totpStep(secret, totpAt(secret, telephone), server)).toBe(step)
  })

  test.each([
    ['123456', '123456'],
    ['123 456', '123456'],
    [' 123456\n', '123456'],
    ['12345', null],
    ['1234567', null],
    ['12345a', null],
    ['١٢٣٤٥٦', null], // digits of another script
    ['', null],
  ])('%j is read as %s', (text, code) => expect(totpCode(text)).toBe(code))

  test('is set up by a URI that every app reads', () => {
    const secret = newTotpSecret(randomBytes)
    expect(secret).toHaveLength(20)
    const { uri, secret: text } = totpSetup(secret, 'alice@example.org', 'Waypost admin.example.net')
    expect(text).toMatch(/^[A-Z2-7]{32}$/)
    const url = new URL(uri)
    expect([url.protocol, url.host, decodeURIComponent(url.pathname)]).toEqual([
      'otpauth:',
      'totp',
      '/Waypost admin.example.net:alice@example.org',
    ])
    expect(Object.fromEntries(url.searchParams)).toEqual({
      issuer: 'Waypost admin.example.net',
      secret: text,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    })
  })
})

describe('a recovery code', () => {
  const { codes, hashes } = newRecoveryCodes(randomBytes)

  test('is one of ten, each of 80 bits', () => {
    expect(new Set(codes).size).toBe(10)
    expect(codes.map(recoveryCodeHash)).toEqual(hashes)
    for (const code of codes) expect(code).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/)
  })

  test('is taken in any case and grouping', () => {
    const [code] = codes as [string]
    for (const typed of [code.toUpperCase(), code.replaceAll('-', ''), code.replaceAll('-', ' '), ` ${code}\n`])
      expect(recoveryCodeHash(typed)).toBe(hashes[0])
  })

  test.each(['', 'abcd-efgh-ijkl', 'abcd-efgh-ijkl-mnop-qrst', 'abcd-efgh-ijkl-mno1', '123456'])('%j is none', (text) =>
    expect(recoveryCodeHash(text)).toBeNull(),
  )
})
