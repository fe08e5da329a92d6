import { renderToString } from 'preact-render-to-string'
import {
  curlOf,
  typesOf,
  type ApiDocument,
  type ApiOperation,
  type ApiParameter,
  type ApiResponse,
  type ApiSchema,
} from '../api/example.ts'
import type { Method } from '../api/route.ts'
import { PageContextProvider, useTexts, type PageContext } from './context.ts'
import { page, type Page } from './page.tsx'
import { Heading } from './parts.tsx'

const DEPTH = 3 // of objects within objects, whose fields stand in one table

interface Operation {
  method: Method
  path: string
  operation: ApiOperation
}

/**
 * The API for those who read rather than parse: all of it on one page, the same for everybody. What stands in the document
 * is English.
 */
export function referencePage(document: ApiDocument): Page {
  const rendered = new Map<string, string>() // once for each language: it is long, and strangers may ask for it
  return page({ path: '/api', access: 'public' }, async ({ texts, act }) => {
    const html = rendered.get(texts.language) ?? htmlOf(document, { texts, now: act.at, theme: 'system', here: null })
    rendered.set(texts.language, html)
    return { title: texts.reference.title, main: <div class="reference" dangerouslySetInnerHTML={{ __html: html }} /> }
  })
}

function htmlOf(document: ApiDocument, context: PageContext): string {
  return renderToString(
    <PageContextProvider value={context}>
      <Reference document={document} />
    </PageContextProvider>,
  )
}

function Reference({ document }: { document: ApiDocument }) {
  const { reference: t } = useTexts()
  const areas = byArea(document)
  return (
    <>
      <Heading title={t.title} lead={t.lead(document.servers[0].url)} />
      <p>
        <a href="/api/v1/openapi.json">{t.document}</a>
      </p>
      <ul class="conventions">
        {t.conventions.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      <nav aria-label={t.areas}>
        <ul class="reference-areas">
          {[...areas.keys()].map((area) => (
            <li key={area}>
              <a href={`#${area}`} lang="en">
                {area}
              </a>
            </li>
          ))}
          <li>
            <a href="#objects">{t.objects}</a>
          </li>
        </ul>
      </nav>
      {[...areas].map(([area, operations]) => (
        <section key={area} id={area} class="card padded">
          <h2 lang="en">{area}</h2>
          {operations.map((one) => (
            <OperationView key={one.operation.operationId} {...one} document={document} />
          ))}
        </section>
      ))}
      <section id="objects" class="card padded">
        <h2>{t.objects}</h2>
        {Object.entries(document.components.schemas).map(([name, schema]) => (
          <article key={name} id={anchorOf(name)}>
            <h3 lang="en">{name}</h3>
            {schema.description ? <p lang="en">{schema.description}</p> : null}
            <Fields schema={schema} document={document} />
          </article>
        ))}
      </section>
    </>
  )
}

function OperationView({ method, path, operation, document }: Operation & { document: ApiDocument }) {
  const { reference: t } = useTexts()
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation
  const body = requestBody?.content['application/json'].schema
  return (
    <details id={operationId}>
      <summary>
        <code class={`method ${method}`}>{method.toUpperCase()}</code> <code class="plain">{path}</code>{' '}
        <span class="quiet-text" lang="en">
          {summary}
        </span>
      </summary>
      <div class="operation">
        <p lang="en">
          <WithCode text={description} />
        </p>
        <Parameters parameters={parameters} />
        {body ? (
          <>
            <h4>{t.body}</h4>
            <Fields schema={body} document={document} />
          </>
        ) : null}
        <h4>{t.answers}</h4>
        <Answers responses={responses} />
        <h4>{t.example}</h4>
        <pre>
          <code>{curlOf({ method, path, operation }, document.servers[0].url, resolverOf(document))}</code>
        </pre>
      </div>
    </details>
  )
}

/** What stands between backquotes is code. */
function WithCode({ text }: { text: string }) {
  return <>{text.split('`').map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part))}</>
}

function Parameters({ parameters }: { parameters: ApiParameter[] }) {
  const { reference: t } = useTexts()
  if (parameters.length === 0) return null
  return (
    <>
      <h4>{t.parameters}</h4>
      <dl class="fields">
        {parameters.map((parameter) => (
          <FieldRow
            key={parameter.name}
            name={parameter.name}
            note={t.places[parameter.in]}
            isRequired={parameter.required === true}
            schema={parameter.schema}
          />
        ))}
      </dl>
    </>
  )
}

function Fields({ schema, document }: { schema: ApiSchema; document: ApiDocument }) {
  const { reference: t } = useTexts()
  const fields = fieldsOf(schema, DEPTH)
  if (fields.length === 0) return <p class="quiet-text">{t.noFields}</p>
  return (
    <dl class="fields">
      {fields.map(([name, field, isRequired]) => (
        <FieldRow key={name} name={name} isRequired={isRequired} schema={field} document={document} />
      ))}
    </dl>
  )
}

