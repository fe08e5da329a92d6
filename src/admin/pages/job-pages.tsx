import { z } from 'zod'
import type { OpenJob } from '../../open-job.ts'
import { ProblemError } from '../../problem.ts'
import type { AdminDeps } from '../deps.ts'
import { line } from '../input.ts'
import { useTexts } from './context.ts'
import { pageOfList, type ListView } from './list.tsx'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Badge, Check, Choice, ColumnHeads, Empty, Foreign, FormProblem, Heading, Paging, When } from './parts.tsx'
import type { Texts } from './texts.ts'

const KINDS: readonly (keyof Texts['jobs']['kinds'])[] = [
  'front-certificate',
  'certificate-revocation',
  'authorization-deactivation',
  'proof-check',
  'redirect-rule',
  'domain-import',
]
const jobQuery = z.strictObject({
  after: line(400).optional(),
  kind: z.enum(['', ...KINDS]).optional(),
  failed: z.literal('yes').optional(),
})
type JobQuery = z.output<typeof jobQuery>

export function jobPages({ jobs, clock }: AdminDeps): Page[] {
  const view = async (texts: Texts, { after, ...asked }: JobQuery, refusal?: Refusal): Promise<View> => {
    const wanted = { kind: asked.kind || undefined, ...(asked.failed ? { isFailed: true as const } : {}) }
    return {
      title: texts.jobs.title,
      area: 'jobs',
      main: (
        <JobsPage
          list={await pageOfList<OpenJob, Pick<OpenJob, 'kind' | 'runAt' | 'id'>>(
            '/jobs',
            { after, search: undefined, ...asked },
            (part) => jobs.listOpen({ ...part, ...wanted }, clock.now()),
            ({ id, runAt, kind }) => `${id}.${runAt.getTime()}.${kind}`,
            parseCursor,
          )}
          asked={asked}
          refusal={refusal}
        />
      ),
    }
  }
  return [
    page({ path: '/jobs', access: 'operator', query: jobQuery }, ({ query, texts }) => view(texts, query)),
    form(
      {
        path: '/jobs/:id/retry',
        standsOn: '/jobs',
        access: 'operator',
        params: z.strictObject({ id: z.uuid() }),
        form: z.strictObject({}),
      },
      async (_form, { params: { id }, act, texts }) => {
        await jobs.retry(id, act)
        return { to: '/jobs', notice: { text: texts.jobs.retried, warnings: [] } }
      },
      (refusal, { texts }) => view(texts, {}, refusal),
    ),
  ]
}

/** @throws ProblemError malformed-request */
function parseCursor(after: string): Pick<OpenJob, 'kind' | 'runAt' | 'id'> {
  const { id, at, kind } = /^(?<id>[0-9a-f-]{36})\.(?<at>\d{1,15})\.(?<kind>.+)$/.exec(after)?.groups ?? {}
  if (id === undefined || at === undefined || kind === undefined)
    throw new ProblemError('malformed-request', 'after should come from the `next` of another page')
  return { id, runAt: new Date(Number(at)), kind }
}

function JobsPage(props: {
  list: ListView<OpenJob>
  asked: Pick<JobQuery, 'kind' | 'failed'>
  refusal: Refusal | undefined
}) {
  const { list, asked, refusal } = props
  const all = useTexts()
  const t = all.jobs
  return (
    <>
      <Heading title={t.title} lead={t.lead} />
      <form method="get" action={list.path} class="card padded filters">
        <Choice
          {...{ name: 'kind', label: t.kind, refusal: undefined, value: asked.kind ?? '' }}
          options={[['', t.anyKind], ...KINDS.map((kind) => [kind, t.kinds[kind]] as const)]}
        />
        <Check name="failed" label={t.onlyFailed} isChecked={asked.failed === 'yes'} />
        <div class="form-actions">
          <button type="submit">{all.show}</button>
          <a class="button" href={list.path}>
            {all.showAll}
          </a>
        </div>
      </form>
      <section class="card" aria-label={t.title}>
        <FormProblem refusal={refusal} />
        {list.items.length === 0 ? (
          <Empty title={t.none}>
            <p>{asked.kind || asked.failed ? t.noneOfThose : t.noneWhy}</p>
          </Empty>
        ) : (
          <table class="list jobs">
            <caption class="visually-hidden">{t.title}</caption>
            <ColumnHeads columns={[t.about, t.kind, t.due, t.lastError, all.actions]} />
            <tbody>
              {list.items.map((job) => (
                <Row key={job.id} job={job} />
              ))}
            </tbody>
          </table>
        )}
        <Paging first={list.first} next={list.next} />
      </section>
    </>
  )
}

function Row({ job: { id, kind, about, runAt, isRunning, attempts, lastError } }: { job: OpenJob }) {
  const all = useTexts()
  const t = all.jobs
  return (
    <tr>
      <th scope="row">
        <Foreign text={about} />
      </th>
      <td data-label={t.kind}>{(t.kinds as Readonly<Record<string, string>>)[kind] ?? kind}</td>
      <td data-label={t.due}>
        {isRunning ? (
          <Badge tone="plain" icon="clock">
            {t.running}
          </Badge>
        ) : (
          <When at={runAt} />
        )}
      </td>
      <td data-label={t.lastError}>
        {lastError === null ? (
          <span class="quiet-text">{t.noError}</span>
        ) : (
          <span>
            <Foreign text={lastError.split('\n')[0] ?? ''} />{' '}
            <span class="quiet-text">{attempts > 1 ? t.attempts(attempts) : ''}</span>
          </span>
        )}
      </td>
      <td data-label={all.actions}>
        <form method="post" action={`/jobs/${id}/retry`}>
          <button type="submit" class="small">
            {t.retry}
            <span class="visually-hidden">: {about}</span>
          </button>
        </form>
      </td>
    </tr>
  )
}
