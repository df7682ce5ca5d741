#!/bin/sh
# Unpack the distribution's clang into a folder, with libFuzzer and what it lacks here of shared libraries.
# Nothing is installed: FOLDER/clang runs it from there.
#   usage: tools/clang.sh FOLDER
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
[ ! -x "$out/clang" ] || exit 0
say() { printf 'setup: %s\n' "$*"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod a+rx "$work"

newest() { apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1; }
version=$(newest)
[ -n "$version" ] || { apt-get update -qq && version=$(newest); }
[ -n "$version" ] || { say "the distribution has no package clang" >&2; exit 1; }

# What its libraries need and this machine has not; never the C library, which must be the machine's own.
lacking() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    grep -E '^lib[a-z0-9.+-]+$' | grep -vE '^lib(c[-6]|gcc|stdc\+\+|crypt)' | sort -u | while read -r package; do
      dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
    done
}
wanted="clang-$version libclang-common-$version-dev $(lacking "libclang-cpp$version" "libllvm$version" | tr '\n' ' ')"
# a package of its own in some releases, in others part of the one with clang's headers
! apt-cache show "libclang-rt-$version-dev" >/dev/null 2>&1 || wanted="$wanted libclang-rt-$version-dev"

say "unpacking clang $version below $out"
# shellcheck disable=SC2086 # a list of words
fetch() { (cd "$work" && apt-get download -qq $wanted 2>/dev/null); }
fetch || { apt-get update -qq && fetch; } || { say "cannot fetch: $wanted" >&2; exit 1; }
for package in "$work"/*.deb; do dpkg -x "$package" "$out"; done

libraries=$(find "$out/usr/lib" -name '*.so.*' -exec dirname {} + | sort -u | tr '\n' ':')
# libFuzzer is written in C++; this machine may have the library, but not the name by which linkers look for it.
mkdir -p "$out/lib"
ln -sf "$(ldconfig -p | awk '/libstdc\+\+\.so\.6 / {print $NF; exit}')" "$out/lib/libstdc++.so"
# The program last: it shows that all is there.
cat >"$work/clang" <<END
#!/bin/sh
export LIBRARY_PATH='$out/lib' LD_LIBRARY_PATH='${libraries%:}'
exec '$out/usr/lib/llvm-$version/bin/clang' "\$@"
END
chmod +x "$work/clang"
"$work/clang" --version | head -n 1 || { say "clang $version does not run here" >&2; exit 1; }
mv "$work/clang" "$out/clang"
