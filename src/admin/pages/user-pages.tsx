import { z } from 'zod'
import type { Invitation } from '../../tenant/link.ts'
import type { Role } from '../../tenant/member.ts'
import type { Principal } from '../../tenant/principal.ts'
import type { User } from '../../tenant/user.ts'
import { emailField } from '../api/people.ts'
import { authorize } from '../api/route.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { confirmed } from './confirmed.tsx'
import { useTexts } from './context.ts'
import { InvitationList, MOST_SHOWN, openInvitation } from './invitation-list.tsx'
import { LinkPage } from './link-page.tsx'
import { ListPage, pageOfList, type ListView } from './list.tsx'
import { listQuery, type ListRequest } from './list-query.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Badge, Check, Day, FormProblem, Heading, TextField, When } from './parts.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'

const one = z.strictObject({ id: z.uuid() })
const makeOperator = { access: 'operator', isGrave: true } as const

export function userPages({ users, members, sessions, accounts, links }: AdminDeps, find: LookUps): Page[] {
  const usersView = async (texts: Texts, request: ListRequest, now: Date, refusal?: Refusal): Promise<View> => ({
    title: texts.users.title,
    area: 'users',
    main: (
      <UsersPage
        list={await pageOfList<User, string>(
          '/users',
          request,
          (part) => users.list(part),
          ({ email }) => email,
          (after) => after,
        )}
        invitations={await links.listInvitations(null, now, { limit: MOST_SHOWN })}
        refusal={refusal}
      />
    ),
  })

  async function user(texts: Texts, id: string): Promise<User> {
    const found = await users.find(id)
    if (!found) throw refusalIn(texts, 'not-found', texts.refusals.noUser)
    return found
  }

  const userView = async (texts: Texts, id: string, principal: Principal): Promise<View> => {
    const found = await user(texts, id)
    const roles = await members.rolesOf(id)
    const names = await find.tenantNames([...roles.keys()].map((tenantId) => ({ tenantId })))
    return {
      title: found.email,
      area: 'users',
      main: (
        <UserPage
          user={found}
          isOwn={principal.userId === id}
          tenants={[...roles].map(([tenantId, role]) => ({ name: names.get(tenantId) ?? '', role }))}
        />
      ),
    }
  }

  const path = (id: string) => `/users/${id}`
  const told = (id: string, text: string) => ({ to: path(id), notice: { text, warnings: [] } })
  const linkView = (texts: Texts, user: User, link: Parameters<typeof LinkPage>[0]['link'], title: string): View => ({
    title,
    area: 'users',
    main: (
      <LinkPage
        within={{ href: path(user.id), title: user.email }}
        title={title}
        lead={texts.users.linkLead(user.email)}
        link={link}
      />
    ),
  })

  return [
    page({ path: '/users', access: 'operator', query: listQuery }, ({ query, act, texts }) =>
      usersView(texts, query, act.at),
    ),
    form(
      {
        path: '/users',
        access: 'operator',
        form: z.strictObject({ email: emailField, isOperator: z.literal('yes').optional() }),
      },
      async ({ email, isOperator }, { principal, act, texts }) => {
        if (isOperator) authorize(makeOperator, principal, null, act.at, { isChange: true })
        const { user, link } = await accounts.create(principal, { email, isOperator: isOperator === 'yes' }, act)
        const title = texts.users.added(user.email)
        return link ? { shown: linkView(texts, user, link, title) } : told(user.id, title)
      },
      (refusal, { act, texts }) =>
        usersView(texts, {}, act.at, atField(refusal, byCode({ 'already-exists': 'email' }))),
    ),
    page({ path: '/users/:id', access: 'operator', params: one }, ({ params: { id }, principal, texts }) =>
      userView(texts, id, principal),
    ),
    ...confirmed(
      { path: '/users/:id/password-link', access: 'operator', isGrave: true, params: one },
      async ({ params: { id }, texts }) => {
        const { email } = await user(texts, id)
        return {
          title: texts.users.resetTitle(email),
          lines: [texts.users.resetWhat],
          button: texts.users.reset,
          back: path(id),
          area: 'users',
        }
      },
      async (_form, { params: { id }, principal, act, texts }) => {
        const found = await user(texts, id)
        return {
          shown: linkView(texts, found, await accounts.issuePasswordLink(principal, id, act), texts.users.resetLink),
        }
      },
    ),
    ...confirmed(
      {
        path: '/users/:id/email',
        access: 'operator',
        isGrave: true,
        params: one,
        form: z.strictObject({ email: emailField }),
      },
      async ({ params: { id }, texts }, refusal) => ({
        title: texts.changeEmail.ofOther((await user(texts, id)).email),
        lines: [texts.changeEmail.whatOfOther],
        button: texts.changeEmail.button,
        isHarmless: true,
        back: path(id),
        area: 'users',
        fields: (
          <TextField
            name="email"
            label={texts.changeEmail.field}
            refusal={refusal && atField(refusal, byCode({ 'already-exists': 'email' }))}
            isRequired
            type="email"
          />
        ),
        labels: { email: texts.changeEmail.field },
      }),
      async ({ email }, { params: { id }, principal, session, act, texts }) => {
        const own = id === principal.userId ? { sessionId: session.id } : {}
        const changed = await accounts.changeEmail(id, { email, by: 'operator', ...own }, act)
        return told(id, texts.changeEmail.done(changed.email))
      },
    ),
    ...confirmed(
      { path: '/users/:id/second-factors', access: 'operator', isGrave: true, params: one },
      async ({ params: { id }, texts }) => ({
        title: texts.users.factorsTitle((await user(texts, id)).email),
        lines: [texts.users.factorsWhat],
        button: texts.users.removeFactors,
        back: path(id),
        area: 'users',
      }),
      async (_form, { params: { id }, act, texts }) => {
        const { email } = await user(texts, id)
        await accounts.removeFactors(id, act)
        return { to: path(id), notice: { text: texts.users.factorsRemoved(email), warnings: [] } }
      },
    ),
    ...confirmed(
      {
        path: '/users/:id/operator',
        ...makeOperator,
        params: one,
        form: z.strictObject({ isOperator: z.enum(['yes', 'no']) }),
      },
      async ({ params: { id }, principal, texts }) => {
        const { email, operatorSince } = await user(texts, id)
        const { users: t } = texts
        const isOperator = operatorSince !== null
        const isOwn = id === principal.userId
        return {
          title: isOwn ? t.demoteOwnTitle : isOperator ? t.demoteTitle(email) : t.promoteTitle(email),
          lines: [isOwn ? t.demoteOwnWhat : isOperator ? t.demoteWhat : t.promoteWhat],
          button: isOperator ? t.demote : t.promote,
          back: path(id),
          area: 'users',
          fields: <input type="hidden" name="isOperator" value={isOperator ? 'no' : 'yes'} />,
        }
      },
      async ({ isOperator }, { params: { id }, principal, session, act, texts }) => {
        const { email } = await users.setOperator(id, isOperator === 'yes', act)
        await sessions.closeAll(id, act, session.id)
        if (id === principal.userId && isOperator === 'no')
          return { to: '/account', notice: { text: texts.users.demotedOwn, warnings: [] } }
        return told(id, isOperator === 'yes' ? texts.users.promoted(email) : texts.users.demoted(email))
      },
    ),
    ...confirmed(
      { path: '/users/:id/remove', access: 'operator', isGrave: true, params: one },
      async ({ params: { id }, principal, texts }) => {
        const { email } = await user(texts, id)
        const { users: t } = texts
        const isOwn = id === principal.userId
        return {
          title: isOwn ? t.removeOwnTitle : t.removeTitle(email),
          lines: [isOwn ? t.removeOwnWhat : t.removeWhat],
          button: texts.remove,
          back: path(id),
          area: 'users',
        }
      },
      async (_form, { params: { id }, principal, act, texts }) => {
        const { email } = await user(texts, id)
        await users.remove(id, act)
        if (id === principal.userId)
          return { to: '/sign-in', notice: { text: texts.users.removedOwn, warnings: [] }, session: null }
        return { to: '/users', notice: { text: texts.users.removed(email), warnings: [] } }
      },
    ),
    ...confirmed(
      { path: '/operator/invitations/:id/withdraw', access: 'operator', params: one },
      async ({ params: { id }, act, texts }) => ({
        title: texts.members.withdrawTitle((await openInvitation(texts, links, null, id, act.at)).email),
        lines: [texts.members.withdrawWhat],
        button: texts.members.withdraw,
        back: '/users',
        area: 'users',
      }),
      async (_form, { params: { id }, act, texts }) => {
        const { email } = await openInvitation(texts, links, null, id, act.at)
        await links.withdrawInvitation(null, id, act)
        return { to: '/users', notice: { text: texts.members.withdrawn(email), warnings: [] } }
      },
    ),
  ]
}

