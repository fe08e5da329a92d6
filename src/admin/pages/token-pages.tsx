import { z } from 'zod'
import { OPERATORS_SCOPES, SCOPES, type Scope } from '../../tenant/scope.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { ApiToken } from '../../tenant/token.ts'
import type { Principal } from '../../tenant/principal.ts'
import { labelField } from '../api/people.ts'
import { requireGrave } from '../api/route.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line, tenantNameField } from '../input.ts'
import { confirmed } from './confirmed.tsx'
import { useNow, useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { ListTable, pageOfList, type ListView } from './list.tsx'
import { listQuery, type ListRequest } from './list-query.ts'
import { form, page, type Area, type Page, type Refusal, type View } from './page.tsx'
import { Check, Checks, Choice, Copyable, Day, FormProblem, Foreign, Heading, TextField, When } from './parts.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import { TenantHeading, tenantPath } from './tenant-heading.tsx'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'
import { mayChange, titleOf } from './whose.tsx'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const LIVES = ['30', '90', '365', 'never'] as const // days
const OVERLAPS = ['0', '1', '24', '168'] as const // hours
/** What only the operator does is nothing for a tenant's token. */

const checkbox = z.literal('yes').optional()
const tokenForm = z.strictObject({
  name: labelField,
  addresses: line(2000).trim(),
  lives: z.enum(LIVES),
  ...(Object.fromEntries(SCOPES.map((scope) => [scope, checkbox])) as Record<Scope, typeof checkbox>),
})

/** A tenant's tokens have the tenant's name in their path, the operator's own have not. */
const OWNERS = [
  { path: '/tenants/:tenant', access: 'owner', params: { tenant: tenantNameField } },
  { path: '/operator', access: 'operator', params: {} },
] as const

export function tokenPages({ tokens, apiTokens }: AdminDeps, find: LookUps): Page[] {
  const tokensView = async (
    texts: Texts,
    tenant: Tenant | null,
    principal: Principal,
    request: ListRequest,
    refusal?: Refusal,
  ): Promise<View> => ({
    title: tenant ? titleOf(texts.tokens.title, tenant) : texts.tokens.ofOperator,
    area: areaOf(tenant),
    main: (
      <TokensPage
        tenant={tenant}
        principal={principal}
        list={await pageOfList<ApiToken, string>(
          tokensPath(tenant),
          request,
          (part) => tokens.list(tenant?.id ?? null, part),
          ({ name }) => name,
          (after) => after,
        )}
        refusal={refusal}
      />
    ),
  })

  const secretView = (texts: Texts, tenant: Tenant | null, name: string, secret: string): View => ({
    title: texts.tokens.issued(name),
    area: areaOf(tenant),
    main: <SecretPage tenant={tenant} name={name} secret={secret} />,
  })

  return OWNERS.flatMap(({ path, access, params }) => {
    const owner = z.strictObject(params)
    const one = z.strictObject({ ...params, id: z.uuid() })

    async function token(
      texts: Texts,
      given: z.output<typeof one>,
    ): Promise<{ tenant: Tenant | null; token: ApiToken }> {
      const tenant = await find.owner(given)
      const token = await tokens.find(tenant?.id ?? null, given.id)
      if (!token) throw refusalIn(texts, 'not-found', texts.refusals.noToken)
      return { tenant, token }
    }

    return [
      page(
        { path: `${path}/tokens`, access, params: owner, query: listQuery },
        async ({ params, principal, query, texts }) => tokensView(texts, await find.owner(params), principal, query),
      ),
      form(
        { path: `${path}/tokens`, access, params: owner, form: tokenForm },
        async ({ name, addresses, lives, ...scopes }, { params, principal, act, texts }) => {
          requireGrave(principal, act.at)
          const tenant = await find.owner(params)
          const { token, secret } = await apiTokens.issue(
            principal,
            {
              tenantId: tenant?.id ?? null,
              name,
              scopes: SCOPES.filter((scope) => scopes[scope] === 'yes'),
              addresses: addresses === '' ? null : addresses.split(/[\s,]+/).filter(Boolean),
              expiresAt: lives === 'never' ? null : new Date(act.at.getTime() + Number(lives) * DAY_MS),
            },
            act,
          )
          return { shown: secretView(texts, tenant, token.name, secret) }
        },
        async (refusal, { params, principal, texts }) =>
          tokensView(
            texts,
            await find.owner(params),
            principal,
            {},
            atField(refusal, byCode({ 'already-exists': 'name' })),
          ),
      ),
      ...confirmed(
        {
          path: `${path}/tokens/:id/rotate`,
          access,
          isGrave: true,
          params: one,
          form: z.strictObject({ overlap: z.enum(OVERLAPS) }),
        },
        async ({ params, texts }, refusal) => {
          const { tenant, token: found } = await token(texts, params)
          return {
            title: texts.tokens.rotateTitle(found.name),
            lines: [texts.tokens.rotateWhat],
            button: texts.tokens.rotate,
            back: tokensPath(tenant),
            area: areaOf(tenant),
            labels: { overlap: texts.tokens.overlap },
            fields: (
              <Choice
                name="overlap"
                label={texts.tokens.overlap}
                refusal={refusal}
                isRequired
                value="24"
                options={OVERLAPS.map((hours) => [hours, texts.tokens.overlaps[hours]] as const)}
              />
            ),
          }
        },
        async ({ overlap }, { params, principal, act, texts }) => {
          const { tenant } = await token(texts, params)
          const rotated = await apiTokens.rotate(
            principal,
            tenant?.id ?? null,
            params.id,
            Number(overlap) * HOUR_MS,
            act,
          )
          return { shown: secretView(texts, tenant, rotated.token.name, rotated.secret) }
        },
      ),
      ...confirmed(
        { path: `${path}/tokens/:id/revoke`, access, params: one },
        async ({ params, texts }) => {
          const { tenant, token: found } = await token(texts, params)
          return {
            title: texts.tokens.revokeTitle(found.name),
            lines: [texts.tokens.revokeWhat],
            button: texts.tokens.revoke,
            back: tokensPath(tenant),
            area: areaOf(tenant),
          }
        },
        async (_form, { params, act, texts }) => {
          const { tenant, token: found } = await token(texts, params)
          await tokens.remove(tenant?.id ?? null, params.id, act)
          return { to: tokensPath(tenant), notice: { text: texts.tokens.revoked(found.name), warnings: [] } }
        },
      ),
    ]
  })
}

function areaOf(tenant: Tenant | null): Area {
  return tenant ? 'tenants' : 'users'
}

function tokensPath(tenant: Tenant | null): string {
  return `${tenant ? tenantPath(tenant) : '/operator'}/tokens`
}

function SecretPage({ tenant, name, secret }: { tenant: Tenant | null; name: string; secret: string }) {
  const { tokens: t, links } = useTexts()
  return (
    <>
      <Heading
        within={{ href: tokensPath(tenant), title: t.title }}
        title={<Foreign text={t.issued(name)} />}
        lead={t.once}
      />
      <section class="card padded stack" aria-label={t.secret}>
        <Copyable text={secret} label={t.secret} />
        <p>
          {t.use} <code>{'Authorization: Bearer wp_…'}</code>
        </p>
        <Reference />
        <p>
          <a class="button" href={tokensPath(tenant)}>
            {links.done}
          </a>
        </p>
      </section>
    </>
  )
}

function Reference() {
  const { tokens: t, reference } = useTexts()
  return (
    <p>
      {t.reference} <a href="/api">{reference.title}</a>
    </p>
  )
}

interface TokensProps {
  tenant: Tenant | null
  principal: Principal
  list: ListView<ApiToken>
  refusal: Refusal | undefined
}

function TokensPage({ tenant, principal, list, refusal }: TokensProps) {
  const all = useTexts()
  const t = all.tokens
  const now = useNow()
  const path = tokensPath(tenant)
  const isOwner = mayChange(principal, tenant ? 'owner' : 'operator', tenant, now)
  return (
    <>
      {tenant ? (
        <TenantHeading tenant={tenant} principal={principal} part="tokens" />
      ) : (
        <Heading within={{ href: '/users', title: all.users.title }} title={t.ofOperator} lead={t.ofOperatorLead} />
      )}
      <Reference />
      <section class="card" aria-label={t.title}>
        <ListTable
          texts={t}
          list={list}
          columns={[t.name, t.scopes, t.lastUsed, all.expires, ...(isOwner ? [all.actions] : [])]}
          row={(token) => (
            <tr key={token.id}>
              <th scope="row">
                <Foreign text={token.name} />
                <small class="block">
                  {t.by} <Foreign text={token.createdBy} />
                </small>
              </th>
              <td data-label={t.scopes}>
                <span>
                  {token.scopes.join(', ')}
                  {token.addresses ? <small class="block">{t.from(token.addresses.join(', '))}</small> : null}
                </span>
              </td>
              <td data-label={t.lastUsed}>
                {token.lastUsedAt ? (
                  <span>
                    <When at={token.lastUsedAt} />
                    {token.lastUsedBy ? <small class="block">{token.lastUsedBy}</small> : null}
                  </span>
                ) : (
                  <span class="quiet-text">{t.unused}</span>
                )}
              </td>
              <td data-label={all.expires}>
                <span>
                  {token.expiresAt ? <Day at={token.expiresAt} /> : t.lives.never}
                  {token.rotatesUntil && token.rotatesUntil > now ? (
                    <small class="block">
                      {t.rotates} <When at={token.rotatesUntil} />
                    </small>
                  ) : null}
                </span>
              </td>
              {isOwner ? (
                <td data-label={all.actions}>
                  <span class="row-actions">
                    <a class="button small" href={`${path}/${token.id}/rotate`}>
                      {t.rotate}
                      <span class="visually-hidden"> {visible(token.name)}</span>
                    </a>
                    <a class="button small" href={`${path}/${token.id}/revoke`}>
                      {t.revoke}
                      <span class="visually-hidden"> {visible(token.name)}</span>
                    </a>
                  </span>
                </td>
              ) : null}
            </tr>
          )}
        />
      </section>
      {isOwner ? (
        <section class="card padded" aria-labelledby="add">
          <h2 id="add">{t.add}</h2>
          <IssueForm action={path} tenant={tenant} refusal={refusal} />
        </section>
      ) : null}
    </>
  )
}

function IssueForm(props: { action: string; tenant: Tenant | null; refusal: Refusal | undefined }) {
  const all = useTexts()
  const t = all.tokens
  const { action, tenant, refusal } = props
  const { name, scopes, addresses } = t
  return (
    <form method="post" action={action} class="stack">
      <FormProblem refusal={refusal} fields={{ name, scopes, addresses, lives: all.expires }} />
      <TextField name="name" label={name} hint={t.nameHint} refusal={refusal} isRequired />
      <Checks name="scopes" label={scopes} hint={t.scopesHint} refusal={refusal}>
        {SCOPES.filter((scope) => tenant === null || !OPERATORS_SCOPES.includes(scope)).map((scope) => (
          <Check key={scope} name={scope} label={<code class="plain">{scope}</code>} refusal={refusal} />
        ))}
      </Checks>
      <TextField name="addresses" label={addresses} hint={t.addressesHint} refusal={refusal} />
      <Choice
        name="lives"
        label={all.expires}
        refusal={refusal}
        isRequired
        value="90"
        options={LIVES.map((life) => [life, t.lives[life]] as const)}
      />
      <button type="submit" class="primary">
        <Icon name="key" />
        {t.addButton}
      </button>
    </form>
  )
}
