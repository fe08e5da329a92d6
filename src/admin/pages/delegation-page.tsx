import { chainPem, readLeaf } from '../../certificate/chain.ts'
import type { LineageCertificate } from '../../certificate/lineage.ts'
import type { DnsRecord } from '../../delegation/dns-records.ts'
import { displayName } from '../../name.ts'
import { publishedAt, type DelegationView, type Hop } from '../delegation-view.ts'
import type { Standing } from '../standing.ts'
import { useNow, useTexts } from './context.ts'
import { StandingBadge } from './delegations-page.tsx'
import { live, withLiveParts } from './live.tsx'
import type { Refusal } from './page.tsx'
import {
  CertificateState,
  CopyButton,
  Copyable,
  Day,
  Foreign,
  FormProblem,
  Heading,
  Name,
  Warnings,
  When,
} from './parts.tsx'
import { RuleCheckSection } from './redirect-rule-section.tsx'
import { VerifySection } from './report-page.tsx'
import { sentence } from './visible.ts'

export function DelegationPage(props: {
  view: DelegationView
  standing: Standing
  everySeconds: number | null // to ask again; null: nothing is waited for
  isAdmin: boolean
  refusal: Refusal | undefined
  maySeeLineage: boolean // the operator's own are nobody else's
}) {
  const { view, standing, everySeconds, isAdmin, refusal, maySeeLineage } = props
  const t = useTexts().delegations
  const now = useNow()
  const { delegation, tenant, sourceDomain, lineage, warnings, hops } = view
  const path = `/tenants/${tenant.name}/delegations/${delegation.id}`
  const domainPath = `/tenants/${tenant.name}/source-domains/${sourceDomain.name}`
  const mayAsk = sourceDomain.proof === null ? 'unproven' : 'yes'
  return (
    <>
      <Heading
        within={{ href: '/delegations', title: t.title }}
        title={<Name name={delegation.sourceDomain} />}
        lead={
          <span {...live('standing', everySeconds)} {...withLiveParts(everySeconds)}>
            <StandingBadge standing={standing} /> {t.standingHints[standing]}{' '}
            {standing === 'unproven' ? <a href={domainPath}>{t.proveIt}</a> : null}
            {isOfRule(standing) ? <a href={`${domainPath}#redirect-rule`}>{t.seeRule}</a> : null}
          </span>
        }
      >
        {isAdmin ? (
          <>
            <a class="button" href={`${path}/change`}>
              {t.change}
            </a>
            <a class="button danger" href={`${path}/withdraw`}>
              {t.withdraw}
            </a>
          </>
        ) : null}
      </Heading>
      <FormProblem refusal={refusal} />
      <Warnings title={t.warnings} warnings={warnings} />
      <Facts view={view} maySeeLineage={maySeeLineage} />
      <section class="card" aria-labelledby="hops">
        <div class="card-head">
          <h2 id="hops">{t.hops}</h2>
          <p>
            {t.hopsLead} {sourceDomain.mode === 'external' && hops.length > 1 ? t.externalHops : null}
          </p>
        </div>
        <ol class="hops">
          {hops.map((hop, index) => (
            <HopItem key={hop.url} hop={hop} isSeen={index > 0 || !isOfRule(standing)} />
          ))}
        </ol>
      </section>
      {isAdmin ? <VerifySection path={path} mayVerify={mayAsk} /> : null}
      {sourceDomain.mode === 'external' ? (
        <RuleCheckSection tenant={tenant.name} delegation={delegation} mayCheck={isAdmin ? mayAsk : 'no'} />
      ) : null}
      <PublishedCertificates certificates={publishedAt(lineage, now)} />
      <Records view={view} />
    </>
  )
}

function isOfRule(standing: Standing): boolean {
  return standing === 'rule-wrong' || standing === 'rule-unchecked'
}

function Facts(props: { view: DelegationView; maySeeLineage: boolean }) {
  const { delegation, tenant, lineage } = props.view
  const all = useTexts()
  const t = all.delegations
  const lineagePath = lineage?.tenantId === null ? '/operator' : `/tenants/${tenant.name}`
  return (
    <section class="card padded" aria-labelledby="facts">
      <h2 id="facts">{t.facts}</h2>
      <dl class="facts">
        <div>
          <dt>{t.service}</dt>
          <dd>
            <code class="plain">{`${delegation.service}.${delegation.protocol}`}</code>
          </dd>
        </div>
        <div>
          <dt>{t.target}</dt>
          <dd>
            <Name name={delegation.targetHost} />
          </dd>
        </div>
        <div>
          <dt>{all.fields.lineage}</dt>
          <dd>
            {props.maySeeLineage ? (
              <a href={`${lineagePath}/lineages/${encodeURIComponent(delegation.lineageName)}`}>
                <Foreign text={delegation.lineageName} />
              </a>
            ) : (
              <Foreign text={delegation.lineageName} />
            )}
          </dd>
        </div>
        <div>
          <dt>{t.tenant}</dt>
          <dd>
            <a href={`/tenants/${tenant.name}`}>{tenant.name}</a>
          </dd>
        </div>
        <div>
          <dt>{all.fields.poshAnswer}</dt>
          <dd>{t.poshAnswers[delegation.poshAnswer]}</dd>
        </div>
        <div>
          <dt>{t.since}</dt>
          <dd>
            <When at={delegation.createdAt} />
          </dd>
        </div>
      </dl>
    </section>
  )
}

