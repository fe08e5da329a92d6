import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type RegistrationResponseJSON,
} from '@simplewebauthn/server'
import { decodeAttestationObject, decodeClientDataJSON, isoBase64URL } from '@simplewebauthn/server/helpers'
import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import { serviceName } from './branding.ts'
import { newToken, tokenHash, type RandomBytes } from './random-token.ts'
import { PLAIN, type SettingsStore } from './settings.ts'
import type { Passkey, PasskeyStore, User } from './user.ts'

/** What `navigator.credentials.get` takes, as JSON (WebAuthn §5.1.8). */
export type PasskeyRequest = Record<string, unknown> & { challenge: string }
/** What `navigator.credentials.create` takes, as JSON (WebAuthn §5.1.8). */
export type PasskeyCreation = Record<string, unknown> & { challenge: string }

export interface Passkeys {
  creation(user: User): Promise<PasskeyCreation>
  /** @throws ProblemError sign-in-refused: the response does not fit what was asked; already-exists */
  register(user: User, name: string, response: unknown, act: Act): Promise<Passkey>
  request(userId: string | null): Promise<PasskeyRequest>
  /** The passkey that has signed; undefined where the response does not fit. @param userId null: whose it is is learnt from it */
  verify(response: unknown, userId: string | null): Promise<Passkey | undefined>
}

const CHALLENGE_LIFE_MS = 5 * 60_000
const MOST_CHARACTERS = 16_384 // of a value in a response; the longest is a key with its attestation
const MOST_TRANSPORTS = 10
/** Base64url of at most 1023 bytes (WebAuthn §5.8.3); PostgreSQL has no text with a NUL, and would not look for one. */
const CREDENTIAL_ID = /^[A-Za-z0-9_-]{1,1400}$/

/** Registers passkeys and lets them sign: WebAuthn Level 2, with user verification, so that one is two factors. */
export function passkeyCeremonies(deps: {
  passkeys: PasskeyStore
  clock: Clock
  settings?: Pick<SettingsStore, 'standing'> // left out: it is called by our own name
  randomBytes: RandomBytes
  origin: string // of the admin host, with its port where that is not 443
}): Passkeys {
  const { passkeys, settings, clock, randomBytes, origin } = deps
  const rpID = new URL(origin).hostname

  async function newChallenge(userId: string | null) {
    const { token, hash } = newToken(randomBytes)
    const expiresAt = new Date(clock.now().getTime() + CHALLENGE_LIFE_MS)
    await passkeys.addChallenge(hash, { userId, expiresAt })
    return { challenge: new Uint8Array(Buffer.from(token, 'base64url')), timeout: CHALLENGE_LIFE_MS }
  }

  /** Used up by the first response that bears it, right or wrong. */
  async function takeChallenge(clientDataJSON: string, userId: string | null): Promise<string | null> {
    const challenge = challengeIn(clientDataJSON)
    const hash = challenge === null ? null : tokenHash(challenge)
    return hash !== null && (await passkeys.useChallenge(hash, userId, clock.now())) ? challenge : null
  }

  return {
    async creation(user) {
      const known = await passkeys.list(user.id)
      const options = await generateRegistrationOptions({
        rpName: serviceName(settings ? (await settings.standing()).settings : PLAIN.settings),
        rpID,
        userID: userHandle(user.id),
        userName: user.email,
        userDisplayName: user.email,
        ...(await newChallenge(user.id)),
        attestationType: 'none',
        excludeCredentials: known.map(({ id, transports }) => ({ id, transports })),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      })
      return { ...options }
    },

    async register(user, name, response, act) {
      const given = isResponse(response, ['clientDataJSON', 'attestationObject']) ? response : undefined
      const challenge = given && (await takeChallenge(given.response.clientDataJSON, user.id))
      if (!given || !challenge || isAttested(given.response.attestationObject)) throw refused()
      const verified = await verifyRegistrationResponse({
        response: given as unknown as RegistrationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpID,
      }).catch((cause: unknown) => {
        throw refused(cause)
      })
      if (!verified.verified) throw refused()
      const { id, publicKey, counter } = verified.registrationInfo.credential
      return passkeys.add(
        { id, userId: user.id, name, publicKey, counter, transports: transportsOf(given.response.transports) },
        act,
      )
    },

    async request(userId) {
      const known = userId === null ? [] : await passkeys.list(userId)
      const options = await generateAuthenticationOptions({
        rpID,
        ...(await newChallenge(userId)),
        allowCredentials: known.map(({ id, transports }) => ({ id, transports })),
        userVerification: 'required',
      })
      return { ...options }
    },

    async verify(response, userId) {
      if (!isResponse(response, ['clientDataJSON', 'authenticatorData', 'signature'])) return undefined
      const challenge = await takeChallenge(response.response.clientDataJSON, userId)
      if (challenge === null) return undefined
      const passkey = await passkeys.find(response.id)
      if (!passkey || (userId !== null && passkey.userId !== userId)) return undefined
      // WebAuthn §7.2 step 6: where nobody was named, the authenticator has to say whose passkey it is
      const handle = response.response.userHandle ?? null
      const isNamed = handle === isoBase64URL.fromBuffer(userHandle(passkey.userId))
      if (!isNamed && (handle !== null || userId === null)) return undefined
      const verified = await verifyAuthenticationResponse({
        response: response as unknown as AuthenticationResponseJSON,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: rpID,
        credential: { id: passkey.id, publicKey: new Uint8Array(passkey.publicKey), counter: passkey.counter },
      }).catch(() => undefined) // whatever does not fit, the library throws
      if (!verified?.verified) return undefined
      await passkeys.noteUse(passkey.id, verified.authenticationInfo.newCounter, clock.now())
      return passkey
    },
  }
}

