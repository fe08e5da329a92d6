import { z } from 'zod'
import type { ProblemError } from '../../problem.ts'
import { isPublicCode, PROBLEMS } from '../problem-details.ts'
import { useTexts } from './context.ts'
import { page, type Page, type View } from './page.tsx'
import { Said, wordsOfProblem } from './said.tsx'
import type { Texts } from './texts.ts'

/** @param problem undefined for a bug of ours */
export function problemView(texts: Texts, problem: ProblemError | undefined, requestId: string): View {
  const title = texts.problems[problem?.code ?? 'internal']
  return { title, main: <ProblemPage problem={problem} title={title} requestId={requestId} /> }
}

function ProblemPage(props: { problem: ProblemError | undefined; title: string; requestId: string }) {
  const t = useTexts()
  return (
    <section class="narrow">
      <h1>{props.title}</h1>
      <p>{props.problem ? <Said words={wordsOfProblem(props.problem)} /> : t.problem.internal}</p>
      <p class="quiet-text">
        {t.problem.number} <code>{props.requestId}</code>
      </p>
      <p>
        <a href="/">{t.problem.back}</a>
      </p>
    </section>
  )
}

/** What the `type` of a problem leads to. */
export function problemPages(): Page[] {
  return [
    page(
      { path: '/problems/:code', access: 'public', params: z.strictObject({ code: z.string().refine(isPublicCode) }) },
      async ({ params: { code }, texts }) => {
        const title = texts.problems[code]
        return { title, main: <AboutProblem code={code} title={title} /> }
      },
    ),
  ]
}

function AboutProblem({ code, title }: { code: keyof typeof PROBLEMS; title: string }) {
  const t = useTexts()
  return (
    <section class="narrow">
      <h1>{title}</h1>
      <p>
        {t.problem.aboutLead} <code>{`"code": "${code}"`}</code>, <code>{`"status": ${PROBLEMS[code].status}`}</code>.
      </p>
    </section>
  )
}