/** @param props.isSeen whether it is given, as far as is known; the owner's own web server may give another answer */
function HopItem({ hop: { url, answer }, isSeen }: { hop: Hop; isSeen: boolean }) {
  const t = useTexts().delegations
  const status = answer.kind === 'redirect' ? t.redirectAnswer : answer.kind === 'pem' ? t.pemAnswer : t.noAnswer
  return (
    <li>
      <p class="request">
        <span class="method">GET</span> <Copyable text={url} label="URL" />
      </p>
      <p class="answer">
        {isSeen ? <span class="status">{status}</span> : <span class="status awaited">{`${t.hasToBe} ${status}`}</span>}
        {answer.kind === 'redirect' ? (
          <span class="answer-line">
            {t.location}: <code>{answer.location}</code>
          </span>
        ) : null}
      </p>
    </li>
  )
}

export function PublishedCertificates({ certificates }: { certificates: LineageCertificate[] }) {
  const all = useTexts()
  const t = all.certificates
  return (
    <section class="card" aria-labelledby="published">
      <div class="card-head">
        <h2 id="published">{all.delegations.published}</h2>
      </div>
      {certificates.length === 0 ? (
        <div class="empty">
          <p>{all.delegations.standingHints['no-certificate']}</p>
        </div>
      ) : (
        <ul class="certificates">
          {certificates.map((certificate) => (
            <li key={certificate.id}>
              <CertificateFacts certificate={certificate} t={t} />
              <PublishedPem certificate={certificate} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}

/** What is fetched, byte for byte: the leaf without its issuers. */
function PublishedPem({ certificate }: { certificate: LineageCertificate }) {
  const t = useTexts().check
  const pem = chainPem([readLeaf(certificate.chainPem).der])
  return (
    <details>
      <summary>{t.pem}</summary>
      <div class="code-block">
        <CopyButton text={pem} label={t.pem} />
        <pre role="region" aria-label={t.pem} tabIndex={0}>
          <code>{pem}</code>
        </pre>
      </div>
    </details>
  )
}

export function CertificateFacts({
  certificate,
  t,
}: {
  certificate: LineageCertificate
  t: ReturnType<typeof useTexts>['certificates']
}) {
  const { subject, issuer, dnsNames, keyType, sha256, spkiSha256, notBefore, notAfter, retiresAt, privateKeyId } =
    certificate
  return (
    <>
      <p class="certificate-head">
        <strong>
          <Foreign text={subject === '' ? (dnsNames[0] ?? '–') : subject} />
        </strong>
        <CertificateState certificate={certificate} />
      </p>
      <dl class="facts">
        <div>
          <dt>{t.validUntil}</dt>
          <dd>
            <Day at={notAfter} />{' '}
            <small>
              (<When at={notAfter} />)
            </small>
          </dd>
        </div>
        <div>
          <dt>{t.validFrom}</dt>
          <dd>
            <Day at={notBefore} />
          </dd>
        </div>
        {retiresAt === null ? null : (
          <div>
            <dt>{t.publishedUntil}</dt>
            <dd>
              <When at={retiresAt} />
            </dd>
          </div>
        )}
        <div>
          <dt>{t.key}</dt>
          <dd>
            {keyType}, {privateKeyId === null ? t.keyElsewhere : t.keyHere}
          </dd>
        </div>
        <div>
          <dt>{t.issuer}</dt>
          <dd>
            <Foreign text={issuer} />
          </dd>
        </div>
        <div class="wide">
          <dt>{t.names}</dt>
          <dd>
            <Foreign text={dnsNames.length > 0 ? dnsNames.join(', ') : '–'} />
          </dd>
        </div>
        <div class="wide">
          <dt>{t.fingerprint}</dt>
          <dd>
            <Copyable text={sha256} label={t.fingerprint} />
          </dd>
        </div>
        <div class="wide">
          <dt>{t.spki}</dt>
          <dd>
            <Copyable text={spkiSha256} label={t.spki} />
          </dd>
        </div>
      </dl>
    </>
  )
}

function Records({ view: { dnsRecords, delegation } }: { view: DelegationView }) {
  const t = useTexts().delegations
  const ofOwner = dnsRecords.filter(({ zone }) => zone === 'source domain')
  const ofOperator = dnsRecords.filter(({ zone }) => zone === 'target host')
  return (
    <>
      <RecordList
        id="records"
        title={`${t.records}: ${displayName(delegation.sourceDomain)}`}
        lead={t.recordsLead}
        records={ofOwner}
      />
      <RecordList
        id="target-records"
        title={`${t.records}: ${displayName(delegation.targetHost)}`}
        lead={t.targetRecordsLead}
        records={ofOperator}
      />
    </>
  )
}

export function RecordList({
  id,
  title,
  lead,
  records,
}: {
  id: string
  title: string
  lead: string
  records: DnsRecord[]
}) {
  if (records.length === 0) return null
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        <p>{lead}</p>
      </div>
      <RecordItems records={records} />
    </section>
  )
}

export function RecordItems({ records }: { records: DnsRecord[] }) {
  const t = useTexts().delegations
  return (
    <ul class="records">
      {records.map((record) => (
        <li key={`${record.type} ${record.name} ${record.value}`}>
          <span class="record-type">{record.type}</span>
          <Copyable text={record.name} label={`${record.type}, ${t.recordName}`} />
          <Copyable text={valueForPanel(record)} label={`${record.type}, ${t.recordValue}`} />
          <span class="record-purpose">
            {sentence(record.purpose)} · {t.ttl(record.ttl)}
          </span>
        </li>
      ))}
    </ul>
  )
}

/** Many DNS panels take the quotation marks that a zone file has around a text for a part of it. */
function valueForPanel({ type, value }: DnsRecord): string {
  return type === 'TXT' ? value.replace(/^"(.*)"$/, '$1') : value
}
