import type { ComponentChildren, VNode } from 'preact'
import type { LineageCertificate } from '../../certificate/lineage.ts'
import { stateAt } from '../../certificate/rollover.ts'
import { displayName, type DomainName } from '../../name.ts'
import type { FieldProblem, ProblemError } from '../../problem.ts'
import { useNow, useTexts } from './context.ts'
import { Icon, type IconName } from './icons.tsx'
import type { Refusal } from './page.tsx'
import { inReadersLanguage, Said, wordsOfProblem, type Words } from './said.tsx'
import type { Texts } from './texts.ts'
import { visible } from './visible.ts'

/** A stranger's text, such as a certificate's subject: isolated, cut off, and with nothing in it that cannot be seen. */
export function Foreign({ text }: { text: string }) {
  return <bdi class="foreign">{visible(text)}</bdi>
}

/** The top of a page. `within` is the page above it; the children are what can be done here. */
export function Heading(props: {
  within?: { href: string; title: string }
  title: ComponentChildren
  lead: ComponentChildren
  children?: ComponentChildren
}) {
  const { within, title, lead, children } = props
  return (
    <div class="heading">
      <div>
        {within && (
          <p class="crumbs">
            <a href={within.href}>{within.title}</a>
          </p>
        )}
        <h1>{title}</h1>
        <p class="lead">{lead}</p>
      </div>
      {children && <div class="heading-actions">{children}</div>}
    </div>
  )
}

/** A DNS name for people, its A-labels beside it where it has others. */
export function Name({ name }: { name: DomainName }) {
  const shown = displayName(name)
  if (shown === name) return <span class="name">{name}</span>
  return (
    <span class="name">
      <bdi>{visible(shown)}</bdi> <small class="a-label">{name}</small>
    </span>
  )
}

/** "in 3 days", with the exact instant in the title. */
export function When({ at }: { at: Date }) {
  const t = useTexts()
  const now = useNow()
  return (
    <time dateTime={at.toISOString()} title={at.toISOString()}>
      {t.relative(at, now)}
    </time>
  )
}

export function Day({ at }: { at: Date }) {
  const { day } = useTexts()
  return (
    <time dateTime={at.toISOString()} title={at.toISOString()}>
      {day(at)}
    </time>
  )
}

export type Tone = 'good' | 'wait' | 'bad' | 'plain'

/** A state is said by a word, a sign and a colour. */
export function Badge({ tone, icon, children }: { tone: Tone; icon: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge ${tone}`}>
      <Icon name={icon} />
      {children}
    </span>
  )
}

export function CertificateState({ certificate }: { certificate: LineageCertificate }) {
  const { certificates: t } = useTexts()
  const now = useNow()
  const state = stateAt(certificate, now)
  if (state !== 'retired' && certificate.notAfter <= now)
    return (
      <Badge tone="bad" icon="alert">
        {t.expired}
      </Badge>
    )
  switch (state) {
    case 'active':
      return (
        <Badge tone="good" icon="check">
          {t.states.active}
        </Badge>
      )
    case 'staged':
    case 'retiring':
      return (
        <Badge tone="wait" icon="clock">
          {t.states[state]}
        </Badge>
      )
    case 'retired':
      return (
        <Badge tone="plain" icon="stop">
          {t.states.retired}
        </Badge>
      )
  }
}

/** A text in fixed width with a button that copies it. */
export function Copyable({ text, label }: { text: string; label: string }) {
  return (
    <span class="copyable">
      <code>{visible(text, 5000)}</code>
      <CopyButton text={text} label={label} />
    </span>
  )
}

/** It appears where there is a script to serve it. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const t = useTexts()
  return (
    <button type="button" class="icon-button" data-copy={text} data-copied={t.copied} hidden aria-label={t.copy(label)}>
      <Icon name="copy" />
    </button>
  )
}

/** @param props.links what is to be done about a warning: address and text, by the warning's own words */
export function Warnings(props: {
  title: string
  warnings: readonly Words[]
  links?: Readonly<Record<string, readonly [href: string, text: string]>>
}) {
  const { title, warnings, links = {} } = props
  if (warnings.length === 0) return null
  return (
    <div class="message wait">
      <Icon name="alert" />
      <div>
        <p>
          <strong>{title}</strong>
        </p>
        <ul>
          {warnings.map((warning, index) => (
            <li key={index}>
              <Said words={warning} />{' '}
              <Link to={typeof warning === 'string' && Object.hasOwn(links, warning) ? links[warning] : undefined} />
            </li>
          ))}
        </ul>
      </div>
    </div>
  )
}

function Link({ to }: { to: readonly [href: string, text: string] | undefined }) {
  return to === undefined ? null : <a href={to[0]}>{to[1]}</a>
}

/**
 * The problem of a form, for what belongs to no field of it and as a summary of what does.
 * @param props.fields the form's labels, by the names of its fields
 */
export function FormProblem(props: { refusal: Refusal | undefined; fields?: Readonly<Record<string, string>> }) {
  const t = useTexts()
  const { refusal, fields = {} } = props
  if (!refusal) return null
  const { problem, confirmAt } = refusal
  const atFields = problem.fields.map(placed).filter(({ name }) => Object.hasOwn(fields, name))
  return (
    <div class="message bad" role="alert" tabIndex={-1} id="problem">
      <Icon name="alert" />
      <div>
        {atFields.length > 0 ? (
          <>
            <p>
              <strong>{t.pleaseMend}</strong>
            </p>
            <ul>
              {atFields.map((fault, index) => (
                <li key={index}>
                  <a href={`#${fault.name}`}>{fields[fault.name]}</a>
                  {': '}
                  <FaultWords fault={fault} isClause />
                </li>
              ))}
            </ul>
          </>
        ) : confirmAt === undefined ? (
          <ProblemWords problem={problem} />
        ) : (
          <p>
            {t.confirm.isGrave}{' '}
            <a href={confirmAt} target="_blank">
              {t.confirm.first}
            </a>{' '}
            {t.confirm.thenSend}
          </p>
        )}
      </div>
    </div>
  )
}

