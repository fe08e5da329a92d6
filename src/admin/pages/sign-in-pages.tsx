import { z } from 'zod'
import { ProblemError } from '../../problem.ts'
import type { SignIn } from '../../tenant/sign-in.ts'
import { clearSessionToken, setSessionToken } from '../cookies.ts'
import { exchangeOf } from '../exchange.ts'
import { useTexts } from './context.ts'
import { Icon } from './icons.tsx'
import { form, page, type Page } from './page.tsx'
import { texts } from './texts.ts'

const token = z.string().max(200)

export function signInPages(signIns: SignIn): Page[] {
  return [
    page(
      { path: '/sign-in', access: 'public', query: z.strictObject({ token: token.optional() }) },
      // A GET changes nothing: whoever previews links must not use it up
      async ({ query }) => ({ title: texts.signIn.title, main: <SignInPage token={query.token} /> }),
    ),
    form(
      { path: '/sign-in', access: 'public', form: z.strictObject({ token }) },
      async ({ token }, { req, res }) => {
        const session = await signIns.open(token)
        if (session === undefined) throw new ProblemError('sign-in-required', texts.signIn.spent)
        const former = exchangeOf(req).caller
        if (former) await signIns.close(former.sessionToken)
        setSessionToken(res, session)
        return { to: '/delegations' }
      },
      async ({ problem }) => ({ title: texts.signIn.title, main: <SignInPage problem={problem.message} /> }),
    ),
    form(
      { path: '/sign-out', access: 'operator', form: z.strictObject({}) },
      async (_form, { req, res }) => {
        const { caller } = exchangeOf(req)
        if (caller) await signIns.close(caller.sessionToken)
        clearSessionToken(res)
        res.setHeader('Clear-Site-Data', '"cache", "cookies", "storage"')
        return { to: '/sign-in' }
      },
      async ({ problem }) => ({ title: texts.signIn.title, main: <SignInPage problem={problem.message} /> }),
    ),
  ]
}

function SignInPage({ token, problem }: { token?: string | undefined; problem?: string }) {
  const { signIn: t } = useTexts()
  return (
    <section class="narrow card padded">
      <h1>{t.title}</h1>
      {problem === undefined ? null : (
        <div class="message bad" role="alert">
          <Icon name="alert" />
          <p>{problem}</p>
        </div>
      )}
      {token === undefined ? (
        <>
          <p>{t.how}</p>
          <pre>
            <code>{t.command}</code>
          </pre>
          <p>{t.then}</p>
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
