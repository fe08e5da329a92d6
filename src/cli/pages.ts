const PAGE = 500

/** All items of a list that is read page by page, so that no command holds a million rows. */
export async function* pages<Item, Cursor>(
  read: (after: Cursor | undefined, limit: number) => Promise<{ items: Item[]; next: Cursor | undefined }>,
): AsyncGenerator<Item> {
  let after: Cursor | undefined
  for (;;) {
    const { items, next } = await read(after, PAGE)
    yield* items
    if (items.length < PAGE || next === undefined) return
    after = next
  }
}
