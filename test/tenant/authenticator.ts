import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { ORIGIN } from './house.ts'

/** What a test makes wrong. */
export interface Twist {
  origin?: string
  rpId?: string
  type?: string
  challenge?: string
  isUserVerified?: boolean
  isUserPresent?: boolean
  counter?: number
  userHandle?: string | null
  attestation?: { fmt: string; statement: Buffer } // CBOR
  changedAfterSigning?: boolean
}

export interface Authenticator {
  id: string
  /** What `navigator.credentials.create` would give back. */
  create: (options: Record<string, unknown>, twist?: Twist) => Record<string, unknown>
  /** What `navigator.credentials.get` would give back. */
  get: (options: Record<string, unknown>, twist?: Twist) => Record<string, unknown>
}

const FLAGS = { userPresent: 0x01, userVerified: 0x04, attested: 0x40 }
const EMPTY_MAP = Buffer.of(0xa0)

/** An authenticator in software: P-256, WebAuthn §6. */
export function authenticator(): Authenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const credentialId = randomBytes(32)
  const id = credentialId.toString('base64url')
  let counter = 0
  let ownUserHandle: string | undefined

  return {
    id,

    create(options, twist = {}) {
      ownUserHandle = (options.user as { id: string }).id
      const credential = Buffer.concat([
        Buffer.alloc(16), // AAGUID: none
        Buffer.of(0, credentialId.length),
        credentialId,
        coseKey(publicKey),
      ])
      const authData = Buffer.concat([header(FLAGS.attested, 0, twist), credential])
      const { fmt, statement } = twist.attestation ?? { fmt: 'none', statement: EMPTY_MAP }
      const attestationObject = Buffer.concat([
        Buffer.of(0xa3), // a map of three
        ...[text('fmt'), text(fmt), text('attStmt'), statement, text('authData'), bytes(authData)],
      ])
      return {
        ...{ id, rawId: id, type: 'public-key', clientExtensionResults: {} },
        response: {
          clientDataJSON: clientData('webauthn.create', options, twist).toString('base64url'),
          attestationObject: attestationObject.toString('base64url'),
          transports: ['internal', 'hybrid', '<img>', 7],
        },
      }
    },

    get(options, twist = {}) {
      counter++
      const authData = header(0, counter, twist)
      const client = clientData('webauthn.get', options, twist)
      const hash = createHash('sha256').update(client).digest()
      const signature = createSign('sha256').update(authData).update(hash).sign(privateKey)
      if (twist.changedAfterSigning) authData[36] = authData[36]! + 1
      const userHandle = twist.userHandle === undefined ? ownUserHandle : twist.userHandle
      return {
        ...{ id, rawId: id, type: 'public-key', clientExtensionResults: {} },
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: authData.toString('base64url'),
          signature: signature.toString('base64url'),
          ...(userHandle === null ? {} : { userHandle }),
        },
      }
    },
  }
}

function clientData(type: string, options: Record<string, unknown>, twist: Twist): Buffer {
  const { origin = ORIGIN, challenge = options.challenge as string } = twist
  return Buffer.from(JSON.stringify({ type: twist.type ?? type, challenge, origin, crossOrigin: false }))
}

/** Of the authenticator data, WebAuthn §6.1: whom for, flags, counter. */
function header(more: number, counter: number, twist: Twist): Buffer {
  const { rpId = new URL(ORIGIN).hostname, isUserVerified = true, isUserPresent = true } = twist
  const count = Buffer.alloc(4)
  count.writeUInt32BE(twist.counter ?? counter)
  const flags = more | (isUserPresent ? FLAGS.userPresent : 0) | (isUserVerified ? FLAGS.userVerified : 0)
  return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.of(flags), count])
}

/** RFC 9053 §7.1.1: kty EC2, alg ES256, crv P-256, x, y. */
function coseKey(key: KeyObject): Buffer {
  const { x, y } = key.export({ format: 'jwk' })
  const coordinates = [x, y].map((coordinate) => bytes(Buffer.from(coordinate!, 'base64url')))
  return Buffer.concat([
    Buffer.of(0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21),
    coordinates[0]!,
    Buffer.of(0x22),
    coordinates[1]!,
  ])
}

/** CBOR, RFC 8949 §3. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.of(0x60 + value.length), Buffer.from(value)])
}

/** In the shortest form: the library finds the end of a key by encoding it anew. */
function bytes(value: Buffer): Buffer {
  const isShort = value.length < 256
  const head = isShort ? [0x58, value.length] : [0x59, value.length >> 8, value.length & 0xff]
  return Buffer.concat([Buffer.from(head), value])
}
