import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName } from '../../name.ts'
import {
  lapsesAt,
  stateOf,
  type Claim,
  type Control,
  type ControlState,
  type SightingSpan,
} from '../../tenant/control.ts'
import { isToPublish } from '../../tenant/explanation.ts'
import type { Look, ServerReply } from '../../tenant/findings.ts'
import type { Explanation } from '../../tenant/proof-checks.ts'
import { challengeName } from '../../tenant/proof-token.ts'
import type { Notice } from '../cookies.ts'
import type { RecordInView, SourceDomainView } from '../source-domain-view.ts'
import { useNow, useTexts } from './context.ts'
import { PanelNote, RecordList } from './domain-records-section.tsx'
import type { IconName } from './icons.tsx'
import type { Refusal } from './page.tsx'
import { Badge, ColumnHeads, Foreign, FormProblem, type Tone, When } from './parts.tsx'
import type { Texts } from './texts.ts'
import { legible, visible } from './visible.ts'

const BADGES: Record<ControlState, [Tone, IconName]> = {
  unproven: ['wait', 'clock'],
  vouched: ['good', 'check'],
  proven: ['good', 'check'],
  wavering: ['wait', 'alert'],
  lapsed: ['bad', 'alert'],
}
const VALUES_SHOWN = 10

/** Of a list: in a badge and a few words. */
export function Standing({ domain }: { domain: SourceDomain }) {
  const { standingHints: t } = useTexts().domains
  const isSuspended = domain.suspendedAt !== null
  return (
    <div>
      {isSuspended ? <SuspendedBadge /> : <ControlBadge state={stateOf(domain)} />}{' '}
      <small class="block">{isSuspended ? t.suspended : <Hint control={domain} />}</small>
    </div>
  )
}

export function SuspendedBadge() {
  return (
    <Badge tone="bad" icon="stop">
      {useTexts().domains.suspended}
    </Badge>
  )
}

function ControlBadge({ state }: { state: ControlState }) {
  const { states } = useTexts().control
  const [tone, icon] = BADGES[state]
  return (
    <Badge tone={tone} icon={icon}>
      {states[state]}
    </Badge>
  )
}

function Hint({ control }: { control: Control }) {
  const { standingHints: t } = useTexts().domains
  const state = stateOf(control)
  switch (state) {
    case 'unproven':
    case 'vouched':
      return <>{t[state]}</>
    case 'proven':
      return (
        <>
          {t.proven} <When at={control.seenAt!} />
        </>
      )
    case 'wavering':
      return (
        <>
          {t.wavering} <Due at={lapsesAt(control)!} />
        </>
      )
    case 'lapsed':
      return (
        <>
          {t.lapsed} <When at={control.lapsedAt!} />
        </>
      )
  }
}

/** Of an instant that may have passed without what was to happen then: a job may be late. */
function Due({ at }: { at: Date }) {
  const now = useNow()
  return at <= now ? <>{useTexts().anyMoment}</> : <When at={at} />
}

/** Whether the records that prove control stand with it: none was found, or they are gone. */
export function showsProofs({ state, sighting }: Explanation): boolean {
  return isToPublish(state, sighting?.outcome ?? null)
}

/** How it stands with the proof of control of a source domain, and what there is to do about it. */
export function ControlSection(props: {
  explanation: Explanation
  proofs: readonly RecordInView[] // each of which proves it
  panel: SourceDomainView['zone']
  checkAt: string | null // where the form leads; null: who looks at the page may not
  refusal: Refusal | undefined
}) {
  const { explanation, proofs, panel, checkAt, refusal } = props
  const { claim, state, summary, advice, looks } = explanation
  const t = useTexts().control
  const isToBeProven = showsProofs(explanation)
  const [first, ...findings] = advice
  const lines = isToBeProven ? findings : advice
  return (
    <section class="card parted" aria-labelledby="control">
      <div class="card-head live-part" id="control-summary">
        <div class="row">
          <h2 id="control">{t.title}</h2>
          <ControlBadge state={state} />
        </div>
        <p>{legible(summary, 1000)}</p>
      </div>
      {isToBeProven ? (
        <div>
          {first === undefined ? null : (
            <div class="records-lead">
              <p>{legible(first, 1000)}</p>
              <PanelNote panel={panel} records={proofs.map(({ record }) => record)} />
            </div>
          )}
          <RecordList records={proofs} panel={panel} />
        </div>
      ) : null}
      <ul class="padded advice live-part" id="control-advice" hidden={lines.length === 0}>
        {lines.map((line) => (
          <li key={line}>{legible(line, 1000)}</li>
        ))}
      </ul>
      <div class="padded stack">
        <FormProblem refusal={refusal} />
        <div class="live-part" id="control-facts">
          <Facts explanation={explanation} />
        </div>
        {checkAt === null ? null : (
          <form method="post" action={checkAt}>
            <button type="submit" class={isToBeProven ? 'primary' : ''}>
              {t.check}
            </button>
          </form>
        )}
      </div>
      {looks.length > 0 ? (
        <details class="in-card">
          <summary>{state === 'vouched' ? t.lookNotNeeded : t.lookDetails}</summary>
          {state === 'vouched' ? <NotNeeded explanation={explanation} /> : null}
          <div class="live-part" id="control-looks">
            {looks.map((look) => (
              <LookTable key={`${look.type} ${look.name}`} look={look} claim={claim} />
            ))}
          </div>
        </details>
      ) : null}
      {explanation.history.length === 0 ? null : <History spans={explanation.history} />}
    </section>
  )
}

