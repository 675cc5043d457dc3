# SPDX-License-Identifier: Apache-2.0
# ovsdb-server and ovs-vswitchd in a folder of their own. Sourced; needs what ovs_build sets.
#
# ovs_rig=FOLDER holds database, sockets, logs and process numbers; nothing outside of it is used, so that an Open vSwitch of the machine's
# own goes on beside it. ovs_settings: COLUMN:KEY=VALUE of table Open_vSwitch, in the database before ovs-vswitchd
# starts. ovs_with_dpdk: Debian's ovs-vswitchd with DPDK is started instead of what was built.
ovs_settings=()
ovs_with_dpdk=false

ovs_environment() {
  export OVS_RUNDIR=$ovs_rig OVS_LOGDIR=$ovs_rig OVS_DBDIR=$ovs_rig OVS_SYSCONFDIR=$ovs_rig
  export OVS_PKGDATADIR=$ovs_tree/source/vswitchd
  export PATH=$ovs_programs:$ovs_tree/build/utilities:$ovs_tree/build/ovsdb:$PATH
}

# What ovs-vswitchd itself needs: where the limit of locked memory cannot be raised, stock afxdp would warn of that; and libxdp's probe for
# programs in a chain warns where the kernel has no such programs.
ovs_daemon_environment() {
  daemon_environment=(LIBXDP_SKIP_DISPATCHER=1)
  prlimit --memlock=unlimited:unlimited true 2>/dev/null || daemon_environment+=("LD_PRELOAD=$ovs_programs/memlock.so${LD_PRELOAD:+:$LD_PRELOAD}")
  # Its exit is Open vSwitch's, which frees little; and a preloaded library comes before the sanitizer's.
  daemon_environment+=("ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0:abort_on_error=1:log_path=$ovs_rig/sanitizer")
}

# ovs_daemon NAME COMMAND...: starts it, and returns once it answers.
ovs_daemon() {
  local name=$1
  shift
  "$@" --pidfile="$ovs_rig/$name.pid" --detach --no-chdir --verbose=console:off --log-file="$ovs_rig/$name.log"
}

