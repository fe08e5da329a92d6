import type { Method } from './route.ts'

/** A schema of OpenAPI 3.1, as far as zod's are described by it. */
export interface ApiSchema {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  default?: unknown
  example?: unknown
  minimum?: number
  maximum?: number
  properties?: Record<string, ApiSchema>
  required?: string[]
  items?: ApiSchema
  anyOf?: ApiSchema[]
  oneOf?: ApiSchema[]
  allOf?: ApiSchema[]
  description?: string
}

export interface ApiParameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: ApiSchema
}

export interface ApiOperation {
  operationId: string
  tags: string[]
  summary: string
  description: string
  security: Record<string, string[]>[]
  parameters?: ApiParameter[]
  requestBody?: { required: boolean; content: { 'application/json': { schema: ApiSchema } } }
  responses: Record<string, ApiResponse>
}

export interface ApiResponse {
  description: string
  headers?: Record<string, unknown>
  content?: Record<string, { schema: ApiSchema }>
}

export interface ApiDocument {
  servers: [{ url: string }]
  paths: Record<string, Partial<Record<Method, ApiOperation>>>
  components: { schemas: Record<string, ApiSchema> }
}

/** A value that the schema takes: what it names as an example, and otherwise the least. */
export function exampleOf(schema: ApiSchema, resolve: (ref: string) => ApiSchema): unknown {
  const { $ref, example, anyOf, oneOf, properties = {}, required = [], items } = schema
  if ($ref !== undefined) return exampleOf(resolve($ref), resolve)
  if (example !== undefined) return example
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return schema.enum[0]
  const one = anyOf?.[0] ?? oneOf?.[0]
  if (one) return exampleOf(one, resolve)
  const [type = 'string'] = typesOf(schema)
  switch (type) {
    case 'object': {
      const shown = Object.entries(properties).filter(([name, field]) => required.includes(name) || field.example)
      return Object.fromEntries(shown.map(([name, field]) => [name, exampleOf(field, resolve)]))
    }
    case 'array':
      return items ? [exampleOf(items, resolve)] : []
    case 'integer':
    case 'number':
      return schema.default ?? schema.minimum ?? 1
    case 'boolean':
      return schema.default ?? true
    default:
      return FORMATS[schema.format ?? ''] ?? schema.default ?? '…'
  }
}
const FORMATS: Record<string, string> = {
  uuid: '0198c2f4-7d1e-7b6a-9c1d-3f5e8a2b4c6d',
  'date-time': '2027-01-01T00:00:00Z',
}

/** Without "null", which another type then stands beside. */
export function typesOf({ type }: ApiSchema): string[] {
  return [type ?? []].flat().filter((one) => one !== 'null')
}

/** The request as one types it into a shell: by an API token where one may, otherwise by the cookie of a session. */
export function curlOf(
  request: { method: Method; path: string; operation: ApiOperation },
  base: string,
  resolve: (ref: string) => ApiSchema,
): string {
  const { method, path, operation } = request
  const { parameters = [], requestBody, security, responses } = operation
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const schema = parameters.find((parameter) => parameter.name === name)?.schema ?? {}
    return encodeURIComponent(String(exampleOf(schema, resolve)))
  })
  const byToken = security.some((scheme) => 'token' in scheme)
  const setsCookie = Object.values(responses).some(({ headers = {} }) => 'Set-Cookie' in headers)
  const body = requestBody && exampleOf(requestBody.content['application/json'].schema, resolve)
  const lines = [
    `curl ${method === 'get' ? '' : `-X ${method.toUpperCase()} `}${base}${filled}`,
    ...(byToken ? [`-H 'Authorization: Bearer wp_…'`] : []),
    ...(!byToken && (security.length > 0 || setsCookie)
      ? [`-b session.txt${setsCookie ? ' -c session.txt' : ''}`]
      : []),
    ...(!byToken && method !== 'get' ? [`-H 'Origin: ${new URL(base).origin}'`] : []),
    ...(body === undefined ? [] : [`--json ${quoted(JSON.stringify(body))}`]),
  ]
  return lines.join(' \\\n  ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
