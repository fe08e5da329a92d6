import { z } from 'zod'
import { serviceName } from '../../delegation/service-name.ts'
import { typedDomain } from '../../delegation/typed-domain.ts'
import { displayName, type DomainName } from '../../name.ts'
import { ProblemError } from '../../problem.ts'
import type { ExpectedCertificate, FingerprintDescriptor, Report } from '../../verify/report.ts'
import { checkedBy } from '../api/check-routes.ts'
import type { AdminDeps } from '../deps.ts'
import { PROBLEMS } from '../problem-details.ts'
import { useTexts } from './context.ts'
import { withNext } from './own-path.ts'
import { page, type Page, type Refusal } from './page.tsx'
import {
  Badge,
  Choice,
  Copyable,
  CopyButton,
  Day,
  Foreign,
  FormProblem,
  Heading,
  Name,
  TextField,
  When,
} from './parts.tsx'
import { CONCLUSIONS, StepItem } from './report-page.tsx'
import { atField, byCode } from './refusals.ts'

const SERVICES = ['_xmpp-server._tcp', '_xmpp-client._tcp'] as const
type Service = (typeof SERVICES)[number]
const LONGEST = 3000

/** What a domain looks like from outside, for whoever has signed in and, where the operator wishes, for everybody. */
export function checkPages({ domainChecks, config }: AdminDeps): Page[] {
  return [
    page(
      {
        path: '/check',
        access: 'public',
        query: z.strictObject({
          domain: z.string().max(LONGEST).optional(),
          service: z.enum(SERVICES).default('_xmpp-server._tcp'),
        }),
      },
      async ({ query: { domain = '', service }, principal, visitor, texts, req, res }) => {
        if (!config.admin.public_check && principal === null) return { to: withNext('/sign-in', req.originalUrl) }
        res.setHeader('X-Robots-Tag', 'noindex, nofollow')
        const title = texts.check.title
        const shown = (found: { report?: Report; refusal?: Refusal }) => (
          <CheckPage {...{ service, typed: domain }} {...found} />
        )
        if (domain.trim() === '') return { title, main: shown({}) }
        try {
          const { name: sourceDomain } = typedDomain(domain)
          const who = checkedBy(principal, visitor)
          const report = await domainChecks.check({ sourceDomain, ...serviceName(service) }, who)
          return { title: `${title}: ${displayName(sourceDomain)}`, main: shown({ report }) }
        } catch (problem) {
          if (!(problem instanceof ProblemError)) throw problem
          if (problem.retryAfterMs !== undefined)
            res.setHeader('Retry-After', String(Math.ceil(problem.retryAfterMs / 1000)))
          const refusal = atField({ typed: { domain, service }, problem }, byCode({ 'malformed-name': 'domain' }))
          return { title, main: shown({ refusal }), status: PROBLEMS[problem.code].status }
        }
      },
    ),
  ]
}

function CheckPage(props: { typed: string; service: Service; report?: Report; refusal?: Refusal }) {
  const { typed, service, report, refusal } = props
  const t = useTexts().check
  return (
    <>
      <Heading title={t.title} lead={t.lead} />
      <form method="get" action="/check" class="card padded stack" role="search" aria-label={t.title}>
        <FormProblem refusal={refusal} fields={{ domain: t.domain }} />
        <TextField
          {...{ name: 'domain', label: t.domain, hint: t.domainHint, refusal, isRequired: true }}
          inputMode="url"
          value={report?.sourceDomain ?? typed}
        />
        <Choice
          {...{ name: 'service', label: t.service, refusal, isRequired: true, value: service }}
          options={SERVICES.map((each) => [each, t.services[each]] as const)}
        />
        <div class="form-actions">
          <button type="submit" class="primary">
            {report ? t.again : t.ask}
          </button>
        </div>
      </form>
      {report ? <Findings report={report} /> : null}
    </>
  )
}

