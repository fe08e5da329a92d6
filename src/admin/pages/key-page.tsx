import type { LineageCertificate, LineageWithCertificates } from '../../certificate/lineage.ts'
import { useTexts } from './context.ts'
import type { Refusal } from './page.tsx'
import { Foreign, FormProblem, Heading, PasswordField } from './parts.tsx'

/** A private key leaves the house under a passphrase, and never otherwise. */
export function KeyPage(props: {
  lineage: LineageWithCertificates
  certificate: LineageCertificate
  back: string
  refusal: Refusal | undefined
}) {
  const all = useTexts()
  const t = all.keyExport
  const { lineage, certificate, back, refusal } = props
  return (
    <>
      <Heading
        within={{ href: back, title: all.certificates.title }}
        title={t.title}
        lead={<Foreign text={lineage.name} />}
      />
      {certificate.privateKeyId === null ? (
        <p>{t.elsewhere}</p>
      ) : (
        <form
          method="post"
          action={`${back}/certificates/${certificate.id}/key`}
          class="card padded stack"
          hx-boost="false"
        >
          <FormProblem
            refusal={refusal}
            fields={{ passphrase: all.fields.passphrase, repeated: all.fields.repeated }}
          />
          <p>{t.what}</p>
          <PasswordField
            name="passphrase"
            label={all.fields.passphrase}
            hint={t.hint}
            refusal={refusal}
            autocomplete="new-password"
          />
          <PasswordField name="repeated" label={all.fields.repeated} refusal={refusal} autocomplete="new-password" />
          <div class="form-actions">
            <button type="submit" class="primary">
              {t.button}
            </button>
            <a class="button" href={back}>
              {all.cancel}
            </a>
          </div>
        </form>
      )}
    </>
  )
}
