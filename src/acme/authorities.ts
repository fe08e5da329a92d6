import { X509Certificate } from 'node:crypto'
import { requireMatch, type Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import { accountKeyChange, answersTo } from './account-key-change.ts'
import { acmeProblem } from './acme-problem.ts'
import { isPaused } from './authority-choice.ts'
import type { Authority, AuthorityStore, NewAuthority } from './authority.ts'
import { failureWords, isRefusal, whose } from './failure.ts'
import type { AcmeProblem, AcmeSession, Directory, OpenSession } from './session.ts'

export interface AuthorityWish extends NewAuthority {
  eabKey: string | null // base64url or base64 as the authority hands it out; null with `eabKeyId`. Used once, never kept
  agreesToTerms: boolean
}

/** What was found out about an authority; each is null where the one before failed. */
export interface AuthorityReport {
  directory: Directory | null
  accountUrl: string | null // the account answers
  fault: string | null // in words; null: all is well
  pausedUntil: Date | null
  pauseReason: string | null
}

export interface Authorities {
  /**
   * Makes the account and puts the authority to use. Nothing is changed where it is refused; of many who add the same at
   * once, or again after a crash, all get one account.
   * @throws ProblemError malformed-request, authority-refused, authority-unreachable: with the authority's own words
   * @throws ProblemError already-exists
   */
  add(wish: AuthorityWish, act: Act): Promise<Authority>
  /** Asks directory and account. @throws ProblemError not-found */
  test(name: string): Promise<AuthorityReport>
  /** Ends a pause before its time: it is asked again at once. @throws ProblemError not-found, precondition-failed */
  resume(name: string, act: Act): Promise<Authority>
  /**
   * @throws ProblemError not-found
   * @throws ProblemError still-in-use: a change of its account's key was begun, and both keys would be gone
   */
  remove(name: string, act: Act): Promise<void>
  /**
   * Gives the account another key (RFC 8555 §7.3.5). May be asked again after a crash at any line, and goes on where it was.
   * @throws ProblemError not-found, authority-refused, authority-unreachable
   */
  changeAccountKey(name: string, act: Act): Promise<void>
  /** Finishes what crashes cut off of changing keys, where the authorities can be asked. */
  finishKeyChanges(act: Act): Promise<void>
  /** @throws ProblemError not-found, authority-refused, authority-unreachable, precondition-failed */
  update(name: string, changes: Parameters<AuthorityStore['update']>[1], act: Act): Promise<Authority>
}

/** What the operator does with authorities. */
export function authorities(deps: {
  store: AuthorityStore
  open: OpenSession
  clock: Clock
  crypto?: Crypto
}): Authorities {
  const { store, open, clock, crypto = globalThis.crypto } = deps

  async function newKey(): Promise<Uint8Array> {
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
    return new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  }

  async function existing(name: string): Promise<Authority & { accountUrl: string }> {
    const authority = await store.find(name)
    if (authority?.accountUrl == null) throw new ProblemError('not-found', `there is no authority ${name}`)
    return { ...authority, accountUrl: authority.accountUrl }
  }

  const finishKeyChange = accountKeyChange({ store, open })

  /** An account that does not answer to the next key has kept the present one: nothing is lost with the next. */
  async function isKeyChanging(authority: Authority): Promise<boolean> {
    const nextKey = await store.preparedAccountKey(authority.id)
    if (nextKey === null) return false
    return answersTo(open(authority, nextKey)).catch((error: unknown) => {
      if (acmeProblem(error)) return true
      throw error
    })
  }

  const sessionOf = async (authority: Authority) => open(authority, await store.accountKey(authority.id))

  return {
    async add({ eabKey, agreesToTerms, ...authority }, act) {
      checkWish({ eabKey, agreesToTerms, ...authority })
      const wish = { ...authority, accountUrl: null }
      // The directory is read before anything is kept: with a key that nobody will see
      const directory = await open(wish, await newKey())
        .directory()
        .catch((error: unknown) => {
          throw explained(error, authority, 'directory')
        })
      checkDirectory(directory, authority, agreesToTerms)
      const reserved = await store.reserve(authority, await newKey(), act)
      const { contact, eabKeyId } = authority
      const eab = eabKeyId !== null && eabKey !== null ? { keyId: eabKeyId, key: base64url(eabKey) } : null
      const { id } = reserved.authority
      const url = await open(wish, reserved.accountKey)
        .register({ contact, eab })
        .catch(async (error: unknown) => {
          // What could not be asked may have been done: then the key is still needed, to find the account by it
          if (isRefused(error)) await store.withdraw(id)
          throw explained(error, authority, 'new-account')
        })
      return store.confirm(id, { url, termsOfService: directory.termsOfService }, act)
    },

    async test(name) {
      const authority = await existing(name)
      const { pausedUntil, pauseReason } = authority
      const pause = isPaused(authority, clock.now())
        ? { pausedUntil, pauseReason }
        : { pausedUntil: null, pauseReason: null }
      const report: AuthorityReport = { ...{ directory: null, accountUrl: null, fault: null }, ...pause }
      try {
        const session = await sessionOf(authority)
        report.directory = await session.directory()
        await session.account()
        report.accountUrl = authority.accountUrl
        const { profile } = authority
        if (profile && !isOffered(profile.name, report.directory))
          report.fault = `${notOffered(profile.name, report.directory)}${profile.isRequired ? '; nothing is ordered from it' : '; certificates are ordered without it'}`
      } catch (error) {
        const problem = acmeProblem(error)
        if (!problem) throw error
        report.fault = wordsOf(problem, authority)
      }
      return report
    },

    async resume(name, act) {
      await existing(name)
      return store.resume(name, act)
    },

    async remove(name, act) {
      const authority = await store.find(name)
      if (authority && (await isKeyChanging(authority)))
        throw new ProblemError(
          'still-in-use',
          `a change of the account's key at ${name} was begun and not finished, and the account would be lost with both keys; finish it first: waypost authority change-key ${name}`,
        )
      await store.remove(name, act)
    },

    async finishKeyChanges(act) {
      for (const authority of await store.list())
        await finishKeyChange(authority, act).catch((error: unknown) => {
          if (!acmeProblem(error)) throw error
        })
    },

    async changeAccountKey(name, act) {
      const authority = await existing(name)
      const { id } = authority
      try {
        // After a crash nobody knows which key the account has: it answers to one of them
        if (await finishKeyChange(authority, act)) return
      } catch (error) {
        throw explained(error, authority, 'account')
      }
      const nextKey = await store.prepareAccountKey(id, await newKey())
      try {
        await (await sessionOf(authority)).changeKey(nextKey)
      } catch (error) {
        if (!(await mayHaveChanged(error, open(authority, nextKey)))) throw explained(error, authority, 'account')
      }
      await store.replaceAccountKey(id, nextKey, act)
    },

    async update(name, changes, act) {
      const authority = await existing(name)
      requireMatch(act, authority) // before the authority is told
      const { contact, profile } = changes
      if (contact) checkContact(contact)
      const isOtherContact = contact !== undefined && contact.join() !== authority.contact.join()
      try {
        const session = await sessionOf(authority)
        if (profile?.isRequired) {
          const directory = await session.directory()
          if (!isOffered(profile.name, directory)) throw refused('profile', notOffered(profile.name, directory))
        }
        if (isOtherContact) await session.updateContact(contact)
      } catch (error) {
        throw explained(error, authority, 'account')
      }
      return store.update(name, changes, act)
    },
  }
}

/** Where the answer to a change of key was lost, the new key is tried. */
async function mayHaveChanged(error: unknown, session: AcmeSession): Promise<boolean> {
  if (!acmeProblem(error) || isRefused(error)) return false
  return answersTo(session).catch(() => false)
}

/** Whether the authority has answered, and did not do it. */
function isRefused(error: unknown): boolean {
  const problem = acmeProblem(error)
  return problem !== undefined && isRefusal(problem)
}

function checkWish({ directoryUrl, caPem, contact, eabKeyId, eabKey }: AuthorityWish): void {
  if (!URL.canParse(directoryUrl) || new URL(directoryUrl).protocol !== 'https:')
    throw refused('directoryUrl', `${JSON.stringify(directoryUrl)} is no https URL; give that of the ACME directory`)
  const { username, password, hash } = new URL(directoryUrl)
  if (username !== '' || password !== '' || hash !== '')
    throw refused('directoryUrl', 'the URL of a directory has no user, password or fragment; leave it out')
  if (caPem !== null) checkRoots(caPem)
  checkContact(contact)
  if ((eabKeyId === null) !== (eabKey === null))
    throw refused('eabKey', 'an external account has a key id and a key; give both, or neither')
  if (eabKey !== null && !/^[A-Za-z0-9+/_-]{8,}={0,2}$/.test(eabKey))
    throw refused('eabKey', 'the key of the external account is no base64; give it as the authority shows it')
}

function checkRoots(pem: string): void {
  try {
    new X509Certificate(pem)
  } catch (cause) {
    throw refused('caPem', 'the roots that the authority is trusted by are no PEM certificates', cause)
  }
}

function checkContact(contact: string[]): void {
  for (const url of contact)
    if (!/^mailto:[^\s@,?]+@[^\s@,?]+$/.test(url))
      // RFC 8555 §7.3: one address, without header fields
      throw refused('contact', `${JSON.stringify(url)} is no contact; give one as in mailto:hostmaster@example.net`)
}

function checkDirectory(directory: Directory, { name, eabKeyId, profile }: NewAuthority, agreesToTerms: boolean): void {
  const { termsOfService, isExternalAccountRequired } = directory
  if (termsOfService !== null && !agreesToTerms)
    throw refused('agreesToTerms', `${name} has terms of service, ${termsOfService}; read them, and say that you agree`)
  if (isExternalAccountRequired && eabKeyId === null)
    throw refused('eabKeyId', `${name} wants an external account; get its key id and key from it, and give both`)
  if (profile?.isRequired && !isOffered(profile.name, directory))
    throw refused('profile', notOffered(profile.name, directory))
}

function isOffered(profile: string, { profiles }: Directory): boolean {
  return profiles !== null && Object.hasOwn(profiles, profile)
}

function notOffered(profile: string, { profiles }: Directory): string {
  const offered = Object.keys(profiles ?? {})
  return `the authority does not offer the profile ${profile}; ${offered.length > 0 ? `it offers ${offered.join(', ')}` : 'it offers none'}`
}

function refused(field: string, detail: string, cause?: unknown): ProblemError {
  return new ProblemError('malformed-request', detail, {
    fields: [{ pointer: `/${field}`, detail }],
    ...(cause === undefined ? {} : { cause }),
  })
}

type Asked = 'directory' | 'new-account' | 'account'

/** The same refusal, in words that say what to do. */
function explained(error: unknown, authority: Pick<Authority, 'name' | 'caPem'>, asked: Asked): unknown {
  const problem = acmeProblem(error)
  if (!problem || !(error instanceof ProblemError)) return error
  const { code, cause, retryAfterMs } = error
  const words = { directory: directoryWords, 'new-account': newAccountWords, account: wordsOf }[asked]
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs }
  return new ProblemError(code, words(problem, authority), { cause, ...retry })
}

