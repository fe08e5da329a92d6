import { isIssuedBy, isNamedIssuer, type ParsedCertificate } from './parsed-certificate.ts'
import { refusal } from './refusal.ts'
import { checkKey, checkSignatureAlgorithm } from './strength.ts'

/**
 * The leaf and those of the bag that lead from it towards a root, in order; the root itself is left out, since whoever
 * trusts it has it.
 * @throws ProblemError certificate-refused: chain-broken, and the rules of strength for what is left in the chain
 */
export function linkChain(
  leaf: ParsedCertificate,
  bag: ParsedCertificate[],
  now: Date,
): { chain: ParsedCertificate[]; warnings: string[] } {
  const path = pathFrom(leaf, bag)
  for (const stray of bag.filter((each) => !path.includes(each))) refuseUnlinked(stray, path)

  const warnings: string[] = []
  const chain = path.filter(({ facts }, index) => index === 0 || !facts.isSelfSigned)
  const end = chain.findIndex(({ facts }, index) => index > 0 && facts.notAfter <= now)
  const expired = chain[end]
  if (expired)
    warnings.push(
      `the issuer ${expired.facts.subject} expired at ${expired.facts.notAfter.toISOString()} and was left out; get the present chain from your authority`,
    )
  const kept = expired ? chain.slice(0, end) : chain
  for (const issuer of kept.slice(1)) {
    checkKey(issuer, `the issuer ${issuer.facts.subject}`)
    checkSignatureAlgorithm(issuer, `the issuer ${issuer.facts.subject}`)
  }
  if (path.length === 1 && !leaf.facts.isSelfSigned)
    warnings.push(
      `the certificates of the issuer, ${leaf.facts.issuer}, are not in the upload: clients that meet it over HTTPS may need them`,
    )
  return { chain: kept, warnings }
}

function pathFrom(leaf: ParsedCertificate, bag: ParsedCertificate[]): ParsedCertificate[] {
  const path = [leaf]
  for (let last = leaf; !last.facts.isSelfSigned;) {
    const issuers = bag.filter((each) => !path.includes(each) && isIssuedBy(last, each))
    // A root that is also signed by an older one stands in many bags twice: the longer way serves more clients
    const issuer = issuers.find(({ facts }) => !facts.isSelfSigned) ?? issuers[0]
    if (!issuer) break
    path.push(issuer)
    last = issuer
  }
  const [self] = path
  if (self && !self.facts.isSelfSigned && path.length === 1 && isNamedIssuer(self, self))
    throw refusal(
      'chain-broken',
      'the certificate names itself as its issuer but is signed by another key; get it anew',
    )
  return path
}

/** Another certificate of an issuer that is in the chain already does no harm; anything else is a mistake of somebody. */
function refuseUnlinked(stray: ParsedCertificate, path: ParsedCertificate[]): void {
  if (path.some((each) => isIssuedBy(each, stray))) return
  const named = path.find((each) => isNamedIssuer(each, stray))
  throw refusal(
    'chain-broken',
    named
      ? `${stray.facts.subject} has the name of the issuer of ${named.facts.subject}, but another key than the one that signed it; get the right one from your authority`
      : `${stray.facts.subject} does not belong to the chain of ${path[0]?.facts.subject || path[0]?.facts.dnsNames[0] || 'the certificate'}; leave it out, or add what links them`,
  )
}
