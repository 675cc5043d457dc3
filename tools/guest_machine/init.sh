#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The guest's first and only process that nobody started: mounts, modules, the command, and power off.
#
# Three ports of the virtio console lead out: "output" (what the command prints, byte by byte), "status" (its exit code, last of
# all) and "files" (what it left in /out, as tar). /etc/guest, written by machine.py, says what to run.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM="${TERM:-linux}"
/bin/busybox mkdir -p /bin && /bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
ln -sf /proc/mounts /etc/mtab
ln -s /proc/self/fd /dev/fd
while read -r module; do insmod "$module" || echo "guest: insmod $module failed"; done </etc/modules
ip link set lo up
# Neighbour discovery would be packets that no test sent.
for setting in default all; do echo 1 >"/proc/sys/net/ipv6/conf/$setting/disable_ipv6"; done 2>/dev/null
# The root of an initramfs may be written by all, which DPDK takes offence at.
chmod 755 /
hostname guest

for port in /sys/class/virtio-ports/*; do
  [ -e "$port/name" ] && ln -s "/dev/${port##*/}" "/dev/$(cat "$port/name")"
done

. /etc/guest  # defines interactive, prepare, run_command
prepare
if [ "$interactive" = yes ]; then
  cd "$directory" 2>/dev/null || cd /
  setsid cttyhack sh -l
  status=0
else
  (cd "$directory" 2>/dev/null || cd / && run_command) </dev/null >/dev/output 2>&1
  status=$?
  [ -z "$(ls -A /out)" ] || tar -c -f /dev/files -C /out .
  echo "$status" >/dev/status
fi
sync
poweroff -f
