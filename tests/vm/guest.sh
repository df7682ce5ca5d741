#!/bin/bash
# The guest's second program, from the host's files: what a node has, then the one command that `run.py` wrote into
# the folder /results.  How it ended goes there, too; then the machine is switched off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
cd "$(dirname "$0")/../.." || exit
ln -s /proc/self/fd /dev/fd
# nft reads its rules there
ln -s /proc/self/fd/0 /dev/stdin
exec </dev/null
exec {nothing}<> <(:)
# a read of nothing waits: once the devices are off no program can be started
off() { sync; echo o >/proc/sysrq-trigger; read -r -t 60 -u "$nothing"; }
trap off EXIT
mount --make-rshared /
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for folder in /dev/shm /run; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
mkdir -p /run/netns /run/lock
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,cache=none results /results || exit
mount --bind build/vm/system /opt/vm || exit
mount --bind build/vm/kernel/usr/lib/modules /usr/lib/modules || exit
. /results/settings

# RDMA devices are in all namespaces or in one each; that can be chosen only before there is a namespace
modprobe ib_core netns_mode="$([ "$RDMA_MODE" = exclusive ] && echo 0 || echo 1)"
modprobe -a virtio_net igb igbvf rdma_rxe rdma_ucm ib_uverbs
ip link set lo up
echo node >/proc/sys/kernel/hostname

# names as on a machine with several cards, by the order of their addresses
named() { for link in /sys/class/net/*; do [ "$(cat "$link/address")" != "$1" ] || ip link set "${link##*/}" name "$2"; done; }
named "$HOST_MAC" host0
ip addr add "$HOST_ADDRESS" dev host0 && ip link set host0 up
number=0
for mac in $CARD_MACS; do
  named "$mac" "pf$number"
  ip link set "pf$number" up
  number=$((number + 1))
done
read -r booted _ </proc/uptime
echo "$booted" >/results/booted
# no terminal, for nobody wants colours; what the command leaves behind may not keep the machine on
exec {output}> >(exec cat)
printer=$!
/bin/bash /results/command >&"$output" 2>&1
status=$?
exec {output}>&-
for _ in {1..20}; do kill -0 "$printer" 2>/dev/null && read -r -t 0.1 -u "$nothing"; done
echo "$status" >/results/status
