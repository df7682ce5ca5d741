#!/bin/sh
# Write the hashes of all files of each release in a list of requirements, for every platform and Python; the releases
# and the comments above them stay.  To take others, change their versions there first.
#   usage: tools/lock.sh [FILE...]        without one, all lists there are
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- requirements.txt bench/requirements.txt tools/ziglang.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check pip-tools==7.6.2
for file; do
  sed -n '/^#/p' "$file" >"$work/comments.txt"
  sed -n 's/^\([A-Za-z0-9._-]*==[^ \\]*\).*/\1/p' "$file" >"$work/releases.txt"
  cp "$file" "$work/locked.txt" # hashes that are known are not asked for again
  "$work/venv/bin/pip-compile" -q --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
    --no-emit-find-links --no-emit-index-url --no-emit-trusted-host \
    --output-file "$work/locked.txt" "$work/releases.txt"
  cat "$work/comments.txt" "$work/locked.txt" >"$file"
done
