import type { Request } from 'express'
import { z } from 'zod'
import type { User } from '../../tenant/user.ts'
import { sessionToken } from '../cookies.ts'
import { codeField, emailField, linkTokenField, passwordField } from '../api/people.ts'
import type { AdminDeps } from '../deps.ts'
import { useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { ownPath, withNext } from './own-path.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { FormProblem, PasswordField, TextField } from './parts.tsx'
import { passkeyResponse, typedPasskeyResponse, PasskeyForm } from './passkey-form.tsx'
import { texts } from './texts.ts'
import { wayBack } from './way-back.ts'

const path = z.string().max(2000).transform(ownPath)
const next = path.prefault('/')

/** @param others all other pages: who does not confirm goes back to one of them */
export function signInPages({ signIn, users, config }: AdminDeps, others: readonly Page[]): Page[] {
  const isOpen = config.tenants.self_registration

  const signInView = (shown: { token?: string | undefined; next: string; refusal?: Refusal }): View => ({
    title: texts.signIn.title,
    main: <SignInPage {...shown} isOpen={isOpen} />,
    asksPasskey: true,
  })

  const codeView = (user: User | undefined, next: string, refusal?: Refusal): View => ({
    title: texts.signIn.codeTitle,
    main: <CodePage user={user} next={next} refusal={refusal} />,
    asksPasskey: true,
  })

  const confirmView = async (userId: string | null, next: string, refusal?: Refusal): Promise<View> => {
    const user = userId === null ? undefined : await users.find(userId)
    return {
      title: texts.confirm.title,
      area: 'account',
      main: <ConfirmPage user={user} next={next} back={wayBack(next, others)} refusal={refusal} />,
      asksPasskey: true,
    }
  }

  /** Whose password was right, and who has not yet given the second factor. */
  async function pendingUser(req: Request): Promise<User | undefined> {
    const token = sessionToken(req)
    const session = token === undefined ? undefined : await signIn.find(token)
    return session?.stage === 'second-factor' && session.userId !== null ? users.find(session.userId) : undefined
  }

  async function closeFormer(req: Request): Promise<void> {
    const token = sessionToken(req)
    const former = token === undefined ? undefined : await signIn.find(token)
    if (former) await signIn.close(former)
  }

  return [
    page(
      { path: '/sign-in', access: 'public', query: z.strictObject({ token: linkTokenField.optional(), next }) },
      // A GET changes nothing: whoever previews links must not use it up
      async ({ query }) => signInView(query),
    ),
    form(
      {
        path: '/sign-in',
        access: 'public',
        form: z.strictObject({
          token: linkTokenField.optional(),
          email: emailField.optional(),
          password: passwordField.optional(),
          next,
        }),
      },
      async ({ token, email = '', password = '', next }, { req, visitor }) => {
        const opened =
          token === undefined
            ? await signIn.withPassword({ email, password }, visitor)
            : await signIn.withLink(token, visitor)
        await closeFormer(req)
        return {
          to: opened.session.stage === 'second-factor' ? withNext('/sign-in/code', next) : next,
          session: opened,
        }
      },
      async (refusal) => signInView({ next: ownPath(refusal.typed.next), refusal }),
    ),
    form(
      { path: '/sign-in/passkey', access: 'public', form: z.strictObject({ response: passkeyResponse, next }) },
      async ({ response, next }, { req, visitor }) => {
        const opened = await signIn.withPasskey(typedPasskeyResponse(response), visitor)
        await closeFormer(req)
        return { to: next, session: opened }
      },
      async (refusal) => signInView({ next: ownPath(refusal.typed.next), refusal }),
    ),
    page({ path: '/sign-in/code', access: 'public', query: z.strictObject({ next }) }, async ({ query, req }) => {
      const user = await pendingUser(req)
      return user ? codeView(user, query.next) : { to: withNext('/sign-in', query.next) }
    }),
    form(
      { path: '/sign-in/code', access: 'public', form: z.strictObject({ code: codeField.trim(), next }) },
      async ({ code, next }, { req, visitor }) => ({
        to: next,
        session: await signIn.withCode(sessionToken(req) ?? '', code, visitor),
      }),
      async (refusal, { req }) => codeView(await pendingUser(req), ownPath(refusal.typed.next), refusal),
    ),
    form(
      { path: '/sign-out', access: 'public', form: z.strictObject({ next: path.optional() }) },
      async ({ next = '/sign-in' }, { req, res }) => {
        await closeFormer(req)
        res.setHeader('Clear-Site-Data', '"cache", "storage"')
        return { to: next, session: null }
      },
      async (refusal) => signInView({ next: ownPath(undefined), refusal }),
    ),

    page({ path: '/confirm', access: 'signed-in', query: z.strictObject({ next }) }, async ({ query, principal }) =>
      confirmView(principal.userId, query.next),
    ),
    form(
      {
        path: '/confirm',
        access: 'signed-in',
        form: z.strictObject({ password: passwordField, code: codeField.trim().optional(), next }),
      },
      async ({ password, code, next }, { session, visitor }) => ({
        to: next,
        session: await signIn.confirm(session, { password, code }, visitor),
      }),
      async (refusal, { principal }) => confirmView(principal.userId, ownPath(refusal.typed.next), refusal),
    ),
    form(
      { path: '/confirm/passkey', access: 'signed-in', form: z.strictObject({ response: passkeyResponse, next }) },
      async ({ response, next }, { session, visitor }) => ({
        to: next,
        session: await signIn.confirmWithPasskey(session, typedPasskeyResponse(response), visitor),
      }),
      async (refusal, { principal }) => confirmView(principal.userId, ownPath(refusal.typed.next), refusal),
    ),
  ]
}

function SignInPage(props: { token?: string | undefined; next: string; isOpen: boolean; refusal?: Refusal }) {
  const { signIn: t, fields } = useTexts()
  const { token, next, isOpen, refusal } = props
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      <FormProblem refusal={refusal} fields={{ email: fields.email, password: fields.accountPassword }} />
      {token === undefined ? (
        <>
          <form method="post" action="/sign-in" class="stack">
            <input type="hidden" name="next" value={next} />
            <TextField
              name="email"
              label={fields.email}
              refusal={refusal}
              isRequired
              autocomplete="username"
              type="email"
            />
            <PasswordField
              name="password"
              label={fields.accountPassword}
              refusal={refusal}
              autocomplete="current-password"
            />
            <button type="submit" class="primary">
              {t.title}
            </button>
          </form>
          <PasskeyForm action="/sign-in/passkey" options="/api/v1/session/passkey-options" button={t.passkey}>
            <input type="hidden" name="next" value={next} />
          </PasskeyForm>
          {isOpen ? (
            <p>
              {t.noAccount} <a href="/register">{t.register}</a>
            </p>
          ) : null}
          <details {...(refusal?.problem.code === 'link-spent' ? { open: true } : {})}>
            <summary>{t.byLink}</summary>
            <div class="stack">
              <p>{t.how}</p>
              <pre>
                <code>{t.command}</code>
              </pre>
              <p>{t.then}</p>
            </div>
          </details>
        </>
      ) : (
        <form method="post" action="/sign-in" class="stack">
          <input type="hidden" name="token" value={token} />
          <p>{t.press}</p>
          <button type="submit" class="primary">
            <Icon name="key" />
            {t.button}
          </button>
        </form>
      )}
    </section>
  )
}

