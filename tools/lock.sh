#!/bin/sh
# Write the hashes of all files of each release in requirements.txt, for every platform and Python; the releases stay.
# To take others, change their versions there first.
#   usage: tools/lock.sh
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check pip-tools==7.6.2
sed -n 's/^\([A-Za-z0-9._-]*==[^ \\]*\).*/\1/p' requirements.txt >"$work/releases.txt"
cp requirements.txt "$work/locked.txt"  # hashes that are known are not asked for again
"$work/venv/bin/pip-compile" -q --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
  --no-emit-find-links --no-emit-index-url --no-emit-trusted-host \
  --output-file "$work/locked.txt" "$work/releases.txt"
cp "$work/locked.txt" requirements.txt
