import { expect } from 'vitest'

const TAGS = new Set(
  (
    'html head meta title link script body header main footer nav section h1 h2 p a svg path rect form button ul ol li div label ' +
    'span input table caption thead tbody tr th td small bdi time datalist option select textarea details summary code ' +
    'pre strong dl dt dd fieldset legend del ins'
  ).split(' '),
)
const ATTRIBUTES =
  /^(?:lang|target|charset|name|content|rel|href|type|src|defer|class|id|for|role|method|action|value|placeholder|title|download|maxlength|shape-rendering|datetime|tabindex|hidden|open|selected|checked|required|rows|list|scope|accept|autocomplete|autocapitalize|spellcheck|inputmode|viewBox|focusable|d|fill|stroke|stroke-width|stroke-linecap|stroke-linejoin|width|height|rx|(?:aria|data)-[a-z-]+)$/
const TAG = /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z-]+(?:="[^"]*")?)*)\s*\/?>/y
const UNSEEN = /[\u0000-\u0008\u200b-\u200f\u2028-\u202e\u2066-\u2069\u00ad]/

/** Reads the whole document as a browser would: each `<` must begin one of our tags, with attributes of ours. */
export function expectOnlyOurMarkup(html: string): void {
  let at = '<!doctype html>'.length
  while (at < html.length) {
    const next = html.indexOf('<', at)
    const text = html.slice(at, next < 0 ? undefined : next)
    expect(text).not.toMatch(UNSEEN)
    if (next < 0) return
    TAG.lastIndex = next
    const [tag, , name, attributes] = TAG.exec(html) ?? []
    expect(TAGS, html.slice(next, next + 80)).toContain(name)
    for (const [, attribute, value] of attributes!.matchAll(/([a-zA-Z-]+)(?:="([^"]*)")?/g)) {
      expect(attribute).toMatch(ATTRIBUTES)
      if (attribute === 'href' || attribute === 'src' || attribute === 'action') expect(value).toMatch(/^[/#](?!\/)/)
    }
    at = next + tag!.length
  }
}