const UNTRUSTED = /certificate|self[- ]signed|issuer/i

function directoryWords(problem: AcmeProblem, { name, caPem }: Pick<Authority, 'name' | 'caPem'>): string {
  const { type, detail, status } = problem
  if (type === 'unreachable' && UNTRUSTED.test(detail))
    return caPem === null
      ? `${name} is not trusted (${detail}); where it is a private authority, give its root certificate with it`
      : `${name} is not trusted by the root certificates that were given with it (${detail}); give its present root`
  if (type === 'unreachable')
    return `${name} cannot be reached (${detail}); see that the URL is right and that this server may connect to it`
  if (type === 'malformed-answer' || status >= 400)
    return `there is no ACME directory at this URL (${detail}); give that which the authority's documentation names`
  return wordsOf(problem, { name })
}

const ACCOUNT_WORDS: Readonly<Record<string, string>> = {
  invalidContact: 'give another contact address',
  unsupportedContact: 'give another contact address',
  externalAccountRequired: 'get a key id and key for an external account from it, and give both',
  unauthorized: 'see that the key id and the key of the external account are right and were not used up',
  malformed: 'where an external account was given, see that its key id and key are right',
  userActionRequired: 'agree to its terms of service, and try again',
}

function newAccountWords(problem: AcmeProblem, authority: Pick<Authority, 'name'>): string {
  const { type, detail, url } = problem
  const advice = ACCOUNT_WORDS[type]
  if (advice === undefined) return wordsOf(problem, authority)
  return `${authority.name} refused: ${detail}; ${advice}${url === null ? '' : `. It gives instructions at ${url}`}`
}

function wordsOf(problem: AcmeProblem, { name }: Pick<Authority, 'name'>): string {
  return failureWords(
    { problem, whose: whose(problem, 'new-order'), challengeType: null },
    { authority: name, identifiers: [] },
  )
}

function base64url(key: string): string {
  return key.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
