import { expect, test } from 'vitest'
import { createLog } from '../src/log.ts'

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  let text = ''
  write(createLog({ level: 'debug', role: 'test' }, { write: (line) => void (text += line) }))
  return text
}

test('a line is one JSON object with level, time and role; what a stranger sent cannot make a second line', () => {
  const text = logged((log) => log.warn({ name: 'evil\r\n{"level":"error"}\u001b[31m' }, 'refused'))
  expect(text.trimEnd().split('\n')).toHaveLength(1)
  expect(text).not.toContain('\u001b')
  expect(JSON.parse(text)).toMatchObject({ level: 'warn', role: 'test', msg: 'refused' })
})

test.each(['authorization', 'cookie', 'password', 'token', 'privateKey', 'masterKey', 'secret'])(
  'a field %s is hidden, also two floors down',
  (field) => {
    const text = logged((log) =>
      log.info({ [field]: 'canary', a: { [field]: 'canary', b: { [field]: 'canary' } } }, 'x'),
    )
    expect(text).not.toContain('canary')
    expect(text).toContain('[hidden]')
  },
)
