import { beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../src/certificate/pem.ts'
import { ProblemError } from '../../src/problem.ts'
import { extension, makeCertificate, makeChain } from '../support/certificates.ts'
import { dice } from '../support/dice.ts'
import { readPasted, type Pasted } from '../support/uploads.ts'

interface Seed {
  ders: Buffer[] // certificates, and a key as the last
  label: (index: number) => string
}

let seeds: Seed[]

beforeAll(async () => {
  const chain = await makeChain()
  const rsa = await makeCertificate({
    key: 'rsa-2048',
    extensions: [extension('2.16.840.1.113730.1.13', false, 'words')],
  })
  const ed = await makeCertificate({ key: 'ed25519', names: [] })
  const encrypted = chain.leaf.key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'secret' })
  const label = (keyLabel: string, count: number) => (index: number) => (index === count ? keyLabel : 'CERTIFICATE')
  seeds = [
    {
      ders: [chain.leaf.der, chain.intermediate.der, chain.root.der, chain.leaf.keyDer],
      label: label('PRIVATE KEY', 3),
    },
    { ders: [chain.leaf.der, encrypted], label: label('ENCRYPTED PRIVATE KEY', 1) },
    { ders: [rsa.der, rsa.key.export({ type: 'pkcs1', format: 'der' })], label: label('RSA PRIVATE KEY', 1) },
    { ders: [ed.der, chain.leaf.key.export({ type: 'sec1', format: 'der' })], label: label('EC PRIVATE KEY', 1) },
  ]
})

/** What becomes of an upload; whatever is thrown that is no refusal by rule fails the test. */
function outcome(pasted: Pasted): 'accepted' | 'refused' {
  try {
    readPasted(pasted, { password: 'secret' })
    return 'accepted'
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'certificate-refused' && error.rule && error.message)
      return 'refused'
    throw error
  }
}

describe('S19: nothing but an acceptance or a refusal by rule comes of hostile uploads', () => {
  const pemOf = ({ ders, label }: Seed, changed: Buffer[] = ders) =>
    changed.map((der, index) => encodePem(label(index), der)).join('')

  test('4000 mutants of DER', () => {
    const roll = dice(19)
    const counts = { accepted: 0, refused: 0 }
    for (let round = 0; round < 4000; round++) {
      const seed = seeds[roll(seeds.length)]!
      const changed = [...seed.ders]
      const index = roll(changed.length)
      changed[index] = mutate(changed[index]!, roll)
      const isDer = roll(4) === 0 && changed[0]!.length > 0
      counts[outcome(isDer ? changed[0]! : pemOf(seed, changed))]++
    }
    expect(counts.refused).toBeGreaterThan(2000)
    expect(counts.accepted).toBeGreaterThan(100) // as where only the root, which is left out, was changed
  })

  test('2000 mutants of PEM', () => {
    const roll = dice(72)
    const counts = { accepted: 0, refused: 0 }
    for (let round = 0; round < 2000; round++)
      counts[outcome(mutate(Buffer.from(pemOf(seeds[roll(seeds.length)]!)), roll))]++
    expect(counts.refused).toBeGreaterThan(1000)
  })

  test.each<[string, Buffer]>([
    ['nothing but nesting', nested(20_000)],
    ['a length of 2 GB', Buffer.from('3084800000003082', 'hex')],
    ['an indefinite length', Buffer.from('30803003020101', 'hex')],
    ['a tag without end', Buffer.alloc(5000, 0x1f)],
    ['random bytes', Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) & 0xff))],
  ])('%s', (_, der) => {
    for (const label of ['CERTIFICATE', 'PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'RSA PRIVATE KEY', 'X509 CRL'])
      expect(outcome(encodePem(label, der))).toBe('refused')
    expect(outcome(der)).toBe('refused')
  })
})

function mutate(bytes: Buffer, roll: (sides: number) => number): Buffer {
  let changed = Buffer.from(bytes)
  for (let times = 1 + roll(3); times > 0; times--) {
    const at = roll(changed.length + 1)
    switch (roll(6)) {
      case 0:
        if (at < changed.length) changed[at]! ^= 1 << roll(8)
        break
      case 1:
        if (at < changed.length) changed[at] = [0x00, 0x7f, 0x80, 0xff, 0x30, 0x82, 0x2d, 0x0a][roll(8)]!
        break
      case 2:
        changed = changed.subarray(0, at)
        break
      case 3:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + roll(40))])
        break
      case 4:
        changed = Buffer.concat([
          changed.subarray(0, at),
          changed.subarray(roll(changed.length + 1)),
          changed.subarray(at),
        ])
        break
      default:
        changed = Buffer.concat([
          changed.subarray(0, at),
          Buffer.from(Array.from({ length: roll(8) }, () => roll(256))),
          changed.subarray(at),
        ])
    }
  }
  return changed
}

/** SEQUENCEs in SEQUENCEs, as DER. */
function nested(depth: number): Buffer {
  const headers: Buffer[] = []
  for (let length = 0, i = 0; i < depth && length < 40_000; i++) {
    const header =
      length < 0x80 ? [0x30, length] : length < 0x100 ? [0x30, 0x81, length] : [0x30, 0x82, length >> 8, length & 0xff]
    headers.unshift(Buffer.from(header))
    length += header.length
  }
  return Buffer.concat(headers)
}
