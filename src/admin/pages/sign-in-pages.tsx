import type { Request } from 'express'
import { z } from 'zod'
import type { User } from '../../tenant/user.ts'
import { supportHref } from '../../tenant/branding.ts'
import { sessionToken } from '../cookies.ts'
import { exchangeOf } from '../exchange.ts'
import { codeField, emailField, linkTokenField, passwordField } from '../api/people.ts'
import type { AdminDeps } from '../deps.ts'
import { useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { ownPath, withNext } from './own-path.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { FormProblem, PasswordField, TextField } from './parts.tsx'
import { passkeyResponse, typedPasskeyResponse, PasskeyForm } from './passkey-form.tsx'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'
import { wayBack } from './way-back.ts'

const path = z.string().max(2000).transform(ownPath)
const next = path.prefault('/')

/** @param others all other pages: who does not confirm goes back to one of them */
export function signInPages({ signIn, users, config }: AdminDeps, others: readonly Page[]): Page[] {
  const isOpen = config.tenants.self_registration

  const signInView = (texts: Texts, shown: { token?: string | undefined; next: string; refusal?: Refusal }): View => ({
    title: texts.signIn.title,
    main: <SignInPage {...shown} isOpen={isOpen} />,
  })

  const codeView = (texts: Texts, user: User | undefined, next: string, refusal?: Refusal): View => ({
    title: texts.signIn.codeTitle,
    main: <CodePage user={user} next={next} refusal={refusal} />,
  })

  const confirmView = async (texts: Texts, userId: string | null, next: string, refusal?: Refusal): Promise<View> => {
    const user = userId === null ? undefined : await users.find(userId)
    return {
      title: texts.confirm.title,
      area: 'account',
      main: <ConfirmPage user={user} next={next} back={wayBack(next, others)} refusal={refusal} />,
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
      async ({ query, texts }) => signInView(texts, query),
    ),
    form(
      {
        path: '/sign-in',
        access: 'public',
        goesOn: true,
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
      async (refusal, { texts }) => signInView(texts, { next: ownPath(refusal.typed.next), refusal }),
    ),
    form(
      {
        path: '/sign-in/passkey',
        access: 'public',
        goesOn: true,
        form: z.strictObject({ response: passkeyResponse, next }),
      },
      async ({ response, next }, { req, visitor, texts }) => {
        const opened = await signIn.withPasskey(typedPasskeyResponse(texts, response), visitor)
        await closeFormer(req)
        return { to: next, session: opened }
      },
      async (refusal, { texts }) => signInView(texts, { next: ownPath(refusal.typed.next), refusal }),
    ),
    page(
      { path: '/sign-in/code', access: 'public', query: z.strictObject({ next }) },
      async ({ query, req, texts }) => {
        const user = await pendingUser(req)
        return user ? codeView(texts, user, query.next) : { to: withNext('/sign-in', query.next) }
      },
    ),
    form(
      { path: '/sign-in/code', access: 'public', goesOn: true, form: z.strictObject({ code: codeField.trim(), next }) },
      async ({ code, next }, { req, visitor }) => ({
        to: next,
        session: await signIn.withCode(sessionToken(req) ?? '', code, visitor),
      }),
      async (refusal, { req, texts }) => codeView(texts, await pendingUser(req), ownPath(refusal.typed.next), refusal),
    ),
    form(
      { path: '/sign-out', access: 'public', goesOn: true, form: z.strictObject({ next: path.optional() }) },
      async ({ next = '/sign-in' }, { req, res }) => {
        await closeFormer(req)
        res.setHeader('Clear-Site-Data', '"cache", "storage"')
        return { to: next, session: null }
      },
      async (refusal, { texts }) => signInView(texts, { next: ownPath(undefined), refusal }),
    ),

    page({ path: '/sign-in/help', access: 'public' }, async ({ texts, req }) => ({
      title: texts.signInHelp.title,
      main: <SignInHelpPage support={exchangeOf(req).standing.settings.support} />,
    })),

    page(
      { path: '/confirm', access: 'signed-in', query: z.strictObject({ next }) },
      async ({ query, principal, texts }) => confirmView(texts, principal.userId, query.next),
    ),
    form(
      {
        path: '/confirm',
        access: 'signed-in',
        goesOn: true,
        form: z.strictObject({ password: passwordField, code: codeField.trim().optional(), next }),
      },
      async ({ password, code, next }, { session, visitor }) => ({
        to: next,
        session: await signIn.confirm(session, { password, code }, visitor),
      }),
      async (refusal, { principal, texts }) =>
        confirmView(texts, principal.userId, ownPath(refusal.typed.next), refusal),
    ),
    form(
      {
        path: '/confirm/passkey',
        access: 'signed-in',
        goesOn: true,
        form: z.strictObject({ response: passkeyResponse, next }),
      },
      async ({ response, next }, { session, visitor, texts }) => ({
        to: next,
        session: await signIn.confirmWithPasskey(session, typedPasskeyResponse(texts, response), visitor),
      }),
      async (refusal, { principal, texts }) =>
        confirmView(texts, principal.userId, ownPath(refusal.typed.next), refusal),
    ),
  ]
}

function SignInPage(props: { token?: string | undefined; next: string; isOpen: boolean; refusal?: Refusal }) {
  const { signIn: t, signInHelp, fields } = useTexts()
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
          <p>
            <a href="/sign-in/help">{signInHelp.link}</a>
          </p>
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

const COMMANDS = [
  'waypost user reset-password EMAIL',
  'waypost user reset-factors EMAIL',
  'waypost user set-email EMAIL NEW',
]

/** What somebody does who has lost what they sign in with. @param props.support as the settings have it */
function SignInHelpPage({ support }: { support: string | null }) {
  const { signInHelp: t, signIn } = useTexts()
  const cases = [
    [t.password, t.passwordHow],
    [t.factor, t.factorHow],
    [t.passkey, t.passkeyHow],
    [t.email, t.emailHow],
  ] as const
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      {cases.map(([title, how]) => (
        <div key={title} class="stack">
          <h2>{title}</h2>
          <p>{how}</p>
        </div>
      ))}
      {support === null ? (
        <p>{t.askNobody}</p>
      ) : (
        <p>
          {t.ask} <a href={supportHref(support)}>{visible(support, 300)}</a>
        </p>
      )}
      <details>
        <summary>{t.operatorTitle}</summary>
        <div class="stack">
          <p>{t.operator}</p>
          <pre>
            <code>{COMMANDS.join('\n')}</code>
          </pre>
        </div>
      </details>
      <p>
        <a href="/sign-in">{signIn.title}</a>
      </p>
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
