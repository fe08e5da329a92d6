import { ProblemError, type ProblemCode } from '../../problem.ts'
import type { Refusal } from './page.tsx'

/** Puts a problem that belongs to no field at the one that it is about, by its code. */
export function atField(refusal: Refusal, fieldOf: (problem: ProblemError) => string | undefined): Refusal {
  const { problem } = refusal
  const field = problem.fields.length > 0 ? undefined : fieldOf(problem)
  if (field === undefined) return refusal
  const fields = [{ pointer: `/${field}`, detail: problem.message }]
  const { cause, rule } = problem
  return {
    ...refusal,
    problem: new ProblemError(problem.code, problem.message, {
      cause,
      fields,
      ...(rule === undefined ? {} : { rule }),
    }),
  }
}

export function byCode(fields: Partial<Record<ProblemCode, string>>) {
  return ({ code }: Pick<ProblemError, 'code'>): string | undefined => fields[code]
}
