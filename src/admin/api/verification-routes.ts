import { z } from 'zod'
import type { Delegation, RuleCheck } from '../../delegation/delegation.ts'
import { ProblemError } from '../../problem.ts'
import type { Tenant } from '../../tenant/tenant.ts'
import type { Report, Step } from '../../verify/report.ts'
import type { AdminDeps, LookUps } from '../deps.ts'
import { tenantNameField } from '../input.ts'
import { route, type Route } from './route.ts'

const conclusion = z.enum(['proven', 'disproven', 'unknown'])
const step = z.object({
  title: z.string(),
  outcome: z.enum(['ok', 'wrong', 'could-not-ask', 'note']),
  rule: z.string().meta({ example: 'draft-miller-xmpp-fed-00 §6.3 step 2' }),
  found: z.string(),
  cure: z.string().nullable(),
  asked: z.string().nullable().meta({ description: 'The URL' }),
  status: z.int().nullable().meta({ description: 'Of the answer' }),
})
export const ruleCheck = z
  .object({
    outcome: z.enum(['ok', 'wrong', 'could-not-ask']),
    found: z.string(),
    checkedAt: z.iso.datetime(),
  })
  .meta({ id: 'RuleCheck' })

export const report = z
  .object({
    sourceDomain: z.string(),
    service: z.string().meta({ example: '_xmpp-server._tcp' }),
    at: z.iso.datetime(),
    conclusion,
    tls: conclusion.meta({ description: 'Of draft-miller-xmpp-fed-00 §6.3 alone' }),
    posh: z.enum([...conclusion.options, 'absent']).meta({ description: 'Of RFC 7711 alone' }),
    steps: z.array(step),
    ruleCheck: ruleCheck
      .nullable()
      .meta({ description: 'Of the rule on the owner’s web server; null: the domain is hosted' }),
    certificates: z.array(
      z.object({
        sha256: z.string(),
        subject: z.string(),
        issuer: z.string(),
        dnsNames: z.array(z.string()),
        notBefore: z.iso.datetime(),
        notAfter: z.iso.datetime(),
        validity: z.enum(['valid', 'expired', 'not-yet-valid']),
      }),
    ),
  })
  .meta({ id: 'VerificationReport' })

const one = z.strictObject({ tenant: tenantNameField, id: z.uuid() })

/**
 * A stranger's server is asked only by whoever controls its name.
 * @throws ProblemError control-unproven, not-found
 */
export async function delegationToVerify(find: LookUps, tenant: Tenant, id: string): Promise<Delegation> {
  return (await delegationOfHeld(find, tenant, id)).delegation
}

/** @throws ProblemError control-unproven, not-found; malformed-request: the source domain is hosted */
export async function delegationWithRule(find: LookUps, tenant: Tenant, id: string): Promise<Delegation> {
  const { delegation, mode } = await delegationOfHeld(find, tenant, id)
  if (mode === 'hosted')
    throw new ProblemError(
      'malformed-request',
      `${delegation.sourceDomain} is hosted: this server answers for it itself, and there is no rule to check; ask for its verification instead`,
    )
  return delegation
}

async function delegationOfHeld(find: LookUps, tenant: Tenant, id: string) {
  const delegation = await find.delegation(tenant, id)
  const { proof, mode, name } = await find.sourceDomain(tenant, delegation.sourceDomain)
  if (proof === null)
    throw new ProblemError(
      'control-unproven',
      `control of ${name} is not proven, so that its web server is not asked; publish the record that the source domain shows first`,
    )
  return { delegation, mode }
}

export function verificationRoutes({ rules }: AdminDeps, find: LookUps): Route[] {
  return [
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/delegations/{id}/verify',
        summary: 'Ask as an initiating entity, from this server, and report every step',
        access: 'admin',
        scope: 'delegations:write',
        params: one,
        answer: { status: 200, schema: report },
        problems: ['control-unproven'],
      },
      async ({ tenant, params }) => {
        const { delegation, mode } = await delegationOfHeld(find, tenant, params.id)
        if (mode === 'hosted') return { body: toReport(await rules.verify(delegation), null) }
        const { report, ruleCheck } = await rules.verifyAndCheck(delegation)
        return { body: toReport(report, ruleCheck) }
      },
    ),
    route(
      {
        method: 'post',
        path: '/tenants/{tenant}/delegations/{id}/check-rule',
        summary: 'Whether the web server of an external source domain leads to what is published here',
        access: 'admin',
        scope: 'delegations:write',
        params: one,
        answer: { status: 200, schema: ruleCheck },
        problems: ['control-unproven'],
      },
      async ({ tenant, params }) => {
        return { body: toRuleCheck(await rules.check(await delegationWithRule(find, tenant, params.id))) }
      },
    ),
  ]
}

export function toRuleCheck({ outcome, found, checkedAt }: RuleCheck): z.input<typeof ruleCheck> {
  return { outcome, found, checkedAt: checkedAt.toISOString() }
}

export function toReport(seen: Report, check: RuleCheck | null): z.input<typeof report> {
  const { sourceDomain, service, protocol, at, conclusion, tls, posh, steps, certificates } = seen
  return {
    ...{ sourceDomain, conclusion, tls, posh },
    service: `${service}.${protocol}`,
    at: at.toISOString(),
    steps: steps.map(toStep),
    ruleCheck: check && toRuleCheck(check),
    certificates: certificates.map(({ sha256, subject, issuer, dnsNames, notBefore, notAfter, validity }) => ({
      ...{ sha256, subject, issuer, dnsNames, validity },
      notBefore: notBefore.toISOString(),
      notAfter: notAfter.toISOString(),
    })),
  }
}

function toStep({ title, outcome, rule, found, cure, asked, reply }: Step): z.input<typeof step> {
  return { title, outcome, rule, found, cure, asked, status: reply?.status ?? null }
}
