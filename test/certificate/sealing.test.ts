import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { SealError, sealer, type SealedPlace } from '../../src/certificate/sealing.ts'
import { dice } from '../support/dice.ts'

const masterKey = Buffer.alloc(32, 7)
const keys = sealer(masterKey, randomBytes)
const plain = Buffer.from('a private key')
const where: SealedPlace = { table: 'private_key', row: '0193', domain: 'im.example.com' }

const faultOf = (call: () => unknown) => {
  try {
    call()
    return 'opened'
  } catch (error) {
    return error instanceof SealError ? error.fault : error
  }
}

test('what was sealed opens where it was sealed for, also by another process with the same master key', () => {
  const sealed = keys.seal(plain, where)
  expect(keys.open(sealed, where)).toEqual(plain)
  expect(sealer(Buffer.from(masterKey), randomBytes).open(new Uint8Array(sealed), { ...where })).toEqual(plain)
  expect(keys.open(keys.seal(Buffer.alloc(0), where), where)).toEqual(Buffer.alloc(0))
})

test('the layout is version, key id, nonce, ciphertext, tag', () => {
  const sealed = Buffer.from(keys.seal(plain, where))
  expect(sealed[0]).toBe(1)
  expect(sealed.subarray(1, 9).toString('hex')).toBe(keys.keyId)
  expect(sealed).toHaveLength(1 + 8 + 12 + plain.length + 16)
  expect(sealed.includes(plain)).toBe(false)
})

test('the same thing is sealed differently each time', () => {
  expect(keys.seal(plain, where)).not.toEqual(keys.seal(plain, where))
})

describe('does not open', () => {
  test.each<[string, Partial<SealedPlace>]>([
    ['in another table', { table: 'account_key' }],
    ['in another row', { row: '0194' }],
    ['for another domain', { domain: 'evil.example' }],
    ['with the parts shifted', { table: 'private_key","0193', row: 'im.example.com', domain: '' }],
    ['with the parts joined', { table: 'private_key0193', row: '' }],
  ])('%s', (_, change) => {
    const sealed = keys.seal(plain, where)
    expect(faultOf(() => keys.open(sealed, { ...where, ...change }))).toBe('tampered')
  })

  test('under another master key, and says so', () => {
    const other = sealer(Buffer.alloc(32, 8), randomBytes)
    expect(faultOf(() => other.open(keys.seal(plain, where), where))).toBe('other-master-key')
    expect(() => other.open(keys.seal(plain, where), where)).toThrow(`${keys.keyId}, this one is ${other.keyId}`)
  })

  test.each([0, 1, 20, 36])('%i bytes', (length) => {
    expect(faultOf(() => keys.open(Buffer.from(keys.seal(plain, where)).subarray(0, length), where))).toBe('malformed')
  })
})

test('S21: 1000 swaps, truncations and flipped bits of ciphertext or associated data are all refused', () => {
  const roll = dice(21)
  const rows = Array.from({ length: 20 }, (_, i) => {
    const place = { table: 'private_key', row: `row-${i}`, domain: `d${i}.example` }
    return { place, sealed: Buffer.from(keys.seal(randomBytes(121), place)) }
  })
  const counts = { opened: 0, tampered: 0, malformed: 0, 'other-master-key': 0 }
  for (let round = 0; round < 1000; round++) {
    const { place, sealed } = rows[roll(rows.length)]!
    const changed = Buffer.from(sealed)
    let at = { ...place }
    switch (roll(4)) {
      case 0:
        at = rows.filter(({ place: { row } }) => row !== place.row)[roll(rows.length - 1)]!.place
        break
      case 1:
        counts[faultOf(() => keys.open(sealed.subarray(0, roll(sealed.length)), place)) as keyof typeof counts]++
        continue
      case 2:
        changed[roll(changed.length)]! ^= 1 << roll(8)
        break
      default: {
        const field = (['table', 'row', 'domain'] as const)[roll(3)]!
        const character = roll(at[field].length)
        const code = at[field].charCodeAt(character) ^ (1 << roll(7))
        at[field] = at[field].slice(0, character) + String.fromCharCode(code) + at[field].slice(character + 1)
      }
    }
    counts[faultOf(() => keys.open(changed, at)) as keyof typeof counts]++
  }
  expect(counts.opened).toBe(0)
  expect(counts.tampered + counts.malformed + counts['other-master-key']).toBe(1000)
  expect(counts.tampered).toBeGreaterThan(500)
})

describe('deriveKey', () => {
  test('gives the same 32 bytes for the same purpose, and others for another or under another master key', () => {
    expect(keys.deriveKey('proof-token')).toHaveLength(32)
    expect(keys.deriveKey('proof-token')).toEqual(sealer(masterKey, randomBytes).deriveKey('proof-token'))
    expect(keys.deriveKey('proof-token')).not.toEqual(keys.deriveKey('session'))
    expect(keys.deriveKey('proof-token')).not.toEqual(sealer(Buffer.alloc(32, 8), randomBytes).deriveKey('proof-token'))
  })

  test('is HKDF of RFC 5869 with SHA-256', () => {
    const pseudorandom = createHmac('sha256', Buffer.alloc(32)).update(masterKey).digest()
    const expected = createHmac('sha256', pseudorandom).update('waypost derived proof-token\x01').digest()
    expect(keys.deriveKey('proof-token')).toEqual(expected)
  })
})

test('no message holds the master key, a derived key or what was sealed', () => {
  const sealed = Buffer.from(keys.seal(plain, where))
  sealed[40]! ^= 1
  try {
    keys.open(sealed, where)
  } catch (error) {
    const text = `${String(error)} ${JSON.stringify(error)} ${(error as Error).stack ?? ''}`
    for (const secret of [masterKey, plain, Buffer.from(keys.deriveKey('proof-token'))])
      for (const encoding of ['hex', 'base64', 'latin1'] as const) expect(text).not.toContain(secret.toString(encoding))
  }
  expect.assertions(9)
})

test('a master key of another length is refused', () => {
  expect(() => sealer(Buffer.alloc(16), randomBytes)).toThrow('16 bytes instead of 32')
})