/** @param props.user undefined: the sign-in was not begun, or has ended */
function CodePage({ user, next, refusal }: { user: User | undefined; next: string; refusal: Refusal | undefined }) {
  const { signIn: t, fields } = useTexts()
  return (
    <section class="narrow card padded">
      <h1>{t.codeTitle}</h1>
      <FormProblem refusal={refusal} fields={{ code: fields.code }} />
      {user?.hasTotp ? (
        <form method="post" action="/sign-in/code" class="stack">
          <input type="hidden" name="next" value={next} />
          <TextField
            name="code"
            label={fields.code}
            hint={t.codeHint}
            refusal={refusal}
            isRequired
            autocomplete="one-time-code"
            isForgotten
          />
          <button type="submit" class="primary">
            {t.title}
          </button>
        </form>
      ) : null}
      {user && user.passkeys > 0 ? (
        <PasskeyForm
          action="/sign-in/passkey"
          options="/api/v1/session/passkey-options"
          button={user.hasTotp ? t.passkeyInstead : t.passkey}
        >
          <input type="hidden" name="next" value={next} />
        </PasskeyForm>
      ) : null}
      <p>
        <a href={withNext('/sign-in', next)}>{t.another}</a>
      </p>
    </section>
  )
}

/** @param props.user undefined: who came by a link of the command line */
function ConfirmPage(props: { user: User | undefined; next: string; back: string; refusal: Refusal | undefined }) {
  const { confirm: t, signIn, fields, cancel } = useTexts()
  const { user, next, back, refusal } = props
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      <FormProblem refusal={refusal} fields={{ password: fields.accountPassword, code: fields.code }} />
      <p>{t.why}</p>
      {user === undefined ? (
        <>
          <p>{t.byNewLink}</p>
          <pre>
            <code>{signIn.command}</code>
          </pre>
        </>
      ) : null}
      {user?.hasPassword && (user.hasTotp || user.passkeys === 0) ? (
        <form method="post" action="/confirm" class="stack">
          <input type="hidden" name="next" value={next} />
          <PasswordField
            name="password"
            label={fields.accountPassword}
            refusal={refusal}
            autocomplete="current-password"
          />
          {user.hasTotp ? (
            <TextField
              name="code"
              label={fields.code}
              hint={signIn.codeHint}
              refusal={refusal}
              isRequired
              autocomplete="one-time-code"
              isForgotten
            />
          ) : null}
          <button type="submit" class="primary">
            {t.button}
          </button>
        </form>
      ) : null}
      {user && user.passkeys > 0 ? (
        <PasskeyForm action="/confirm/passkey" options="/api/v1/session/confirm-options" button={t.passkey}>
          <input type="hidden" name="next" value={next} />
        </PasskeyForm>
      ) : null}
      <p>
        <a href={back}>{cancel}</a>
      </p>
    </section>
  )
}