ovs_start_database() {
  ovsdb-tool create "$ovs_rig/conf.db" "$OVS_PKGDATADIR/vswitch.ovsschema" 2>"$ovs_rig/ovsdb-tool.log" &&
    ovs_daemon ovsdb-server ovsdb-server "$ovs_rig/conf.db" --remote="punix:$ovs_rig/db.sock" &&
    ovs-vsctl --no-wait init &&
    { [[ ${#ovs_settings[@]} == 0 ]] || ovs-vsctl --no-wait set Open_vSwitch . "${ovs_settings[@]}"; }
}

ovs_start_switch() { # [OPTION]...
  ovs_daemon ovs-vswitchd env "${daemon_environment[@]}" ovs-vswitchd "unix:$ovs_rig/db.sock" "$@"
}

# A folder of daemons, named after the process that makes it.
ovs_make_folder() { mktemp -d "${TMPDIR:-/tmp}/plxo$$.XXXX"; }

# What runs that were killed have left: their folders, and daemons that still use these.
ovs_sweep() {
  local left owner
  for left in "${TMPDIR:-/tmp}"/plxo*.????; do
    owner=${left##*/plxo}
    [[ -d $left && ! -L $left && -O $left && ! -e /proc/${owner%%.*} ]] || continue
    (
      ovs_rig=$left
      ovs_environment
      ovs_stop
    )
  done
}

# ovs_start [FOLDER]: both daemons, with an empty database. The folder is made if none is given.
ovs_start() {
  ovs_rig=${1:-$(ovs_make_folder)}
  ovs_environment
  ovs_daemon_environment
  ! $ovs_with_dpdk || ovs_use_dpdk
  ovs_start_database || die ovsdb "ovsdb-server does not start" "See $ovs_rig/ovsdb-server.log."
  ovs_start_switch || { quote <"$ovs_rig/ovs-vswitchd.log"; die vswitchd "ovs-vswitchd does not start (above: its log)"; }
}

# Whether what a pid file names runs still; prints its number.
ovs_runs() {
  local pid
  pid=$(cat "$ovs_rig/$1.pid" 2>/dev/null) && [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "${1:0:15}" ]] && echo "$pid"
}

# ovs_await_end PID: returns once it has ended, or 1 after 10 s. A daemon removes its pid file first of all, and its ports go with it at last.
ovs_await_end() {
  local state deadline=$((SECONDS + 10))
  while state=$(cat "/proc/$1/stat" 2>/dev/null) && [[ ${state##*) } != Z* ]]; do
    ((SECONDS <= deadline)) || return 1
    sleep 0.05
  done
}

# Ends what a pid file names, if that still is what wrote it.
ovs_end() {
  local pid
  pid=$(ovs_runs "$1") || return 0
  kill -TERM "$pid" 2>/dev/null || return 0
  ovs_await_end "$pid" || kill -KILL "$pid"
}

# Ends both and removes the folder. Asked to clean up, ovs-vswitchd removes the interfaces of its bridges, which a signal leaves: it gets the
# time for that, since before 3.2 it answers first and cleans up then.
ovs_stop() {
  local pid
  [[ -n ${ovs_rig:-} && -d $ovs_rig ]] || return 0
  if pid=$(ovs_runs ovs-vswitchd); then
    ! timeout 10 ovs-appctl -t "$ovs_rig/ovs-vswitchd.$pid.ctl" exit --cleanup >/dev/null 2>&1 || ovs_await_end "$pid" || true
  fi
  ovs_end ovs-vswitchd
  ovs_end ovsdb-server
  rm -rf "$ovs_rig"
}

# Has the daemons, which run, stopped when this shell ends, also if it is killed: a watcher reads from a pipe that only this shell has open.
ovs_stop_at_end() {
  trap ovs_stop EXIT
  exec {alive}> >(
    trap '' INT TERM HUP
    exec >/dev/null 2>&1
    cat
    ovs_stop
  )
}

# It gets the name that ovs-appctl and ovs_end know the daemon by.
readonly ovs_dpdk_program=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
ovs_use_dpdk() {
  # No huge pages are asked of the machine, and no file is shared with another DPDK. Packet memory is halved until it fits into -m.
  ovs_settings+=(other_config:dpdk-init=true
    'other_config:dpdk-extra="--no-huge --legacy-mem -m 1024 --no-pci --no-shconf --no-telemetry"')
  mkdir "$ovs_rig/dpdk"
  ln -s "$ovs_dpdk_program" "$ovs_rig/dpdk/ovs-vswitchd"
  PATH=$ovs_rig/dpdk:$PATH
}

# Waits until every queue of these ports is polled.
ovs_await_polling() {
  local port deadline=$((SECONDS + 10))
  for port; do
    until ovs-appctl dpif-netdev/pmd-rxq-show 2>/dev/null | grep -q "port: $port .*(enabled)"; do
      ((SECONDS <= deadline)) || return 1
      sleep 0.05
    done
  done
}

# What ovs-vswitchd warned of.
ovs_warnings() { grep -E '\|(WARN|ERR|EMER)\|' "$ovs_rig/ovs-vswitchd.log" || true; }

# Ends the run unless every queue of these ports is polled soon, with what may be the reason.
ovs_require_polling() {
  ovs_await_polling "$@" && return
  ovs_warnings | tail -n 10 | quote
  die ports "not polled after 10 s (above: what ovs-vswitchd warned of)"
}

# What is wrong with ports that could not be added; empty if nothing is.
ovs_port_errors() {
  ovs-vsctl --columns=name,error --format=csv --no-headings find interface 'error!=[]' 2>/dev/null
}

# A command in namespaces of its own (network, mounts, processes): when it ends, nothing of it is left. Its process is $sandbox.
sandboxes=()
start_sandbox() {
  mkdir -p /run/netns
  mkdir -p -m 0700 /run/dpdk
  setpriv --pdeathsig KILL unshare --net --mount --pid --uts --fork --kill-child --mount-proc --propagation private bash -c '
    set -e
    mount -t tmpfs none /run/netns
    mount -t sysfs sysfs /sys
    mount -t bpf bpf /sys/fs/bpf
    # Telemetry of what runs in here is asked for in here; its sockets go, however this ends.
    mount -t tmpfs -o mode=0700 none /run/dpdk
    # A bridge has an interface by its name, made with this; a root without udev lacks it.
    [[ -e /dev/net/tun ]] || { mkdir -p /dev/net && mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 200; }
    ip link set dev lo up
    # Not as the last command, which would take the place of this shell: as the first process of the namespace it collects the ends of the others.
    "$@" && code=0 || code=$?
    exit $code' sandbox "$@" </dev/null &
  sandbox=$!
  sandboxes+=("$sandbox")
}
# In the background, so that a signal to this shell is not put off until the command ends.
in_sandbox() {
  start_sandbox "$@"
  wait "$sandbox"
}
# unshare puts off other signals; the kernel ends all that is inside with it.
end_sandboxes() {
  local pid
  for pid in "${sandboxes[@]}"; do
    kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
  done
}
