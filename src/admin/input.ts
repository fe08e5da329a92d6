import { z } from 'zod'
import { domainName, type DomainName } from '../name.ts'
import { ProblemError, type FieldProblem, type ProblemCode } from '../problem.ts'
import { TENANT_NAME } from '../tenant/tenant.ts'

const MOST_FAULTS = 20

/** How a language says what a value should be. */
export interface WishWords {
  missing: string
  empty: string
  noSuchField: string
  kinds: Record<'string' | 'int' | 'number' | 'boolean' | 'object', string>
  oneOf: (values: readonly string[]) => string
  atMost: (most: number, isText: boolean) => string
  atLeast: (least: number, isText: boolean) => string
}

export const WISHES: WishWords = {
  missing: 'is missing',
  empty: 'should not be empty',
  noSuchField: 'there is no such field',
  kinds: {
    string: 'should be a string',
    int: 'should be a whole number',
    number: 'should be a whole number',
    boolean: 'should be true or false',
    object: 'should be an object',
  },
  oneOf: (values) => `should be ${values.join(' or ')}`,
  atMost: (most, isText) => `should be at most ${most}${isText ? ' characters long' : ''}`,
  atLeast: (least, isText) => `should be at least ${least}${isText ? ' characters long' : ''}`,
}

/** Who reads what is wrong with what they sent. */
interface Reader {
  language: string
  wishes: WishWords
}

/**
 * Parses what a caller sent.
 * @param reader undefined: a program, or its programmer, who reads English
 * @throws ProblemError malformed-request with a JSON pointer per fault
 */
export function parseInput<S extends z.ZodType>(
  schema: S,
  input: unknown,
  what: 'body' | 'query',
  reader?: Reader,
): z.output<S> {
  const words = reader?.wishes ?? WISHES
  const wished = new Set([words.noSuchField])
  const parsed = schema.safeParse(input, {
    error: (issue) => {
      const text = wish(words, issue)
      if (text !== undefined) wished.add(text)
      return text
    },
  })
  if (parsed.success) return parsed.data
  const inReadersLanguage = (text: string) => (reader && wished.has(text) ? { language: reader.language } : {})
  const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, words))
  const codes = new Set(faults.map(({ code }) => code))
  // A field that a noun refused keeps the noun's code, as it has on the command line
  const code = codes.size === 1 ? faults[0]!.code : 'malformed-request'
  const fields = faults
    .slice(0, MOST_FAULTS)
    .map(({ pointer, detail }): FieldProblem => ({ pointer, detail, ...inReadersLanguage(detail) }))
  const detail = fields.map((field) => `${field.pointer.slice(1) || `the ${what}`}: ${field.detail}`).join('; ')
  // RFC 9457's pointers point into a body; a query parameter is named in the text
  throw new ProblemError(code, detail, what === 'body' ? { fields } : {})
}

interface Fault extends FieldProblem {
  code: ProblemCode
}

function faultsOf(issue: z.core.$ZodIssue, words: WishWords): Fault[] {
  const pointer = toPointer(issue.path)
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      code: 'malformed-request',
      pointer: toPointer([...issue.path, key.slice(0, 100)]),
      detail: words.noSuchField,
    }))
  const params = issue.code === 'custom' ? issue.params : undefined
  return [{ code: (params?.problem as ProblemCode | undefined) ?? 'malformed-request', pointer, detail: issue.message }]
}

function toPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => '/' + String(key).replaceAll('~', '~0').replaceAll('/', '~1')).join('')
}

/** What a value should be; zod's own text where there is nothing better to say. */
function wish(words: WishWords, issue: z.core.$ZodRawIssue): string | undefined {
  const isText = 'origin' in issue && issue.origin === 'string'
  if (issue.code === 'invalid_type') {
    if (issue.input === undefined) return words.missing
    const kinds: Readonly<Record<string, string>> = words.kinds
    return kinds[issue.expected] ?? `should be ${issue.expected}`
  }
  if (issue.code === 'invalid_value') return words.oneOf(issue.values.map((value) => JSON.stringify(value)))
  if (issue.code === 'too_big') return words.atMost(Number(issue.maximum), isText)
  if (issue.code === 'too_small')
    return isText && issue.minimum === 1 ? words.empty : words.atLeast(Number(issue.minimum), isText)
  return undefined
}

/** A field that one of the nouns' own functions parses, whose refusal keeps its code. */
export function parsedBy<T>(parse: (text: string) => T) {
  return (text: string, context: z.core.$RefinementCtx<string>): T => {
    try {
      return parse(text)
    } catch (refusal) {
      if (!(refusal instanceof ProblemError)) throw refusal
      context.issues.push({
        code: 'custom',
        input: text,
        message: refusal.message,
        params: { problem: refusal.code },
      })
      return z.NEVER
    }
  }
}

/** One line that a person wrote. NUL and other controls are refused here: PostgreSQL cannot store a NUL. */
export const line = (most: number) =>
  z
    .string()
    .max(most)
    .refine((text) => !/[\u0000-\u001f\u007f]/.test(text), {
      error: 'should be a single line without control characters',
    })

/** 1,000 characters: a U-label may be longer than the A-label that counts. */
export const domainNameField = line(1000)
  .transform(parsedBy((text): DomainName => domainName(text.trim())))
  .meta({ description: 'A DNS name, in A-labels or U-labels', example: 'im.example.com' })

export const tenantNameField = z
  .string()
  .trim()
  .regex(TENANT_NAME.pattern, { error: TENANT_NAME.wish })
  .meta({ example: 'acme' })

/** A query parameter that is a boolean; left out: it does not matter. */
export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

export const lineageNameField = line(255).trim().min(1)

/** PEM as it stands; base64 of DER, which has no hyphens, decoded. What is neither is left to the importer to refuse. */
export function pemOrDer(text: string): Uint8Array {
  const isBase64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(text)
  return isBase64 ? Buffer.from(text, 'base64') : Buffer.from(text)
}
