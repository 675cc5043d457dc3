# SPDX-License-Identifier: Apache-2.0
# tools/ovs flood: what is outside the sandbox. Sourced.
source "$ovs_folder/platforms.bash"
platform_options "$@"
rounds=5 requests=320 flooded=true json=''
for argument in "${others[@]}"; do
  case "$argument" in
    --rounds=?*) rounds=${argument#*=} ;;
    --requests=?*) requests=${argument#*=} ;;
    --no-flood) flooded=false ;;
    --json=?*) json=$(realpath -m "${argument#*=}") ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done
[[ $rounds =~ ^[1-9][0-9]{0,2}$ ]] || refuse "--rounds takes a number from 1 to 999, not '$rounds'"
[[ $requests =~ ^[1-9][0-9]{1,5}$ ]] && ((requests >= 32)) || refuse "--requests takes a number from 32 to 999999, not '$requests'"

beside='a flood on other ports'
$flooded || beside='nothing else'
printf '%sOpen vSwitch flood%s  requests and answers beside %s, type=pollux and type=afxdp in turns\n' "$bold" "$plain" "$beside"
"$root/tools/setup_packages" build ovs
ovs_build "$variant" "$wanted"
export rounds requests flooded json
# Both types are ports of one ovs-vswitchd.
types=('pollux and type=afxdp')
platform_run flood_latency.py
