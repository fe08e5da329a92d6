import { decode, encode, type Answer } from 'dns-packet'
import { describe, expect, test } from 'vitest'
import { isQueryName, readReply, writeQuery, type Question } from '../../src/outside/dns-message.ts'
import { dice } from '../support/dice.ts'

const QUESTION: Question = { name: 'im.example.com', type: 'TXT' }
const ID = 0x1234
const QUESTION_END = 12 + 16 + 4

describe('a query', () => {
  test('asks one question of the Internet, and says how much comes back unfragmented', () => {
    const { id, flags, questions, additionals } = decode(writeQuery(ID, QUESTION, false, true))
    expect({ id, flags, questions }).toEqual({ id: ID, flags: 0, questions: [{ ...QUESTION, class: 'IN' }] })
    expect(additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0 }])
  })

  test('desires recursion of a resolver only, and is plain DNS without EDNS', () => {
    const plain = decode(writeQuery(ID, QUESTION, true, false))
    expect(plain.flag_rd).toBe(true)
    expect(plain.additionals).toEqual([])
  })

  test.each([
    '.',
    '',
    'a..b',
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(127)}b`,
    'a\\046b.c',
    'two words.example',
    'ü.example',
  ])('is not made for %j', (name) => expect(isQueryName(name)).toBe(false))

  test.each(['com', '_waypost-challenge.im.example.com', '*.example.com', 'a'.repeat(63)])('is made for %j', (name) =>
    expect(isQueryName(name)).toBe(true),
  )
})

describe('a reply', () => {
  test.each<[title: string, record: Answer, value: string]>([
    ['A', { type: 'A', name: 'im.example.com', data: '192.0.2.1' }, '192.0.2.1'],
    ['AAAA', { type: 'AAAA', name: 'im.example.com', data: '2001:db8:0:0::1' }, '2001:db8::1'],
    ['CNAME in any case', { type: 'CNAME', name: 'IM.Example.com', data: 'Edge.EXAMPLE.net' }, 'edge.example.net'],
    ['NS', { type: 'NS', name: 'im.example.com', data: 'ns1.example.net' }, 'ns1.example.net'],
    [
      'SRV with priority, weight, port and target',
      {
        type: 'SRV',
        name: 'im.example.com',
        data: { priority: 10, weight: 5, port: 5269, target: 'Xmpp.Example.net' },
      },
      '10 5 5269 xmpp.example.net',
    ],
    ['TXT with its case', { type: 'TXT', name: 'im.example.com', data: 'waypost-AbC' }, 'waypost-AbC'],
    [
      'TXT of several strings',
      { type: 'TXT', name: 'im.example.com', data: ['waypost-', 'A', '', 'bC'] },
      'waypost-AbC',
    ],
    ['TXT in UTF-8', { type: 'TXT', name: 'im.example.com', data: 'grüße' }, 'grüße'],
    [
      'TXT with what a terminal would obey, and no database takes',
      { type: 'TXT', name: 'im.example.com', data: 'a\u001b[2J\u0000\u009b' },
      'a\\027[2J\\000\\155',
    ],
    [
      'TXT of 1,000 bytes, cut',
      { type: 'TXT', name: 'im.example.com', data: Array(4).fill('x'.repeat(250)) },
      'x'.repeat(255),
    ],
    [
      'CAA with flags and tag, and what a terminal would obey escaped',
      {
        type: 'CAA',
        name: 'im.example.com',
        data: { flags: 128, tag: 'Issue' as 'issue', value: 'CA.example; a="\u001b"' },
      },
      '128 issue CA.example; a="\\027"',
    ],
    [
      'CAA that allows nobody',
      { type: 'CAA', name: 'im.example.com', data: { flags: 0, tag: 'issue', value: '' } },
      '0 issue ',
    ],
    ['an empty TXT', { type: 'TXT', name: 'im.example.com', data: [] }, ''],
  ])('is read: %s', (_title, record, value) => {
    expect(read({ answers: [record] })?.answers).toEqual([{ name: 'im.example.com', type: record.type, value }])
  })

  test('is read past records of other types and classes, and with its flags', () => {
    const soa: Answer = {
      type: 'SOA',
      name: 'example.com',
      data: { mname: 'ns.example.com', rname: 'a\\.b.example.com' },
    }
    const chaos: Answer = { type: 'TXT', name: 'im.example.com', class: 'CH', data: 'another Internet' }
    const mdns: Answer = { type: 'TXT', name: 'im.example.com', flush: true, data: 'a class of its own' }
    const txt: Answer = { type: 'TXT', name: 'im.example.com', data: 'here' }
    const sections = { authorities: [soa], additionals: [{ ...txt, data: 'beside the answer' }] }
    expect(read({ flags: 0x0403, answers: [soa, chaos, mdns, txt], ...sections })).toEqual({
      isTruncated: false,
      isAuthoritative: true,
      isRecursive: false,
      rcode: 3,
      answers: [{ name: 'im.example.com', type: 'TXT', value: 'here' }],
    })
  })

  test('is of the rcode that EDNS completes: BADVERS is no empty answer', () => {
    const opt = { type: 'OPT', name: '.', udpPayloadSize: 512, extendedRcode: 1, ednsVersion: 0, flags: 0 } as const
    expect(read({ additionals: [{ ...opt, flag_do: false, options: [] }] })?.rcode).toBe(16)
  })

  test('that is truncated holds nothing, wherever it is cut off', () => {
    const whole = packet({ flags: 0x0600, answers: [{ type: 'TXT', name: 'im.example.com', data: 'cut' }] })
    const reply = readReply(whole.subarray(0, -2), ID, QUESTION)
    expect(reply).toMatchObject({ isTruncated: true, answers: [] })
  })

  test('may lack the question where it is an error', () => {
    expect(readReply(header({ flags: 0x8001 }), ID, QUESTION)?.rcode).toBe(1)
    expect(readReply(header({ flags: 0x8403 }), ID, QUESTION)).toBeNull()
    expect(readReply(header({ flags: 0x8400 }), ID, QUESTION)).toBeNull()
  })

  test('keeps a dot within a label apart from one between labels, and tells all bytes apart', () => {
    const target = name([...'a.b'].map(byte), [0xff, 0x5c, 0x20], [...'COM'].map(byte))
    expect(readReply(answer(5, target), ID, QUESTION)?.answers).toEqual([
      { name: 'im.example.com', type: 'CNAME', value: 'a\\046b.\\255\\092\\032.com' },
    ])
  })

  const txt = Buffer.from([4, ...[...'text'].map(byte)])
  test('by hand is read before it is spoilt', () => {
    expect(readReply(answer(16, txt), ID, QUESTION)?.answers).toMatchObject([{ value: 'text' }])
  })

  test.each<[title: string, bytes: Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['less than a header', header({}).subarray(0, 11)],
    ['another id', patched(answer(16, txt), 0, 0x1235)],
    ['a query', patched(answer(16, txt), 2, 0x0400)],
    ['another opcode', patched(answer(16, txt), 2, 0x9400)],
    ['two questions', patched(answer(16, txt), 4, 2)],
    ['more answers than it holds', patched(answer(16, txt), 6, 2)],
    ['65,535 answers', patched(answer(16, txt), 6, 0xffff)],
    ['65,535 additional records', patched(answer(16, txt), 10, 0xffff)],
    ['the question in another class', patched(answer(16, txt), QUESTION_END - 2, 3)],
    ['the question of another type', patched(answer(16, txt), QUESTION_END - 4, 1)],
    ['another name', packet({}, { name: 'im.example.org', type: 'TXT' })],
    ['rdata that is cut off', answer(16, txt).subarray(0, -1)],
    ['rdata longer than the message', answer(16, txt, 0xffff)],
    ['a string longer than its record', answer(16, Buffer.from([5, ...txt.subarray(1)]))],
    ['an address of three bytes', answer(1, Buffer.from([192, 0, 2]))],
    ['an address of five bytes', answer(1, Buffer.from([192, 0, 2, 1, 1]))],
    ['an IPv6 address of four bytes', answer(28, Buffer.from([192, 0, 2, 1]))],
    ['an SRV record that ends before its target', answer(33, Buffer.from([0, 0, 0, 0, 20]))],
    ['an SRV record that goes on after its target', answer(33, Buffer.from([0, 0, 0, 0, 20, 149, 0, 0]))],
    ['a CAA record without a tag', answer(257, Buffer.from([0, 0, 0x61]))],
    ['a CAA record that ends before its tag', answer(257, Buffer.from([0, 5, 0x61]))],
    ['a CAA record of one byte', answer(257, Buffer.from([0]))],
    ['a CAA record of 1,025 bytes', answer(257, Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(1023, 0x61)]))],
    ['a name that ends before its record does', answer(5, Buffer.concat([name([0x61]), Buffer.from([0])]))],
    ['a name that ends after its record does', answer(5, name([0x61]), 1)],
    ['a name that never ends', answer(5, Buffer.from([1, 0x61]))],
    ['a pointer to itself', answer(5, pointer(QUESTION_END + 12))],
    ['a pointer forward', pointerForward()],
    ['a loop of labels and a pointer', answer(5, Buffer.concat([Buffer.from([1, 0x61]), pointer(QUESTION_END + 12)]))],
    ['a label of a reserved kind', answer(5, name(Array<number>(0x41).fill(0x61)))],
    ['a name of 256 bytes', answer(5, name(...Array<number[]>(127).fill([0x61]), [0x62]))],
    ['63 names behind 8,000 pointers', pointerBomb()],
  ])('is refused: %s', (_title, bytes) => expect(readReply(bytes, ID, QUESTION)).toBeNull())

  test('of more than 64 records is refused', () => {
    const records = (count: number) =>
      Array.from({ length: count }, (_, i): Answer => ({ type: 'TXT', name: 'im.example.com', data: String(i) }))
    expect(read({ answers: records(64) })?.answers).toHaveLength(64)
    expect(read({ answers: records(65) })).toBeNull()
  })

  test('never makes it throw: cut off anywhere, and with bytes changed by chance', () => {
    const throwOf = dice(4)
    const whole = packet({
      flags: 0x0400,
      answers: [
        { type: 'CNAME', name: 'im.example.com', data: 'edge.example.net' },
        { type: 'TXT', name: 'edge.example.net', data: ['one', 'two'] },
        { type: 'AAAA', name: 'edge.example.net', data: '2001:db8::1' },
        { type: 'CAA', name: 'edge.example.net', data: { flags: 0, tag: 'issue', value: 'ca.example' } },
      ],
    })
    for (let end = 0; end < whole.length; end++) expect(readReply(whole.subarray(0, end), ID, QUESTION)).toBeNull()
    for (let i = 0; i < 20_000; i++) {
      const changed = Buffer.from(whole)
      for (let bytes = 1 + throwOf(4); bytes > 0; bytes--) changed[2 + throwOf(whole.length - 2)] = throwOf(256)
      readReply(changed, ID, QUESTION)
    }
  })
})

function packet(sections: Parameters<typeof encode>[0], question: Question = QUESTION): Buffer {
  return encode({ type: 'response', id: ID, flags: 0, questions: [question], ...sections })
}

function read(sections: Parameters<typeof encode>[0]) {
  return readReply(packet(sections), ID, QUESTION)
}

function header({ flags = 0x8400 }: { flags?: number }): Buffer {
  return patched(patched(Buffer.alloc(12), 0, ID), 2, flags)
}

/** A reply with one record of the name that was asked for, by hand. */
function answer(type: number, rdata: Buffer, length = rdata.length): Buffer {
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, length >> 8, length & 0xff])
  return patched(Buffer.concat([packet({ flags: 0x0400 }), record, rdata]), 6, 1)
}

/** An alias whose target is in the rdata of the record behind it. */
function pointerForward(): Buffer {
  const [alias, text] = [answer(5, pointer(QUESTION_END + 26)), answer(16, Buffer.from([1, 0x61, 0]))]
  return patched(Buffer.concat([alias, text.subarray(QUESTION_END)]), 6, 2)
}

/** The first record holds pointers to pointers; each of the others begins at their far end. */
function pointerBomb(): Buffer {
  const pointers = Array.from({ length: 8_000 }, (_, i) => pointer(i === 0 ? 12 : QUESTION_END + 12 + 2 * (i - 1)))
  const hold = answer(10, Buffer.concat(pointers))
  const record = Buffer.concat([pointer(QUESTION_END + 12 + 2 * 7_999), Buffer.from([0, 16, 0, 1, 0, 0, 0, 1, 0, 0])])
  return patched(Buffer.concat([hold, ...Array<Buffer>(63).fill(record)]), 6, 64)
}

function name(...labels: readonly number[][]): Buffer {
  return Buffer.from([...labels.flatMap((label) => [label.length, ...label]), 0])
}

function pointer(to: number): Buffer {
  return Buffer.from([0xc0 | (to >> 8), to & 0xff])
}

function byte(character: string): number {
  return character.charCodeAt(0)
}

function patched(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt16BE(value, at)
  return copy
}
