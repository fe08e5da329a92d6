import type { Method as RouteMethod, Route, RouteAnswer } from '../admin/api/route.ts'
import type { Caller } from '../admin/exchange.ts'
import type { Clock } from '../clock.ts'
import type { TenantStore } from '../tenant/tenant.ts'
import { queryString, type ApiRequest, type Transport } from './api.ts'

/**
 * The API without a server: the declared routes, asked on the data folder. What they check and refuse is the same;
 * whoever may open the data folder may do everything.
 * @param actor as the audit trail names them, "cli:root"
 */
export function inProcess(
  routes: readonly Route[],
  deps: { tenants: TenantStore; clock: Clock; actor: string; close(): Promise<void> },
): Transport {
  const { tenants, clock, actor } = deps
  const compiled = routes.map((route) => ({ route, pattern: patternOf(route.declaration.path) }))

  function find(method: RouteMethod, path: string): { route: Route; params: Record<string, string> } {
    for (const { route, pattern } of compiled) {
      const match = route.declaration.method === method ? pattern.exec(path) : null
      if (match) return { route, params: decoded(match.groups ?? {}) }
    }
    throw new Error(`the API has no ${method.toUpperCase()} ${path}`)
  }

  async function ask({ method, path, query, body, ifMatch }: ApiRequest): Promise<RouteAnswer & { status: number }> {
    const { route, params } = find(method, path)
    const at = clock.now()
    const act = { at, actor, address: null, ...(ifMatch !== undefined && { ifMatch: [ifMatch] }) }
    const caller = operator(actor, at)
    const search = queryString(query)
    const tenant = await route.authorize({ params, caller, act }, tenants)
    const done = await route.answer(
      {
        params,
        query: asExpressHas(search),
        body,
        caller,
        act,
        url: `/api/v1${path}${search}`,
        visitor: { address: null, device: 'waypost' },
        pendingToken: null,
      },
      tenant,
    )
    return { ...done, status: done.isNew ? 201 : route.declaration.answer.status }
  }

  return {
    async send(request) {
      const { status, body, etag, location } = await ask(request)
      return { status, body: asSent(body), etag: etag ?? null, location: location ?? null }
    },
    async *text(path, query) {
      const { text } = await ask({ method: 'get', path, query })
      if (text) yield* text.chunks
    },
    close: () => deps.close(),
  }
}

function operator(actor: string, authenticatedAt: Date): Caller {
  return {
    principal: {
      name: actor,
      key: 'cli',
      userId: null,
      isOperator: true,
      roles: new Map(),
      scopes: 'all',
      authenticatedAt,
      token: null,
    },
    session: null,
  }
}

/** Both ways give the same: no Date, and no field that is undefined, gets through. */
function asSent(body: unknown): unknown {
  return body === undefined ? undefined : (JSON.parse(JSON.stringify(body)) as unknown)
}

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)')}$`)
}

function decoded(params: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, decodeURIComponent(value)]))
}

function asExpressHas(search: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {}
  const parameters = new URLSearchParams(search)
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name)
    query[name] = values.length === 1 ? values[0]! : values
  }
  return query
}
