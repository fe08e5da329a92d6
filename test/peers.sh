#!/usr/bin/env bash
# What the tests run against, beside what npm installs: real peers, from Debian's packages. In CI they are installed
# here, and kept from starting services of their own; elsewhere the missing ones are named.
set -euo pipefail

PATH=$PATH:/usr/sbin # where Debian has web servers and knotd
declare -A package=([curl]=curl [openssl]=openssl [python3]=python3 [postgresql]=postgresql [chromium]=chromium [knot]=knot
  [nginx]=nginx [caddy]=caddy [apache2]=apache2 [haproxy]=haproxy)

is_there() {
  case $1 in
    knot) command -v knotd >/dev/null ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
for peer in curl openssl python3 postgresql chromium knot nginx caddy apache2 haproxy; do
  [[ $peer =~ ^(postgresql|chromium|knot|nginx|caddy|apache2|haproxy)$ && ",${WAYPOST_TEST_WITHOUT:-}," == *",$peer,"* ]] && continue
  is_there "$peer" || missing+=("${package[$peer]}")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ -n "${CI:-}" ]; then
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; trap 'rm -f "$policy"' EXIT; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "The tests need these peers: ${missing[*]}" >&2
  echo "Install them: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  echo "Or leave out postgresql, chromium, knot or web servers, which the end of the run tells: WAYPOST_TEST_WITHOUT=chromium npm test" >&2
  exit 1
fi
