import { ProblemError, type FieldProblem } from '../problem.ts'
import { parseAccents, type Accents } from './accent.ts'
import { canonicalEmail } from './email.ts'
import type { Branding, Logo, LogoType } from './settings.ts'

export const LOGO_LIMIT_BYTES = 64_000
const MOST_NAME_CHARACTERS = 40
const MOST_LINE_CHARACTERS = 200
const MOST_URL_CHARACTERS = 300

/** As somebody typed it; empty: nothing. */
export interface TypedBranding {
  serviceName: string | null
  accents: Accents | null
  support: string | null
  footLine: string | null
}

/** @throws ProblemError malformed-request with a pointer per fault */
export function parseBranding(given: TypedBranding): Branding {
  const fields: FieldProblem[] = []
  const take = <T>(parse: () => T): T | null => {
    try {
      return parse()
    } catch (fault) {
      if (!(fault instanceof ProblemError)) throw fault
      fields.push(...fault.fields)
      return null
    }
  }
  const branding = {
    serviceName: take(() => words(given.serviceName, '/serviceName', MOST_NAME_CHARACTERS)),
    accents: take(() => given.accents && parseAccents(given.accents)),
    support: take(() => parseSupport(given.support)),
    footLine: take(() => words(given.footLine, '/footLine', MOST_LINE_CHARACTERS)),
  }
  if (fields.length === 0) return branding
  const detail = fields.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`).join('; ')
  throw new ProblemError('malformed-request', detail, { fields })
}

/** Shown in titles and sentences: nothing in it that cannot be seen, or turns what stands beside it around. */
function words(given: string | null, pointer: string, most: number): string | null {
  const text = given?.trim().replace(/ +/g, ' ') ?? ''
  if (text === '') return null
  if ([...text].length > most || /[\p{C}\p{Zl}\p{Zp}]/u.test(text))
    throw fault(pointer, `should be at most ${most} characters on one line, without any that cannot be seen`)
  return text
}

function parseSupport(given: string | null): string | null {
  const text = given?.trim() ?? ''
  if (text === '') return null
  const email = canonicalEmail(text)
  if (email !== null) return email
  const url = URL.canParse(text) ? new URL(text) : null
  const isGood = url?.protocol === 'https:' && url.username === '' && url.password === ''
  if (isGood && url.href.length <= MOST_URL_CHARACTERS) return url.href
  throw fault('/support', 'should be an e-mail address, or an address that begins with https://')
}

export function serviceName({ serviceName: own }: Pick<Branding, 'serviceName'>): string {
  return own ?? 'Waypost'
}

/** Where a link to the support leads. */
export function supportHref(support: string): string {
  // What a mailto: address may not have, RFC 6068 §2, such as the "?" that would begin a subject
  return support.startsWith('https://') ? support : `mailto:${encodeURIComponent(support).replace('%40', '@')}`
}

const MAGIC: readonly [LogoType, (bytes: Buffer) => boolean][] = [
  ['image/png', (bytes) => bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))],
  ['image/jpeg', (bytes) => bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))],
  ['image/webp', (bytes) => latin1(bytes, 0, 4) === 'RIFF' && latin1(bytes, 8, 12) === 'WEBP'],
]

/**
 * An image as a browser recognises it, whatever it is called. SVG is none of them: it is a document, with scripts.
 * @throws ProblemError malformed-request, too-large
 */
export function parseLogo(bytes: Uint8Array): Logo {
  if (bytes.length > LOGO_LIMIT_BYTES)
    throw fault('/logo', `has ${bytes.length} bytes; at most ${LOGO_LIMIT_BYTES} are taken`)
  const buffer = Buffer.from(bytes)
  const [mediaType] = MAGIC.find(([, is]) => is(buffer)) ?? []
  if (mediaType === undefined) throw fault('/logo', 'should be a PNG, JPEG or WebP image')
  return { mediaType, bytes }
}

function latin1(bytes: Buffer, from: number, to: number): string {
  return bytes.subarray(from, to).toString('latin1')
}

function fault(pointer: string, detail: string): ProblemError {
  return new ProblemError('malformed-request', detail, { fields: [{ pointer, detail }] })
}
