import { z } from 'zod'
import type { Lineage, LineageWithCertificates } from '../../certificate/lineage.ts'
import type { CertificateRule } from '../../certificate/refusal.ts'
import { active, stateAt } from '../../certificate/rollover.ts'
import type { ProblemError } from '../../problem.ts'
import { cacheSpanMs } from '../../config.ts'
import { activate } from '../activation.ts'
import { namedCursor, parseNamedCursor } from '../api/paging.ts'
import { UPLOAD_LIMIT_BYTES } from '../api/route.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { lineageNameField, pemOrDer, tenantNameField } from '../input.ts'
import { useNow, useTexts } from './context.ts'
import { CertificateFacts } from './delegation-page.tsx'
import { Icon } from './icons.tsx'
import { ImportPage } from './import-page.tsx'
import { ListTable, pageOfList, type ListView } from './list.tsx'
import { listQuery } from './list-query.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Foreign, FormProblem, Heading, When } from './parts.tsx'
import { atField, byCode } from './refusals.ts'
import { suggestedLineages, suggestedTenants } from './suggestions.ts'
import { texts } from './texts.ts'

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
})

/** A tenant's lineage has the tenant's name in its path, the operator's own has not. */
const OWNERS = [
  { path: '/tenants/:tenant', params: { tenant: tenantNameField } },
  { path: '/operator', params: {} },
] as const

export function certificatePages(deps: AdminDeps, find: LookUps): Page[] {
  const { lineages, imports, config } = deps

  const importView = async (refusal?: Refusal): Promise<View> => ({
    title: texts.certificates.import,
    area: 'certificates',
    main: (
      <ImportPage tenants={await suggestedTenants(deps)} lineages={await suggestedLineages(deps)} refusal={refusal} />
    ),
  })

  const lineageView = async (params: { tenant?: unknown; lineage: string }, refusal?: Refusal): Promise<View> => {
    const lineage = await find.lineage(await find.owner(params), params.lineage)
    return {
      title: lineage.name,
      area: 'certificates',
      main: <LineagePage lineage={lineage} refusal={refusal} />,
    }
  }

  return [
    page({ path: '/certificates', access: 'operator', query: listQuery }, async ({ query }) => ({
      title: texts.certificates.title,
      area: 'certificates',
      main: (
        <LineagesPage
          list={await pageOfList<LineageWithCertificates, Pick<Lineage, 'id' | 'name'>>(
            '/certificates',
            query,
            (part) => lineages.list('all', part),
            namedCursor,
            parseNamedCursor<string>,
          )}
        />
      ),
    })),
    page({ path: '/certificates/import', access: 'operator' }, () => importView()),
    form(
      { path: '/certificates/import', access: 'operator', form: importForm, formLimitBytes: UPLOAD_LIMIT_BYTES },
      async ({ owner, certificate, privateKey, lineage, password }, { act }) => {
        const tenant = owner === undefined ? null : await find.tenant(owner)
        const imported = await imports.importCertificate(
          tenant?.id ?? null,
          {
            certificate: pemOrDer(certificate),
            privateKey: privateKey === undefined ? undefined : pemOrDer(privateKey),
            ...{ lineage, password, cacheSpanMs: cacheSpanMs(config) },
          },
          act,
        )
        return {
          to: lineagePath(tenant?.name ?? null, imported.lineage.name),
          notice: { text: texts.certificates.imported(imported.lineage.name), warnings: imported.warnings },
        }
      },
      (refusal) => importView(atField(refusal, fieldOfUpload)),
    ),
    ...OWNERS.flatMap(({ path, params }) => {
      const lineage = z.strictObject({ ...params, lineage: lineageNameField })
      const certificate = z.strictObject({ ...lineage.shape, id: z.uuid() })
      return [
        page({ path: `${path}/lineages/:lineage`, access: 'operator', params: lineage }, ({ params }) =>
          lineageView(params),
        ),
        form(
          {
            path: `${path}/lineages/:lineage/certificates/:id/activate`,
            access: 'operator',
            params: certificate,
            form: z.strictObject({}),
          },
          async (_form, { params, act }) => {
            const tenant = await find.owner(params)
            await activate(deps, await find.lineage(tenant, params.lineage), params.id, false, act)
            return {
              to: lineagePath(tenant?.name ?? null, params.lineage),
              notice: { text: texts.certificates.activated, warnings: [] },
            }
          },
          (refusal, { params }) => lineageView(params, refusal),
        ),
      ]
    }),
  ]
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

function fieldOfUpload({ code, rule = '' }: ProblemError): string | undefined {
  if (code === 'certificate-refused') return FIELD_OF_RULE[rule] ?? 'certificate'
  return byCode({ 'not-found': 'owner', 'still-in-use': 'lineage', 'already-exists': 'certificate' })({ code })
}

function LineagesPage({ list }: { list: ListView<LineageWithCertificates> }) {
  const all = useTexts()
  const t = all.certificates
  return (
    <>
      <Heading title={t.title} lead={t.lead}>
        <a class="button primary" href="/certificates/import">
          <Icon name="plus" />
          {t.import}
        </a>
      </Heading>
      <section class="card" aria-label={t.title}>
        <ListTable
          texts={t}
          list={list}
          columns={[t.lineage, t.owner, t.current, t.count]}
          row={({ id, name, tenantName, certificates }) => {
            const present = active(certificates)
            return (
              <tr key={id}>
                <th scope="row">
                  <a href={lineagePath(tenantName, name)}>
                    <Foreign text={name} />
                  </a>
                </th>
                <td data-label={t.owner}>{tenantName ?? all.operator}</td>
                <td data-label={t.current}>
                  {present ? (
                    <span>
                      {all.delegations.expires('')}
                      <When at={present.notAfter} />
                    </span>
                  ) : (
                    <span class="quiet-text">{t.none}</span>
                  )}
                </td>
                <td data-label={t.count}>{certificates.length}</td>
              </tr>
            )
          }}
        />
      </section>
    </>
  )
}

function LineagePage({ lineage, refusal }: { lineage: LineageWithCertificates; refusal: Refusal | undefined }) {
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
        <a class="button" href="/certificates/import">
          {t.import}
        </a>
      </Heading>
      <FormProblem refusal={refusal} fields={[]} />
      <section class="card" aria-label={t.title}>
        <ul class="certificates">
          {newestFirst.map((certificate) => (
            <li key={certificate.id}>
              <CertificateFacts certificate={certificate} t={t} />
              {stateAt(certificate, now) === 'staged' ? (
                <form method="post" action={`${path}/certificates/${certificate.id}/activate`} class="inline-form">
                  <button type="submit">{t.activate}</button>
                  <span class="hint">{t.activateHint}</span>
                </form>
              ) : null}
            </li>
          ))}
        </ul>
      </section>
    </>
  )
}
