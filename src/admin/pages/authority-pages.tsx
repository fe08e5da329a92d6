import { z } from 'zod'
import { KNOWN_DIRECTORIES } from '../../acme/known-directories.ts'
import type { AuthorityReport } from '../../acme/authorities.ts'
import { isPaused } from '../../acme/authority-choice.ts'
import type { Authority } from '../../acme/authority.ts'
import type { Budget } from '../../acme/budget.ts'
import { authorityNameField, KEY_TYPES, nextRank, warningsOf } from '../api/authority-routes.ts'
import { requireGrave } from '../api/route.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { line } from '../input.ts'
import { confirmed } from './confirmed.tsx'
import { useNow, useTexts } from './context.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import {
  Badge,
  Check,
  Choice,
  ColumnHeads,
  Day,
  Empty,
  Field,
  Foreign,
  FormProblem,
  Heading,
  PasswordField,
  TextField,
  When,
} from './parts.tsx'
import { atField, byCode } from './refusals.ts'
import { Said, inEnglish } from './said.tsx'
import type { Texts } from './texts.ts'

const typed = (most: number) => line(most).trim()
const typedRank = z
  .string()
  .trim()
  .max(10)
  .transform((text) => (text === '' ? undefined : Number(text)))
  .pipe(z.int().min(0).max(1000).optional())
const isChecked = z.literal('yes').optional()

const changeable = {
  rank: typedRank,
  contact: typed(1000).transform(contactsOf),
  profile: typed(100),
  isRequired: isChecked,
  keyType: z.enum(KEY_TYPES),
  preferredChain: typed(200).transform((name) => (name === '' ? null : name)),
}
const addForm = z.strictObject({
  ...changeable,
  name: authorityNameField,
  directoryUrl: typed(2000),
  eabKeyId: typed(1000),
  eabKey: typed(2000),
  caPem: z.string().max(50_000).trim(),
  agreesToTerms: isChecked,
})
const one = z.strictObject({ name: authorityNameField })

export function authorityPages(deps: AdminDeps, find: LookUps): Page[] {
  const { authorities, accountKeeping, budget, config } = deps

  const listView = async (texts: Texts, refusal?: Refusal): Promise<View> => ({
    title: texts.authorities.title,
    area: 'authorities',
    main: <AuthoritiesPage authorities={await authorities.list()} refusal={refusal} />,
  })

  const authorityView = async (
    name: string,
    now: Date,
    { report, refusal }: { report?: AuthorityReport; refusal?: Refusal } = {},
  ): Promise<View> => {
    const authority = await find.authority(name)
    return {
      title: authority.name,
      area: 'authorities',
      main: (
        <AuthorityPage
          authority={authority}
          standing={await budget.standing(authority.id, now)}
          report={report}
          refusal={refusal}
        />
      ),
    }
  }

  const told = (name: string, text: string) => ({ to: authorityPath(name), notice: { text, warnings: [] } })

  return [
    page({ path: '/authorities', access: 'operator' }, ({ texts }) => listView(texts)),
    form(
      { path: '/authorities', access: 'operator', form: addForm },
      async ({ rank, profile, isRequired, ...wish }, { principal, act, texts }) => {
        requireGrave(principal, act.at)
        const { name } = await accountKeeping.add(
          {
            ...{ name: wish.name, contact: wish.contact, keyType: wish.keyType },
            preferredChain: wish.preferredChain,
            directoryUrl: wish.directoryUrl === '' ? (KNOWN_DIRECTORIES[wish.name] ?? '') : wish.directoryUrl,
            rank: rank ?? (await nextRank(deps)),
            profile: profileOf(profile, isRequired),
            eabKeyId: wish.eabKeyId === '' ? null : wish.eabKeyId,
            eabKey: wish.eabKey === '' ? null : wish.eabKey,
            caPem: wish.caPem === '' ? null : wish.caPem,
            agreesToTerms: wish.agreesToTerms === 'yes',
          },
          act,
        )
        return {
          to: authorityPath(name),
          notice: { text: texts.authorities.added(name), warnings: warningsOf(config).map(inEnglish) },
        }
      },
      (refusal, { texts }) => listView(texts, atField(refusal, byCode({ 'already-exists': 'name' }))),
    ),
    page({ path: '/authorities/:name', access: 'operator', params: one }, ({ params: { name }, act }) =>
      authorityView(name, act.at),
    ),
    form(
      {
        path: '/authorities/:name/test',
        standsOn: '/authorities/:name',
        access: 'operator',
        params: one,
        form: z.strictObject({}),
      },
      async (_form, { params: { name }, act }) => ({
        shown: await authorityView(name, act.at, { report: await accountKeeping.test(name) }),
      }),
      (refusal, { params: { name }, act }) => authorityView(name, act.at, { refusal }),
    ),
    form(
      {
        path: '/authorities/:name/resume',
        standsOn: '/authorities/:name',
        access: 'operator',
        params: one,
        form: z.strictObject({}),
      },
      async (_form, { params: { name }, act, texts }) => {
        await accountKeeping.resume(name, act)
        return told(name, texts.authorities.resumed(name))
      },
      (refusal, { params: { name }, act }) => authorityView(name, act.at, { refusal }),
    ),
    form(
      {
        path: '/authorities/:name/change',
        standsOn: '/authorities/:name',
        access: 'operator',
        params: one,
        form: z.strictObject(changeable),
      },
      async ({ rank, profile, isRequired, ...terms }, { params: { name }, principal, act, texts }) => {
        requireGrave(principal, act.at)
        const wish = { ...terms, profile: profileOf(profile, isRequired), ...(rank !== undefined && { rank }) }
        await accountKeeping.update(name, wish, act)
        return told(name, texts.authorities.changed(name))
      },
      (refusal, { params: { name }, act }) => authorityView(name, act.at, { refusal }),
    ),
    ...confirmed(
      { path: '/authorities/:name/change-key', access: 'operator', isGrave: true, params: one },
      async ({ params, texts }) => {
        const { name } = await find.authority(params.name)
        return {
          title: texts.authorities.changeKeyTitle(name),
          lines: [texts.authorities.changeKeyWhat],
          button: texts.authorities.changeKey,
          back: authorityPath(name),
          area: 'authorities',
        }
      },
      async (_form, { params: { name }, act, texts }) => {
        await accountKeeping.changeAccountKey(name, act)
        return told(name, texts.authorities.keyChanged(name))
      },
    ),
    ...confirmed(
      { path: '/authorities/:name/remove', access: 'operator', isGrave: true, params: one },
      async ({ params, texts }) => {
        const { name } = await find.authority(params.name)
        return {
          title: texts.authorities.removeTitle(name),
          lines: [texts.authorities.removeWhat, texts.authorities.removeKey],
          button: texts.remove,
          back: authorityPath(name),
          area: 'authorities',
        }
      },
      async (_form, { params: { name }, act, texts }) => {
        await accountKeeping.remove(name, act)
        return { to: '/authorities', notice: { text: texts.authorities.removed(name), warnings: [] } }
      },
    ),
  ]
}

