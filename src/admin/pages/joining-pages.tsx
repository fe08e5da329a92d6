import { z } from 'zod'
import { ProblemError } from '../../problem.ts'
import type { Invitation } from '../../tenant/link.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import { emailField, linkTokenField, passwordField } from '../api/people.ts'
import type { AdminDeps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { useTexts } from './context.ts'
import { withNext } from './own-path.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { FormProblem, NewPassword, newPasswordLabels, TextField } from './parts.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'

const newPassword = { password: passwordField, repeated: z.string().max(2000) }
const link = z.strictObject({ token: linkTokenField })

/** How people come to an account: the first operator, who was invited, who forgot a password, who registers. */
export function joiningPages(deps: AdminDeps): Page[] {
  const { accounts, users, signIn, config } = deps

  const setUpView = (texts: Texts, refusal?: Refusal): View => ({
    title: texts.setUp.title,
    main: <SetUpPage refusal={refusal} />,
    isSetUp: true,
  })

  /** Whoever came by a link of the command line makes the first operator's account, and nobody after them. */
  async function mustBeFirst(texts: Texts, userId: string | null): Promise<void> {
    if (userId !== null || (await users.countOperators()) > 0) throw refusalIn(texts, 'forbidden', texts.setUp.isDone)
  }

  const invitationView = async (
    texts: Texts,
    token: string,
    userId: string | null,
    refusal?: Refusal,
  ): Promise<View> => {
    const { invitation, tenant, hasAccount } = await accounts.invitation(token)
    const user = userId === null ? undefined : await users.find(userId)
    return {
      title: texts.invitation.title,
      main: <InvitationPage {...{ invitation, tenant, token, hasAccount, refusal }} present={user?.email} />,
    }
  }

  const passwordView = async (texts: Texts, token: string, refusal?: Refusal): Promise<View> => {
    const { email } = await accounts.passwordLink(token)
    return { title: texts.newPassword.title, main: <NewPasswordPage {...{ token, email, refusal }} /> }
  }

  const registerView = (texts: Texts, refusal?: Refusal): View => ({
    title: texts.registration.title,
    main: <RegistrationPage refusal={refusal} />,
  })

  function mustBeOpen(texts: Texts): void {
    if (!config.tenants.self_registration) throw refusalIn(texts, 'registration-closed', texts.registration.closed)
  }

  return [
    page({ path: '/set-up', access: 'operator' }, async ({ principal, texts }) => {
      await mustBeFirst(texts, principal.userId)
      return setUpView(texts)
    }),
    form(
      { path: '/set-up', access: 'operator', form: z.strictObject({ email: emailField, ...newPassword }) },
      async ({ email, ...passwords }, { principal, session, act, visitor, texts }) => {
        await mustBeFirst(texts, principal.userId)
        const password = same(texts, passwords)
        const { user } = await accounts.create(principal, { email, isOperator: true, password }, act)
        // From here on the audit trail names a person
        const opened = await signIn.withPassword({ email: user.email, password }, visitor)
        await signIn.close(session)
        return {
          to: '/account',
          notice: { text: texts.setUp.done(user.email), warnings: [texts.account.secondFactorWanted] },
          session: opened,
        }
      },
      async (refusal, { texts }) => setUpView(texts, atField(refusal, byCode({ 'already-exists': 'email' }))),
    ),

    // A GET changes nothing: whoever previews links must not use it up
    page(
      { path: '/invitation', access: 'public', isOwn: true, query: link },
      async ({ query: { token }, principal, texts }) => invitationView(texts, token, principal?.userId ?? null),
    ),
    form(
      {
        path: '/invitation',
        access: 'public',
        isOwn: true,
        form: z.strictObject({ ...link.shape, password: passwordField.optional(), repeated: z.string().optional() }),
      },
      async ({ token, password: typed, repeated = '' }, { principal, session: former, act, visitor, texts }) => {
        const userId = principal?.userId ?? null
        const password = userId === null ? typed : undefined // who is signed in joins as who they are
        if (password !== undefined) same(texts, { password, repeated })
        const { tenant } = await accounts.invitation(token)
        const { email } = await accounts.accept(token, { password, userId }, act)
        const notice = {
          text: tenant ? texts.invitation.joined(tenant.name) : texts.invitation.isOperator,
          warnings: password === undefined ? [] : [texts.account.secondFactorWanted],
        }
        const to = tenant ? `/tenants/${tenant.name}` : '/account'
        if (password === undefined) return { to, notice }
        try {
          const opened = await signIn.withPassword({ email, password }, visitor)
          if (former) await signIn.close(former)
          return { to, notice, session: opened }
        } catch (err) {
          // The account is made: whoever has to wait until they may sign in has that much
          if (err instanceof ProblemError && err.code === 'too-many-requests') return { to: '/sign-in', notice }
          throw err
        }
      },
      (refusal, { principal, texts }) =>
        invitationView(texts, refusal.typed.token ?? '', principal?.userId ?? null, refusal),
    ),

    page({ path: '/password', access: 'public', query: link }, ({ query: { token }, texts }) =>
      passwordView(texts, token),
    ),
    form(
      { path: '/password', access: 'public', form: z.strictObject({ ...link.shape, ...newPassword }) },
      async ({ token, ...passwords }, { act, texts }) => {
        const { email } = await accounts.usePasswordLink(token, same(texts, passwords), act)
        return { to: '/sign-in', notice: { text: texts.newPassword.done(email), warnings: [] } }
      },
      (refusal, { texts }) => passwordView(texts, refusal.typed.token ?? '', refusal),
    ),

    page({ path: '/register', access: 'public' }, async ({ texts }) => {
      mustBeOpen(texts)
      return registerView(texts)
    }),
    form(
      {
        path: '/register',
        access: 'public',
        form: z.strictObject({ tenant: tenantNameField, email: emailField, ...newPassword }),
      },
      async ({ tenant, email, ...passwords }, { act, texts }) => {
        mustBeOpen(texts)
        await accounts.register({ tenant, email, password: same(texts, passwords) }, act)
        return { to: '/sign-in', notice: { text: texts.registration.done, warnings: [] } }
      },
      async (refusal, { texts }) => registerView(texts, refusal),
    ),
  ]
}

/** What was typed twice. @throws ProblemError malformed-request */
export function same(texts: Texts, { password, repeated }: { password: string; repeated: string }): string {
  if (password === repeated) return password
  throw refusalIn(texts, 'malformed-request', texts.newPassword.differs, { fields: ['repeated'] })
}

function SetUpPage({ refusal }: { refusal: Refusal | undefined }) {
  const { setUp: t, fields } = useTexts()
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      <p>{t.lead}</p>
      <form method="post" action="/set-up" class="stack">
        <FormProblem refusal={refusal} fields={{ email: fields.email, ...newPasswordLabels(fields) }} />
        <TextField
          name="email"
          label={fields.email}
          refusal={refusal}
          isRequired
          type="email"
          autocomplete="username"
        />
        <NewPassword refusal={refusal} />
        <button type="submit" class="primary">
          {t.button}
        </button>
      </form>
    </section>
  )
}

