import { z } from 'zod'
import type { AdminDeps } from '../deps.ts'
import { lineageNameField, line } from '../input.ts'
import { lineagePath } from './certificate-pages.tsx'
import { useTexts } from './context.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Choice, FormProblem, Heading, TextField } from './parts.tsx'
import { atField, byCode } from './refusals.ts'
import type { Texts } from './texts.ts'

const PATH = '/certificates/new'
const SOURCES = ['acme', 'local'] as const

const newForm = z.strictObject({
  names: line(3000)
    .transform((typed) => typed.split(/[\s,;]+/).filter(Boolean))
    .pipe(z.array(z.string()).min(1)),
  lineage: z.union([z.literal('').transform(() => undefined), lineageNameField]),
  source: z.enum(SOURCES),
})

export function serviceLineagePages({ serviceLineages }: AdminDeps): Page[] {
  const view = (texts: Texts, refusal?: Refusal): View => ({
    title: texts.serviceLineages.title,
    area: 'certificates',
    main: <NewLineagePage refusal={refusal} />,
  })
  return [
    page({ path: PATH, access: 'operator' }, async ({ texts }) => view(texts)),
    form(
      { path: PATH, access: 'operator', form: newForm },
      async (wish, { act, texts }) => {
        const { name } = await serviceLineages.create(wish, act)
        return { to: lineagePath(null, name), notice: { text: texts.serviceLineages.created(name), warnings: [] } }
      },
      async (refusal, { texts }) =>
        view(
          texts,
          atField(refusal, byCode({ 'malformed-name': 'names', 'name-refused': 'names', 'already-exists': 'lineage' })),
        ),
    ),
  ]
}

function NewLineagePage({ refusal }: { refusal: Refusal | undefined }) {
  const all = useTexts()
  const t = all.serviceLineages
  return (
    <>
      <Heading within={{ href: '/certificates', title: all.certificates.title }} title={t.title} lead={t.lead} />
      <form method="post" action={PATH} class="card padded stack">
        <FormProblem refusal={refusal} fields={{ names: t.names, lineage: all.fields.lineage, source: t.source }} />
        <TextField
          {...{ name: 'names', label: t.names, hint: t.namesHint, refusal, isRequired: true }}
          inputMode="url"
        />
        <TextField {...{ name: 'lineage', label: all.fields.lineage, hint: t.lineageHint, refusal }} />
        <Choice
          {...{ name: 'source', label: t.source, hint: t.sourceHint, refusal, isRequired: true, value: 'acme' }}
          options={SOURCES.map((source) => [source, t.sources[source]] as const)}
        />
        <div class="form-actions">
          <button type="submit" class="primary">
            {t.button}
          </button>
          <a class="button" href="/certificates">
            {all.cancel}
          </a>
        </div>
      </form>
    </>
  )
}
