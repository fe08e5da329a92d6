// Passkeys: asks the server what to ask the authenticator, and sends the form with its answer.

const isPossible = window.PublicKeyCredential !== undefined

document.addEventListener('DOMContentLoaded', show)
document.addEventListener('htmx:after:swap', show)
// Who comes back to the page finds it as they left it
addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('[data-passkey] button')) button.disabled = false
})
document.addEventListener('submit', (event) => {
  if (!event.target.matches('[data-passkey]')) return
  event.preventDefault()
  void sendAnswer(event.target)
})

function show() {
  for (const form of document.querySelectorAll('[data-passkey]')) form.hidden = !isPossible
  for (const note of document.querySelectorAll('[data-without-passkey]')) note.hidden = isPossible
}

async function sendAnswer(form) {
  const fault = form.querySelector('[data-passkey-fault]')
  const button = form.querySelector('button[type=submit]')
  fault.hidden = true
  button.disabled = true
  try {
    const options = await optionsFrom(form.dataset)
    const credential =
      form.dataset.passkey === 'create'
        ? await navigator.credentials.create({ publicKey: creation(options) })
        : await navigator.credentials.get({ publicKey: request(options) })
    form.elements.namedItem('response').value = JSON.stringify(asJson(credential))
    form.submit() // and the button stays as it is: once is enough
  } catch (error) {
    // A DOMException says only that it was cancelled or timed out, in the browser's words
    fault.textContent = error instanceof Refusal ? error.message : form.dataset.passkeyRefused
    fault.hidden = false
    button.disabled = false
  }
}

class Refusal extends Error {}

async function optionsFrom({ passkeyOptions, passkeyUnreachable }) {
  let answer, body
  try {
    answer = await fetch(passkeyOptions, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
      body: '{}',
    })
    body = await answer.json()
  } catch {
    throw new Refusal(passkeyUnreachable)
  }
  if (!answer.ok) throw new Refusal(body.detail ?? body.title)
  return body
}

// Browsers before 2025 know neither these two nor toJSON

function creation(options) {
  if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: (options.excludeCredentials ?? []).map(withBytes),
  }
}

function request(options) {
  if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: (options.allowCredentials ?? []).map(withBytes),
  }
}

function asJson(credential) {
  if (credential.toJSON) return credential.toJSON()
  const { id, type, rawId, response, authenticatorAttachment } = credential
  const parts = {}
  for (const part of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'])
    if (response[part]) parts[part] = base64url(response[part])
  if (response.getTransports) parts.transports = response.getTransports()
  const clientExtensionResults = credential.getClientExtensionResults()
  return { id, type, rawId: base64url(rawId), response: parts, authenticatorAttachment, clientExtensionResults }
}

function withBytes(descriptor) {
  return { ...descriptor, id: bytes(descriptor.id) }
}

function bytes(text) {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}

function base64url(buffer) {
  let binary = ''
  for (const byte of new Uint8Array(buffer)) binary += String.fromCharCode(byte)
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
