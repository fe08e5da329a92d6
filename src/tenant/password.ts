import { dictionary } from '@zxcvbn-ts/language-common'
import { ProblemError } from '../problem.ts'

const LEAST = 8
const MOST = 256
// In UTF-16 code units as typed, of which normalisation makes at most four out of one character: none that is allowed is
// longer. ICU takes time by the square of a run of combining marks.
const MOST_SPELLING = 4 * MOST
const MOST_CONTEXT = 254 // an e-mail address is no longer
const SHORT = 12
const SHORT_PATTERN = 4
const SHORTEST_WORD = 4
const PRODUCT = 'waypost'

export type PasswordRule = 'too-short' | 'too-long' | 'common' | 'context' | 'repeated'

let common: Set<string> | undefined

/**
 * As it is hashed: one keyboard sends "é" as one character, another as two, and both have to be the same password
 * (the normal form of RFC 8265 §4.2). Null where it is longer than any that was ever accepted.
 */
export function canonicalPassword(password: string): string | null {
  return password.length > MOST_SPELLING ? null : password.normalize('NFC')
}

/**
 * Refuses what is guessed first; asks for no digits, capitals or signs, which make passwords only harder to remember.
 * @param context what guessing would begin with: the e-mail address, the tenant's name
 * @throws ProblemError password-refused
 */
export function checkPassword(password: string, context: readonly string[]): void {
  const [rule, detail] = fault(password, context) ?? []
  if (rule === undefined || detail === undefined) return
  throw new ProblemError('password-refused', detail, { rule, fields: [{ pointer: '/password', detail }] })
}

function fault(password: string, context: readonly string[]): [PasswordRule, string] | undefined {
  const canonical = canonicalPassword(password)
  const length = canonical === null ? Infinity : [...canonical].length
  if (canonical === null || length > MOST)
    return ['too-long', `the password is longer than ${MOST} characters; choose a shorter one`]
  if (length < LEAST)
    return [
      'too-short',
      `the password has fewer than ${LEAST} characters; four words that do not belong together do well`,
    ]
  const lower = canonical.toLowerCase()
  const period = periodOf(lower)
  if (period <= SHORT_PATTERN || 3 * period <= lower.length)
    return ['repeated', 'the password repeats one short pattern; choose one that does not']
  if (isCommon(lower) || (2 * period <= lower.length && isCommon(lower.slice(0, period))))
    return [
      'common',
      'the password is among those that are guessed first; choose another, such as four unrelated words',
    ]
  if (isMostlyContext(lower, context))
    return ['context', 'the password is little more than your e-mail address or a name in use here; choose another']
  return undefined
}

/** Of a short one also without what people hang on when they are asked for a digit and a sign. */
function isCommon(lower: string): boolean {
  common ??= new Set(dictionary['passwords-common'])
  if (common.has(lower)) return true
  const bare = lower.length < SHORT ? lower.replace(/[\d\p{P}\p{S}]+$/u, '') : ''
  return bare.length >= SHORTEST_WORD && common.has(bare)
}

function isMostlyContext(lower: string, context: readonly string[]): boolean {
  const words = [...context, PRODUCT].flatMap((text) => {
    const parts = text.slice(0, MOST_CONTEXT).normalize('NFC').toLowerCase().split('@')
    return [...parts, ...parts.flatMap((part) => part.split(/[^\p{L}\p{N}]+/u))]
  })
  const told = [...new Set(words)].filter((word) => word.length >= SHORTEST_WORD).sort((a, b) => b.length - a.length)
  const rest = told.reduce((left, word) => left.replaceAll(word, ''), lower)
  return 2 * rest.length < lower.length
}

/** The length of the shortest pattern that the text repeats, its last turn perhaps cut off; its own length: none. */
function periodOf(text: string): number {
  for (let period = 1; period < text.length; period++) if (text.startsWith(text.slice(period))) return period
  return text.length
}