export interface FieldProps {
  name: string
  label: string
  hint?: ComponentChildren
  refusal?: Refusal | undefined
  isRequired?: boolean
}

/** A label, its control, a hint, and what is wrong with it. */
export function Field({
  name,
  label,
  hint,
  refusal,
  isRequired,
  control,
}: FieldProps & {
  control: (attributes: {
    id: string
    name: string
    'aria-describedby'?: string
    'aria-invalid'?: 'true'
    required?: boolean
  }) => VNode
}) {
  const t = useTexts()
  const faults = faultsAt(refusal?.problem, name)
  const isFaulty = faults.length > 0
  const described = [hint ? `${name}-hint` : '', isFaulty ? `${name}-fault` : ''].filter(Boolean).join(' ')
  return (
    <div class={isFaulty ? 'field faulty' : 'field'}>
      <label for={name}>
        {label}
        {isRequired ? null : <small class="optional">{t.optional}</small>}
      </label>
      {hint ? (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      ) : null}
      {control({
        id: name,
        name,
        ...(described ? { 'aria-describedby': described } : {}),
        ...(isFaulty ? { 'aria-invalid': 'true' } : {}),
        ...(isRequired ? { required: true } : {}),
      })}
      <Faults of={name} faults={faults} />
    </div>
  )
}

function Faults({ of, faults }: { of: string; faults: readonly PlacedFault[] }) {
  if (faults.length === 0) return null
  return (
    <p class="fault" id={`${of}-fault`}>
      <Icon name="alert" />
      <span>
        {faults.map((fault, index) => (
          <>
            {index > 0 ? '; ' : null}
            <FaultWords fault={fault} isClause={index > 0} />
          </>
        ))}
      </span>
    </p>
  )
}

/** @param props.isClause it goes on with what stands before it */
function FaultWords({ fault: { place, words }, isClause = false }: { fault: PlacedFault; isClause?: boolean }) {
  const t = useTexts()
  return (
    <>
      {place === null ? null : `${t.inPlace(place)} `}
      <Said words={words} isClause={isClause || place !== null} />
    </>
  )
}

/** What a refusal says, headed by what it is called where what follows is in another language. */
export function ProblemWords({ problem }: { problem: ProblemError }) {
  const t = useTexts()
  const words = wordsOfProblem(problem)
  const isForeign = typeof words !== 'string' && t.language !== 'en'
  return (
    <p>
      {isForeign ? (
        <>
          <strong>{t.rules[problem.rule ?? ''] ?? t.problems[problem.code]}.</strong>{' '}
        </>
      ) : null}
      <Said words={words} />
    </p>
  )
}

/** Boxes of which any number may be ticked, what is wrong with them together, and a hint. */
export function Checks(props: {
  name: string
  label: string
  hint: string
  refusal: Refusal | undefined
  children: ComponentChildren
}) {
  const { name, label, hint, refusal, children } = props
  const faults = faultsAt(refusal?.problem, name)
  const isFaulty = faults.length > 0
  return (
    <fieldset
      id={name}
      {...(isFaulty ? { class: 'faulty' } : {})}
      aria-describedby={isFaulty ? `${name}-hint ${name}-fault` : `${name}-hint`}
    >
      <legend>{label}</legend>
      <p class="hint" id={`${name}-hint`}>
        {hint}
      </p>
      <div class="checks">{children}</div>
      <Faults of={name} faults={faults} />
    </fieldset>
  )
}

export function TextField(
  props: FieldProps & {
    value?: string | undefined
    suggestions?: readonly string[]
    inputMode?: 'url' | 'numeric'
    type?: 'text' | 'email' | 'date'
    autocomplete?: 'username' | 'one-time-code'
    isForgotten?: boolean // what was typed is not shown again
  },
) {
  const { value, suggestions, inputMode, type = 'text', autocomplete = 'off', isForgotten = false, ...field } = props
  return (
    <Field
      {...field}
      control={(attributes) => (
        <>
          <input
            {...attributes}
            type={type}
            value={(isForgotten ? undefined : field.refusal?.typed[field.name]) ?? value ?? ''}
            autocomplete={autocomplete}
            autocapitalize="none"
            spellcheck={false}
            dir="auto"
            {...(inputMode ? { inputMode } : {})}
            {...(suggestions ? { list: `${field.name}-list` } : {})}
          />
          {suggestions ? (
            <datalist id={`${field.name}-list`}>
              {suggestions.map((suggestion) => (
                <option key={suggestion} value={suggestion} />
              ))}
            </datalist>
          ) : null}
        </>
      )}
    />
  )
}

