import type { VNode } from 'preact'
import { z } from 'zod'
import type { Access } from '../../tenant/principal.ts'
import { useTexts } from './context.ts'
import {
  form,
  page,
  type Area,
  type Page,
  type PageDeclaration,
  type Refusal,
  type Seen,
  type Submitted,
} from './page.tsx'
import { FormProblem } from './parts.tsx'
import { legible } from './visible.ts'

/** What somebody is asked before something is done that cannot be taken back by a button. */
export interface Question {
  title: string
  lines: readonly string[]
  button: string
  isHarmless?: true // it can be undone as easily
  back: string // where who thinks better of it goes
  area?: Area
  fields?: VNode
  labels?: Readonly<Record<string, string>> // of the fields, by their names
}

/** A page that asks, and the form on it that does it. */
export function confirmed<
  Who extends Access,
  Params extends z.ZodType = z.ZodUndefined,
  Form extends z.ZodType = z.ZodObject<Record<never, never>, z.core.$strict>,
>(
  declaration: Omit<PageDeclaration<Params, never, Form, Who>, 'query' | 'formLimitBytes'>,
  ask: (seen: Seen<z.output<Params>, undefined, Who>, refusal?: Refusal) => Promise<Question>,
  act: (form: z.output<Form>, seen: Seen<z.output<Params>, undefined, Who>) => Promise<Submitted>,
): Page[] {
  const { form: fields = z.strictObject({}), ...declared } = declaration
  const view = async (seen: Seen<z.output<Params>, undefined, Who>, refusal?: Refusal) => {
    const question = await ask(seen, refusal)
    const { title, area } = question
    return { title, area, main: <QuestionPage question={question} action={seen.req.path} refusal={refusal} /> }
  }
  return [
    page<Who, Params>(declared, (seen) => view(seen)),
    form<Who, Params, z.ZodUndefined, Form>({ ...declared, form: fields as Form }, act, (refusal, seen) =>
      view(seen, refusal),
    ),
  ]
}

function QuestionPage(props: { question: Question; action: string; refusal: Refusal | undefined }) {
  const t = useTexts()
  const { title, lines, button, isHarmless = false, back, fields, labels = {} } = props.question
  return (
    <form method="post" action={props.action} class="card padded narrow stack">
      <h1>{legible(title)}</h1>
      <FormProblem refusal={props.refusal} fields={labels} />
      {lines.map((line) => (
        <p key={line}>{legible(line, 1000)}</p>
      ))}
      {fields}
      <div class="form-actions">
        <button type="submit" class={isHarmless ? 'primary' : 'danger'}>
          {button}
        </button>
        <a class="button" href={back}>
          {t.cancel}
        </a>
      </div>
    </form>
  )
}
