import { ProblemError } from '../problem.ts'
import type { Session } from './resources.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
export type Query = Record<string, string | number | boolean | readonly string[] | undefined>

/** A request to the API, below /api/v1. */
export interface ApiRequest {
  method: Method
  path: string
  query?: Query | undefined
  body?: unknown
  ifMatch?: string | undefined
}

export interface Answer<Body = unknown> {
  status: number
  body: Body // undefined where there is none
  etag: string | null
  location: string | null
}

/** One way to the API: in this very process over the data folder, or over the network. Refusals are thrown as problems. */
export interface Transport {
  send(request: ApiRequest): Promise<Answer>
  /** What is answered as text, piece by piece. */
  text(path: string, query: Query): AsyncIterable<string>
  close(): Promise<void>
}

/** The API as the commands use it. They name the type of what they are answered; only its own server is trusted with it. */
export interface Api {
  get<Body>(path: string, query?: Query): Promise<Answer<Body>>
  post<Body>(path: string, body?: unknown): Promise<Answer<Body>>
  put<Body>(path: string, body: unknown, ifMatch?: string | null): Promise<Answer<Body>>
  patch<Body>(path: string, body: unknown): Promise<Answer<Body>>
  delete(path: string): Promise<void>
  text(path: string, query: Query): AsyncIterable<string>
  /** Who the commands act as. */
  session(): Promise<Session>
}

export function apiOver(transport: Transport): Api {
  let session: Promise<Session> | undefined
  const send = <Body>(request: ApiRequest) => transport.send(request) as Promise<Answer<Body>>
  return {
    get: (path, query) => send({ method: 'get', path, query }),
    post: (path, body) => send({ method: 'post', path, body }),
    put: (path, body, ifMatch) => send({ method: 'put', path, body, ifMatch: ifMatch ?? undefined }),
    patch: (path, body) => send({ method: 'patch', path, body }),
    async delete(path) {
      await send({ method: 'delete', path })
    },
    text: (path, query) => transport.text(path, query),
    session() {
      session ??= send<Session>({ method: 'get', path: '/session' }).then(({ body }) => body)
      return session
    },
  }
}

/**
 * A path whose parts may hold anything: path`/tenants/${name}/lineages`.
 * @throws ProblemError malformed-request: a part that URLs cannot have, since it means another path
 */
export function path(texts: TemplateStringsArray, ...parts: string[]): string {
  const unusable = parts.find((part) => /^\.{0,2}$/.test(part))
  if (unusable !== undefined) throw new ProblemError('malformed-request', `${JSON.stringify(unusable)} is no name`)
  return texts.map((text, i) => text + (i < parts.length ? encodeURIComponent(parts[i]!) : '')).join('')
}

/** As a URL has it; what is undefined is left out. */
export function queryString(query: Query | undefined): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {}))
    for (const one of Array.isArray(value) ? (value as string[]) : [value])
      if (one !== undefined) parameters.append(name, String(one))
  return parameters.size === 0 ? '' : `?${parameters.toString()}`
}

const PAGE = 200 // the most that the API gives at once

/** All items of a list, read page by page, so that no command holds a million of them. */
export async function* pages<Item>(api: Api, path: string, query: Query = {}): AsyncGenerator<Item> {
  let after: string | undefined
  do {
    const { body } = await api.get<{ items: Item[]; next: string | null }>(path, { limit: PAGE, ...query, after })
    yield* body.items
    // The cursor of `next` is all that is taken of it: it cannot lead elsewhere
    after =
      body.next === null ? undefined : (new URL(body.next, 'https://next/').searchParams.get('after') ?? undefined)
  } while (after !== undefined)
}

/** Of a list, the first item that is meant; of everything that resembles it. */
export async function findIn<Item>(
  api: Api,
  path: string,
  search: string,
  isMeant: (item: Item) => boolean,
): Promise<Item | undefined> {
  for await (const item of pages<Item>(api, path, { search })) if (isMeant(item)) return item
  return undefined
}

/** What is not found is told with what to do about it. */
export async function orHint<T>(answer: Promise<T>, hint: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof ProblemError && error.code === 'not-found')) throw error
    throw new ProblemError('not-found', `${error.message}; ${hint}`, { cause: error })
  }
}
