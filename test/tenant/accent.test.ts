import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { accentStyle, contrast, leastContrast, parseAccents } from '../../src/tenant/accent.ts'

describe('contrast, WCAG 2.2', () => {
  test.each([
    ['black on white', '#000000', '#ffffff', 21],
    ['a colour on itself', '#0b6e69', '#0b6e69', 1],
    ['the grey that just passes', '#767676', '#ffffff', 4.54],
    ['the grey that just fails', '#777777', '#ffffff', 4.48],
    ['pure red', '#ff0000', '#ffffff', 4.0],
    ['pure blue', '#0000ff', '#ffffff', 8.59],
    ['a very dark colour, where the curve is a line', '#050505', '#000000', 1.03],
  ])('of %s', (_what, one, other, ratio) => {
    expect(contrast(one, other)).toBeCloseTo(ratio, 2)
    expect(contrast(other, one)).toBe(contrast(one, other))
  })
})

describe('accents', () => {
  test('are taken as typed, and stored in lower case', () => {
    expect(parseAccents({ light: ' #0B6E69 ', dark: '#5FD0C6' })).toEqual({ light: '#0b6e69', dark: '#5fd0c6' })
  })

  test('the grounds that they are measured on are those of the style sheet', () => {
    const css = readFileSync('public/app.css', 'utf8')
    const worst = { light: 21, dark: 21 }
    for (const name of ['ground', 'surface', 'raised']) {
      const [, light = '', dark = ''] = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(css) ?? []
      worst.light = Math.min(worst.light, contrast('#0b6e69', light))
      worst.dark = Math.min(worst.dark, contrast('#5fd0c6', dark))
    }
    expect(leastContrast('#0b6e69', 'light')).toBeLessThanOrEqual(worst.light)
    expect(leastContrast('#5fd0c6', 'dark')).toBeLessThanOrEqual(worst.dark)
    expect(leastContrast('#0b6e69', 'light')).toBeGreaterThan(worst.light * 0.9)
  })

  test.each([
    [
      'too light on light',
      { light: '#5fd0c6', dark: '#5fd0c6' },
      ['/accents/light'],
      /contrast of 1\.\d\d:1 on a light/,
    ],
    ['too dark on dark', { light: '#0b6e69', dark: '#0b6e69' }, ['/accents/dark'], /contrast of 2\.\d\d:1 on a dark/],
    ['the other way round', { light: '#ffffff', dark: '#000000' }, ['/accents/light', '/accents/dark'], /darker/],
    [
      'enough on white, but not where something is marked',
      { light: '#767676', dark: '#5fd0c6' },
      ['/accents/light'],
      /3\.\d\d:1/,
    ],
    ['a name', { light: 'teal', dark: '#5fd0c6' }, ['/accents/light'], /six hexadecimal digits/],
    ['three digits', { light: '#066', dark: '#5fd0c6' }, ['/accents/light'], /six hexadecimal digits/],
    ['eight digits', { light: '#0b6e69ff', dark: '#5fd0c6' }, ['/accents/light'], /six hexadecimal digits/],
    ['nothing', { light: '', dark: '#5fd0c6' }, ['/accents/light'], /six hexadecimal digits/],
    ['a style sheet', { light: '#0b6e69;}body{display:none', dark: '#5fd0c6' }, ['/accents/light'], /six hexadecimal/],
    ['a second line', { light: '#0b6e69\n}', dark: '#5fd0c6' }, ['/accents/light'], /six hexadecimal/],
  ])('%s are refused', (_what, given, pointers, words) => {
    expect(() => parseAccents(given)).toThrow(words)
    try {
      parseAccents(given)
    } catch (err) {
      expect((err as { fields: { pointer: string }[] }).fields.map(({ pointer }) => pointer)).toEqual(pointers)
    }
  })

  test('their style sheet has custom properties of ours and colours only', () => {
    const css = accentStyle({ light: '#0b5e8a', dark: '#7cc4ee' })
    expect(css).toMatch(/^:root\{(--accent[a-z-]*:light-dark\(#[0-9a-f]{6},#[0-9a-f]{6}\);)+\}\n$/)
    expect(css).toContain('--accent:light-dark(#0b5e8a,#7cc4ee);')
  })

  test.each(['#0b5e8a', '#7a1f5c', '#000000', '#5a5a5a'])('what is written on a button of %s can be read', (light) => {
    const css = accentStyle({ light, dark: '#7cc4ee' })
    for (const name of ['accent-ground', 'accent-press']) {
      const grounds = new RegExp(`--${name}:light-dark\\((#\\w+),(#\\w+)\\)`).exec(css)!.slice(1)
      for (const ground of grounds) expect(contrast('#ffffff', ground)).toBeGreaterThanOrEqual(4.5)
    }
  })
})
