import type { CertificateWords } from '../../acme/certificate-words.ts'
import type { CertificateRule } from '../../certificate/refusal.ts'
import type { NamingWords } from '../../delegation/naming-warnings.ts'
import type { Audience, RecordWords } from '../../delegation/record-words.ts'
import type { ExplanationWords } from '../../tenant/explanation-words.ts'
import type { PasswordRule } from '../../tenant/password.ts'
import type { Texts } from './texts.ts'
import { wordsOfNumber } from './words-of-number.ts'
import { wordsOfTime } from './words-of-time.ts'

const anyMoment = 'jeden Moment'
const { relative, day, dayAndTime, span } = wordsOfTime('de', {
  anyMoment,
  justNow: 'gerade eben',
  spans: { day: 'Tg.', hour: 'Std.', minute: 'Min.', second: 'Sek.' },
})
const numbers = wordsOfNumber('de')
const plural = new Intl.PluralRules('de')

/** Of what is counted to a thousand and no further. */
const many = (count: number) => (count > 1000 ? 'Mehr als 1.000' : numbers.number(count))
const manyWithin = (count: number) => many(count).toLowerCase()

function counted(count: number, { one, other }: { one: string; other: string }): string {
  return plural.select(count) === 'one' ? one : `${numbers.number(count)} ${other}`
}

const PASSWORD_RULES: Record<PasswordRule, string> = {
  'too-short': 'Das Passwort ist zu kurz',
  'too-long': 'Das Passwort ist zu lang',
  common: 'Das Passwort gehört zu denen, die zuerst geraten werden',
  context: 'Das Passwort ist kaum mehr als Ihre E-Mail-Adresse oder ein Name, der hier vorkommt',
  repeated: 'Das Passwort wiederholt ein kurzes Muster',
}

const CERTIFICATE_RULES: Record<CertificateRule, string> = {
  'too-large': 'Die Datei ist zu groß',
  'too-many-blocks': 'Die Datei hat zu viele Blöcke',
  unreadable: 'Das ist nicht zu lesen',
  'no-certificate': 'Darin ist kein Zertifikat',
  pkcs12: 'Das ist eine PKCS-#12-Datei',
  pkcs7: 'Das ist eine PKCS-#7-Datei',
  'certificate-request': 'Das ist eine Zertifikatsanforderung, kein Zertifikat',
  'public-key': 'Das ist ein öffentlicher Schlüssel, kein Zertifikat',
  'no-leaf': 'Darin ist kein Endzertifikat',
  'two-leaves': 'Darin sind zwei Endzertifikate',
  'ca-certificate': 'Das ist das Zertifikat einer Zertifizierungsstelle',
  'chain-broken': 'Die Zertifikatskette ist unterbrochen',
  expired: 'Das Zertifikat ist abgelaufen',
  'key-size': 'Der Schlüssel ist zu kurz',
  'key-type': 'Diese Art von Schlüssel wird nicht angenommen',
  'signature-algorithm': 'Das Signaturverfahren ist zu schwach',
  'extended-key-usage': 'Das Zertifikat ist nicht für Server ausgestellt',
  'critical-extension': 'Das Zertifikat hat eine kritische Erweiterung, die niemand kennt',
  'several-private-keys': 'Darin sind mehrere private Schlüssel',
  'private-key-missing': 'Der private Schlüssel fehlt',
  'private-key-mismatch': 'Der private Schlüssel gehört nicht zum Zertifikat',
  'private-key-unreadable': 'Der private Schlüssel ist nicht zu lesen',
  'private-key-encrypted': 'Der private Schlüssel ist verschlüsselt',
  'private-key-password': 'Das Passwort des privaten Schlüssels ist falsch',
  'private-key-derivation': 'Der private Schlüssel ist auf eine Weise verschlüsselt, die nicht angenommen wird',
}

const control: ExplanationWords = {
  replies: {
    answer: 'hat geantwortet',
    empty: 'hat keinen solchen Eintrag',
    'no-such-name': 'hat keinen solchen Namen (NXDOMAIN)',
    'server-failure': 'hat versagt (SERVFAIL)',
    refused: 'hat die Antwort verweigert',
    lame: 'bedient die Zone nicht',
    timeout: 'hat nicht rechtzeitig geantwortet',
    unreachable: 'war nicht erreichbar',
    malformed: 'hat keine gültige Antwort geschickt',
    'not-asked': 'hat keine öffentliche Adresse, die gefragt werden könnte',
  },

  vouched: (name) => `Der Betreiber bürgt dafür, dass Sie ${name} kontrollieren.`,
  proven(name, { type, at, seenAt }, look) {
    const proven = `Sie haben nachgewiesen, dass Sie ${name} kontrollieren: Der ${type}-Eintrag bei ${at} wurde zuletzt ${instant(seenAt)} gesehen`
    if (look === 'asked') return `${proven} und muss bleiben.`
    const cost = look === 'aged' ? ', aber bis das gelingt, wird kein Zertifikat bestellt' : ''
    return `${proven}; bei der letzten Prüfung konnte nicht nach ihm gefragt werden, und dadurch ist nichts verloren${cost}.`
  },
  wavering(name, since, lapsesAt, isUnknown) {
    const gone = `Ihr Nachweis, dass Sie ${name} kontrollieren, fehlt: Das wurde ${instant(since)} festgestellt`
    const end = `wird er nicht wiedergefunden, erlischt der Name frühestens ${instant(lapsesAt)}, und dann wird nichts mehr für ihn ausgeliefert`
    return isUnknown
      ? `${gone}, und bei der letzten Prüfung konnte nicht nach ihm gefragt werden, wodurch nichts verloren ist; ${end}.`
      : `${gone}; ${end}.`
  },
  lapsed: (name, since, consequence) =>
    `Seit dem ${dayAndTime(since)} gilt kein Nachweis mehr, dass Sie ${name} kontrollieren: ${consequence}.`,
  unproven: (name, consequence) => `Sie haben noch nicht nachgewiesen, dass Sie ${name} kontrollieren: ${consequence}.`,
  withoutProof(outcome, isHeldByAnother) {
    switch (outcome) {
      case 'ok':
        return isHeldByAnother
          ? 'Ihr Eintrag wurde gefunden, aber ein anderer Mandant hält den Namen'
          : 'Ihr Eintrag wurde gefunden, aber für den Namen wird nichts ausgeliefert, bis er noch einmal gefunden wird'
      case 'wrong':
        return `Ihr Eintrag wurde nicht gefunden, und ${withoutWords(isHeldByAnother)}`
      case 'could-not-ask':
        return `von den Nameservern kam keine klare Antwort, und ${withoutWords(isHeldByAnother)}`
      case 'none':
        return `noch hat niemand nach Ihrem Eintrag gesehen, und ${withoutWords(isHeldByAnother)}`
    }
  },

  publish: {
    hosted: 'Veröffentlichen Sie einen der Einträge unten; er muss bleiben.',
    external: 'Veröffentlichen Sie den Eintrag unten; er muss bleiben.',
  },
  leave: 'Lassen Sie Ihren Eintrag, wo er ist.',
  anotherHolds:
    'Ein anderer Mandant hält den Namen, durch einen Nachweis, der noch gilt. Steht der Eintrag dieses Mandanten in Ihrem DNS, dann entfernen Sie ihn: ' +
    'Sobald eine Prüfung Ihren Eintrag und nicht mehr den anderen bei mehr als der Hälfte der Nameserver findet, gehört der Name Ihnen. ' +
    'Steht dort keiner, dann bürgt vielleicht der Betreiber für jenen Mandanten: Fragen Sie den Betreiber.',
  takesTime:
    'Bis eine Änderung im DNS überall zu sehen ist, dauert es Minuten, in manchen Zonen Stunden; dieser Server prüft von selbst wieder.',

  aliasOf: (name, aliases) => `${name} (ein Alias von ${aliases.join(', dann von ')})`,
  hiddenByAlias: (name, end) =>
    `Ein Alias (CNAME), wahrscheinlich der eines Wildcard-Eintrags, führt ${name} zu ${end} und verdeckt den Nachweis: Veröffentlichen Sie den TXT-Eintrag bei ${name} selbst, anstelle jedes Alias dort.`,
  found: (at, type, isByMost, failures) =>
    `Bei ${at} wurde Ihr ${type}-Eintrag gefunden${isByMost ? '' : ', aber nicht bei mehr als der Hälfte der Nameserver'}${list(failures)}.`,
  wildcard: (at) =>
    `Bei ${at} wurde Ihr Wert gefunden, aber durch einen Wildcard-Eintrag, den auch jeder Name daneben hat: Veröffentlichen Sie ihn genau unter diesem Namen, und nehmen Sie ihn aus dem Wildcard-Eintrag heraus.`,
  wildcardAlias: (at, type, name) =>
    `Bei ${at} wurde Ihr Wert gefunden, aber durch einen Wildcard-Alias (oder einen DNAME-Eintrag), der auch jeden Namen daneben dorthin führt: Veröffentlichen Sie einen ${type}-Eintrag bei ${name} selbst.`,
  fault(fault, at, zone, name, servers) {
    switch (fault) {
      case 'no-resolver':
        return 'Zurzeit antwortet diesem Server kein DNS-Resolver, deshalb ist über keinen Namen etwas bekannt; das müssen nicht Sie beheben.'
      case 'no-zone':
        return `Welche Nameserver die Zone von ${at} haben, war nicht zu erfahren; vergewissern Sie sich, dass die Domain registriert und an Nameserver delegiert ist, die funktionieren.`
      case 'no-servers':
        return `Die Zone ${zone ?? `von ${name}`} ist an Nameserver delegiert, von denen keiner eine öffentliche Adresse hat, die gefragt werden könnte${list(servers)}.`
      case 'servers-disagree':
        return `Die Nameserver sind sich nicht einig, wohin der Alias bei ${at} führt; vielleicht hat einer von ihnen die neueste Zone noch nicht.`
      case 'alias-loop':
        return `Die CNAME-Einträge bei ${at} führen im Kreis.`
      case 'too-many-aliases':
        return `Die CNAME-Einträge bei ${at} führen über zu viele Namen, um ihnen zu folgen.`
    }
  },
  atFew: (at, having, lacking) =>
    `Die meisten Nameserver haben Ihren Eintrag bei ${at} nicht mehr oder noch nicht: Er ist bei${list(having, '')}, aber nicht bei${list(lacking, '')}.`,
  otherValue: (at, type, values, hasMore, hint) =>
    `Bei ${at} hat der ${type}-Eintrag einen anderen Wert: ${values.join(', ')}${hasMore ? ' und weitere' : ''}${hint}.`,
  hints: {
    letterCase: '; das ist Ihrer bis auf Groß- und Kleinschreibung, auf die es hier ankommt',
    finalDot: (zone) => `; das ist Ihrer mit angehängtem ${zone}, weil der Punkt am Ende vergessen wurde`,
    shared: '; den haben alle Mandanten gemeinsam, deshalb sagt er nichts über Sie',
  },
  noneBehindAlias: (at) =>
    `Bei ${at} gibt es keinen TXT-Eintrag: Veröffentlichen Sie ihn dort, wohin der Alias führt, oder anstelle des Alias.`,
  noName: (at) => `Einen Namen ${at} gibt es im DNS nicht.`,
  noRecord: (at, type) =>
    `Bei ${at} gibt es keinen ${type}-Eintrag${type === 'CNAME' ? '; ein Adresseintrag (A oder AAAA) weist nichts nach' : ''}.`,
  doubled: (zone, name, entered) =>
    `Manche DNS-Oberflächen hängen ${zone} von selbst an einen Namen an und machen aus dem ganzen ${name}.${zone}: Geben Sie dort nur ${entered.join(' oder ')} ein.`,
  disagreement: (at, having, lacking) =>
    `Die Nameserver sind sich über ${at} nicht einig: Ihr Eintrag ist bei${list(having, '')}, aber nicht bei${list(lacking, '')}; bis eine Änderung alle erreicht, dauert es eine Weile.`,
  unsureOfWildcard: (at, failures) =>
    `Bei ${at} wurde Ihr Eintrag gefunden, aber ob er der eines Wildcard-Eintrags ist, konnte nicht gefragt werden${list(failures)}.`,
  silence: (zone, at, failures) =>
    `Zu wenige Nameserver ${zone === null ? 'der Zone' : `von ${zone}`} gaben eine Antwort${at === null ? '' : ` zu ${at}`}${list(failures)}.`,
}

function list(items: readonly string[], before = ':'): string {
  return items.length === 0 ? '' : `${before} ${items.join(', ')}`
}

function instant(at: Date | null): string {
  return at === null ? 'zu keiner Zeit' : `am ${dayAndTime(at)}`
}

function withoutWords(isHeldByAnother: boolean): string {
  return isHeldByAnother ? 'ein anderer Mandant hält den Namen' : 'für den Namen wird nichts ausgeliefert'
}

