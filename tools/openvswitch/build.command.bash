# SPDX-License-Identifier: Apache-2.0
# tools/ovs build. Sourced.
variant='' pollux_prefix='' wanted=''
for argument in "$@"; do
  case "$argument" in
    --sanitize) variant=sanitize ;;
    --ovs=?*) wanted=${argument#*=} ;;
    --pollux=?*) pollux_prefix=$(realpath "${argument#*=}") ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done
{
  "$root/tools/setup_packages" build ovs
  ovs_build "$variant" "$wanted"
} >&2
echo "$ovs_programs"
