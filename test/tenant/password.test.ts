import { describe, expect, test } from 'vitest'
import { canonicalPassword, checkPassword, type PasswordRule } from '../../src/tenant/password.ts'

const CONTEXT = ['alice.liddell@wonderland.example', 'looking-glass']

function ruleOf(password: string, context = CONTEXT): PasswordRule | 'accepted' {
  try {
    checkPassword(password, context)
    return 'accepted'
  } catch (refusal) {
    expect(refusal).toMatchObject({ code: 'password-refused' })
    expect((refusal as Error).message).toMatch(/choose|do well/)
    return (refusal as { rule: PasswordRule }).rule
  }
}

describe('a new password', () => {
  test.each([
    ['kX9$vbq', 'too-short'],
    ['kX9$vbqm', 'accepted'],
    ['', 'too-short'],
    ['😀🙃😇🦊🐙🦑🐝', 'too-short'], // seven characters, though more code units
    ['😀🙃😇🦊🐙🦑🐝🐢', 'accepted'],
    ['e\u0301'.repeat(4) + 'xyz', 'too-short'], // NFC makes one character of each two
    ['correct horse battery staple', 'accepted'],
    ['nur kleine buchstaben', 'accepted'], // no digit, capital or sign is asked for
    ['password', 'common'],
    ['PassWord', 'common'],
    ['trustno1', 'common'],
    ['trustno1!', 'common'], // what is hung on where a sign is asked for
    ['dragon2024!', 'common'],
    ['dragon and 2024 other things', 'accepted'],
    ['trustno1trustno1', 'common'], // twice is not better
    ['q7!9$2%4', 'accepted'], // what is left without digits and signs is too little to be a word
    ['alice.liddell', 'context'],
    ['Alice.Liddell1!', 'context'],
    ['wonderland99', 'context'],
    ['my-looking-glass', 'context'],
    ['waypost2026', 'context'],
    ['glass beads in four colours', 'accepted'], // a word of the context is no more than a part
    ['aaaaaaaaaaaa', 'repeated'],
    ['abcabcabcabc', 'repeated'],
    ['abcabcabcab', 'repeated'],
    ['7!x77!x77!x7', 'repeated'],
    ['hallihallihalli', 'repeated'],
    ['vbqmkvbqmk', 'accepted'],
  ])('%j: %s', (password, rule) => expect(ruleOf(password)).toBe(rule))

  test('has at most 256 characters, counted as people count', () => {
    const varied = Array.from({ length: 256 }, (_, at) => String.fromCodePoint(0x1f300 + at)).join('')
    expect(ruleOf(varied)).toBe('accepted')
    expect(ruleOf(`${varied}!`)).toBe('too-long')
    expect(ruleOf(varied.replaceAll('\u{1f301}', 'e\u0301'))).toBe('accepted')
  })

  test('is the same however the keyboard composes it', () =>
    expect(canonicalPassword('gru\u0308ne Äpfel')).toBe(canonicalPassword('grüne A\u0308pfel')))

  test('a short name in the context refuses nothing', () =>
    expect(ruleOf('bobbing apples', ['bob@a.example'])).toBe('accepted'))
})
