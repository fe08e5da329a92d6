import { z } from 'zod'
import type { LineageCertificate, LineageWithCertificates } from '../../certificate/lineage.ts'
import { encryptedPrivateKeyPem } from '../../certificate/private-key.ts'
import type { CertificateRule } from '../../certificate/refusal.ts'
import { activation, stateAt } from '../../certificate/rollover.ts'
import { fronts } from '../../delegation/front.ts'
import { ProblemError } from '../../problem.ts'
import { cacheSpanMs } from '../../config.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { activate } from '../activation.ts'
import { REASONS } from '../api/certificate-routes.ts'
import { authorize, UPLOAD_LIMIT_BYTES } from '../api/route.ts'
import { certificateView, type CertificateView } from '../certificate-view.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField, lineageNameField, pemOrDer, tenantNameField } from '../input.ts'
import { CertificateSection } from './certificate-section.tsx'
import { confirmed } from './confirmed.tsx'
import { useNow, useTexts } from './context.ts'
import { CertificateFacts } from './delegation-page.tsx'
import { ImportPage } from './import-page.tsx'
import { same } from './joining-pages.tsx'
import { KeyPage } from './key-page.tsx'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Check, Choice, Foreign, FormProblem, Heading } from './parts.tsx'
import { atField, byCode, namesAlone, refusalIn } from './refusals.ts'
import { inEnglish } from './said.tsx'
import { suggestedLineages } from './suggestions.ts'
import type { Texts } from './texts.ts'
import { TimeLineSection } from './time-line.tsx'
import { mayChange, tenantsToChoose, tenantToChange } from './whose.tsx'

const LEAST_PASSPHRASE = 12
const text = (most: number) => z.string().max(most)
/** What is left empty in a form is left out. */
const orNothing = <S extends z.ZodType>(schema: S) =>
  z.preprocess((typed) => (typed === '' ? undefined : typed), schema.optional())

const importForm = z.strictObject({
  owner: orNothing(tenantNameField),
  lineage: orNothing(lineageNameField),
  certificate: text(150_000).trim().min(1),
  privateKey: orNothing(text(40_000)),
  password: orNothing(text(1000)),
  frontOf: orNothing(domainNameField),
})

/** A tenant's lineage has the tenant's name in its path, the operator's own has not. */
const OWNERS = [
  {
    path: '/tenants/:tenant',
    params: { tenant: tenantNameField },
    readers: 'viewer',
    writers: 'admin',
    keyHolders: 'owner',
  },
  { path: '/operator', params: {}, readers: 'operator', writers: 'operator', keyHolders: 'operator' },
] as const

