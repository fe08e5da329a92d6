import { vectors } from './vectors.ts'

/** One name of S10's corpus, as somebody may write it anywhere, and what has to become of it. */
export interface CorpusName {
  name: string
  verdict: 'ok' | 'malformed-name' | 'name-refused'
  why: string // of 'ok' the name as it is stored, of 'name-refused' the rule
}

export const nameCorpus: readonly CorpusName[] = vectors('names-registrable.txt').map((line) => {
  const [name = '', verdict, why = ''] = line.split('\t')
  return { name: decodeURIComponent(name), verdict: verdict as CorpusName['verdict'], why }
})
