import { z } from 'zod'
import { entityTag } from '../../act.ts'
import { LOGO_LIMIT_BYTES, parseBranding, parseLogo } from '../../tenant/branding.ts'
import type { Maintenance, Settings } from '../../tenant/settings.ts'
import type { AdminDeps } from '../deps.ts'
import { line } from '../input.ts'
import { route, type Route } from './route.ts'

const colour = line(20).meta({ example: '#0b6e69' })
const branding = {
  serviceName: line(200).nullable().meta({ description: 'What stands in place of "Waypost"; null: nothing' }),
  accents: z
    .strictObject({ light: colour, dark: colour })
    .nullable()
    .meta({ description: 'Of links and buttons, on a light ground and on a dark one; null: our own' }),
  support: line(400).nullable().meta({ description: 'An e-mail address or an https URL, on every page; null: none' }),
  footLine: line(400).nullable().meta({ description: 'Below every page; null: none' }),
}
const resource = z
  .object({
    serviceName: z.string().nullable(),
    accents: z.object({ light: z.string(), dark: z.string() }).nullable(),
    support: z.string().nullable(),
    footLine: z.string().nullable(),
    logo: z
      .object({ mediaType: z.string(), sha256: z.string().meta({ description: 'Hexadecimal' }) })
      .nullable()
      .meta({ description: 'null: our own' }),
  })
  .meta({ id: 'Settings' })

const maintenance = z
  .object({
    isOn: z.boolean(),
    reason: z.string().nullable(),
    since: z.iso.datetime().nullable(),
    by: z.string().nullable().meta({ description: 'As the audit trail names them' }),
  })
  .meta({
    id: 'Maintenance',
    description: 'While it is on, only the operator changes anything. What is published stays so, and is renewed',
  })

/** Long enough for the largest image as base64. */
const LOGO_BODY_BYTES = Math.ceil((LOGO_LIMIT_BYTES * 4) / 3) + 10_000
const MOST_REASON_CHARACTERS = 300

export const reasonField = line(MOST_REASON_CHARACTERS).trim().min(1)

/** What an operator sets while the server runs. */
export function settingsRoutes({ settings }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'get',
        path: '/settings',
        summary: 'How the admin pages look',
        access: 'operator',
        scope: 'settings:read',
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async () => answer((await settings.standing()).settings),
    ),
    route(
      {
        method: 'put',
        path: '/settings',
        summary: 'Set how the admin pages look; the logo is set by itself',
        access: 'operator',
        scope: 'settings:write',
        body: z.strictObject(branding),
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async ({ body, act }) => answer(await settings.setBranding(parseBranding(body), act)),
    ),
    route(
      {
        method: 'put',
        path: '/settings/logo',
        summary: 'Set the logo of the admin pages',
        access: 'operator',
        scope: 'settings:write',
        bodyLimitBytes: LOGO_BODY_BYTES,
        body: z.strictObject({
          logo: z
            .string()
            .max(LOGO_BODY_BYTES)
            .regex(/^[A-Za-z0-9+/]+={0,2}$/, { error: 'should be an image in base64' })
            .meta({
              description: `A PNG, JPEG or WebP image of at most ${LOGO_LIMIT_BYTES} bytes, in base64`,
              example: 'iVBORw0KGgo=',
            }),
        }),
        answer: { status: 200, schema: resource, hasEtag: true },
      },
      async ({ body, act }) => answer(await settings.setLogo(parseLogo(Buffer.from(body.logo, 'base64')), act)),
    ),
    route(
      {
        method: 'delete',
        path: '/settings/logo',
        summary: 'Do without a logo of your own',
        access: 'operator',
        scope: 'settings:write',
        answer: { status: 204 },
      },
      async ({ act }) => {
        await settings.setLogo(null, act)
        return {}
      },
    ),
    route(
      {
        method: 'get',
        path: '/maintenance',
        summary: 'Whether maintenance is on',
        access: 'signed-in',
        scope: 'any',
        answer: { status: 200, schema: maintenance },
      },
      async () => ({ body: toMaintenance((await settings.standing()).maintenance) }),
    ),
    route(
      {
        method: 'put',
        path: '/maintenance',
        summary: 'Begin maintenance, or change its reason: only the operator changes anything until it ends',
        access: 'operator',
        scope: 'settings:write',
        hasNoEtag: true,
        body: z.strictObject({ reason: reasonField.meta({ description: 'Shown to everybody' }) }),
        answer: { status: 200, schema: maintenance },
      },
      async ({ body: { reason }, act }) => ({ body: toMaintenance(await settings.beginMaintenance(reason, act)) }),
    ),
    route(
      {
        method: 'delete',
        path: '/maintenance',
        summary: 'End maintenance',
        access: 'operator',
        scope: 'settings:write',
        hasNoEtag: true,
        answer: { status: 204 },
      },
      async ({ act }) => {
        await settings.endMaintenance(act)
        return {}
      },
    ),
  ]
}

function answer(settings: Settings) {
  const { serviceName, accents, support, footLine, logo } = settings
  return { body: { serviceName, accents, support, footLine, logo }, etag: entityTag(settings) }
}

function toMaintenance(on: Maintenance | null): z.input<typeof maintenance> {
  return { isOn: on !== null, reason: on?.reason ?? null, since: on?.since.toISOString() ?? null, by: on?.by ?? null }
}
