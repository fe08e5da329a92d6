import { z } from 'zod'
import type { Act } from '../../act.ts'
import { parseHostMeta, type HostMeta } from '../../delegation/host-meta.ts'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { certificateView } from '../certificate-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, tenantNameField } from '../input.ts'
import { sourceDomainView, type SourceDomainView } from '../source-domain-view.ts'
import { confirmed } from './confirmed.tsx'
import { lookNotice } from './control-section.tsx'
import { domainListView } from './domain-list.tsx'
import { DomainPage, domainPath, MODES, VERBS, type DomainForm } from './domain-page.tsx'
import { given, withQuery } from './list.tsx'
import { domainListQuery } from './list-query.ts'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { pressedQuery, since, withPressed } from './pressed.ts'
import { atField, refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'
import { mayChange, maySee } from './whose.tsx'

const one = z.strictObject({ tenant: tenantNameField, name: domainNameField })
const EVENTS_SHOWN = 8
/** While a certificate is being ordered: so often, and for so long, the page asks how it stands. */
const CERTIFICATE_WAIT = { askEverySeconds: 5, mostMs: 3_600_000 }

export function sourceDomainPages(deps: AdminDeps, find: LookUps): Page[] {
  const { sourceDomains, proofs, rules, certificateRequests } = deps
  const certificates = certificateView(deps)

  const listView = domainListView(deps, find)

  const domainView = async (
    {
      tenant,
      params,
      principal,
      act,
      texts,
    }: Pick<Seen<z.output<typeof one>, unknown, 'viewer'>, 'tenant' | 'params' | 'principal' | 'act' | 'texts'>,
    pressedAt: Date | null,
    refused?: { form: DomainForm; refusal: Refusal },
  ): Promise<View> => {
    const view = await sourceDomainView(deps, find, tenant, await find.sourceDomain(tenant, params.name), texts.told)
    const isAdmin = mayChange(principal, 'admin', tenant, act.at)
    return {
      title: displayName(params.name),
      area: 'source-domains',
      main: (
        <DomainPage
          view={view}
          everySeconds={await attend(view, { pressedAt, mayLook: isAdmin }, act)}
          activity={
            maySee(principal, 'admin', tenant, act.at)
              ? await deps.audit.list(tenant.id, { subject: params.name, limit: EVENTS_SHOWN })
              : null
          }
          isAdmin={isAdmin}
          isOperator={principal.isOperator}
          refused={refused}
        />
      ),
    }
  }

  /** Has what is waited for looked at. @returns in how many seconds the page asks again; null: nothing is waited for */
  async function attend(
    { domain, delegations, standing, isWaitingForRecords }: SourceDomainView,
    { pressedAt, mayLook }: { pressedAt: Date | null; mayLook: boolean },
    act: Act,
  ): Promise<number | null> {
    const { tenantId, name, proof, provenAt, createdAt } = domain
    const begun = since([createdAt, provenAt, pressedAt], act.at)
    const isRuleAwaited = domain.mode === 'external' && proof !== null
    const isCertificateAwaited =
      standing.certificate.why === 'underway' && act.at.getTime() - begun.getTime() < CERTIFICATE_WAIT.mostMs
    const spans = [
      await proofs.attend(tenantId, name, { pressedAt, waitsForMore: isWaitingForRecords, mayLook }, act),
      isRuleAwaited
        ? rules.attend(
            delegations.map(({ delegation }) => delegation),
            { since: begun, mayCheck: mayLook },
          )
        : null,
      isCertificateAwaited ? CERTIFICATE_WAIT.askEverySeconds : null,
    ].filter((seconds) => seconds !== null)
    return spans.length === 0 ? null : Math.min(...spans)
  }

  const told = (tenant: Tenant, { name }: Pick<SourceDomain, 'name'>, text: string) => ({
    to: domainPath(tenant.name, name),
    notice: { text, warnings: [] },
  })

  return [
    page(
      { path: '/tenants/:tenant/source-domains/:name', access: 'viewer', params: one, query: pressedQuery },
      (seen) => domainView(seen, seen.query.checked ?? null),
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/check',
        access: 'admin',
        params: one,
        form: z.strictObject({}),
        standsOn: '/tenants/:tenant/source-domains/:name',
      },
      async (_form, { tenant, params: { name }, act, texts }) => ({
        to: withPressed(domainPath(tenant.name, name), act),
        notice: lookNotice(texts, await proofs.check(tenant.id, name, act, texts.told.control), act.at),
      }),
      (refusal, seen) => domainView(seen, null, { form: 'check', refusal }),
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
        async (_form, { tenant, params, act, texts }) => {
          const domain = await find.sourceDomain(tenant, params.name)
          const { lineage, explanation } = await certificates.ofSourceDomain(domain, texts.told.certificate)
          if (!lineage) throw refusalIn(texts, 'not-found', `${explanation.summary} ${explanation.next.what}`)
          await certificateRequests[verb](lineage, act)
          const { tried, renewed } = texts.issuance
          return told(tenant, domain, (verb === 'issue' ? tried : renewed)(displayName(domain.name)))
        },
        (refusal, seen) => domainView(seen, null, { form: 'certificate', refusal }),
      ),
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/mode',
        access: 'admin',
        params: one,
        form: z.strictObject({ mode: z.enum(MODES) }),
      },
      async ({ mode }, { tenant, params, act, texts }) => {
        const domain = await sourceDomains.setMode(tenant.id, params.name, mode, act)
        return told(tenant, domain, texts.domains.modeSet(displayName(domain.name), texts.domains.modes[mode]))
      },
      (refusal, seen) => domainView(seen, null, { form: 'mode', refusal }),
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/host-meta',
        access: 'admin',
        params: one,
        form: z.strictObject({ hostMeta: z.string().max(50_000).trim() }),
      },
      async ({ hostMeta }, { tenant, params, act, texts }) => {
        await sourceDomains.setHostMeta(tenant.id, params.name, typedHostMeta(texts, hostMeta), act)
        return told(tenant, params, hostMeta === '' ? texts.domains.hostMetaOff : texts.domains.hostMetaSet)
      },
      (refusal, seen) => domainView(seen, null, { form: 'host-meta', refusal: atHostMeta(refusal) }),
    ),
    ...confirmed(
      { path: '/tenants/:tenant/source-domains/:name/remove', access: 'admin', params: one },
      async ({ tenant, params, texts }) => ({
        title: texts.domains.removeTitle(displayName((await find.sourceDomain(tenant, params.name)).name)),
        lines: [texts.domains.removeWhat],
        button: texts.remove,
        back: domainPath(tenant.name, params.name),
        area: 'source-domains',
      }),
      async (_form, { tenant, params: { name }, act, texts }) => {
        await sourceDomains.remove(tenant.id, name, act)
        return { to: '/source-domains', notice: { text: texts.domains.removed(displayName(name)), warnings: [] } }
      },
    ),
    ...confirmed(
      { path: '/tenants/:tenant/source-domains/:name/withdraw-vouch', access: 'operator', params: one },
      async ({ tenant, params, texts }) => ({
        title: texts.domains.withdrawVouchTitle(displayName((await find.sourceDomain(tenant!, params.name)).name)),
        lines: [texts.domains.withdrawVouchWhat],
        button: texts.domains.withdrawVouch,
        back: domainPath(tenant!.name, params.name),
        area: 'source-domains',
      }),
      async (_form, { tenant, params, act, texts }) => {
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
        form: domainListQuery.omit({ after: true }),
      },
      async (kept, { tenant, params: { name, verb }, act, texts }) => {
        await sourceDomains[verb](tenant!.id, name, act)
        return {
          to: withQuery('/source-domains', given(kept)),
          notice: { text: texts.domains.changed[verb](displayName(name)), warnings: [] },
        }
      },
      ({ problem }, seen) => listView({}, seen, { list: { typed: {}, problem } }),
    ),
  ]
}

export /** Empty: switched off. @throws ProblemError malformed-request */
function typedHostMeta(texts: Texts, text: string): HostMeta | null {
  if (text === '') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refusalIn(texts, 'malformed-request', texts.domains.noJson((cause as Error).message))
  }
  return parseHostMeta(value)
}

/** The faults of the document all belong to its one field. */
function atHostMeta(refusal: Refusal): Refusal {
  const { code, message, language } = refusal.problem
  const problem = new ProblemError(code, message, language === undefined ? {} : { language })
  return atField({ ...refusal, problem }, () => 'hostMeta')
}
