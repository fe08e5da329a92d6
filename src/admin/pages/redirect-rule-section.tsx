import type { Delegation, RuleCheck } from '../../delegation/delegation.ts'
import type { RedirectRule } from '../../delegation/redirect-rules.ts'
import { displayName } from '../../name.ts'
import type { Notice } from '../cookies.ts'
import { useTexts } from './context.ts'
import type { IconName } from './icons.tsx'
import { Badge, CopyButton, When, type Tone } from './parts.tsx'
import { Said, inEnglish } from './said.tsx'
import type { Texts } from './texts.ts'

const BADGES: Record<RuleCheck['outcome'], [Tone, IconName]> = {
  ok: ['good', 'check'],
  wrong: ['bad', 'alert'],
  'could-not-ask': ['wait', 'clock'],
}

/** Whose text goes to several places: all of it together is of use nowhere. */
const IN_PARTS: ReadonlySet<RedirectRule['server']> = new Set(['cloudflare', 'static'])

/** Whether the rule is to be checked: `no`, since the name is not held, or who looks at the page may not. */
export type MayCheck = 'yes' | 'unproven' | 'no'

/** Of an external source domain: what its owner puts on their own web server, and whether it is there. */
export function RedirectRuleSection(props: {
  tenant: string
  rules: RedirectRule[]
  delegations: Delegation[]
  mayCheck: MayCheck
}) {
  const { tenant, rules, delegations, mayCheck } = props
  const t = useTexts().redirectRule
  return (
    <section class="card parted" aria-labelledby="redirect-rule">
      <div class="card-head">
        <h2 id="redirect-rule">{t.title}</h2>
        <p>{t.lead}</p>
      </div>
      {rules.length === 0 ? (
        <p class="padded">{delegations.length === 0 ? t.nothingDelegated : t.nothingToRedirect}</p>
      ) : null}
      {rules.map(({ server, title, where, text }) => (
        <details key={server} class="in-card">
          <summary>{title}</summary>
          <div class="code-block">
            <p>{where}</p>
            {IN_PARTS.has(server) ? null : <CopyButton text={text} label={title} />}
            <pre role="region" aria-label={title} tabIndex={0}>
              <code>{text}</code>
            </pre>
          </div>
        </details>
      ))}
      {delegations.length > 0 ? (
        <ul class="rows live-part" id="rule-rows">
          {delegations.map((delegation) => (
            <li key={delegation.id}>
              <div>
                <p>
                  <a href={`/tenants/${tenant}/delegations/${delegation.id}`}>
                    <code class="plain">{`${delegation.service}.${delegation.protocol}`}</code>
                  </a>
                </p>
                <LastCheck check={delegation.ruleCheck} />
              </div>
              {mayCheck === 'yes' ? <CheckForm {...{ tenant, delegation }} from="source-domain" /> : null}
            </li>
          ))}
        </ul>
      ) : null}
      {mayCheck === 'unproven' && delegations.length > 0 ? <p class="padded quiet-text">{t.unproven}</p> : null}
    </section>
  )
}

/** Of one delegation of an external source domain: whether the rule is on the owner's web server. */
export function RuleCheckSection(props: { tenant: string; delegation: Delegation; mayCheck: MayCheck }) {
  const { tenant, delegation, mayCheck } = props
  const t = useTexts().redirectRule
  return (
    <section class="card padded" aria-labelledby="redirect-rule">
      <h2 id="redirect-rule">{t.title}</h2>
      <div class="stack">
        <div class="live-part" id="rule-check">
          <LastCheck check={delegation.ruleCheck} />
        </div>
        <p>
          <a href={`/tenants/${tenant}/source-domains/${delegation.sourceDomain}#redirect-rule`}>{t.show}</a>
        </p>
        {mayCheck === 'yes' ? <CheckForm {...{ tenant, delegation }} from="delegation" /> : null}
        {mayCheck === 'unproven' ? <p class="quiet-text">{t.unproven}</p> : null}
      </div>
    </section>
  )
}

function LastCheck({ check }: { check: RuleCheck | null }) {
  const t = useTexts().redirectRule
  if (check === null)
    return (
      <p>
        <Badge tone="plain" icon="info">
          {t.unchecked}
        </Badge>
      </p>
    )
  const { outcome, found, checkedAt } = check
  const [tone, icon] = BADGES[outcome]
  return (
    <>
      <p class="row">
        <Badge tone={tone} icon={icon}>
          {t.outcomes[outcome]}
        </Badge>
        <span class="quiet-text">
          {t.checked} <When at={checkedAt} />
        </span>
      </p>
      <p>
        <Said words={inEnglish(found)} />
      </p>
    </>
  )
}

/** @param props.from the page to come back to */
function CheckForm(props: { tenant: string; delegation: Delegation; from: 'source-domain' | 'delegation' }) {
  const { tenant, delegation, from } = props
  const t = useTexts().redirectRule
  return (
    <form method="post" action={`/tenants/${tenant}/delegations/${delegation.id}/check-rule`}>
      <input type="hidden" name="from" value={from} />
      <button type="submit">
        {t.check}
        <span class="visually-hidden"> {`${delegation.service}.${delegation.protocol}`}</span>
      </button>
    </form>
  )
}

/** What came of a check that somebody asked for. */
export function ruleNotice(
  texts: Texts,
  { sourceDomain }: Pick<Delegation, 'sourceDomain'>,
  { outcome, found }: RuleCheck,
): Notice {
  const { redirectRule: t } = texts
  const name = displayName(sourceDomain)
  return outcome === 'ok'
    ? { text: t.inPlace(name), warnings: [] }
    : { text: t.asked(name), warnings: [inEnglish(found)] }
}
