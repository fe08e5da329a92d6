import type { User } from '../../tenant/user.ts'
import { useTexts } from './context.ts'
import type { Refusal } from './page.tsx'
import { Badge, Copyable, CopyButton, FormProblem, Heading, TextField } from './parts.tsx'
import { QrCode } from './qr-code.tsx'

export function SecondFactorPage(props: { user: User; recoveryCodes: number; refusal: Refusal | undefined }) {
  const { secondFactor: t, account } = useTexts()
  const { user, recoveryCodes, refusal } = props
  return (
    <>
      <Heading within={{ href: '/account', title: account.title }} title={t.title} lead={t.lead} />
      <FormProblem refusal={refusal} />
      <section class="card padded stack" aria-label={t.title}>
        {user.hasTotp ? (
          <>
            <p class="row">
              <Badge tone="good" icon="check">
                {t.isOn}
              </Badge>
              <span class="quiet-text">{t.codesLeft(recoveryCodes)}</span>
            </p>
            <div class="form-actions">
              <a class="button" href="/account/second-factor/codes">
                {t.renew}
              </a>
              <a class="button danger" href="/account/second-factor/remove">
                {t.remove}
              </a>
            </div>
          </>
        ) : (
          <form method="post" action="/account/second-factor" class="stack">
            <p>{t.beginLead}</p>
            <button type="submit" class="primary">
              {t.begin}
            </button>
          </form>
        )}
      </section>
    </>
  )
}

/** The secret of an authenticator app, to be scanned or typed, and the first code of it. */
export function SecretPage(props: { secret: string; uri: string; refusal: Refusal | undefined }) {
  const { secondFactor: t, account, fields, cancel } = useTexts()
  const { secret, uri, refusal } = props
  return (
    <>
      <Heading within={{ href: '/account', title: account.title }} title={t.title} lead={t.scan} />
      <form method="post" action="/account/second-factor/confirm" class="card padded stack">
        <FormProblem refusal={refusal} fields={{ code: fields.code }} />
        <QrCode text={uri} label={t.qrCode} />
        <div>
          <p>{t.orType}</p>
          <Copyable text={secret} label={t.secret} />
        </div>
        <input type="hidden" name="secret" value={secret} />
        <TextField
          name="code"
          label={fields.code}
          hint={t.firstCode}
          refusal={refusal}
          isRequired
          autocomplete="one-time-code"
          inputMode="numeric"
          isForgotten
        />
        <div class="form-actions">
          <button type="submit" class="primary">
            {t.confirm}
          </button>
          <a class="button" href="/account">
            {cancel}
          </a>
        </div>
      </form>
    </>
  )
}

export function RecoveryCodesPage({ codes }: { codes: readonly string[] }) {
  const { secondFactor: t, account } = useTexts()
  return (
    <>
      <Heading within={{ href: '/account', title: account.title }} title={t.codes} lead={t.codesLead} />
      <section class="card padded stack" aria-label={t.codes}>
        <ul class="codes">
          {codes.map((code) => (
            <li key={code}>
              <code>{code}</code>
            </li>
          ))}
        </ul>
        <CopyButton text={codes.join('\n')} label={t.codes} />
        <p>
          <a class="button primary" href="/account">
            {t.kept}
          </a>
        </p>
      </section>
    </>
  )
}
