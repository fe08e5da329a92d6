import { z } from 'zod'
import { adviseMode, type ModeAdvice, type NameSight } from '../../delegation/mode-advice.ts'
import { typedDomain, type TypedDomain } from '../../delegation/typed-domain.ts'
import { displayName } from '../../name.ts'
import type { Principal } from '../../tenant/principal.ts'
import { onlyOperatorVouches } from '../api/source-domain-routes.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, line, parsedBy, tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { domainPath, MODES } from './domain-page.tsx'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Badge, Check, FormProblem, Heading, Name, TextField } from './parts.tsx'
import { atField, byCode, namesAlone } from './refusals.ts'
import type { Texts } from './texts.ts'
import { TenantField, tenantsToChoose, tenantToChange, type TenantChoices } from './whose.tsx'

const PATH = '/source-domains/add'

const typedDomainField = line(3000).transform(parsedBy(typedDomain))

/** From what somebody pastes to a source domain: the name is understood, where it is served is asked, and it is added. */
export function addDomainPages(deps: AdminDeps, find: LookUps): Page[] {
  const { sourceDomains, registrar, lookAtName, config } = deps

  const firstView = async (
    { principal, texts }: { principal: Principal; texts: Texts },
    refusal?: Refusal,
    tenant?: string,
  ): Promise<View> => {
    const choices = await tenantsToChoose(texts, deps, principal)
    return {
      title: texts.addDomain.title,
      area: 'source-domains',
      main: <FirstPage choices={tenant === undefined ? choices : { ...choices, chosen: tenant }} refusal={refusal} />,
    }
  }

  const atFields = (texts: Texts, refusal: Refusal) =>
    atField(
      namesAlone(texts, refusal, ['name']),
      byCode({
        'not-found': 'tenant',
        forbidden: 'tenant',
        'tenant-suspended': 'tenant',
        'already-exists': 'name',
        'name-refused': 'name',
        'source-domain-taken': 'name',
        'quota-reached': 'tenant',
      }),
    )

  return [
    page(
      { path: PATH, access: 'signed-in', query: z.strictObject({ tenant: tenantNameField.optional() }) },
      ({ query, ...seen }) => firstView(seen, undefined, query.tenant),
    ),
    form(
      {
        path: PATH,
        access: 'signed-in',
        form: z.strictObject({ tenant: tenantNameField, name: typedDomainField }),
      },
      async ({ tenant: tenantName, name: typed }, { principal, act, texts }) => {
        const tenant = await tenantToChange(find, principal, tenantName, act.at)
        if (await sourceDomains.find(tenant.id, typed.name))
          return {
            to: domainPath(tenant.name, typed.name),
            notice: { text: texts.addDomain.thereAlready(displayName(typed.name)), warnings: [] },
          }
        registrar.claimableName(typed.name)
        const sight = await lookAtName(tenant.id, typed.name)
        return {
          shown: {
            title: texts.addDomain.title,
            area: 'source-domains',
            main: (
              <SecondPage
                {...{ typed, sight, advice: adviseMode(sight), tenant: tenant.name }}
                isOperator={principal.isOperator}
              />
            ),
          },
        }
      },
      (refusal, seen) => firstView(seen, atFields(seen.texts, refusal)),
    ),
    form(
      {
        path: '/source-domains',
        access: 'signed-in',
        standsOn: PATH,
        form: z.strictObject({
          tenant: tenantNameField,
          name: domainNameField,
          mode: z.enum(MODES),
          isVouched: z.literal('yes').optional(),
        }),
      },
      async ({ tenant: tenantName, name, mode, isVouched }, { principal, act, texts }) => {
        const tenant = await tenantToChange(find, principal, tenantName, act.at)
        if (isVouched && !principal.isOperator) throw onlyOperatorVouches('/isVouched')
        const domain = await registrar.claim(tenant.id, name, { mode, isVouched: isVouched === 'yes' }, act)
        const isFrontByHand = config.front.authority === 'import' && mode === 'hosted' && domain.proof !== null
        return {
          to: domainPath(tenant.name, domain.name),
          notice: {
            text: texts.domains.added(displayName(domain.name)),
            warnings: [
              ...(domain.proof === null ? [texts.domains.toBeProven] : []),
              ...(isFrontByHand ? [texts.front(domain.name)] : []),
            ],
          },
        }
      },
      (refusal, seen) => firstView(seen, atFields(seen.texts, refusal)),
    ),
  ]
}

function FirstPage({ choices, refusal }: { choices: TenantChoices; refusal: Refusal | undefined }) {
  const all = useTexts()
  const t = all.addDomain
  return (
    <>
      <Heading within={{ href: '/source-domains', title: all.domains.title }} title={t.title} lead={t.lead} />
      <section class="card padded" aria-label={t.title}>
        <AddDomainForm choices={choices} refusal={refusal} />
      </section>
    </>
  )
}

/** The one field; what is typed into it is understood by the page that it leads to. */
export function AddDomainForm({ choices, refusal }: { choices: TenantChoices; refusal: Refusal | undefined }) {
  const all = useTexts()
  const t = all.addDomain
  const label = all.domains.tenant
  return (
    <form method="post" action={PATH} class="stack">
      <FormProblem
        refusal={refusal}
        fields={{ tenant: label, name: t.name, mode: all.fields.mode, isVouched: all.domains.vouchLabel }}
      />
      <TextField {...{ name: 'name', label: t.name, hint: t.nameHint, refusal, isRequired: true }} inputMode="url" />
      <TenantField {...{ name: 'tenant', label, hint: all.delegations.hints.tenant, refusal, choices }} />
      <button type="submit" class="primary">
        {t.next}
      </button>
    </form>
  )
}

function SecondPage(props: {
  typed: TypedDomain
  sight: NameSight
  advice: ModeAdvice
  tenant: string
  isOperator: boolean
}) {
  const { typed, sight, advice, tenant, isOperator } = props
  const all = useTexts()
  const t = all.addDomain
  return (
    <>
      <Heading
        within={{ href: PATH, title: t.title }}
        title={<Name name={typed.name} />}
        lead={
          <>
            {t.understood[typed.from]} {all.domains.tenant}: {tenant}
          </>
        }
      />
      <form method="post" action="/source-domains" class="card padded stack">
        <input type="hidden" name="name" value={typed.name} />
        <input type="hidden" name="tenant" value={tenant} />
        <fieldset aria-describedby="why">
          <legend>{t.question}</legend>
          {MODES.map((mode) => (
            <label key={mode} class="choice">
              <input type="radio" name="mode" value={mode} required checked={advice.mode === mode} />
              <span>
                <strong>{t.choices[mode]}</strong>{' '}
                {advice.mode === mode ? (
                  <Badge tone="good" icon="check">
                    {t.recommended}
                  </Badge>
                ) : null}
                <small class="block">{t.choiceHints[mode]}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <p id="why" class="quiet-text">
          {t.reasons[advice.why]} {sight.isApex === true ? t.atApex : null}
        </p>
        {isOperator ? <Check name="isVouched" label={all.domains.vouchLabel} hint={all.domains.vouchHint} /> : null}
        <div class="form-actions">
          <button type="submit" class="primary">
            {t.add}
          </button>
          <a class="button" href={PATH}>
            {t.another}
          </a>
        </div>
      </form>
    </>
  )
}
