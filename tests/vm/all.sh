#!/bin/bash
# Every test that needs the machine, in five boots, two of them at a time and the longest first: a machine has one
# processor.  All are run whatever fails; the exit status is 0 only if all passed.
#   usage: tests/vm/all.sh [BOOT...]        only these, by the first words below
set -um
cd "$(dirname "$0")/../.." || exit

boot() { # NAME OPTION... -- WORD...: its output, once it is whole, is shown and stays in build/vm/NAME.log
  local log=build/vm/$1.log status
  .venv/bin/python -m tests.vm.run --seconds 3000 "${@:2}" >"$log" 2>&1
  status=$?
  cat "$log"
  return $status
}
export -f boot
wanted=" ${*:-rails differential inside drivers exclusive} "

chosen() {
  while read -r name rest; do
    [[ $wanted != *" $name "* ]] || printf '%s %s\n' "$name" "$rest"
  done <<'BOOTS'
rails -- tests/vm/rails
differential --cards 1 -- tests/vm/drivers/test_differential.py
inside --cards 2 --control-plane -- tests/vm/inside
drivers --cards 1 -- tests/vm/drivers --ignore=tests/vm/drivers/test_differential.py
exclusive --cards 1 --rdma exclusive -- tests/vm/exclusive
BOOTS
}

xargs -P 2 -L 1 bash -c 'boot "$@"' boot < <(chosen) &
boots=$!
trap 'kill -- -$boots 2>/dev/null' EXIT
failed=0
wait $boots || failed=1
echo "vm: all of it took $SECONDS s"
exit $failed