/** What the looks came to, so that an owner sees since when a record was gone, and how often name servers were silent. */
function History({ spans }: { spans: readonly SightingSpan[] }) {
  const t = useTexts().control
  return (
    <details class="in-card">
      <summary>{t.history}</summary>
      <div class="live-part" id="control-history">
        <table class="list">
          <caption class="visually-hidden">{t.history}</caption>
          <ColumnHeads columns={[t.historyOutcome, t.historyFrom, t.historyTo, t.historyLooks]} />
          <tbody>
            {spans.map(({ outcome, proof, firstAt, lastAt, looks }) => (
              <tr key={firstAt.getTime()}>
                <th scope="row">{proof === null ? t.outcomes[outcome] : t.historyFound[proof]}</th>
                <td data-label={t.historyFrom}>
                  <When at={firstAt} />
                </td>
                <td data-label={t.historyTo}>
                  <When at={lastAt} />
                </td>
                <td data-label={t.historyLooks}>{looks}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}

function Facts({ explanation }: { explanation: Explanation }) {
  const { claim, state, sighting, lookedAt, lapsesAt, nextCheckAt } = explanation
  const t = useTexts().control
  const isVouched = state === 'vouched'
  const { proof, provenAt, seenAt, waveringSince, lapsedAt } = claim
  const instants: [string, Date | null][] = [
    [proof === null ? '' : t.since[proof], provenAt],
    [t.seen, isVouched ? null : seenAt],
    [t.gone, waveringSince],
    [t.lapsed, lapsedAt],
  ]
  return (
    <dl class="facts">
      {instants.map(([label, at]) =>
        at === null ? null : (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <When at={at} />
            </dd>
          </div>
        ),
      )}
      {lapsesAt === null ? null : (
        <div>
          <dt>{t.lapses}</dt>
          <dd>
            <Due at={lapsesAt} />
          </dd>
        </div>
      )}
      {isVouched ? null : (
        <div>
          <dt>{t.lastLook}</dt>
          <dd>
            {lookedAt === null ? (
              t.noLook
            ) : (
              <>
                <When at={lookedAt} />: {t.outcomes[sighting?.outcome ?? 'none']}
              </>
            )}
          </dd>
        </div>
      )}
      <div>
        <dt>{t.nextLook}</dt>
        <dd>{isVouched ? t.afterVouch : nextCheckAt === null ? t.noneDue : <Due at={nextCheckAt} />}</dd>
      </div>
    </dl>
  )
}

/** Of a look at a name that is vouched for. */
function NotNeeded({ explanation: { lookedAt, sighting } }: { explanation: Explanation }) {
  const t = useTexts().control
  return (
    <p class="quiet-text">
      {lookedAt === null ? null : (
        <>
          {t.lastLook}: <When at={lookedAt} />.{' '}
        </>
      )}
      {t.notNeeded[sighting?.outcome ?? 'none']}
    </p>
  )
}

/** One question and what came back, all of it a stranger's. */
function LookTable({ look, claim }: { look: Look; claim: Pick<Claim, 'name'> }) {
  const { name, type, aliases, zone, fault, replies } = look
  const isMadeUp = name !== claim.name && name !== challengeName(claim.name)
  const t = useTexts().control
  return (
    <div class="look">
      <p class="row">
        <span class="record-type">{type}</span>
        <strong>
          <Foreign text={name} />
        </strong>
      </p>
      {isMadeUp ? <p class="quiet-text">{t.sibling}</p> : null}
      {aliases.length > 0 ? (
        <p class="quiet-text">
          {t.aliases} <Foreign text={aliases.join(' → ')} />
        </p>
      ) : null}
      <p class="quiet-text">
        {zone === null ? (
          t.noZone
        ) : (
          <>
            {t.zone} <Foreign text={zone} />
          </>
        )}
      </p>
      {fault === null ? null : <p>{t.faults[fault]}</p>}
      {replies.length === 0 ? null : (
        <table class="list">
          <caption class="visually-hidden">
            {t.answersTo} {type} {visible(name)}
          </caption>
          <ColumnHeads columns={[t.server, t.address, t.reply, t.values]} />
          <tbody>
            {replies.map((reply) => (
              <ReplyRow key={`${reply.server} ${reply.address}`} reply={reply} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}

function ReplyRow({ reply: { server, address, reply, values } }: { reply: ServerReply }) {
  const t = useTexts().control
  return (
    <tr>
      <th scope="row">
        <Foreign text={server} />
      </th>
      <td data-label={t.address} class="address">
        <Foreign text={address === '' ? t.noAddress : address} />
      </td>
      <td data-label={t.reply}>{t.replies[reply]}</td>
      <td data-label={t.values}>
        {values.length === 0 ? (
          '–'
        ) : (
          <ul>
            {values.slice(0, VALUES_SHOWN).map((value, index) => (
              <li key={index}>
                <code class="plain">
                  <Foreign text={value} />
                </code>
              </li>
            ))}
            {values.length > VALUES_SHOWN ? <li>{t.moreValues(values.length - VALUES_SHOWN)}</li> : null}
          </ul>
        )}
      </td>
    </tr>
  )
}

/** What came of a look that somebody asked for. @param askedAt when; a look that began before stands for it */
export function lookNotice(texts: Texts, { claim, sighting, summary, lookedAt }: Explanation, askedAt: Date): Notice {
  const { control: t } = texts
  const name = displayName(claim.name)
  const isOfOther = lookedAt !== null && lookedAt < askedAt
  if (sighting?.outcome === 'ok' && claim.proof !== null)
    return { text: isOfOther ? `${t.lookedBefore} ${t.found(name)}` : t.found(name), warnings: [] }
  // Of a name that is vouched for, the summary says nothing of DNS
  const told = claim.proof === 'vouched' ? t.notNeeded[sighting?.outcome ?? 'none'] : summary
  return { text: isOfOther ? t.lookedBefore : t.looked(name), warnings: [told] }
}
