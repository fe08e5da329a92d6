import { ProblemError, type FieldProblem, type ProblemCode } from '../../problem.ts'
import type { Refusal } from './page.tsx'
import type { Texts } from './texts.ts'

/** A refusal in the words of its reader. */
export function refusalIn(
  texts: Texts,
  code: ProblemCode,
  message: string,
  { fields = [], cause }: { fields?: readonly string[]; cause?: unknown } = {},
): ProblemError {
  const { language } = texts
  const atFields = fields.map((field) => ({ pointer: `/${field}`, detail: message, language }))
  return new ProblemError(code, message, { language, fields: atFields, cause })
}

/** Puts a problem that belongs to no field at the one that it is about, by its code. */
export function atField(refusal: Refusal, fieldOf: (problem: ProblemError) => string | undefined): Refusal {
  const { problem } = refusal
  const field = problem.fields.length > 0 ? undefined : fieldOf(problem)
  return field === undefined ? refusal : withFields(refusal, [fieldProblem(field, problem)])
}

export function byCode(fields: Partial<Record<ProblemCode, string>>) {
  return ({ code }: Pick<ProblemError, 'code'>): string | undefined => fields[code]
}

/** What was copied from the address line of a browser: nothing with a slash in it is a domain name. */
export function namesAlone(texts: Texts, refusal: Refusal, names: readonly string[]): Refusal {
  const { problem, typed } = refusal
  const isUrl = ({ pointer }: FieldProblem) =>
    names.some((name) => pointer === `/${name}` && typed[name]?.includes('/') === true)
  if (!problem.fields.some(isUrl)) return refusal
  const { language } = texts
  const alone = { detail: texts.refusals.nameAlone, language }
  return withFields(
    refusal,
    problem.fields.map((fault) => (isUrl(fault) ? { ...fault, ...alone } : fault)),
  )
}

export function withFields(refusal: Refusal, fields: FieldProblem[]): Refusal {
  const { code, message, cause, rule, language } = refusal.problem
  return {
    ...refusal,
    problem: new ProblemError(code, message, {
      ...{ cause, fields },
      ...(rule === undefined ? {} : { rule }),
      ...(language === undefined ? {} : { language }),
    }),
  }
}

function fieldProblem(field: string, { message, language }: ProblemError): FieldProblem {
  return { pointer: `/${field}`, detail: message, ...(language === undefined ? {} : { language }) }
}
