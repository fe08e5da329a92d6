import type { Delegation } from '../../delegation/delegation.ts'
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
  sourceDomain: string | undefined // that it is registered for
}

export function RegisterPage(props: RegisterProps) {
  const { refusal, choices, sourceDomains, targetHosts, lineages, isOperator } = props
  const all = useTexts()
  const t = all.delegations
  const { tenant, sourceDomain, service, targetHost, lineage, tlsAnswer, poshAnswer, srvPort } = all.fields
  const labels = { tenant, sourceDomain, service, targetHost, lineage, tlsAnswer, poshAnswer, srvPort }
  return (
    <>
      <Heading within={{ href: '/delegations', title: t.title }} title={t.register} lead={t.emptyLead} />
      <form method="post" action="/delegations/register" class="card padded stack">
        <FormProblem refusal={refusal} fields={labels} />
        <TenantField {...{ name: 'tenant', label: labels.tenant, hint: t.hints.tenant, refusal, choices }} />
        <TextField
          {...{ name: 'sourceDomain', label: labels.sourceDomain, refusal, isRequired: true }}
          suggestions={sourceDomains}
          value={props.sourceDomain ?? only(sourceDomains)}
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
        <TermFields {...{ refusal, targetHosts, lineages, isOperator }} />
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

/** What of a delegation can be changed. @param props.terms what they are; undefined: it is a new one */
export function TermFields(props: {
  refusal: Refusal | undefined
  targetHosts: string[]
  lineages: string[]
  isOperator: boolean
  terms?: Pick<Delegation, 'targetHost' | 'lineageName' | 'tlsAnswer' | 'poshAnswer' | 'srvPort'>
}) {
  const { refusal, targetHosts, lineages, isOperator, terms } = props
  const all = useTexts()
  const t = all.delegations
  const hasExpertFault = refusal?.problem.fields.some(({ pointer }) => EXPERT_FIELDS.includes(pointer.slice(1)))
  return (
    <>
      <TextField
        {...{ name: 'targetHost', label: all.fields.targetHost, refusal, isRequired: true }}
        suggestions={targetHosts}
        value={terms?.targetHost ?? only(targetHosts)}
        inputMode="url"
        hint={
          <>
            {t.hints.targetHost} {isOperator ? <a href="/target-hosts">{t.missing.targetHost}</a> : null}
          </>
        }
      />
      <TextField
        {...{ name: 'lineage', label: all.fields.lineage, refusal, isRequired: true, suggestions: lineages }}
        value={terms?.lineageName ?? only(lineages)}
        hint={
          <>
            {t.hints.lineage} <a href="/certificates/import">{t.missing.lineage}</a>
          </>
        }
      />
      <details {...(hasExpertFault || terms ? { open: true } : {})}>
        <summary>{t.more}</summary>
        <div class="stack">
          <Choice
            {...{ name: 'tlsAnswer', label: all.fields.tlsAnswer, refusal, isRequired: true }}
            {...(terms && { value: terms.tlsAnswer })}
            options={Object.entries(t.tlsAnswers)}
          />
          <Choice
            {...{ name: 'poshAnswer', label: all.fields.poshAnswer, refusal, isRequired: true }}
            {...(terms && { value: terms.poshAnswer })}
            options={Object.entries(t.poshAnswers)}
          />
          <TextField
            {...{ name: 'srvPort', label: all.fields.srvPort, refusal, hint: t.hints.srvPort }}
            value={terms?.srvPort?.toString()}
            inputMode="numeric"
          />
        </div>
      </details>
    </>
  )
}

function only(names: string[]): string | undefined {
  return names.length === 1 ? names[0] : undefined
}