function authorityPath(name: string): string {
  return `/authorities/${name}`
}

/** Addresses as people write them, and as ACME wants them. */
function contactsOf(text: string): string[] {
  const addresses = text.split(/[\s,;]+/).filter(Boolean)
  return addresses.map((one) => (one.startsWith('mailto:') ? one : `mailto:${one}`))
}

function profileOf(name: string, isRequired: 'yes' | undefined): Authority['profile'] {
  return name === '' ? null : { name, isRequired: isRequired === 'yes' }
}

function addressesOf({ contact }: Pick<Authority, 'contact'>): string {
  return contact.map((url) => url.replace(/^mailto:/, '')).join(', ')
}

function State({ authority }: { authority: Authority }) {
  const { authorities: t } = useTexts()
  return isPaused(authority, useNow()) ? (
    <Badge tone="wait" icon="clock">
      {t.paused}
    </Badge>
  ) : (
    <Badge tone="good" icon="check">
      {t.inUse}
    </Badge>
  )
}

function AuthoritiesPage(props: { authorities: Authority[]; refusal: Refusal | undefined }) {
  const { authorities, refusal } = props
  const { authorities: t } = useTexts()
  return (
    <>
      <Heading title={t.title} lead={t.lead} />
      <section class="card" aria-label={t.title}>
        {authorities.length === 0 ? (
          <Empty title={t.emptyTitle}>
            <p>{t.empty}</p>
          </Empty>
        ) : (
          <table class="list">
            <caption class="visually-hidden">{t.title}</caption>
            <ColumnHeads columns={[t.name, t.rank, t.state, t.directory]} />
            <tbody>
              {authorities.map((authority) => (
                <tr key={authority.id}>
                  <th scope="row">
                    <a href={authorityPath(authority.name)}>{authority.name}</a>
                  </th>
                  <td data-label={t.rank}>{authority.rank}</td>
                  <td data-label={t.state}>
                    <State authority={authority} />
                  </td>
                  <td data-label={t.directory}>
                    <Foreign text={authority.directoryUrl} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      <section class="card padded" aria-labelledby="add">
        <h2 id="add">{t.add}</h2>
        <AddForm refusal={refusal} />
      </section>
    </>
  )
}

function labels(t: Texts['authorities']): Record<string, string> {
  return {
    ...{ name: t.name, directoryUrl: t.directory, contact: t.contact, agreesToTerms: t.agree },
    ...{ eabKeyId: t.eabKeyId, eabKey: t.eabKey, caPem: t.caPem, profile: t.profile, keyType: t.keyType, rank: t.rank },
    preferredChain: t.preferredChain,
  }
}

const RARE = ['eabKeyId', 'eabKey', 'caPem', 'profile', 'isRequired', 'preferredChain', 'rank']

function AddForm({ refusal }: { refusal: Refusal | undefined }) {
  const { authorities: t } = useTexts()
  const isRareTyped = RARE.some((name) => (refusal?.typed[name] ?? '') !== '')
  const isRareFaulty = refusal?.problem.fields.some(({ pointer }) => RARE.includes(pointer.slice(1))) ?? false
  return (
    <form method="post" action="/authorities" class="stack">
      <FormProblem refusal={refusal} fields={labels(t)} />
      <TextField
        {...{ name: 'name', label: t.name, hint: t.nameHint, refusal, isRequired: true }}
        suggestions={Object.keys(KNOWN_DIRECTORIES)}
      />
      <TextField {...{ name: 'directoryUrl', label: t.directory, hint: t.directoryHint, refusal }} inputMode="url" />
      <TextField {...{ name: 'contact', label: t.contact, hint: t.contactHint, refusal }} />
      <details open={isRareTyped || isRareFaulty}>
        <summary>{t.more}</summary>
        <div class="stack">
          <TextField {...{ name: 'eabKeyId', label: t.eabKeyId, hint: t.eabHint, refusal }} />
          <PasswordField {...{ name: 'eabKey', label: t.eabKey, refusal, isOptional: true }} autocomplete="off" />
          <Field
            {...{ name: 'caPem', label: t.caPem, hint: t.caHint, refusal }}
            control={(attributes) => (
              <textarea
                {...attributes}
                rows={6}
                class="pem"
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
              >
                {refusal?.typed['caPem'] ?? ''}
              </textarea>
            )}
          />
          <TermsFields refusal={refusal} />
        </div>
      </details>
      <Check name="agreesToTerms" label={t.agree} refusal={refusal} />
      <button type="submit" class="primary">
        {t.addButton}
      </button>
    </form>
  )
}

/** What can be changed of one that is there, too. */
function TermsFields({ authority, refusal }: { authority?: Authority; refusal: Refusal | undefined }) {
  const { authorities: t } = useTexts()
  return (
    <>
      <TextField
        {...{ name: 'profile', label: t.profile, hint: t.profileHint, refusal }}
        value={authority?.profile?.name}
      />
      <Check
        name="isRequired"
        label={t.isRequired}
        refusal={refusal}
        isChecked={authority?.profile?.isRequired === true}
      />
      <Choice
        {...{ name: 'keyType', label: t.keyType, refusal, isRequired: true, value: authority?.keyType ?? 'ec-p256' }}
        options={KEY_TYPES.map((type) => [type, t.keyTypes[type]] as const)}
      />
      <TextField
        {...{ name: 'preferredChain', label: t.preferredChain, hint: t.preferredChainHint, refusal }}
        value={authority?.preferredChain ?? undefined}
      />
      <TextField
        {...{ name: 'rank', label: t.rank, hint: authority ? t.rankHintOfPresent : t.rankHint, refusal }}
        value={authority === undefined ? '' : String(authority.rank)}
        inputMode="numeric"
      />
    </>
  )
}

function AuthorityPage(props: {
  authority: Authority
  standing: Awaited<ReturnType<Budget['standing']>>
  report: AuthorityReport | undefined
  refusal: Refusal | undefined
}) {
  const { authority, standing, report, refusal } = props
  const all = useTexts()
  const t = all.authorities
  const path = authorityPath(authority.name)
  return (
    <>
      <Heading
        within={{ href: '/authorities', title: t.title }}
        title={authority.name}
        lead={<State authority={authority} />}
      >
        <a class="button" href={`${path}/change-key`}>
          {t.changeKey}
        </a>
        <a class="button danger" href={`${path}/remove`}>
          {all.remove}
        </a>
      </Heading>
      <section class="card padded stack" aria-label={authority.name}>
        <AuthorityFacts authority={authority} />
        {isPaused(authority, useNow()) ? (
          <form method="post" action={`${path}/resume`}>
            <p class="quiet-text">{t.resumeLead}</p>
            <button type="submit">{t.resume}</button>
          </form>
        ) : null}
        <form method="post" action={`${path}/test`}>
          <p class="quiet-text">{t.testLead}</p>
          <button type="submit">{t.test}</button>
        </form>
        {report ? <Report report={report} /> : null}
      </section>
      {standing.length > 0 ? (
        <section class="card padded" aria-labelledby="budget">
          <h2 id="budget">{t.budget}</h2>
          <dl class="facts">
            {standing.map(({ limit, of, left }) => (
              <div key={limit}>
                <dt>{t.limits[limit]}</dt>
                <dd>{t.left(left, of.count, of.periodMs / 1000)}</dd>
              </div>
            ))}
          </dl>
        </section>
      ) : null}
      <section class="card padded" aria-labelledby="change">
        <h2 id="change">{t.change}</h2>
        <form method="post" action={`${path}/change`} class="stack">
          <FormProblem refusal={refusal} fields={labels(t)} />
          <TextField
            {...{ name: 'contact', label: t.contact, hint: t.contactHint, refusal }}
            value={addressesOf(authority)}
          />
          <TermsFields authority={authority} refusal={refusal} />
          <button type="submit">{all.save}</button>
        </form>
      </section>
    </>
  )
}

function AuthorityFacts({ authority }: { authority: Authority }) {
  const { authorities: t } = useTexts()
  const { directoryUrl, accountUrl, caPem, eabKeyId, termsOfService, profile, keyType, preferredChain, createdAt } =
    authority
  const { pausedUntil, pauseReason } = authority
  const urls: [string, string][] = [
    [t.directory, directoryUrl],
    [t.account, accountUrl ?? t.none],
    [t.terms, termsOfService ?? t.noTerms],
  ]
  const facts: [string, string][] = [
    [t.trust, caPem === null ? t.usualRoots : t.ownRoots],
    ...(eabKeyId === null ? [] : [[t.eabKeyId, eabKeyId] as [string, string]]),
    [t.profile, profile === null ? t.anyProfile : profile.name + (profile.isRequired ? `, ${t.required}` : '')],
    [t.keyType, t.keyTypes[keyType]],
    ...(preferredChain === null ? [] : [[t.preferredChain, preferredChain] as [string, string]]),
  ]
  return (
    <dl class="facts">
      {isPaused(authority, useNow()) && pausedUntil ? (
        <div class="wide">
          <dt>{t.pausedUntil}</dt>
          <dd>
            <When at={pausedUntil} />: <Said words={inEnglish(pauseReason ?? '')} most={2000} />
          </dd>
        </div>
      ) : null}
      {urls.map(([label, value]) => (
        <div key={label} class="wide">
          <dt>{label}</dt>
          <dd>{label === t.terms ? <Terms url={termsOfService} /> : <Foreign text={value} />}</dd>
        </div>
      ))}
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            <Foreign text={value} />
          </dd>
        </div>
      ))}
      <div>
        <dt>{t.since}</dt>
        <dd>
          <Day at={createdAt} />
        </dd>
      </div>
    </dl>
  )
}

/** It may have any scheme: only what a browser opens safely is a link. */
function Terms({ url }: { url: string | null }) {
  const { authorities: t } = useTexts()
  if (url === null) return <>{t.noTerms}</>
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:') return <Foreign text={url} />
  return (
    <a href={url} rel="noreferrer">
      <Foreign text={url} />
    </a>
  )
}

/** All of it but the labels is the authority's own words. */
function Report({ report: { fault, directory, accountUrl } }: { report: AuthorityReport }) {
  const { authorities: t } = useTexts()
  const profiles = Object.entries(directory?.profiles ?? {})
  return (
    <div class="stack" role="status">
      <h2>{t.found}</h2>
      <p>
        {fault === null ? (
          <Badge tone="good" icon="check">
            {t.well}
          </Badge>
        ) : (
          <Said words={inEnglish(fault)} />
        )}
      </p>
      <dl class="facts">
        <div>
          <dt>{t.directory}</dt>
          <dd>{directory === null ? t.silent : t.answers}</dd>
        </div>
        <div>
          <dt>{t.account}</dt>
          <dd>{accountUrl === null ? t.noAccount : t.answers}</dd>
        </div>
        {directory === null ? null : (
          <div>
            <dt>{t.renewalInfo}</dt>
            <dd>{directory.renewalInfo === null ? t.suggestsNone : t.suggests}</dd>
          </div>
        )}
        {profiles.length === 0 ? null : (
          <div class="wide">
            <dt>{t.profiles}</dt>
            <dd>
              <ul>
                {profiles.map(([name, description]) => (
                  <li key={name}>
                    <Foreign text={`${name}: ${description}`} />
                  </li>
                ))}
              </ul>
            </dd>
          </div>
        )}
      </dl>
    </div>
  )
}
