#!/bin/sh
# Unpack packages of the distribution into a folder: the newest its archive has, if that runs here, else its own.
# Nothing is installed: the machine keeps its own programs, if any.
#   usage: tools/debian_packages.sh FOLDER PACKAGE:PROGRAM...
#          PROGRAM is a path inside the package; that it runs shows that the package does
set -eu
out=$1
shift
say() { printf 'setup: %s\n' "$*"; }

wanted=
for each in "$@"; do
  [ -x "$out/${each#*:}" ] || wanted="$wanted $each"
done
[ -n "$wanted" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/lists/partial" "$work/cache/archives/partial"
chmod -R a+rX "$work"

# On Debian the lists of the newest suite stay out of the machine's own.
newest=
mirror=$(apt-get indextargets --format '$(SITE) $(ORIGIN) $(LABEL)' 2>/dev/null |
  awk '$2 == "Debian" && $3 == "Debian" {print $1; exit}')
if [ -n "$mirror" ]; then
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" sid >"$work/sources.list"
  newest="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null"
  newest="$newest -o Dir::State::lists=$work/lists -o Dir::Cache=$work/cache"
  # shellcheck disable=SC2086 # a list of words
  apt-get $newest update -qq || newest=
fi

# fetch PACKAGE [OPTION...]: unpack it into $work/root
fetch() {
  package=$1
  shift
  rm -rf "$work/root" "$work"/*.deb
  (cd "$work" && apt-get "$@" download -qq "$package" 2>/dev/null) && dpkg -x "$work"/*.deb "$work/root"
}
own() { fetch "$1" || { apt-get update -qq && fetch "$1"; }; }
# A package of a newer suite may need a newer C library than this machine has.  A CNI plugin tells its version only so.
runs() { CNI_COMMAND=VERSION "$work/root/$1" --version </dev/null >/dev/null 2>&1; }

for each in $wanted; do
  package=${each%%:*} program=${each#*:}
  # shellcheck disable=SC2086 # a list of words
  if [ -z "$newest" ] || ! fetch "$package" $newest || ! runs "$program"; then
    [ -z "$newest" ] || say "the newest $package does not run here, taking the distribution's own"
    own "$package"
    runs "$program" || { say "$program of the package $package does not run here" >&2; exit 1; }
  fi
  # the program last: it shows that all is there
  mv "$work/root/$program" "$work/program"
  cp -a "$work/root/." "$out/"
  mv "$work/program" "$out/$program"
  say "$out/$program: $(CNI_COMMAND=VERSION "$out/$program" --version </dev/null 2>&1 | head -n 1)"
done
