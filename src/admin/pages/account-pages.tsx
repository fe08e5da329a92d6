import { z } from 'zod'
import type { Principal } from '../../tenant/principal.ts'
import type { Session } from '../../tenant/session.ts'
import type { Passkey, User } from '../../tenant/user.ts'
import { codeField, emailField, labelField, passwordField } from '../api/people.ts'
import type { AdminDeps } from '../deps.ts'
import { confirmed } from './confirmed.tsx'
import { useTexts } from './context.ts'
import { same } from './joining-pages.tsx'
import { form, page, type Page, type Refusal, type Seen, type View } from './page.tsx'
import {
  Badge,
  Day,
  Foreign,
  FormProblem,
  Heading,
  NewPassword,
  newPasswordLabels,
  PasswordField,
  TextField,
  When,
} from './parts.tsx'
import { passkeyResponse, typedPasskeyResponse, PasskeyForm } from './passkey-form.tsx'
import { atField, byCode, refusalIn } from './refusals.ts'
import { Preferences } from './preferences.tsx'
import { SecondFactorPage, RecoveryCodesPage, SecretPage } from './second-factor-page.tsx'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'

const device = z.strictObject({ id: z.uuid() })
const passkey = z.strictObject({ id: z.string().regex(/^[A-Za-z0-9_-]{1,1400}$/) })
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567' // RFC 4648 §6
const named = z.strictObject({ name: labelField })
/** In base32, as it was shown. */
const secretField = z.string().regex(/^[A-Z2-7]{16,200}$/)

