import { expect, test } from 'vitest'
import { canonicalEmail, parseEmail } from '../../src/tenant/email.ts'
import { refusal } from './house.ts'

test.each([
  ['alice@example.org', 'alice@example.org'],
  ['  Alice@Example.ORG ', 'alice@example.org'],
  ['alice+waypost@example.org', 'alice+waypost@example.org'],
  ["o'brien@example.org", "o'brien@example.org"],
  ['jörg@bücher.example', 'jörg@xn--bcher-kva.example'],
  ['jo\u0308rg@example.org', 'jörg@example.org'],
  ['alice@example.org.', 'alice@example.org'],
  ['x'.repeat(64) + '@example.org', 'x'.repeat(64) + '@example.org'],
])('%j is the address %s', (text, email) => expect(canonicalEmail(text)).toBe(email))

test.each([
  '',
  '@',
  'alice',
  'alice@',
  '@example.org',
  'alice@example',
  'alice@localhost',
  'alice@192.0.2.1',
  'alice@[192.0.2.1]',
  'alice@@example.org',
  'alice@bob@example.org',
  'al ice@example.org',
  'alice@exa mple.org',
  'alice\u00a0@example.org',
  'alice\r\nBcc: bob@example.org',
  'alice@example.org\r\nBcc: bob@example.org',
  'alice\u0000@example.org',
  'alice\u202e@example.org', // turns the reading direction round
  'Alice <alice@example.org>',
  'alice@example.org,bob@example.org',
  '"alice"@example.org',
  'x'.repeat(65) + '@example.org',
  'alice@' + 'x.'.repeat(125) + 'example',
])('%j is none', (text) => expect(canonicalEmail(text)).toBeNull())

test('what is none is refused at its field', () => {
  expect(() => parseEmail('alice')).toThrow(
    expect.objectContaining(refusal('malformed-request', { fields: [expect.objectContaining({ pointer: '/email' })] })),
  )
})
