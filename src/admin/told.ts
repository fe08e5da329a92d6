import { CERTIFICATE_WORDS, type CertificateWords } from '../acme/certificate-words.ts'
import { NAMING_WORDS, type NamingWords } from '../delegation/naming-warnings.ts'
import { RECORD_WORDS, type RecordWords } from '../delegation/record-words.ts'
import { EXPLANATION_WORDS, type ExplanationWords } from '../tenant/explanation-words.ts'

/** What the nouns explain, in the words of one language. */
export interface Told {
  control: ExplanationWords
  certificate: CertificateWords
  records: RecordWords
  naming: NamingWords
}

/** As programs and the command line get it. */
export const TOLD: Told = {
  control: EXPLANATION_WORDS,
  certificate: CERTIFICATE_WORDS,
  records: RECORD_WORDS,
  naming: NAMING_WORDS,
}
