#!/bin/sh
# The guest's first program, in its initial file system: mounts the host's files, read-only below a file system in
# memory, and goes on with the script that the kernel's command line names.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*.ko; do $b insmod "$module"; done

share() { $b mkdir -p "$2" && $b mount -t 9p -o "trans=virtio,version=9p2000.L,msize=524288,cache=loose,$3" "$1" "$2"; }
share host /host ro && share packages /packages ro || exec $b poweroff -f
$b mkdir -p /memory /root
$b mount -t tmpfs memory /memory
$b mkdir /memory/upper /memory/work
# the packages of the tests over the machine's own files; all that is written stays in memory
$b mount -t overlay -o lowerdir=/packages:/host,upperdir=/memory/upper,workdir=/memory/work overlay /root || exec $b poweroff -f
for folder in proc sys dev; do $b mount --move /$folder /root/$folder; done
read -r line </root/proc/cmdline
second=${line##*plurimus.init=}
exec $b switch_root /root /bin/bash "${second%% *}"
