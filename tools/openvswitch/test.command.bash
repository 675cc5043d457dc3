# SPDX-License-Identifier: Apache-2.0
# tools/ovs test. Sourced.
#
# The suite script is in Open vSwitch's package, made for type=afxdp. The one for type=pollux is the same text with the type's name
# changed: its macro ADD_VETH is the only place that names the type. Each runs in namespaces of its own, so that its p0, br0 and
# databases meet nothing, and nothing is left of them.
part=fast variant='' stress=false xml='' table='' keep=false pollux_prefix='' chosen='' wanted='' suite=true checks='' ports='' compare=true pollux_broker=''
pollux_capture=''
offload=false
for argument in "$@"; do
  case "$argument" in
    --full) part=full ;;
    --tests=?*) part=chosen chosen=${argument#*=} ;;
    --sanitize) variant=sanitize ;;
    --pollux-only) compare=false ;;
    --offload) offload=true ;;
    --stress) stress=true ;;
    --ports) ports=200 ;;
    --ports=?*) ports=${argument#*=} ;;
    --checks) suite=false ;;
    --checks=?*) suite=false checks=${argument#*=} ;;
    --xml=?*) xml=$(realpath -m "${argument#*=}") ;;
    --table=?*) table=$(realpath -m "${argument#*=}") ;;
    --keep) keep=true ;;
    --broker=?*) pollux_broker=$(realpath "${argument#*=}") ;;
    --capture=?*) pollux_capture=$(realpath "${argument#*=}") ;;
    --ovs=?*) wanted=${argument#*=} ;;
    --pollux=?*) pollux_prefix=$(realpath "${argument#*=}") ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done

"$root/tools/setup_packages" build ovs
ovs_build "$variant" "$wanted"
ovs_sweep
work=$(ovs_make_folder)
trap 'end_sandboxes; $keep || rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if $stress; then
  export root ovs_tree ovs_programs
  ovs_rig=$work in_sandbox /usr/bin/python3 "$ovs_folder/checks/stress.py"
  exit
fi

if [[ -n $ports ]]; then
  [[ $ports =~ ^[1-9][0-9]{0,2}$ ]] || refuse "--ports takes a number from 1 to 999, not '$ports'"
  export root ovs_tree ovs_programs ports
  ovs_rig=$work in_sandbox /usr/bin/python3 "$ovs_folder/checks/scale.py"
  exit
fi

[[ $part != full ]] || $compare || refuse "--pollux-only is for the fast part, or for chosen tests"
case "$part" in
  full) tests=() ;;
  chosen) IFS=', ' read -r -a tests <<<"$chosen" ;;
  fast) read -r -a tests < <("$ovs_folder/suite_numbers.py" "$ovs_tree/source/tests/system-afxdp-testsuite" "$ovs_folder/fast_tests.txt") ;;
esac

