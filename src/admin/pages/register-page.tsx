import { useTexts } from './context.ts'
import type { Refusal } from './page.tsx'
import { Choice, FormProblem, Heading, TextField } from './parts.tsx'

const SERVICES = ['_xmpp-server._tcp', '_xmpp-client._tcp', '_xmpps-server._tcp', '_xmpps-client._tcp']
const FIELDS = ['tenant', 'sourceDomain', 'service', 'targetHost', 'lineage', 'tlsAnswer', 'poshAnswer', 'srvPort']
const EXPERT_FIELDS = ['tlsAnswer', 'poshAnswer', 'srvPort']

export interface RegisterProps {
  refusal: Refusal | undefined
  tenants: string[]
  sourceDomains: string[]
  targetHosts: string[]
  lineages: string[]
}

export function RegisterPage({ refusal, tenants, sourceDomains, targetHosts, lineages }: RegisterProps) {
  const all = useTexts()
  const t = all.delegations
  const hasExpertFault = refusal?.problem.fields.some(({ pointer }) => EXPERT_FIELDS.includes(pointer.slice(1)))
  return (
    <>
      <Heading within={{ href: '/delegations', title: t.title }} title={t.register} lead={t.emptyLead} />
      <form method="post" action="/delegations/register" class="card padded stack">
        <FormProblem refusal={refusal} fields={FIELDS} />
        <TextField
          {...{ name: 'tenant', label: all.fields.tenant, refusal, isRequired: true, suggestions: tenants }}
          value={only(tenants)}
          hint={
            <>
              {t.hints.tenant} <a href="/tenants">{t.missing.tenant}</a>
            </>
          }
        />
        <TextField
          {...{ name: 'sourceDomain', label: all.fields.sourceDomain, refusal, isRequired: true }}
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
          {...{ name: 'service', label: all.fields.service, refusal, isRequired: true, suggestions: SERVICES }}
          value={SERVICES[0]}
          hint={t.hints.service}
        />
        <TextField
          {...{ name: 'targetHost', label: all.fields.targetHost, refusal, isRequired: true }}
          suggestions={targetHosts}
          value={only(targetHosts)}
          inputMode="url"
          hint={
            <>
              {t.hints.targetHost} <a href="/target-hosts">{t.missing.targetHost}</a>
            </>
          }
        />
        <TextField
          {...{ name: 'lineage', label: all.fields.lineage, refusal, isRequired: true, suggestions: lineages }}
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
              {...{ name: 'tlsAnswer', label: all.fields.tlsAnswer, refusal, isRequired: true }}
              options={Object.entries(t.tlsAnswers)}
            />
            <Choice
              {...{ name: 'poshAnswer', label: all.fields.poshAnswer, refusal, isRequired: true }}
              options={Object.entries(t.poshAnswers)}
            />
            <TextField
              {...{ name: 'srvPort', label: all.fields.srvPort, refusal, hint: t.hints.srvPort }}
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
