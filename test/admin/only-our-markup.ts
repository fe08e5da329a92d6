import { expect } from 'vitest'

const TAGS = new Set(
  (
    'html head meta title link script body header main footer nav section h1 h2 p a svg g desc path rect line circle text form button ul ol li div label ' +
    'span input table caption thead tbody tr th td small bdi time datalist option select textarea details summary code ' +
    'progress noscript pre strong dl dt dd fieldset legend del ins'
  ).split(' '),
)
const ATTRIBUTES =
  /^(?:lang|dir|direction|target|charset|name|content|rel|href|type|src|defer|class|id|for|role|method|enctype|action|value|placeholder|title|download|max|maxlength|shape-rendering|datetime|tabindex|hidden|open|selected|checked|required|rows|list|scope|accept|autocomplete|autocapitalize|spellcheck|inputmode|viewBox|focusable|d|fill|stroke|stroke-width|stroke-linecap|stroke-linejoin|width|height|rx|r|[xy][12]?|c[xy]|points|text-anchor|transform|(?:aria|data|hx)-[a-z-]+|hx-boost:inherited)$/
const TAG = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z:-]+(?:="[^"]*")?)*)\s*\/?>/y
const OWN_PATH = /^[/#](?!\/)/
/** Own, or of a host that the page itself names: an owner's own name, the panel of a DNS provider, the operator's support. */
const LINK = /^(?:[/#](?!\/)|https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?(?:\/|$)|mailto:[^<>"]+$)/
const UNSEEN = /[\u0000-\u0008\u200b-\u200f\u2028-\u202e\u2066-\u2069\u00ad]/

/** Reads the whole document as a browser would: each `<` must begin one of our tags, with attributes of ours. */
export function expectOnlyOurMarkup(html: string): void {
  let at = '<!doctype html>'.length
  let name: string | undefined
  while (at < html.length) {
    const next = html.indexOf('<', at)
    const text = html.slice(at, next < 0 ? undefined : next)
    // What somebody typed stays as they typed it
    if (name !== 'textarea') expect(text).not.toMatch(UNSEEN)
    if (next < 0) return
    TAG.lastIndex = next
    const [tag, end, opened, attributes] = TAG.exec(html) ?? []
    name = end === '' ? opened : undefined
    expect(TAGS, html.slice(next, next + 80)).toContain(opened)
    for (const [, attribute, value] of attributes!.matchAll(/([a-zA-Z:-]+)(?:="([^"]*)")?/g)) {
      expect(attribute).toMatch(ATTRIBUTES)
      if (name === 'a' && attribute === 'href') expect(value).toMatch(LINK)
      else if (attribute === 'href' || attribute === 'src' || attribute === 'action') expect(value).toMatch(OWN_PATH)
      if (attribute === 'hx-get') expect(value ?? '').toMatch(/^(?:\/(?!\/)|$)/)
    }
    at = next + tag!.length
  }
}
