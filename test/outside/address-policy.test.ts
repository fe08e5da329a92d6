import { describe, expect, test } from 'vitest'
import { addressPolicy } from '../../src/outside/address-policy.ts'
import { vectors } from '../support/vectors.ts'

const NOBODY_ALLOWED = addressPolicy([])

describe('addressPolicy, T24', () => {
  test.each(vectors('addresses-refused.txt'))('refuses %j', (address) =>
    expect(NOBODY_ALLOWED.isAllowed(address)).toBe(false),
  )

  test.each(vectors('addresses-allowed.txt'))('allows %s', (address) =>
    expect(NOBODY_ALLOWED.isAllowed(address)).toBe(true),
  )

  test.each([
    ['10.0.0.0/8', '10.1.2.3', '192.168.0.1'],
    ['10.0.0.0/8', '::ffff:10.1.2.3', '::ffff:192.168.0.1'],
    ['10.0.0.0/8', '::ffff:a01:203', '64:ff9b::a01:203'],
    ['127.0.0.1/32', '127.0.0.1', '127.0.0.2'],
    ['fd00::/8', 'fd12::1', 'fc00::1'],
    ['::1/128', '::1', '::2'],
    ['64:ff9b::/96', '64:ff9b::a01:203', '10.1.2.3'],
  ])('with %s allowed, %s is allowed and %s is not', (network, inside, outside) => {
    const policy = addressPolicy([network])
    expect(policy.isAllowed(inside)).toBe(true)
    expect(policy.isAllowed(outside)).toBe(false)
  })

  test('all of IPv6 allowed opens nothing of IPv4', () => {
    const policy = addressPolicy(['::/0'])
    expect(policy.isAllowed('fd00::1')).toBe(true)
    expect(policy.isAllowed('127.0.0.1')).toBe(false)
    expect(policy.isAllowed('::ffff:127.0.0.1')).toBe(false)
  })

  test('what is allowed is allowed without its zone only', () => {
    expect(addressPolicy(['fe80::/10']).isAllowed('fe80::1')).toBe(true)
    expect(addressPolicy(['fe80::/10']).isAllowed('fe80::1%eth0')).toBe(false)
  })

  test('several networks', () => {
    const policy = addressPolicy(['10.0.0.0/8', 'fd00::/8', '192.168.7.0/24'])
    expect(['10.0.0.1', 'fd00::1', '192.168.7.9'].every((address) => policy.isAllowed(address))).toBe(true)
    expect(policy.isAllowed('192.168.8.9')).toBe(false)
  })
})