function UsersPage(props: { list: ListView<User>; invitations: readonly Invitation[]; refusal: Refusal | undefined }) {
  const { list, invitations, refusal } = props
  const all = useTexts()
  const t = all.users
  return (
    <ListPage
      texts={t}
      list={list}
      above={
        <p>
          <a href="/operator/tokens">{all.tokens.ofOperator}</a>
        </p>
      }
      below={<InvitationList title={t.invitations} invitations={invitations} path="/operator/invitations" />}
      columns={[t.email, t.role, t.secondFactor, t.lastSignIn]}
      row={(user) => (
        <tr key={user.id}>
          <th scope="row">
            <a href={`/users/${user.id}`}>{user.email}</a>
          </th>
          <td data-label={t.role}>{user.operatorSince ? all.operator : t.member}</td>
          <td data-label={t.secondFactor}>
            <SecondFactor user={user} />
          </td>
          <td data-label={t.lastSignIn}>
            {user.lastSignInAt ? <When at={user.lastSignInAt} /> : <span class="quiet-text">{t.never}</span>}
          </td>
        </tr>
      )}
      add={
        <form method="post" action="/users" class="stack">
          <FormProblem refusal={refusal} fields={{ email: t.email }} />
          <TextField name="email" label={t.email} refusal={refusal} isRequired type="email" />
          <Check name="isOperator" label={t.isOperator} hint={t.promoteWhat} refusal={refusal} />
          <p class="hint">{t.addHint}</p>
          <button type="submit" class="primary">
            {t.addButton}
          </button>
        </form>
      }
    />
  )
}

