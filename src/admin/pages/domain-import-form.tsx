import type { DomainImport } from '../../delegation/domain-import.ts'
import { IMPORT_COLUMNS } from '../../delegation/import-file.ts'
import { useTexts } from './context.ts'
import { ImportStateBadge, importPath } from './domain-import-page.tsx'
import type { Refusal } from './page.tsx'
import { Check, ColumnHeads, Field, FormProblem, Heading, When } from './parts.tsx'
import { TenantField, type TenantChoices } from './whose.tsx'

interface ImportFormProps {
  choices: TenantChoices
  isOperator: boolean
  recent: DomainImport[]
  refusal: Refusal | undefined
}

/** A file is chosen or pasted; what it would do is shown on the next page. */
export function ImportFormPage({ choices, isOperator, recent, refusal }: ImportFormProps) {
  const all = useTexts()
  const t = all.imports
  const columns = IMPORT_COLUMNS.filter((column) => isOperator || (column !== 'tenant' && column !== 'vouch'))
  return (
    <>
      <Heading within={{ href: '/source-domains', title: all.domains.title }} title={t.title} lead={t.lead} />
      <form
        method="post"
        action="/source-domains/import"
        enctype="multipart/form-data"
        class="card padded stack"
        aria-label={t.title}
      >
        <FormProblem refusal={refusal} fields={{ csv: t.csv, file: t.file, tenant: t.tenant }} />
        <p class="measure">{t.what}</p>
        <details>
          <summary>{t.columnsTitle}</summary>
          <dl class="facts">
            {columns.map((column) => (
              <div key={column}>
                <dt>
                  <code>{column}</code>
                </dt>
                <dd>{t.columns[column]}</dd>
              </div>
            ))}
          </dl>
          <p class="measure">{t.limits}</p>
        </details>
        <Field
          {...{ name: 'file', label: t.file, refusal }}
          control={(attributes) => <input {...attributes} type="file" accept=".csv,.txt,text/csv,text/plain" />}
        />
        <Field
          {...{ name: 'csv', label: t.csv, hint: t.csvHint, refusal }}
          control={(attributes) => (
            <textarea
              {...attributes}
              rows={8}
              class="pem"
              placeholder={t.csvExample}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
            >
              {refusal?.typed['csv'] ?? ''}
            </textarea>
          )}
        />
        <TenantField {...{ name: 'tenant', label: t.tenant, hint: t.tenantHint, refusal, choices }} isOptional />
        {isOperator ? (
          <Check name="isVouched" label={t.vouchLabel} hint={all.domains.vouchHint} refusal={refusal} />
        ) : null}
        <div class="form-actions">
          <button type="submit" class="primary">
            {t.preview}
          </button>
          <a class="button" href="/source-domains">
            {all.cancel}
          </a>
        </div>
      </form>
      <Recent recent={recent} />
    </>
  )
}

function Recent({ recent }: { recent: DomainImport[] }) {
  const all = useTexts()
  const t = all.imports
  return (
    <section class="card" aria-labelledby="recent">
      <div class="card-head">
        <h2 id="recent">{t.recent}</h2>
        {recent.length === 0 ? <p>{t.none}</p> : null}
      </div>
      {recent.length === 0 ? null : (
        <table class="list">
          <caption class="visually-hidden">{t.recent}</caption>
          <ColumnHeads columns={[t.brought, t.tenant, t.lines, t.state]} />
          <tbody>
            {recent.map((one) => (
              <tr key={one.id}>
                <th scope="row">
                  <a href={importPath(one)}>
                    <When at={one.createdAt} />
                  </a>
                </th>
                <td data-label={t.tenant}>{one.tenantName ?? t.several}</td>
                <td data-label={t.lines}>{one.lines}</td>
                <td data-label={t.state}>
                  <ImportStateBadge state={one.state} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}
