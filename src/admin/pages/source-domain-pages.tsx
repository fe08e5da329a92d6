import { z } from 'zod'
import type { SourceDomain } from '../../delegation/source-domain.ts'
import { displayName } from '../../name.ts'
import { namedCursor, parseNamedCursor } from '../api/paging.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, line, tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { ListPage, pageOfList, type ListView } from './list.tsx'
import { listQuery, type ListRequest } from './list-query.ts'
import { form, page, type Page, type Refusal } from './page.tsx'
import { Badge, Choice, FormProblem, Name, TextField } from './parts.tsx'
import { atField, byCode } from './refusals.ts'
import { suggestedTenants } from './suggestions.ts'
import { texts } from './texts.ts'

const VERBS = ['vouch', 'suspend', 'resume'] as const
type Verb = (typeof VERBS)[number]

export function sourceDomainPages(deps: AdminDeps, find: LookUps): Page[] {
  const { sourceDomains, registrar, config } = deps
  const view = async (request: ListRequest, refusal?: Refusal) => ({
    title: texts.domains.title,
    area: 'source-domains' as const,
    main: (
      <SourceDomainsPage
        list={await pageOfList<SourceDomain, Pick<SourceDomain, 'id' | 'name'>>(
          '/source-domains',
          request,
          (part) => sourceDomains.list('all', part),
          namedCursor,
          parseNamedCursor,
        )}
        tenants={await suggestedTenants(deps)}
        refusal={refusal}
      />
    ),
  })
  return [
    page({ path: '/source-domains', access: 'operator', query: listQuery }, ({ query }) => view(query)),
    form(
      {
        path: '/source-domains',
        access: 'operator',
        form: z.strictObject({
          tenant: tenantNameField,
          name: domainNameField,
          mode: z.enum(['hosted', 'external']),
          isVouched: z.literal('yes').optional(),
        }),
      },
      async ({ tenant, name, mode, isVouched }, { act }) => {
        const { id } = await find.tenant(tenant)
        const domain = await registrar.claim(id, name, { mode, isVouched: isVouched === 'yes' }, act)
        return {
          to: '/source-domains',
          notice: {
            text: texts.domains.added(displayName(domain.name)),
            warnings: [
              ...(domain.proof === null ? [texts.delegations.standingHints.unproven] : []),
              ...(config.front.authority === 'import' && mode === 'hosted' ? [texts.front(domain.name)] : []),
            ],
          },
        }
      },
      (refusal) =>
        view(
          {},
          atField(
            refusal,
            byCode({
              'not-found': 'tenant',
              'already-exists': 'name',
              'name-refused': 'name',
              'source-domain-taken': 'name',
            }),
          ),
        ),
    ),
    form(
      {
        path: '/tenants/:tenant/source-domains/:name/:verb',
        access: 'operator',
        params: z.strictObject({ tenant: tenantNameField, name: domainNameField, verb: z.enum(VERBS) }),
        form: z.strictObject({ search: line(253).optional() }),
      },
      async ({ search }, { params: { tenant, name, verb }, act }) => {
        const { id } = await find.tenant(tenant)
        await sourceDomains[verb](id, name, act)
        return {
          to: search ? `/source-domains?${new URLSearchParams({ search }).toString()}` : '/source-domains',
          notice: { text: texts.domains.changed[verb](displayName(name)), warnings: [] },
        }
      },
      ({ problem }) => view({}, { typed: {}, problem }),
    ),
  ]
}

interface SourceDomainsProps {
  list: ListView<SourceDomain>
  tenants: string[]
  refusal: Refusal | undefined
}

function SourceDomainsPage({ list, tenants, refusal }: SourceDomainsProps) {
  const all = useTexts()
  const t = all.domains
  return (
    <ListPage
      texts={t}
      list={list}
      columns={[t.columnName, t.tenant, t.mode, t.standing, all.actions]}
      row={(domain) => (
        <tr key={domain.id}>
          <th scope="row">
            <Name name={domain.name} />
          </th>
          <td data-label={t.tenant}>{domain.tenantName}</td>
          <td data-label={t.mode}>{t.modes[domain.mode]}</td>
          <td data-label={t.standing}>
            <Standing domain={domain} />
          </td>
          <td data-label={all.actions}>
            <span class="row-actions">
              {verbsFor(domain).map((verb) => (
                <form
                  key={verb}
                  method="post"
                  action={`/tenants/${domain.tenantName}/source-domains/${domain.name}/${verb}`}
                >
                  {list.search === undefined ? null : <input type="hidden" name="search" value={list.search} />}
                  <button type="submit" class="small">
                    {t[verb]}
                    <span class="visually-hidden"> {domain.name}</span>
                  </button>
                </form>
              ))}
            </span>
          </td>
        </tr>
      )}
      add={
        <form method="post" action="/source-domains" class="stack">
          <FormProblem refusal={refusal} fields={['tenant', 'name', 'mode', 'isVouched']} />
          <TextField name="name" label={t.columnName} hint={t.nameHint} refusal={refusal} isRequired inputMode="url" />
          <TextField
            name="tenant"
            label={t.tenant}
            hint={
              tenants.length > 0 ? (
                all.delegations.hints.tenant
              ) : (
                <a href="/tenants">{all.delegations.missing.tenant}</a>
              )
            }
            refusal={refusal}
            value={tenants.length === 1 ? tenants[0] : undefined}
            suggestions={tenants}
            isRequired
          />
          <Choice
            name="mode"
            label={all.fields.mode}
            refusal={refusal}
            isRequired
            options={[
              ['hosted', t.modeChoices.hosted],
              ['external', t.modeChoices.external],
            ]}
          />
          <div class="field">
            <label class="check">
              <input
                type="checkbox"
                name="isVouched"
                value="yes"
                checked={refusal?.typed.isVouched === 'yes'}
                aria-describedby="isVouched-hint"
              />
              {t.vouchLabel}
            </label>
            <p class="hint" id="isVouched-hint">
              {t.vouchHint}
            </p>
          </div>
          <button type="submit" class="primary">
            {t.addButton}
          </button>
        </form>
      }
    />
  )
}

function Standing({ domain }: { domain: SourceDomain }) {
  const { standings: t } = useTexts().domains
  if (domain.suspendedAt !== null)
    return (
      <Badge tone="bad" icon="stop">
        {t.suspended}
      </Badge>
    )
  return domain.proof === null ? (
    <Badge tone="wait" icon="clock">
      {t.unproven}
    </Badge>
  ) : (
    <Badge tone="good" icon="check">
      {t.proven}
    </Badge>
  )
}

function verbsFor({ proof, suspendedAt }: SourceDomain): Verb[] {
  return [...(proof === null ? (['vouch'] as const) : []), suspendedAt === null ? 'suspend' : 'resume']
}
