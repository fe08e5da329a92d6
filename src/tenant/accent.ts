import { ProblemError, type FieldProblem } from '../problem.ts'

/** One colour for each of the two schemes, "#0b6e69". */
export interface Accents {
  light: string
  dark: string
}

type Scheme = keyof Accents
type Rgb = readonly [number, number, number]

/** WCAG 2.2, 1.4.3: links and labels are text of any size. */
const LEAST_RATIO = 4.5
const HEX = /^#[0-9a-f]{6}$/
/** Of each scheme, what the accent is read on: `--ground`, `--surface` and `--raised` of public/app.css. */
const GROUNDS: Record<Scheme, { surface: string; others: readonly string[] }> = {
  light: { surface: '#ffffff', others: ['#f5f7f7', '#eef2f2'] },
  dark: { surface: '#161e1f', others: ['#0e1415', '#202a2b'] },
}
const SOFT = 0.12 // of the accent in the ground of what is marked with it
const PRESS = 0.2 // of black in a button under the pointer

/**
 * Two accents that can be read wherever the pages use them.
 * @param given as typed, "#0B6E69"
 * @throws ProblemError malformed-request: one is no colour, or has too little contrast
 */
export function parseAccents(given: Accents): Accents {
  const accents = { light: given.light.trim().toLowerCase(), dark: given.dark.trim().toLowerCase() }
  const fields = (['light', 'dark'] as const).flatMap((scheme): FieldProblem[] => {
    const fault = faultOf(accents[scheme], scheme)
    return fault === null ? [] : [{ pointer: `/accents/${scheme}`, detail: fault }]
  })
  if (fields.length === 0) return accents
  throw new ProblemError('malformed-request', fields.map(({ detail }) => detail).join('; '), { fields })
}

function faultOf(colour: string, scheme: Scheme): string | null {
  if (!HEX.test(colour)) return 'should be a colour of six hexadecimal digits, such as #0b6e69'
  const ratio = leastContrast(colour, scheme)
  if (ratio >= LEAST_RATIO) return null
  // Cut off and not rounded: 4.49 must not read as 4.5
  const shown = (Math.floor(ratio * 100) / 100).toFixed(2)
  return `has a contrast of ${shown}:1 on a ${scheme} ground, which is too little to be read by everybody; at least ${LEAST_RATIO}:1 are needed, so take a ${scheme === 'light' ? 'darker' : 'lighter'} one`
}

/** On the worst of the grounds that it may stand on. */
export function leastContrast(colour: string, scheme: Scheme): number {
  const { surface, others } = GROUNDS[scheme]
  const grounds = [surface, ...others, mixed(surface, colour, SOFT)]
  return Math.min(...grounds.map((ground) => contrast(colour, ground)))
}

/** WCAG 2.2, "contrast ratio": from 1 to 21. */
export function contrast(one: string, other: string): number {
  const [lighter, darker] = [luminance(rgb(one)), luminance(rgb(other))].toSorted((a, b) => b - a) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

/** WCAG 2.2, "relative luminance", of sRGB. */
function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** The custom properties of public/app.css that an accent decides. @param accents as `parseAccents` has given them */
export function accentStyle({ light, dark }: Accents): string {
  // White can be read on the accent of the light scheme: its ground was darker than white
  const properties = {
    '--accent': [light, dark],
    '--accent-ground': [light, light],
    '--accent-press': [mixed(light, '#000000', PRESS), mixed(light, '#000000', PRESS)],
    '--accent-soft': [mixed(GROUNDS.light.surface, light, SOFT), mixed(GROUNDS.dark.surface, dark, SOFT)],
  }
  const lines = Object.entries(properties).map(([name, [one, other]]) => `${name}:light-dark(${one},${other});`)
  return `:root{${lines.join('')}}\n`
}

function mixed(one: string, other: string, share: number): string {
  const [from, to] = [rgb(one), rgb(other)]
  const parts = from.map((part, at) => Math.round(part + (to[at]! - part) * share))
  return `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`
}

function rgb(colour: string): Rgb {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as unknown as Rgb
}
