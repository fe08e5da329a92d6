import { z } from 'zod'
import type { Delegation } from '../../delegation/delegation.ts'
import { isProof, type DnsRecord } from '../../delegation/dns-records.ts'
import { parseHostMeta, type HostMeta } from '../../delegation/host-meta.ts'
import { redirectRules } from '../../delegation/redirect-rules.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import type { Explanation } from '../../tenant/proof-checks.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { namedCursor, parseNamedCursor } from '../api/paging.ts'
import { onlyOperatorVouches } from '../api/source-domain-routes.ts'
import { delegationsOf, recordsOf } from '../delegation-view.ts'
import { certificateView, type CertificateView } from '../certificate-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, line, tenantNameField } from '../input.ts'
import { lineagePath } from './certificate-pages.tsx'
import { CertificateSection } from './certificate-section.tsx'
import { confirmed } from './confirmed.tsx'
import { useTexts } from './context.ts'
import { ControlSection, lookNotice, showsProofs, Standing, SuspendedBadge } from './control-section.tsx'
import { RecordList } from './delegation-page.tsx'
import { given, ListPage, pageOfList, withQuery, type ListView } from './list.tsx'
import { tenantListQuery } from './list-query.ts'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { Check, Choice, Field, FormProblem, Heading, Name, TextField } from './parts.tsx'
import { RedirectRuleSection } from './redirect-rule-section.tsx'
import { atField, byCode, namesAlone } from './refusals.ts'
import { texts } from './texts.ts'
import {
  isToChange,
  mayChange,
  tenantChoices,
  TenantChooser,
  TenantField,
  tenantToChange,
  titleOf,
  whoseList,
  type TenantChoices,
  type Whose,
} from './whose.tsx'

/** Of the operator alone, at the press of a button. */
const VERBS = ['vouch', 'suspend', 'resume'] as const
type Verb = (typeof VERBS)[number]

const one = z.strictObject({ tenant: tenantNameField, name: domainNameField })
const MODES = ['hosted', 'external'] as const
/** The forms of a source domain's page that may be refused. */
type DomainForm = 'check' | 'certificate' | 'mode' | 'host-meta'

