#!/bin/sh
# Put the CNI reference plugins into a folder, from a package of the distribution (see debian_packages.sh).
#   usage: tools/cni_plugins.sh FOLDER        CNI_PLUGINS=/folder/with/plugins uses those instead
set -eu
out=$1
say() { printf 'setup: %s\n' "$*"; }

[ ! -x "$out/bridge" ] || exit 0
mkdir -p "$out"
if [ -n "${CNI_PLUGINS:-}" ]; then
  cp "$CNI_PLUGINS"/* "$out"/
  say "CNI plugins copied from $CNI_PLUGINS"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$(dirname "$0")/debian_packages.sh" "$work" containernetworking-plugins:usr/lib/cni/bridge >"$work/log"
cp "$work"/usr/lib/cni/* "$out"/
say "CNI plugins in $out: $(CNI_COMMAND=VERSION "$out/bridge" </dev/null)"