# ovs-ofctl returns when the switch has its new flows, but the datapath acts on its copies of the old ones until the revalidators come by:
# a test that sends at once lost its first packet in one of ten runs on a busy machine, of either type. So ovs-ofctl waits for them.
mkdir "$work/programs"
cat >"$work/programs/ovs-ofctl" <<SCRIPT
#!/bin/sh
"$ovs_tree/build/utilities/ovs-ofctl" "\$@"
code=\$?
"$ovs_tree/build/utilities/ovs-appctl" revalidator/wait >/dev/null 2>&1
exit \$code
SCRIPT
# Before each start of ovs-vswitchd, whose database the test has just made.
! $offload || cat >"$work/programs/ovs-vswitchd" <<SCRIPT
#!/bin/sh
"$ovs_tree/build/utilities/ovs-vsctl" --no-wait set Open_vSwitch . other_config:hw-offload=true
exec "$ovs_programs/ovs-vswitchd" "\$@"
SCRIPT
chmod +x "$work/programs"/*

# start_suite NAME TYPE TEST...: runs these tests with ports of this type; what the suite says is in $work/NAME.out, its logs below $work/NAME.
start_suite() {
  local name=$1 type=$2 script=$work/system-$1-testsuite build=$ovs_tree/build
  shift 2
  sed "s/type=\"afxdp\"/type=\"$type\"/; s/type=afxdp /type=$type /" "$ovs_tree/source/tests/system-afxdp-testsuite" >"$script"
  mkdir "$work/$name"
  cp "$build/tests/atconfig" "$build/tests/atlocal" "$work/$name"
  # It runs elsewhere than in the tree, and so needs whole paths.
  printf '%s\n' "at_srcdir='$ovs_tree/source/tests'" "at_top_srcdir='$ovs_tree/source'" "at_top_build_prefix='$build/'" \
    "at_top_builddir='$build/'" >>"$work/$name/atconfig"
  ovs_rig=$work/$name ovs_daemon_environment
  # Tests of the suite fail where they find what another one left; of itself it runs them one after the other.
  start_sandbox env "${daemon_environment[@]}" PYTHON3=/usr/bin/python3 sh "$script" -C "$work/$name" -d \
    AUTOTEST_PATH="$work/programs:$ovs_programs:$build/utilities:$build/ovsdb:$build/vtep:$build/tests" "$@" \
    >"$work/$name.out" 2>&1
}
finished_tests() { grep -c -h -E '^ *[0-9]+: .* (ok|FAILED|skipped)' "$work/$1.out" || true; }
# Until the suites of these names have ended.
await_suites() {
  local shown=$SECONDS began=$SECONDS pid name said
  while kill -0 "${sandboxes[@]}" 2>/dev/null; do
    said=''
    for name; do said+=", $name $(finished_tests "$name")"; done
    passing suite "tests finished: ${said#, }"
    if ! $terminal && ((SECONDS >= shown + 60)); then
      shown=$SECONDS
      echo "     tests finished after $((SECONDS - began)) s: ${said#, }"
    fi
    sleep 0.5
  done
  for pid in "${sandboxes[@]}"; do wait "$pid" || true; done
  sandboxes=()
}
# Most of a test is waiting: the two types run side by side, each in its sandbox. Where they are not compared, two halves of type=pollux do, and
# stock afxdp runs what did not pass, which tells whether it is for us to mend.
run_suites() {
  local began=$SECONDS half failed
  sandboxes=()
  if $compare; then
    start_suite afxdp afxdp "${tests[@]}"
    start_suite pollux pollux "${tests[@]}"
    await_suites afxdp pollux
    passed suite "check-afxdp with type=afxdp and with type=pollux in $((SECONDS - began)) s"
    return
  fi
  half=$((${#tests[@]} / 2))
  start_suite pollux pollux "${tests[@]:0:half}"
  start_suite pollux-2 pollux "${tests[@]:half}"
  await_suites pollux pollux-2
  cat "$work/pollux-2.out" >>"$work/pollux.out"
  : >"$work/afxdp.out"
  mapfile -t failed < <(sed -n -E 's/^ *([0-9]+): .* (FAILED|skipped).*/\1/p' "$work/pollux.out")
  if [[ ${#failed[@]} -gt 0 ]]; then
    start_suite afxdp afxdp "${failed[@]}"
    await_suites afxdp
  fi
  passed suite "check-afxdp with type=pollux in $((SECONDS - began)) s"
}

if [[ $part != chosen ]]; then
  mkdir "$work/rig"
  results=$work/provider.results code=0
  ovs_build_programs
  export root ovs_tree ovs_programs pollux_prefix pollux_broker pollux_capture results compare
  ovs_rig=$work/rig in_sandbox /usr/bin/python3 "$ovs_folder/checks/behaviour.py" "$checks" || code=$?
  # It ends with 1 for a check that failed, which the report below says; with anything else it could not run.
  [[ $code -le 1 ]] || exit "$code"
  $suite || exit "$code"
fi
run_suites
report=(--command "tools/ovs test$([[ $part != full ]] || echo ' --full')${variant:+ --sanitize}")
[[ -z $xml ]] || report+=(--xml "$xml")
[[ -z $table ]] || report+=(--table "$table")
sanitizer=$(find "$work" -name 'sanitizer.*' | head -n 1)
python3 "$ovs_folder/suite_report.py" "${report[@]}" "$work" && code=0 || code=$?
if [[ -n $sanitizer ]]; then
  failed sanitizer "a daemon ended with a report:"
  head -n 60 "$sanitizer" | quote
  code=1
fi
! $keep || echo "  the logs are in $work"
exit $code
