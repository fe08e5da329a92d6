import { z } from 'zod'
import type { TargetHost } from '../../delegation/target-host.ts'
import { displayName, type DomainName } from '../../name.ts'
import { cursorName } from '../api/target-host-routes.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { domainNameField } from '../input.ts'
import { confirmed } from './confirmed.tsx'
import { useTexts } from './context.ts'
import { ListPage, pageOfList, type ListView } from './list.tsx'
import { listQuery, type ListRequest } from './list-query.ts'
import { form, page, type Page, type Refusal } from './page.tsx'
import { FormProblem, Name, TextField, When } from './parts.tsx'
import { atField, byCode, namesAlone } from './refusals.ts'
import type { Texts } from './texts.ts'

/** A whole number that a person typed; empty: left out. */
export const typedPort = z
  .string()
  .trim()
  .max(10)
  .transform((text) => (text === '' ? undefined : Number(text)))
  .pipe(z.int().min(1).max(65535).optional())

const one = z.strictObject({ name: domainNameField })

export function targetHostPages({ targetHosts, registrar, config }: AdminDeps, find: LookUps): Page[] {
  const view = async (texts: Texts, request: ListRequest, refusal?: Refusal) => ({
    title: texts.targets.title,
    area: 'target-hosts' as const,
    main: (
      <TargetHostsPage
        list={await pageOfList<TargetHost, DomainName>(
          '/target-hosts',
          request,
          (part) => targetHosts.list(part),
          ({ name }) => name,
          cursorName,
        )}
        refusal={refusal}
      />
    ),
  })
  return [
    page({ path: '/target-hosts', access: 'operator', query: listQuery }, ({ query, texts }) => view(texts, query)),
    form(
      {
        path: '/target-hosts',
        access: 'operator',
        form: z.strictObject({ name: domainNameField, port: typedPort }),
      },
      async ({ name, port }, { act, texts }) => {
        const target = await registrar.addTargetHost(name, port ?? 443, act)
        return {
          to: '/target-hosts',
          notice: {
            text: texts.targets.added(displayName(target.name)),
            warnings: config.front.authority === 'import' ? [texts.front(target.name)] : [],
          },
        }
      },
      (refusal, { texts }) =>
        view(
          texts,
          {},
          atField(namesAlone(texts, refusal, ['name']), byCode({ 'already-exists': 'name', 'name-refused': 'name' })),
        ),
    ),
    ...confirmed(
      { path: '/target-hosts/:name/remove', access: 'operator', params: one },
      async ({ params, texts }) => ({
        title: texts.targets.removeTitle(displayName((await find.targetHost(params.name)).name)),
        lines: [texts.targets.removeWhat],
        button: texts.remove,
        back: '/target-hosts',
        area: 'target-hosts',
      }),
      async (_form, { params: { name }, act, texts }) => {
        await targetHosts.remove(name, act)
        return { to: '/target-hosts', notice: { text: texts.targets.removed(displayName(name)), warnings: [] } }
      },
    ),
  ]
}

function TargetHostsPage({ list, refusal }: { list: ListView<TargetHost>; refusal: Refusal | undefined }) {
  const all = useTexts()
  const t = all.targets
  return (
    <ListPage
      texts={t}
      list={list}
      columns={[t.columnName, t.port, t.since, all.actions]}
      row={({ name, port, createdAt }) => (
        <tr key={name}>
          <th scope="row">
            <Name name={name} />
          </th>
          <td data-label={t.port}>{port}</td>
          <td data-label={t.since}>
            <When at={createdAt} />
          </td>
          <td data-label={all.actions}>
            <a class="button small" href={`/target-hosts/${name}/remove`}>
              {all.remove}
              <span class="visually-hidden"> {name}</span>
            </a>
          </td>
        </tr>
      )}
      add={
        <form method="post" action="/target-hosts" class="stack">
          <FormProblem refusal={refusal} fields={{ name: t.columnName, port: t.port }} />
          <TextField name="name" label={t.columnName} hint={t.nameHint} refusal={refusal} isRequired inputMode="url" />
          <TextField name="port" label={t.port} hint={t.portHint} refusal={refusal} value="443" inputMode="numeric" />
          <button type="submit" class="primary">
            {t.addButton}
          </button>
        </form>
      }
    />
  )
}
