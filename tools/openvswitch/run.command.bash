# SPDX-License-Identifier: Apache-2.0
# tools/ovs run: a bridge in the foreground. Sourced.
type=pollux pmd_cpu='' queues='' options=() flows=() ports=() variant='' pollux_prefix='' wanted=''
for argument in "$@"; do
  case "$argument" in
    --type=pollux | --type=afxdp | --type=dpdk) type=${argument#*=} ;;
    --pmd-cpu=?*) pmd_cpu=${argument#*=} ;;
    --queues=?*) queues=${argument#*=} ;;
    --option=?*=*) options+=("options:${argument#*=}") ;;
    --flow=?*) flows+=("${argument#*=}") ;;
    --programs=?*) ovs_programs=$(realpath "${argument#*=}") ;;
    --ovs=?*) wanted=${argument#*=} ;;
    --pollux=?*) pollux_prefix=$(realpath "${argument#*=}") ;;
    --sanitize) variant=sanitize ;;
    --offload) ovs_settings+=(other_config:hw-offload=true) ;;
    -*) refuse "unknown argument '$argument'" ;;
    *) ports+=("$argument") ;;
  esac
done
[[ ${#ports[@]} -ge 1 ]] || refuse "run: which ports?"
[[ -z $pmd_cpu || $pmd_cpu =~ ^[0-9]{1,2}$ ]] || refuse "--pmd-cpu takes a processor's number, not '$pmd_cpu'"
[[ -z $queues || $queues =~ ^[1-9][0-9]?$ ]] || refuse "--queues takes a number from 1 to 99, not '$queues'"
[[ -z $queues ]] || options+=("options:n_rxq=$queues")
if [[ $type == dpdk ]]; then
  [[ -x $ovs_dpdk_program ]] || die programs "no $ovs_dpdk_program" "tools/setup_packages peers installs it (package openvswitch-switch-dpdk)."
  ovs_with_dpdk=true
fi
if [[ -n ${ovs_programs:-} ]]; then
  [[ -x $ovs_programs/ovs-vswitchd ]] || die programs "no ovs-vswitchd in $ovs_programs" "tools/ovs build prints the folder."
  ovs_tree=${ovs_programs%/*}
else
  ovs_build "$variant" "$wanted" >&2
fi

ovs_sweep
trap ovs_stop EXIT
trap 'exit 0' TERM INT HUP
[[ -z $pmd_cpu ]] || ovs_settings+=(other_config:pmd-cpu-mask="$(printf '0x%x' $((1 << pmd_cpu)))")
ovs_start
ovs_stop_at_end
ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev fail_mode=secure
for ((i = 0; i < ${#ports[@]}; i++)); do
  port=${ports[$i]} device=()
  [[ $type != dpdk ]] || device=("options:dpdk-devargs=\"net_af_xdp$i,iface=$port${queues:+,queue_count=$queues}\"")
  ovs-vsctl add-port br0 "$port" -- set interface "$port" type="$type" "${device[@]}" "${options[@]}" 2>"$ovs_rig/vsctl.log" || true
done
errors=$(ovs_port_errors)
[[ -z $errors ]] || die ports "$errors"

if [[ ${#flows[@]} == 0 ]]; then
  for ((i = 0; i < ${#ports[@]}; i++)); do
    next=${ports[$(((i + 1) % ${#ports[@]}))]}
    [[ $next != "${ports[$i]}" ]] || next=in_port
    flows+=("in_port=${ports[$i]},actions=output:$next")
  done
fi
for flow in "${flows[@]}"; do ovs-ofctl add-flow br0 "$flow" || die flow "ovs-ofctl add-flow br0 '$flow' (above: its words)"; done
ovs_require_polling "${ports[@]}"

pid=$(cat "$ovs_rig/ovs-vswitchd.pid")
echo "forwarding between ${ports[*]}: type=$type, ovs-vswitchd $pid, folder $ovs_rig"
while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
tail -n 20 "$ovs_rig/ovs-vswitchd.log" | quote >&2
die vswitchd "ovs-vswitchd has ended (above: its log)" >&2
