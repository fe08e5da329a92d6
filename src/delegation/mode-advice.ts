import type { DomainName } from '../name.ts'
import type { SourceDomainMode } from './source-domain.ts'

/** What is seen of a name from outside before anybody has said what is to become of it. */
export interface NameSight {
  isApex: boolean | null // of a zone, where no CNAME record can stand; null: not learnt
  /** Where HTTPS for it leads by DNS. */
  leads: 'here' | 'elsewhere' | 'nowhere' | 'could-not-ask'
  /** Whether somebody else accepts connections for HTTPS there; null: nobody was asked. */
  web: 'answers' | 'silent' | 'could-not-ask' | null
}

export interface ModeAdvice {
  mode: SourceDomainMode | null // null: nothing is recommended
  why: 'leads-here' | 'nothing-there' | 'somebody-answers' | 'nobody-answers' | 'dns-not-asked' | 'web-not-asked'
}

/** Recommends where a source domain is to be answered for; where the outside could not be asked, nothing. */
export function adviseMode({ leads, web }: NameSight): ModeAdvice {
  switch (leads) {
    case 'could-not-ask':
      return { mode: null, why: 'dns-not-asked' }
    case 'here':
      return { mode: 'hosted', why: 'leads-here' }
    case 'nowhere':
      return { mode: 'hosted', why: 'nothing-there' }
    case 'elsewhere':
      if (web === 'answers') return { mode: 'external', why: 'somebody-answers' }
      if (web === 'silent') return { mode: 'hosted', why: 'nobody-answers' }
      return { mode: null, why: 'web-not-asked' }
  }
}

/** Looks at a name now; it answers within seconds and does not throw. */
export type LookAtName = (name: DomainName) => Promise<NameSight>
