import { START } from './own-path.ts'
import type { Page } from './page.tsx'

/**
 * Where somebody goes who thinks better of a grave act: the page itself, or the nearest one above it, that opens without
 * confirming.
 */
export function wayBack(next: string, pages: readonly Page[]): string {
  const open = pages
    .filter(({ method, declaration }) => method === 'get' && !declaration.isGrave)
    .map(({ declaration }) => new RegExp(`^${declaration.path.replace(/:\w+/g, '[^/]+')}$`))
  const isOpen = (path: string) => open.some((page) => page.test(path))
  let [path = ''] = next.split('?')
  if (isOpen(path)) return next
  while (path !== '' && !isOpen(path)) path = path.slice(0, path.lastIndexOf('/'))
  return path === '' ? START : path
}