const certificate: CertificateWords = {
  notNeeded: (name) =>
    `Der Webserver von ${name} gehört dem Inhaber, der sich um dessen Zertifikat kümmert; hier ist keines nötig.`,
  missing: (name, isService) =>
    `Für ${name} gibt es noch kein Zertifikat${isService ? '' : ', deshalb kann sich niemand über HTTPS damit verbinden'}.`,
  expired: (name, at, isService) =>
    `Das Zertifikat von ${name} ist ${instant(at)} abgelaufen: Wer sich${isService ? '' : ' über HTTPS'} verbindet, lehnt es ab.`,
  due: (name, until) => `Das Zertifikat von ${name} gilt bis ${orNone(until)} und soll jetzt ersetzt werden.`,
  valid: (name, until) => `Das Zertifikat von ${name} gilt bis ${orNone(until)}.`,

  nothingToDo: 'Es ist nichts zu tun.',
  unproven: 'Es wird nichts bestellt, bevor die Kontrolle über den Namen nachgewiesen ist.',
  unprovenSooner: 'Veröffentlichen Sie den DNS-Eintrag, der die Kontrolle nachweist; die Seite des Namens zeigt ihn.',
  moved:
    'Seit mehr als sieben Tagen führt DNS anderswohin, deshalb gilt der Name als umgezogen: Was er hat, bleibt, und täglich wird wieder nachgesehen.',
  triedAgain: (failures) =>
    `Nach ${failures === 1 ? 'einem Fehlschlag' : `${numbers.number(failures)} Fehlschlägen in Folge`} wird es wieder versucht.`,
  mendFailure: 'Beheben Sie, was beim letzten Fehlschlag steht.',
  byDns: (name, alias) =>
    `Oder veröffentlichen Sie _acme-challenge.${name}. CNAME ${alias}. und lassen Sie den Eintrag dort: Dann wird die Kontrolle im DNS gezeigt.`,
  tryNow: 'Lassen Sie es jetzt versuchen (waypost certificate issue); das geht fünfmal in der Stunde.',
  underWay: (authority, status) =>
    `Eine Bestellung bei ${authority} ist im Gange (${status}); es wird wieder nach ihr gesehen.`,
  byHandNone: 'Die Zertifikate kommen von Hand: Es muss eines importiert werden.',
  byHand: (before, isTakenOver) =>
    `Die Zertifikate kommen von Hand: Das nächste muss vor dem ${dayAndTime(before)} importiert werden${isTakenOver ? ', sonst stellt es von da an eine ACME-Zertifizierungsstelle aus' : ''}.`,
  proofTooOld:
    'Eine Bestellung verlangt einen Kontrollnachweis, der in den letzten 24 Stunden gesehen wurde: Die Nameserver werden danach gefragt.',
  proofTooOldSooner:
    'Vergewissern Sie sich, dass die Nameserver antworten, und lassen Sie den Nachweis des Namens jetzt prüfen.',
  noAuthority: 'Es ist keine Zertifizierungsstelle eingerichtet, die gefragt werden könnte.',
  noAuthoritySooner: 'Der Betreiber fügt eine hinzu: waypost authority add.',
  paused: (authority, until) =>
    `${authority ?? 'Jede Zertifizierungsstelle'} wird bis ${dayAndTime(until)} nicht gefragt.`,
  pausedSooner:
    'Der Betreiber behebt die Ursache, die bei der Zertifizierungsstelle steht, und lässt sie wieder fragen (waypost authority resume), oder er fügt eine andere hinzu.',
  idle: 'Zurzeit geschieht nichts.',
  idleSooner: 'Lassen Sie es jetzt ausstellen (waypost certificate issue).',
  withinSeconds: 'Es wird innerhalb von Sekunden bestellt, solange der Server läuft.',
  atAnyMoment: 'Es wird jeden Moment bestellt, solange der Server läuft.',
  turn: 'Es wartet, bis es an der Reihe ist: Die Grenzen der Zertifizierungsstelle lassen nur so viele Bestellungen auf einmal zu.',
  turnSooner:
    'Der Betreiber fügt eine weitere Zertifizierungsstelle hinzu, oder er lässt die Grenze anheben und trägt das in acme.limits ein.',
  notRenewed: 'Es wird nicht erneuert, weil kein Host es vorzeigt.',
  notRenewedSooner: 'Lassen Sie einen Host es vorzeigen, und lassen Sie es dann jetzt ausstellen.',
  renewed: (why) => `Es wird erneuert: ${why}.`,
  renewedSooner:
    'Lassen Sie es jetzt erneuern (waypost certificate renew); das zählt zu den Grenzen der Zertifizierungsstelle.',

  itsAuthority: 'seine Zertifizierungsstelle',
  removedAuthority: 'einer entfernten Zertifizierungsstelle',
  noSuggestion: (authority, fault, fraction) =>
    `${authority} hat keine Zeit vorgeschlagen${fault === null ? '' : ` (${fault})`}, und ${fraction}`,
  almostOver:
    'Dann ist nicht mehr als ein Zwanzigstel seiner Lebensdauer übrig, was die Zertifizierungsstelle auch vorschlägt',
  asked: 'jemand hat darum gebeten',
  suggested: (authority, start, end, explanationUrl) =>
    `${authority} schlägt einen Zeitpunkt zwischen ${dayAndTime(start)} und ${dayAndTime(end)} vor${explanationUrl === null ? '' : ` und sagt unter ${explanationUrl}, warum`}`,
  fraction: {
    half: 'dann ist die Hälfte seiner Lebensdauer vergangen',
    'two thirds': 'dann sind zwei Drittel seiner Lebensdauer vergangen',
  },
}

function orNone(at: Date | null): string {
  return at === null ? 'zu keiner Zeit' : dayAndTime(at)
}

const records: RecordWords = {
  alias: (name) =>
    `Führt HTTPS für den Namen zu diesem Server, wohin dessen Adressen auch umziehen, und weist nach, dass Sie ${name} kontrollieren; er muss bleiben. Nicht möglich, wo der Name eigene andere Einträge hat, wie die Spitze einer Zone sie hat`,
  proof: {
    alone: (name) => `Weist nach, dass Sie ${name} kontrollieren; er muss bleiben`,
    insteadOfAlias: (name) =>
      `Weist anstelle des CNAME-Eintrags nach, dass Sie ${name} kontrollieren, auch für einen Namen, der keinen haben kann, etwa die Spitze einer Zone; er muss bleiben`,
  },
  address:
    'Anstelle des CNAME-Eintrags, für einen Namen, der keinen haben kann, etwa die Spitze einer Zone; er weist nichts nach, deshalb ist der TXT-Eintrag dazu nötig',
  challenge: (name) =>
    `Freiwillig: Damit bekommt dieser Server das Zertifikat von ${name} über DNS, auch bevor der Name hierher führt, oder wenn sein Port 80 das nicht tut; ein TXT-Eintrag darf dort nicht stehen`,
  srv: (whom, isDirectTls, targetHost) =>
    `Führt ${AUDIENCES[whom]}${isDirectTls ? ', die mit TLS beginnen (XEP-0368),' : ''} zum XMPP-Dienst bei ${targetHost}`,
  tlsa: (targetHost) =>
    `Nagelt den Schlüssel des Dienstzertifikats fest, wenn die Zone des Zielhosts signiert ist (DNSSEC); für den Betreiber von ${targetHost}`,
}
function unobtainable(count: number): string {
  return count === 1 ? 'Ein Zertifikat ist nicht zu bekommen' : `${many(count)} Zertifikate sind nicht zu bekommen`
}

const AUDIENCES: Record<Audience, string> = { clients: 'Clients', servers: 'andere Server', users: 'Benutzer' }

const naming: NamingWords = {
  noCertificate:
    'Die Zertifikatslinie hat noch kein Zertifikat: Es wird nichts veröffentlicht, bis eines importiert ist',
  notNamed: {
    toClients: (name) =>
      `Das Zertifikat nennt ${name} nicht: Conversations und seine Abkömmlinge nehmen POSH nur an, wenn das Zertifikat auch die Domain nennt`,
    toServers: (name) =>
      `Das Zertifikat nennt ${name} nicht: Server, die nach POSH fragen (Prosody mit mod_s2s_auth_posh, xmpp-proxy), nehmen es an; Conversations würde es nicht`,
  },
}

