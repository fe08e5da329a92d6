import { setImmediate } from 'node:timers/promises'
import type { Act } from '../act.ts'
import type { Clock } from '../clock.ts'
import { ProblemError } from '../problem.ts'
import type { Tenant, TenantStore } from '../tenant/tenant.ts'
import type { JobKind } from '../work/runner.ts'
import { importFile, type ImportColumn, type ImportLine, type LineRequest } from './import-file.ts'
import type { ImportRequest, Registrar } from './registrar.ts'
import type { ImportedDomain, SpentQuotas } from './source-domain.ts'

/** The kind of job; its key is the id of an import that somebody has confirmed. */
export const DOMAIN_IMPORT = 'domain-import'

/** Written in one transaction, so few that nobody who writes has to wait for long. */
const BATCH = 250
/** After them other jobs have their turn, and a stop need not wait for a hundred thousand lines. */
const BATCHES_A_RUN = 20

/** Ready: looked at, and nothing has changed yet. Cancelled: what was done until then stays. */
export type ImportState = 'ready' | 'running' | 'done' | 'cancelled'

/** A file of source domains that somebody brought. */
export interface DomainImport {
  id: string // UUIDv7
  tenantId: string | null // null: the operator's, each line of which names a tenant
  tenantName: string | null
  state: ImportState
  actor: string // who confirmed it; before that, who brought it
  address: string | null
  actingAs: string | null
  isByOperator: boolean
  isDelegating: boolean // a line of it registers a delegation
  columns: ImportColumn[]
  lines: number
  doneTo: number // the line of the file up to which outcomes are final
  counts: ImportCounts // foreseen, while it is ready; else so far
  createdAt: Date
  begunAt: Date | null
  endedAt: Date | null
  expiresAt: Date | null // forgotten from then on; null: it is running
}

export interface ImportCounts {
  added: number
  present: number // there already
  refused: number
}

export type LineOutcome = 'added' | 'there already' | 'refused'

export interface StoredLine {
  line: number
  domain: string
  request: LineRequest | null // null: refused when it was read
  outcome: LineOutcome // foreseen, or final up to `doneTo`
  reason: string | null
}

export type ResultLine = Omit<StoredLine, 'request'>

/** Of a tenant one is open, ready or running. @param tenantId null: the operator's own */
export interface DomainImportStore {
  /**
   * Takes the place of one that is not confirmed. Its lines come in until it is `ready`.
   * @throws ProblemError already-exists: one is running
   */
  begin(
    tenantId: string | null,
    about: Pick<DomainImport, 'columns' | 'isByOperator'>,
    act: Act,
  ): Promise<string /* its id */>
  addLines(id: string, lines: readonly StoredLine[]): Promise<void>
  /** All are in. @throws ProblemError already-exists: another has taken its place */
  ready(id: string, about: Pick<DomainImport, 'lines' | 'counts' | 'isDelegating'>, act: Act): Promise<void>
  find(tenantId: string | null, id: string): Promise<DomainImport | undefined>
  /** Newest first. */
  list(tenantId: string | null, page: { after?: string | undefined; limit: number }): Promise<DomainImport[]>
  lines(
    tenantId: string | null,
    id: string,
    page: { after?: number | undefined; limit: number; isRefused?: true | undefined },
  ): Promise<ResultLine[]>
  /** Has it carried out. @throws ProblemError not-found; still-in-use: it is not ready any more */
  confirm(tenantId: string | null, id: string, act: Act): Promise<void>
  /** One that is ready is gone, one that is running stops. @throws ProblemError not-found; still-in-use: it has ended */
  cancel(tenantId: string | null, id: string, act: Act): Promise<void>

  /** For whoever carries it out, whosever it is. */
  running(id: string): Promise<DomainImport | undefined>
  next(id: string, after: number, limit: number): Promise<StoredLine[]>
  /**
   * Imports some lines and writes down what became of them, in one transaction; nothing happens where it was cancelled,
   * or others have done them.
   * @param after where the import stood when the lines were read
   */
  carryOut(
    id: string,
    step: { after: number; batch: readonly PreparedLine[]; isLast: boolean },
    act: Act,
  ): Promise<void>
}

export interface PreparedLine {
  line: StoredLine
  domain: ImportedDomain | ProblemError | null // null: it was refused when it was read
}

export interface DomainImports {
  /**
   * Reads a file and foresees what it would do; nothing else has changed.
   * @param tenant whose; null: the operator's, and each line names a tenant
   * @throws ProblemError malformed-request, too-large, already-exists
   */
  read(
    bytes: Uint8Array,
    options: { tenant: Tenant | null; isByOperator: boolean; isVouched?: boolean; mayDelegate?: boolean },
    act: Act,
  ): Promise<DomainImport>
  job: JobKind
}

