#!/bin/bash
# Every test that needs the machine, in four boots.  What takes eight cards runs beside the rest: a machine is busy on
# one processor most of the time.  All are run whatever fails; the exit status is 0 only if all passed.
# Not yet: tests/vm/drivers/test_differential.py, of whose differences not all are looked through.
#   usage: tests/vm/all.sh
set -u
cd "$(dirname "$0")/../.." || exit
run() { .venv/bin/python -m tests.vm.run "$@"; }

run --seconds 3000 -- tests/vm/rails >build/vm/rails.log 2>&1 &
rails=$!
trap 'kill $rails 2>/dev/null' EXIT
failed=0
run --cards 2 --control-plane --seconds 2700 -- tests/vm/inside || failed=1
run --cards 1 --rdma exclusive -- tests/vm/exclusive || failed=1
run --cards 1 -- tests/vm/drivers --ignore=tests/vm/drivers/test_differential.py || failed=1
wait $rails || failed=1
cat build/vm/rails.log
echo "vm: all of it took $SECONDS s"
exit $failed