export function sourceDomainPages(deps: AdminDeps, find: LookUps): Page[] {
  const { sourceDomains, registrar, proofs, certificateRequests, config } = deps
  const certificates = certificateView(deps)

  const listView = async (
    request: z.output<typeof tenantListQuery>,
    { principal, act }: Pick<Seen<unknown, unknown, 'signed-in'>, 'principal' | 'act'>,
    refusal?: Refusal,
  ): Promise<View> => {
    const whose = await whoseList(deps, find, principal, request.tenant, act.at)
    const choices = await tenantChoices(deps, principal, whose.tenant)
    // Without a form there is no place beside a field to tell it
    if (refusal && !isToChange(choices, whose.tenant)) throw refusal.problem
    return {
      title: titleOf(texts.domains.title, whose.tenant),
      area: 'source-domains',
      main: (
        <SourceDomainsPage
          list={await pageOfList<SourceDomain, Pick<SourceDomain, 'id' | 'name'>>(
            '/source-domains',
            request,
            async (part) => (whose.of === undefined ? [] : sourceDomains.list(whose.of, part)),
            namedCursor,
            parseNamedCursor,
          )}
          whose={whose}
          choices={choices}
          isOperator={principal.isOperator}
          refusal={refusal}
        />
      ),
    }
  }

  const domainView = async (
    {
      tenant,
      params,
      principal,
      act,
    }: Pick<Seen<z.output<typeof one>, undefined, 'viewer'>, 'tenant' | 'params' | 'principal' | 'act'>,
    refused?: { form: DomainForm; refusal: Refusal },
  ): Promise<View> => {
    const domain = await find.sourceDomain(tenant, params.name)
    const delegations = await delegationsOf(deps, tenant, domain.name)
    return {
      title: displayName(domain.name),
      area: 'source-domains',
      main: (
        <SourceDomainPage
          domain={domain}
          explanation={await proofs.explain(tenant.id, domain.name)}
          certificate={domain.mode === 'hosted' ? await certificates.ofSourceDomain(domain) : null}
          delegations={delegations}
          records={await recordsOf(deps, find, tenant, domain, delegations)}
          isAdmin={mayChange(principal, 'admin', tenant, act.at)}
          isOperator={principal.isOperator}
          refused={refused}
        />
      ),
    }
  }

  const told = (tenant: Tenant, { name }: Pick<SourceDomain, 'name'>, text: string) => ({
    to: domainPath(tenant.name, name),
    notice: { text, warnings: [] },
  })

  return [
    page({ path: '/source-domains', access: 'signed-in', query: tenantListQuery }, (seen) =>
      listView(seen.query, seen),
    ),
    form(
      {
        path: '/source-domains',
        access: 'signed-in',
        form: z.strictObject({
          tenant: tenantNameField,
          name: domainNameField,
          mode: z.enum(MODES),
          isVouched: z.literal('yes').optional(),
        }),
      },
      async ({ tenant: tenantName, name, mode, isVouched }, { principal, act }) => {
        const tenant = await tenantToChange(find, principal, tenantName, act.at)
        if (isVouched && !principal.isOperator) throw onlyOperatorVouches('/isVouched')
        const domain = await registrar.claim(tenant.id, name, { mode, isVouched: isVouched === 'yes' }, act)
        return {
          // Where it is not served yet, its own page shows the record to publish
          to: principal.isOperator && domain.proof !== null ? '/source-domains' : domainPath(tenant.name, domain.name),
          notice: {
            text: texts.domains.added(displayName(domain.name)),
            warnings: [
              ...(domain.proof === null ? [texts.domains.toBeProven] : []),
              ...(config.front.authority === 'import' && mode === 'hosted' && domain.proof !== null
                ? [texts.front(domain.name)]
                : []),
            ],
          },
        }
      },
      (refusal, seen) =>
        listView(
          {},
          seen,
          atField(
            namesAlone(refusal, ['name']),
            byCode({
              'not-found': 'tenant',
              forbidden: 'tenant',
              'tenant-suspended': 'tenant',
              'already-exists': 'name',
              'name-refused': 'name',
              'source-domain-taken': 'name',
            }),
          ),
        ),
    ),
    page({ path: '/tenants/:tenant/source-domains/:name', access: 'viewer', params: one }, (seen) => domainView(seen)),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/check',
        access: 'admin',
        params: one,
        form: z.strictObject({}),
        standsOn: '/tenants/:tenant/source-domains/:name',
      },
      async (_form, { tenant, params: { name }, act }) => ({
        to: domainPath(tenant.name, name),
        notice: lookNotice(await proofs.check(tenant.id, name, act), act.at),
      }),
      (refusal, seen) => domainView(seen, { form: 'check', refusal }),
    ),
    ...(['issue', 'renew'] as const).map((verb) =>
      form(
        {
          path: `/tenants/:tenant/source-domains/:name/${verb}`,
          access: 'admin',
          params: one,
          form: z.strictObject({}),
          standsOn: '/tenants/:tenant/source-domains/:name',
        },
        async (_form, { tenant, params, act }) => {
          const domain = await find.sourceDomain(tenant, params.name)
          const { lineage, explanation } = await certificates.ofSourceDomain(domain)
          if (!lineage) throw new ProblemError('not-found', `${explanation.summary} ${explanation.next.what}`)
          await certificateRequests[verb](lineage, act)
          const { tried, renewed } = texts.issuance
          return told(tenant, domain, (verb === 'issue' ? tried : renewed)(displayName(domain.name)))
        },
        (refusal, seen) => domainView(seen, { form: 'certificate', refusal }),
      ),
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/mode',
        access: 'admin',
        params: one,
        form: z.strictObject({ mode: z.enum(MODES) }),
      },
      async ({ mode }, { tenant, params, act }) => {
        const domain = await sourceDomains.setMode(tenant.id, params.name, mode, act)
        return told(tenant, domain, texts.domains.modeSet(displayName(domain.name), texts.domains.modes[mode]))
      },
      (refusal, seen) => domainView(seen, { form: 'mode', refusal }),
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/host-meta',
        access: 'admin',
        params: one,
        form: z.strictObject({ hostMeta: z.string().max(50_000).trim() }),
      },
      async ({ hostMeta }, { tenant, params, act }) => {
        await sourceDomains.setHostMeta(tenant.id, params.name, typedHostMeta(hostMeta), act)
        return told(tenant, params, hostMeta === '' ? texts.domains.hostMetaOff : texts.domains.hostMetaSet)
      },
      (refusal, seen) => domainView(seen, { form: 'host-meta', refusal: atHostMeta(refusal) }),
    ),
    ...confirmed(
      { path: '/tenants/:tenant/source-domains/:name/remove', access: 'admin', params: one },
      async ({ tenant, params }) => ({
        title: texts.domains.removeTitle(displayName((await find.sourceDomain(tenant, params.name)).name)),
        lines: [texts.domains.removeWhat],
        button: texts.remove,
        back: domainPath(tenant.name, params.name),
        area: 'source-domains',
      }),
      async (_form, { tenant, params: { name }, act }) => {
        await sourceDomains.remove(tenant.id, name, act)
        return { to: '/source-domains', notice: { text: texts.domains.removed(displayName(name)), warnings: [] } }
      },
    ),
    ...confirmed(
      { path: '/tenants/:tenant/source-domains/:name/withdraw-vouch', access: 'operator', params: one },
      async ({ tenant, params }) => ({
        title: texts.domains.withdrawVouchTitle(displayName((await find.sourceDomain(tenant!, params.name)).name)),
        lines: [texts.domains.withdrawVouchWhat],
        button: texts.domains.withdrawVouch,
        back: domainPath(tenant!.name, params.name),
        area: 'source-domains',
      }),
      async (_form, { tenant, params, act }) => {
        await sourceDomains.withdrawVouch(tenant!.id, params.name, act)
        return told(tenant!, params, texts.domains.vouchWithdrawn(displayName(params.name)))
      },
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/:verb',
        access: 'operator',
        params: z.strictObject({ ...one.shape, verb: z.enum(VERBS) }),
        // Where the button stood: the list, with its search, is come back to
        form: z.strictObject({ search: line(253).optional(), tenant: line(100).optional() }),
      },
      async ({ search, tenant: chosen }, { tenant, params: { name, verb }, act }) => {
        await sourceDomains[verb](tenant!.id, name, act)
        return {
          to: withQuery('/source-domains', given({ search, tenant: chosen })),
          notice: { text: texts.domains.changed[verb](displayName(name)), warnings: [] },
        }
      },
      ({ problem }, seen) => listView({}, seen, { typed: {}, problem }),
    ),
  ]
}

