import type { ComponentChildren } from 'preact'
import type { DnsRecord } from '../../delegation/dns-records.ts'
import type { RecordSight } from '../../delegation/record-sights.ts'
import { relativeName, typedRecord } from '../../delegation/typed-record.ts'
import { ZONE_FORMS, type ZoneForm } from '../../delegation/zone-text.ts'
import type { ServerReply } from '../../tenant/findings.ts'
import type { RecordInView, SourceDomainView } from '../source-domain-view.ts'
import { useTexts } from './context.ts'
import type { IconName } from './icons.tsx'
import { Badge, CopyButton, Copyable, Foreign, When, type Tone } from './parts.tsx'
import { sentence, visible } from './visible.ts'

/** Where records are typed in. */
type Panel = SourceDomainView['zone']

const BADGES: Record<RecordSight['outcome'], [Tone, IconName]> = {
  ok: ['good', 'check'],
  wrong: ['bad', 'alert'],
  'could-not-ask': ['wait', 'clock'],
}
const MOST_VALUES = 5

/** The records that are to be published beside those that prove control, and all of them as files. */
export function RecordsSection(props: {
  title: string
  lead: ComponentChildren
  records: readonly RecordInView[]
  panel: Panel
  files: Readonly<Record<ZoneForm, string>>
  filesAt: string // of the API, which takes ?format=
}) {
  const { title, lead, records, panel, files, filesAt } = props
  const t = useTexts().dnsRecords
  return (
    <section class="card parted" aria-labelledby="records">
      <div class="card-head">
        <h2 id="records">{title}</h2>
        {lead}
      </div>
      {records.length > 0 ? <RecordList records={records} panel={panel} /> : null}
      <details class="in-card">
        <summary>{t.asFile}</summary>
        <p class="quiet-text">{t.asFileLead}</p>
        {ZONE_FORMS.map((form) => (
          <div key={form} class="code-block">
            <p>
              <strong>{t.forms[form]}</strong>{' '}
              <a href={`${filesAt}?format=${form}`} download hx-boost="false">
                {t.download}
                <span class="visually-hidden"> {t.forms[form]}</span>
              </a>
            </p>
            <CopyButton text={files[form]} label={t.forms[form]} />
            <pre role="region" aria-label={t.forms[form]} tabIndex={0}>
              <code>{files[form]}</code>
            </pre>
          </div>
        ))}
      </details>
    </section>
  )
}

/** How the provider of the zone wants records typed, in the words of its panel. */
export function PanelNote({
  panel: { name: zone, provider },
  records,
}: {
  panel: Panel
  records: readonly DnsRecord[]
}) {
  const t = useTexts().dnsRecords
  const [first] = records
  if (first === undefined) return null
  if (provider === null) {
    const typed = zone === null ? null : relativeName(first.name, zone)
    return zone === null || typed === null || typed === first.name ? null : (
      <p class="quiet-text">{t.unknownProvider(visible(zone), visible(typed))}</p>
    )
  }
  const has = (type: DnsRecord['type']) => records.some((record) => record.type === type)
  const { name, nameField, valueField, targetField, isDotted, proxy, panel: panelAt } = provider
  const lines = [
    t.forDomain(name),
    t.fields(nameField, valueField),
    ...(targetField !== undefined && has('CNAME') ? [t.targetField(targetField)] : []),
    ...(isDotted && (has('CNAME') || has('SRV')) ? [t.keepDot] : []),
    ...(proxy !== undefined && (has('CNAME') || has('A') || has('AAAA')) ? [t.proxy(proxy)] : []),
    ...(has('SRV') ? [t.srv] : []),
  ]
  return (
    <p>
      {lines.join(' ')}{' '}
      {panelAt === undefined ? null : (
        <a href={panelAt} rel="noreferrer">
          {t.panel(name)}
        </a>
      )}
    </p>
  )
}

