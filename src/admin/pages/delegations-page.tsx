import type { LineageWithCertificates } from '../../certificate/lineage.ts'
import { active, published } from '../../certificate/rollover.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { Standing } from '../standing.ts'
import { useNow, useTexts } from './context.ts'
import { Icon, type IconName } from './icons.tsx'
import { Filters, type ListFilters } from './list-filters.tsx'
import { ListTable, type ListView } from './list.tsx'
import { Badge, Heading, Name, When, type Tone } from './parts.tsx'
import { TenantChooser, type Whose } from './whose.tsx'

export interface DelegationRow {
  delegation: Delegation
  tenant: Tenant
  lineage: LineageWithCertificates | undefined
  standing: Standing
}

const FILTERS: ListFilters = { standings: ['rule-wrong'], saved: null, exportAt: null }

/** What of the way to a first delegation is behind the operator. */
export type Progress = Record<'tenant' | 'domain' | 'target' | 'certificate', boolean>

/** @param props.progress of the operator, where there are none yet */
export function DelegationsPage(props: {
  list: ListView<DelegationRow>
  whose: Whose
  mayRegister: boolean
  mayWithdraw: (tenant: Tenant) => boolean
  progress: Progress | undefined
}) {
  const { list, whose, mayRegister, mayWithdraw, progress } = props
  const all = useTexts()
  const t = all.delegations
  return (
    <>
      <Heading title={t.title} lead={t.lead}>
        {mayRegister ? (
          <>
            <a class="button" href="/certificates/import">
              {all.certificates.import}
            </a>
            <a class="button primary" href="/delegations/register">
              <Icon name="plus" />
              {t.register}
            </a>
          </>
        ) : null}
      </Heading>
      <TenantChooser action="/delegations" whose={whose} />
      {progress || whose.of === undefined ? null : <Filters list={list} filters={FILTERS} />}
      {progress ? (
        <FirstSteps progress={progress} />
      ) : (
        <section class="card" aria-label={t.title}>
          <ListTable
            texts={
              whose.of === undefined
                ? { ...t, emptyTitle: all.tenants.emptyTitle, empty: all.tenants.noOwn }
                : { ...t, emptyTitle: t.none, empty: t.emptyLead }
            }
            list={list}
            columns={[t.domain, t.standing, t.target, t.certificate, t.tenant, all.actions]}
            row={(row) => <Row key={row.delegation.id} row={row} mayWithdraw={mayWithdraw(row.tenant)} />}
          />
        </section>
      )}
    </>
  )
}

function Row({ row, mayWithdraw }: { row: DelegationRow; mayWithdraw: boolean }) {
  const { delegation, tenant, lineage, standing } = row
  const all = useTexts()
  const now = useNow()
  const t = all.delegations
  const certificates = lineage?.certificates ?? []
  const present = active(certificates) ?? published(certificates, now)[0]
  const path = `/tenants/${tenant.name}/delegations/${delegation.id}`
  return (
    <tr>
      <th scope="row">
        <a href={path}>
          <Name name={delegation.sourceDomain} />
        </a>
        <code class="plain">{`${delegation.service}.${delegation.protocol}`}</code>
      </th>
      <td data-label={t.standing}>
        <div>
          <StandingBadge standing={standing} />{' '}
          {standing === 'served' ? null : <small class="block">{t.standingNext[standing]}</small>}
        </div>
      </td>
      <td data-label={t.target}>
        <Name name={delegation.targetHost} />
      </td>
      <td data-label={t.certificate}>
        {present ? (
          <span>
            {t.expires('')}
            <When at={present.notAfter} />
          </span>
        ) : (
          <span class="quiet-text">{t.noCertificate}</span>
        )}
      </td>
      <td data-label={t.tenant}>{tenant.name}</td>
      <td data-label={all.actions}>
        {mayWithdraw ? (
          <a class="button small" href={`${path}/withdraw`}>
            {t.withdraw}
            <span class="visually-hidden"> {delegation.sourceDomain}</span>
          </a>
        ) : null}
      </td>
    </tr>
  )
}

const LOOKS: Record<Standing, [Tone, IconName]> = {
  served: ['good', 'check'],
  unproven: ['wait', 'clock'],
  suspended: ['bad', 'stop'],
  'no-certificate': ['wait', 'clock'],
  expired: ['bad', 'alert'],
  'rule-wrong': ['bad', 'alert'],
  'rule-unchecked': ['wait', 'clock'],
}

export function StandingBadge({ standing }: { standing: Standing }) {
  const { standings } = useTexts().delegations
  const [tone, icon] = LOOKS[standing]
  return (
    <Badge tone={tone} icon={icon}>
      {standings[standing]}
    </Badge>
  )
}

const STEPS = [
  ['tenant', '/tenants'],
  ['domain', '/source-domains'],
  ['target', '/target-hosts'],
  ['certificate', '/certificates/import'],
  ['delegation', '/delegations/register'],
] as const

function FirstSteps({ progress }: { progress: Progress }) {
  const t = useTexts().delegations
  const isDone = (step: (typeof STEPS)[number][0]) => step !== 'delegation' && progress[step]
  const nextStep = STEPS.find(([step]) => !isDone(step))?.[0]
  return (
    <section class="card padded" aria-labelledby="first-steps">
      <h2 id="first-steps">{t.emptyTitle}</h2>
      <p class="measure">{t.emptyLead}</p>
      <ol class="steps">
        {STEPS.map(([step, href], index) => (
          <li
            key={step}
            class={isDone(step) ? 'is-done' : ''}
            {...(step === nextStep ? { 'aria-current': 'step' as const } : {})}
          >
            <span class="step-sign" aria-hidden="true">
              {isDone(step) ? <Icon name="check" /> : index + 1}
            </span>
            <span>
              <a href={href}>{t.steps[step][0]}</a>
              {isDone(step) ? <span class="visually-hidden"> ({t.done})</span> : null}
              <small>{t.steps[step][1]}</small>
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