/** What somebody sees to of their own. */
export function accountPages(deps: AdminDeps): Page[] {
  const { accounts, users, passkeys, ceremonies, sessions } = deps

  const accountView = async (
    {
      principal,
      session,
      act,
      texts,
    }: Pick<Seen<unknown, unknown, 'signed-in'>, 'principal' | 'session' | 'act' | 'texts'>,
    refusal?: { of: 'password' | 'other'; refusal: Refusal },
  ): Promise<View> => {
    const { userId } = principal
    const user = userId === null ? undefined : await users.find(userId)
    return {
      title: texts.account.title,
      area: 'account',
      main: (
        <AccountPage
          user={user}
          recoveryCodes={user ? await users.countRecoveryCodes(user.id) : 0}
          passkeys={user ? await passkeys.list(user.id) : []}
          sessions={await sessions.list(userId, act.at)}
          present={session.id}
          refusal={refusal}
        />
      ),
    }
  }

  async function ownUser(texts: Texts, principal: Principal): Promise<User> {
    const user = await users.find(ownId(texts, principal))
    if (!user) throw new Error('a session is of no user')
    return user
  }

  const secondFactorView = async (texts: Texts, principal: Principal, refusal?: Refusal): Promise<View> => {
    const user = await ownUser(texts, principal)
    return {
      title: texts.secondFactor.title,
      area: 'account',
      main: <SecondFactorPage user={user} recoveryCodes={await users.countRecoveryCodes(user.id)} refusal={refusal} />,
    }
  }

  const secretView = (texts: Texts, shown: { secret: string; uri: string }, refusal?: Refusal): View => ({
    title: texts.secondFactor.title,
    area: 'account',
    main: <SecretPage {...shown} refusal={refusal} />,
  })

  const codesView = (texts: Texts, codes: readonly string[]): View => ({
    title: texts.secondFactor.codes,
    area: 'account',
    main: <RecoveryCodesPage codes={codes} />,
  })

  const newPasskeyView = async (texts: Texts, refusal?: Refusal): Promise<View> => ({
    title: texts.passkeys.add,
    area: 'account',
    main: <NewPasskeyPage refusal={refusal} />,
  })

  async function ownPasskey(texts: Texts, principal: Principal, id: string): Promise<Passkey> {
    const found = (await passkeys.list(ownId(texts, principal))).find((each) => each.id === id)
    if (!found) throw refusalIn(texts, 'not-found', texts.refusals.noPasskey)
    return found
  }

  const told = (text: string) => ({ to: '/account', notice: { text, warnings: [] } })

  return [
    page({ path: '/account', access: 'signed-in', isOwn: true }, (seen) => accountView(seen)),
    form(
      {
        path: '/account/password',
        standsOn: '/account',
        access: 'signed-in',
        isOwn: true,
        form: z.strictObject({ present: passwordField, password: passwordField, repeated: z.string().max(2000) }),
      },
      async ({ present, ...passwords }, { principal, session, act, texts }) => {
        const given = { present, password: same(texts, passwords), sessionId: session.id }
        await accounts.changePassword(ownId(texts, principal), given, act)
        return told(texts.account.passwordChanged)
      },
      (refusal, seen) => accountView(seen, { of: 'password', refusal }),
    ),

    ...confirmed(
      {
        path: '/account/email',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        form: z.strictObject({ email: emailField }),
      },
      async ({ principal, texts }, refusal) => {
        ownId(texts, principal)
        return {
          title: texts.changeEmail.title,
          lines: [texts.changeEmail.what],
          button: texts.changeEmail.button,
          isHarmless: true,
          back: '/account',
          area: 'account',
          fields: (
            <TextField
              name="email"
              label={texts.changeEmail.field}
              refusal={refusal && atField(refusal, byCode({ 'already-exists': 'email' }))}
              isRequired
              type="email"
              autocomplete="username"
            />
          ),
          labels: { email: texts.changeEmail.field },
        }
      },
      async ({ email: typed }, { principal, session, act, texts }) => {
        const given = { email: typed, by: 'owner', sessionId: session.id } as const
        const { email } = await accounts.changeEmail(ownId(texts, principal), given, act)
        return told(texts.changeEmail.done(email))
      },
    ),

    page({ path: '/account/second-factor', access: 'signed-in', isOwn: true, isGrave: true }, ({ principal, texts }) =>
      secondFactorView(texts, principal),
    ),
    form(
      { path: '/account/second-factor', access: 'signed-in', isOwn: true, isGrave: true, form: z.strictObject({}) },
      async (_form, { principal, act, texts }) => ({
        shown: secretView(texts, await accounts.beginTotp(ownId(texts, principal), act)),
      }),
      (refusal, { principal, texts }) => secondFactorView(texts, principal, refusal),
    ),
    form(
      {
        path: '/account/second-factor/confirm',
        standsOn: '/account/second-factor',
        access: 'signed-in',
        isOwn: true,
        form: z.strictObject({ code: codeField.trim(), secret: secretField }),
      },
      async ({ code }, { principal, session, act, texts }) => ({
        shown: codesView(
          texts,
          await accounts.confirmTotp(ownId(texts, principal), { code, sessionId: session.id }, act),
        ),
      }),
      async (refusal, { principal, texts }) => {
        // The secret was shown once, and the form brings it back
        const secret = secretField.safeParse(refusal.typed['secret'])
        const isCodeWrong = ['sign-in-refused', 'malformed-request'].includes(refusal.problem.code)
        if (!isCodeWrong || !secret.success) return secondFactorView(texts, principal, refusal)
        const { email } = await ownUser(texts, principal)
        return secretView(texts, await accounts.showTotp(email, fromBase32(secret.data)), refusal)
      },
    ),
    ...confirmed(
      { path: '/account/second-factor/codes', access: 'signed-in', isOwn: true, isGrave: true },
      async ({ texts }) => ({
        title: texts.secondFactor.renew,
        lines: [texts.secondFactor.renewWhat],
        button: texts.secondFactor.renew,
        back: '/account/second-factor',
        area: 'account',
      }),
      async (_form, { principal, act, texts }) => ({
        shown: codesView(texts, await accounts.renewRecoveryCodes(ownId(texts, principal), act)),
      }),
    ),
    ...confirmed(
      { path: '/account/second-factor/remove', access: 'signed-in', isOwn: true, isGrave: true },
      async ({ texts }) => ({
        title: texts.secondFactor.removeTitle,
        lines: [texts.secondFactor.removeWhat],
        button: texts.secondFactor.remove,
        back: '/account/second-factor',
        area: 'account',
      }),
      async (_form, { principal, session, act, texts }) => {
        await accounts.removeTotp(ownId(texts, principal), { sessionId: session.id }, act)
        return told(texts.secondFactor.removed)
      },
    ),

    page(
      { path: '/account/passkeys', access: 'signed-in', isOwn: true, isGrave: true },
      async ({ principal, texts }) => {
        ownId(texts, principal)
        return newPasskeyView(texts)
      },
    ),
    form(
      {
        path: '/account/passkeys',
        access: 'signed-in',
        isOwn: true,
        isGrave: true,
        form: z.strictObject({ ...named.shape, response: passkeyResponse }),
      },
      async ({ name, response }, { principal, session, act, texts }) => {
        const user = await ownUser(texts, principal)
        await ceremonies.register(user, name, typedPasskeyResponse(texts, response), act)
        await sessions.closeAll(user.id, act, session.id)
        return told(texts.passkeys.added(name))
      },
      (refusal, { texts }) => newPasskeyView(texts, refusal),
    ),
    form(
      {
        path: '/account/passkeys/:id/rename',
        standsOn: '/account',
        access: 'signed-in',
        isOwn: true,
        params: passkey,
        form: named,
      },
      async ({ name }, { principal, params: { id }, act, texts }) => {
        await passkeys.rename(ownId(texts, principal), id, name, act)
        return told(texts.account.renamed(name))
      },
      (refusal, seen) => accountView(seen, { of: 'other', refusal }),
    ),
    ...confirmed(
      { path: '/account/passkeys/:id/remove', access: 'signed-in', isOwn: true, isGrave: true, params: passkey },
      async ({ principal, params: { id }, texts }) => ({
        title: texts.passkeys.removeTitle((await ownPasskey(texts, principal, id)).name),
        lines: [texts.passkeys.removeWhat],
        button: texts.remove,
        back: '/account',
        area: 'account',
      }),
      async (_form, { principal, session, params: { id }, act, texts }) => {
        const { name, userId } = await ownPasskey(texts, principal, id)
        await passkeys.remove(userId, id, act)
        await sessions.closeAll(userId, act, session.id)
        return told(texts.passkeys.removed(name))
      },
    ),

    form(
      {
        path: '/account/sessions/:id/rename',
        standsOn: '/account',
        access: 'signed-in',
        isOwn: true,
        params: device,
        form: named,
      },
      async ({ name }, { principal, params: { id }, act, texts }) => {
        await sessions.rename(principal.userId, id, name, act)
        return told(texts.account.renamed(name))
      },
      (refusal, seen) => accountView(seen, { of: 'other', refusal }),
    ),
    form(
      {
        path: '/account/sessions/:id/end',
        standsOn: '/account',
        access: 'signed-in',
        isOwn: true,
        params: device,
        form: z.strictObject({}),
      },
      async (_form, { principal, session, params: { id }, act, texts }) => {
        await sessions.close(principal.userId, id, act)
        return id === session.id ? { to: '/sign-in', session: null } : told(texts.account.ended)
      },
      (refusal, seen) => accountView(seen, { of: 'other', refusal }),
    ),
    form(
      {
        path: '/account/sessions/end-others',
        standsOn: '/account',
        access: 'signed-in',
        isOwn: true,
        form: z.strictObject({}),
      },
      async (_form, { principal, session, act, texts }) => {
        const { userId } = principal
        // The operator of the machine has no account that all hang on
        const others = (await sessions.list(userId, act.at)).filter(({ id }) => id !== session.id)
        if (userId !== null) await sessions.closeAll(userId, act, session.id)
        else for (const { id } of others) await sessions.close(null, id, act)
        return told(texts.account.endedOthers(others.length))
      },
      (refusal, seen) => accountView(seen, { of: 'other', refusal }),
    ),
  ]
}

