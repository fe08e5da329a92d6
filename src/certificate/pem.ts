import { refusal } from './refusal.ts'

/** The whole of an upload: certificate, chain and key. */
export const MOST_UPLOAD_BYTES = 64 * 1024
export const MOST_CERTIFICATE_BYTES = 16 * 1024
export const MOST_BLOCKS = 10

const BEGIN = '-----BEGIN '
const END = '-----END '
const DASHES = '-----'
const LONGEST_LABEL = 40
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

export interface PemBlock {
  label: string // "CERTIFICATE"
  /** RFC 1421 §4.6: an encrypted private key of the traditional form has them. Empty for all others. */
  headers: string[]
  bytes: Uint8Array
}

/**
 * The PEM blocks of a text (RFC 7468), with whatever stands around them, any line ends, blanks at line ends and
 * beginnings. Goes over the text once: the first fault ends it, so that no run of BEGIN lines is searched twice.
 * @throws ProblemError certificate-refused: too-large, too-many-blocks, unreadable
 */
export function cutPem(text: string): PemBlock[] {
  if (text.length > MOST_UPLOAD_BYTES) throw tooLarge()
  const blocks: PemBlock[] = []
  for (let from = 0; ;) {
    const begin = text.indexOf(BEGIN, from)
    if (begin === -1) return blocks
    if (blocks.length === MOST_BLOCKS) throw tooManyBlocks()
    const label = labelAt(text, begin + BEGIN.length)
    const bodyStart = begin + BEGIN.length + label.length + DASHES.length
    const endLine = `${END}${label}${DASHES}`
    const bodyEnd = text.indexOf(endLine, bodyStart)
    if (bodyEnd === -1)
      throw refusal(
        'unreadable',
        `the block that begins "${BEGIN}${label}${DASHES}" has no "${endLine}"; paste it whole`,
      )
    blocks.push({ label, ...bodyOf(text.slice(bodyStart, bodyEnd), label) })
    from = bodyEnd + endLine.length
  }
}

/** RFC 7468 §2 and §3: 64 columns, LF, a final LF, no text around. */
export function encodePem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der).toString('base64')
  const lines = [`${BEGIN}${label}${DASHES}`]
  for (let i = 0; i < base64.length; i += 64) lines.push(base64.slice(i, i + 64))
  return [...lines, `${END}${label}${DASHES}`, ''].join('\n')
}

export function tooManyBlocks(): Error {
  return refusal('too-many-blocks', `there are more than ${MOST_BLOCKS} PEM blocks; give one certificate and its chain`)
}

export function tooLarge(): Error {
  return refusal(
    'too-large',
    `the upload is larger than ${MOST_UPLOAD_BYTES / 1024} KiB; give one certificate and its chain`,
  )
}

function labelAt(text: string, start: number): string {
  // A window, not the rest of the text: a BEGIN without dashes must not be searched to the end
  const window = text.slice(start, start + LONGEST_LABEL + DASHES.length)
  const label = window.slice(0, Math.max(0, window.indexOf(DASHES)))
  if (!/^[A-Z0-9 #]+$/.test(label))
    throw refusal(
      'unreadable',
      `a line that begins with "${BEGIN.trim()}" is damaged; paste the block as it was issued`,
    )
  return label
}

function bodyOf(text: string, label: string): Omit<PemBlock, 'label'> {
  // Out of a JSON document or an environment file the line ends often come as a backslash and an n
  const lines = text
    .replaceAll('\\r', '')
    .replaceAll('\\n', '\n')
    .split('\n')
    .map((line) => line.trim())
  const headers = lines.filter((line) => line.includes(': '))
  const base64 = lines
    .filter((line) => !line.includes(': '))
    .join('')
    .replaceAll(/[ \t\r]/g, '')
  if (base64.length % 4 !== 0 || !BASE64.test(base64))
    throw refusal(
      'unreadable',
      `the ${label} block is no base64 (RFC 7468); a line is missing or damaged, paste it whole`,
    )
  return { headers, bytes: Buffer.from(base64, 'base64') }
}