function FieldRow(props: {
  name: string
  note?: string
  isRequired: boolean
  schema: ApiSchema
  document?: ApiDocument
}) {
  const { reference: t } = useTexts()
  const { name, note, isRequired, schema } = props
  return (
    <>
      <dt>
        <code>{name}</code> {note ? <small>{note}</small> : null} {isRequired ? null : <small>{t.optional}</small>}
      </dt>
      <dd>
        <TypeOf schema={schema} />
        {schema.default === undefined ? null : (
          <>
            {' '}
            {t.default} <code>{JSON.stringify(schema.default)}</code>
          </>
        )}
        {schema.description ? (
          <p class="quiet-text" lang="en">
            <WithCode text={schema.description} />
          </p>
        ) : null}
      </dd>
    </>
  )
}

function Answers({ responses }: { responses: Record<string, ApiResponse> }) {
  const { reference: t } = useTexts()
  return (
    <dl class="fields">
      {Object.entries(responses).map(([status, { description, headers = {}, content = {} }]) => (
        <>
          <dt>
            <code>{status}</code>
          </dt>
          <dd>
            {'application/problem+json' in content
              ? description.split(', ').map((code) => (
                  <>
                    <a key={code} href={`/problems/${code}`}>
                      {code}
                    </a>{' '}
                  </>
                ))
              : Object.entries(content).map(([type, { schema }]) => (
                  <p key={type}>{type === 'application/json' ? <TypeOf schema={schema} /> : <code>{type}</code>}</p>
                ))}
            {Object.keys(content).length === 0 ? t.nothing : null}
            {Number(status) < 300 && Object.keys(headers).length > 0 ? (
              <p class="quiet-text">{t.headers(Object.keys(headers))}</p>
            ) : null}
          </dd>
        </>
      ))}
    </dl>
  )
}

function TypeOf({ schema }: { schema: ApiSchema }) {
  const { reference: t } = useTexts()
  const { $ref, items, anyOf, oneOf, format, minimum, maximum } = schema
  if ($ref !== undefined) {
    const name = nameOf($ref)
    return (
      <a href={`#${anchorOf(name)}`} lang="en">
        {name}
      </a>
    )
  }
  const several = anyOf ?? oneOf
  if (several)
    return (
      <>
        {several.map((one, at) => (
          <>
            {at > 0 ? ` ${t.or} ` : null}
            <TypeOf schema={one} />
          </>
        ))}
      </>
    )
  const orNull = Array.isArray(schema.type) && schema.type.includes('null') ? ` ${t.or} null` : ''
  if (schema.enum)
    return (
      <>
        {schema.enum.map((value) => (
          <>
            <code>{JSON.stringify(value)}</code>{' '}
          </>
        ))}
        {orNull}
      </>
    )
  const [type] = typesOf(schema)
  if (type === 'array' && items)
    return (
      <>
        {t.listOf} <TypeOf schema={items} />
        {orNull}
      </>
    )
  const pages = schema.properties?.['items']?.items
  if (pages && schema.properties?.['next'])
    return (
      <>
        {t.pageOf} <TypeOf schema={pages} />
      </>
    )
  const range = minimum !== undefined && maximum !== undefined ? ` ${minimum} – ${maximum}` : ''
  return <>{`${format ?? type ?? t.anything}${range}${orNull}`}</>
}

function byArea({ paths }: ApiDocument): Map<string, Operation[]> {
  const areas = new Map<string, Operation[]>()
  for (const [path, methods] of Object.entries(paths))
    for (const [method, operation] of Object.entries(methods) as [Method, ApiOperation][]) {
      const area = operation.tags[0] ?? ''
      areas.set(area, [...(areas.get(area) ?? []), { method, path, operation }])
    }
  return areas
}

/** All fields with their paths, as `quotas.delegations` or `domains[].name`. */
function fieldsOf(schema: ApiSchema, depth: number): [name: string, schema: ApiSchema, isRequired: boolean][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const isRequired = schema.required?.includes(name) ?? false
    const inner = typesOf(field)[0] === 'array' ? field.items : field
    const within = depth > 0 && inner ? fieldsOf(inner, depth - 1) : []
    const prefix = inner === field ? `${name}.` : `${name}[].`
    return [
      [name, field, isRequired] as [string, ApiSchema, boolean],
      ...within.map(([below, ...rest]): [string, ApiSchema, boolean] => [prefix + below, ...rest]),
    ]
  })
}

function resolverOf({ components }: ApiDocument) {
  return (ref: string): ApiSchema => components.schemas[nameOf(ref)] ?? {}
}

function nameOf(ref: string): string {
  return ref.split('/').at(-1) ?? ref
}

function anchorOf(name: string): string {
  return `object-${name}`
}
