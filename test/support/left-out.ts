/** Peers that the person who runs the tests has chosen to do without; the last line of the run says so. */
export function isLeftOut(
  peer: 'postgresql' | 'chromium' | 'knot' | 'pebble' | 'nginx' | 'caddy' | 'apache2' | 'haproxy',
): boolean {
  return (process.env['WAYPOST_TEST_WITHOUT'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .includes(peer)
}