function fromBase32(text: string): Uint8Array {
  const bits = Array.from(text, (letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => parseInt(byte, 2))
}

/** @throws ProblemError not-found: the operator of the machine has no account */
function ownId(texts: Texts, { userId }: Principal): string {
  if (userId === null) throw refusalIn(texts, 'not-found', texts.account.noneOfMachine)
  return userId
}

interface AccountProps {
  user: User | undefined // undefined: the operator of the machine
  recoveryCodes: number
  passkeys: Passkey[]
  sessions: Session[]
  present: string // the id of the session that asks
  refusal: { of: 'password' | 'other'; refusal: Refusal } | undefined
}

function AccountPage({ user, recoveryCodes, passkeys, sessions, present, refusal }: AccountProps) {
  const all = useTexts()
  const { account: t, fields } = all
  const ofPassword = refusal?.of === 'password' ? refusal.refusal : undefined
  return (
    <>
      <Heading title={t.title} lead={user ? user.email : t.ofMachine}>
        {user ? (
          <a class="button" href="/account/email">
            {all.changeEmail.title}
          </a>
        ) : null}
      </Heading>
      {refusal?.of === 'other' ? <FormProblem refusal={refusal.refusal} fields={{ name: fields.name }} /> : null}
      {user ? (
        <>
          <section class="card" aria-labelledby="second-factor">
            <div class="card-head">
              <h2 id="second-factor">{all.secondFactor.title}</h2>
              <p>{all.secondFactor.lead}</p>
            </div>
            <div class="padded row">
              {user.hasTotp ? (
                <Badge tone="good" icon="check">
                  {all.secondFactor.isOn}
                </Badge>
              ) : (
                <Badge tone="wait" icon="alert">
                  {all.secondFactor.isOff}
                </Badge>
              )}
              {user.hasTotp ? <span class="quiet-text">{all.secondFactor.codesLeft(recoveryCodes)}</span> : null}
              <a class="button" href="/account/second-factor">
                {user.hasTotp ? all.secondFactor.change : all.secondFactor.begin}
              </a>
            </div>
          </section>
          <section class="card" aria-labelledby="passkeys">
            <div class="card-head">
              <h2 id="passkeys">{all.passkeys.title}</h2>
              <p>{all.passkeys.lead}</p>
            </div>
            {passkeys.length > 0 ? (
              <ul class="rows">
                {passkeys.map(({ id, name, createdAt, lastUsedAt }) => (
                  <li key={id}>
                    <div>
                      <strong>
                        <Foreign text={name} />
                      </strong>
                      <p class="quiet-text">
                        {t.since} <Day at={createdAt} />
                        {lastUsedAt ? (
                          <>
                            {' · '}
                            {t.used} <When at={lastUsedAt} />
                          </>
                        ) : null}
                      </p>
                    </div>
                    <div class="row-actions">
                      <Rename action={`/account/passkeys/${id}/rename`} name={name} id={`passkey-${id}`} />
                      <a class="button small" href={`/account/passkeys/${id}/remove`}>
                        {all.remove}
                        <span class="visually-hidden"> {visible(name)}</span>
                      </a>
                    </div>
                  </li>
                ))}
              </ul>
            ) : null}
            <div class="padded">
              <a class="button" href="/account/passkeys">
                {all.passkeys.add}
              </a>
            </div>
          </section>
          <section class="card padded" aria-labelledby="password-title">
            <h2 id="password-title">{t.password}</h2>
            <form method="post" action="/account/password" class="stack">
              <FormProblem refusal={ofPassword} fields={{ present: fields.present, ...newPasswordLabels(fields) }} />
              <input type="hidden" autocomplete="username" value={user.email} />
              <PasswordField
                name="present"
                label={fields.present}
                refusal={ofPassword}
                autocomplete="current-password"
              />
              <NewPassword refusal={ofPassword} />
              <p class="hint">{t.passwordEnds}</p>
              <button type="submit">{t.changePassword}</button>
            </form>
          </section>
        </>
      ) : null}
      <section class="card padded" aria-labelledby="preferences">
        <h2 id="preferences">{all.preferences.title}</h2>
        <Preferences />
      </section>
      <section class="card" aria-labelledby="sessions">
        <div class="card-head">
          <h2 id="sessions">{t.sessions}</h2>
          <p>{user ? t.sessionsLead : t.sessionsLeadOfMachine}</p>
        </div>
        <ul class="rows">
          {sessions.map(({ id, name, address, seenAt, stage }) => (
            <li key={id}>
              <div>
                <strong>
                  <Foreign text={name} />
                </strong>{' '}
                {id === present ? (
                  <Badge tone="good" icon="check">
                    {t.thisOne}
                  </Badge>
                ) : null}
                <p class="quiet-text">
                  {address ?? t.noAddress} · {stage === 'complete' ? t.seen : t.halfway} <When at={seenAt} />
                </p>
              </div>
              <div class="row-actions">
                <Rename action={`/account/sessions/${id}/rename`} name={name} id={`session-${id}`} />
                <form method="post" action={`/account/sessions/${id}/end`}>
                  <button type="submit" class="small">
                    {t.end}
                    <span class="visually-hidden"> {visible(name)}</span>
                  </button>
                </form>
              </div>
            </li>
          ))}
        </ul>
        {sessions.length > 1 ? (
          <form method="post" action="/account/sessions/end-others" class="padded">
            <button type="submit" class="danger">
              {t.endOthers}
            </button>
          </form>
        ) : null}
      </section>
    </>
  )
}

/** Folded away until it is asked for: names are seldom changed. */
function Rename({ action, name, id }: { action: string; name: string; id: string }) {
  const t = useTexts()
  return (
    <details class="rename">
      <summary class="button small">
        {t.rename}
        <span class="visually-hidden"> {visible(name)}</span>
      </summary>
      <form method="post" action={action}>
        <label class="visually-hidden" for={id}>
          {t.fields.name}
        </label>
        <input type="text" id={id} name="name" value={name} maxLength={100} required />
        <button type="submit" class="small">
          {t.save}
        </button>
      </form>
    </details>
  )
}

function NewPasskeyPage({ refusal }: { refusal: Refusal | undefined }) {
  const { passkeys: t, account, cancel } = useTexts()
  return (
    <>
      <Heading within={{ href: '/account', title: account.title }} title={t.add} lead={t.addLead} />
      <section class="card padded stack">
        <FormProblem refusal={refusal} fields={{ name: t.name }} />
        <PasskeyForm action="/account/passkeys" options="/api/v1/account/passkey-options" button={t.addButton} isNew>
          <TextField name="name" label={t.name} hint={t.nameHint} refusal={refusal} isRequired />
        </PasskeyForm>
        <p>
          <a href="/account">{cancel}</a>
        </p>
      </section>
    </>
  )
}
