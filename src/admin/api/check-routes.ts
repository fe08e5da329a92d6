import { z } from 'zod'
import { serviceName } from '../../delegation/service-name.ts'
import type { Principal } from '../../tenant/principal.ts'
import { addressPrefix } from '../../tenant/address-prefix.ts'
import type { Visitor } from '../../tenant/visitor.ts'
import type { AdminDeps } from '../deps.ts'
import { domainNameField, line, parsedBy } from '../input.ts'
import { route, type Route } from './route.ts'
import { report, toReport } from './verification-routes.ts'

const serviceField = line(150)
  .transform(parsedBy(serviceName))
  .meta({ description: 'As SRV writes it', example: '_xmpp-server._tcp' })

const { ruleCheck: _, ...seen } = report.shape
const resource = z
  .object({
    ...seen,
    certificates: z.array(seen.certificates.element.extend({ pem: z.string() })),
    fingerprints: z
      .array(z.record(z.string(), z.string()))
      .meta({ description: 'Of POSH: the name of a hash, and the hash in lower-case hexadecimal' }),
    poshExpiresSeconds: z.int().nullable().meta({ description: 'null: there is no POSH document' }),
  })
  .meta({ id: 'DomainCheck', description: 'What an initiating entity learns of a domain' })

export function checkRoutes({ domainChecks }: AdminDeps): Route[] {
  return [
    route(
      {
        method: 'post',
        path: '/checks',
        summary: 'Ask about any domain as an initiating entity, from this server; given again for a minute',
        access: 'signed-in',
        scope: 'source-domains:read',
        body: z.strictObject({
          domain: domainNameField,
          service: serviceField.default({ service: '_xmpp-server', protocol: '_tcp' }),
        }),
        answer: { status: 200, schema: resource },
        problems: ['malformed-name'],
      },
      async ({ body: { domain, service }, principal, visitor }) => {
        const found = await domainChecks.check({ sourceDomain: domain, ...service }, checkedBy(principal, visitor))
        const { ruleCheck: _, ...shown } = toReport(found, null)
        const { fingerprints, poshExpiresSeconds } = found
        return {
          body: {
            ...shown,
            certificates: shown.certificates.map((one, at) => ({ ...one, pem: found.certificates[at]!.pem })),
            fingerprints: fingerprints.map((hashes) => ({ ...hashes })),
            poshExpiresSeconds,
          },
        }
      },
    ),
  ]
}

/** What somebody's checks are counted by: who has signed in by themselves, others by their address. */
export function checkedBy(principal: Pick<Principal, 'key'> | null, { address }: Visitor): string {
  return principal?.key ?? `address ${addressPrefix(address)}`
}
