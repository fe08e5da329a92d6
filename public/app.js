// What the pages do beyond HTML. They work without it: what needs it is hidden until it is here.

// htmx writes what the server sent into the page, and nobody else may (Trusted Types). It never runs a script of it.
const policy = window.trustedTypes?.createPolicy('htmx', { createHTML: (html) => html, createScript: () => '' })
if (policy) htmx.registerExtension('trusted-types', { init: ({ initSecurity }) => initSecurity(policy) })

/** The script and style that a document wants, by their addresses. */
const assetsOf = (html) => [...html.slice(0, html.indexOf('</head>')).matchAll(/"(\/assets\/[^"]+)"/g)].join()
const assets = assetsOf(`${document.head.innerHTML}</head>`)
const on = (event, listen) => document.addEventListener(event, listen)

on('DOMContentLoaded', () => prepare(document))
on('DOMContentLoaded', () => document.getElementById('problem')?.focus())

on('htmx:before:swap', (event) => {
  const { text, response, request, target } = event.detail.ctx
  if (request.method !== 'GET') return
  const isPart = target !== document.body
  // A server that restarts takes nothing from a page that asks again by itself
  if (isPart && response.status >= 400) return event.preventDefault()
  // Another version of the server, or other colours; and who was led elsewhere is on another page
  if (assetsOf(text) === assets && !(isPart && response.raw.redirected)) return
  event.preventDefault()
  location.assign(response.raw.url)
})

// The address of a form that was refused has no page of its own to come back to
on('htmx:before:history:update', (event) => {
  if (event.detail.response?.status >= 400) event.preventDefault()
})

on('htmx:after:swap', (event) => {
  const { target, request } = event.detail.ctx
  prepare(document)
  if (target !== document.body || request.headers['HX-History-Restore-Request']) return
  // As after a full load: read from the top, or from what is wrong
  if (!request.anchor) scrollTo(0, 0)
  const heading = document.getElementById('problem') ?? document.getElementById('main')
  heading.focus({ preventScroll: heading.id === 'main' })
})

// Told in words where there is a page to tell it; else the address is opened, and the browser says what is wrong
on('htmx:error', (event) => {
  const { ctx } = event.detail
  if (ctx?.target === document.body && ctx.request.method === 'GET') location.assign(ctx.request.action)
})

on('click', async ({ target }) => {
  const button = target.closest('[data-copy]')
  if (!button || button.classList.contains('copied')) return
  const label = button.getAttribute('aria-label')
  await navigator.clipboard.writeText(button.dataset.copy)
  button.classList.add('copied')
  button.setAttribute('aria-label', button.dataset.copied)
  setTimeout(() => {
    button.classList.remove('copied')
    button.setAttribute('aria-label', label)
  }, 1500)
})

on('change', async ({ target: input }) => {
  const label = input.closest('[data-file-for]')
  const file = label && input.files[0]
  if (!file) return
  const area = document.getElementById(label.dataset.fileFor)
  // One more than may be sent: the server says why it refuses it
  const bytes = new Uint8Array(await file.slice(0, Number(label.dataset.most ?? 150_000)).arrayBuffer())
  area.value = label.dataset.most || isText(bytes) ? new TextDecoder().decode(bytes) : base64(bytes)
  area.focus()
  input.value = '' // the same file can be chosen again
})

// "/" leads to the search field, and the arrows from row to row, as people know it from elsewhere
on('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const search = document.querySelector('[data-shortcut="/"]')
  if (event.key === '/' && search && !event.target.closest('input, textarea, select')) {
    event.preventDefault()
    search.focus()
    search.select()
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step || !(event.target === search || event.target.closest('table.list a'))) return
  const links = [...document.querySelectorAll('table.list tbody th a')]
  const row = event.target.closest('tr')
  const next = links.findIndex((link) => row?.contains(link)) + step
  const to = next < 0 ? search : links[next]
  if (!to) return
  event.preventDefault()
  to.focus()
})

function prepare(root) {
  for (const hidden of root.querySelectorAll('[data-copy], [data-file-for]')) hidden.hidden = false
  // Where the areas do not fit side by side, the one that one is in may stand beyond the edge
  for (const current of root.querySelectorAll(':is(.areas, .parts) [aria-current]'))
    current.scrollIntoView({ block: 'nearest', inline: 'center' })
}

function isText(bytes) {
  return !bytes.includes(0) && new TextDecoder().decode(bytes.subarray(0, 4000)).includes('-----')
}

function base64(bytes) {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replace(/.{64}/g, '$&\n')
}
