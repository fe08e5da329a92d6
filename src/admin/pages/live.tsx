/**
 * Makes an element look after itself: the page's own address is asked again, and of the answer the element alone is put in
 * its place. Without a script the page is as it was when it was fetched.
 * @param everySeconds null: it is as it will stay, and nobody asks again
 */
export function live(id: string, everySeconds: number | null) {
  if (everySeconds === null) return { id }
  return {
    id,
    'hx-get': '',
    'hx-trigger': `every ${everySeconds}s`,
    'hx-select': `#${id}`,
    'hx-target': 'this',
    'hx-swap': 'outerHTML',
  }
}

/** Beside `live`: all elements with the class `live-part`, each with an id, are put in the place of theirs as well. */
export function withLiveParts(everySeconds: number | null) {
  return everySeconds === null ? {} : { 'hx-select-oob': '.live-part' }
}
