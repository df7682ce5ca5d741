#!/bin/sh
# Put the CNI reference plugins into a folder, from a package of the distribution: the newest its archive has.
# The package is unpacked, not installed: the node this runs on keeps its own plugins, if any.
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
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
chmod -R a+rX "$work"
# On Debian newer suites have plugins that speak CNI 1.1; their lists stay out of the machine's own.
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' 2>/dev/null |
  awk '$2 == "Debian" && $3 == "Debian" {print $1; exit}')
fetch() { (cd "$work" && apt-get "$@" download -qq containernetworking-plugins 2>/dev/null); }
if [ -n "$mirror" ]; then
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" sid >"$work/sources.list"
  set -- -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
  apt-get "$@" update -qq && fetch "$@" || fetch
else
  fetch || { apt-get update -qq && fetch; }
fi
dpkg -x "$work"/containernetworking-plugins_*.deb "$work/root"
cp "$work"/root/usr/lib/cni/* "$out"/
# A package of a newer suite may need a newer C library than this machine has.
if ! CNI_COMMAND=VERSION "$out/bridge" </dev/null >/dev/null 2>&1; then
  say "the newest package does not run here, taking the distribution's own"
  rm -f "$work"/*.deb "$out"/*
  rm -rf "$work/root"
  fetch
  dpkg -x "$work"/containernetworking-plugins_*.deb "$work/root"
  cp "$work"/root/usr/lib/cni/* "$out"/
fi
say "CNI plugins in $out: $(CNI_COMMAND=VERSION "$out/bridge" </dev/null)"
