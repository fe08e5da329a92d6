import { redirectRules } from '../../delegation/redirect-rules.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import type { AuditEvent } from '../../tenant/audit.ts'
import type { DelegationInView, SourceDomainView } from '../source-domain-view.ts'
import { lineagePath } from './certificate-pages.tsx'
import { CertificateSection } from './certificate-section.tsx'
import { CheckLink } from './check-page.tsx'
import { useTexts } from './context.ts'
import { ControlSection, showsProofs, SuspendedBadge } from './control-section.tsx'
import { PublishedCertificates } from './delegation-page.tsx'
import { StandingBadge } from './delegations-page.tsx'
import { PanelNote, RecordsSection } from './domain-records-section.tsx'
import { DomainStandingSection } from './domain-standing-section.tsx'
import { withQuery } from './list.tsx'
import type { Refusal } from './page.tsx'
import { Choice, Copyable, Field, Foreign, FormProblem, Heading, Name, When } from './parts.tsx'
import { RedirectRuleSection } from './redirect-rule-section.tsx'

/** Of the operator alone, at the press of a button. */
export const VERBS = ['vouch', 'suspend', 'resume'] as const
export type Verb = (typeof VERBS)[number]

export const MODES = ['hosted', 'external'] as const
/** The forms of a source domain's page that may be refused. */
export type DomainForm = 'check' | 'certificate' | 'mode' | 'host-meta'

export function domainPath(tenant: string, name: string): string {
  return `/tenants/${tenant}/source-domains/${name}`
}

interface DomainPageProps {
  view: SourceDomainView
  everySeconds: number | null // to ask again; null: nothing is waited for
  activity: AuditEvent[] | null // null: who looks at the page may not see it
  isAdmin: boolean
  isOperator: boolean
  refused: { form: DomainForm; refusal: Refusal } | undefined
}

export function DomainPage(props: DomainPageProps) {
  const { view, everySeconds, activity, isAdmin, isOperator, refused } = props
  const { domain, explanation, certificate, delegations, proofs, further, zone, published } = view
  const refusalOf = (form: DomainForm) => (refused?.form === form ? refused.refusal : undefined)
  const all = useTexts()
  const t = all.domains
  const path = domainPath(domain.tenantName, domain.name)
  const isProofShown = showsProofs(explanation)
  const records = isProofShown ? further : [...proofs, ...further]
  return (
    <>
      <Heading
        within={{ href: withQuery('/source-domains', { tenant: domain.tenantName }), title: t.title }}
        title={<Name name={domain.name} />}
        lead={
          <>
            {domain.suspendedAt === null ? null : <SuspendedBadge />} {t.modes[domain.mode]} · {t.tenant}:{' '}
            <a href={`/tenants/${domain.tenantName}`}>{domain.tenantName}</a>
          </>
        }
      >
        <CheckLink name={domain.name} />
        {isAdmin ? (
          <a class="button danger" href={`${path}/remove`}>
            {all.remove}
          </a>
        ) : null}
      </Heading>
      <DomainStandingSection standing={view.standing} everySeconds={everySeconds} />
      <ControlSection
        explanation={explanation}
        proofs={proofs}
        panel={zone}
        checkAt={isAdmin ? `${path}/check` : null}
        refusal={refusalOf('check')}
      />
      <RecordsSection
        title={isProofShown ? all.delegations.otherRecords : all.delegations.records}
        lead={
          <>
            <p>{all.delegations.recordsLead}</p>
            {isProofShown ? null : <PanelNote panel={zone} records={records.map(({ record }) => record)} />}
          </>
        }
        records={records}
        panel={zone}
        files={view.files}
        filesAt={`/api/v1${path}/zone-file`}
      />
      {domain.mode === 'external' ? (
        <RedirectRuleSection
          tenant={domain.tenantName}
          rules={redirectRules(
            domain.name,
            delegations.map(({ delegation }) => delegation),
          )}
          delegations={delegations.map(({ delegation }) => delegation)}
          mayCheck={!isAdmin ? 'no' : domain.proof === null ? 'unproven' : 'yes'}
        />
      ) : null}
      {certificate === null ? null : (
        <div id="certificate-part" class="live-part">
          <CertificateSection
            view={certificate}
            lineageAt={certificate.lineage && lineagePath(domain.tenantName, certificate.lineage.name)}
            issueAt={isAdmin ? `${path}/issue` : null}
            renewAt={isAdmin ? `${path}/renew` : null}
            refusal={refusalOf('certificate')}
          />
        </div>
      )}
      <ServicesSection domain={domain} delegations={delegations} isAdmin={isAdmin} />
      {published.length > 0 ? <PublishedCertificates certificates={published} /> : null}
      <HostMetaSection domain={domain} isAdmin={isAdmin} refusal={refusalOf('host-meta')} />
      {activity === null ? null : <ActivitySection domain={domain} events={activity} />}
      <section class="card padded" aria-labelledby="mode-title">
        <h2 id="mode-title">{t.mode}</h2>
        {isAdmin ? (
          <form method="post" action={`${path}/mode`} class="stack">
            <FormProblem refusal={refusalOf('mode')} fields={{ mode: all.fields.mode }} />
            <Choice
              {...{ name: 'mode', label: all.fields.mode, refusal: refusalOf('mode'), isRequired: true }}
              value={domain.mode}
              options={MODES.map((mode) => [mode, t.modeChoices[mode]] as const)}
            />
            <button type="submit">{all.save}</button>
          </form>
        ) : (
          <p>{t.modeChoices[domain.mode]}</p>
        )}
      </section>
      {isOperator ? (
        <section class="card padded" aria-labelledby="operator-acts">
          <h2 id="operator-acts">{all.operator}</h2>
          <div class="form-actions">
            {verbsFor(domain).map((verb) => (
              <VerbForm key={verb} domain={domain} verb={verb} kept={{}} />
            ))}
            {domain.proof === 'vouched' ? (
              <a class="button" href={`${path}/withdraw-vouch`}>
                {t.withdrawVouch}
              </a>
            ) : null}
          </div>
        </section>
      ) : null}
    </>
  )
}