function SecondFactor({ user }: { user: User }) {
  const { secondFactor: t } = useTexts()
  return user.hasTotp || user.passkeys > 0 ? (
    <Badge tone="good" icon="check">
      {t.isOn}
    </Badge>
  ) : (
    <Badge tone="wait" icon="alert">
      {t.isOff}
    </Badge>
  )
}

function UserPage(props: { user: User; isOwn: boolean; tenants: readonly { name: string; role: Role }[] }) {
  const all = useTexts()
  const t = all.users
  const { user, isOwn, tenants } = props
  const path = `/users/${user.id}`
  return (
    <>
      <Heading
        within={{ href: '/users', title: t.title }}
        title={user.email}
        lead={user.operatorSince ? all.operator : t.member}
      />
      <section class="card padded" aria-labelledby="facts">
        <h2 id="facts">{all.account.title}</h2>
        <dl class="facts">
          <div>
            <dt>{t.secondFactor}</dt>
            <dd>
              <SecondFactor user={user} />
            </dd>
          </div>
          <div>
            <dt>{all.passkeys.title}</dt>
            <dd>{user.passkeys}</dd>
          </div>
          <div>
            <dt>{t.lastSignIn}</dt>
            <dd>{user.lastSignInAt ? <When at={user.lastSignInAt} /> : t.never}</dd>
          </div>
          <div>
            <dt>{all.account.since}</dt>
            <dd>
              <Day at={user.createdAt} />
            </dd>
          </div>
          <div class="wide">
            <dt>{all.tenants.title}</dt>
            <dd>
              {tenants.length === 0 ? '–' : null}
              {tenants.map(({ name, role }, index) => (
                <span key={name}>
                  {index > 0 ? ', ' : ''}
                  <a href={`/tenants/${name}/members`}>{name}</a> ({all.roles[role]})
                </span>
              ))}
            </dd>
          </div>
        </dl>
      </section>
      <section class="card padded" aria-labelledby="acts">
        <h2 id="acts">{all.actions}</h2>
        <div class="form-actions">
          <a class="button" href={`${path}/password-link`}>
            {t.reset}
          </a>
          {user.hasTotp || user.passkeys > 0 ? (
            <a class="button" href={`${path}/second-factors`}>
              {t.removeFactors}
            </a>
          ) : null}
          <a class="button" href={`${path}/email`}>
            {all.changeEmail.title}
          </a>
          <a class="button" href={`${path}/operator`}>
            {user.operatorSince ? t.demote : t.promote}
          </a>
          <a class="button danger" href={`${path}/remove`}>
            {isOwn ? t.removeOwn : t.removeUser}
          </a>
        </div>
      </section>
    </>
  )
}
