import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { leastContrast } from '../../tenant/accent.ts'
import { LOGO_LIMIT_BYTES, parseBranding, parseLogo } from '../../tenant/branding.ts'
import type { Maintenance, Settings, Standing } from '../../tenant/settings.ts'
import { reasonField } from '../api/settings-routes.ts'
import { brandAssets } from '../brand.ts'
import type { AdminDeps } from '../deps.ts'
import { line } from '../input.ts'
import { useTexts } from './context.ts'
import { form, page, type Page, type Refusal, type View } from './page.tsx'
import { Field, FormProblem, Foreign, Heading, TextField, When } from './parts.tsx'
import { withFields } from './refusals.ts'
import { formEtag } from './tenant-pages.tsx'
import type { Texts } from './texts.ts'

/** With the lines around the file in a form. */
const LOGO_FORM_BYTES = LOGO_LIMIT_BYTES + 10_000
const FIELDS = { '/accents/light': '/accentLight', '/accents/dark': '/accentDark' } as Partial<Record<string, string>>

type Part = 'branding' | 'logo' | 'maintenance'
type Refused = { part: Part; refusal: Refusal } | undefined

/** What an operator sets while the server runs. */
export function settingsPages({ settings }: AdminDeps): Page[] {
  const settingsView = async ({ settings: t }: Texts, refused?: Refused): Promise<View> => ({
    title: t.title,
    area: 'settings',
    main: <SettingsPage standing={await settings.standing()} refused={refused} />,
  })

  const told = (text: string) => ({ to: '/settings', notice: { text, warnings: [] } })
  const again =
    (part: Part) =>
    (refusal: Refusal, { texts }: { texts: Texts }) =>
      settingsView(texts, { part, refusal: atOwnFields(refusal) })
  const access = 'operator'
  const standsOn = '/settings'

  return [
    page({ path: '/settings', access }, ({ texts }) => settingsView(texts)),
    form(
      {
        ...{ path: '/settings', access },
        form: z.strictObject({
          serviceName: line(200),
          accentLight: line(20).trim(),
          accentDark: line(20).trim(),
          support: line(400),
          footLine: line(400),
          etag: formEtag,
        }),
      },
      async ({ etag, accentLight: light, accentDark: dark, ...words }, { act, texts }) => {
        const accents = light === '' && dark === '' ? null : { light, dark }
        await settings.setBranding(parseBranding({ ...words, accents }), { ...act, ifMatch: [etag] })
        return told(texts.settings.saved)
      },
      again('branding'),
    ),
    form(
      {
        ...{ path: '/settings/logo', standsOn, access, hasFiles: true, formLimitBytes: LOGO_FORM_BYTES },
        form: z.strictObject({ logo: z.instanceof(Uint8Array) }),
      },
      async ({ logo }, { act, texts }) => {
        await settings.setLogo(parseLogo(logo), act)
        return told(texts.settings.logoSet)
      },
      again('logo'),
    ),
    form(
      { path: '/settings/logo/remove', standsOn, access, form: z.strictObject({}) },
      async (_form, { act, texts }) => {
        await settings.setLogo(null, act)
        return told(texts.settings.logoRemoved)
      },
      again('logo'),
    ),
    form(
      { path: '/settings/maintenance', standsOn, access, form: z.strictObject({ reason: reasonField }) },
      async ({ reason }, { act, texts }) => {
        await settings.beginMaintenance(reason, act)
        return told(texts.maintenance.begun)
      },
      again('maintenance'),
    ),
    form(
      { path: '/settings/maintenance/end', standsOn, access, form: z.strictObject({}) },
      async (_form, { act, texts }) => {
        await settings.endMaintenance(act)
        return told(texts.maintenance.ended)
      },
      again('maintenance'),
    ),
  ]
}

/** The form has no object in it, as the noun has. */
function atOwnFields(refusal: Refusal): Refusal {
  const { fields } = refusal.problem
  return withFields(
    refusal,
    fields.map((fault) => ({ ...fault, pointer: FIELDS[fault.pointer] ?? fault.pointer })),
  )
}

function SettingsPage({ standing: { settings, maintenance }, refused }: { standing: Standing; refused: Refused }) {
  const { settings: t } = useTexts()
  const of = (part: Part) => (refused?.part === part ? refused.refusal : undefined)
  return (
    <>
      <Heading title={t.title} lead={t.lead} />
      <MaintenanceCard maintenance={maintenance} refusal={of('maintenance')} />
      <BrandingCard settings={settings} refusal={of('branding')} />
      <LogoCard settings={settings} refusal={of('logo')} />
    </>
  )
}

