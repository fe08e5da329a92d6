import { poshName } from '../delegation/service-name.ts'
import { headerValues, type Ask } from './ask.ts'
import { shownReply, sourceOrigin, unableStep, walk, type Answered, type HopRules } from './hops.ts'
import { parseHttpsUrl } from './https-url.ts'
import { looksLikePosh, readPoshDocument, type PoshDocument } from './posh-document.ts'
import { conclude, step, type Conclusion, type FingerprintDescriptor, type Question, type Step } from './report.ts'

const TITLE = 'POSH document'

const RULES: HopRules = {
  getTitle: (hop) => (hop === 0 ? 'HTTPS GET for POSH' : 'HTTPS GET where POSH leads'),
  getRule: () => 'RFC 7711 §3',
  redirectRule: () => 'RFC 7711 §10',
  redirectStatuses: [302, 307],
  permanentStatuses: [301, 308],
  isPathKept: false,
  redirectCure: 'Answer 200 with the fingerprints, or 302 with one Location that is an absolute https URL.',
}

export interface PoshVerification {
  conclusion: Conclusion | 'absent'
  steps: Step[]
  fingerprints: FingerprintDescriptor[]
  expiresSeconds: number | null
}

/** Fetches the fingerprints of RFC 7711 as a client does: redirects at most ten, a reference document once. */
export async function verifyPosh(ask: Ask, question: Question): Promise<PoshVerification> {
  const name = poshName(question)
  if (name === null)
    return absent([
      step(
        'note',
        TITLE,
        'RFC 7711 §8',
        `POSH has no name for ${question.service}.${question.protocol}; nothing was asked`,
      ),
    ])
  const url = `${sourceOrigin(question)}/.well-known/posh/${name}.json`
  const asked = new Set<string>()
  const first = await walk(ask, url, RULES, asked)
  const { steps } = first
  if (first.end === null) return ended(steps)
  if (first.redirects > 0) steps.push(prosodyStep('an HTTP redirect'))
  if (first.end.reply.status === 404 && first.redirects === 0)
    return absent([...steps, absentStep(first.end.url, first.end.reply)])

  let document = readReply(first.end, false, steps)
  let expiresSeconds = document?.expiresSeconds ?? null
  if (document?.kind === 'reference') {
    steps.push(prosodyStep('a reference document'))
    const second = await walk(ask, document.url, RULES, asked)
    steps.push(...second.steps)
    document = second.end && readReply(second.end, true, steps)
    // RFC 7711 §6: the lower of the two
    expiresSeconds = document && Math.min(expiresSeconds ?? Infinity, document.expiresSeconds)
  }
  if (document?.kind !== 'fingerprints') return ended(steps)
  return { conclusion: conclude(steps), steps, fingerprints: document.fingerprints, expiresSeconds }
}

function readReply(
  { url, reply }: { url: string; reply: Answered },
  isReferred: boolean,
  steps: Step[],
): PoshDocument | null {
  const shown = { asked: url, reply: shownReply(reply) }
  const unable = unableStep(TITLE, 'RFC 7711 §3', url, reply)
  if (unable !== null) {
    steps.push(unable)
    return null
  }
  if (reply.status < 200 || reply.status > 299) {
    const found = `the status is ${reply.status}; it has to be a success, or 404 at the source domain where there is nothing`
    steps.push(step('wrong', TITLE, 'RFC 7711 §3', found, { ...shown, cure: 'Give the document, or 404.' }))
    return null
  }
  const document = readPoshDocument(reply.body, isReferred)
  if ('fault' in document) {
    steps.push(step('wrong', TITLE, document.section, document.fault, { ...shown, cure: DOCUMENT_CURE }))
    return null
  }
  if (document.kind === 'reference') {
    const to = parseHttpsUrl(document.url)
    const found = 'fault' in to ? `the url of the reference ${to.fault}` : `a reference to ${document.url}`
    steps.push(step('fault' in to ? 'wrong' : 'ok', TITLE, 'RFC 7711 §3.2', found, shown))
    return 'fault' in to ? null : document
  }
  const { fingerprints, expiresSeconds } = document
  const found = `fingerprints of ${fingerprints.length} certificate(s), to be kept ${expiresSeconds} s at most`
  steps.push(step('ok', TITLE, 'RFC 7711 §3.1', found, shown), ...remarkSteps(reply, document))
  return document
}

const DOCUMENT_CURE =
  'Give {"fingerprints":[{"sha-256":"<base64 of the SHA-256 of the DER certificate>"}],"expires":3600} and nothing else.'

function remarkSteps(reply: Answered, document: PoshDocument & { kind: 'fingerprints' }): Step[] {
  const remarks = document.remarks.map(({ who, text }) => step('note', `${TITLE}, ${who}`, 'RFC 7711 §3.1', text))
  if (reply.status !== 200)
    remarks.push(
      step('note', `${TITLE}, Prosody`, 'RFC 7711 §3', `the status is ${reply.status}; Prosody takes exactly 200`),
    )
  const [cacheControl = ''] = headerValues(reply.headers, 'cache-control')
  const maxAge = /(?:^|[\s,])max-age=(\d+)/i.exec(cacheControl)?.[1]
  if (!/no-cache|no-store/i.test(cacheControl) && (maxAge === undefined || Number(maxAge) > 60))
    remarks.push(
      step('note', `${TITLE}, caches`, 'RFC 7711 §6', 'Cache-Control should be no-cache or max-age of 60 at most', {
        cure: 'The document says by its "expires" how long it may be kept; a cache before it only adds to that.',
      }),
    )
  return remarks
}

function prosodyStep(what: string): Step {
  return step('note', `${TITLE}, Prosody`, 'RFC 7711 §3', `Prosody does not follow ${what}: it gets no fingerprints`, {
    cure: 'Where Prosody servers matter, answer 200 with the fingerprints at the source domain.',
  })
}

function absentStep(url: string, reply: Answered): Step {
  const shown = { asked: url, reply: shownReply(reply) }
  if (looksLikePosh(reply.body))
    return step('note', TITLE, 'RFC 7711 §3', 'no POSH (404), but the body holds a document: Conversations uses it', {
      ...shown,
      cure: 'Send an error without JSON in its body.',
    })
  return step(
    'note',
    TITLE,
    'RFC 7711 §3',
    'no POSH here (404): deployed XMPP software, which asks for POSH, finds nothing',
    shown,
  )
}

function absent(steps: Step[]): PoshVerification {
  return { conclusion: 'absent', steps, fingerprints: [], expiresSeconds: null }
}

function ended(steps: Step[]): PoshVerification {
  return { conclusion: conclude(steps), steps, fingerprints: [], expiresSeconds: null }
}
