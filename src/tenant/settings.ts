import type { Act, Revised } from '../act.ts'
import type { Accents } from './accent.ts'

/** How the admin pages look to the operator's customers. Null: as Waypost looks by itself. */
export interface Branding {
  serviceName: string | null // what stands in place of "Waypost"
  accents: Accents | null
  support: string | null // an e-mail address, or an https URL
  footLine: string | null // below every page
}

export interface Settings extends Revised, Branding {
  logo: { mediaType: LogoType; sha256: string } | null // hex
}

export type LogoType = 'image/png' | 'image/jpeg' | 'image/webp'

export interface Logo {
  mediaType: LogoType
  bytes: Uint8Array
}

/** While it is on, nobody but operators changes anything; what is published stays so, and is renewed. */
export interface Maintenance {
  reason: string // the operator's words
  since: Date
  by: string // as the audit trail names them
}

/** What every page shows of it. */
export interface Standing {
  settings: Settings
  maintenance: Maintenance | null // null: it is off
}

export const PLAIN: Standing = {
  settings: {
    ...{ id: 'settings', revision: 0, serviceName: null, accents: null, support: null, footLine: null },
    logo: null,
  },
  maintenance: null,
}

export interface SettingsStore {
  standing(): Promise<Standing>
  /** @throws ProblemError precondition-failed */
  setBranding(branding: Branding, act: Act): Promise<Settings>
  logo(): Promise<(Logo & { sha256: string }) | undefined>
  /** @param logo null: our own. @throws ProblemError precondition-failed */
  setLogo(logo: Logo | null, act: Act): Promise<Settings>
  /** Where it is on already, it has other words from now on. */
  beginMaintenance(reason: string, act: Act): Promise<Maintenance>
  /** Nothing happens where it is off. */
  endMaintenance(act: Act): Promise<void>
}
