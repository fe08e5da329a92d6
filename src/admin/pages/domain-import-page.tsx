import type { DomainImport, ImportState, ResultLine } from '../../delegation/domain-import.ts'
import { useTexts } from './context.ts'
import type { IconName } from './icons.tsx'
import { live } from './live.tsx'
import type { Refusal } from './page.tsx'
import { Badge, ColumnHeads, Foreign, FormProblem, Heading, Paging, type Tone, When } from './parts.tsx'
import { Said, inEnglish } from './said.tsx'

const POLL_SECONDS = 2
const STATES: Record<ImportState, [Tone, IconName]> = {
  ready: ['wait', 'info'],
  running: ['wait', 'clock'],
  done: ['good', 'check'],
  cancelled: ['plain', 'stop'],
}

export interface RefusedLines {
  lines: ResultLine[]
  isFirst: boolean
  next: string | null // where the next page of them begins
}

interface DomainImportProps {
  imported: DomainImport
  path: string
  refused: RefusedLines | null // null: they are not looked at while more are coming
  mayConfirm: boolean
  mayChange: boolean
  refusal: Refusal | undefined
}

export function importPath({ tenantName, id }: Pick<DomainImport, 'tenantName' | 'id'>): string {
  return `${tenantName === null ? '/operator' : `/tenants/${tenantName}`}/imports/${id}`
}

export function ImportStateBadge({ state }: { state: ImportState }) {
  const t = useTexts().imports
  const [tone, icon] = STATES[state]
  return (
    <Badge tone={tone} icon={icon}>
      {t.states[state]}
    </Badge>
  )
}

/** One import: what it would do, how far it is, or what became of it. While it runs the page looks after itself. */
export function DomainImportPage(props: DomainImportProps) {
  const { imported, path, refused, mayConfirm, mayChange, refusal } = props
  const t = useTexts().imports
  const { state, tenantName } = imported
  return (
    <>
      <Heading
        within={{ href: '/source-domains/import', title: t.title }}
        title={tenantName === null ? t.ofTenants : t.of(tenantName)}
        lead={
          <>
            {t.brought} <When at={imported.createdAt} />
          </>
        }
      />
      <FormProblem refusal={refusal} />
      <div class="sections" {...live('import', state === 'running' ? POLL_SECONDS : null)}>
        <section class="card padded" aria-labelledby="standing">
          <h2 id="standing">
            <ImportStateBadge state={state} />
          </h2>
          <div class="stack">
            <p>{t.leads[state]}</p>
            <Counts imported={imported} />
            {state === 'ready' ? <Advice imported={imported} mayConfirm={mayConfirm} /> : null}
            {state === 'running' ? (
              <noscript>
                <p>{t.reload}</p>
              </noscript>
            ) : null}
            <div class="form-actions">
              {mayChange ? <Acts imported={imported} path={path} mayConfirm={mayConfirm} /> : null}
              {state === 'running' ? null : (
                <a class="button" href={`/api/v1${path}/result`} download hx-boost="false">
                  {t.result}
                </a>
              )}
            </div>
            {imported.expiresAt === null ? null : (
              <p class="quiet-text">
                {t.kept} <When at={imported.expiresAt} />
              </p>
            )}
          </div>
        </section>
        {refused === null ? null : <RefusedSection path={path} refused={refused} />}
      </div>
    </>
  )
}

function Counts({ imported: { state, counts, lines, columns } }: { imported: DomainImport }) {
  const t = useTexts().imports
  const words = state === 'ready' ? t.counts.ready : t.counts.later
  const done = counts.added + counts.present + counts.refused
  return (
    <>
      {state === 'running' || state === 'cancelled' ? (
        <p>
          <progress max={lines} value={done} aria-label={t.progress(done, lines)} /> {t.progress(done, lines)}
        </p>
      ) : null}
      <dl class="facts">
        {(['added', 'present', 'refused'] as const).map((count) => (
          <div key={count}>
            <dt>{words[count]}</dt>
            <dd>
              <strong>{counts[count]}</strong>
            </dd>
          </div>
        ))}
        <div>
          <dt>{t.lines}</dt>
          <dd>{lines}</dd>
        </div>
        <div class="wide">
          <dt>{t.understood}</dt>
          <dd>
            <code class="plain">{columns.join(', ')}</code>
          </dd>
        </div>
      </dl>
    </>
  )
}

/** What stands in the way of a confirmation, or what it leaves out. */
function Advice({ imported: { counts }, mayConfirm }: Pick<DomainImportProps, 'imported' | 'mayConfirm'>) {
  const t = useTexts().imports
  if (!mayConfirm) return <p>{t.byOperator}</p>
  if (counts.added + counts.present === 0) return <p>{t.nothingToDo}</p>
  return counts.refused > 0 ? <p>{t.confirmRest}</p> : null
}

function Acts({ imported, path, mayConfirm }: Pick<DomainImportProps, 'imported' | 'path' | 'mayConfirm'>) {
  const t = useTexts().imports
  const { state, counts } = imported
  const count = counts.added + counts.present
  if (state === 'ready')
    return (
      <>
        {mayConfirm && count > 0 ? (
          <form method="post" action={`${path}/confirm`}>
            <button type="submit" class="primary">
              {t.confirm(count)}
            </button>
          </form>
        ) : null}
        <form method="post" action={`${path}/cancel`}>
          <button type="submit">{t.discard}</button>
        </form>
      </>
    )
  if (state === 'running')
    return (
      <form method="post" action={`${path}/cancel`}>
        <button type="submit" id="cancel-import">
          {t.cancel}
        </button>
      </form>
    )
  return (
    <a class="button" href="/source-domains/import">
      {t.another}
    </a>
  )
}

function RefusedSection({ path, refused: { lines, isFirst, next } }: { path: string; refused: RefusedLines }) {
  const t = useTexts().imports
  if (lines.length === 0 && isFirst) return null
  return (
    <section class="card" aria-labelledby="refused">
      <div class="card-head">
        <h2 id="refused">{t.refusedTitle}</h2>
        <p>{t.refusedLead}</p>
      </div>
      <table class="list">
        <caption class="visually-hidden">{t.refusedTitle}</caption>
        <ColumnHeads columns={[t.name, t.line, t.reason]} />
        <tbody>
          {lines.map(({ line, domain, reason }) => (
            <tr key={line}>
              <th scope="row">
                <Foreign text={domain} />
              </th>
              <td data-label={t.line}>{line}</td>
              <td data-label={t.reason}>
                <span class="foreign">
                  <Said words={inEnglish(reason ?? '')} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Paging first={isFirst ? null : path} next={next === null ? null : `${path}?after=${next}`} />
    </section>
  )
}