export function certificatePages(deps: AdminDeps, find: LookUps): Page[] {
  const { lineages, privateKeys, imports, certificateRequests, revocations, config } = deps
  const certificates = certificateView(deps)
  const { importFor, refuseRemovalOfAdmins } = fronts({ ...deps, adminHost: config.admin.host })

  const importView = async (texts: Texts, principal: Principal, refusal?: Refusal): Promise<View> => {
    const choices = await tenantsToChoose(texts, deps, principal)
    const tenants = await Promise.all(choices.names.map((name) => find.tenant(name)))
    return {
      title: texts.certificates.import,
      area: 'certificates',
      main: (
        <ImportPage
          choices={choices}
          lineages={await suggestedLineages(deps, choices.isFree ? 'all' : tenants.map(({ id }) => id))}
          refusal={refusal}
        />
      ),
    }
  }

  const lineageView = async (
    tenant: Tenant | null,
    name: string,
    { principal, now, texts }: { principal: Principal; now: Date; texts: Texts },
    refusal?: Refusal,
  ): Promise<View> => {
    const lineage = await find.lineage(tenant, name)
    const access = tenant ? 'admin' : 'operator'
    return {
      title: lineage.name,
      area: 'certificates',
      main: (
        <LineagePage
          lineage={lineage}
          view={lineage.source === 'import' ? null : await certificates.ofLineage(lineage, texts.told.certificate)}
          isRevocable={lineage.source === 'acme'}
          isWriter={mayChange(principal, access, tenant, now)}
          isKeyHolder={mayChange(principal, tenant ? 'owner' : 'operator', tenant, now)}
          refusal={refusal}
        />
      ),
    }
  }

  const keyView = (
    texts: Texts,
    lineage: LineageWithCertificates,
    certificate: LineageCertificate,
    refusal?: Refusal,
  ): View => ({
    title: texts.keyExport.title,
    area: 'certificates',
    main: (
      <KeyPage
        lineage={lineage}
        certificate={certificate}
        back={lineagePath(lineage.tenantName, lineage.name)}
        refusal={refusal}
      />
    ),
  })

  /** Whose certificates somebody may import: a tenant's admins its own, and the operator's only the operator. */
  async function ownerToChange(principal: Principal, owner: string | undefined, now: Date): Promise<Tenant | null> {
    if (owner !== undefined) return tenantToChange(find, principal, owner, now)
    authorize({ access: 'operator' }, principal, null, now, { isChange: true })
    return null
  }

  return [
    page({ path: '/certificates/import', access: 'signed-in' }, ({ principal, texts }) => importView(texts, principal)),
    form(
      { path: '/certificates/import', access: 'signed-in', form: importForm, formLimitBytes: UPLOAD_LIMIT_BYTES },
      async ({ owner, certificate, privateKey, lineage, password, frontOf }, { principal, act, texts }) => {
        const tenant = await ownerToChange(principal, owner, act.at)
        const upload = {
          certificate: pemOrDer(certificate),
          privateKey: privateKey === undefined ? undefined : pemOrDer(privateKey),
          ...{ lineage, password, cacheSpanMs: cacheSpanMs(config) },
        }
        const whose = tenant?.id ?? null
        const imported = await (frontOf === undefined
          ? imports.importCertificate(whose, upload, act)
          : importFor(whose, frontOf, upload, act))
        return {
          to: lineagePath(tenant?.name ?? null, imported.lineage.name),
          notice: {
            text: texts.certificates.imported(imported.lineage.name),
            warnings: imported.warnings.map(inEnglish),
          },
        }
      },
      (refusal, { principal, texts }) =>
        importView(
          texts,
          principal,
          atField(namesAlone(texts, refusal, ['frontOf']), (problem) => fieldOfUpload(problem, refusal)),
        ),
    ),
    ...OWNERS.flatMap(({ path, params, readers, writers, keyHolders }) => {
      const lineage = z.strictObject({ ...params, lineage: lineageNameField })
      const certificate = z.strictObject({ ...lineage.shape, id: z.uuid() })
      const ofCertificate = `${path}/lineages/:lineage/certificates/:id` as const

      async function found(texts: Texts, given: z.output<typeof certificate>) {
        const tenant = await find.owner(given)
        const lineage = await find.lineage(tenant, given.lineage)
        const certificate = lineage.certificates.find(({ id }) => id === given.id)
        if (!certificate) throw refusalIn(texts, 'not-found', texts.refusals.noCertificate(lineage.name))
        return { tenant, lineage, certificate, back: lineagePath(tenant?.name ?? null, lineage.name) }
      }

      const requests = (['issue', 'renew'] as const).map((verb) =>
        form(
          {
            path: `${path}/lineages/:lineage/${verb}`,
            standsOn: `${path}/lineages/:lineage`,
            access: writers,
            params: lineage,
            form: z.strictObject({}),
          },
          async (_form, { params, act, texts }) => {
            const found = await find.lineage(await find.owner(params), params.lineage)
            await certificateRequests[verb](found, act)
            return {
              to: lineagePath(found.tenantName, found.name),
              notice: {
                text: verb === 'issue' ? texts.issuance.tried(found.name) : texts.issuance.renewed(found.name),
                warnings: [],
              },
            }
          },
          async (refusal, { params, principal, act, texts }) =>
            lineageView(await find.owner(params), params.lineage, { principal, now: act.at, texts }, refusal),
        ),
      )

      return [
        ...requests,
        ...confirmed(
          {
            path: `${ofCertificate}/revoke`,
            access: writers,
            params: certificate,
            form: z.strictObject({ reason: z.enum(REASONS) }),
          },
          async ({ params, act, texts }, refusal) => {
            const { lineage, certificate, back } = await found(texts, params)
            const isInUse = stateAt(certificate, act.at) === 'active'
            return {
              title: texts.issuance.revokeTitle(lineage.name),
              lines: [texts.issuance.revokeWhat, ...(isInUse ? [texts.issuance.revokeInUse] : [])],
              button: texts.issuance.revoke,
              back,
              area: 'certificates',
              fields: (
                <Choice
                  {...{ name: 'reason', label: texts.issuance.reason, refusal, isRequired: true }}
                  options={REASONS.map((reason) => [reason, texts.issuance.reasons[reason]] as const)}
                />
              ),
              labels: { reason: texts.issuance.reason },
            }
          },
          async ({ reason }, { params, act, texts }) => {
            const { lineage, certificate, back } = await found(texts, params)
            const outcome = await revocations.revoke(lineage, certificate.id, reason, act)
            const { revoked, revokedLater } = texts.issuance
            return { to: back, notice: { text: outcome === 'revoked' ? revoked : revokedLater, warnings: [] } }
          },
        ),
        page(
          { path: `${path}/lineages/:lineage`, access: readers, params: lineage },
          async ({ params, principal, act, texts }) =>
            lineageView(await find.owner(params), params.lineage, { principal, now: act.at, texts }),
        ),
        ...confirmed(
          { path: `${path}/lineages/:lineage/remove`, access: writers, params: lineage },
          async ({ params, texts }) => {
            const { name, tenantName } = await find.lineage(await find.owner(params), params.lineage)
            return {
              title: texts.certificates.removeTitle(name),
              lines: [texts.certificates.removeWhat],
              button: texts.remove,
              back: lineagePath(tenantName, name),
              area: 'certificates',
            }
          },
          async (_form, { params, act, texts }) => {
            const lineage = await find.lineage(await find.owner(params), params.lineage)
            refuseRemovalOfAdmins(lineage)
            await lineages.remove(lineage.tenantId, lineage.id, act)
            return {
              to: '/certificates',
              notice: { text: texts.certificates.removed(lineage.name), warnings: [] },
            }
          },
        ),
        ...confirmed(
          { path: `${ofCertificate}/remove`, access: writers, params: certificate },
          async ({ params, texts }) => {
            const { lineage, back } = await found(texts, params)
            return {
              title: texts.certificates.removeOneTitle(lineage.name),
              lines: [texts.certificates.removeOneWhat],
              button: texts.remove,
              back,
              area: 'certificates',
            }
          },
          async (_form, { params, act, texts }) => {
            const { lineage, certificate, back } = await found(texts, params)
            refuseRemovalOfAdmins(lineage, certificate.id)
            await lineages.removeCertificate(lineage.tenantId, certificate.id, act)
            return { to: back, notice: { text: texts.certificates.removedOne, warnings: [] } }
          },
        ),
        ...confirmed(
          {
            path: `${ofCertificate}/activate`,
            access: writers,
            params: certificate,
            form: z.strictObject({ isForced: z.literal('yes').optional() }),
          },
          async ({ params, act, texts }, refusal) => {
            const { lineage, certificate, back } = await found(texts, params)
            // Where it may not become the active one at all, pressing the button says why
            const { breaksUntil } = forced(lineage, certificate, act.at)
            return {
              title: texts.certificates.activateTitle(lineage.name),
              lines: [breaksUntil ? texts.certificates.tooEarly(breaksUntil, act.at) : texts.certificates.activateHint],
              button: texts.certificates.activate,
              back,
              area: 'certificates',
              ...(breaksUntil
                ? { fields: <Check name="isForced" label={texts.certificates.force} refusal={refusal} /> }
                : {}),
            }
          },
          async ({ isForced }, { params, act, texts }) => {
            const { lineage, certificate, back } = await found(texts, params)
            const { breaksUntil } = await activate(deps, lineage, certificate.id, isForced === 'yes', act)
            return {
              to: back,
              notice: {
                text: texts.certificates.activated,
                warnings: breaksUntil ? [texts.certificates.breaks(breaksUntil, act.at)] : [],
              },
            }
          },
        ),
        page(
          { path: `${ofCertificate}/key`, access: keyHolders, isGrave: true, params: certificate },
          async ({ params, texts }) => {
            const { lineage, certificate } = await found(texts, params)
            return keyView(texts, lineage, certificate)
          },
        ),
        form(
          {
            path: `${ofCertificate}/key`,
            access: keyHolders,
            isGrave: true,
            params: certificate,
            form: z.strictObject({ passphrase: text(1000).min(LEAST_PASSPHRASE), repeated: text(1000) }),
          },
          async (typed, { params, act, texts }) => {
            const passphrase = same(texts, { password: typed.passphrase, repeated: typed.repeated })
            const { lineage, certificate } = await found(texts, params)
            if (certificate.privateKeyId === null) throw refusalIn(texts, 'not-found', texts.keyExport.elsewhere)
            const key = await privateKeys.open(certificate.privateKeyId)
            const pem = encryptedPrivateKeyPem(key, passphrase)
            await lineages.noteKeyExport(lineage.tenantId, certificate.id, act)
            return {
              file: {
                name: `${lineage.name.replace(/[^A-Za-z0-9.-]/g, '_')}.key`,
                type: 'application/x-pem-file',
                text: pem,
              },
            }
          },
          async (refusal, { params, texts }) => {
            const { lineage, certificate } = await found(texts, params)
            return keyView(texts, lineage, certificate, refusal)
          },
        ),
      ]
    }),
  ]

  function forced({ certificates }: LineageWithCertificates, { id }: LineageCertificate, now: Date) {
    try {
      return activation(certificates, id, { now, cacheSpanMs: cacheSpanMs(config), isForced: true })
    } catch (err) {
      if (err instanceof ProblemError) return { breaksUntil: null }
      throw err
    }
  }
}

