import type { DomainStanding } from '../domain-standing.ts'
import { useTexts } from './context.ts'
import { Icon, type IconName } from './icons.tsx'
import { live, withLiveParts } from './live.tsx'

const SIGNS: Record<DomainStanding[keyof DomainStanding]['state'], IconName> = {
  done: 'check',
  waiting: 'clock',
  wrong: 'alert',
  'could-not-ask': 'clock',
  'not-needed': 'stop',
}

/**
 * Four steps, each with its state, one sentence, and the way to what is to be done. While something is waited for it asks for
 * the page, and has all that is marked as a live part replaced as well.
 */
export function DomainStandingSection(props: { standing: DomainStanding; everySeconds: number | null }) {
  const { standing, everySeconds } = props
  const all = useTexts()
  const t = all.domainStanding
  const { proven, certificate, published, reachable } = standing
  const steps = [
    ['proven', proven, t.proven[proven.why], '#control', t.next.records],
    ['certificate', certificate, t.certificate[certificate.why], '#certificate-standing', t.next.certificate],
    ['published', published, t.published[published.why], '#services', t.next.delegations],
    ['reachable', reachable, t.reachable[reachable.why], ...whereTo(reachable.why, t)],
  ] as const
  return (
    <section class="card" aria-labelledby="standing-title">
      <div class="card-head">
        <h2 id="standing-title">{t.title}</h2>
      </div>
      <ol class="steps standing" {...live('standing', everySeconds)} {...withLiveParts(everySeconds)}>
        {steps.map(([step, { state }, words, href, link]) => (
          <li key={step} class={`is-${state}`} data-step={step}>
            <span class="step-sign">
              <Icon name={SIGNS[state]} />
            </span>
            <div>
              <strong>
                {t.steps[step]} <span class="quiet-text">{t.states[state]}</span>
              </strong>
              <small>{words}</small>
              {state === 'done' || state === 'not-needed' ? null : <a href={href}>{link}</a>}
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}

function whereTo(why: string, t: ReturnType<typeof useTexts>['domainStanding']): readonly [string, string] {
  if (why === 'not-served') return ['#certificate-standing', t.next.certificate]
  return why.startsWith('rule-') ? ['#redirect-rule', t.next.rule] : ['#records', t.next.records]
}
