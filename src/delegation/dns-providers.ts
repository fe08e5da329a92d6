/** Who runs a zone's name servers, and what is typed where in their panel. */
export interface DnsProvider {
  name: string
  nameField: string // what its panel calls the name of a record
  valueField: string // and what it says
  targetField?: string // of a CNAME record, where that is called otherwise
  apex: '@' | '' // what stands for the zone itself
  isDotted: boolean // a name in a value without final dot is taken to be below the zone
  isQuoted?: true // a text needs its quotation marks
  proxy?: string // what has to be chosen so that its proxy lets the name through
  panel?: `https://${string}` // where zones are edited, for everybody the same
}

type Provider = DnsProvider & { suffixes: readonly (string | RegExp)[] }

/** By what the host names of their name servers end in, as their own documentation names them. */
const PROVIDERS: readonly Provider[] = [
  {
    ...{ name: 'Cloudflare', suffixes: ['ns.cloudflare.com'], nameField: 'Name', valueField: 'Content' },
    ...{ targetField: 'Target', apex: '@', isDotted: false, proxy: 'DNS only' },
    panel: 'https://dash.cloudflare.com/?to=/:account/:zone/dns/records',
  },
  {
    ...{ name: 'Amazon Route 53', suffixes: [/\.awsdns-\d\d\.(?:com|net|org|co\.uk)$/] },
    ...{ nameField: 'Record name', valueField: 'Value', apex: '', isDotted: false, isQuoted: true },
    panel: 'https://console.aws.amazon.com/route53/v2/hostedzones',
  },
  {
    ...{
      name: 'Hetzner',
      suffixes: ['ns.hetzner.de', 'ns.hetzner.com', 'first-ns.de', 'second-ns.de', 'second-ns.com'],
    },
    ...{ nameField: 'Name', valueField: 'Value', apex: '@', isDotted: true, panel: 'https://console.hetzner.com/' },
  },
  {
    ...{
      name: 'OVHcloud',
      suffixes: ['ovh.net', 'ovh.ca', 'anycast.me'],
      nameField: 'Sub-domain',
      valueField: 'Value',
    },
    ...{ targetField: 'Target', apex: '', isDotted: true, panel: 'https://www.ovh.com/manager/' },
  },
  {
    ...{ name: 'Gandi', suffixes: [/^ns-\d+-[a-c]\.gandi\.net$/], nameField: 'Name', valueField: 'Text value' },
    ...{ targetField: 'Hostname', apex: '@', isDotted: true, panel: 'https://admin.gandi.net/' },
  },
  {
    ...{ name: 'GoDaddy', suffixes: ['domaincontrol.com'], nameField: 'Name', valueField: 'Value', apex: '@' },
    ...{ isDotted: false, panel: 'https://dcc.godaddy.com/' },
  },
  {
    ...{ name: 'Namecheap', suffixes: ['registrar-servers.com'], nameField: 'Host', valueField: 'Value', apex: '@' },
    ...{ isDotted: false, panel: 'https://ap.www.namecheap.com/domains/list/' },
  },
  {
    ...{ name: 'IONOS', suffixes: [/\.ui-dns\.(?:com|de|biz|org)$/], nameField: 'Host name', valueField: 'Value' },
    ...{ targetField: 'Points to', apex: '@', isDotted: false, panel: 'https://my.ionos.com/domains' },
  },
  {
    ...{ name: 'Strato', suffixes: ['rzone.de'], nameField: 'Präfix', valueField: 'Wert', apex: '@', isDotted: false },
    panel: 'https://www.strato.de/apps/CustomerService',
  },
  {
    ...{ name: 'INWX', suffixes: [/\.inwx\.(?:de|eu|com|net|ch|at)$/], nameField: 'Name', valueField: 'Value' },
    ...{ apex: '', isDotted: false, panel: 'https://www.inwx.com/' },
  },
  {
    ...{ name: 'netcup', suffixes: [/^(?:root|second|third)-dns\.netcup\.net$/], nameField: 'Host' },
    ...{ valueField: 'Destination', apex: '@', isDotted: true, panel: 'https://www.customercontrolpanel.de/' },
  },
  {
    // Those that came from Google Domains are edited at Squarespace, and have kept their name servers
    ...{ name: 'Google Cloud DNS or Squarespace', suffixes: [/^ns-cloud-[a-e]\d\.googledomains\.com$/] },
    ...{ nameField: 'DNS name', valueField: 'Data', apex: '', isDotted: true },
  },
  {
    ...{ name: 'Azure DNS', suffixes: [/\.azure-dns\.(?:com|net|org|info)$/], nameField: 'Name', valueField: 'Value' },
    ...{ targetField: 'Alias', apex: '@', isDotted: false, panel: 'https://portal.azure.com/' },
  },
  {
    ...{ name: 'DigitalOcean', suffixes: ['digitalocean.com'], nameField: 'Hostname', valueField: 'Value' },
    ...{ targetField: 'Is an alias of', apex: '@', isDotted: true },
    panel: 'https://cloud.digitalocean.com/networking/domains',
  },
  {
    ...{ name: 'Akamai (Linode)', suffixes: ['linode.com'], nameField: 'Hostname', valueField: 'Value' },
    ...{ targetField: 'Alias to', apex: '@', isDotted: false, panel: 'https://cloud.linode.com/domains' },
  },
  {
    ...{ name: 'deSEC', suffixes: [/^ns1\.desec\.io$|^ns2\.desec\.org$/], nameField: 'Subname', valueField: 'Content' },
    ...{ targetField: 'Target hostname', apex: '', isDotted: true, panel: 'https://desec.io/domains' },
  },
  {
    ...{ name: 'Hurricane Electric', suffixes: [/^ns[1-5]\.he\.net$/], nameField: 'Name', valueField: 'Text data' },
    ...{ targetField: 'Hostname', apex: '@', isDotted: false, panel: 'https://dns.he.net/' },
  },
  {
    ...{ name: 'Porkbun', suffixes: ['porkbun.com'], nameField: 'Host', valueField: 'Answer', apex: '' },
    ...{ isDotted: false, panel: 'https://porkbun.com/account/domains' },
  },
  {
    ...{ name: 'DNSimple', suffixes: ['dnsimple.com', 'dnsimple-edge.net', 'dnsimple-edge.com', 'dnsimple-edge.org'] },
    ...{ nameField: 'Name', valueField: 'Content', apex: '', isDotted: false, panel: 'https://dnsimple.com/dashboard' },
  },
  {
    ...{ name: 'Vercel', suffixes: ['vercel-dns.com'], nameField: 'Name', valueField: 'Value', apex: '' },
    ...{ isDotted: false, panel: 'https://vercel.com/dashboard/domains' },
  },
  {
    // Netlify has the name servers of NS1
    ...{ name: 'Netlify or NS1', suffixes: ['nsone.net'], nameField: 'Name', valueField: 'Value', apex: '@' },
    isDotted: false,
  },
  {
    ...{ name: 'Squarespace', suffixes: ['squarespacedns.com'], nameField: 'Host', valueField: 'Data', apex: '@' },
    ...{ isDotted: false, panel: 'https://account.squarespace.com/domains' },
  },
  {
    ...{
      name: 'ALL-INKL',
      suffixes: ['kasserver.com'],
      nameField: 'Name',
      valueField: 'Data',
      apex: '',
      isDotted: true,
    },
    panel: 'https://kas.all-inkl.com/',
  },
  {
    ...{ name: 'Infomaniak', suffixes: [/\.infomaniak\.(?:ch|com)$/], nameField: 'Source', valueField: 'Target' },
    ...{ apex: '', isDotted: false, panel: 'https://manager.infomaniak.com/' },
  },
]

/** The one who has all of a zone's name servers; null: nobody that is known here, or several. */
export function dnsProviderOf(nameServers: readonly string[]): DnsProvider | null {
  const [first, ...others] = nameServers.map((server) =>
    PROVIDERS.find(({ suffixes }) => suffixes.some((suffix) => isOf(server.toLowerCase(), suffix))),
  )
  if (first === undefined || others.some((other) => other !== first)) return null
  const { suffixes: _suffixes, ...provider } = first
  return provider
}

function isOf(server: string, suffix: string | RegExp): boolean {
  return typeof suffix === 'string' ? server.endsWith(`.${suffix}`) : suffix.test(server)
}