export function lineagePath(tenant: string | null, lineage: string): string {
  return `${tenant === null ? '/operator' : `/tenants/${tenant}`}/lineages/${encodeURIComponent(lineage)}`
}

const FIELD_OF_RULE: Record<string, string> = {
  'private-key-password': 'password',
  'private-key-encrypted': 'password',
  'private-key-mismatch': 'privateKey',
  'private-key-unreadable': 'privateKey',
  'private-key-derivation': 'privateKey',
  'private-key-missing': 'privateKey',
  'several-private-keys': 'privateKey',
} satisfies Partial<Record<CertificateRule | 'private-key-missing', string>>

function fieldOfUpload({ code, rule = '' }: ProblemError, { typed }: Refusal): string | undefined {
  if (code === 'certificate-refused') return FIELD_OF_RULE[rule] ?? 'certificate'
  const isFront = Boolean(typed['frontOf'])
  return byCode({
    'not-found': isFront ? 'frontOf' : 'owner',
    forbidden: 'owner',
    'tenant-suspended': 'owner',
    'still-in-use': 'lineage',
    'quota-reached': 'lineage',
    'already-exists': 'certificate',
  })({ code })
}

function LineagePage(props: {
  lineage: LineageWithCertificates
  view: CertificateView | null // null: its certificates come by hand
  isRevocable: boolean
  isWriter: boolean
  isKeyHolder: boolean
  refusal: Refusal | undefined
}) {
  const { lineage, view, isRevocable, isWriter, isKeyHolder, refusal } = props
  const all = useTexts()
  const t = all.certificates
  const now = useNow()
  const path = lineagePath(lineage.tenantName, lineage.name)
  const newestFirst = [...lineage.certificates].sort((a, b) => b.stagedAt.getTime() - a.stagedAt.getTime())
  return (
    <>
      <Heading
        within={{ href: '/certificates', title: t.title }}
        title={<Foreign text={lineage.name} />}
        lead={
          <>
            {t.owner}: {lineage.tenantName ?? all.operator}
          </>
        }
      >
        {isWriter ? (
          <>
            <a class="button" href="/certificates/import">
              {t.import}
            </a>
            <a class="button danger" href={`${path}/remove`}>
              {all.remove}
            </a>
          </>
        ) : null}
      </Heading>
      {view === null ? (
        <FormProblem refusal={refusal} />
      ) : (
        <CertificateSection
          view={view}
          lineageAt={null}
          issueAt={isWriter ? `${path}/issue` : null}
          renewAt={isWriter ? `${path}/renew` : null}
          refusal={refusal}
        />
      )}
      <TimeLineSection
        certificates={lineage.certificates}
        renewalAt={view?.explanation.state === 'valid' ? view.explanation.next.at : null}
      />
      {newestFirst.length === 0 ? null : (
        <section class="card" aria-label={t.title}>
          <ul class="certificates">
            {newestFirst.map((certificate) => (
              <li key={certificate.id}>
                <CertificateFacts certificate={certificate} t={t} />
                {isWriter ? (
                  <div class="form-actions">
                    {stateAt(certificate, now) === 'staged' ? (
                      <a class="button" href={`${path}/certificates/${certificate.id}/activate`}>
                        {t.activate}
                      </a>
                    ) : null}
                    {isKeyHolder && certificate.privateKeyId !== null ? (
                      <a class="button" href={`${path}/certificates/${certificate.id}/key`}>
                        {all.keyExport.title}
                      </a>
                    ) : null}
                    {isRevocable && certificate.notAfter > now ? (
                      <a class="button" href={`${path}/certificates/${certificate.id}/revoke`}>
                        {all.issuance.revoke}
                      </a>
                    ) : null}
                    <a class="button" href={`${path}/certificates/${certificate.id}/remove`}>
                      {all.remove}
                    </a>
                  </div>
                ) : null}
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  )
}
