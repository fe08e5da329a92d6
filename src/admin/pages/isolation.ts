// What is put into a sentence must not reorder the words around it (UAX #9 §6.3). Until the page is sent the isolates are
// noncharacters, so that those that a stranger wrote can be told from ours and be shown.
const BEGIN = '\ufdd0'
const END = '\ufdd1'
const MARKS = /[\ufdd0\ufdd1]/gu
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdcf\ufdf0-\ufdff\ufe70-\ufefe\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u

/** A catalogue whose sentences keep names of the other writing direction apart from their own words. */
export function isolating<Words>(words: Words, direction: 'ltr' | 'rtl'): Words {
  if (typeof words === 'function')
    return ((...given: unknown[]) =>
      (words as (...given: unknown[]) => unknown)(
        ...given.map((one) => (typeof one === 'string' ? isolated(one, direction) : one)),
      )) as Words
  if (typeof words !== 'object' || words === null) return words
  if (Array.isArray(words)) return words.map((each: unknown) => isolating(each, direction)) as Words
  return Object.fromEntries(Object.entries(words).map(([key, each]) => [key, isolating(each, direction)])) as Words
}

/** A name within a sentence that is written from left to right, or from right to left. */
export function isolated(name: string, direction: 'ltr' | 'rtl'): string {
  const isOther = direction === 'rtl' ? /\p{L}/u.test(name) : RIGHT_TO_LEFT.test(name)
  return isOther ? `${BEGIN}${name.replace(MARKS, written)}${END}` : name
}

/** Of a sentence: its isolates stay, and all between them is made legible. Those that close nothing are none of ours. */
export function withOwnIsolates(text: string, legible: (text: string) => string): string {
  const [first = '', ...rest] = text.split(MARKS)
  const marks = text.match(MARKS) ?? []
  let open = 0
  const isOurs = marks.every((mark) => (open += mark === BEGIN ? 1 : -1) >= 0)
  const parts = rest.map((part, at) => (isOurs ? marks[at]! : written(marks[at]!)) + legible(part))
  return legible(first) + parts.join('') + (isOurs ? END.repeat(open) : '') // it may have been cut off
}

/** As browsers understand it: first strong isolate and its end. */
export function withIsolates(html: string): string {
  return html.includes(BEGIN) ? html.replaceAll(BEGIN, '\u2068').replaceAll(END, '\u2069') : html
}

function written(mark: string): string {
  return `\\u{${mark.codePointAt(0)!.toString(16)}}`
}
