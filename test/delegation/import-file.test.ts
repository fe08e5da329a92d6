import { describe, expect, test } from 'vitest'
import { importFile, type ImportFileOptions } from '../../src/delegation/import-file.ts'
import { MOST_IMPORT_BYTES } from '../../src/delegation/source-domain.ts'
import { ProblemError } from '../../src/problem.ts'

const OPERATOR = { mayVouch: true, isVouched: false }

/** As "<line> <name> <mode> …", or "<line> ! why". */
async function read(file: string | Uint8Array, options: ImportFileOptions = OPERATOR): Promise<string[]> {
  const lines: string[] = []
  for await (const block of importFile(Buffer.from(file), options).lines)
    for (const { line, request } of block)
      lines.push(
        request instanceof ProblemError
          ? `${line} ! ${request.message}`
          : [
              ...[line, request.tenant, request.name, request.mode, request.isVouched ? 'vouched' : ''],
              ...request.delegations.map(({ service, targetHost, lineage }) => `${service}>${targetHost}>${lineage}`),
            ]
              .filter((part) => part !== '')
              .join(' '),
      )
  return lines
}

describe('a file of source domains', () => {
  test.each<[string, string | Uint8Array, string[]]>([
    ['with nothing but names', 'a.example.com\nb.example.com\n', ['1 a.example.com hosted', '2 b.example.com hosted']],
    ['without a last line end', 'a.example.com', ['1 a.example.com hosted']],
    [
      'with CRLF, LF and CR',
      'a.example.com\r\nb.example.com\nc.example.com\rd.example.com',
      ['1 a.example.com hosted', '2 b.example.com hosted', '3 c.example.com hosted', '4 d.example.com hosted'],
    ],
    [
      'with titles in any case and order',
      'Mode, DOMAIN\nexternal,a.example.com\n,b.example.com',
      ['2 a.example.com external', '3 b.example.com hosted'],
    ],
    ['with semicolons', 'domain;mode\na.example.com;external', ['2 a.example.com external']],
    ['with tabs', 'domain\tmode\ttenant\na.example.com\t\tacme', ['2 acme a.example.com hosted']],
    ['with tabs and an empty first field', 'mode\tdomain\n\ta.example.com', ['2 a.example.com hosted']],
    [
      'without titles, by the usual order',
      'a.example.com,external,hosting.example.net,xmpp,_xmpp-client _xmpp-server',
      [
        '1 a.example.com external _xmpp-client._tcp>hosting.example.net>xmpp _xmpp-server._tcp>hosting.example.net>xmpp',
      ],
    ],
    ['with a byte order mark', '\ufeffdomain\na.example.com', ['2 a.example.com hosted']],
    ['with a byte order mark and no titles', '\ufeffa.example.com', ['1 a.example.com hosted']],
    ['with a byte order mark before a quotation mark', '\ufeff"a.example.com",external', ['1 a.example.com external']],
    [
      'with empty lines, and lines of nothing but separators',
      '\n\ndomain,mode\n\n,\na.example.com,\n   \n"",""\nb.example.com',
      ['6 a.example.com hosted', '9 b.example.com hosted'],
    ],
    [
      'with quotation marks',
      'domain,certificate,target\n"a.example.com","x, ""y""",t.example.net',
      ['2 a.example.com hosted _xmpp-server._tcp>t.example.net>x, "y"'],
    ],
    ['with empty columns behind the others', 'domain,mode,,\na.example.com,external,,', ['2 a.example.com external']],
    [
      'in its own script',
      'domain\nbücher.example.com\nBÜCHER.example.net.',
      ['2 xn--bcher-kva.example.com hosted', '3 xn--bcher-kva.example.net hosted'],
    ],
    ['with an ideographic full stop', 'im。example。com', [expect.stringContaining('1 ! ') as string]],
    [
      'with a name twice',
      'a.example.com\nb.example.com\nA.EXAMPLE.COM.',
      [
        '1 a.example.com hosted',
        '2 b.example.com hosted',
        '3 ! it stands in the file twice; leave one of the lines out',
      ],
    ],
    [
      'with a name of two tenants',
      'domain,tenant\na.example.com,acme\na.example.com,other',
      ['2 acme a.example.com hosted', '3 other a.example.com hosted'],
    ],
    ['with nothing in it', '', []],
    ['with titles alone', 'domain,mode', []],
  ])('%s', async (_what, file, expected) => {
    expect(await read(file)).toEqual(expected)
  })

  test.each([
    ['a name that is none', 'not a name.example', /no domain name/],
    ['no name', ',external', /no domain name: it is empty/],
    ['a mode that there is not', 'a.example.com,sideways', /mode should be hosted or external/],
    ['a target without a certificate', 'a.example.com,,t.example.net', /go together/],
    ['services of nothing', 'a.example.com,,,,_xmpp-client', /give target and certificate too/],
    ['a service that is none', 'a.example.com,,t.example.net,x,xmpp', /no service/],
    ['a field too many', 'a.example.com,,,,,x', /more columns than are known without titles/],
    ['another encoding', Buffer.from('b\xfccher.example.com', 'latin1'), /no UTF-8; save the file as "CSV UTF-8"/],
    ['a line break in a field', '"a.example.com\nb.example.com"', /a control character or a line break/],
    ['a control character', 'a.example.com,,t.example.net,x\u0001y', /control character/],
    ['a field without end', `a.example.com,,t.example.net,${'x'.repeat(1100)}`, /longer than 1024/],
    ['a lineage without end', `a.example.com,,t.example.net,${'x'.repeat(300)}`, /certificate is longer than 255/],
    [
      'services without end',
      `a.example.com,,t.example.net,x,${'_xmpp-server '.repeat(21)}`,
      /a line may have 20 services/,
    ],
  ])('refuses the line with %s, and no other', async (_what, line, why) => {
    const file = Buffer.concat([
      Buffer.from('first.example.com\n'),
      Buffer.from(line),
      Buffer.from('\nlast.example.com'),
    ])
    const lines = await read(file)
    expect(lines.at(0)).toBe('1 first.example.com hosted')
    expect(lines.slice(1, -1)).toEqual([expect.stringMatching(why)])
    expect(lines.at(-1)).toMatch(/ last.example.com hosted$/)
  })

  test('vouches for names only where an operator says so', async () => {
    const file = 'domain,vouch\na.example.com,yes\nb.example.com,no\nc.example.com,'
    expect(await read(file)).toEqual([
      '2 a.example.com hosted vouched',
      '3 b.example.com hosted',
      '4 c.example.com hosted',
    ])
    expect((await read(file, { mayVouch: true, isVouched: true }))[2]).toBe('4 c.example.com hosted vouched')
    expect(await read(file, { mayVouch: false, isVouched: false })).toEqual([
      '2 ! only the operator may vouch for a name',
      '3 b.example.com hosted',
      '4 c.example.com hosted',
    ])
  })

  test.each([
    ['a column that is not known', 'domain,colour\na.example.com,red', /a column "colour"; known are domain, tenant/],
    ['a column twice', 'domain,mode,Domain', /two columns domain/],
    ['no column for the name', 'mode,tenant', /no column "domain"/],
    ['another encoding', Buffer.from('\ufeffdomain\n', 'utf16le'), /save it as "CSV UTF-8"/],
    ['bytes of no text', Buffer.from('PK\u0003\u0004\0\0'), /save it as "CSV UTF-8"/],
    ['an open quotation', 'domain\na.example.com\n"b.example.com\n', /no CSV from here on \(line 3\)/],
    ['an endless line', `domain\n${'a'.repeat(20_000)}.example.com`, /no CSV/],
    ['more than 10 MB', Buffer.alloc(MOST_IMPORT_BYTES + 1, 'a'), /larger than 10 MB/],
    ['more than 100,000 lines', 'a.example\n'.repeat(100_001), /more than 100000 lines/],
  ])('is refused as a whole for %s', async (_what, file, why) => {
    await expect(async () => read(file)).rejects.toThrow(why)
  })

  test('tells what columns it was understood to have', () => {
    expect(importFile(Buffer.from('Target;domain;certificate'), OPERATOR)).toMatchObject({
      columns: ['target', 'domain', 'certificate'],
      isTitled: true,
    })
    expect(importFile(Buffer.from('a.example.com;external'), OPERATOR)).toMatchObject({
      columns: ['domain', 'mode', 'target', 'certificate', 'services'],
      isTitled: false,
    })
  })
})
