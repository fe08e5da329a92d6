import { describe, expect, test } from 'vitest'
import { parseConfig, redacted } from '../src/config.ts'

describe('the configuration', () => {
  test('is complete where nothing is said', () => {
    const config = parseConfig('')
    expect(config.edge.https).toEqual([{ host: undefined, port: 443 }])
    expect(config.publish).toEqual({ max_age_seconds: 60, posh_expires_seconds: 3600, skew_seconds: 300 })
    expect(config.front.authority).toBe('import')
    expect(config.tenants).toEqual({
      ...{ self_registration: false, source_domain_quota: 20, delegation_quota: 100, lineage_quota: 20 },
    })
    expect(config.storage.url).toBeUndefined()
  })

  test('comes from the file, and the environment overrides it', () => {
    const file = '[edge]\nname = "Edge.Hosting.Example.com."\nprocesses = 1\nhttp = []'
    const config = parseConfig(file, {
      WAYPOST_EDGE_PROCESSES: '4',
      WAYPOST_EDGE_ADDRESSES: '192.0.2.1, 2001:db8::1',
      WAYPOST_EDGE_HTTPS: '127.0.0.1:8443,[::1]:8443',
      WAYPOST_ADMIN_LISTEN: '127.0.0.1:8081',
    })
    expect(config.edge).toMatchObject({
      name: 'edge.hosting.example.com',
      processes: 4,
      addresses: ['192.0.2.1', '2001:db8::1'],
      https: [
        { host: '127.0.0.1', port: 8443 },
        { host: '::1', port: 8443 },
      ],
      http: [],
    })
    expect(config.admin.listen).toEqual({ host: '127.0.0.1', port: 8081 })
  })

  test('takes a zone for the DNS challenge', () => {
    const file = '[acme]\ndns_zone = "ACME.hosting.example."\ndns_server = "192.0.2.53"\ndns_key_file = "/etc/key"'
    const { acme } = parseConfig(file, { WAYPOST_ACME_DNS_SERVER: '[2001:db8::53]:5353' })
    expect(acme).toMatchObject({
      ...{ dns_zone: 'acme.hosting.example', dns_server: { address: '2001:db8::53', port: 5353 } },
      dns_key_file: '/etc/key',
    })
  })

  test('takes what authorities let us do', () => {
    const { limits } = parseConfig('[front]\nauthority = "acme"', {
      WAYPOST_ACME_LIMITS: 'letsencrypt orders 3000/3h, letsencrypt registered-domain 500/7d,own pace none',
    }).acme
    expect(limits).toEqual([
      { authority: 'letsencrypt', limit: 'orders', value: { count: 3000, periodMs: 10_800_000 } },
      { authority: 'letsencrypt', limit: 'registeredDomain', value: { count: 500, periodMs: 604_800_000 } },
      { authority: 'own', limit: 'pace', value: null },
    ])
  })

  test.each([
    ['[acme]\nlimits = ["letsencrypt orders 3000"]', 'acme.limits.0: should be the name of an authority'],
    ['[acme]\nlimits = ["letsencrypt orders 0/3h"]', 'acme.limits.0'],
    ['[acme]\nlimits = ["letsencrypt sales 3/h"]', 'acme.limits.0'],
    ['[acme]\ndns_zone = "acme.example.net"', 'acme.dns_server and acme.dns_key_file should be set too'],
    ['[acme]\ndns_server = "192.0.2.53"\ndns_key_file = "k"', 'acme.dns_zone should be set too'],
    ['[acme]\ndns_zone = "no zone"', 'acme.dns_zone: should be a DNS name'],
    ['[acme]\ndns_server = "ns.example.net"', 'acme.dns_server: should be an IP address'],
    [`[acme]\ndns_zone = "${'a.'.repeat(99)}example"`, 'acme.dns_zone should have at most 200 characters'],
    ['[edge]\nprocesses = 0', 'edge.processes'],
    ['[edge]\nprocesses = "2"', 'edge.processes'],
    ['[edge]\nhttps = ["443"]', 'edge.https.0'],
    ['[edge]\nhttps = [":70000"]', 'edge.https.0'],
    ['[edge]\naddresses = ["192.0.2.300"]', 'edge.addresses.0'],
    ['[admin]\nhost = "no name"', 'admin.host'],
    ['[publish]\nmax_age_seconds = -1', 'publish.max_age_seconds'],
    ['[storage]\nurl = "mysql://x"', 'storage.url'],
    ['[front]\nauthority = "letsencrypt"', 'front.authority'],
    ['[edge]\ncolour = "red"', 'no setting colour'],
    ['[colours]\nred = 1', 'no section colours'],
    ['[admin]\nhost = "x.example.net"\n[edge]\nname = "x.example.net"', 'the same name'],
    ['[admin]\nlisten = "0.0.0.0:8081"', 'admin.listen'],
    ['[tenants]\ndelegation_quota = -1', 'tenants.delegation_quota'],
    ['this is no toml', 'no TOML'],
  ])('refuses %j and says %s', (toml, said) => {
    expect(() => parseConfig(toml)).toThrow(expect.objectContaining({ code: 'configuration' }))
    expect(() => parseConfig(toml)).toThrow(said)
  })

  test('says all faults at once', () => {
    const faults = () => parseConfig('[edge]\nprocesses = 0\n[admin]\nhost = "*"')
    expect(faults).toThrow('edge.processes')
    expect(faults).toThrow('admin.host')
  })

  test('refuses a fault that stands in the environment', () => {
    expect(() => parseConfig('', { WAYPOST_EDGE_PROCESSES: 'many' })).toThrow('edge.processes')
  })

  test('refuses a variable that is nearly one of its own, and leaves others alone', () => {
    expect(() => parseConfig('', { WAYPOST_EDGE_NMAE: 'x' })).toThrow('WAYPOST_EDGE_NMAE')
    expect(() => parseConfig('', { WAYPOST_ADMIN_HOST_FILE: 'x' })).toThrow('WAYPOST_ADMIN_HOST_FILE')
    parseConfig('', { WAYPOST_DATA: '/a', WAYPOST_MASTER_KEY: 'x', PATH: '/bin' })
  })

  test('a fault in the file is told by its place; what stands around it may be a password', () => {
    const file = '[storage]\nurl = "postgres://waypost:hunter2@db/waypost"\nthis is wrong\n'
    let message = ''
    try {
      parseConfig(file)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toContain('line 3')
    expect(message).not.toContain('hunter2')
  })

  test.each([
    'postgres://u:hunter2@db/waypost',
    'postgres://u:a@hunter2@db/waypost',
    'postgres://db/waypost?user=u&password=hunter2',
    'postgres://u:hunter2@[broken',
  ])('a password is hidden wherever it stands: %s', (url) => {
    const config = parseConfig('', { WAYPOST_STORAGE_URL: url })
    expect(JSON.stringify(redacted(config))).not.toContain('hunter2')
  })

  test('a secret may come from a file, and is hidden when it is printed', () => {
    const config = parseConfig('', { WAYPOST_STORAGE_URL_FILE: '/run/secrets/url' }, (path) =>
      path === '/run/secrets/url' ? 'postgres://waypost:hunter2@db.example.net/waypost\n' : '',
    )
    expect(config.storage.url).toBe('postgres://waypost:hunter2@db.example.net/waypost')
    expect(JSON.stringify(redacted(config))).not.toContain('hunter2')
    expect(redacted(config).storage.url).toBe('postgres://waypost:HIDDEN@db.example.net/waypost')
  })
})