function domainPath(tenant: string, name: string): string {
  return `/tenants/${tenant}/source-domains/${name}`
}

/** Empty: switched off. @throws ProblemError malformed-request */
function typedHostMeta(text: string): HostMeta | null {
  if (text === '') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ProblemError('malformed-request', texts.domains.noJson((cause as Error).message))
  }
  return parseHostMeta(value)
}

/** The faults of the document all belong to its one field. */
function atHostMeta(refusal: Refusal): Refusal {
  const { code, message } = refusal.problem
  return atField({ ...refusal, problem: new ProblemError(code, message) }, () => 'hostMeta')
}

interface SourceDomainsProps {
  list: ListView<SourceDomain>
  whose: Whose
  choices: TenantChoices
  isOperator: boolean
  refusal: Refusal | undefined
}

function SourceDomainsPage({ list, whose, choices, isOperator, refusal }: SourceDomainsProps) {
  const all = useTexts()
  const t = all.domains
  return (
    <ListPage
      texts={whose.of === undefined ? { ...t, empty: all.tenants.noOwn } : t}
      list={list}
      above={<TenantChooser action="/source-domains" whose={whose} />}
      columns={[t.columnName, t.tenant, t.mode, t.standing, ...(isOperator ? [all.actions] : [])]}
      row={(domain) => (
        <tr key={domain.id}>
          <th scope="row">
            <a href={domainPath(domain.tenantName, domain.name)}>
              <Name name={domain.name} />
            </a>
          </th>
          <td data-label={t.tenant}>{domain.tenantName}</td>
          <td data-label={t.mode}>{t.modes[domain.mode]}</td>
          <td data-label={t.standing}>
            <Standing domain={domain} />
          </td>
          {isOperator ? (
            <td data-label={all.actions}>
              <span class="row-actions">
                {verbsFor(domain).map((verb) => (
                  <VerbForm
                    key={verb}
                    domain={domain}
                    verb={verb}
                    kept={given({ ...list.kept, search: list.search })}
                    isSmall
                  />
                ))}
              </span>
            </td>
          ) : null}
        </tr>
      )}
      add={
        isToChange(choices, whose.tenant) ? (
          <form method="post" action="/source-domains" class="stack">
            <FormProblem
              refusal={refusal}
              fields={{ tenant: t.tenant, name: t.columnName, mode: all.fields.mode, isVouched: t.vouchLabel }}
            />
            <TextField
              {...{ name: 'name', label: t.columnName, hint: t.nameHint, refusal, isRequired: true }}
              inputMode="url"
            />
            <TenantField
              {...{ name: 'tenant', label: t.tenant, hint: all.delegations.hints.tenant, refusal, choices }}
            />
            <ModeChoice refusal={refusal} />
            {isOperator ? <Check name="isVouched" label={t.vouchLabel} hint={t.vouchHint} refusal={refusal} /> : null}
            <button type="submit" class="primary">
              {t.addButton}
            </button>
          </form>
        ) : null
      }
    />
  )
}

