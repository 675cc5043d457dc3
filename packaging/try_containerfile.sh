#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What packaging/Containerfile says, without a registry: the images that it begins with are made by debootstrap, in a bare root.
#
#   packaging/bare_root --release=bookworm --layer=image -- ./packaging/try_containerfile.sh bookworm [BUILDAH-OPTION]...
#
# What stands behind the release goes to buildah, for example --volume=/var/cache/bazel:/var/cache/bazel
# --build-arg=PACKAGE_OPTIONS='--no-openvswitch --no-lintian --bazel-option=--disk_cache=/var/cache/bazel', so that the next time is shorter.
set -euo pipefail

readonly tree="$(dirname "$(dirname "$(readlink -f "$0")")")"
readonly release=$1
shift
[[ -e /usr/sbin/policy-rc.d && ! -d /run/systemd/system ]] || { echo "try_containerfile.sh is for a bare root (packaging/bare_root)" >&2; exit 2; }
source "$tree/tools/console.bash"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
# Neither an overlay nor a runtime: this is a root without either.
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
readonly log=$(mktemp) files=$(mktemp -d)

step() {
  local name=$1
  shift
  passing "$name" "$*"
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 40 "$log" | quote
  die "$name" "$* (above: the end of its words)"
}
mirror() { awk '$1 == "deb" { print $2; exit }' /etc/apt/sources.list; }
# image_of FOLDER NAME...
image_of() {
  local folder=$1 container name
  shift
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$folder" / >/dev/null
  for name in "$@"; do buildah commit --quiet "$container" "$name" >/dev/null; done
  buildah rm "$container" >/dev/null
}

step packages apt-get -y -q update
step packages apt-get -y -q --no-install-recommends install buildah debootstrap git
# Images of this machine alone.
mkdir -p /etc/containers
[[ -e /etc/containers/policy.json ]] || echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json

if ! buildah inspect --type image "localhost/debian:$release" >/dev/null 2>&1; then
  step image debootstrap --variant=minbase --include=ca-certificates "$release" "$files/root" "$(mirror)"
  cp /etc/apt/apt.conf.d/99bare-root "$files/root/etc/apt/apt.conf.d"
  step image image_of "$files/root" "localhost/debian:$release" "localhost/debian:$release-slim"
fi
rm -rf "$files"
passed image "debian:$release, of $(mirror)"

began=$SECONDS
step build buildah bud --pull-never --network=host --build-arg="RELEASE=$release" "$@" -f "$tree/packaging/Containerfile" -t localhost/pollux "$tree"
passed build "packaging/Containerfile, in $((SECONDS - began)) s"

container=$(buildah from --pull-never localhost/pollux)
trap 'buildah rm "$container" >/dev/null' EXIT
step run buildah run "$container" -- pollux-testpmd --no-huge --lcores 0@0,1@0 --vdev net_null0 --vdev net_null1 -- --auto-start --seconds=1
grep -q 'frames balanced\|all frames\|RX-packets' "$log" || { quote <"$log"; die run "pollux-testpmd says nothing of packets (above)"; }
passed run "pollux-testpmd in a container of the image forwards between net_null0 and net_null1"
