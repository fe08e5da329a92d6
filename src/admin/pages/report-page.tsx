import { displayName } from '../../name.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import type { Conclusion, Report, Step, StepOutcome } from '../../verify/report.ts'
import { useTexts } from './context.ts'
import type { IconName } from './icons.tsx'
import { Badge, Copyable, Heading, Name, type Tone } from './parts.tsx'
import { Said, inEnglish } from './said.tsx'

export const CONCLUSIONS: Record<Conclusion, [Tone, IconName]> = {
  proven: ['good', 'check'],
  disproven: ['bad', 'alert'],
  unknown: ['wait', 'clock'],
}
const OUTCOMES: Record<StepOutcome, [Tone, IconName]> = {
  ok: ['good', 'check'],
  wrong: ['bad', 'alert'],
  'could-not-ask': ['wait', 'clock'],
  note: ['plain', 'info'],
}

/** On a delegation's page: the way to the report. */
export function VerifySection({ path, mayVerify }: { path: string; mayVerify: 'yes' | 'unproven' }) {
  const t = useTexts().verification
  return (
    <section class="card padded" aria-labelledby="verification">
      <h2 id="verification">{t.title}</h2>
      <div class="stack">
        <p>{t.lead}</p>
        {mayVerify === 'yes' ? <VerifyForm path={path} label={t.ask} /> : <p class="quiet-text">{t.unproven}</p>}
      </div>
    </section>
  )
}

function VerifyForm({ path, label }: { path: string; label: string }) {
  return (
    <form method="post" action={`${path}/verify`}>
      <button type="submit">{label}</button>
    </form>
  )
}

/** What an initiating entity met, step by step. */
export function ReportPage({ path, delegation, report }: { path: string; delegation: Delegation; report: Report }) {
  const t = useTexts().verification
  const [tone, icon] = CONCLUSIONS[report.conclusion]
  const service = `${delegation.service}.${delegation.protocol}`
  return (
    <>
      <Heading
        within={{ href: path, title: `${displayName(delegation.sourceDomain)}, ${service}` }}
        title={
          <>
            {t.title}: <Name name={delegation.sourceDomain} />
          </>
        }
        lead={
          <>
            <Badge tone={tone} icon={icon}>
              {t.conclusions[report.conclusion]}
            </Badge>{' '}
            {t.meanings[report.conclusion]}
          </>
        }
      >
        <VerifyForm path={path} label={t.again} />
      </Heading>
      <section class="card parted" aria-labelledby="steps">
        <div class="card-head">
          <h2 id="steps">{t.steps}</h2>
          <p>{t.both(t.conclusions[report.tls], t.poshConclusions[report.posh])}</p>
        </div>
        <ol class="seen-steps">
          {report.steps.map((step, index) => (
            <StepItem key={index} step={step} before={report.steps[index - 1]} />
          ))}
        </ol>
      </section>
    </>
  )
}

/** What was found is a stranger's text. */
export function StepItem({ step, before }: { step: Step; before: Step | undefined }) {
  const { title, outcome, rule, found, cure, asked } = step
  const t = useTexts().verification
  const [tone, icon] = OUTCOMES[outcome]
  return (
    <li>
      <p class="row">
        <Badge tone={tone} icon={icon}>
          {t.outcomes[outcome]}
        </Badge>
        <strong>
          <Said words={inEnglish(title)} />
        </strong>
      </p>
      {asked === null || asked === before?.asked ? null : (
        <p class="request">
          <span class="method">GET</span> <Copyable text={asked} label="URL" />
        </p>
      )}
      <p>
        <Said words={inEnglish(found)} />
      </p>
      {cure === null ? null : (
        <p>
          <strong>{t.toDo}</strong> <Said words={inEnglish(cure)} />
        </p>
      )}
      <p>
        <small lang="en">{rule}</small>
      </p>
    </li>
  )
}
