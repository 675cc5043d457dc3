# SPDX-License-Identifier: Apache-2.0
# tools/ovs demo: what is outside the sandbox. Sourced.
mib=16 pollux_prefix='' variant='' wanted=''
for argument in "$@"; do
  case "$argument" in
    --mib=?*) mib=${argument#*=} ;;
    --ovs=?*) wanted=${argument#*=} ;;
    --pollux=?*) pollux_prefix=$(realpath "${argument#*=}") ;;
    --sanitize) variant=sanitize ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done
[[ $mib =~ ^[1-9][0-9]{0,4}$ ]] || refuse "--mib takes a number from 1 to 99999, not '$mib'"

printf '%sOpen vSwitch demo%s  ping and HTTP through ovs-vswitchd, between two network namespaces\n\n' "$bold" "$plain"
"$root/tools/setup_packages" build ovs
passed packages "all there"
ovs_build "$variant" "$wanted"

ovs_sweep
rig=$(ovs_make_folder)
trap 'end_sandboxes; rm -rf "$rig"' EXIT
trap 'printf "%s\n  interrupted; nothing is left\n" "$erase"; exit 130' INT
trap 'exit 143' TERM HUP
export root ovs_tree ovs_programs rig mib
in_sandbox bash "$ovs_folder/demo.sandbox.bash"
