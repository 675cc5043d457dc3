# SPDX-License-Identifier: Apache-2.0
# tools/ovs ovn-demo: what is outside the sandbox. Sourced.
source "$ovs_folder/platforms.bash"
platform_options "$@"
seconds=5
for argument in "${others[@]}"; do
  case "$argument" in
    --seconds=?*) seconds=${argument#*=} ;;
    --ping) seconds=0 ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done
[[ $seconds =~ ^[0-9]{1,3}$ ]] || refuse "--seconds takes a number up to 999, not '$seconds'"

printf '%sOVN demo%s  four pods on two hosts, with two switches, a router, a Geneve tunnel, access rules and NAT\n\n' "$bold" "$plain"
"$root/tools/setup_packages" build ovs demo
ovn_programs=$("$ovs_folder/ovn_programs.py") || {
  code=$?
  failed OVN "its packages cannot be had (above: why)"
  exit $code
}
ovs_build "$variant" "$wanted"
export seconds ovn_programs
platform_run ovn.py
