/** How a language tells how it stands with a certificate. Commands and names stand in them as they are. */
export interface CertificateWords {
  notNeeded(name: string): string
  missing(name: string, isService: boolean): string
  expired(name: string, at: Date | null, isService: boolean): string
  due(name: string, until: Date | null): string
  valid(name: string, until: Date | null): string

  nothingToDo: string
  unproven: string
  unprovenSooner: string
  moved: string
  triedAgain(failures: number): string
  mendFailure: string
  byDns(name: string, alias: string): string
  tryNow: string
  underWay(authority: string, status: string): string
  byHandNone: string
  byHand(before: Date, isTakenOver: boolean): string
  proofTooOld: string
  proofTooOldSooner: string
  noAuthority: string
  noAuthoritySooner: string
  paused(authority: string | null, until: Date): string
  pausedSooner: string
  idle: string
  idleSooner: string
  withinSeconds: string
  atAnyMoment: string
  turn: string
  turnSooner: string
  notRenewed: string
  notRenewedSooner: string
  renewed(why: string): string
  renewedSooner: string

  itsAuthority: string
  removedAuthority: string
  noSuggestion(authority: string, fault: string | null, fraction: string): string
  almostOver: string
  asked: string
  suggested(authority: string, start: Date, end: Date, explanationUrl: string | null): string
  fraction: { half: string; 'two thirds': string }
}

export const CERTIFICATE_WORDS: CertificateWords = {
  notNeeded: (name) => `The web server of ${name} is its owner's, who sees to its certificate; none is needed here.`,
  missing: (name, isService) =>
    `There is no certificate for ${name} yet${isService ? '' : ', so that nobody can connect to it over HTTPS'}.`,
  expired: (name, at, isService) =>
    `The certificate of ${name} expired ${at === null ? 'at no time' : `on ${bare(at)}`}: whoever connects${isService ? '' : ' over HTTPS'} refuses it.`,
  due: (name, until) => `The certificate of ${name} is valid until ${orNone(until)}, and is to be replaced now.`,
  valid: (name, until) => `The certificate of ${name} is valid until ${orNone(until)}.`,

  nothingToDo: 'Nothing has to be done.',
  unproven: 'Nothing is ordered before control of the name is proven.',
  unprovenSooner: 'Publish the DNS record that proves control, which the page of the name shows.',
  moved:
    'For more than seven days DNS has led elsewhere, so that the name counts as moved: what it has is kept, and it is looked at again daily.',
  triedAgain: (failures) =>
    `It is tried again after ${failures === 1 ? 'one failure' : `${failures} failures in a row`}.`,
  mendFailure: 'Put right what is said of the last failure.',
  byDns: (name, alias) =>
    `Or publish _acme-challenge.${name}. CNAME ${alias}. and leave it there: control is shown in DNS then.`,
  tryNow: 'Have it tried now (waypost certificate issue), which may be done five times an hour.',
  underWay: (authority, status) => `An order at ${authority} is under way (${status}), and is looked at again.`,
  byHandNone: 'Its certificates come by hand: one has to be imported.',
  byHand: (before, isTakenOver) =>
    `Its certificates come by hand: the next one has to be imported before ${bare(before)}${isTakenOver ? ', or an ACME authority issues it from then on' : ''}.`,
  proofTooOld: 'An order wants a proof of control that was seen within 24 hours: the name servers are asked for it.',
  proofTooOldSooner: "See that the name servers answer, and have the name's proof checked now.",
  noAuthority: 'No authority is set up that could be asked.',
  noAuthoritySooner: 'The operator adds one: waypost authority add.',
  paused: (authority, until) => `${authority ?? 'Every authority'} is asked for nothing until ${bare(until)}.`,
  pausedSooner:
    'The operator mends the cause, which is shown with the authority, and has it asked again (waypost authority resume), or adds another one.',
  idle: 'Nothing is under way.',
  idleSooner: 'Have it issued now (waypost certificate issue).',
  withinSeconds: 'It is ordered within seconds, while the server runs.',
  atAnyMoment: 'It is ordered at any moment, while the server runs.',
  turn: "It waits for its turn: the authority's limits leave room for so many orders at a time.",
  turnSooner: 'The operator adds another authority, or has the limit raised and says so in acme.limits.',
  notRenewed: 'It is not renewed, since no host presents it.',
  notRenewedSooner: 'Let a host present it, then have it issued now.',
  renewed: (why) => `It is renewed: ${why}.`,
  renewedSooner: 'Have it renewed now (waypost certificate renew), which counts against the limits of the authority.',

  itsAuthority: 'its authority',
  removedAuthority: 'an authority that was removed',
  noSuggestion: (authority, fault, fraction) =>
    `${authority} has suggested no time${fault === null ? '' : ` (${fault})`}, and ${fraction}`,
  almostOver: 'no more than a twentieth of its lifetime is left then, whatever the authority suggests',
  asked: 'somebody has asked for it',
  suggested: (authority, start, end, explanationUrl) =>
    `${authority} suggests an instant between ${bare(start)} and ${bare(end)}${explanationUrl === null ? '' : `, and says why at ${explanationUrl}`}`,
  fraction: {
    half: 'half of its lifetime will have passed then',
    'two thirds': 'two thirds of its lifetime will have passed then',
  },
}

function orNone(at: Date | null): string {
  return at === null ? 'at no time' : bare(at)
}

function bare(at: Date): string {
  return `${at.toISOString().slice(0, 10)} ${at.toISOString().slice(11, 16)} UTC`
}
