import { useTexts } from './context.ts'
import type { Refusal } from './page.tsx'
import { Choice, FormProblem, Heading, TextField } from './parts.tsx'
import { TenantField, type TenantChoices } from './whose.tsx'

const SERVICES = ['_xmpp-server._tcp', '_xmpp-client._tcp', '_xmpps-server._tcp', '_xmpps-client._tcp']
const EXPERT_FIELDS = ['tlsAnswer', 'poshAnswer', 'srvPort']

export interface RegisterProps {
  refusal: Refusal | undefined
  choices: TenantChoices
  sourceDomains: string[]
  targetHosts: string[]
  lineages: string[]
  isOperator: boolean
}

export function RegisterPage({ refusal, choices, sourceDomains, targetHosts, lineages, isOperator }: RegisterProps) {
  const all = useTexts()
  const t = all.delegations
  const { tenant, sourceDomain, service, targetHost, lineage, tlsAnswer, poshAnswer, srvPort } = all.fields
  const labels = { tenant, sourceDomain, service, targetHost, lineage, tlsAnswer, poshAnswer, srvPort }
  const hasExpertFault = refusal?.problem.fields.some(({ pointer }) => EXPERT_FIELDS.includes(pointer.slice(1)))
  return (
    <>
      <Heading within={{ href: '/delegations', title: t.title }} title={t.register} lead={t.emptyLead} />
      <form method="post" action="/delegations/register" class="card padded stack">
        <FormProblem refusal={refusal} fields={labels} />
        <TenantField {...{ name: 'tenant', label: labels.tenant, hint: t.hints.tenant, refusal, choices }} />
        <TextField
          {...{ name: 'sourceDomain', label: labels.sourceDomain, refusal, isRequired: true }}
          suggestions={sourceDomains}
          value={only(sourceDomains)}
          inputMode="url"
          hint={
            <>
              {t.hints.sourceDomain} <a href="/source-domains">{t.missing.sourceDomain}</a>
            </>
          }
        />
        <TextField
          {...{ name: 'service', label: labels.service, refusal, isRequired: true, suggestions: SERVICES }}
          value={SERVICES[0]}
          hint={t.hints.service}
        />
        <TextField
          {...{ name: 'targetHost', label: labels.targetHost, refusal, isRequired: true }}
          suggestions={targetHosts}
          value={only(targetHosts)}
          inputMode="url"
          hint={
            <>
              {t.hints.targetHost} {isOperator ? <a href="/target-hosts">{t.missing.targetHost}</a> : null}
            </>
          }
        />
        <TextField
          {...{ name: 'lineage', label: labels.lineage, refusal, isRequired: true, suggestions: lineages }}
          value={only(lineages)}
          hint={
            <>
              {t.hints.lineage} <a href="/certificates/import">{t.missing.lineage}</a>
            </>
          }
        />
        <details {...(hasExpertFault ? { open: true } : {})}>
          <summary>{t.more}</summary>
          <div class="stack">
            <Choice
              {...{ name: 'tlsAnswer', label: labels.tlsAnswer, refusal, isRequired: true }}
              options={Object.entries(t.tlsAnswers)}
            />
            <Choice
              {...{ name: 'poshAnswer', label: labels.poshAnswer, refusal, isRequired: true }}
              options={Object.entries(t.poshAnswers)}
            />
            <TextField
              {...{ name: 'srvPort', label: labels.srvPort, refusal, hint: t.hints.srvPort }}
              inputMode="numeric"
            />
          </div>
        </details>
        <div class="form-actions">
          <button type="submit" class="primary">
            {t.registerShort}
          </button>
          <a class="button" href="/delegations">
            {all.cancel}
          </a>
        </div>
      </form>
    </>
  )
}

function only(names: string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined
}
