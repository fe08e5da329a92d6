import { useTexts } from './context.ts'
import type { Refusal } from './page.tsx'
import { Field, FormProblem, Heading, TextField, type FieldProps } from './parts.tsx'
import { TenantField, type TenantChoices } from './whose.tsx'

export interface ImportProps {
  choices: TenantChoices
  lineages: string[]
  refusal: Refusal | undefined
}

export function ImportPage({ choices, lineages, refusal }: ImportProps) {
  const all = useTexts()
  const t = all.certificates
  const { owner, lineage, certificate, privateKey, password, frontOf } = all.fields
  const hadSecret = Boolean(refusal?.typed.privateKey || refusal?.typed.password)
  return (
    <>
      <Heading within={{ href: '/certificates', title: t.title }} title={t.import} lead={t.importLead} />
      <form method="post" action="/certificates/import" class="card padded stack">
        <FormProblem refusal={refusal} fields={{ owner, lineage, certificate, privateKey, password, frontOf }} />
        <PemField
          {...{ name: 'certificate', label: certificate, hint: t.hints.certificate, refusal }}
          isRequired
          value={withoutSecrets(refusal?.typed.certificate)}
          placeholder="-----BEGIN CERTIFICATE-----"
        />
        <PemField
          {...{ name: 'privateKey', label: privateKey, refusal }}
          hint={hadSecret ? t.hints.again : t.hints.privateKey}
          placeholder="-----BEGIN PRIVATE KEY-----"
        />
        <Field
          {...{ name: 'password', label: password, hint: t.hints.password, refusal }}
          control={(attributes) => <input {...attributes} type="password" autocomplete="off" />}
        />
        <TenantField {...{ name: 'owner', label: owner, hint: t.hints.owner, refusal, choices }} isOptional />
        <TextField {...{ name: 'lineage', label: lineage, hint: t.hints.lineage, refusal, suggestions: lineages }} />
        <TextField {...{ name: 'frontOf', label: frontOf, hint: t.hints.frontOf, refusal }} inputMode="url" />
        <div class="form-actions">
          <button type="submit" class="primary">
            {t.importButton}
          </button>
          <a class="button" href="/certificates">
            {all.cancel}
          </a>
        </div>
      </form>
    </>
  )
}

/** People paste keys into this field too: of what was typed only certificates are shown again. */
function withoutSecrets(typed = ''): string {
  return typed.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)?.join('\n') ?? ''
}

/** Paste, or where there is a script to read it, a file. A secret is never shown again: it has no `value`. */
function PemField(props: FieldProps & { value?: string | undefined; placeholder: string }) {
  const t = useTexts().certificates
  const { value, placeholder, ...field } = props
  return (
    <Field
      {...field}
      control={(attributes) => (
        <>
          <textarea
            {...attributes}
            rows={6}
            class="pem"
            placeholder={placeholder}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
          >
            {value ?? ''}
          </textarea>
          <label class="button small file" hidden data-file-for={field.name}>
            {t.file}
            <input type="file" class="visually-hidden" accept=".pem,.crt,.cer,.der,.key,.txt" />
          </label>
        </>
      )}
    />
  )
}