function InvitationPage(props: {
  invitation: Invitation
  tenant: Tenant | null
  token: string
  hasAccount: boolean
  present: string | undefined // the e-mail address of who is signed in
  refusal: Refusal | undefined
}) {
  const all = useTexts()
  const { invitation: t, fields } = all
  const { invitation, tenant, token, hasAccount, present, refusal } = props
  const { createdBy, email, role } = invitation
  const here = `/invitation?${new URLSearchParams({ token }).toString()}`
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      <FormProblem refusal={refusal} fields={newPasswordLabels(fields)} />
      <p>{t.lead(visible(createdBy, 100), email, role && all.roles[role], tenant?.name ?? null)}</p>
      {role ? <p class="quiet-text">{all.roleHints[role]}</p> : null}
      {present !== undefined && present !== email ? (
        <form method="post" action="/sign-out" class="stack">
          <p>{t.signOutFirst(present, email)}</p>
          <input type="hidden" name="next" value={here} />
          <button type="submit" class="primary">
            {all.signOut}
          </button>
        </form>
      ) : present === undefined && hasAccount ? (
        <>
          <p>{t.signInFirst(email)}</p>
          <p>
            <a class="button primary" href={withNext('/sign-in', here)}>
              {all.signIn.title}
            </a>
          </p>
        </>
      ) : (
        <form method="post" action="/invitation" class="stack">
          <input type="hidden" name="token" value={token} />
          {present === undefined ? (
            <>
              <input type="hidden" autocomplete="username" value={email} />
              <NewPassword refusal={refusal} />
            </>
          ) : null}
          <button type="submit" class="primary">
            {t.button}
          </button>
        </form>
      )}
    </section>
  )
}

function NewPasswordPage({ token, email, refusal }: { token: string; email: string; refusal: Refusal | undefined }) {
  const { newPassword: t, fields } = useTexts()
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      <p>{t.lead(email)}</p>
      <form method="post" action="/password" class="stack">
        <FormProblem refusal={refusal} fields={newPasswordLabels(fields)} />
        <input type="hidden" name="token" value={token} />
        <input type="hidden" autocomplete="username" value={email} />
        <NewPassword refusal={refusal} />
        <button type="submit" class="primary">
          {t.button}
        </button>
      </form>
    </section>
  )
}

function RegistrationPage({ refusal }: { refusal: Refusal | undefined }) {
  const { registration: t, tenants, fields } = useTexts()
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      <p>{t.lead}</p>
      <form method="post" action="/register" class="stack">
        <FormProblem
          refusal={refusal}
          fields={{ tenant: t.tenant, email: fields.email, ...newPasswordLabels(fields) }}
        />
        <TextField
          name="tenant"
          label={t.tenant}
          hint={`${tenants.nameHint} ${t.tenantHint}`}
          refusal={refusal}
          isRequired
        />
        <TextField
          name="email"
          label={fields.email}
          refusal={refusal}
          isRequired
          type="email"
          autocomplete="username"
        />
        <NewPassword refusal={refusal} />
        <button type="submit" class="primary">
          {t.title}
        </button>
      </form>
      <p>
        <a href="/sign-in">{t.hasAccount}</a>
      </p>
    </section>
  )
}
