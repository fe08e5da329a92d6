import { describe, expect, test } from 'vitest'
import { addressPrefix } from '../../src/tenant/address-prefix.ts'
import { addressRange, isWithin } from '../../src/tenant/address-range.ts'

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'], // one client, whatever socket it came by
  ['::FFFF:c000:0207', '192.0.2.7'],
  ['2001:db8:1:2ff:a:b:c:d', '2001:db8:1:200::'],
  ['2001:db8:1:200::1', '2001:db8:1:200::'],
  ['2001:db8:1:300::1', '2001:db8:1:300::'],
  ['fe80::1%eth0', 'fe80::'],
  ['::1', '::'],
  ['garbage', 'unknown'],
  ['', 'unknown'],
  [null, 'unknown'],
])('failures from %s count for %s', (address, prefix) => expect(addressPrefix(address)).toBe(prefix))

describe('where a token is taken from', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7/32', '192.0.2.7'],
    ['192.0.2.7/24', '192.0.2.0/24'],
    ['192.0.2.255/25', '192.0.2.128/25'],
    ['10.1.2.3/0', '0.0.0.0/0'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001/128', '2001:db8::1'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['::/0', '::/0'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7/120', '192.0.2.0/24'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('%s is stored as %s', (text, range) => expect(addressRange(text)).toBe(range))

  test.each([
    ...[
      '',
      '/',
      '192.0.2',
      '192.0.2.256',
      '192.0.2.7/33',
      '192.0.2.7/-1',
      '192.0.2.7/',
      '192.0.2.7/024',
      '192.0.2.0/24/8',
    ],
    ...['192.0.2.07', '0xc0.0.2.7', '3221225991', '192.0.2.7 ', '2001:db8::/129', '2001:db8:::1', '1:2:3:4:5:6:7:8:9'],
    ...['fe80::1%eth0', 'example.org', '*', '::ffff:192.0.2.7/95', '١٩٢.0.2.7'],
  ])('%j is refused', (text) => expect(addressRange(text)).toBeNull())

  test.each([
    [['192.0.2.0/24'], '192.0.2.255', true],
    [['192.0.2.0/24'], '192.0.3.0', false],
    [['192.0.2.0/24'], '::ffff:192.0.2.9', true],
    [['192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.7'], '192.0.2.8', false],
    [['2001:db8::/33'], '2001:db8:7fff::1', true],
    [['2001:db8::/33'], '2001:db8:8000::1', false],
    [['0.0.0.0/0'], '203.0.113.9', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['::/0'], '2001:db8::1', true],
    [['::/0'], '192.0.2.7', false],
    [['10.0.0.0/8', '2001:db8::5'], '2001:db8::5', true],
    [['0.0.0.0/0', '::/0'], 'nonsense', false],
    [[], '192.0.2.7', false],
  ])('%j includes %s: %s', (ranges, address, is) => expect(isWithin(address, ranges)).toBe(is))

  test.each([
    ['192.0.2.0/25', ['192.0.2.0/24'], true],
    ['192.0.2.0/24', ['192.0.2.0/25'], false],
    ['192.0.2.9', ['10.0.0.0/8', '192.0.2.0/24'], true],
    ['2001:db8::/48', ['2001:db8::/32'], true],
    ['2001:db8::/32', ['0.0.0.0/0'], false],
    ['192.0.2.0/24', ['::/0'], false],
    ['192.0.2.0/24', [], false],
  ])('%s is within %j: %s', (range, others, is) => expect(isWithin(range, others)).toBe(is))
})