function ServicesSection(props: { domain: SourceDomain; delegations: DelegationInView[]; isAdmin: boolean }) {
  const { domain, delegations, isAdmin } = props
  const all = useTexts()
  const t = all.domains
  return (
    <section class="card parted" aria-labelledby="services">
      <div class="card-head">
        <h2 id="services">{t.delegations}</h2>
        <p>{t.delegationsLead}</p>
      </div>
      {delegations.length === 0 ? (
        <p class="padded">{isAdmin ? t.noDelegations : t.noDelegationsToViewers}</p>
      ) : (
        <ul class="rows live-part" id="service-rows">
          {delegations.map(({ delegation, standing }) => (
            <li key={delegation.id}>
              <div>
                <p>
                  <a href={`/tenants/${domain.tenantName}/delegations/${delegation.id}`}>
                    <code class="plain">{`${delegation.service}.${delegation.protocol}`}</code>
                  </a>{' '}
                  → <Name name={delegation.targetHost} />
                </p>
                <p class="quiet-text">
                  {all.fields.lineage}: <Foreign text={delegation.lineageName} />
                </p>
              </div>
              <StandingBadge standing={standing} />
            </li>
          ))}
        </ul>
      )}
      {isAdmin ? (
        <p class="padded">
          <a
            class={delegations.length === 0 ? 'button primary' : 'button'}
            href={withQuery('/delegations/register', { tenant: domain.tenantName, sourceDomain: domain.name })}
          >
            {all.delegations.register}
          </a>
        </p>
      ) : null}
    </section>
  )
}

function HostMetaSection(props: { domain: SourceDomain; isAdmin: boolean; refusal: Refusal | undefined }) {
  const { domain, isAdmin, refusal } = props
  const all = useTexts()
  const t = all.domains
  const hostMeta = domain.hostMeta === null ? '' : JSON.stringify(domain.hostMeta, null, 2)
  const files = ['host-meta', 'host-meta.json'].map((file) => `https://${domain.name}/.well-known/${file}`)
  return (
    <section class="card padded" aria-labelledby="host-meta">
      <h2 id="host-meta">{t.hostMeta}</h2>
      {domain.hostMeta === null || domain.mode === 'external' ? null : (
        <p>
          {t.hostMetaFiles}{' '}
          {files.map((url) => (
            <Copyable key={url} text={url} label="URL" />
          ))}
        </p>
      )}
      {isAdmin ? (
        <form method="post" action={`${domainPath(domain.tenantName, domain.name)}/host-meta`} class="stack">
          <FormProblem refusal={refusal} fields={{ hostMeta: t.hostMetaLabel }} />
          <Field
            {...{ name: 'hostMeta', label: t.hostMetaLabel, hint: t.hostMetaHint, refusal }}
            control={(attributes) => (
              <textarea
                {...attributes}
                rows={10}
                class="pem"
                placeholder={t.hostMetaExample}
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
              >
                {refusal?.typed['hostMeta'] ?? hostMeta}
              </textarea>
            )}
          />
          <button type="submit">{all.save}</button>
        </form>
      ) : hostMeta === '' ? (
        <p>{t.hostMetaOff}</p>
      ) : (
        <pre>
          <code>{hostMeta}</code>
        </pre>
      )}
    </section>
  )
}

/** The last of the audit trail that is about this name: also how looks at it have come out, where that changed something. */
function ActivitySection({ domain, events }: { domain: SourceDomain; events: AuditEvent[] }) {
  const t = useTexts().domains
  return (
    <section class="card" aria-labelledby="activity">
      <div class="card-head">
        <h2 id="activity">{t.activity}</h2>
        <p>
          {t.activityLead}{' '}
          <a href={withQuery(`/tenants/${domain.tenantName}/audit`, { subject: domain.name })}>{t.wholeActivity}</a>
        </p>
      </div>
      {events.length === 0 ? (
        <p class="padded">{t.noActivity}</p>
      ) : (
        <ol class="events">
          {events.map(({ id, action, actor, at }) => (
            <li key={id}>
              <p class="event-head">
                <code class="plain">{action}</code>
              </p>
              <p class="quiet-text">
                <When at={at} /> · <Foreign text={actor} />
              </p>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

export function VerbForm(props: {
  domain: SourceDomain
  verb: Verb
  kept: Readonly<Record<string, string>>
  isSmall?: boolean
}) {
  const { domain, verb, kept, isSmall = false } = props
  const { domains: t } = useTexts()
  return (
    <form method="post" action={`${domainPath(domain.tenantName, domain.name)}/${verb}`}>
      {Object.entries(kept).map(([name, value]) => (
        <input type="hidden" key={name} name={name} value={value} />
      ))}
      <button type="submit" class={isSmall ? 'small' : ''}>
        {t[verb]}
        <span class="visually-hidden"> {domain.name}</span>
      </button>
    </form>
  )
}

export function verbsFor({ proof, suspendedAt }: SourceDomain): Verb[] {
  return [...(proof === null ? (['vouch'] as const) : []), suspendedAt === null ? 'suspend' : 'resume']
}
