#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What tools/package --try does in a bare root: try_packages.sh FOLDER, with the packages that were built.
#
# Installs an older version of them, upgrades it, forwards traffic by pollux-testpmd and by ovs-vswitchd, builds a program in C without Abseil, removes and
# purges them, and looks at what is left. It takes the place of the root's own packages: nothing for a machine that is used.
set -euo pipefail

readonly tree="$(dirname "$(dirname "$(readlink -f "$0")")")"
readonly folder=$1
[[ -e /usr/sbin/policy-rc.d && ! -d /run/systemd/system ]] || { echo "try_packages.sh is for a bare root (packaging/bare_root)" >&2; exit 2; }
source "$tree/tools/console.bash"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
readonly log=$(mktemp)
readonly ovs=/usr/lib/openvswitch-switch-pollux/ovs-vswitchd-pollux

# step NAME COMMAND...: its words are shown only if it fails.
step() {
  local name=$1
  shift
  passing "$name" "$*"
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 40 "$log" | quote
  die "$name" "$* (above: the end of its words)"
}
apt() { apt-get -y -q --no-install-recommends "$@"; }
isolated() { unshare --net bash -c 'ip link set dev lo up && "$@"' isolated "$@"; }

mapfile -t packages < <(find "$folder" -name '*.deb' ! -name '*-dbgsym_*' | sort)
[[ ${#packages[@]} -gt 0 ]] || die packages "there are none in $folder"
names=()
for package in "${packages[@]}"; do names+=("$(dpkg-deb -f "$package" Package)"); done
with_ovs=false
[[ " ${names[*]} " != *' openvswitch-switch-pollux '* ]] || with_ovs=true

# --- installed, and upgraded --------------------------------------------------------------------------------------------------
# The same packages with a version before theirs.
older=$(mktemp -d)
for package in "${packages[@]}"; do
  version=$(dpkg-deb -f "$package" Version)
  dpkg-deb -R "$package" "$older/unpacked"
  sed -i -e "s/^Version: .*/Version: $version~older/" -e "s/(= ${version//+/\\+})/(= $version~older)/g" -e "s/(>= ${version//+/\\+})/(>= $version~older)/g" \
    "$older/unpacked/DEBIAN/control"
  dpkg-deb -Zgzip -z1 --root-owner-group -b "$older/unpacked" "$older/$(basename "$package")" >/dev/null
  rm -rf "$older/unpacked"
done
step lists apt update
before=$(dpkg-query --show --showformat='${Package}\n' | sort)
step install apt install "$older"/*.deb
passed install "${#packages[@]} packages of an older version, with $(($(dpkg-query --show | wc -l) - $(wc -l <<<"$before") - ${#packages[@]})) that they need"
if $with_ovs; then
  [[ $(update-alternatives --query ovs-vswitchd | sed -n 's/^Value: //p') == /usr/lib/openvswitch-switch/ovs-vswitchd ]] ||
    die install "openvswitch-switch-pollux took Debian's place unasked"
  update-alternatives --set ovs-vswitchd $ovs >/dev/null
fi
step upgrade apt install "${packages[@]}"
! dpkg-query --show --showformat='${Version}\n' "${names[@]}" | grep -q '~older$' || die upgrade "an older version is left"
if $with_ovs; then
  [[ $(readlink -f /usr/sbin/ovs-vswitchd) == "$ovs" ]] || die upgrade "the choice of ovs-vswitchd did not outlive the upgrade"
fi
passed upgrade "to $(dpkg-query --show --showformat='${Version}' "${names[0]}")$(! $with_ovs || echo ', the chosen ovs-vswitchd stays chosen')"

# --- a program in C, and nothing of Abseil --------------------------------------------------------------------------------------
step compiler apt install gcc libc6-dev pkg-config
! dpkg-query --show --showformat='${db:Status-Status}\n' libabsl-dev 2>/dev/null | grep -q '^installed$' || die program "libabsl-dev is installed: this shows nothing"
program=$(mktemp -d)
step program sh -c "gcc -std=c11 -Wall -o $program/c_forward /usr/share/doc/libpollux-dev/examples/c_forward.c \$(pkg-config --cflags --libs pollux)"
"$program/c_forward" net_null0 net_null1 >"$log" 2>&1 &
forwarder=$!
# Whoever has installed a handler for SIGTERM is past its start.
deadline=$((SECONDS + 20))
until (((0x$(awk '/^SigCgt:/ { print $2 }' "/proc/$forwarder/status" 2>/dev/null || echo 0) & 0x4000) != 0)); do
  kill -0 "$forwarder" 2>/dev/null && ((SECONDS < deadline)) || { quote <"$log"; die program "does not start (above: its words)"; }
  sleep 0.05
done
kill -TERM "$forwarder"
wait "$forwarder" || { quote <"$log"; die program "exit code $? (above: its words)"; }
passed program "C, built by pkg-config --cflags --libs pollux without Abseil's headers, ran"

# --- traffic ----------------------------------------------------------------------------------------------------------------------
step tools "$tree/tools/setup_packages" demo
isolated "$tree/tools/demo" --no-build --testpmd=/usr/bin/pollux-testpmd --seconds=2 >"$log" 2>&1 || { quote <"$log"; die testpmd "tools/demo (above: its words)"; }
passed testpmd "/usr/bin/pollux-testpmd forwards: ping, HTTP, TCP"
if $with_ovs; then
  isolated "$tree/packaging/try_openvswitch.sh" >"$log" 2>&1 || { quote <"$log"; die vswitchd "packaging/try_openvswitch.sh (above: its words)"; }
  passed vswitchd "$(tail -n 1 "$log")"
fi

# --- removed ------------------------------------------------------------------------------------------------------------------------
mapfile -t files < <(dpkg-query --listfiles "${names[@]}" | sort -u | while read -r file; do [[ -d $file ]] || echo "$file"; done)
step remove apt remove "${names[@]}"
if $with_ovs; then
  [[ $(readlink -f /usr/sbin/ovs-vswitchd) == /usr/lib/openvswitch-switch/ovs-vswitchd ]] || die remove "/usr/sbin/ovs-vswitchd is not Debian's again"
fi
step purge dpkg --purge "${names[@]}"
left=()
for file in "${files[@]}"; do [[ ! -e $file && ! -L $file ]] || left+=("$file"); done
left+=($(find /etc /opt /usr /var -iname '*pollux*'))
[[ ${#left[@]} == 0 ]] || { printf '%s\n' "${left[@]}" | quote; die purge "is left (above)"; }
passed remove "${#files[@]} files and links are gone$(! $with_ovs || echo ", /usr/sbin/ovs-vswitchd is Debian's")"
