// What the pages do beyond HTML. They work without it: what needs it is hidden until it is here.

for (const button of document.querySelectorAll('[data-copy]')) {
  button.hidden = false
  button.addEventListener('click', async () => {
    const label = button.getAttribute('aria-label')
    await navigator.clipboard.writeText(button.dataset.copy)
    button.classList.add('copied')
    button.setAttribute('aria-label', button.dataset.copied)
    setTimeout(() => {
      button.classList.remove('copied')
      button.setAttribute('aria-label', label)
    }, 1500)
  })
}

for (const label of document.querySelectorAll('[data-file-for]')) {
  label.hidden = false
  const input = label.querySelector('input')
  input.addEventListener('change', async () => {
    const file = input.files[0]
    if (!file) return
    const area = document.getElementById(label.dataset.fileFor)
    // Larger than any certificate: the server says why it refuses it
    const bytes = new Uint8Array(await file.slice(0, 150_000).arrayBuffer())
    area.value = isText(bytes) ? new TextDecoder().decode(bytes) : base64(bytes)
    area.focus()
    input.value = '' // the same file can be chosen again
  })
}

// "/" leads to the search field, as people know it from elsewhere
document.addEventListener('keydown', (event) => {
  const search = document.querySelector('[data-shortcut="/"]')
  const isTyping = event.target instanceof Element && event.target.closest('input, textarea, select')
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey || !search) return
  event.preventDefault()
  search.focus()
  search.select()
})

document.getElementById('problem')?.focus()

// Where the areas do not fit side by side, the one that one is in may stand beyond the edge
for (const current of document.querySelectorAll(':is(.areas, .parts) [aria-current]'))
  current.scrollIntoView({ block: 'nearest', inline: 'center' })

function isText(bytes) {
  return !bytes.includes(0) && new TextDecoder().decode(bytes.subarray(0, 4000)).includes('-----')
}

function base64(bytes) {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replace(/.{64}/g, '$&\n')
}