/** Imports of files, for the pages and the API: read, shown, confirmed, carried out piece by piece. */
export function domainImports(deps: {
  store: DomainImportStore
  registrar: Pick<Registrar, 'importMany' | 'importable'>
  tenants: Pick<TenantStore, 'find' | 'findByName'>
  clock: Clock
}): DomainImports {
  const { store, registrar, tenants, clock } = deps

  return {
    async read(bytes, { tenant, isByOperator, isVouched = false, mayDelegate = true }, act) {
      const file = importFile(bytes, { mayVouch: isByOperator, isVouched })
      const tenantId = tenant?.id ?? null
      const id = await store.begin(tenantId, { columns: [...file.columns], isByOperator }, act)
      const counts: ImportCounts = { added: 0, present: 0, refused: 0 }
      const spent: SpentQuotas = new Map()
      const requestOf = requestReader(tenant)
      let lines = 0
      let isDelegating = false
      for await (const block of file.lines) {
        const requests = await Promise.all(block.map(requestOf))
        const outcomes = await registrar.importMany(requests, { isRehearsal: true, spent }, act)
        const stored = block.map((one, at) => storedLine(one, requests[at]!, outcomes[at]!))
        for (const { outcome } of stored) counts[COUNTED[outcome]]++
        lines += stored.length
        isDelegating ||= stored.some(({ request }) => (request?.delegations.length ?? 0) > 0)
        if (isDelegating && !mayDelegate)
          throw new ProblemError('forbidden', 'the API token lacks the scope delegations:write')
        await store.addLines(id, stored)
        await setImmediate() // others come between
      }
      if (lines === 0)
        throw new ProblemError(
          'malformed-request',
          'the file has no line; write one domain a line, such as im.example.com',
        )
      await store.ready(id, { lines, counts, isDelegating }, act)
      return (await store.find(tenantId, id)) ?? gone()
    },

    async job({ key }) {
      for (let turn = 0; turn < BATCHES_A_RUN; turn++) {
        const running = await store.running(key)
        if (!running) return
        const { tenantId, isByOperator, doneTo, actor, address, actingAs } = running
        const tenant = tenantId === null ? null : ((await tenants.find(tenantId)) ?? null)
        if (tenantId !== null && !tenant) return // it went with its tenant
        if (tenant && tenant.suspendedAt !== null && !isByOperator)
          throw new ProblemError('tenant-suspended', `the tenant ${tenant.name} is suspended; the import waits`)
        const lines = await store.next(key, doneTo, BATCH)
        const requestOf = requestReader(tenant)
        const requests = await Promise.all(
          lines.map(async ({ line, domain, request }) =>
            request === null ? null : requestOf({ line, text: domain, request }),
          ),
        )
        const domains = await registrar.importable(requests.filter((request) => request !== null))
        let next = 0
        const batch = lines.map((line, at) => ({ line, domain: requests[at] === null ? null : domains[next++]! }))
        const act = { at: clock.now(), actor, address, ...(actingAs !== null && { actingAs }) }
        await store.carryOut(key, { after: doneTo, batch, isLast: lines.length < BATCH }, act)
        await setImmediate()
      }
      return { runAgainAt: clock.now() }
    },
  }

  /** What the lines of one file ask of a tenant, whose name stands there or not. */
  function requestReader(tenant: Tenant | null) {
    const ids = new Map<string, Promise<string | undefined>>()
    return async ({ request }: ImportLine): Promise<ImportRequest | ProblemError> => {
      if (request instanceof ProblemError) return request
      const { tenant: name, ...asked } = request
      if (tenant)
        return name === '' || name === tenant.name
          ? { ...asked, tenantId: tenant.id }
          : new ProblemError(
              'malformed-request',
              `this file is imported for the tenant ${tenant.name}, not for ${name}`,
            )
      if (name === '')
        return new ProblemError('malformed-request', 'tenant is missing: say whose it is to be, in a column "tenant"')
      const known = ids.get(name) ?? tenants.findByName(name).then((found) => found?.id)
      ids.set(name, known)
      const tenantId = await known
      return tenantId === undefined
        ? new ProblemError('not-found', `there is no tenant ${name}`)
        : { ...asked, tenantId }
    }
  }
}

export const COUNTED = { added: 'added', 'there already': 'present', refused: 'refused' } as const satisfies Record<
  LineOutcome,
  keyof ImportCounts
>

/** What was refused for what stands elsewhere is tried all the same: it may be otherwise when its turn comes. */
function storedLine(
  { line, text, request }: ImportLine,
  asked: ImportRequest | ProblemError,
  outcome: 'added' | 'there already' | ProblemError,
): StoredLine {
  const isRefused = outcome instanceof ProblemError
  return {
    line,
    domain: text.replaceAll('\0', '\ufffd'),
    request: request instanceof ProblemError || asked instanceof ProblemError ? null : request,
    outcome: isRefused ? 'refused' : outcome,
    reason: isRefused ? outcome.message : null,
  }
}

function gone(): never {
  throw new ProblemError('already-exists', 'a newer file has taken the place of this one')
}