function ModeChoice({ refusal, value }: { refusal: Refusal | undefined; value?: SourceDomain['mode'] }) {
  const all = useTexts()
  return (
    <Choice
      {...{ name: 'mode', label: all.fields.mode, refusal, isRequired: true }}
      {...(value === undefined ? {} : { value })}
      options={MODES.map((mode) => [mode, all.domains.modeChoices[mode]] as const)}
    />
  )
}

function VerbForm(props: {
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

interface SourceDomainProps {
  domain: SourceDomain
  explanation: Explanation
  certificate: CertificateView | null // null: its owner's web server sees to that
  delegations: Delegation[]
  records: DnsRecord[]
  isAdmin: boolean
  isOperator: boolean
  refused: { form: DomainForm; refusal: Refusal } | undefined
}

function SourceDomainPage(props: SourceDomainProps) {
  const { domain, explanation, certificate, delegations, records, isAdmin, isOperator, refused } = props
  const refusalOf = (form: DomainForm) => (refused?.form === form ? refused.refusal : undefined)
  const hostMetaRefusal = refusalOf('host-meta')
  const all = useTexts()
  const t = all.domains
  const path = domainPath(domain.tenantName, domain.name)
  const ofOwner = records.filter(({ zone }) => zone === 'source domain')
  const proofs = ofOwner.filter(isProof)
  const isProofShown = showsProofs(explanation)
  const delegationsPath = withQuery('/delegations', { tenant: domain.tenantName, search: domain.name })
  const hostMeta = domain.hostMeta === null ? '' : JSON.stringify(domain.hostMeta, null, 2)
  return (
    <>
      <Heading
        within={{ href: withQuery('/source-domains', { tenant: domain.tenantName }), title: t.title }}
        title={<Name name={domain.name} />}
        lead={
          <>
            {domain.suspendedAt === null ? null : <SuspendedBadge />} {t.tenant}:{' '}
            <a href={`/tenants/${domain.tenantName}`}>{domain.tenantName}</a>
          </>
        }
      >
        <a class="button" href={delegationsPath}>
          {all.delegations.title}
        </a>
        {isAdmin ? (
          <a class="button danger" href={`${path}/remove`}>
            {all.remove}
          </a>
        ) : null}
      </Heading>
      <ControlSection
        explanation={explanation}
        proofs={proofs}
        checkAt={isAdmin ? `${path}/check` : null}
        refusal={refusalOf('check')}
      />
      {certificate === null ? null : (
        <CertificateSection
          view={certificate}
          lineageAt={certificate.lineage && lineagePath(domain.tenantName, certificate.lineage.name)}
          issueAt={isAdmin ? `${path}/issue` : null}
          renewAt={isAdmin ? `${path}/renew` : null}
          refusal={refusalOf('certificate')}
        />
      )}
      {domain.mode === 'external' ? (
        <RedirectRuleSection
          tenant={domain.tenantName}
          rules={redirectRules(domain.name, delegations)}
          delegations={delegations}
          mayCheck={!isAdmin ? 'no' : domain.proof === null ? 'unproven' : 'yes'}
        />
      ) : null}
      <RecordList
        id="records"
        title={isProofShown ? all.delegations.otherRecords : all.delegations.records}
        lead={all.delegations.recordsLead}
        records={isProofShown ? ofOwner.filter((record) => !proofs.includes(record)) : ofOwner}
      />
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
      <section class="card padded" aria-labelledby="mode-title">
        <h2 id="mode-title">{t.mode}</h2>
        {isAdmin ? (
          <form method="post" action={`${path}/mode`} class="stack">
            <FormProblem refusal={refusalOf('mode')} fields={{ mode: all.fields.mode }} />
            <ModeChoice refusal={refusalOf('mode')} value={domain.mode} />
            <button type="submit">{all.save}</button>
          </form>
        ) : (
          <p>{t.modeChoices[domain.mode]}</p>
        )}
      </section>
      <section class="card padded" aria-labelledby="host-meta">
        <h2 id="host-meta">{t.hostMeta}</h2>
        {isAdmin ? (
          <form method="post" action={`${path}/host-meta`} class="stack">
            <FormProblem refusal={hostMetaRefusal} fields={{ hostMeta: t.hostMetaLabel }} />
            <Field
              {...{ name: 'hostMeta', label: t.hostMetaLabel, hint: t.hostMetaHint, refusal: hostMetaRefusal }}
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
                  {hostMetaRefusal?.typed['hostMeta'] ?? hostMeta}
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
    </>
  )
}

function verbsFor({ proof, suspendedAt }: SourceDomain): Verb[] {
  return [...(proof === null ? (['vouch'] as const) : []), suspendedAt === null ? 'suspend' : 'resume']
}
