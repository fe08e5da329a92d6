import { createHash } from 'node:crypto'
import { requireMatch, type Act } from '../act.ts'
import { whatChanged } from '../tenant/audit.ts'
import type { LogoType, Maintenance, Settings, SettingsStore } from '../tenant/settings.ts'
import type { Database } from './database.ts'
import { perform, type NewId } from './perform.ts'

interface SettingsRow {
  id: string
  service_name: string | null
  accent_light: string | null
  accent_dark: string | null
  support: string | null
  foot_line: string | null
  logo: Buffer | null
  logo_type: LogoType | null
  logo_sha256: string | null
  revision: number
}

interface MaintenanceRow {
  id: string
  reason: string
  since: number
  by: string
}

const ID = 'settings'
const MAINTENANCE_ID = 'maintenance'
/** All but the image itself, which is read where it is sent. */
const SHOWN = [
  ...(['id', 'service_name', 'accent_light', 'accent_dark', 'support', 'foot_line'] as const),
  ...(['logo_type', 'logo_sha256', 'revision'] as const),
]
type ShownRow = Omit<SettingsRow, 'logo'>

export function settingsStore(deps: { db: Database; newId: NewId }): SettingsStore {
  const { db } = deps
  const maintenance = () => db.knex<MaintenanceRow>('maintenance').where({ id: MAINTENANCE_ID }).first()

  /** Nothing is written where it is so already. */
  async function change(columns: Partial<SettingsRow>, act: Act, action: string): Promise<Settings> {
    return perform(deps, act, async (trx, traces) => {
      const row = (await trx<SettingsRow>('settings').where({ id: ID }).select(SHOWN).forUpdate().first())!
      const former = fromRow(row)
      requireMatch(act, former)
      const revised = { ...columns, revision: row.revision + 1 }
      const changed = fromRow({ ...row, ...revised })
      const detail = whatChanged(facts(former), facts(changed))
      if (Object.keys(detail.after ?? {}).length === 0) return former
      await trx<SettingsRow>('settings').where({ id: ID }).update(revised)
      traces.audit({ tenantId: null, action, subject: ID, detail })
      return changed
    })
  }

  return {
    async standing() {
      const [row, on] = await Promise.all([
        db.knex<SettingsRow>('settings').where({ id: ID }).select(SHOWN).first(),
        maintenance(),
      ])
      return { settings: fromRow(row!), maintenance: on ? toMaintenance(on) : null }
    },

    setBranding({ serviceName, accents, support, footLine }, act) {
      const columns = {
        ...{ service_name: serviceName, support, foot_line: footLine },
        ...{ accent_light: accents?.light ?? null, accent_dark: accents?.dark ?? null },
      }
      return change(columns, act, 'settings.set')
    },

    async logo() {
      const row = await db.knex<SettingsRow>('settings').where({ id: ID }).first('logo', 'logo_type', 'logo_sha256')
      return row?.logo ? { bytes: row.logo, mediaType: row.logo_type!, sha256: row.logo_sha256! } : undefined
    },

    setLogo(logo, act) {
      const columns = logo
        ? { logo: Buffer.from(logo.bytes), logo_type: logo.mediaType, logo_sha256: sha256(logo.bytes) }
        : { logo: null, logo_type: null, logo_sha256: null }
      return change(columns, act, 'settings.set-logo')
    },

    async beginMaintenance(reason, act) {
      const row: MaintenanceRow = { id: MAINTENANCE_ID, reason, since: act.at.getTime(), by: act.actor }
      return perform(deps, act, async (trx, traces) => {
        const [on] = await trx<MaintenanceRow>('maintenance')
          .insert(row)
          .onConflict('id')
          .merge(['reason']) // since when it is on, and by whom, stays as it was
          .returning('*')
        traces.audit({ tenantId: null, action: 'maintenance.begin', subject: 'maintenance', detail: { reason } })
        return toMaintenance(on!)
      })
    },

    async endMaintenance(act) {
      await perform(deps, act, async (trx, traces) => {
        const ended = await trx('maintenance').where({ id: MAINTENANCE_ID }).del()
        if (ended > 0) traces.audit({ tenantId: null, action: 'maintenance.end', subject: 'maintenance' })
      })
    },
  }
}

/** For the audit trail. */
function facts({ serviceName, accents, support, footLine, logo }: Settings): Record<string, unknown> {
  return { serviceName, accents, support, footLine, logo: logo && logo.sha256 }
}

function fromRow(row: ShownRow): Settings {
  const { id, revision, service_name, accent_light, accent_dark, support, foot_line, logo_type, logo_sha256 } = row
  return {
    ...{ id, revision, serviceName: service_name, support, footLine: foot_line },
    accents: accent_light === null || accent_dark === null ? null : { light: accent_light, dark: accent_dark },
    logo: logo_type === null || logo_sha256 === null ? null : { mediaType: logo_type, sha256: logo_sha256 },
  }
}

function toMaintenance({ reason, since, by }: MaintenanceRow): Maintenance {
  return { reason, since: new Date(since), by }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
