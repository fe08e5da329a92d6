#!/usr/bin/env bash
# What the tests run against, beside what npm installs: real peers, from Debian's packages. In CI they are installed
# here, and kept from starting services of their own; elsewhere the missing ones are named.
set -euo pipefail

PATH=$PATH:/usr/sbin # where Debian has web servers and knotd
declare -A package=([curl]=curl [openssl]=openssl [python3]=python3 [postgresql]=postgresql [chromium]=chromium [knot]=knot
  [nginx]=nginx [caddy]=caddy [apache2]=apache2 [haproxy]=haproxy [pebble]=pebble)
newest=$(cd "$(dirname "$0")/.." && pwd)/node_modules/.cache/pebble
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" ${policy_made:-}' EXIT

is_left_out() {
  [[ ",${WAYPOST_TEST_WITHOUT:-}," == *",$1,"* ]]
}

is_there() {
  case $1 in
    knot) command -v knotd >/dev/null ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# The newest Pebble beside the distribution's, which knows neither profiles nor RFC 9773: from a later suite of the same
# mirror, with lists and a cache of its own, so that the machine's packages stay what they are. It needs no root.
unpack_newest_pebble() {
  local site suite options
  site=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(SITE)' 'Created-By: Packages' |
    awk '$1 !~ /-/ && $2 == "main" { print $3; exit }')
  options=(-qq -o "Dir::Etc::sourcelist=$scratch/list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$scratch/lists"
    -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
  mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
  for suite in sid trixie; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $suite main" >"$scratch/list"
    (
      cd "$scratch" && rm -rf unpacked ./*.deb &&
        apt-get "${options[@]}" update && apt-get "${options[@]}" download "pebble/$suite" &&
        dpkg -x pebble_*.deb unpacked && dpkg-deb -f pebble_*.deb Version >unpacked/version &&
        unpacked/usr/bin/pebble -h >/dev/null 2>&1 # a later one may want a later libc
    ) || continue
    rm -rf "$newest" && mkdir -p "${newest%/*}" && mv "$scratch/unpacked" "$newest"
    return
  done
  return 1
}

missing=()
for peer in curl openssl python3 postgresql chromium knot nginx caddy apache2 haproxy pebble; do
  [[ $peer =~ ^(postgresql|chromium|knot|nginx|caddy|apache2|haproxy|pebble)$ ]] && is_left_out "$peer" && continue
  is_there "$peer" || missing+=("${package[$peer]}")
done

if [ ${#missing[@]} -eq 0 ]; then
  :
elif [ -n "${CI:-}" ]; then
  policy=/usr/sbin/policy-rc.d
  [ -e "$policy" ] || { policy_made=$policy; printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod 755 "$policy"; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "The tests need these peers: ${missing[*]}" >&2
  echo "Install them: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
  echo "Or leave out postgresql, chromium, knot, pebble or web servers, which the end of the run tells: WAYPOST_TEST_WITHOUT=chromium npm test" >&2
  exit 1
fi

if ! is_left_out pebble && ! [ -e "$newest/version" ] && ! unpack_newest_pebble; then
  echo "The tests need the newest Pebble, which no suite of this machine's Debian mirror gave" >&2
  echo "Or leave it out, which the end of the run tells: WAYPOST_TEST_WITHOUT=pebble npm test" >&2
  exit 1
fi
