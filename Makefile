# The words of the project.  `make demo` and `make test` set up what they need.

.PHONY: demo demo-rdma test fuzz check fmt docs bench soak faults-table test-interop test-cluster test-vm for-tests for-fuzz for-interop for-cluster for-vm wheels image images manifests setup clean

PY := .venv/bin/python
PODS := 20
ADDS := 10000
STEPS := 10000
TRIES := 1
JOBS := $(shell nproc)
# tests beside others, each process of them in namespaces of its own
BESIDE := -n $(JOBS) --dist worksteal
BENCH_OUT := docs/performance.md
# of a list that has all it needs, and the hashes of it (tools/lock.sh)
LOCKED := .venv/bin/pip install -q --disable-pip-version-check --require-hashes --no-deps -r

demo:              ## a pod with eth0, net1 and net2, on real interfaces (KEEP=1 leaves it standing)
	@tools/setup.sh demo
	@$(PY) examples/quickstart/demo.py $(if $(KEEP),--keep)

demo-rdma: setup   ## the same with SR-IOV and an RDMA ping, in a machine made by QEMU
	@$(PY) tools/build_vm.py build/vm
	@$(PY) -m tests.vm.run --cards 1 --command -- $(PY) examples/rdma/demo.py

test: setup        ## all tests that need no more than this machine
	@$(PY) -m pytest $(BESIDE) --ignore=tests/interop --ignore=tests/cluster --ignore=tests/vm --ignore=tests/soak --ignore=tests/fuzz $(ARGS)

soak: setup        ## thousands of pods with faults among them: the daemon grows in nothing, nothing is left (ADDS=600 STEPS= for a minute)
	@ADDS=$(ADDS) PLURIMUS_STEPS=$(STEPS) $(PY) -m pytest -s tests/soak $(if $(STEPS),tests/node/test_promise.py)

fuzz: for-fuzz     ## broken input for the shim, the daemon's socket, files and parsers, SECONDS (600) for each of the four
	@PLURIMUS_FUZZ_SECONDS=$(or $(SECONDS),600) $(PY) -m pytest $(BESIDE) tests/fuzz $(ARGS)

test-interop: for-interop ## against the real Multus and reference plugins, built from their Go modules
	@$(PY) -m pytest $(BESIDE) tests/interop $(ARGS)

test-cluster: for-cluster ## against a real Kubernetes, built from its Go module
	@$(PY) tools/build_image.py build/images
	@$(PY) -m pytest tests/cluster

test-vm: for-vm    ## in a machine with SR-IOV network cards and soft RoCE, made by QEMU (ARGS="-k WORD" are pytest's)
	@$(if $(ARGS),$(PY) -m tests.vm.run --control-plane -- $(ARGS),tests/vm/all.sh $(BOOTS))

for-tests: for-fuzz for-interop for-cluster for-vm ## what those tests run beside Plurimus, and none of the tests

for-fuzz: setup
	@tools/clang.sh build/clang

for-interop: setup
	@$(PY) tools/build_peers.py build/peers
	@$(PY) tools/build_peers.py build/plugins plugins

for-cluster: setup
	@tools/debian_packages.sh build/debian etcd-server:usr/bin/etcd containerd:usr/bin/containerd runc:usr/sbin/runc
	@$(PY) tools/build_kubernetes.py build/kubernetes
	@$(PY) tools/build_peers.py build/whereabouts whereabouts
	@$(PY) tools/build_peers.py build/peers
	@$(PY) tools/build_peers.py build/helm helm

for-vm: setup
	@tools/debian_packages.sh build/debian etcd-server:usr/bin/etcd
	@$(PY) tools/build_kubernetes.py build/kubernetes --only kube-apiserver
	@for peer in whereabouts sriov rdma plugins; do $(PY) tools/build_peers.py build/$$peer $$peer || exit 1; done
	@$(PY) tools/build_vm.py build/vm

check: setup       ## formatting, lints, types, import contracts
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

fmt: setup         ## formats, and mends what can be mended
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

docs: setup        ## the parts of docs/ that are made from the code
	@$(PY) tools/write_reference.py

bench: for-interop ## docs/performance.md: ours, Multus and the bare kernel in turn (QUICK=1 to see that it works)
	@$(LOCKED) bench/requirements.txt
	@$(PY) -m bench.run --pods $(PODS) $(if $(QUICK),--quick) --write $(BENCH_OUT)

faults-table: for-interop ## docs/beside-multus-faults.md: the same faults against the real Multus and ours (TRIES=3: the worst of three)
	@$(PY) -m bench.faults --tries $(TRIES)

wheels: setup      ## release wheels for amd64 and arm64, each with its shim
	@$(LOCKED) tools/ziglang.txt
	@for target in amd64 arm64; do \
	  PLURIMUS_TARGET=$$target $(PY) -m hatchling build -t wheel -d dist || exit 1; done

image: setup       ## the daemon's image for this machine's architecture, as an archive in build/images (EXTRA=tracing: with that)
	@$(PY) tools/build_image.py build/images $(if $(EXTRA),--extra $(EXTRA))

images: setup      ## the same for amd64 and arm64
	@$(LOCKED) tools/ziglang.txt
	@$(PY) tools/build_image.py build/images --arch amd64 arm64 $(if $(EXTRA),--extra $(EXTRA))

manifests: setup   ## the manifests of deploy/, from its kustomizations
	@$(PY) tools/build_kubernetes.py build/kubernetes --only kubectl
	@$(PY) tools/write_manifests.py

setup:
	@tools/setup.sh

clean:
	rm -rf .venv build dist
