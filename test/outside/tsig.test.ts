import { describe, expect, test } from 'vitest'
import { faultOf, parseTsigKey, sign, type TsigKey } from '../../src/outside/tsig.ts'

const SECRET = 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTIzNDU2Nzg='
const key: TsigKey = { name: 'waypost', algorithm: 'hmac-sha256', secret: Buffer.from(SECRET, 'base64') }
const AT = new Date('2026-11-23T14:24:09Z')

// What Knot's knsupdate 3.2.6 sent at that instant, the message and its signature
const vectors = [
  {
    key,
    message:
      'e111280000010000000100000461636d65076578616d706c650000060001026b33c00c001000010000000a002c2b4c50734977546f376f38426f47302d766a437947514742575356495078492d695f5833333665554f515a6f',
    record:
      '07776179706f73740000fa00ff00000000003d0b686d61632d7368613235360000006b044c89012c0020300ad2c6821f9da7369c408471cfc577fde4b0669142dfe2e953c00851f86a63e11100000000',
  },
  {
    key: { ...key, name: 'key.example.net', algorithm: 'hmac-sha512' as const },
    message: 'adb5280000010000000100000461636d65076578616d706c650000060001026b33c00c001000fe000000000002017' + '8',
    record:
      '036b6579076578616d706c65036e65740000fa00ff00000000005d0b686d61632d7368613531320000006b044c89012c0040d0c826ac6fcb2a998aa8d80622ddec0cc576be5a4aceb76ac157a2d11a5c09a655ddf6c050266b6942e3f55681f5974a761269efe73592501c700a1cbf709b23adb500000000',
  },
]

test.each(vectors)('a message is signed as others sign it: $key.algorithm', ({ key, message, record }) => {
  const { bytes, mac } = sign(Buffer.from(message, 'hex'), key, AT)
  const signed = Buffer.from(message + record, 'hex')
  signed.writeUInt16BE(1, 10)
  expect(bytes.toString('hex')).toBe(signed.toString('hex'))
  expect(record).toContain(mac.toString('hex'))
})

describe('a key is read', () => {
  const written = { ...key, secret: new Uint8Array(Buffer.from(SECRET, 'base64')) }
  const read = (text: string) => {
    const found = parseTsigKey(text)
    return found && { ...found, secret: new Uint8Array(found.secret) }
  }
  test.each([
    ['of tsig-keygen', `key "waypost" {\n\talgorithm hmac-sha256;\n\tsecret "${SECRET}";\n};\n`],
    ['on one line', `key waypost. { algorithm HMAC-SHA256; secret "${SECRET}"; };`],
    ['as nsupdate -y takes it', `hmac-sha256:waypost:${SECRET}\n`],
    ['of keymgr -t', `# hmac-sha256:WAYPOST:${SECRET}\n\nkey:\n  - id: waypost\n    algorithm: hmac-sha256\n`],
  ])('%s', (_title, text) => expect(read(text)).toEqual(written))

  test.each(['hmac-sha384', 'hmac-sha512'] as const)('for %s', (algorithm) =>
    expect(parseTsigKey(`${algorithm}:waypost:${SECRET}`)?.algorithm).toBe(algorithm),
  )

  test.each([
    ['nothing', ''],
    ['the secret alone', SECRET],
    ['MD5', `hmac-md5:waypost:${SECRET}`],
    ['SHA-1', `key "waypost" { algorithm hmac-sha1; secret "${SECRET}"; };`],
    ['a short secret', 'hmac-sha256:waypost:c2VjcmV0'],
    ['no secret', 'key "waypost" { algorithm hmac-sha256; };'],
    ['a label that is too long', `hmac-sha256:${'a'.repeat(64)}:${SECRET}`],
  ])('not from %s', (_title, text) => expect(parseTsigKey(text)).toBeNull())
})

describe('an answer', () => {
  const question = sign(Buffer.from(vectors[0]!.message, 'hex'), key, AT)
  const bare = Buffer.from('e111a8000001000000000000' + '0461636d65076578616d706c650000060001', 'hex')

  /** As a server signs, over the question's own signature (RFC 8945 §5.3). */
  function answered(by = key, mac = question.mac, at = AT): Buffer {
    const size = Buffer.alloc(2)
    size.writeUInt16BE(mac.length)
    // `sign` digests its message and what follows; what a server digests before it is put before the message here
    const { mac: signature } = sign(Buffer.concat([size, mac, bare]), by, at)
    const { bytes } = sign(bare, by, at)
    const start = bytes.length - 6 - signature.length
    signature.copy(bytes, start)
    return bytes
  }
  const judged = (answer: Buffer, now = AT, start: number | null = bare.length) =>
    faultOf(answer, start, { key, mac: question.mac, now })

  test('of whoever has the key is believed', () => expect(judged(answered())).toBeNull())

  test.each<[title: string, answer: Buffer, is: string]>([
    ['by another secret', answered({ ...key, secret: Buffer.alloc(32, 1) }), 'bad-signature'],
    ['by another key', answered({ ...key, name: 'other' }), 'bad-signature'],
    ['to another question', answered(key, Buffer.alloc(32, 1)), 'bad-signature'],
    ['that was changed', changed(answered(), 3), 'bad-signature'],
    ['that is old', answered(key, question.mac, new Date(AT.getTime() - 301_000)), 'clocks-differ'],
  ])('%s is not', (_title, answer, is) => expect(judged(answer)).toMatchObject({ is }))

  test('without a signature is unsigned', () => {
    expect(judged(bare, AT, null)).toEqual({ is: 'unsigned' })
    expect(judged(Buffer.concat([bare, Buffer.from('00001000010000000000', 'hex'), Buffer.alloc(1)]), AT)).toEqual({
      is: 'unsigned',
    })
  })

  test('that ends within its signature is none', () => {
    const answer = answered()
    for (let length = bare.length + 1; length < answer.length; length++)
      expect(() => judged(answer.subarray(0, length))).toThrow(RangeError)
    expect(() => judged(Buffer.concat([answer, Buffer.alloc(1)]))).toThrow(RangeError)
  })

  function changed(bytes: Buffer, at: number): Buffer {
    bytes[at] = (bytes[at] ?? 0) ^ 1
    return bytes
  }
})
