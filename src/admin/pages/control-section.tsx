import type { DnsRecord } from '../../delegation/dns-records.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName } from '../../name.ts'
import { lapsesAt, stateOf, type Claim, type Control, type ControlState } from '../../tenant/control.ts'
import type { Look, ServerReply } from '../../tenant/findings.ts'
import type { Explanation } from '../../tenant/proof-checks.ts'
import { challengeName } from '../../tenant/proof-token.ts'
import type { Notice } from '../cookies.ts'
import { useNow, useTexts } from './context.ts'
import { RecordItems } from './delegation-page.tsx'
import type { IconName } from './icons.tsx'
import type { Refusal } from './page.tsx'
import { Badge, Foreign, FormProblem, When, type Tone } from './parts.tsx'
import { texts } from './texts.ts'
import { visible } from './visible.ts'

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
  const now = useNow()
  const state = stateOf(control)
  const end = lapsesAt(control)
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
      if (end === null || end <= now) return <>{t.lapsesSoon}</>
      return (
        <>
          {t.wavering} <When at={end} />
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

/** Whether the records that prove control stand with it: they are not there, or were found gone. */
export function showsProofs({ state }: Explanation): boolean {
  return state !== 'proven' && state !== 'vouched'
}

/** How it stands with the proof of control of a source domain, and what there is to do about it. */
export function ControlSection(props: {
  explanation: Explanation
  proofs: DnsRecord[] // each of which proves it
  checkAt: string | null // where the form leads; null: who looks at the page may not
  refusal: Refusal | undefined
}) {
  const { explanation, proofs, checkAt, refusal } = props
  const { claim, state, summary, advice, looks } = explanation
  const t = useTexts().control
  const isToBeProven = showsProofs(explanation)
  return (
    <section class="card parted" aria-labelledby="control">
      <div class="card-head">
        <div class="row">
          <h2 id="control">{t.title}</h2>
          <ControlBadge state={state} />
        </div>
        <p>{visible(summary, 1000)}</p>
      </div>
      {advice.length > 0 ? (
        <ul class="padded advice">
          {advice.map((line) => (
            <li key={line}>{visible(line, 1000)}</li>
          ))}
        </ul>
      ) : null}
      {isToBeProven ? (
        <div>
          <p class="records-lead">{t.proofs}</p>
          <RecordItems records={proofs} />
        </div>
      ) : null}
      <div class="padded stack">
        <FormProblem refusal={refusal} />
        <Facts explanation={explanation} />
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
          <summary>{t.lookDetails}</summary>
          {looks.map((look) => (
            <LookTable key={`${look.type} ${look.name}`} look={look} claim={claim} />
          ))}
        </details>
      ) : null}
    </section>
  )
}

function Facts({ explanation }: { explanation: Explanation }) {
  const { claim, sighting, lookedAt, lapsesAt, nextCheckAt } = explanation
  const t = useTexts().control
  const now = useNow()
  const { proof, provenAt, seenAt, waveringSince, lapsedAt } = claim
  const instants: [string, Date | null][] = [
    [proof === null ? '' : t.since[proof], provenAt],
    [t.seen, proof === 'vouched' ? null : seenAt],
    [t.gone, waveringSince],
    [t.lapses, lapsesAt],
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
      <div>
        <dt>{t.lastLook}</dt>
        <dd>
          {lookedAt === null ? (
            t.noLook
          ) : (
            <>
              <When at={lookedAt} />: {sighting === null ? t.outcomes.none : t.outcomes[sighting.outcome]}
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>{t.nextLook}</dt>
        <dd>{nextCheckAt === null ? t.noneDue : nextCheckAt <= now ? t.dueNow : <When at={nextCheckAt} />}</dd>
      </div>
    </dl>
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
          <thead>
            <tr>
              {[t.server, t.address, t.reply, t.values].map((column) => (
                <th scope="col" key={column}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
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

/** What came of a look that somebody asked for. */
export function lookNotice({ claim, sighting, summary }: Explanation): Notice {
  const { control: t } = texts
  const name = displayName(claim.name)
  if (sighting?.outcome === 'ok' && claim.proof !== null) return { text: t.found(name), warnings: [] }
  // Of a name that is vouched for, the summary says nothing of DNS
  if (claim.proof === 'vouched') return { text: t.looked(name), warnings: [t.notNeeded[sighting?.outcome ?? 'none']] }
  return { text: t.looked(name), warnings: [summary] }
}