function BrandingCard({ settings, refusal }: { settings: Settings; refusal: Refusal | undefined }) {
  const { settings: t, save } = useTexts()
  const { serviceName, accents, support, footLine } = settings
  const labels = {
    ...{ serviceName: t.serviceName, accentLight: t.accentLight, accentDark: t.accentDark },
    ...{ support: t.support, footLine: t.footLine },
  }
  const field = (name: keyof typeof labels) => ({ name, label: labels[name], refusal })
  return (
    <section class="card padded" aria-labelledby="branding">
      <h2 id="branding">{t.branding}</h2>
      {/* Another colour is in another style sheet: the whole document is asked for */}
      <form method="post" action="/settings" class="stack" hx-boost="false">
        <FormProblem refusal={refusal} fields={labels} />
        <input type="hidden" name="etag" value={entityTag(settings)} />
        <TextField {...field('serviceName')} hint={t.serviceNameHint} value={serviceName ?? ''} />
        <TextField {...field('accentLight')} hint={t.accentHint} value={accents?.light ?? ''} />
        <TextField {...field('accentDark')} hint={t.accentHint} value={accents?.dark ?? ''} />
        {accents ? (
          <p class="hint">
            {t.contrast(ratio(leastContrast(accents.light, 'light')), ratio(leastContrast(accents.dark, 'dark')))}
          </p>
        ) : null}
        <TextField {...field('support')} hint={t.supportHint} value={support ?? ''} />
        <TextField {...field('footLine')} hint={t.footLineHint} value={footLine ?? ''} />
        <button type="submit">{save}</button>
      </form>
    </section>
  )
}

/** Cut off and not rounded, so that it never looks like more than it is. */
function ratio(contrast: number): string {
  return (Math.floor(contrast * 10) / 10).toFixed(1)
}

function LogoCard({ settings, refusal }: { settings: Settings; refusal: Refusal | undefined }) {
  const { settings: t } = useTexts()
  const { logo } = brandAssets(settings)
  return (
    <section class="card padded stack" aria-labelledby="logo-title">
      <h2 id="logo-title">{t.logo}</h2>
      <p>{t.logoLead}</p>
      {logo === null ? null : (
        <form method="post" action="/settings/logo/remove" class="row" hx-boost="false">
          <img class="logo" src={logo} alt={t.present} />
          <button type="submit">{t.removeLogo}</button>
        </form>
      )}
      <form method="post" action="/settings/logo" enctype="multipart/form-data" class="stack" hx-boost="false">
        <FormProblem refusal={refusal} fields={{ logo: t.logoFile }} />
        <Field
          name="logo"
          label={t.logoFile}
          hint={t.logoHint(LOGO_LIMIT_BYTES / 1000)}
          refusal={refusal}
          isRequired
          control={(attributes) => <input {...attributes} type="file" accept="image/png,image/jpeg,image/webp" />}
        />
        <button type="submit">{t.upload}</button>
      </form>
    </section>
  )
}

function MaintenanceCard(props: { maintenance: Maintenance | null; refusal: Refusal | undefined }) {
  const { maintenance: t } = useTexts()
  const { maintenance, refusal } = props
  return (
    <section class="card padded stack" aria-labelledby="maintenance">
      <h2 id="maintenance">{t.title}</h2>
      <p class="hint">{t.lead}</p>
      {maintenance ? (
        <dl class="facts">
          <div>
            <dt>{t.since}</dt>
            <dd>
              <When at={maintenance.since} />
            </dd>
          </div>
          <div>
            <dt>{t.by}</dt>
            <dd>
              <Foreign text={maintenance.by} />
            </dd>
          </div>
        </dl>
      ) : null}
      <form method="post" action="/settings/maintenance" class="stack">
        <FormProblem refusal={refusal} fields={{ reason: t.reason }} />
        <TextField
          name="reason"
          label={t.reason}
          hint={t.reasonHint}
          refusal={refusal}
          value={maintenance?.reason}
          isRequired
        />
        <button type="submit">{maintenance ? t.change : t.begin}</button>
      </form>
      {maintenance ? (
        <form method="post" action="/settings/maintenance/end" class="form-actions">
          <button type="submit" class="primary">
            {t.end}
          </button>
        </form>
      ) : null}
    </section>
  )
}
