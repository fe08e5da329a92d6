import { describe, expect, test } from 'vitest'
import { LOGO_LIMIT_BYTES, parseBranding, parseLogo, serviceName, supportHref } from '../../src/tenant/branding.ts'

const NOTHING = { serviceName: null, accents: null, support: null, footLine: null }

describe('the look of the pages', () => {
  test('what was left empty is nothing', () => {
    expect(parseBranding({ ...NOTHING, serviceName: ' ', support: '', footLine: '  ' })).toEqual(NOTHING)
    expect(serviceName(NOTHING)).toBe('Waypost')
  })

  test('words are trimmed, and keep their own writing', () => {
    const given = { ...NOTHING, serviceName: '  Шлюз  <b>&amp; 網關  ', footLine: 'مثال GmbH · since 1998' }
    expect(parseBranding(given)).toEqual({
      ...NOTHING,
      serviceName: 'Шлюз <b>&amp; 網關',
      footLine: 'مثال GmbH · since 1998',
    })
  })

  test.each([
    ['support@Hosting.Example', 'support@hosting.example', 'mailto:support@hosting.example'],
    ['a+b&c=d?e@hosting.example', 'a+b&c=d?e@hosting.example', 'mailto:a%2Bb%26c%3Dd%3Fe@hosting.example'],
    ['https://help.example/a b?c=<d>', 'https://help.example/a%20b?c=%3Cd%3E', 'https://help.example/a%20b?c=%3Cd%3E'],
  ])('the support %s is kept as %s, and leads to %s', (typed, kept, href) => {
    expect(parseBranding({ ...NOTHING, support: typed }).support).toBe(kept)
    expect(supportHref(kept)).toBe(href)
  })

  test.each([
    ['support', 'http://help.example/'],
    ['support', 'javascript:alert(1)//@x.example'],
    ['support', 'JavaScript:alert(1)'],
    ['support', 'data:text/html,<script>'],
    ['support', 'https://user:password@help.example/'],
    ['support', `https://help.example/${'x'.repeat(300)}`],
    ['support', '//help.example'],
    ['support', 'two@a.example, two@b.example'],
    ['serviceName', 'x'.repeat(41)],
    ['serviceName', 'turned \u202e around'],
    ['serviceName', 'two\nlines'],
    ['serviceName', 'nul \u0000'],
    ['footLine', 'y'.repeat(201)],
    ['footLine', 'a\u2028b'],
    ['footLine', 'zero\u200bwidth'],
  ])('%s is refused: %j', (field, text) => {
    expect(() => parseBranding({ ...NOTHING, [field]: text })).toThrow(
      expect.objectContaining({
        code: 'malformed-request',
        fields: [expect.objectContaining({ pointer: `/${field}` })],
      }),
    )
  })

  test('all that is wrong is told at once', () => {
    const given = { serviceName: '\u202e', accents: { light: 'x', dark: 'y' }, support: 'z', footLine: '\n' }
    expect(() => parseBranding({ ...given, footLine: 'a\nb' })).toThrow(
      expect.objectContaining({
        fields: ['/serviceName', '/accents/light', '/accents/dark', '/support', '/footLine'].map(
          (pointer) => expect.objectContaining({ pointer }) as unknown,
        ),
      }),
    )
  })
})

describe('a logo', () => {
  test.each([
    ['image/png', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['image/jpeg', Buffer.from('ffd8ffe000104a46494600', 'hex')],
    ['image/webp', Buffer.from('RIFF\x10\x00\x00\x00WEBPVP8 ', 'latin1')],
  ])('is recognised as %s by its first bytes', (mediaType, bytes) => {
    expect(parseLogo(bytes)).toEqual({ mediaType, bytes })
  })

  test.each([
    ['SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['HTML', '<!doctype html><script>alert(1)</script>'],
    ['a page that ends as an image', '<html>\x89PNG\r\n\x1a\n'],
    ['GIF', 'GIF89a\x01\x00'],
    ['sound in the same container', 'RIFF\x10\x00\x00\x00WAVEfmt '],
    ['nothing', ''],
    ['half of a signature', '\x89PNG'],
  ])('is refused where it is %s', (_what, text) => {
    expect(() => parseLogo(Buffer.from(text, 'latin1'))).toThrow('PNG, JPEG or WebP')
  })

  test('is refused where it is too large, with its size', () => {
    const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(LOGO_LIMIT_BYTES - 8)])
    expect(parseLogo(png).mediaType).toBe('image/png')
    expect(() => parseLogo(Buffer.concat([png, Buffer.alloc(1)]))).toThrow(/64001 bytes/)
  })
})
