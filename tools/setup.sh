#!/bin/sh
# Set up what the project's commands need, on a fresh Debian or Ubuntu.  Says what it does; does nothing twice.
#   usage: tools/setup.sh [demo]        "demo": what the demonstration needs, and no more
set -eu
cd "$(dirname "$0")/.."
wanted_by=${1:-all}

say() { printf 'setup: %s\n' "$*"; }

# Debian packages, by the command or file that shows they are there.
missing=
need() { [ -e "$1" ] || command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need ip iproute2
need ping iputils-ping
need cc gcc
if [ "$wanted_by" = all ]; then
  need nft nftables
  need iptables iptables
  need openssl openssl
fi
printf 'int main(void){return 0;}' | cc -xc -static -o /dev/null - 2>/dev/null || missing="$missing libc6-dev"
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    say "missing packages:$missing; run as root, or: apt-get install$missing" >&2
    exit 1
  fi
  say "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# The virtual environment, made again when what it is made from has changed.
stamp=.venv/.plurimus
wanted=$(cat pyproject.toml requirements.txt tools/setup.sh | cksum)
if [ ! -e "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  say "making the virtual environment .venv ($(python3 --version))"
  rm -rf .venv
  python3 -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
  .venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s' "$wanted" >"$stamp"
fi

if [ ! -e build/plurimus-shim ] || [ -n "$(find shim tools/build_shim.py -type f -newer build/plurimus-shim)" ]; then
  say "building the shim"
  .venv/bin/python tools/build_shim.py build/plurimus-shim
fi

[ "$wanted_by" = demo ] || tools/cni_plugins.sh build/cni-bin
