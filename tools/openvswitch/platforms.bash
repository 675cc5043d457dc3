# SPDX-License-Identifier: Apache-2.0
# What tools/ovs pods and ovn-demo have in common: options, and a sandbox for each type of ports. Sourced.

# platform_options ARGUMENT...: sets these, and $others, what is left.
platform_options() {
  types=(pollux) others=() variant='' pollux_prefix='' wanted=''
  local argument
  for argument; do
    case "$argument" in
      --peer) types=(pollux afxdp) ;;
      --ovs=?*) wanted=${argument#*=} ;;
      --pollux=?*) pollux_prefix=$(realpath "${argument#*=}") ;;
      --sanitize) variant=sanitize ;;
      *) others+=("$argument") ;;
    esac
  done
}

# platform_run SCRIPT: in a sandbox for each type, one after the other. Nothing is left of it, however it ends. What stock afxdp does not do is
# said, and no failure.
platform_run() {
  local code=0 ended
  ovs_sweep
  trap 'end_sandboxes; rm -rf "${ovs_rig:-}"' EXIT
  trap 'printf "%s\n  interrupted; nothing is left\n" "$erase"; exit 130' INT
  trap 'exit 143' TERM HUP
  export root ovs_tree ovs_programs ovs_rig type
  for type in "${types[@]}"; do
    ovs_rig=$(ovs_make_folder)
    printf '\n  %stype=%s%s\n' "$bold" "$type" "$plain"
    ended=0
    in_sandbox /usr/bin/python3 "$ovs_folder/platforms/$1" || ended=$?
    [[ $type == afxdp ]] || code=$ended
    rm -rf "$ovs_rig"
  done
  return $code
}