export function RecordList({ records, panel }: { records: readonly RecordInView[]; panel: Panel }) {
  const all = useTexts()
  const t = all.delegations
  return (
    <ul class="records">
      {records.map(({ record, id, sight, isNeeded }) => {
        const { name, value } = typedRecord(record, panel.name, panel.provider)
        return (
          <li key={id}>
            <span class="record-type">{record.type}</span>
            {name === '' ? (
              <span class="quiet-text">{all.dnsRecords.emptyName}</span>
            ) : (
              <Copyable text={name} label={`${record.type}, ${t.recordName}`} />
            )}
            <Copyable text={value} label={`${record.type}, ${t.recordValue}`} />
            <RecordState id={id} sight={sight} isNeeded={isNeeded} />
            <span class="record-purpose">
              {sentence(record.purpose)} · {t.ttl(record.ttl)}
            </span>
          </li>
        )
      })}
    </ul>
  )
}

/** Replaced by itself while somebody waits, apart from what they copy. */
function RecordState({ id, sight, isNeeded }: Pick<RecordInView, 'id' | 'sight' | 'isNeeded'>) {
  const t = useTexts().dnsRecords
  const isIdle = !isNeeded && sight?.outcome !== 'ok'
  if (sight === null || isIdle)
    return (
      <div id={id} class="live-part record-state">
        <Badge tone="plain" icon="info">
          {isIdle ? t.states['not-needed'] : t.states.unasked}
        </Badge>
      </div>
    )
  const [tone, icon] = sight.what === 'missing' ? (['wait', 'clock'] as const) : BADGES[sight.outcome]
  return (
    <div id={id} class="live-part record-state">
      <Badge tone={tone} icon={icon}>
        <StateWord sight={sight} />
      </Badge>{' '}
      <small>
        <When at={sight.at} />. <What sight={sight} /> <Asked replies={sight.replies} />
      </small>
    </div>
  )
}

function StateWord({ sight: { outcome, what } }: { sight: RecordSight }) {
  const { states } = useTexts().dnsRecords
  if (outcome === 'could-not-ask') return <>{states['could-not-ask']}</>
  return (
    <>
      {what === 'missing' || what === 'other' || what === 'wildcard' || what === 'found' ? states[what] : states.other}
    </>
  )
}

/** What is there in its place, or why nothing is known of it. */
function What({ sight: { outcome, what, found } }: { sight: RecordSight }): ComponentChildren {
  const all = useTexts()
  const t = all.dnsRecords
  switch (what) {
    case 'missing':
      return null
    case 'wildcard':
      return <>{sentence(t.wildcard)}. </>
    case 'too-few':
      return <>{sentence(t.tooFew)} </>
    case 'found':
    case 'other':
      return found.length === 0 ? null : (
        <>
          {sentence(outcome === 'ok' ? t.foundBeside : t.found)}{' '}
          {found.slice(0, MOST_VALUES).map((value, index) => (
            <span key={index}>
              {index > 0 ? ', ' : ''}
              <code>
                <Foreign text={value} />
              </code>
            </span>
          ))}
          {'. '}
        </>
      )
    case 'no-resolver':
    case 'no-zone':
    case 'no-servers':
    case 'servers-disagree':
    case 'alias-loop':
    case 'too-many-aliases':
      return <>{all.control.faults[what]} </>
  }
}

/** Who was asked; of those that say nothing, what came instead. */
function Asked({ replies }: { replies: readonly ServerReply[] }) {
  const all = useTexts()
  const servers = [...new Map(replies.map((reply) => [`${reply.server} ${reply.address}`, reply])).values()]
  if (servers.length === 0) return null
  return (
    <>
      {all.dnsRecords.asked}{' '}
      {servers.map(({ server, address, reply }, index) => (
        <span key={`${server} ${address}`}>
          {index > 0 ? ', ' : ''}
          <Foreign text={address === '' ? server : `${server} (${address})`} />
          {reply === 'answer' || reply === 'empty' || reply === 'no-such-name' ? '' : ` ${all.control.replies[reply]}`}
        </span>
      ))}
    </>
  )
}
