/** One element of DER (X.690 §8.1). `value` and `raw` are views, not copies. */
export interface DerElement {
  tag: number // identifier octet; 0x30 is a SEQUENCE
  value: Uint8Array
  raw: Uint8Array // with tag and length
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  ia5String: 0x16,
  sequence: 0x30,
} as const

/** The one element that the bytes are. @throws Error where they are no DER, or more than one element */
export function derElement(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0)
  if (element.raw.length !== bytes.length) throw new Error('bytes follow the DER element')
  return element
}

/** The elements that a constructed element is made of. @throws Error where they are no DER */
export function derChildren({ value }: DerElement): DerElement[] {
  const children: DerElement[] = []
  for (let offset = 0; offset < value.length;) {
    const child = elementAt(value, offset)
    children.push(child)
    offset += child.raw.length
  }
  return children
}

/** "1.2.840.113549". @throws Error where the element is no OBJECT IDENTIFIER */
export function oidText({ tag, value }: DerElement): string {
  if (tag !== TAG.oid || value.length === 0 || value.length > 64) throw new Error('no object identifier')
  const arcs: number[] = []
  let arc = 0
  for (const [index, byte] of value.entries()) {
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER) throw new Error('an arc of the object identifier is too large')
    if (byte & 0x80) {
      if (index === value.length - 1) throw new Error('the object identifier is cut off')
      continue
    }
    // X.690 §8.19.4: the first two arcs share one number
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)))
    else arcs.push(arc)
    arc = 0
  }
  return arcs.join('.')
}

/** A small INTEGER; Infinity where it is negative or does not fit. @throws Error where the element is no INTEGER */
export function integerOf({ tag, value }: DerElement): number {
  if (tag !== TAG.integer || value.length === 0) throw new Error('no integer')
  if ((value[0] ?? 0) & 0x80 || value.length > 6) return Infinity
  return value.reduce((sum, byte) => sum * 256 + byte, 0)
}

/** @throws Error where the element is no BOOLEAN as DER writes it (X.690 §11.1) */
export function booleanOf({ tag, value }: DerElement): boolean {
  const [octet] = value
  if (tag !== TAG.boolean || value.length !== 1 || (octet !== 0 && octet !== 0xff)) throw new Error('no boolean')
  return octet === 0xff
}

function elementAt(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start]
  const first = bytes[start + 1]
  if (tag === undefined || first === undefined) throw new Error('the DER is cut off')
  if ((tag & 0x1f) === 0x1f) throw new Error('a DER tag of several bytes')
  let length = first
  let header = 2
  if (first & 0x80) {
    const octets = first & 0x7f
    // Four octets would be 16 MiB and more, none at all the indefinite length that DER forbids
    if (octets === 0 || octets > 3) throw new Error('a DER length that is indefinite or too large')
    length = 0
    for (const byte of bytes.subarray(start + 2, start + 2 + octets)) length = length * 256 + byte
    header += octets
    // One value, one spelling: else what is read here and what OpenSSL reads could differ (X.690 §10.1)
    if (length < 0x80 || length < 256 ** (octets - 1)) throw new Error('a DER length that is not minimal')
  }
  const end = start + header + length
  if (end > bytes.length) throw new Error('the DER is cut off')
  return { tag, value: bytes.subarray(start + header, end), raw: bytes.subarray(start, end) }
}
