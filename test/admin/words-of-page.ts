/** One text that a person reads on a page, or hears: of an element, or of an attribute that is read out. */
export interface Told {
  text: string
  within: string // the element's tag and class, and those around it
  language: string // of the element, as the nearest `lang` says
}

const VOID = new Set(['meta', 'link', 'input', 'br', 'hr', 'img'])
const READ_OUT = ['aria-label', 'placeholder', 'title', 'alt', 'data-copied', 'content']
const TOKEN = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:-]+(?:="[^"]*")?)*)\s*(\/?)>|([^<]+)/g
const ENTITIES: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' }

/** All words of a document that the server has written, in their order. */
export function wordsOf(html: string): Told[] {
  const open: { name: string; mark: string; language: string }[] = []
  const told: Told[] = []
  const tell = (text: string) => {
    const readable = decoded(text).trim()
    const { language = '' } = open.at(-1) ?? {}
    if (/\p{L}/u.test(readable))
      told.push({ text: readable, within: open.map(({ mark }) => mark).join(' > '), language })
  }
  for (const [, closing, name, attributes = '', selfClosing, text] of html
    .slice('<!doctype html>'.length)
    .matchAll(TOKEN)) {
    if (text !== undefined) tell(text)
    else if (closing) {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes nothing`)
    } else {
      const given = new Map(
        [...attributes.matchAll(/([a-zA-Z:-]+)(?:="([^"]*)")?/g)].map(([, key, value]) => [key, value]),
      )
      const classes = given.get('class')
      const mark = classes ? `${name}.${classes.replaceAll(' ', '.')}` : name!
      open.push({ name: name!, mark, language: given.get('lang') ?? open.at(-1)?.language ?? '' })
      for (const attribute of READ_OUT) {
        const value = given.get(attribute)
        if (value !== undefined && name !== 'meta') tell(value)
      }
      if (selfClosing || VOID.has(name!)) open.pop()
    }
  }
  if (open.length > 0) throw new Error(`<${open.at(-1)!.name}> is never closed`)
  return told
}

function decoded(text: string): string {
  return text.replace(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity]!)
}