/** The words of the pages in German. */
export const german: Texts = {
  language: 'de',
  languageName: 'Deutsch',
  direction: 'ltr',
  product: 'Waypost',
  skip: 'Zum Inhalt springen',
  navigation: 'Hauptmenü',
  signOut: 'Abmelden',
  copied: 'Kopiert',
  copy: (what) => `${what} kopieren`,
  optional: 'freiwillig',
  pleaseMend: 'Es wurde noch nichts geändert. Bitte korrigieren Sie:',
  inPlace: (place) => `Nr. ${numbers.number(place)}:`,
  changedMeanwhile:
    'In der Zwischenzeit hat jemand anderes etwas geändert, deshalb ist nichts geschehen. So sieht es jetzt aus.',
  withWarnings: 'Erledigt, aber beachten Sie:',
  search: 'Suchen',
  searchPlaceholder: 'Teil eines Namens',
  pages: 'Seiten',
  firstPage: 'Erste Seite',
  nextPage: 'Nächste Seite',
  actions: 'Aktionen',
  cancel: 'Abbrechen',
  operator: 'Betreiber',
  show: 'Anzeigen',
  showAll: 'Alle anzeigen',
  save: 'Speichern',
  remove: 'Entfernen',
  rename: 'Umbenennen',
  expires: 'Läuft ab',
  anyMoment,
  relative,
  day,

  preferences: {
    title: 'Darstellung',
    language: 'Sprache',
    theme: 'Farben',
    themes: { system: 'Wie das System', light: 'Hell', dark: 'Dunkel' },
  },

  areas: {
    overview: 'Überblick',
    delegations: 'Delegationen',
    'source-domains': 'Quelldomains',
    certificates: 'Zertifikate',
    authorities: 'Zertifizierungsstellen',
    jobs: 'Aufgaben',
    'target-hosts': 'Zielhosts',
    tenants: 'Mandanten',
    users: 'Benutzer',
    audit: 'Protokoll',
    settings: 'Einstellungen',
  },

  roles: { viewer: 'Betrachter', admin: 'Administrator', owner: 'Inhaber' },
  roleHints: {
    viewer: 'sieht alles, was zum Mandanten gehört',
    admin: 'ändert außerdem Quelldomains, Delegationen und Zertifikate',
    owner: 'kümmert sich außerdem um Mitglieder und API-Tokens',
  },

  overview: {
    ...numbers,
    title: 'Überblick',
    lead: 'Wo jemand eingreifen muss, und was es gibt.',
    ownLead: 'Wo Sie eingreifen müssen.',
    hands: 'Hier muss jemand eingreifen',
    begin: 'Noch ist nichts delegiert',
    firstSteps: 'Die ersten Schritte',
    nothing: 'Alles in Ordnung',
    nothingWhy: 'Jeder Name ist nachgewiesen, jedes Zertifikat ist gültig, und nichts ist fehlgeschlagen.',
    urgency: { bad: 'Jetzt', wait: 'Bald' },
    troubles: {
      expired: (count) =>
        count === 1 ? 'Ein benutztes Zertifikat ist abgelaufen' : `${many(count)} benutzte Zertifikate sind abgelaufen`,
      ending: (count) =>
        count === 1
          ? 'Ein benutztes Zertifikat hat höchstens ein Zehntel seiner Lebensdauer übrig'
          : `${many(count)} benutzte Zertifikate haben höchstens ein Zehntel ihrer Lebensdauer übrig`,
      'failing-operator': (count) => `${unobtainable(count)}: Sache des Betreibers`,
      'failing-owner': (count) => `${unobtainable(count)}: Sache des Inhabers der Domain`,
      'failing-authority': (count) => `${unobtainable(count)}: Sache der Zertifizierungsstelle`,
      wavering: (count) =>
        count === 1 ? 'Der Eintrag eines Namens ist weg' : `Die Einträge von ${manyWithin(count)} Namen sind weg`,
      unproven: (count) =>
        count === 1
          ? 'Ein Name ist seit mehr als einer Woche nicht nachgewiesen'
          : `${many(count)} Namen sind seit mehr als einer Woche nicht nachgewiesen`,
      'rule-wrong': (count) =>
        count === 1 ? 'Eine Umleitungsregel ist falsch' : `${many(count)} Umleitungsregeln sind falsch`,
      'failed-jobs': (count) =>
        count === 1 ? 'Eine Aufgabe ist fehlgeschlagen' : `${many(count)} Aufgaben sind fehlgeschlagen`,
    },
    reasons: {
      expired: 'Wer sich verbindet, lehnt sie ab.',
      ending:
        'Sie hätten längst erneuert sein sollen, oder sie kommen von Hand und sind zu ersetzen, bevor sie ablaufen.',
      'failing-operator':
        'Die Einstellungen, das Konto bei der Zertifizierungsstelle oder das Netz dieses Servers sind in Ordnung zu bringen.',
      'failing-owner':
        'Der Inhaber muss das DNS oder den Webserver des Namens in Ordnung bringen; die Seite sagt, was.',
      'failing-authority': 'Das gibt sich von selbst, und es wird wieder versucht.',
      wavering:
        'Der Eintrag, der die Kontrolle nachweist, war da und ist es nicht mehr. Nach 72 Stunden erlischt der Name, und es wird nichts mehr ausgeliefert.',
      unproven:
        'Für sie wird nichts ausgeliefert. Der Eintrag, der die Kontrolle nachweist, ist zu veröffentlichen, oder der Name ist zu entfernen.',
      'rule-wrong': 'Der Webserver des Inhabers führt nicht zum Zielhost.',
      'failed-jobs': 'Sie werden von selbst wieder versucht, in immer größeren Abständen.',
    },
    instants: {
      expired: 'abgelaufen',
      ending: 'läuft ab',
      'failing-operator': 'neuer Versuch',
      'failing-owner': 'neuer Versuch',
      'failing-authority': 'neuer Versuch',
      wavering: 'erlischt',
      unproven: 'seit',
      'rule-wrong': 'geprüft',
      'failed-jobs': 'neuer Lauf',
    },
    clock:
      'Die Uhr des Servers wurde im letzten Tag um mehr als eine Stunde verstellt. Bis der Tag vorbei ist, wird nichts wegen seines Alters vernichtet.',
    noAuthority: 'Es ist keine Zertifizierungsstelle eingerichtet, bei der Zertifikate bestellt werden könnten.',
    allPaused: 'Es wird nichts bestellt: Jede Zertifizierungsstelle ist pausiert.',
    counts: 'Was es gibt',
    counted: 'Gezählt',
    notCounted: 'Es wird zum ersten Mal gezählt.',
    sourceDomains: 'Quelldomains',
    delegations: 'Delegationen',
    inUse: 'Benutzte Zertifikate',
    targetHosts: 'Zielhosts',
    tenants: 'Mandanten',
    unproven: (count) => `${numbers.number(count)} nicht nachgewiesen`,
    suspended: (count) => `${numbers.number(count)} gesperrt`,
    external: (count) => `${numbers.number(count)} extern`,
    lineages: (count) => `aus ${numbers.number(count)} Zertifikatslinien`,
    expiry: 'Wann Zertifikate ablaufen',
    expiryLead: 'Nach dem Rest ihrer Lebensdauer, wie lang sie auch ist.',
    zones: {
      good: (count) => `${count} mit viel Zeit`,
      wait: (count) => `${count} zur Erneuerung fällig`,
      bad: (count) => `${count} mit höchstens einem Zehntel übrig oder abgelaufen`,
    },
    livedUpTo: (days) => `Gültig für höchstens ${numbers.number(days)} Tage`,
    longerLived: 'Länger gültig',
    leftOf: (count, from, to) => `${numbers.number(count)} mit ${from} bis ${to} % der Lebensdauer übrig`,
    ended: (count) => `${numbers.number(count)} abgelaufen`,
    endedAxis: 'abgelaufen',
    ordersOf: (days) => `Bestellungen der letzten ${numbers.number(days)} Tage`,
    ended30: ({ issued, failed, abandoned }) =>
      `${numbers.number(issued)} ausgestellt, ${numbers.number(failed)} fehlgeschlagen` +
      (issued + failed > 0 ? ` (${numbers.percent(failed / (issued + failed))})` : '') +
      (abandoned > 0 ? `, ${numbers.number(abandoned)} aufgegeben` : ''),
    budgetLead: 'Wer ausstellt, und was von den Grenzen übrig ist.',
    until: 'Pausiert bis',
  },

  filters: {
    standing: 'Stand',
    any: 'Alle',
    standings: {
      unproven: 'Kontrolle nicht nachgewiesen',
      wavering: 'Eintrag weg, erlischt bald',
      suspended: 'Gesperrt',
      expired: 'Zertifikat abgelaufen',
      ending: 'Zertifikat läuft bald ab',
      'failing-owner': 'Kein Zertifikat: Sache des Inhabers',
      'failing-authority': 'Kein Zertifikat: Sache der Zertifizierungsstelle',
      'failing-operator': 'Kein Zertifikat: Sache des Betreibers',
      'rule-wrong': 'Umleitungsregel falsch',
    },
    anyMode: 'Gehostet oder extern',
    saved: 'Gespeicherte Filter',
    save: 'Diesen Filter speichern',
    name: 'Name des Filters',
    nameHint: 'Unter ihm finden Sie die Liste, wie Sie sie jetzt gefiltert haben.',
    savedAs: (name) => `Der Filter ${name} ist gespeichert.`,
    forget: (name) => `Den Filter ${name} entfernen`,
    forgotten: 'Der Filter ist entfernt.',
    withoutAccount: 'Filter gehören zu einem Konto, und Sie haben hier keines; legen Sie sich zuerst eines an',
    nothing: 'Es gibt keinen Filter zu speichern; wählen Sie einen, oder suchen Sie zuerst',
    csv: 'Als CSV exportieren',
    noneOfThose: 'Nichts steht so.',
  },

  timeLine: {
    title: 'Zeitachse',
    lead: 'Was wann veröffentlicht ist: Balken, die sich überschneiden, sind zusammen veröffentlicht.',
    published: 'Veröffentlicht',
    inUse: 'In Gebrauch',
    now: 'jetzt',
    renewal: 'nächste Erneuerung',
    of: (from, until) => `${from} bis ${until}`,
  },

  support: 'Hilfe',

  acting: {
    begin: 'Als dieser Mandant handeln',
    beginTitle: (tenant) => `Als der Mandant ${tenant} handeln?`,
    beginWhat:
      'Eine Stunde lang sehen und tun Sie, was ein Inhaber des Mandanten sehen und tun würde, und nichts sonst. Jede Handlung wird als Ihre festgehalten, und das Protokoll des Mandanten zeigt sie.',
    reason: 'Grund',
    reasonHint: 'Er steht dann im Protokoll, das der Mandant liest.',
    begun: (tenant) => `Sie handeln jetzt als der Mandant ${tenant}.`,
    banner: (tenant) => `Sie handeln als der Mandant ${tenant}.`,
    ends: 'Es endet von selbst',
    stop: 'Beenden',
    stopped: 'Sie sind wieder Betreiber.',
    asTenant: (tenant) => `als der Mandant ${tenant}`,
  },

  maintenance: {
    title: 'Wartung',
    isOn: 'Wartungsarbeiten.',
    lead: 'Solange sie läuft, ändern nur Betreiber etwas, und alle lesen Ihre Worte auf jeder Seite. Was veröffentlicht ist, wird beantwortet wie immer, Zertifikate werden erneuert, und anmelden kann man sich weiterhin.',
    nothingChanges: 'Im Moment kann nichts geändert werden.',
    refused: (reason) =>
      `Im Moment kann nichts geändert werden: ${reason}. Was Sie eingegeben haben, bleibt unten stehen; senden Sie es später noch einmal.`,
    operatorsMay: 'Im Moment ändern nur Betreiber etwas.',
    reason: 'Was alle lesen',
    reasonHint: 'Etwa „Wir ziehen bis 14:00 UTC auf eine andere Maschine um“.',
    begin: 'Wartung beginnen',
    begun: 'Die Wartung läuft: Nur Betreiber ändern etwas.',
    change: 'Worte ändern',
    end: 'Wartung beenden',
    ended: 'Die Wartung ist vorbei.',
    by: 'Begonnen von',
    since: 'Seit',
  },

  settings: {
    title: 'Einstellungen',
    lead: 'Wie die Seiten für Ihre Kunden aussehen, und die Wartung. Es gilt mit der nächsten Seite, die jemand öffnet.',
    branding: 'Ihr eigenes Aussehen',
    serviceName: 'Name des Dienstes',
    serviceNameHint: 'In Titeln, über jeder Seite, in Authenticator-Apps. Leer: Waypost.',
    accentLight: 'Farbe auf hellem Grund',
    accentDark: 'Farbe auf dunklem Grund',
    accentHint: 'Von Links und Schaltflächen, etwa #0b6e69. Beide oder keine; sie müssen lesbar sein (4,5:1).',
    contrast: (light, dark) => `Kontrast ${light}:1 auf hellem Grund, ${dark}:1 auf dunklem.`,
    support: 'Hilfe',
    supportHint:
      'Eine E-Mail-Adresse oder eine Adresse, die mit https:// beginnt. Ein Link dorthin steht unter jeder Seite.',
    footLine: 'Zeile am Fuß',
    footLineHint: 'Etwa der Name Ihrer Firma.',
    saved: 'Die Einstellungen sind gespeichert.',
    logo: 'Logo',
    logoLead: 'Neben dem Namen des Dienstes, auf jeder Seite.',
    logoFile: 'Bild',
    logoHint: (kilobytes) =>
      `PNG, JPEG oder WebP, höchstens ${numbers.number(kilobytes)} kB. Es wird 30 Pixel hoch gezeigt.`,
    upload: 'Dieses Bild verwenden',
    logoSet: 'Das Logo ist in Gebrauch.',
    removeLogo: 'Logo entfernen',
    logoRemoved: 'Das Logo ist entfernt.',
    present: 'Jetzt in Gebrauch',
  },

  signInHelp: {
    link: 'Ich kann mich nicht anmelden',
    title: 'Wenn Sie sich nicht anmelden können',
    password: 'Das Passwort ist vergessen',
    passwordHow:
      'Ein Passkey meldet Sie ohne es an. Sonst bitten Sie den Betreiber dieses Servers um einen Link, mit dem Sie ein neues wählen; er gilt einmal und einen Tag lang.',
    factor: 'Die Authenticator-App ist verloren',
    factorHow:
      'Geben Sie statt der sechs Ziffern einen Ihrer Wiederherstellungscodes ein, und richten Sie die App dann auf der Seite Ihres Kontos neu ein. Ein Passkey geht auch. Haben Sie beides nicht, dann bitten Sie den Betreiber, Ihre zweiten Faktoren zu entfernen; Ihr Passwort bleibt.',
    passkey: 'Der Passkey ist verloren',
    passkeyHow:
      'Melden Sie sich mit Ihrem Passwort an, und entfernen Sie den Passkey dann auf der Seite Ihres Kontos. Gibt es keinen anderen zweiten Faktor, dann bitten Sie den Betreiber, ihn zu entfernen.',
    email: 'Die E-Mail-Adresse ist eine andere',
    emailHow:
      'Sie ist der Name Ihres Kontos und gilt zum Anmelden weiter, ob Post noch ankommt oder nicht. Wenn Sie angemeldet sind, ändern Sie sie auf der Seite Ihres Kontos.',
    ask: 'Fragen Sie den Betreiber:',
    askNobody: 'Fragen Sie den Betreiber dieses Servers, so wie Sie zu Ihrem Konto gekommen sind.',
    operatorTitle: 'Sie sind der Betreiber',
    operator: 'Auf dem Server gibt waypost sign-in einen Link aus, der kein Konto braucht; für andere gibt es',
  },

  changeEmail: {
    title: 'E-Mail-Adresse ändern',
    what: 'Von jetzt an melden Sie sich mit der neuen Adresse an. Es wird keine Post an sie geschickt; achten Sie also darauf, dass sie stimmt. Alle anderen Geräte werden abgemeldet.',
    ofOther: (email) => `Die E-Mail-Adresse von ${email} ändern`,
    whatOfOther:
      'Von jetzt an meldet sich die Person mit der neuen Adresse an, und alle ihre Geräte werden abgemeldet. Vergewissern Sie sich, dass wirklich sie selbst darum bittet.',
    field: 'Neue E-Mail-Adresse',
    button: 'Ändern',
    done: (email) => `Die E-Mail-Adresse ist jetzt ${email}.`,
  },

  imports: {
    title: 'Quelldomains importieren',
    lead: 'Viele auf einmal, aus einer CSV-Datei. Sie sehen, was geschehen würde, bevor sich etwas ändert.',
    what: 'Eine Datei, wie Tabellenprogramme sie speichern, „CSV UTF-8“: eine Domain je Zeile, mit Kommas, Semikolons oder Tabulatoren. Die erste Zeile kann die Spalten nennen; nötig ist nur domain.',
    columnsTitle: 'Spalten',
    columns: {
      domain: 'der Name, etwa im.example.com',
      tenant: 'wem sie gehören soll',
      mode: 'hosted oder external; hosted, wenn leer',
      vouch: 'yes, wenn der Betreiber dafür bürgt',
      target: 'der Zielhost, an den sie delegiert wird; gehört mit certificate zusammen',
      certificate: 'die Zertifikatslinie, die für sie veröffentlicht wird',
      services: 'durch Leerzeichen getrennt; _xmpp-server, wenn leer',
    },
    limits:
      'Höchstens 100.000 Zeilen und 10 MB. Was schon da ist, bleibt, wie es ist, und bekommt nur die Delegationen, die ihm fehlen.',
    file: 'Datei',
    csv: 'Oder hier einfügen',
    csvHint: 'Wenn eine Datei gewählt ist, wird das hier nicht gelesen.',
    csvExample: 'im.example.com\nchat.example.org',
    nothing: 'Wählen Sie eine Datei, oder fügen Sie ihre Zeilen ein',
    tenant: 'Mandant',
    tenantHint: 'Leer: Eine Spalte „tenant“ sagt es Zeile für Zeile.',
    vouchLabel: 'Ich bürge für die Zeilen, die nichts dazu sagen',
    preview: 'Vorschau',
    recent: 'Importe der letzten 30 Tage',
    none: 'Noch wurde keine Datei gebracht.',
    brought: 'Gebracht',
    state: 'Zustand',
    states: { ready: 'Nicht bestätigt', running: 'Läuft', done: 'Fertig', cancelled: 'Abgebrochen' },
    leads: {
      ready: 'Noch hat sich nichts geändert. Das würde die Datei bewirken.',
      running: 'Sie können diese Seite verlassen; der Import geht weiter.',
      done: 'Die Datei ist importiert.',
      cancelled: 'Der Import wurde abgebrochen. Was er bis dahin getan hat, bleibt.',
    },
    of: (tenant) => `Import für den Mandanten ${tenant}`,
    ofTenants: 'Import für mehrere Mandanten',
    several: 'Mehrere',
    understood: 'Verstandene Spalten',
    lines: 'Zeilen',
    counts: {
      ready: { added: 'Neu', present: 'Schon da', refused: 'Abgelehnt' },
      later: { added: 'Hinzugefügt', present: 'Schon da', refused: 'Abgelehnt' },
    },
    progress: (done, lines) => `${numbers.number(done)} von ${numbers.number(lines)} Zeilen`,
    confirm: (count) => (count === 1 ? '1 Zeile importieren' : `${numbers.number(count)} Zeilen importieren`),
    confirmRest:
      'Die abgelehnten Zeilen werden ausgelassen. Sie können sie noch einmal bringen, wenn sie korrigiert sind.',
    nothingToDo: 'Alle Zeilen sind abgelehnt: Korrigieren Sie die Datei, und bringen Sie sie noch einmal.',
    byOperator: 'Ein Betreiber hat diese Datei gebracht, und nur ein Betreiber kann sie bestätigen.',
    discard: 'Verwerfen',
    discarded: 'Die Datei ist verworfen; es hat sich nichts geändert.',
    cancel: 'Import abbrechen',
    cancelled: 'Der Import ist abgebrochen.',
    reload: 'Laden Sie diese Seite neu, um zu sehen, wie weit er ist.',
    refusedTitle: 'Abgelehnte Zeilen',
    refusedLead: 'Jede mit dem, was falsch ist, und wie es zu beheben ist.',
    line: 'Zeile',
    name: 'Domain',
    reason: 'Was falsch ist',
    result: 'Ergebnis als CSV',
    kept: 'Vergessen',
    another: 'Eine andere Datei importieren',
    link: 'CSV-Datei importieren',
  },

  check: {
    title: 'Domain prüfen',
    lead: 'Was ein XMPP-Server oder Client erfährt, der über HTTPS fragt, welches Zertifikat zu erwarten ist.',
    domain: 'Domain, XMPP-Adresse oder URL',
    domainHint: 'Etwa im.example.com oder juliet@im.example.com.',
    service: 'Dienst',
    services: { '_xmpp-server._tcp': 'Server (_xmpp-server)', '_xmpp-client._tcp': 'Clients (_xmpp-client)' },
    ask: 'Prüfen',
    again: 'Noch einmal prüfen',
    asked: 'Gefragt',
    cachedFor: 'Ein Ergebnis wird eine Minute lang wieder gezeigt.',
    fromHere: 'Gefragt von diesem Server aus; Ihrer sieht vielleicht etwas anderes.',
    certificates: 'Zu erwartende Zertifikate',
    certificatesLead: 'Jedes davon kann vorgezeigt werden; das erste ist das benutzte.',
    subject: 'Inhaber (Subject)',
    issuer: 'Aussteller',
    names: 'Namen',
    noNames: 'keine',
    noSubject: 'keiner',
    from: 'Gültig ab',
    until: 'Gültig bis',
    sha256: 'SHA-256',
    validity: { valid: 'Gültig', expired: 'Abgelaufen', 'not-yet-valid': 'Noch nicht gültig' },
    pem: 'PEM',
    notToExpect: 'Die Schritte oben verletzen eine Regel: Diese erwartet niemand.',
    posh: 'Fingerabdrücke (POSH)',
    poshLead: 'Aus dem Dokument nach RFC 7711, wie es gefunden wurde.',
    poshExpires: (seconds) => `Sie dürfen ${span(seconds)} aufbewahrt werden.`,
    fingerprints: (number) => `Zertifikat ${numbers.number(number)}`,
    asOthers: 'Prüfen, wie andere es sehen',
  },

  fields: {
    tenant: 'Mandant',
    owner: 'Inhaber',
    name: 'Name',
    sourceDomain: 'Quelldomain',
    service: 'Dienst',
    targetHost: 'Zielhost',
    lineage: 'Zertifikatslinie',
    tlsAnswer: 'Antwort der Quelldomain',
    poshAnswer: 'POSH-Dokument',
    srvPort: 'Port des XMPP-Dienstes',
    mode: 'Wo ihr Webserver ist',
    certificate: 'Zertifikat',
    privateKey: 'Privater Schlüssel',
    password: 'Passwort des privaten Schlüssels',
    frontOf: 'Vorzeigen für den Host',
    email: 'E-Mail-Adresse',
    accountPassword: 'Passwort',
    present: 'Jetziges Passwort',
    newPassword: 'Neues Passwort',
    repeated: 'Noch einmal dasselbe',
    passphrase: 'Passphrase',
    code: 'Code',
    sourceDomains: 'Quelldomains',
    delegations: 'Delegationen',
    lineages: 'Zertifikatslinien',
  },

  signIn: {
    title: 'Anmelden',
    passkey: 'Mit einem Passkey anmelden',
    passkeyInstead: 'Stattdessen einen Passkey verwenden',
    codeTitle: 'Zweiter Faktor',
    codeHint: 'Die sechs Ziffern, die Ihre Authenticator-App anzeigt, oder einer Ihrer Wiederherstellungscodes.',
    another: 'Als jemand anderes anmelden',
    noAccount: 'Noch kein Konto?',
    register: 'Registrieren',
    byLink: 'Der Betreiber dieses Servers meldet sich über einen Link an',
    press: 'Der Link gilt für eine Anmeldung. Drücken Sie auf die Schaltfläche, um ihn zu verwenden.',
    button: 'Als Betreiber anmelden',
    how: 'Dafür ist kein Konto nötig. Führen Sie auf dem Server',
    command: 'waypost sign-in',
    then: 'aus und öffnen Sie den Link, den der Befehl ausgibt. Er gilt einmal und eine Stunde lang.',
  },

  confirm: {
    title: 'Bestätigen Sie, dass Sie es sind',
    why: 'Was Sie vorhaben, hat schwere Folgen. 15 Minuten lang werden Sie nicht noch einmal gefragt.',
    button: 'Bestätigen',
    passkey: 'Mit einem Passkey bestätigen',
    byNewLink:
      'Sie haben sich über einen Link angemeldet und haben kein Passwort. Melden Sie sich über einen neuen Link an. Führen Sie dazu auf dem Server aus:',
    isGrave: 'Das hat schwere Folgen.',
    first: 'Bestätigen Sie zuerst, dass Sie es sind',
    thenSend: '(in einem neuen Tab), und senden Sie das Formular dann noch einmal ab.',
  },

  setUp: {
    title: 'Ihr Betreiberkonto anlegen',
    wanted:
      'Sie haben sich über einen Link vom Server angemeldet. Mit einem eigenen Konto brauchen Sie beim nächsten Mal keinen.',
    lead: 'Damit melden Sie sich von überall an, und im Protokoll steht Ihr Name. Weitere Betreiber können später hinzukommen.',
    button: 'Konto anlegen',
    done: (email) => `Das Konto ${email} ist angelegt, und Sie sind damit angemeldet.`,
    isDone:
      'Es gibt schon ein Betreiberkonto. Melden Sie sich damit an, oder bitten Sie einen anderen Betreiber, Sie unter „Benutzer“ hinzuzufügen',
  },

  invitation: {
    title: 'Einladung',
    lead: (by, email, role, tenant) =>
      tenant === null
        ? `${by} lädt ${email} ein, Betreiber dieses Servers zu werden.`
        : `${by} lädt ${email} in den Mandanten ${tenant} ein. Rolle: ${role}.`,
    signInFirst: (email) =>
      `Zur Adresse ${email} gibt es ein Konto. Melden Sie sich damit an, um die Einladung anzunehmen.`,
    signOutFirst: (present, email) =>
      `Sie sind als ${present} angemeldet, die Einladung gilt aber ${email}. Melden Sie sich ab, um sie anzunehmen; danach kommen Sie hierher zurück.`,
    button: 'Annehmen',
    joined: (tenant) => `Sie sind jetzt Mitglied von ${tenant}.`,
    isOperator: 'Sie sind jetzt Betreiber.',
  },

  newPassword: {
    title: 'Neues Passwort wählen',
    lead: (email) => `Für das Konto ${email}. Alle seine Geräte werden abgemeldet.`,
    hint: 'Mindestens 8 Zeichen. Gut sind vier Wörter, die nichts miteinander zu tun haben.',
    differs: 'die beiden Eingaben sind nicht gleich',
    button: 'Passwort setzen',
    done: (email) => `Das Passwort von ${email} ist gesetzt. Melden Sie sich damit an.`,
  },

  registration: {
    title: 'Registrieren',
    lead: 'Sie bekommen einen eigenen Mandanten: einen Ort für Ihre Quelldomains und Zertifikate.',
    tenant: 'Name des Mandanten',
    tenantHint: 'Vier zufällige Zeichen werden angehängt, damit niemand erfährt, welche Namen es gibt.',
    hasAccount: 'Ich habe ein Konto',
    closed: 'Der Betreiber dieses Servers lädt Leute ein; eine Registrierung gibt es nicht',
    done: 'Falls es zu der E-Mail-Adresse noch kein Konto gab, gibt es jetzt eines. Melden Sie sich mit dem Passwort an, das Sie gewählt haben.',
  },

  account: {
    title: 'Konto',
    ofMachine:
      'Sie sind über einen Link vom Server gekommen, ohne Konto. Was Sie so tun, steht als Tat von „operator“ im Protokoll.',
    noneOfMachine:
      'Sie sind über einen Link vom Server gekommen, ohne Konto. Legen Sie unter /set-up eines an oder, wenn es schon einen Betreiber gibt, bitten Sie ihn, Sie unter „Benutzer“ hinzuzufügen',
    since: 'Seit',
    used: 'benutzt',
    password: 'Passwort',
    changePassword: 'Passwort ändern',
    passwordChanged: 'Das Passwort ist geändert. Alle anderen Geräte sind abgemeldet.',
    passwordEnds: 'Alle anderen Geräte werden abgemeldet.',
    sessions: 'Angemeldete Geräte',
    sessionsLead: 'Beenden Sie, was Sie nicht kennen, und ändern Sie dann Ihr Passwort.',
    sessionsLeadOfMachine: 'Alle, die über einen Link vom Server gekommen sind. Beenden Sie, was Sie nicht kennen.',
    thisOne: 'Dieses Gerät',
    noAddress: 'Adresse unbekannt',
    seen: 'gesehen',
    halfway: 'wartet auf den zweiten Faktor, seit',
    end: 'Beenden',
    ended: 'Das Gerät ist abgemeldet.',
    endOthers: 'Alle anderen Geräte abmelden',
    endedOthers: (count) =>
      counted(count, { one: 'Ein anderes Gerät ist abgemeldet.', other: 'andere Geräte sind abgemeldet.' }),
    renamed: (name) => `Der Name ist jetzt ${name}.`,
    secondFactorWanted: 'Ein Passwort allein kann erraten oder gestohlen werden.',
    addSecondFactor: 'Zweiten Faktor hinzufügen',
  },

  secondFactor: {
    title: 'Authenticator-App',
    lead: 'Eine Authenticator-App auf Ihrem Telefon zeigt einen Code an, nach dem nach dem Passwort gefragt wird.',
    isOn: 'An',
    isOff: 'Aus',
    begin: 'Einrichten',
    beginLead: 'Sie brauchen eine Authenticator-App, etwa Aegis, FreeOTP oder die Ihres Passwortmanagers.',
    change: 'Ändern',
    codesLeft: (count) =>
      counted(count, {
        one: 'Ein Wiederherstellungscode ist übrig.',
        other: 'Wiederherstellungscodes sind übrig.',
      }),
    scan: 'Scannen Sie den Code mit Ihrer Authenticator-App und tippen Sie ein, was sie anzeigt.',
    qrCode: 'QR-Code des Geheimnisses, das darunter als Text steht',
    orType: 'Oder tippen Sie das Geheimnis ab:',
    secret: 'Geheimnis',
    firstCode: 'Die sechs Ziffern, die die App jetzt anzeigt.',
    confirm: 'Einschalten',
    codes: 'Wiederherstellungscodes',
    codesLead:
      'Jeder ersetzt einen Code der App, falls Sie sie verlieren. Sie werden nur dieses eine Mal angezeigt: Drucken Sie sie aus, oder bewahren Sie sie in Ihrem Passwortmanager auf.',
    kept: 'Ich habe sie gesichert',
    renew: 'Neue Wiederherstellungscodes',
    renewWhat: 'Die bisherigen gelten dann nicht mehr.',
    remove: 'Ausschalten',
    removeTitle: 'Die Authenticator-App ausschalten?',
    removeWhat:
      'Wenn Sie keinen Passkey haben, öffnet danach das Passwort allein Ihr Konto. Auch die Wiederherstellungscodes sind dann weg.',
    removed: 'Die Authenticator-App ist ausgeschaltet.',
  },

  passkeys: {
    title: 'Passkeys',
    lead: 'Ein Passkey meldet Sie ohne Passwort an: mit Fingerabdruck, Gesicht oder Sicherheitsschlüssel.',
    add: 'Passkey hinzufügen',
    addLead:
      'Ihr Browser fragt, wo er ihn aufbewahren soll: auf diesem Gerät, auf Ihrem Telefon oder auf einem Sicherheitsschlüssel. Alle Ihre anderen Geräte werden abgemeldet.',
    addButton: 'Hinzufügen',
    name: 'Name',
    nameHint: 'Damit Sie ihn von anderen unterscheiden, etwa „blauer Schlüssel“.',
    added: (name) => `Der Passkey ${name} ist hinzugefügt. Alle Ihre anderen Geräte sind abgemeldet.`,
    removeTitle: (name) => `Den Passkey ${name} entfernen?`,
    removeWhat:
      'Er meldet Sie dann nicht mehr an. Entfernen Sie ihn auch vom Gerät. Alle anderen Geräte werden abgemeldet.',
    removed: (name) => `Der Passkey ${name} ist entfernt.`,
    noScript: 'Ein Passkey braucht JavaScript und einen Browser, der Passkeys kennt.',
    unreachable: 'Der Server war nicht erreichbar. Versuchen Sie es noch einmal, wenn Sie verbunden sind.',
    refused:
      'Es ist nichts daraus geworden: Der Vorgang wurde abgebrochen, hat zu lange gedauert, oder dieses Gerät hat keinen Passkey für diese Website.',
  },

  links: {
    label: 'Link',
    once: 'Wer den Link hat, kann ihn benutzen, einmal. Er wird Ihnen nur dieses eine Mal angezeigt und endet',
    done: 'Ich habe ihn gesichert',
  },

  delegations: {
    title: 'Delegationen',
    lead: 'Welches Zertifikat jeder XMPP-Dienst vorzeigen wird, veröffentlicht unter /.well-known/tls und als POSH.',
    search: 'Quelldomains suchen',
    register: 'Delegation registrieren',
    registerShort: 'Registrieren',
    registered: (domain) => `Die Delegation von ${domain} ist registriert.`,
    withdraw: 'Zurückziehen',
    withdrawTitle: (domain) => `Die Delegation von ${domain} zurückziehen?`,
    withdrawWhat: (service) =>
      `Von der nächsten Anfrage an antworten /.well-known/tls und POSH für ${service} mit 404. Caches können die bisherige Antwort noch eine Weile behalten.`,
    withdrawWho:
      'Server und Clients, die keine Delegation finden, prüfen das Zertifikat gegen die Quelldomain selbst und lehnen eines ab, das sie nicht nennt.',
    withdrawn: (domain) => `Die Delegation von ${domain} ist zurückgezogen.`,
    noneFound: (search) => `Keine Quelldomain hat „${search}“ im Namen.`,
    domain: 'Quelldomain',
    service: 'Dienst',
    target: 'Zielhost',
    standing: 'Stand',
    certificate: 'Zertifikat',
    tenant: 'Mandant',
    expires: (when) => `läuft ab ${when}`,
    noCertificate: 'noch keines',
    standings: {
      served: 'Ausgeliefert',
      unproven: 'Nicht nachgewiesen',
      suspended: 'Gesperrt',
      'no-certificate': 'Kein Zertifikat',
      expired: 'Zertifikat abgelaufen',
      'rule-wrong': 'Umleitung falsch',
      'rule-unchecked': 'Umleitung nicht gesehen',
    },
    standingNext: {
      unproven: 'DNS-Eintrag veröffentlichen',
      suspended: 'bis die Sperre aufgehoben ist',
      'no-certificate': 'eines importieren',
      expired: 'ein neues importieren',
      'rule-wrong': 'die Regel auf ihrem Webserver korrigieren',
      'rule-unchecked': 'die Regel auf ihrem Webserver einrichten und prüfen',
    },
    standingHints: {
      served: 'Anfragen werden beantwortet wie unten gezeigt.',
      unproven:
        'Es wird nichts ausgeliefert, bis die Kontrolle über die Quelldomain nachgewiesen ist: durch einen DNS-Eintrag oder durch das Wort des Betreibers.',
      suspended: 'Die Quelldomain ist gesperrt: Es wird nichts ausgeliefert, bis die Sperre aufgehoben ist.',
      'no-certificate': 'Es gibt nichts zu veröffentlichen, bis ein Zertifikat importiert ist.',
      expired: 'Das veröffentlichte Zertifikat ist abgelaufen: Die meisten Server und Clients werden es ablehnen.',
      'rule-wrong':
        'Der eigene Webserver der Domain, der zuerst gefragt wird, antwortet nicht, wie er sollte. Korrigieren Sie die Umleitungsregel dort, und prüfen Sie sie dann.',
      'rule-unchecked':
        'Der eigene Webserver der Domain wird zuerst gefragt, und seine Antwort wurde nicht gesehen: Noch hat niemand nachgesehen, oder beim letzten Mal konnte er nicht gefragt werden. Richten Sie die Umleitungsregel dort ein, und prüfen Sie sie dann.',
    },
    proveIt: 'Ansehen, welcher Eintrag',
    seeRule: 'Regel ansehen',
    none: 'Noch keine Delegationen',
    emptyTitle: 'In fünf Schritten zur ersten Delegation',
    emptyLead:
      'Eine Delegation sagt Servern und Clients, dass im.example.com von hosting.example.com bedient wird und welches Zertifikat dort zu erwarten ist.',
    steps: {
      tenant: ['Einen Mandanten hinzufügen', 'Den Kunden, dem die Domain gehört.'],
      domain: [
        'Eine Quelldomain hinzufügen',
        'Den Namen in den XMPP-Adressen, etwa im.example.com. Auf seiner Seite steht der DNS-Eintrag, der nachweist, wem er gehört.',
      ],
      target: [
        'Einen Zielhost hinzufügen',
        'Ihren Namen, von dem das Zertifikat geholt wird, etwa hosting.example.com.',
      ],
      certificate: [
        'Ein Zertifikat importieren',
        'Das, was Ihr XMPP-Server vorzeigt. Sein privater Schlüssel kann bleiben, wo er ist.',
      ],
      delegation: [
        'Die Delegation registrieren',
        'Sie wird beantwortet, sobald die Kontrolle über die Quelldomain nachgewiesen ist.',
      ],
    },
    done: 'erledigt',
    missing: {
      tenant: 'Mandant hinzufügen',
      sourceDomain: 'Quelldomain hinzufügen',
      targetHost: 'Zielhost hinzufügen',
      lineage: 'Zertifikat importieren',
    },
    hints: {
      tenant: 'Wem die Quelldomain gehört.',
      sourceDomain: 'Die Domain der XMPP-Adressen, etwa im.example.com.',
      service: 'Wie SRV-Einträge ihn schreiben.',
      targetHost: 'Der, dessen HTTPS das Zertifikat liefert.',
      lineage: 'Die Zertifikate, die der XMPP-Dienst vorzeigt: die des Mandanten oder die des Betreibers.',
      srvPort: 'Für die SRV- und TLSA-Einträge. Leer: der übliche Port des Dienstes.',
    },
    more: 'Weitere Einstellungen',
    tlsAnswers: {
      redirect: 'Umleitung zum Zielhost (302)',
      possession: 'Das Zertifikat selbst',
    },
    poshAnswers: {
      fingerprints: 'Fingerabdrücke (Prosody braucht sie)',
      redirect: 'Umleitung zum Zielhost',
      reference: 'Verweis auf den Zielhost',
      off: 'Keines',
    },
    facts: 'Delegation',
    since: 'Registriert',
    hops: 'Was gefragt und was geantwortet wird',
    hopsLead: 'Die Anfragen eines Servers oder Clients, der diese Delegation prüft.',
    externalHops: 'Die erste Antwort gibt der eigene Webserver der Domain: Er muss umleiten wie gezeigt.',
    redirectAnswer: '302 Found',
    hasToBe: 'Muss sein:',
    pemAnswer: '200, die Zertifikate unten als PEM',
    noAnswer: '404 Not Found',
    location: 'Location',
    records: 'DNS-Einträge',
    otherRecords: 'Weitere DNS-Einträge',
    recordsLead: 'Der Inhaber der Quelldomain veröffentlicht sie.',
    targetRecordsLead: 'Sie veröffentlichen sie in der Zone des Zielhosts.',
    recordName: 'Name',
    recordValue: 'Wert',
    ttl: (seconds) => `TTL ${seconds}`,
    published: 'Veröffentlichte Zertifikate',
    warnings: 'Beachten Sie:',
    change: 'Ändern',
    changeTitle: (service, domain) => `${service} von ${domain} ändern`,
    changeLead:
      'Wer die bisherige Antwort geholt hat, behält sie vielleicht noch eine Weile. Ein anderer Dienst ist eine andere Delegation: Registrieren Sie stattdessen diese.',
    changed: (domain) => `Die Delegation von ${domain} ist geändert.`,
  },

  certificates: {
    title: 'Zertifikate',
    lead: 'Zertifikatslinien: Folgen von Zertifikaten für einen Dienst oder Host, die des Betreibers und die der Mandanten.',
    search: 'Zertifikatslinien suchen',
    import: 'Zertifikat importieren',
    imported: (lineage) => `Das Zertifikat ist in ${lineage} importiert.`,
    importLead: 'Das Zertifikat, das der XMPP-Dienst vorzeigt.',
    importButton: 'Importieren',
    activated: 'Das Zertifikat ist jetzt aktiv. Das vorige bleibt veröffentlicht, bis Caches es vergessen haben.',
    activate: 'Aktivieren',
    activateHint: 'Aktivieren Sie es, wenn der XMPP-Server es vorzeigt.',
    activateTitle: (lineage) => `Das Zertifikat von ${lineage} aktivieren?`,
    tooEarly: (until, now) =>
      `Bis ${dayAndTime(until)} (${relative(until, now)}) können Caches ein Dokument ohne dieses Zertifikat haben. Warten Sie so lange, wenn Sie können: Bis dahin lehnen Server und Clients, die das bisherige Dokument geholt haben, dieses Zertifikat ab. Erzwingen Sie es nur, wenn der bisherige Schlüssel verloren oder anderen bekannt ist.`,
    force: 'Trotzdem sofort aktivieren',
    breaks: (until, now) =>
      `einige Server und Clients lehnen das Zertifikat bis ${dayAndTime(until)} (${relative(until, now)}) ab`,
    removeTitle: (lineage) => `Die Zertifikatslinie ${lineage} entfernen?`,
    removeWhat:
      'Alle ihre Zertifikate verschwinden, und mit ihnen die privaten Schlüssel. Was noch benutzt wird, wird nicht entfernt.',
    removed: (lineage) => `Die Zertifikatslinie ${lineage} ist entfernt.`,
    removeOneTitle: (lineage) => `Ein Zertifikat aus ${lineage} entfernen?`,
    removeOneWhat: 'Es wird nicht mehr veröffentlicht, und sein privater Schlüssel verschwindet mit ihm.',
    removedOne: 'Das Zertifikat ist entfernt.',
    emptyTitle: 'Noch keine Zertifikate',
    empty:
      'Importieren Sie das Zertifikat, das Ihr XMPP-Server vorzeigt. Zum Veröffentlichen genügt der öffentliche Teil.',
    emptyToViewers: 'Inhaber und Administratoren des Mandanten importieren die, die sein XMPP-Server vorzeigt.',
    noneFound: (search) => `Keine Zertifikatslinie hat „${search}“ im Namen.`,
    lineage: 'Zertifikatslinie',
    owner: 'Inhaber',
    current: 'Aktives Zertifikat',
    count: 'Zertifikate',
    none: 'keines aktiv',
    hints: {
      owner: 'Der Name eines Mandanten. Leer: die eigenen des Betreibers, die alle Mandanten benutzen können.',
      lineage: 'Leer: der erste DNS-Name des Zertifikats.',
      certificate: 'PEM, mit den Zertifikaten der Aussteller, wo es welche gibt. Text darum herum schadet nicht.',
      privateKey:
        'Nur nötig, wo dieser Server selbst das Zertifikat vorzeigt. Er wird versiegelt aufbewahrt und nie wieder angezeigt.',
      password: 'Wenn der private Schlüssel verschlüsselt ist.',
      frontOf:
        'Wo dieser Server es über HTTPS vorzeigen soll: eine Ihrer Quelldomains, ein Zielhost oder der Admin-Host. Dazu braucht es seinen privaten Schlüssel.',
      again: 'Private Schlüssel und Passwörter werden nicht zurückgeschickt: Fügen Sie sie noch einmal ein.',
    },
    file: 'Aus einer Datei lesen',
    states: { staged: 'Vorbereitet', active: 'Aktiv', retiring: 'Auslaufend', retired: 'Abgelöst' },
    expired: 'Abgelaufen',
    state: 'Zustand',
    subject: 'Inhaber (Subject)',
    issuer: 'Aussteller',
    names: 'DNS-Namen',
    key: 'Schlüssel',
    keyHere: 'privater Schlüssel hier, versiegelt',
    keyElsewhere: 'privater Schlüssel anderswo',
    validFrom: 'Gültig ab',
    validUntil: 'Gültig bis',
    fingerprint: 'SHA-256 des Zertifikats',
    spki: 'SHA-256 seines Schlüssels',
    publishedUntil: 'Veröffentlicht bis',
  },

  issuance: {
    title: 'Zertifikat',
    states: {
      valid: 'Gültig',
      due: 'Fällig',
      expired: 'Abgelaufen',
      missing: 'Noch keines',
      'not needed': 'Nicht nötig',
    },
    issuedBy: 'Ausgestellt von',
    validUntil: 'Gültig bis',
    lineage: 'Zertifikatslinie',
    next: 'Nächster Schritt',
    order: 'Laufende Bestellung',
    orderAt: (authority, status) => `bei ${authority}, ${status}`,
    authorizations: 'Kontrolle über',
    by: 'durch',
    failure: 'Letzter Fehlschlag',
    inARow: (count) => `${numbers.number(count)} in Folge`,
    affairs: {
      owner: 'Der Inhaber der Domain muss etwas tun.',
      operator: 'Der Betreiber muss etwas tun.',
      authority: 'Das ist Sache der Zertifizierungsstelle und gibt sich von selbst.',
    },
    outcomes: { ok: 'OK', wrong: 'Falsch', 'could-not-ask': 'Konnte nicht fragen' },
    sooner: 'Was es beschleunigen würde',
    tryNow: 'Jetzt versuchen',
    tried: (name) => `Das Zertifikat von ${name} wird jetzt angefordert. Sehen Sie in einer Minute wieder nach.`,
    renew: 'Jetzt erneuern',
    renewed: (name) => `Das Zertifikat von ${name} wird ersetzt. Sehen Sie in einer Minute wieder nach.`,
    revoke: 'Widerrufen',
    revokeTitle: (lineage) => `Ein Zertifikat von ${lineage} widerrufen?`,
    revokeWhat: 'Wer nachsieht, lehnt ein widerrufenes Zertifikat ab, und nichts macht es wieder gültig.',
    revokeInUse:
      'Es ist in Gebrauch: Es wird zuerst mit einem neuen Schlüssel ersetzt und widerrufen, sobald sein Nachfolger aktiv ist.',
    reason: 'Grund',
    reasons: {
      unspecified: 'Keine Angabe',
      'key-compromise': 'Der private Schlüssel ist anderen bekannt',
      superseded: 'Es wurde ersetzt',
      'cessation-of-operation': 'Der Dienst wurde eingestellt',
    },
    revoked: 'Das Zertifikat ist widerrufen.',
    revokedLater: 'Das Zertifikat wird ersetzt und widerrufen, sobald sein Nachfolger aktiv ist.',
  },

  authorities: {
    title: 'Zertifizierungsstellen',
    lead: 'Bei wem Zertifikate bestellt werden (ACME). Die erste wird gefragt; wo sie versagt, die nächste.',
    emptyTitle: 'Noch keine Zertifizierungsstellen',
    empty: 'Fügen Sie eine hinzu, etwa letsencrypt, und die Zertifikate der Hosts werden von selbst bestellt.',
    add: 'Zertifizierungsstelle hinzufügen',
    addButton: 'Hinzufügen',
    added: (name) => `Die Zertifizierungsstelle ${name} ist hinzugefügt: Sie hat ein Konto für diesen Server angelegt.`,
    name: 'Name',
    nameHint: 'Wie Sie sie nennen. letsencrypt und letsencrypt-staging brauchen kein Verzeichnis.',
    rank: 'Rang',
    rankHint: 'Die mit dem niedrigsten wird zuerst gefragt. Leer: hinter denen, die es schon gibt.',
    rankHintOfPresent: 'Die mit dem niedrigsten wird zuerst gefragt. Leer: wie bisher.',
    state: 'Zustand',
    inUse: 'In Gebrauch',
    paused: 'Pausiert',
    directory: 'Verzeichnis',
    directoryHint: 'Die https-URL, die in ihrer Dokumentation steht.',
    contact: 'Kontakt',
    contactHint: 'E-Mail-Adressen, an die sie schreiben darf, durch Kommas getrennt.',
    agree: 'Ich habe ihre Nutzungsbedingungen gelesen und stimme ihnen zu',
    more: 'Externes Konto, private Zertifizierungsstelle, Profil',
    eabKeyId: 'Schlüsselkennung des externen Kontos',
    eabKey: 'Schlüssel des externen Kontos',
    eabHint:
      'Wenn die Zertifizierungsstelle ein externes Konto verlangt; sie zeigt beides an. Der Schlüssel wird einmal benutzt und nicht aufbewahrt.',
    caPem: 'Wurzelzertifikate',
    caHint: 'PEM. Bei einer privaten Zertifizierungsstelle: womit ihrem HTTPS vertraut wird, statt der üblichen.',
    profile: 'Profil',
    profileHint: 'Wie Zertifikate ausgestellt werden, von dem, was sie anbietet. Leer: wie sie es will.',
    isRequired: 'Nichts bestellen, wo sie das Profil nicht anbietet',
    keyType: 'Schlüssel der Zertifikate',
    preferredChain: 'Bevorzugte Kette',
    preferredChainHint:
      'Der Common Name einer Wurzel, wenn sie Ketten zu mehreren anbietet. Leer: die, die sie zuerst anbietet.',
    keyTypes: { 'ec-p256': 'EC P-256', 'ec-p384': 'EC P-384', 'rsa-2048': 'RSA 2048' },
    account: 'Konto',
    terms: 'Nutzungsbedingungen',
    noTerms: 'sie hat keine',
    since: 'Seit',
    none: 'keiner',
    anyProfile: 'wie sie es will',
    required: 'verlangt',
    trust: 'Ihr HTTPS',
    usualRoots: 'durch die üblichen Wurzeln beglaubigt',
    ownRoots: 'durch eigene Wurzeln beglaubigt',
    pausedUntil: 'Wird nicht gefragt bis',
    resume: 'Jetzt wieder fragen',
    resumeLead: 'Was auf sie wartet, wird sofort versucht. Wenn sie weiter ablehnt, wird sie wieder pausiert.',
    resumed: (name) => `Die Zertifizierungsstelle ${name} wird wieder gefragt.`,
    test: 'Testen',
    testLead: 'Fragt sie nach ihrem Verzeichnis und unserem Konto.',
    well: 'Sie antwortet, wie sie soll.',
    found: 'Was gefunden wurde',
    answers: 'antwortet',
    silent: 'konnte nicht gelesen werden',
    noAccount: 'nicht in Ordnung',
    profiles: 'Profile',
    renewalInfo: 'Erneuerungszeiten',
    suggests: 'sie schlägt sie vor (RFC 9773)',
    suggestsNone: 'sie schlägt keine vor',
    budget: 'Was von ihren Grenzen übrig ist',
    limits: {
      pace: 'Bestellungen auf einmal',
      orders: 'neue Bestellungen des Kontos',
      registeredDomain: 'Zertifikate einer registrierten Domain',
      identifierSet: 'Zertifikate für dieselben Namen',
      failures: 'fehlgeschlagene Prüfungen eines Namens',
    },
    left: (left, count, seconds) => `${numbers.number(left)} von ${numbers.number(count)} in ${span(seconds)}`,
    change: 'Ändern',
    changed: (name) => `Die Zertifizierungsstelle ${name} ist geändert.`,
    changeKey: 'Kontoschlüssel wechseln',
    changeKeyTitle: (name) => `Den Schlüssel des Kontos bei ${name} wechseln?`,
    changeKeyWhat:
      'Der Zertifizierungsstelle wird der neue Schlüssel mitgeteilt, und der bisherige wird vernichtet. Zertifikate bleiben, wie sie sind.',
    keyChanged: (name) => `Das Konto bei ${name} hat einen anderen Schlüssel.`,
    removeTitle: (name) => `Die Zertifizierungsstelle ${name} entfernen?`,
    removeWhat:
      'Es wird nichts mehr bei ihr bestellt. Ihre Zertifikate bleiben und werden bei den anderen Zertifizierungsstellen erneuert.',
    removeKey:
      'Der Schlüssel des Kontos wird vernichtet: Ihre Zertifikate können von hier aus nicht mehr widerrufen werden.',
    removed: (name) => `Die Zertifizierungsstelle ${name} ist entfernt.`,
  },

  serviceLineages: {
    title: 'Eines ausstellen lassen',
    lead: 'Für eigene Namen, die ein XMPP-Server vorzeigt. Es wird von selbst erneuert, und jedes neue wird veröffentlicht, bevor es benutzt wird.',
    names: 'Namen',
    namesHint:
      'Durch Kommas getrennt. Sie führen zu diesem Server oder können durch DNS nachgewiesen werden. Hosts dieses Servers brauchen keines: Ihre werden von selbst ausgestellt.',
    lineageHint: 'Wie sie heißt. Leer: wie der erste Name.',
    source: 'Ausgestellt von',
    sourceHint: 'Denen der lokalen Zertifizierungsstelle vertraut nur, wer ihre Wurzel hat.',
    sources: {
      acme: 'Den Zertifizierungsstellen, die hier eingerichtet sind (ACME)',
      local: 'Der lokalen Zertifizierungsstelle dieses Servers',
    },
    button: 'Ausstellen lassen',
    created: (name) => `Die Zertifikatslinie ${name} ist angelegt, und ihr erstes Zertifikat ist angefordert.`,
  },

  jobs: {
    title: 'Aufgaben',
    lead: 'Was der Server noch zu tun hat und von selbst tut, wenn es fällig ist.',
    kind: 'Arbeit',
    anyKind: 'Alle',
    kinds: {
      'front-certificate': 'Um ein Zertifikat kümmern',
      'certificate-revocation': 'Ein Zertifikat widerrufen',
      'authorization-deactivation': 'Eine Autorisierung deaktivieren',
      'proof-check': 'Einen Kontrollnachweis prüfen',
      'domain-import': 'Quelldomains importieren',
      census: 'Für den Überblick zählen',
      'redirect-rule': 'Eine Umleitungsregel prüfen',
    },
    onlyFailed: 'Nur die, deren letzter Lauf fehlschlug',
    about: 'Worum es geht',
    due: 'Fällig',
    running: 'Läuft',
    lastError: 'Letzter Fehlschlag',
    noError: 'keiner',
    attempts: (count) => `(${numbers.number(count)}-mal begonnen)`,
    retry: 'Jetzt ausführen',
    retried: 'Die Aufgabe ist jetzt fällig.',
    none: 'Nichts zu tun',
    noneWhy: 'Es wartet keine Aufgabe.',
    noneOfThose: 'Es gibt keine Aufgabe dieser Art, oder keine ist fehlgeschlagen.',
  },

  keyExport: {
    title: 'Privaten Schlüssel exportieren',
    what: 'Sie bekommen ihn als Datei, verschlüsselt mit einer Passphrase, die nur Sie kennen. Wer einen Schlüssel exportiert, wird festgehalten.',
    hint: 'Mindestens 12 Zeichen. Sie wird nirgends aufbewahrt.',
    button: 'Verschlüsselten Schlüssel herunterladen',
    elsewhere: 'der private Schlüssel dieses Zertifikats liegt nicht hier',
  },

  domains: {
    title: 'Quelldomains',
    lead: 'Die Namen, die Mandanten beanspruchen. Für einen Namen wird geantwortet, solange die Kontrolle über ihn nachgewiesen ist.',
    search: 'Quelldomains suchen',
    add: 'Quelldomain hinzufügen',
    added: (name) => `${name} ist hinzugefügt.`,
    emptyTitle: 'Noch keine Quelldomains',
    empty: 'Eine Quelldomain ist der Name in XMPP-Adressen, etwa im.example.com.',
    noneFound: (search) => `Keine Quelldomain hat „${search}“ im Namen.`,
    tenant: 'Mandant',
    mode: 'Modus',
    modes: { hosted: 'Gehostet', external: 'Extern' },
    modeChoices: {
      hosted: 'Hier: Ihr DNS zeigt auf diesen Server (gehostet)',
      external: 'Anderswo: Ihr eigener Webserver leitet um (extern)',
    },
    standing: 'Stand',
    suspended: 'Gesperrt',
    standingHints: {
      suspended: 'nichts wird ausgeliefert',
      unproven: 'noch wird nichts ausgeliefert',
      vouched: 'durch das Wort des Betreibers',
      proven: 'Eintrag gesehen',
      wavering: 'Eintrag nicht gefunden; erlischt',
      lapsed: 'nichts wird ausgeliefert; erloschen',
    },
    toBeProven:
      'Es wird nichts ausgeliefert, bis die Kontrolle über den Namen nachgewiesen ist: durch den DNS-Eintrag, den seine Seite zeigt, oder durch das Wort des Betreibers.',
    vouch: 'Bürgen',
    suspend: 'Sperren',
    resume: 'Sperre aufheben',
    changed: {
      vouch: (name) => `Sie bürgen jetzt für ${name}.`,
      suspend: (name) => `${name} ist gesperrt: Dafür wird nichts ausgeliefert.`,
      resume: (name) => `Für ${name} wird wieder geantwortet.`,
    },
    vouchLabel: 'Ich bürge dafür, dass der Mandant diesen Namen kontrolliert',
    vouchHint:
      'Sonst wird nichts ausgeliefert, bis der DNS-Eintrag gefunden ist, der die Kontrolle nachweist. Wer bürgt, wird festgehalten.',
    columnName: 'Name',
    modeSet: (name, mode) => `${name}: ${mode}.`,
    removeTitle: (name) => `Die Quelldomain ${name} entfernen?`,
    removeWhat: 'Ihre Delegationen verschwinden mit ihr, und für sie wird nichts mehr geantwortet.',
    removed: (name) => `${name} ist entfernt.`,
    withdrawVouch: 'Bürgschaft zurückziehen',
    withdrawVouchTitle: (name) => `Nicht mehr für ${name} bürgen?`,
    withdrawVouchWhat:
      'Von der nächsten Anfrage an wird dafür nichts ausgeliefert, bis der DNS-Eintrag gefunden ist, der die Kontrolle nachweist. Es wird sofort danach gesucht.',
    vouchWithdrawn: (name) => `Sie bürgen nicht mehr für ${name}.`,
    hostMeta: 'Andere Verbindungswege (host-meta)',
    hostMetaLabel: 'Dokument',
    hostMetaHint: 'XEP-0156: wo Clients WebSocket und BOSH finden. JSON; leer: abgeschaltet.',
    hostMetaExample: '{"links": [{"rel": "urn:xmpp:alt-connections:websocket", "href": "wss://im.example.com/ws"}]}',
    hostMetaSet: 'Die Verbindungswege sind gesetzt.',
    hostMetaOff: 'host-meta ist abgeschaltet.',
    noJson: (why) => `das ist kein JSON: ${why}`,
    delegations: 'Dienste',
    delegationsLead:
      'Jeder Dienst der Domain führt zu einem Zielhost und zu dem Zertifikat, das er dort vorzeigen wird.',
    noDelegations: 'Noch keine: Für die Domain wird nichts veröffentlicht, bis einer registriert ist.',
    noDelegationsToViewers: 'Noch keine. Ein Inhaber oder Administrator des Mandanten registriert sie.',
    hostMetaFiles: 'Gelesen werden sie unter',
    activity: 'Verlauf',
    activityLead: 'Was sich geändert hat. Prüfungen, die alles wie zuvor gefunden haben, werden nicht aufbewahrt.',
    wholeActivity: 'Alles, mit Einzelheiten',
    noActivity: 'Noch ist nichts geschehen, oder es ist älter als das Protokoll.',
  },

  addDomain: {
    title: 'Domain hinzufügen',
    lead: 'Der Name in Ihren XMPP-Adressen: was hinter dem @ steht.',
    name: 'Ihre Domain',
    nameHint: 'Etwa im.example.com. Eine Adresse, ein Link oder der Name eines DNS-Eintrags geht auch.',
    next: 'Weiter',
    understood: {
      name: 'Das ist der Name.',
      address: 'Das ist die Domain der Adresse.',
      url: 'Das ist die Domain, zu der der Link führt.',
      record: 'Das ist die Domain, für die der Eintrag ist.',
    },
    question: 'Gibt es unter diesem Namen eine Website, die jemand anderes betreibt?',
    choices: {
      hosted: 'Nein, oder sie kann weg',
      external: 'Ja, und sie bleibt',
    },
    choiceHints: {
      hosted:
        'Dieser Server antwortet unter dem Namen: Sie führen sein DNS hierher, und um sein Zertifikat kümmert man sich hier. Ihr Webserver hat nichts zu tun.',
      external:
        'Das DNS bleibt, wie es ist, bis auf einen TXT-Eintrag. Der vorhandene Webserver bekommt eine Umleitungsregel, die als Nächstes gezeigt wird.',
    },
    recommended: 'Empfohlen',
    reasons: {
      'leads-here': 'DNS führt den Namen schon zu diesem Server.',
      'nothing-there': 'DNS führt den Namen noch nirgendwohin, deshalb geht nichts verloren.',
      'somebody-answers':
        'DNS führt den Namen zu einer anderen Maschine, die Verbindungen für HTTPS annimmt: wahrscheinlich eine Website.',
      'nobody-answers':
        'DNS führt den Namen zu einer anderen Maschine, aber dort nimmt niemand Verbindungen für HTTPS an. Wenn sie unter diesem Namen etwas anderes bietet, sagen Sie, dass sie bleibt.',
      'dns-not-asked':
        'DNS konnte im Moment nicht nach dem Namen gefragt werden, deshalb wird nichts empfohlen. Sie werden es wissen.',
      'web-not-asked':
        'DNS führt den Namen zu einer anderen Maschine, und ob dort eine Website ist, war nicht zu erfahren, deshalb wird nichts empfohlen. Sie werden es wissen.',
    },
    atApex:
      'Das ist die Spitze einer DNS-Zone, wo kein CNAME-Eintrag stehen kann. Wird der Name hierher geführt, bekommt er stattdessen Adresseinträge und einen TXT-Eintrag.',
    add: 'Domain hinzufügen',
    another: 'Anderer Name',
    thereAlready: (name) => `${name} wurde schon früher hinzugefügt. Das ist die Seite dazu.`,
  },

  domainStanding: {
    title: 'Wie es steht',
    states: {
      done: 'Erledigt',
      waiting: 'Wartet',
      wrong: 'Falsch',
      'could-not-ask': 'Konnte nicht fragen',
      'not-needed': 'Nicht nötig',
    },
    steps: {
      proven: 'Nachgewiesen',
      certificate: 'Zertifikat für HTTPS',
      published: 'Veröffentlicht',
      reachable: 'Erreichbar',
    },
    proven: {
      suspended: 'Der Betreiber hat die Domain oder ihren Mandanten gesperrt: Es wird nichts ausgeliefert.',
      proven: 'Ihr Eintrag wurde gefunden und muss bleiben.',
      vouched: 'Der Betreiber bürgt dafür, dass die Domain Ihnen gehört.',
      wavering: 'Ihr Eintrag ist weg. Veröffentlichen Sie ihn wieder, sonst ist die Domain verloren.',
      'held-by-another': 'Ein anderer Mandant hält die Domain. Was zu tun ist, steht unten.',
      'other-value': 'Ein Eintrag ist da, aber er sagt etwas anderes. Vergleichen Sie ihn unten.',
      missing: 'Veröffentlichen Sie den Eintrag unten. Es wird nach ihm gesehen, während Sie warten.',
      'could-not-ask': 'Die Nameserver gaben keine klare Antwort. Es wird wieder versucht.',
    },
    certificate: {
      external: 'Der eigene Webserver der Domain hat eines.',
      valid: 'Es ist da.',
      ending: 'Es ist da und wird gleich ersetzt.',
      expired: 'Es ist abgelaufen. Der Grund steht unten.',
      failed: 'Noch war keines zu bekommen. Der Grund steht unten.',
      underway: 'Es wird bestellt. Das dauert ein, zwei Minuten.',
      'by-hand': 'Importieren Sie eines, das die Domain nennt, mit seinem privaten Schlüssel.',
      'not-proven': 'Es wird bestellt, sobald die Domain nachgewiesen ist.',
    },
    published: {
      'nothing-delegated': 'Registrieren Sie eine Delegation: welcher Dienst, und wohin er führt.',
      'no-certificate': 'Das Zertifikat des XMPP-Servers ist noch nicht hier. Importieren Sie es.',
      expired: 'Das Zertifikat des XMPP-Servers ist abgelaufen. Importieren Sie das nächste.',
      published: 'Server und Clients können lesen, welches Zertifikat zu erwarten ist.',
      'not-proven': 'Es wird veröffentlicht, sobald die Domain nachgewiesen ist.',
    },
    reachable: {
      'leads-here': 'DNS führt die Domain hierher.',
      'leads-elsewhere': 'DNS führt die Domain zu einer anderen Maschine. Vergleichen Sie die Einträge unten.',
      'leads-nowhere': 'DNS führt die Domain noch nicht hierher. Veröffentlichen Sie die Einträge unten.',
      'not-looked': 'Noch hat niemand nachgesehen. „Jetzt prüfen“ sieht nach.',
      'could-not-ask': 'Die Nameserver gaben keine klare Antwort. Es wird wieder versucht.',
      'not-served': 'DNS führt die Domain hierher, aber noch gibt es nichts zu antworten.',
      'rule-in-place': 'Ihr Webserver führt zum Zielhost.',
      'rule-wrong': 'Ihr Webserver antwortet nicht, wie er sollte. Die Regel steht unten.',
      'rule-unchecked':
        'Richten Sie die Regel unten auf ihrem Webserver ein. Es wird nach ihr gesehen, während Sie warten.',
      'rule-not-asked': 'Ihr Webserver konnte nicht gefragt werden. Es wird wieder versucht.',
      'rule-after-proof': 'Ihr Webserver wird gefragt, sobald die Domain nachgewiesen ist.',
    },
    next: {
      records: 'Zu den Einträgen',
      certificate: 'Zum Zertifikat',
      delegations: 'Zu den Diensten',
      rule: 'Zur Regel',
    },
  },

  dnsRecords: {
    title: 'DNS-Einträge',
    forDomain: (provider) =>
      `Die Zone liegt bei ${provider}. Die Namen und Werte unten stehen so da, wie dessen Oberfläche sie haben will.`,
    fields: (name, value) => `Sie nennt sie „${name}“ und „${value}“.`,
    targetField: (field) => `Bei einem CNAME-Eintrag heißt der Wert „${field}“.`,
    keepDot: 'Lassen Sie den Punkt am Ende stehen, wo ein Wert einen hat.',
    proxy: (choice) =>
      `Wählen Sie bei A-, AAAA- und CNAME-Einträgen „${choice}“: Ein Proxy würde anstelle dieses Servers antworten.`,
    srv: 'Ein SRV-Eintrag hat eigene Felder: Priorität, Gewicht, Port und Ziel, in dieser Reihenfolge.',
    panel: (provider) => `${provider} öffnen`,
    unknownProvider: (zone, example) =>
      `Wenn Ihre Oberfläche ${zone} von selbst an Namen anhängt, geben Sie nur ${example} ein, und so weiter.`,
    emptyName: '(leer gelassen)',
    asFile: 'Alle als Datei',
    asFileLead:
      'Für alle, die Zonen als Text bearbeiten oder importieren. Cloudflare, Hetzner und andere importieren die erste.',
    forms: { zone: 'Zonendatei', bind: 'BIND, mit $ORIGIN', nsupdate: 'nsupdate-Skript' },
    download: 'Herunterladen',
    states: {
      found: 'Gefunden',
      missing: 'Nicht gefunden',
      other: 'Anderer Wert',
      wildcard: 'Durch Wildcard',
      'could-not-ask': 'Konnte nicht fragen',
      unasked: 'Noch nicht geprüft',
      'not-needed': 'Nicht nötig',
    },
    found: 'stattdessen gefunden:',
    foundBeside: 'auch dort:',
    wildcard: 'auch jeder Name daneben hat ihn: Veröffentlichen Sie ihn genau unter diesem Namen',
    tooFew: 'die Nameserver sind sich nicht einig, oder die meisten schweigen:',
    asked: 'Gefragt:',
  },

  control: {
    title: 'Kontrolle',
    states: {
      unproven: 'Nicht nachgewiesen',
      vouched: 'Verbürgt',
      proven: 'Nachgewiesen',
      wavering: 'Fraglich',
      lapsed: 'Erloschen',
    },
    since: {
      vouched: 'Verbürgt seit',
      txt: 'Durch TXT-Eintrag nachgewiesen seit',
      cname: 'Durch CNAME-Eintrag nachgewiesen seit',
    },
    seen: 'Zuletzt gesehen',
    gone: 'Nicht gefunden seit',
    lapses: 'Erlischt frühestens',
    lapsed: 'Erloschen',
    lastLook: 'Letzte Prüfung',
    noLook: 'noch keine',
    outcomes: {
      ok: 'gefunden',
      wrong: 'nicht gefunden',
      'could-not-ask': 'konnte nicht fragen, wodurch nichts verloren ist',
      none: 'bevor der Name beansprucht wurde',
    },
    nextLook: 'Nächste Prüfung',
    noneDue: 'keine fällig',
    afterVouch: 'wenn der Betreiber die Bürgschaft zurückzieht',
    check: 'Jetzt prüfen',
    found: (name) => `Der Eintrag wurde gefunden: Die Kontrolle über ${name} ist nachgewiesen.`,
    looked: (name) => `${name} wurde geprüft.`,
    lookedBefore: 'Vor einem Moment hat schon jemand geprüft; das wurde gefunden.',
    notNeeded: {
      ok: 'Der Eintrag wurde gefunden. Er ist nicht nötig, solange der Betreiber für den Namen bürgt.',
      wrong: 'Der Eintrag wurde nicht gefunden. Er ist nicht nötig, solange der Betreiber für den Namen bürgt.',
      'could-not-ask':
        'Es gab keine klare Antwort. Es ist auch keine nötig, solange der Betreiber für den Namen bürgt.',
      none: 'Es gab keine klare Antwort. Es ist auch keine nötig, solange der Betreiber für den Namen bürgt.',
    },
    history: 'Verlauf der Prüfungen',
    historyFound: { txt: 'gefunden, TXT-Eintrag', cname: 'gefunden, CNAME-Eintrag' },
    historyOutcome: 'Ergebnis',
    historyFrom: 'Erste Prüfung',
    historyTo: 'Letzte Prüfung',
    historyLooks: 'Prüfungen',
    lookDetails: 'Was die Nameserver bei der letzten Prüfung sagten',
    lookNotNeeded: 'Was die Nameserver bei der letzten Prüfung sagten, die nicht nötig ist',
    sibling:
      'Ein Name, der für diese Prüfung erfunden wurde. Hätte auch er den Eintrag, dann gäbe ihn ein Wildcard-Eintrag jedem Namen, und er würde nichts nachweisen.',
    aliases: 'Alias von',
    zone: 'Gefragt wurden die Nameserver von',
    noZone: 'Welche Nameserver zu fragen sind, war nicht zu erfahren.',
    answersTo: 'Antworten auf',
    server: 'Nameserver',
    address: 'Adresse',
    noAddress: 'keine gefunden',
    reply: 'Sagte',
    values: 'Werte',
    moreValues: (count) => `und ${numbers.number(count)} weitere`,
    replies: control.replies,
    faults: {
      'no-resolver': 'Kein DNS-Resolver antwortet diesem Server.',
      'no-zone': 'Die Nameserver der Zone waren nicht zu erfahren.',
      'no-servers': 'Keiner der Nameserver der Zone hat eine öffentliche Adresse, die gefragt werden könnte.',
      'servers-disagree': 'Die Nameserver sind sich nicht einig, wohin der Alias führt.',
      'alias-loop': 'Die Aliasse führen im Kreis.',
      'too-many-aliases': 'Es sind zu viele Aliasse, um ihnen zu folgen.',
    },
  },

  redirectRule: {
    title: 'Umleitungsregel',
    lead: 'Der eigene Webserver des Namens muss zum Zielhost führen. Richten Sie dort die Regel für Ihren ein.',
    nothingDelegated:
      'Von diesem Namen ist noch nichts delegiert. Die Regeln stehen hier, sobald eine Delegation registriert ist.',
    nothingToRedirect: 'Es gibt nichts umzuleiten: Der Name liefert das Zertifikat selbst.',
    unproven: 'Sie kann geprüft werden, sobald die Kontrolle über die Quelldomain nachgewiesen ist.',
    show: 'Regeln für Webserver',
    check: 'Regel jetzt prüfen',
    checked: 'geprüft',
    unchecked: 'Noch nicht geprüft',
    outcomes: { ok: 'Eingerichtet', wrong: 'Falsch', 'could-not-ask': 'Konnte nicht fragen' },
    inPlace: (name) => `Die Regel von ${name} ist eingerichtet.`,
    asked: (name) => `Der Webserver von ${name} wurde gefragt.`,
  },

  verification: {
    title: 'Von außen gesehen',
    titleOf: (name) => `Von außen gesehen: ${name}`,
    lead: 'Dieser Server fragt, wie ein anderer XMPP-Server oder Client fragen würde, und zeigt jeden Schritt.',
    ask: 'Jetzt fragen',
    again: 'Noch einmal fragen',
    unproven: 'Es kann gefragt werden, sobald die Kontrolle über die Quelldomain nachgewiesen ist.',
    conclusions: { proven: 'Nachgewiesen', disproven: 'Widerlegt', unknown: 'Konnte nicht fragen' },
    poshConclusions: {
      proven: 'Nachgewiesen',
      disproven: 'Widerlegt',
      unknown: 'Konnte nicht fragen',
      absent: 'Keines',
    },
    meanings: {
      proven: 'Server und Clients erfahren, welches Zertifikat zu erwarten ist.',
      disproven:
        'Server und Clients erfahren nicht, welches Zertifikat zu erwarten ist. Was zu tun ist, steht bei jedem Schritt.',
      unknown: 'Nicht alles konnte gefragt werden. Das sagt nichts gegen den Namen: Fragen Sie später noch einmal.',
    },
    both: (tls, posh) => `/.well-known/tls: ${tls}. POSH: ${posh}.`,
    steps: 'Schritte',
    outcomes: { ok: 'OK', wrong: 'Falsch', 'could-not-ask': 'Konnte nicht fragen', note: 'Hinweis' },
    toDo: 'Was zu tun ist:',
  },

  targets: {
    title: 'Zielhosts',
    lead: 'Ihre Namen, deren HTTPS die zu erwartenden Zertifikate liefert.',
    search: 'Zielhosts suchen',
    add: 'Zielhost hinzufügen',
    addButton: 'Hinzufügen',
    added: (name) => `${name} ist hinzugefügt.`,
    emptyTitle: 'Noch keine Zielhosts',
    empty: 'Ein Zielhost ist Ihr eigener Name, etwa hosting.example.com, dessen DNS auf diesen Server zeigt.',
    noneFound: (search) => `Kein Zielhost hat „${search}“ im Namen.`,
    port: 'HTTPS-Port',
    since: 'Hinzugefügt',
    columnName: 'Name',
    nameHint: 'Einer Ihrer Namen, dessen DNS auf diesen Server zeigt.',
    portHint: 'Wie er von außen zu sehen ist; 443, wenn nichts dagegen spricht.',
    removeTitle: (name) => `Den Zielhost ${name} entfernen?`,
    removeWhat: 'Für ihn wird nicht mehr geantwortet. Ein Zielhost, zu dem eine Delegation führt, wird nicht entfernt.',
    removed: (name) => `${name} ist entfernt.`,
  },

  tenants: {
    title: 'Mandanten',
    lead: 'Kunden: Jeder hat eigene Quelldomains und Zertifikate.',
    search: 'Mandanten suchen',
    add: 'Mandanten hinzufügen',
    addButton: 'Hinzufügen',
    added: (name) => `Der Mandant ${name} ist hinzugefügt.`,
    emptyTitle: 'Noch keine Mandanten',
    empty: 'Ein Mandant ist ein Kunde: der Inhaber von Quelldomains.',
    noneFound: (search) => `Kein Mandant hat „${search}“ im Namen.`,
    since: 'Hinzugefügt',
    columnName: 'Name',
    nameHint: 'Kleinbuchstaben, Ziffern und Bindestriche, etwa acme.',
    ownLead: 'Die, in denen Sie Mitglied sind.',
    noOwn: 'Sie sind in keinem Mandanten Mitglied. Bitten Sie einen Inhaber um eine Einladung.',
    standing: 'Stand',
    role: 'Ihre Rolle',
    open: 'In Ordnung',
    isSuspended: 'Gesperrt',
    suspendedMeans:
      'Der Mandant ist gesperrt: Nichts von ihm wird ausgeliefert, und seine Mitglieder ändern nichts. Fragen Sie den Betreiber.',
    parts: { overview: 'Überblick', members: 'Mitglieder', tokens: 'API-Tokens', audit: 'Protokoll' },
    partLeads: {
      overview: 'Was der Mandant hat.',
      members: 'Wer was sieht und ändert.',
      tokens: 'Womit sich Programme anmelden.',
      audit: 'Wer wann was getan hat.',
    },
    has: 'Was er hat',
    ofQuota: (count, quota) =>
      quota === null ? numbers.number(count) : `${numbers.number(count)} von ${numbers.number(quota)}`,
    quotas: 'Kontingente',
    quotaHint: 'Leer: keine Grenze. Was schon da ist, bleibt.',
    quotasSet: 'Die Kontingente sind gesetzt.',
    suspend: 'Sperren',
    suspendTitle: (name) => `Den Mandanten ${name} sperren?`,
    suspendWhat:
      'Von der nächsten Anfrage an wird für seine Quelldomains nichts ausgeliefert, und seine Mitglieder ändern nichts.',
    suspended: (name) => `Der Mandant ${name} ist gesperrt.`,
    resume: 'Sperre aufheben',
    resumed: (name) => `Der Mandant ${name} ist nicht mehr gesperrt.`,
    remove: 'Mandanten entfernen',
    removeTitle: (name) => `Den Mandanten ${name} entfernen?`,
    removeWhat:
      'Seine Mitglieder, Tokens und Einladungen verschwinden mit ihm. Ein Mandant, der noch Quelldomains oder Zertifikatslinien hat, wird nicht entfernt.',
    removed: (name) => `Der Mandant ${name} ist entfernt.`,
    removeName: 'Name des Mandanten, um sicherzugehen',
    removeNameDiffers: (name) => `sollte ${name} sein: Der Mandant wird für immer entfernt`,
  },

  members: {
    title: 'Mitglieder',
    search: 'Mitglieder suchen',
    emptyTitle: 'Noch keine Mitglieder',
    empty: 'Laden Sie die ein, die sich um seine Quelldomains kümmern.',
    noneFound: (search) => `Kein Mitglied hat „${search}“ in der E-Mail-Adresse.`,
    email: 'E-Mail-Adresse',
    role: 'Rolle',
    roleOf: (email) => `Rolle von ${email}`,
    secondFactor: 'Zweiter Faktor',
    since: 'Seit',
    changed: (email, role) => `${email}: ${role}.`,
    removeTitle: (email, tenant) => `${email} aus ${tenant} entfernen?`,
    removeWhat:
      'Die Person sieht und ändert dort nichts mehr. API-Tokens und offene Einladungen, die von ihr stammen, enden. Ihr Konto bleibt.',
    removed: (email, tenant) => `${email} ist nicht mehr Mitglied von ${tenant}.`,
    leave: 'Verlassen',
    leaveTitle: (tenant) => `${tenant} verlassen?`,
    left: (tenant) => `Sie sind nicht mehr Mitglied von ${tenant}.`,
    leaveWhat:
      'Sie sehen und ändern dort nichts mehr. API-Tokens und offene Einladungen, die von Ihnen stammen, enden. Nur ein Inhaber kann Sie wieder einladen.',
    invite: 'Jemanden einladen',
    inviteButton: 'Einladung erstellen',
    invited: (email) => `Die Einladung von ${email}`,
    invitedLead: 'Schicken Sie ihr oder ihm diesen Link.',
    invitations: 'Offene Einladungen',
    withdraw: 'Zurückziehen',
    withdrawTitle: (email) => `Die Einladung von ${email} zurückziehen?`,
    withdrawWhat: 'Ihr Link gilt dann nicht mehr.',
    withdrawn: (email) => `Die Einladung von ${email} ist zurückgezogen.`,
  },

  tokens: {
    title: 'API-Tokens',
    ofOperator: 'API-Tokens des Betreibers',
    ofOperatorLead: 'Womit sich Programme anmelden, die mit allen Mandanten arbeiten.',
    search: 'Tokens suchen',
    emptyTitle: 'Noch keine API-Tokens',
    empty: 'Ein Programm, das die API benutzt, meldet sich mit einem an.',
    noneFound: (search) => `Kein Token hat „${search}“ im Namen.`,
    name: 'Name',
    nameHint: 'Welches Programm es ist; so steht es im Protokoll.',
    by: 'von',
    scopes: 'Darf',
    scopesHint:
      'So wenig, wie das Programm braucht. Schreiben schließt Lesen ein; „grave“ ist, was Menschen neu bestätigen müssen.',
    addresses: 'Nur von',
    addressesHint: 'Adressen und Präfixe, etwa 192.0.2.0/24 2001:db8::/32. Leer: von überall.',
    from: (addresses) => `von ${addresses}`,
    lastUsed: 'Zuletzt benutzt',
    unused: 'noch nicht',
    lives: { '30': 'in 30 Tagen', '90': 'in 90 Tagen', '365': 'in einem Jahr', never: 'nie' },
    rotates: 'bisheriges Geheimnis endet',
    add: 'Token ausstellen',
    addButton: 'Ausstellen',
    issued: (name) => `Das Token ${name}`,
    once: 'Sein Geheimnis wird nur dieses eine Mal angezeigt. Kopieren Sie es jetzt.',
    secret: 'Geheimnis',
    use: 'Das Programm schickt',
    rotate: 'Erneuern',
    rotateTitle: (name) => `Dem Token ${name} ein neues Geheimnis geben?`,
    rotateWhat:
      'Das neue Geheimnis wird einmal angezeigt. Das bisherige gilt noch eine Weile, damit nichts stehen bleibt.',
    overlap: 'Das bisherige Geheimnis gilt noch',
    overlaps: {
      '0': 'nicht mehr: Es ist anderen bekannt',
      '1': 'eine Stunde',
      '24': 'einen Tag',
      '168': 'eine Woche',
    },
    revoke: 'Widerrufen',
    revokeTitle: (name) => `Das Token ${name} widerrufen?`,
    revokeWhat: 'Die nächste Anfrage damit wird abgelehnt.',
    revoked: (name) => `Das Token ${name} ist widerrufen.`,
    reference: 'Was ein Programm fragen kann, und wie:',
  },

  audit: {
    title: 'Protokoll',
    lead: 'Wer wann was getan hat. Jedes Ereignis ist mit dem vorigen verkettet: Was geändert wurde oder fehlt, fällt auf.',
    action: 'Handlung',
    actionHint: 'Wie angezeigt, oder ihr Anfang.',
    actor: 'Wer',
    actorHint: 'Genau wie angezeigt.',
    subject: 'Woran',
    subjectHint: 'Genau wie angezeigt.',
    noDay: 'sollte ein Tag sein, etwa 2026-07-31',
    from: 'Von',
    until: 'Bis',
    none: 'Nichts ist geschehen',
    noneWhy: 'Nichts passt zu dem, wonach Sie gefragt haben.',
    detail: 'Vorher und nachher',
    export: 'Exportieren',
    exportLead: 'Wonach Sie oben gefragt haben, das Älteste zuerst.',
    formats: { csv: 'CSV', json: 'JSON' },
    head: 'Wo das Protokoll jetzt endet. Wer das anderswo aufschreibt, merkt, wenn das Ende abgeschnitten wird:',
    headLabel: 'Ende des Protokolls',
  },

  users: {
    title: 'Benutzer',
    lead: 'Alle mit einem Konto: Betreiber und Mitglieder von Mandanten.',
    search: 'Benutzer suchen',
    emptyTitle: 'Noch keine Benutzer',
    empty: 'Inhaber von Mandanten laden ihre Mitglieder ein; Sie können jeden hinzufügen.',
    noneFound: (search) => `Kein Benutzer hat „${search}“ in der E-Mail-Adresse.`,
    email: 'E-Mail-Adresse',
    role: 'Ist',
    member: 'Mitglied',
    secondFactor: 'Zweiter Faktor',
    lastSignIn: 'Angemeldet',
    never: 'nie',
    add: 'Benutzer hinzufügen',
    addButton: 'Hinzufügen',
    addHint: 'Sie bekommen einen Link zum Weitergeben, mit dem das Passwort gewählt wird.',
    added: (email) => `Das Konto ${email}`,
    linkLead: (email) => `Schicken Sie ihn an ${email}. Damit wird ein Passwort gewählt; andere Faktoren bleiben.`,
    isOperator: 'Ein Betreiber',
    promote: 'Zum Betreiber machen',
    promoteTitle: (email) => `${email} zum Betreiber machen?`,
    promoteWhat: 'Ein Betreiber darf alles, in jedem Mandanten.',
    promoted: (email) => `${email} ist jetzt Betreiber.`,
    demote: 'Nicht mehr Betreiber',
    demoteTitle: (email) => `${email}: nicht mehr Betreiber?`,
    demoteWhat:
      'Was die Person als Mitglied von Mandanten darf, behält sie. API-Tokens des Betreibers und offene Links, die von ihr stammen, enden, und ihre anderen Geräte werden abgemeldet.',
    demoted: (email) => `${email} ist nicht mehr Betreiber.`,
    demoteOwnTitle: 'Wollen Sie nicht mehr Betreiber sein?',
    demoteOwnWhat:
      'Was Sie als Mitglied von Mandanten dürfen, behalten Sie. API-Tokens des Betreibers und offene Links, die von Ihnen stammen, enden, und Ihre anderen Geräte werden abgemeldet.',
    demotedOwn: 'Sie sind nicht mehr Betreiber.',
    invitations: 'Offene Einladungen als Betreiber',
    reset: 'Link für ein neues Passwort',
    resetTitle: (email) => `Ein neues Passwort für ${email}?`,
    resetWhat:
      'Sie bekommen einen Link zum Weitergeben. Vergewissern Sie sich, dass wirklich die Person selbst darum bittet.',
    resetLink: 'Link für ein neues Passwort',
    removeFactors: 'Zweite Faktoren entfernen',
    factorsTitle: (email) => `Die zweiten Faktoren von ${email} entfernen?`,
    factorsWhat:
      'Die Authenticator-App, ihre Wiederherstellungscodes und alle Passkeys verschwinden, und jedes Gerät wird abgemeldet: Von da an öffnet das Passwort allein das Konto. Vergewissern Sie sich, dass wirklich die Person selbst darum bittet.',
    factorsRemoved: (email) => `Die zweiten Faktoren von ${email} sind entfernt.`,
    removeUser: 'Benutzer entfernen',
    removeOwn: 'Eigenes Konto entfernen',
    removeTitle: (email) => `Das Konto ${email} entfernen?`,
    removeWhat:
      'Die Person wird abgemeldet und ist in keinem Mandanten mehr Mitglied. API-Tokens und offene Links, die von ihr stammen, enden. Was sie getan hat, bleibt im Protokoll.',
    removed: (email) => `Das Konto ${email} ist entfernt.`,
    removeOwnTitle: 'Ihr eigenes Konto entfernen?',
    removeOwnWhat:
      'Sie werden abgemeldet und sind in keinem Mandanten mehr Mitglied. API-Tokens und offene Links, die von Ihnen stammen, enden. Was Sie getan haben, bleibt im Protokoll.',
    removedOwn: 'Ihr Konto ist entfernt.',
  },

  front: (name) =>
    `HTTPS hat noch kein Zertifikat für ${name}. Führen Sie auf dem Server aus: waypost certificate import DATEI --key DATEI --front-of ${name}`,

  reference: {
    title: 'API-Referenz',
    lead: (base) => `Alles, was die Seiten und die Befehlszeile können, als JSON über HTTPS, unter ${base}.`,
    document: 'Dasselbe als OpenAPI 3.1',
    areas: 'Bereiche der API',
    objects: 'Objekte',
    conventions: [
      'Programme schicken ein API-Token: Authorization: Bearer wp_… Die Inhaber eines Mandanten stellen eines für ausgewählte Rechte aus.',
      'Menschen haben das Cookie einer Sitzung; eine Anfrage von ihnen, die etwas ändert, sagt außerdem, woher sie kommt: Origin.',
      'Eine Ablehnung ist application/problem+json (RFC 9457) mit einem festen Code und einem Zeiger auf jedes Feld, das falsch ist. Felder, die es nicht gibt, werden abgelehnt.',
      'Listen antworten mit items und next, dem Pfad der nächsten Seite.',
      'Ein POST mit Idempotency-Key wird einmal ausgeführt, so oft er innerhalb eines Tages auch geschickt wird.',
      'Ein PUT, PATCH oder DELETE mit dem gelesenen ETag als If-Match wird abgelehnt, wenn jemand anderes schneller war.',
      'RateLimit sagt, wie viele Anfragen übrig sind; wer mehr schickt, bekommt 429 mit Retry-After.',
    ],
    parameters: 'Parameter',
    places: { path: 'im Pfad', query: 'in der Abfrage', header: 'Kopfzeile' },
    body: 'Rumpf',
    noFields: 'Keine Felder.',
    answers: 'Antworten',
    nothing: 'kein Rumpf',
    headers: (names) => `Kopfzeilen: ${names.join(', ')}`,
    example: 'Beispiel',
    optional: 'freiwillig',
    default: 'Vorgabe',
    or: 'oder',
    listOf: 'Liste von',
    pageOf: 'Seite von',
    anything: 'irgendetwas',
  },

  refusals: {
    nameAlone: 'nur den Namen angeben, ohne https:// und ohne Pfad',
    noForm: 'Schicken Sie das Formular als application/x-www-form-urlencoded',
    noFileForm: 'Schicken Sie das Formular als multipart/form-data',
    unreadableForm: 'Das Formular ist nicht zu lesen',
    noPasskeyAnswer: 'Der Browser hat keine Antwort eines Passkeys geschickt; versuchen Sie es noch einmal',
    noPasskey: 'Sie haben keinen solchen Passkey',
    noTenantToChange: 'Das darf nur ein Inhaber oder Administrator eines Mandanten, der nicht gesperrt ist',
    noMember: (tenant) => `Der Mandant ${tenant} hat kein solches Mitglied`,
    noInvitation: 'Es gibt keine solche Einladung; sie wurde angenommen, zurückgezogen oder ist beendet',
    noToken: 'Es gibt kein solches Token',
    noUser: 'Es gibt keinen solchen Benutzer',
    noCertificate: (lineage) => `Die Zertifikatslinie ${lineage} hat kein solches Zertifikat`,
  },

  problems: {
    'malformed-request': 'Die Anfrage ist fehlerhaft',
    'malformed-name': 'Der Name ist fehlerhaft',
    'name-refused': 'Der Name darf nicht registriert werden',
    'certificate-refused': 'Das Zertifikat wurde abgelehnt',
    'not-found': 'Nicht gefunden',
    'already-exists': 'Das gibt es schon',
    'control-unproven': 'Niemand hat die Kontrolle über die Quelldomain nachgewiesen',
    'source-domain-taken': 'Ein anderer Mandant hält die Quelldomain',
    'still-in-use': 'Es wird noch benutzt',
    'too-early': 'Dafür ist es zu früh',
    'sign-in-required': 'Melden Sie sich zuerst an',
    'sign-in-refused': 'Die Anmeldung wurde abgelehnt',
    'fresh-sign-in-required': 'Bestätigen Sie, dass Sie es sind',
    forbidden: 'Das dürfen Sie nicht',
    'link-spent': 'Der Link ist verbraucht',
    'password-refused': 'Das Passwort wurde abgelehnt',
    'registration-closed': 'Die Registrierung ist geschlossen',
    'tenant-suspended': 'Der Mandant ist gesperrt',
    'quota-reached': 'Das Kontingent ist erschöpft',
    'last-owner': 'Jemand muss übrig bleiben',
    'too-many-requests': 'Zu viele Anfragen',
    'precondition-failed': 'In der Zwischenzeit hat sich etwas geändert',
    'idempotency-key-reused': 'Der Idempotency-Key gehört zu einer anderen Anfrage',
    'request-in-progress': 'Die erste Anfrage ist noch nicht beantwortet',
    'outcome-unknown': 'Niemand weiß, wie die erste Anfrage ausging',
    'cross-site-request': 'Die Anfrage kam von einer anderen Website',
    'too-large': 'Die Anfrage ist zu groß',
    'unsupported-media-type': 'Dieser Medientyp wird nicht unterstützt',
    'method-not-allowed': 'Diese Methode ist hier nicht erlaubt',
    'misdirected-request': 'Das ist ein anderer Host',
    'authority-refused': 'Die Zertifizierungsstelle hat abgelehnt',
    'authority-unreachable': 'Die Zertifizierungsstelle antwortet nicht',
    configuration: 'Der Server ist dafür nicht eingerichtet',
    maintenance: 'Wartungsarbeiten',
    unavailable: 'Vorübergehend nicht verfügbar',
    internal: 'Interner Fehler',
  },

  told: { control, certificate, records, naming },

  wishes: {
    missing: 'fehlt',
    empty: 'darf nicht leer sein',
    noSuchField: 'ein solches Feld gibt es nicht',
    kinds: {
      string: 'sollte ein Text sein',
      int: 'sollte eine ganze Zahl sein',
      number: 'sollte eine ganze Zahl sein',
      boolean: 'sollte true oder false sein',
      object: 'sollte ein Objekt sein',
    },
    oneOf: (values) => `sollte ${values.join(' oder ')} sein`,
    atMost: (most, isText) => `sollte höchstens ${numbers.number(most)}${isText ? ' Zeichen lang' : ''} sein`,
    atLeast: (least, isText) => `sollte mindestens ${numbers.number(least)}${isText ? ' Zeichen lang' : ''} sein`,
  },

  rules: {
    ...PASSWORD_RULES,
    ...CERTIFICATE_RULES,
    'not-as-ordered': 'Die Zertifizierungsstelle hat etwas anderes ausgestellt, als bestellt war',
    'not-staged': 'Das Zertifikat ist nicht vorbereitet',
    'target-host': 'Der Name ist ein Zielhost',
  },

  problem: {
    back: 'Zurück zum Anfang',
    number: 'Nummer dieser Anfrage, für das Log:',
    internal: 'Bei uns ist etwas schiefgegangen. Es steht im Log; soweit bekannt, ist nichts verloren.',
    aboutLead: 'Antworten der API mit diesem Code enthalten',
  },
}
