import { z } from 'zod'
import type { DomainImport } from '../../delegation/domain-import.ts'
import { MOST_IMPORT_BYTES } from '../../delegation/source-domain.ts'
import { ProblemError } from '../../problem.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { requireConfirming } from '../api/domain-import-routes.ts'
import { readPage } from '../api/paging.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line, tenantNameField } from '../input.ts'
import { DomainImportPage, importPath, type RefusedLines } from './domain-import-page.tsx'
import { ImportFormPage } from './domain-import-form.tsx'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import { mayChange, tenantsToChoose, tenantToChange } from './whose.tsx'

/** The file, and the lines around it in the form. */
const FORM_BYTES = MOST_IMPORT_BYTES + 100_000
const REFUSED_LINES = 100
const RECENT = 10

/** Whose imports: a tenant's, or the operator's, each line of which names a tenant. */
const OWNERS = [
  { path: '/tenants/:tenant/imports', params: { tenant: tenantNameField }, access: 'admin' },
  { path: '/operator/imports', params: {}, access: 'operator' },
] as const
const after = z.coerce
  .number()
  .int()
  .min(0)
  .max(2 ** 31)
  .default(0)

export function domainImportPages(deps: AdminDeps, find: LookUps): Page[] {
  const { domainImports, fileImports } = deps

  const formView = async (
    {
      principal,
      query,
      texts,
    }: Pick<Seen<unknown, { tenant?: string | undefined }, 'signed-in'>, 'principal' | 'query' | 'texts'>,
    refusal?: Refusal,
  ): Promise<View> => {
    const choices = await tenantsToChoose(texts, deps, principal)
    const chosen = choices.chosen ?? query.tenant
    return {
      title: texts.imports.title,
      area: 'source-domains',
      main: (
        <ImportFormPage
          choices={{ ...choices, chosen }}
          isOperator={principal.isOperator}
          recent={await recentOf(principal, choices.names)}
          refusal={refusal}
        />
      ),
    }
  }

  /** Those that the visitor may look at. */
  async function recentOf(principal: Principal, tenants: readonly string[]): Promise<DomainImport[]> {
    const found = principal.isOperator
      ? [await domainImports.list(null, { limit: RECENT })]
      : await Promise.all(
          tenants.map(async (name) => domainImports.list((await find.tenant(name)).id, { limit: RECENT })),
        )
    return found.flat().toSorted((one, other) => (one.id < other.id ? 1 : -1))
  }

  const importView = async (
    { tenant, params: { id }, principal, act, texts }: OneSeen,
    from: number,
    refusal?: Refusal,
  ): Promise<View> => {
    const imported = await findImport(tenant, id)
    return {
      title: texts.imports.title,
      area: 'source-domains',
      status: 200,
      main: (
        <DomainImportPage
          imported={imported}
          path={importPath({ tenantName: tenant?.name ?? null, id })}
          refused={imported.state === 'running' ? null : await refusedLines(imported, from)}
          mayConfirm={principal.isOperator || !imported.isByOperator}
          mayChange={mayChange(principal, tenant ? 'admin' : 'operator', tenant, act.at)}
          refusal={refusal}
        />
      ),
    }
  }

  async function refusedLines({ tenantId, id }: DomainImport, from: number): Promise<RefusedLines> {
    const page = await readPage(
      REFUSED_LINES,
      (limit) => domainImports.lines(tenantId, id, { after: from, limit, isRefused: true }),
      (last) => String(last.line),
    )
    return { lines: page.items, isFirst: from === 0, next: page.after }
  }

  async function findImport(tenant: Tenant | null, id: string): Promise<DomainImport> {
    const found = await domainImports.find(tenant?.id ?? null, id)
    if (!found)
      throw new ProblemError('not-found', `there is no import ${id}; it was discarded, or its 30 days are over`)
    return found
  }

  return [
    page(
      { path: '/source-domains/import', access: 'signed-in', query: z.strictObject({ tenant: line(100).optional() }) },
      (seen) => formView(seen),
    ),
    form(
      {
        path: '/source-domains/import',
        access: 'signed-in',
        hasFiles: true,
        formLimitBytes: FORM_BYTES,
        form: z.strictObject({
          tenant: z
            .string()
            .trim()
            .pipe(z.union([z.literal(''), tenantNameField]))
            .default(''),
          isVouched: z.literal('yes').optional(),
          file: z.instanceof(Uint8Array).optional(),
          csv: z.string().default(''),
        }),
      },
      async ({ tenant: name, isVouched, file, csv }, { principal, act, texts }) => {
        const isOperator = principal.isOperator
        if (name === '' && !isOperator) throw refusalIn(texts, 'not-found', texts.refusals.noTenantToChange)
        const tenant = name === '' ? null : await tenantToChange(find, principal, name, act.at)
        const bytes = file?.length ? file : Buffer.from(csv)
        if (bytes.length === 0) throw refusalIn(texts, 'malformed-request', texts.imports.nothing)
        const options = { tenant, isByOperator: isOperator, isVouched: isOperator && isVouched === 'yes' }
        const { id } = await fileImports.read(bytes, options, act)
        return { to: importPath({ tenantName: tenant?.name ?? null, id }) }
      },
      (refusal, seen) =>
        formView(
          { ...seen, query: {} },
          atField(
            refusal,
            byCode({
              'malformed-request': 'csv',
              'too-large': 'csv',
              'not-found': 'tenant',
              forbidden: 'tenant',
              'tenant-suspended': 'tenant',
            }),
          ),
        ),
    ),
    ...OWNERS.flatMap(({ path, params, access }): Page[] => {
      const one = z.strictObject({ ...params, id: z.uuid() })
      return [
        page({ path: `${path}/:id`, access, params: one, query: z.strictObject({ after }) }, (seen) =>
          importView(seen, seen.query.after),
        ),
        form(
          { path: `${path}/:id/confirm`, standsOn: `${path}/:id`, access, params: one, form: z.strictObject({}) },
          async (_form, { tenant, params: { id }, principal, act }) => {
            requireConfirming(await findImport(tenant, id), principal)
            await domainImports.confirm(tenant?.id ?? null, id, act)
            return { to: importPath({ tenantName: tenant?.name ?? null, id }) }
          },
          (refusal, seen) => importView(seen, 0, refusal),
        ),
        form(
          { path: `${path}/:id/cancel`, standsOn: `${path}/:id`, access, params: one, form: z.strictObject({}) },
          async (_form, { tenant, params: { id }, act, texts: { imports: t } }) => {
            const { state } = await findImport(tenant, id)
            await domainImports.cancel(tenant?.id ?? null, id, act)
            return state === 'ready'
              ? { to: '/source-domains/import', notice: { text: t.discarded, warnings: [] } }
              : {
                  to: importPath({ tenantName: tenant?.name ?? null, id }),
                  notice: { text: t.cancelled, warnings: [] },
                }
          },
          (refusal, seen) => importView(seen, 0, refusal),
        ),
      ]
    }),
  ]
}

interface OneSeen extends Pick<Seen<unknown, unknown, 'operator'>, 'principal' | 'act' | 'texts'> {
  tenant: Tenant | null
  params: { id: string }
}