/** It has no `value`: what was typed is never sent back. */
export function PasswordField(
  props: FieldProps & { autocomplete: 'current-password' | 'new-password' | 'off'; isOptional?: boolean },
) {
  const { autocomplete, isOptional = false, ...field } = props
  return (
    <Field
      {...field}
      isRequired={!isOptional}
      control={(attributes) => <input {...attributes} type="password" autocomplete={autocomplete} />}
    />
  )
}

export function newPasswordLabels({ newPassword, repeated }: Texts['fields']) {
  return { password: newPassword, repeated }
}

/** A password that is chosen, twice: nobody sees what they type. */
export function NewPassword({ refusal }: { refusal: Refusal | undefined }) {
  const { newPassword: t, fields } = useTexts()
  const labels = newPasswordLabels(fields)
  return (
    <>
      <PasswordField
        name="password"
        label={labels.password}
        hint={t.hint}
        refusal={refusal}
        autocomplete="new-password"
      />
      <PasswordField name="repeated" label={labels.repeated} refusal={refusal} autocomplete="new-password" />
    </>
  )
}

export function Check(props: {
  name: string
  label: ComponentChildren
  hint?: string
  refusal?: Refusal | undefined
  isChecked?: boolean
}) {
  const { name, label, hint, refusal, isChecked = false } = props
  return (
    <div class="field">
      <label class="check">
        <input
          type="checkbox"
          name={name}
          value="yes"
          checked={refusal ? refusal.typed[name] === 'yes' : isChecked}
          {...(hint === undefined ? {} : { 'aria-describedby': `${name}-hint` })}
        />
        <span>{label}</span>
      </label>
      {hint === undefined ? null : (
        <p class="hint" id={`${name}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

export function Choice(props: FieldProps & { value?: string; options: readonly (readonly [string, string])[] }) {
  const { value, options, ...field } = props
  const chosen = field.refusal?.typed[field.name] ?? value
  return (
    <Field
      {...field}
      control={(attributes) => (
        <select {...attributes}>
          {options.map(([option, label]) => (
            <option key={option} value={option} selected={option === chosen}>
              {label}
            </option>
          ))}
        </select>
      )}
    />
  )
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** @param props.kept what else the list was asked for */
/** The names of a table's columns. */
export function ColumnHeads({ columns }: { columns: readonly string[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) => (
          <th scope="col" key={column}>
            {column}
          </th>
        ))}
      </tr>
    </thead>
  )
}

export function Search(props: {
  action: string
  search: string | undefined
  label: string
  kept: Readonly<Record<string, string>>
}) {
  const { action, search, label, kept } = props
  const t = useTexts()
  return (
    <form
      {...{ class: 'search', role: 'search', method: 'get', action }}
      {...{ 'hx-get': action, 'hx-trigger': 'input changed delay:250ms, submit', 'hx-replace-url': 'true' }}
      {...{ 'hx-target': '#list', 'hx-select': '#list', 'hx-swap': 'outerHTML', 'hx-sync': 'replace' }}
    >
      {Object.entries(kept).map(([name, value]) => (
        <input type="hidden" key={name} name={name} value={value} />
      ))}
      <label class="visually-hidden" for="search">
        {label}
      </label>
      <span class="search-box">
        <Icon name="search" />
        <input
          type="search"
          id="search"
          name="search"
          dir="auto"
          value={search ?? ''}
          placeholder={t.searchPlaceholder}
          data-shortcut="/"
        />
      </span>
      <button type="submit">{t.search}</button>
    </form>
  )
}

export function Paging({ first, next }: { first: string | null; next: string | null }) {
  const t = useTexts()
  if (first === null && next === null) return null
  return (
    <nav class="paging" aria-label={t.pages}>
      {first === null ? <span /> : <a href={first}>{t.firstPage}</a>}
      {next === null ? null : (
        <a href={next} rel="next">
          {t.nextPage} <Icon name="arrow" />
        </a>
      )}
    </nav>
  )
}

interface PlacedFault {
  name: string
  place: number | null // in the list that the field holds; null: it holds none
  words: Words
}

function faultsAt(problem: ProblemError | undefined, name: string): PlacedFault[] {
  return (problem?.fields ?? []).map(placed).filter((at) => at.name === name)
}

/** A field may hold a list, of which one part is wrong: /addresses/0 belongs to the field `addresses`. */
function placed({ pointer, detail, language }: FieldProblem): PlacedFault {
  const [, name = '', place] = pointer.split('/')
  const isListed = place !== undefined && /^\d+$/.test(place)
  return { name, place: isListed ? Number(place) + 1 : null, words: inReadersLanguage(detail, language) }
}
