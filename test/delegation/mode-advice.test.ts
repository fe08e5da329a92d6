import { expect, test } from 'vitest'
import { adviseMode, type ModeAdvice, type NameSight } from '../../src/delegation/mode-advice.ts'

test.each<[leads: NameSight['leads'], web: NameSight['web'], mode: ModeAdvice['mode'], why: ModeAdvice['why']]>([
  ['here', null, 'hosted', 'leads-here'],
  ['nowhere', null, 'hosted', 'nothing-there'],
  ['elsewhere', 'answers', 'external', 'somebody-answers'],
  ['elsewhere', 'silent', 'hosted', 'nobody-answers'],
  ['elsewhere', 'could-not-ask', null, 'web-not-asked'],
  ['elsewhere', null, null, 'web-not-asked'],
  ['could-not-ask', null, null, 'dns-not-asked'],
])('a name that leads %s, where the web %s, is recommended to be %s: %s', (leads, web, mode, why) => {
  for (const isApex of [true, false, null]) expect(adviseMode({ isApex, leads, web })).toEqual({ mode, why })
})
