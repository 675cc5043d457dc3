#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The inside of packaging/bare_root, in namespaces of its own: mounts the layer and what a root needs, and runs the command in there.
#
#   enter_root.sh BASE WORK CLONE SHARE ISOLATED COMMAND...
set -euo pipefail

base=$1 work=$2 clone=$3 share=$4 isolated=$5
shift 5
readonly top=$work/root

mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/above,workdir=$work/overlay" "$top"
mount -t proc proc "$top/proc"
# Of this network namespace.
mount -t sysfs sysfs "$top/sys"
mount -t bpf bpf "$top/sys/fs/bpf"
mount -t tmpfs -o mode=755 tmpfs "$top/run"
mkdir -p "$top/run/netns" "$top/run/lock"
mount -t tmpfs -o mode=755 tmpfs "$top/dev"
mkdir -p "$top"/dev/{pts,shm,net}
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 net/tun:10:200; do
  IFS=: read -r name major minor <<<"$device"
  mknod -m 666 "$top/dev/$name" c "$major" "$minor"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$top/dev/pts"
ln -s pts/ptmx "$top/dev/ptmx"
ln -s /proc/self/fd "$top/dev/fd"
mount -t tmpfs -o mode=1777 tmpfs "$top/dev/shm"
cp -L /etc/resolv.conf "$top/etc/resolv.conf"
echo "127.0.0.1 localhost $(uname -n)" >"$top/etc/hosts"
! $isolated || ip link set dev lo up

# A clone, brought to what is committed now; what was built in it stays.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
readonly tree=$top/srv/pollux
[[ -d $tree/.git ]] || git clone --quiet --no-checkout "$clone" "$tree"
wanted=$(git -C "$clone" rev-parse HEAD)
git -C "$tree" cat-file -e "$wanted" 2>/dev/null || git -C "$tree" fetch --quiet "$clone" HEAD
git -C "$tree" checkout --quiet --force --detach "$wanted"

if [[ -n $share ]]; then
  mkdir -p "$top/srv/share"
  mount --bind "$share" "$top/srv/share"
fi
env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  chroot "$top" sh -c 'cd /srv/pollux && "$@"' command "$@" && code=0 || code=$?
exit $code
