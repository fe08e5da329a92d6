import { domainName, parseDomainName, type DomainName } from '../name.ts'

/** What somebody pasted who was asked for a domain, and the name that was found in it. */
export interface TypedDomain {
  name: DomainName
  from: 'name' | 'address' | 'url' | 'record'
}

const MOST = 3000
const WELL_KNOWN = /\/\.well-known\/tls\/(?:_[^/.]+\.)+([^/?#]+)/
/** Around a name in a sentence, a mail, or a file. */
const AROUND = /^[<("'„“”‘’`[\s]+|[>)"'“”‘’`\]\s,;:!]+$/gu

/**
 * Finds the domain in what people paste: a URL, an XMPP address, the name or the line of an SRV record, the name itself in
 * any case and script, with what stands around it.
 * @throws ProblemError malformed-name: nothing in it is a domain name; the fault is that of what looks most like one
 */
export function typedDomain(text: string): TypedDomain {
  const cut = text.slice(0, MOST).replace(AROUND, '')
  // Of the line of a zone file the first; where nothing has a dot, whatever there is
  const word = (cut.split(/\s+/u).find((part) => part.includes('.')) ?? cut).replace(AROUND, '')
  const wellKnown = WELL_KNOWN.exec(word)?.[1]
  if (wellKnown !== undefined) return found(decoded(wellKnown), 'url')
  const url = /^[a-z][a-z\d+.-]*:\/\/(.*)$/iu.exec(word)?.[1]
  if (url !== undefined) return found(hostOf(url), 'url')
  // RFC 5122, and what a link to an address looks like
  const address = /^(?:xmpp|mailto|sip|im|pres):(.*)$/iu.exec(word)?.[1] ?? word
  // RFC 7622 §3.2: the resource begins at the first slash, and may have both signs in it
  const bare = /^[^/?#]*/u.exec(address)![0]
  const isAddress = bare.includes('@') || address !== word
  const name = bare.slice(bare.lastIndexOf('@') + 1)
  if (isAddress) return found(withoutPort(name), 'address')
  if (bare !== word) return found(withoutPort(bare), 'url')
  const service = /^(?:_[^.]+\.)+(.+)$/u.exec(name)?.[1]
  if (service !== undefined) return found(service, 'record')
  return found(withoutPort(name), 'name')
}

function found(name: string, from: TypedDomain['from']): TypedDomain {
  const trimmed = name.replace(/[.。]+$/u, '')
  return { name: parseDomainName(trimmed) ?? domainName(trimmed), from }
}

/** The authority of a URL may have a user name before, and a port behind the host. */
function hostOf(url: string): string {
  const authority = /^[^/?#\\]*/u.exec(url)![0]
  return withoutPort(decoded(authority.slice(authority.lastIndexOf('@') + 1)))
}

function withoutPort(host: string): string {
  return host.replace(/:\d*$/u, '')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
