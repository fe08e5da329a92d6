import type { CertificateExplanation, Failure, OrderUnderWay } from '../../acme/certificate-explanation.ts'
import type { CertificateView } from '../certificate-view.ts'
import { useTexts } from './context.ts'
import type { IconName } from './icons.tsx'
import type { Refusal } from './page.tsx'
import { Badge, Day, Foreign, FormProblem, When, type Tone } from './parts.tsx'
import { Said, inEnglish } from './said.tsx'
import { legible } from './visible.ts'

const BADGES: Record<CertificateExplanation['state'], [Tone, IconName]> = {
  valid: ['good', 'check'],
  due: ['wait', 'clock'],
  expired: ['bad', 'alert'],
  missing: ['wait', 'clock'],
  'not needed': ['plain', 'info'],
}

/** How it stands with the certificate of a host or a lineage: what comes next, when and why, and what to do. */
export function CertificateSection(props: {
  view: CertificateView
  lineageAt: string | null // its page; null: one is on it, or there is none
  issueAt: string | null // where the form leads; null: who looks at the page may not
  renewAt: string | null
  refusal: Refusal | undefined
}) {
  const { view, lineageAt, issueAt, renewAt, refusal } = props
  const { lineage, explanation } = view
  const { state, summary, order, failure, sooner } = explanation
  const t = useTexts().issuance
  const isByHand = lineage === null || lineage.source === 'import'
  const mayIssue = issueAt !== null && !isByHand && state !== 'valid'
  const mayRenew = renewAt !== null && lineage?.source === 'acme' && state === 'valid'
  const [tone, icon] = BADGES[state]
  return (
    <section class="card parted" aria-labelledby="certificate-standing">
      <div class="card-head">
        <div class="row">
          <h2 id="certificate-standing">{t.title}</h2>
          <Badge tone={tone} icon={icon}>
            {t.states[state]}
          </Badge>
        </div>
        <p>{legible(summary, 1000)}</p>
      </div>
      {failure ? <FailureText failure={failure} /> : null}
      <div class="padded stack">
        <FormProblem refusal={refusal} />
        <Facts explanation={explanation} lineage={lineage?.name ?? null} lineageAt={lineageAt} />
        {order ? <OrderText order={order} /> : null}
        {sooner.length > 0 ? (
          <div>
            <p>
              <strong>{t.sooner}</strong>
            </p>
            <ul class="advice">
              {sooner.map((line) => (
                <li key={line}>{legible(line, 1000)}</li>
              ))}
            </ul>
          </div>
        ) : null}
        {mayIssue ? (
          <form method="post" action={issueAt}>
            <button type="submit">{t.tryNow}</button>
          </form>
        ) : null}
        {mayRenew ? (
          <form method="post" action={renewAt}>
            <button type="submit">{t.renew}</button>
          </form>
        ) : null}
      </div>
    </section>
  )
}

function FailureText({ failure }: { failure: Failure }) {
  const t = useTexts().issuance
  const { at, failures, whose, words, findings } = failure
  return (
    <div class="padded stack">
      <div class="row">
        <strong>{t.failure}</strong>
        <span class="quiet-text">
          <When at={at} />
          {failures > 1 ? `, ${t.inARow(failures)}` : ''}
        </span>
      </div>
      <p>{t.affairs[whose]}</p>
      <p>
        <Said words={inEnglish(words)} most={3000} />
      </p>
      {findings.length === 0 ? null : (
        <ul class="findings">
          {findings.map(({ name, check, outcome, words }) => (
            <li key={`${name} ${check}`}>
              <FindingBadge outcome={outcome} /> <Said words={inEnglish(words)} most={2000} />
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

const FINDING_BADGES: Record<Failure['findings'][number]['outcome'], [Tone, IconName]> = {
  ok: ['good', 'check'],
  wrong: ['bad', 'alert'],
  'could-not-ask': ['wait', 'clock'],
}

function FindingBadge({ outcome }: { outcome: Failure['findings'][number]['outcome'] }) {
  const t = useTexts().issuance
  const [tone, icon] = FINDING_BADGES[outcome]
  return (
    <Badge tone={tone} icon={icon}>
      {t.outcomes[outcome]}
    </Badge>
  )
}

function Facts(props: { explanation: CertificateExplanation; lineage: string | null; lineageAt: string | null }) {
  const { explanation, lineage, lineageAt } = props
  const { certificate, authority, next } = explanation
  const t = useTexts().issuance
  return (
    <dl class="facts">
      <div class="wide">
        <dt>{t.next}</dt>
        <dd>
          {next.at === null ? null : (
            <>
              <When at={next.at} />
              {': '}
            </>
          )}
          {legible(next.what, 1000)}
        </dd>
      </div>
      {certificate === null ? null : (
        <>
          <div>
            <dt>{t.validUntil}</dt>
            <dd>
              <Day at={certificate.notAfter} />{' '}
              <small>
                (<When at={certificate.notAfter} />)
              </small>
            </dd>
          </div>
          <div>
            <dt>{t.issuedBy}</dt>
            <dd>
              <Foreign text={authority ?? certificate.issuer} />
            </dd>
          </div>
        </>
      )}
      {lineage === null || lineageAt === null ? null : (
        <div>
          <dt>{t.lineage}</dt>
          <dd>
            <a href={lineageAt}>
              <Foreign text={lineage} />
            </a>
          </dd>
        </div>
      )}
    </dl>
  )
}

function OrderText({ order }: { order: OrderUnderWay }) {
  const t = useTexts().issuance
  const { authority, status, startedAt, authorizations } = order
  return (
    <dl class="facts">
      <div class="wide">
        <dt>{t.order}</dt>
        <dd>
          {t.orderAt(authority, status)}, <When at={startedAt} />
        </dd>
      </div>
      {authorizations.map(({ identifier, status, challenge }) =>
        identifier === '' ? null : (
          <div key={identifier}>
            <dt>
              {t.authorizations} <Foreign text={identifier} />
            </dt>
            <dd>{challenge === null ? status : `${status}, ${t.by} ${challenge}`}</dd>
          </div>
        ),
      )}
    </dl>
  )
}
