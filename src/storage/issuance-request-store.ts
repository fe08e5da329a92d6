import type { IssuanceRequestStore } from '../acme/certificate-requests.ts'
import { FRONT_CERTIFICATE, type FrontCertificatePayload } from '../certificate/issuance.ts'
import { ProblemError } from '../problem.ts'
import type { Database } from './database.ts'
import { forgetFailures } from './issuance-store.ts'
import { perform, type NewId } from './perform.ts'

export function issuanceRequestStore(deps: { db: Database; newId: NewId }): IssuanceRequestStore {
  return {
    request: ({ lineage, identifiers, isTriedAnew, facts }, act) =>
      perform(deps, act, async (trx, traces) => {
        const { id: lineageId, tenantId, name } = lineage
        if (!(await trx('lineage').where({ id: lineageId }).first('id')))
          throw new ProblemError('not-found', `there is no certificate lineage ${name}`)
        if (isTriedAnew) await forgetFailures(trx, lineageId)
        const payload: FrontCertificatePayload = { tenantId, lineageId, identifiers }
        traces.enqueue({ kind: FRONT_CERTIFICATE, key: lineageId, payload, runAt: act.at })
        traces.audit({ tenantId, action: 'certificate.request', subject: name, detail: { ...facts } })
      }),
  }
}
