import type { Act } from '../act.ts'
import type { KeyType } from '../certificate/certificate-request.ts'

export type { KeyType }

/** A CA's ACME directory with our one account there (RFC 8555 §7.1), as the operator has set it up. */
export interface Authority {
  id: string
  name: string // unique: "letsencrypt"
  rank: number // the lowest is asked first, the others where it fails
  directoryUrl: string // https
  caPem: string | null // the only roots trusted for its own HTTPS; null: those that Node ships
  contact: string[] // "mailto:hostmaster@example.net"
  eabKeyId: string | null // RFC 8555 §7.3.4; null: the authority wants no external account
  profile: Profile | null // null: whatever the authority gives who asks for none
  keyType: KeyType // of certificates
  preferredChain: string | null // common name of the root, where it offers chains to several; null: the one it offers first
  termsOfService: string | null // the URL of what was agreed to; null: the authority has none
  accountUrl: string | null // null: the account is not made yet
  pausedUntil: Date | null // it is asked for nothing before then; null: it may be
  pauseReason: string | null // in words; null with pausedUntil
  createdAt: Date
  revision: number
}

/** draft-aaron-acme-profiles: how certificates are made. One that is not required is left out where it is not offered. */
export interface Profile {
  name: string
  isRequired: boolean
}

export type NewAuthority = Pick<
  Authority,
  'name' | 'rank' | 'directoryUrl' | 'caPem' | 'contact' | 'eabKeyId' | 'profile' | 'keyType' | 'preferredChain'
>

/** Authorities and their accounts. The account's key is kept before the account is asked for: the same key gets the same account. */
export interface AuthorityStore {
  /**
   * The authority as it will be, with the key for its account. Of many who add the same at once, or again after a crash,
   * all get the first one's key.
   * @param accountKey PKCS#8 DER, to be kept unless there is one
   * @throws ProblemError already-exists: the name is another directory's, or its account is made
   */
  reserve(
    authority: NewAuthority,
    accountKey: Uint8Array,
    act: Act,
  ): Promise<{ authority: Authority; accountKey: Uint8Array }>
  /** Puts it to use; a second time it changes nothing. */
  confirm(id: string, account: { url: string; termsOfService: string | null }, act: Act): Promise<Authority>
  /** Leaves nothing of one that was reserved and not confirmed. */
  withdraw(id: string): Promise<void>
  /** Those whose account is made, the lowest rank first. */
  list(): Promise<Authority[]>
  find(name: string): Promise<Authority | undefined>
  /** PKCS#8 DER in clear. */
  accountKey(id: string): Promise<Uint8Array>
  /**
   * Keeps the key that the account is to have next (PKCS#8 DER) beside the present one, unless one is kept already: a
   * crash between the authority's yes and `replaceAccountKey` loses neither.
   * @returns the one that is kept
   */
  prepareAccountKey(id: string, nextKey: Uint8Array): Promise<Uint8Array>
  /** The prepared key; null: the account's key is not being changed. PKCS#8 DER in clear. */
  preparedAccountKey(id: string): Promise<Uint8Array | null>
  /**
   * Puts the prepared key in the place of the present one, which is destroyed. Where another one is prepared by now, or none,
   * it changes nothing.
   * @param nextKey that the account answers to
   */
  replaceAccountKey(id: string, nextKey: Uint8Array, act: Act): Promise<void>
  update(
    name: string,
    changes: Partial<Pick<Authority, 'rank' | 'profile' | 'contact' | 'keyType' | 'preferredChain'>>,
    act: Act,
  ): Promise<Authority>
  /** Asks it for nothing before `until`; an earlier end than the present one changes nothing. */
  pause(id: string, until: Date, reason: string, act: Act): Promise<void>
  /** Asks it again at once; where it is not paused nothing is changed. @throws ProblemError not-found */
  resume(name: string, act: Act): Promise<Authority>
  /**
   * Its certificates stay and are renewed elsewhere; its orders under way are abandoned.
   * @throws ProblemError not-found
   */
  remove(name: string, act: Act): Promise<void>
}
