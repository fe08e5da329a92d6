import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { apiSecretHash, newApiSecret } from '../../src/tenant/api-secret.ts'

describe('T31: the secret of an API token', () => {
  test('bears a prefix, 256 random bits and a checksum', () => {
    const { secret, hash } = newApiSecret(() => new Uint8Array(32))
    // crc32 of the rest, by Python's zlib: 0xa79de592
    expect(secret).toBe(`wp_${'A'.repeat(43)}34JSr4`)
    expect(apiSecretHash(secret)).toBe(hash)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
  })

  test('is refused with any one character changed, before anybody is asked for it', () => {
    const { secret } = newApiSecret(randomBytes)
    for (let at = 0; at < secret.length; at++) {
      const other = secret[at] === 'x' ? 'y' : 'x'
      expect(apiSecretHash(secret.slice(0, at) + other + secret.slice(at + 1))).toBeNull()
    }
  })

  test.each(['', 'wp_', 'x', `Bearer wp_${'A'.repeat(49)}`, `wp_${'A'.repeat(49)}\n`, `wp_${'A'.repeat(50)}`])(
    '%j is none',
    (text) => expect(apiSecretHash(text)).toBeNull(),
  )

  test('has as many characters whatever its checksum', () => {
    for (let i = 0; i < 200; i++) expect(newApiSecret(randomBytes).secret).toHaveLength(52)
  })
})
