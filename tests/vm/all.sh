#!/bin/bash
# Every test that needs the machine, in four boots, two of them at a time: a machine is busy on one processor most of
# the time.  All are run whatever fails; the exit status is 0 only if all passed.
# Not yet: tests/vm/drivers/test_differential.py, of whose differences not all are looked through.
#   usage: tests/vm/all.sh
set -u
cd "$(dirname "$0")/../.." || exit
run() { .venv/bin/python -m tests.vm.run --seconds 3000 "$@"; }

eight_cards_and_exclusive() {
  local failed=0
  run -- tests/vm/rails || failed=1
  run --cards 1 --rdma exclusive -- tests/vm/exclusive || failed=1
  return $failed
}

eight_cards_and_exclusive >build/vm/beside.log 2>&1 &
beside=$!
trap 'kill $beside 2>/dev/null' EXIT
failed=0
run --cards 2 --control-plane -- tests/vm/inside || failed=1
run --cards 1 -- tests/vm/drivers --ignore=tests/vm/drivers/test_differential.py || failed=1
wait $beside || failed=1
cat build/vm/beside.log
echo "vm: all of it took $SECONDS s"
exit $failed