function Findings({ report }: { report: Report }) {
  const all = useTexts()
  const t = all.check
  const [tone, icon] = CONCLUSIONS[report.conclusion]
  const isToExpect = report.tls === 'proven' && report.conclusion !== 'disproven'
  return (
    <>
      <section class="card padded" aria-labelledby="verdict">
        <h2 id="verdict">
          <Name name={report.sourceDomain} />
        </h2>
        <div class="stack">
          <p>
            <Badge tone={tone} icon={icon}>
              {all.verification.conclusions[report.conclusion]}
            </Badge>{' '}
            {all.verification.meanings[report.conclusion]}
          </p>
          <p class="quiet-text">
            {t.asked} <When at={report.at} />. {t.fromHere} {t.cachedFor}
          </p>
        </div>
      </section>
      <section class="card parted" aria-labelledby="steps">
        <div class="card-head">
          <h2 id="steps">{all.verification.steps}</h2>
          <p>
            {all.verification.both(
              all.verification.conclusions[report.tls],
              all.verification.poshConclusions[report.posh],
            )}
          </p>
        </div>
        <ol class="seen-steps">
          {report.steps.map((step, index) => (
            <StepItem key={index} step={step} before={report.steps[index - 1]} />
          ))}
        </ol>
      </section>
      {report.certificates.length === 0 ? null : (
        <section class="card padded" aria-labelledby="certificates">
          <h2 id="certificates">{t.certificates}</h2>
          <div class="stack">
            <p>{isToExpect ? t.certificatesLead : t.notToExpect}</p>
            {report.certificates.map((certificate) => (
              <Certificate key={certificate.sha256} certificate={certificate} />
            ))}
          </div>
        </section>
      )}
      {report.fingerprints.length === 0 ? null : (
        <Fingerprints all={report.fingerprints} expiresSeconds={report.poshExpiresSeconds} />
      )}
    </>
  )
}

/** All of it is a stranger's but its digest. */
function Certificate({ certificate }: { certificate: ExpectedCertificate }) {
  const t = useTexts().check
  const { subject, issuer, dnsNames, notBefore, notAfter, validity, sha256, pem } = certificate
  return (
    <div class="stack">
      <dl class="facts">
        <div class="wide">
          <dt>{t.subject}</dt>
          <dd>{subject === '' ? t.noSubject : <Foreign text={subject} />}</dd>
        </div>
        <div class="wide">
          <dt>{t.issuer}</dt>
          <dd>{issuer === '' ? t.noSubject : <Foreign text={issuer} />}</dd>
        </div>
        <div class="wide">
          <dt>{t.names}</dt>
          <dd>{dnsNames.length === 0 ? t.noNames : <Foreign text={dnsNames.join(', ')} />}</dd>
        </div>
        <div>
          <dt>{t.from}</dt>
          <dd>
            <Day at={notBefore} />
          </dd>
        </div>
        <div>
          <dt>{t.until}</dt>
          <dd>
            <Day at={notAfter} />{' '}
            <Badge tone={validity === 'valid' ? 'good' : 'bad'} icon={validity === 'valid' ? 'check' : 'alert'}>
              {t.validity[validity]}
            </Badge>
          </dd>
        </div>
        <div class="wide">
          <dt>{t.sha256}</dt>
          <dd>
            <Copyable text={sha256} label={t.sha256} />
          </dd>
        </div>
      </dl>
      <div class="code-block">
        <p>{t.pem}</p>
        <CopyButton text={pem} label={t.pem} />
        <pre role="region" aria-label={t.pem} tabIndex={0}>
          <code>{pem}</code>
        </pre>
      </div>
    </div>
  )
}

function Fingerprints(props: { all: readonly FingerprintDescriptor[]; expiresSeconds: number | null }) {
  const t = useTexts().check
  return (
    <section class="card padded" aria-labelledby="posh">
      <h2 id="posh">{t.posh}</h2>
      <div class="stack">
        <p>
          {t.poshLead} {props.expiresSeconds === null ? null : t.poshExpires(props.expiresSeconds)}
        </p>
        {props.all.map((hashes, index) => (
          <dl class="facts" key={index} aria-label={t.fingerprints(index + 1)}>
            {Object.entries(hashes).map(([name, hash]) => (
              <div class="wide" key={name}>
                <dt>{name}</dt>
                <dd>
                  <Copyable text={hash} label={name} />
                </dd>
              </div>
            ))}
          </dl>
        ))}
      </div>
    </section>
  )
}

/** The way to this page from another. */
export function CheckLink({ name }: { name: DomainName }) {
  return (
    <a class="button" href={`/check?domain=${encodeURIComponent(name)}`}>
      {useTexts().check.asOthers}
    </a>
  )
}
