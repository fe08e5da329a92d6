/**
 * The alternative connection methods of a source domain (XEP-0156 v1.4.0), with the additions of XEP-0487 v0.1.0
 * ("Host Meta 2") where they are switched on. Kept as one document: it is read and written as a whole.
 */
export interface HostMeta {
  links: HostMetaLink[]
  hostMeta2: HostMeta2 | null
}

export interface HostMetaLink {
  rel: string // "urn:xmpp:alt-connections:websocket", or another service's, such as WebFinger's "lrdd"
  href?: string | undefined // for XMPP's own methods: wss: or https: only
  template?: string | undefined
  type?: string | undefined
  // XEP-0487 §3; mandatory in its links, left out of the XML and where Host Meta 2 is off
  port?: number | undefined
  priority?: number | undefined
  weight?: number | undefined
  sni?: string | undefined
  ips?: string[] | undefined
  ech?: string | undefined
}

export interface HostMeta2 {
  ttlSeconds: number
  publicKeyPinsSha256: string[] // base64 of the SHA-256 of an SPKI
}