/** WebAuthn §5.4.3: what the authenticator knows the account by; nothing that a person would recognise. */
function userHandle(userId: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(userId))
}

interface ResponseJson<Field extends string> {
  id: string
  response: Record<Field, string> & Record<string, unknown>
}

/** As far as the library takes it on trust. */
function isResponse<Field extends string>(value: unknown, fields: Field[]): value is ResponseJson<Field> {
  if (!isObject(value) || !isCredentialId(value.id) || !isObject(value.response)) return false
  const { response } = value
  return fields.every((field) => isText(response[field]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isCredentialId(value: unknown): value is string {
  return typeof value === 'string' && CREDENTIAL_ID.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MOST_CHARACTERS
}

function challengeIn(clientDataJSON: string): string | null {
  try {
    const { challenge } = decodeClientDataJSON(clientDataJSON)
    return typeof challenge === 'string' ? challenge : null
  } catch {
    return null
  }
}

/**
 * With certificates, which browsers leave out where none were asked for. The library would follow them to the address of
 * a revocation list, and so let a stranger choose where this server sends requests.
 */
function isAttested(attestationObject: string): boolean {
  try {
    const decoded = decodeAttestationObject(isoBase64URL.toBuffer(attestationObject))
    const isPlain = decoded.get('fmt') === 'none' || decoded.get('fmt') === 'packed'
    return !isPlain || decoded.get('attStmt').get('x5c') !== undefined
  } catch {
    return true
  }
}

/** Hints for the browser, by the words of the authenticator's own side. */
function transportsOf(given: unknown): string[] {
  const list: unknown[] = Array.isArray(given) ? given.slice(0, MOST_TRANSPORTS) : []
  return list.filter((one): one is string => typeof one === 'string' && /^[a-z-]{1,32}$/.test(one))
}

function refused(cause?: unknown): ProblemError {
  return new ProblemError(
    'sign-in-refused',
    'the passkey was not registered: its answer does not fit what was asked, or came too late; try again',
    { cause },
  )
}
