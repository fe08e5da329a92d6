import { ProblemError, type FieldProblem, type ProblemCode } from '../../problem.ts'
import type { Refusal } from './page.tsx'
import { texts } from './texts.ts'

/** Puts a problem that belongs to no field at the one that it is about, by its code. */
export function atField(refusal: Refusal, fieldOf: (problem: ProblemError) => string | undefined): Refusal {
  const { problem } = refusal
  const field = problem.fields.length > 0 ? undefined : fieldOf(problem)
  return field === undefined ? refusal : withFields(refusal, [{ pointer: `/${field}`, detail: problem.message }])
}

export function byCode(fields: Partial<Record<ProblemCode, string>>) {
  return ({ code }: Pick<ProblemError, 'code'>): string | undefined => fields[code]
}

/** What was copied from the address line of a browser: nothing with a slash in it is a domain name. */
export function namesAlone(refusal: Refusal, names: readonly string[]): Refusal {
  const { problem, typed } = refusal
  const isUrl = ({ pointer }: FieldProblem) =>
    names.some((name) => pointer === `/${name}` && typed[name]?.includes('/') === true)
  if (!problem.fields.some(isUrl)) return refusal
  return withFields(
    refusal,
    problem.fields.map((fault) => (isUrl(fault) ? { ...fault, detail: texts.refusals.nameAlone } : fault)),
  )
}

function withFields(refusal: Refusal, fields: FieldProblem[]): Refusal {
  const { code, message, cause, rule } = refusal.problem
  return {
    ...refusal,
    problem: new ProblemError(code, message, { cause, fields, ...(rule === undefined ? {} : { rule }) }),
  }
}
