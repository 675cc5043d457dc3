# SPDX-License-Identifier: Apache-2.0
# tools/ovs demo, inside namespaces of its own: names are free, and nothing needs to be removed.
#
#   namespace client                     here                     namespace server
#   10.0.0.1 eth0 ---veth--- p0    bridge br0 (netdev)    p1 ---veth--- eth0 10.0.0.2
set -euo pipefail
source "$root/tools/console.bash"
source "$root/tools/openvswitch/daemons.bash"
source "$root/tools/openvswitch/rig.sandbox.bash"

heading() { printf '\n    %s%s%s\n' "$bold" "$*" "$plain"; }
show() {
  heading "$@"
  "$@" 2>&1 | quote
}
# A map of the database, a line for each key.
column() {
  heading ovs-vsctl get interface "$1" "$2" "${3:-}"
  ovs-vsctl get interface "$1" "$2" | sed -e 's/^{//' -e 's/}$//' -e 's/, \([a-z_0-9"-]*=\)/\n\1/g' | awk -F= '$2 != "0" || $1 == "copied"' | quote
}

make_port p0 client 10.0.0.1
make_port p1 server 10.0.0.2
passed rig "namespaces client (10.0.0.1) and server (10.0.0.2), a veth pair each"

ovs_start "$rig"
ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev
for port in p0 p1; do add_port br0 $port; done
ovs_require_polling p0 p1
passed ovs-vswitchd "$(ovs-vswitchd --version | head -n 1), bridge br0 with p0 and p1 of type=pollux"

all_through=true
if summary=$(ip netns exec client ping -n -c 20 -i 0.05 -W 2 10.0.0.2 2>&1) && [[ $summary == *" 20 received"* ]]; then
  passed ping "$(tail -n 2 <<<"$summary" | paste -sd' ')"
else
  failed ping "$(tail -n 3 <<<"$summary" | paste -sd' ')"
  all_through=false
fi

mkdir "$rig/www"
head -c "${mib}M" /dev/urandom >"$rig/www/file"
ip netns exec server python3 -m http.server --bind 10.0.0.2 --directory "$rig/www" 8000 >"$rig/http.log" 2>&1 &
deadline=$((SECONDS + 15))
until ip netns exec client curl -s -o /dev/null --max-time 2 http://10.0.0.2:8000/; do
  ((SECONDS < deadline)) || { failed download "no answer from the HTTP server after 15 s"; exit 1; }
  sleep 0.1
done
seconds=$(ip netns exec client curl -sS --max-time 120 -o "$rig/received" -w '%{time_total}' http://10.0.0.2:8000/file) || true
if cmp -s "$rig/www/file" "$rig/received"; then
  passed download "$mib MiB over HTTP in $(printf %.2f "$seconds") s, every byte as it was sent"
else
  failed download "what arrived over HTTP is not what was sent"
  all_through=false
fi

show ovs-vsctl show
await_counter p0 rx_packets '> 100' || die statistics "(above)"
for port in p0 p1; do
  column $port status
  column $port statistics '(what is not 0)'
done
show ovs-appctl dpif-netdev/pmd-rxq-show
warnings=$(ovs_warnings)
if [[ -n $warnings ]]; then
  failed log "ovs-vswitchd warned:"
  quote <<<"$warnings"
  all_through=false
else
  echo
  passed log "no warning from ovs-vswitchd"
fi
ovs_stop
$all_through || { printf '\n  %sNot all traffic got through as it should.%s\n' "$red" "$plain"; exit 1; }
printf '\n  %sAll traffic got through.%s\n' "$green" "$plain"
