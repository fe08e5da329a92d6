import type { ComponentChildren } from 'preact'
import { z } from 'zod'
import { useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'

/** What the script writes into the form: a credential as JSON (WebAuthn §5.1.8). */
export const passkeyResponse = z.string().max(30_000)

/** @throws ProblemError sign-in-refused */
export function typedPasskeyResponse(texts: Texts, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refusalIn(texts, 'sign-in-refused', texts.refusals.noPasskeyAnswer)
  }
}

/**
 * A form that an authenticator fills in. Without a script there is none to talk to it: then a note stands in its place.
 * @param props.options path of the API whose POST gives what the authenticator is asked
 * @param props.isNew a passkey is made, rather than used
 */
export function PasskeyForm(props: {
  action: string
  options: string
  button: string
  isNew?: boolean
  children: ComponentChildren
}) {
  const { passkeys: t } = useTexts()
  const { action, options, button, isNew = false, children } = props
  return (
    <>
      <p class="quiet-text" data-without-passkey="">
        {t.noScript}
      </p>
      <form
        method="post"
        action={action}
        class="stack"
        data-passkey={isNew ? 'create' : 'get'}
        data-passkey-options={options}
        data-passkey-refused={t.refused}
        data-passkey-unreachable={t.unreachable}
        hx-boost="false"
        hidden
      >
        <input type="hidden" name="response" value="" />
        {children}
        <p class="fault" role="alert" data-passkey-fault hidden />
        <button type="submit" {...(isNew ? { class: 'primary' } : {})}>
          <Icon name="key" />
          {button}
        </button>
      </form>
    </>
  )
}
