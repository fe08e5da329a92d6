import type { Chain } from '../../../src/certificate/chain.ts'

// What stands for a certificate where millions are simulated: as much of one as is read on the way to its renewal, which
// is its serial number, its issuer's key identifier and its dates. No key, no signature: those cost a thousand times as much.

const SERIAL_AT = 6
const SERIAL_BYTES = 8
const TEMPLATE = Buffer.from(
  '30' +
    '23' +
    ('30' + '21') +
    ('02' + '08' + '01'.padEnd(16, '0')) +
    ('a3' +
      '15' +
      '30' +
      '13' +
      '30' +
      '11' +
      ('06' + '03' + '551d23') +
      ('04' + '0a' + '30' + '08' + '80' + '06' + '736d756c7430')),
  'hex',
)
const BEGIN = '-----BEGIN CERTIFICATE-----\n'
const END = '\n-----END CERTIFICATE-----\n'

/** The how-manieth certificate of which domain. */
export interface Serial {
  domain: number
  generation: number
}

export interface Dates {
  notBefore: number
  notAfter: number
}

function serialBytes({ domain, generation }: Serial): Buffer {
  const bytes = Buffer.allocUnsafe(SERIAL_BYTES)
  bytes[0] = 1
  bytes.writeUInt32BE(domain, 1)
  bytes.writeUIntBE(generation, 5, 3)
  return bytes
}

/** PEM as `readLeaf` and `certId` read it. */
export function stubPem(serial: Serial): string {
  const der = Buffer.from(TEMPLATE)
  serialBytes(serial).copy(der, SERIAL_AT)
  return BEGIN + der.toString('base64') + END
}

/** What RFC 9773 §4.1 calls it by. */
export function stubCertId(serial: Serial): string {
  return `c211bHQw.${serialBytes(serial).toString('base64url')}`
}

export function serialOf(certId: string): Serial {
  const bytes = Buffer.from(certId.slice(certId.indexOf('.') + 1), 'base64url')
  return { domain: bytes.readUInt32BE(1), generation: bytes.readUIntBE(5, 3) }
}

/** How the simulated authority hands a certificate out. */
export function download(serial: Serial, { notBefore, notAfter }: Dates): string {
  return `${stubPem(serial)}${serial.domain} ${serial.generation} ${notBefore} ${notAfter}`
}

export function readDownload(text: string): { pem: string; serial: Serial; dates: Dates } {
  const end = text.indexOf(END) + END.length
  const [domain, generation, notBefore, notAfter] = text.slice(end).split(' ').map(Number) as [
    number,
    number,
    number,
    number,
  ]
  return { pem: text.slice(0, end), serial: { domain, generation }, dates: { notBefore, notAfter } }
}

export function nameOf(domain: number): string {
  return `im.d${domain}.example`
}

export function domainOf(name: string): number {
  return Number(name.slice(4, -8))
}

/** Evenly spread over 32 bits. */
export function mixed(...numbers: number[]): number {
  let hash = 0x9e3779b9
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number >>> 0), 0x85ebca6b)
    hash ^= hash >>> 13
    hash = Math.imul(hash, 0xc2b2ae35)
    hash ^= hash >>> 16
  }
  return hash >>> 0
}

const hex = (number: number) => number.toString(16).padStart(8, '0')

const NO_NAMES = { dnsIds: [], srvIds: [], xmppAddrs: [], commonNames: [] }

export function stubFacts(serial: Serial, { notBefore, notAfter }: Dates): Chain['leaf'] {
  const sha256 = (hex(mixed(serial.domain, serial.generation)) + hex(serial.domain) + hex(serial.generation)).padEnd(
    64,
    '0',
  )
  return {
    sha256,
    spkiSha256: sha256,
    subject: '',
    issuer: 'CN=simulated',
    serial: '01',
    keyType: 'EC P-256',
    dnsNames: [nameOf(serial.domain)],
    isSelfSigned: false,
    xmppNames: NO_NAMES,
    notBefore: new Date(notBefore),
    notAfter: new Date(notAfter),
  }
}
