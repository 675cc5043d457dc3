#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tools/demo: exit code 0 only if all got through, and nothing is left behind however it ends.
set -euo pipefail

if [[ $(id -u) != 0 ]]; then
  echo "needs root for network namespaces" >&2
  exit 1
fi
demo=$PWD/tools/demo testpmd=$PWD/$1 broker=$PWD/$2
cd "$TEST_TMPDIR"
rigs=/run/pollux/demo
export PATH=$PATH:/usr/sbin:/sbin
fail() {
  echo "FAIL: $*" >&2
  [[ ! -f $log ]] || cat "$log" >&2
  exit 1
}

# A forwarder that says it forwards, and does not.
cat >silent <<'TEXT'
#!/bin/bash
trap 'exit 0' TERM INT
echo "NIC statistics"
while :; do sleep 0.1; done
TEXT
# One that does not even start.
printf '#!/bin/bash\necho "no such interface"\nexit 1\n' >refusing
chmod +x silent refusing

# expect_clean PID: no namespace, interface, folder or process of the demo with this process id.
expect_clean() {
  local left
  left=$(ip netns list | grep -w -E "plxd$1[abw]" || true)
  left+=$(ip -o link show | grep -o -w -E "plxd$1[ab]" || true)
  left+=$(ls -d "$rigs/plxd$1" "/run/plxd$1" 2>/dev/null || true)
  left+=$(pgrep -a -f "plxd$1[ab]" || true)
  [[ -z $left ]] || fail "left behind: $left"
}

# run NAME EXPECTED-CODE WORDS ARGUMENT...
run() {
  local name=$1 expected=$2 words=$3 code=0
  shift 3
  log=$TEST_TMPDIR/$name.log
  "$demo" --no-build --seconds 2 "$@" >"$log" 2>&1 &
  local pid=$!
  wait "$pid" || code=$?
  [[ $code == "$expected" ]] || fail "$name: exit code $code, expected $expected"
  grep -q -e "$words" "$log" || fail "$name: does not say '$words'"
  expect_clean "$pid"
  echo "$name: as expected"
}

run forwarding 0 'All traffic got through' --testpmd "$testpmd"
run unprivileged 0 'is nobody, has no capability' --unprivileged --testpmd "$testpmd" --broker "$broker"
grep -q 'All traffic got through' "$TEST_TMPDIR/unprivileged.log" || fail "unprivileged: not all traffic got through"
run silent 1 'Not all traffic got through' --testpmd ./silent
run refusing 1 'ended before it forwarded' --testpmd ./refusing
run bad_seconds 2 'takes a number' --seconds soon
run no_program 1 'no program at' --testpmd ./missing

# Traffic that gets through does not excuse a testpmd that says its account does not balance.
printf '#!/bin/bash\n"%s" "$@" &\npid=$!\ntrap "kill -TERM $pid; wait $pid; exit 4" TERM INT\nwait\n' "$testpmd" >unbalanced
chmod +x unbalanced
run unbalanced 1 'exit code 4' --testpmd ./unbalanced

# Ctrl-C, in the middle of iperf3. A background command of a script ignores SIGINT unless it is given a job of its own.
log=$TEST_TMPDIR/interrupted.log
set -m
"$demo" --no-build --seconds 60 --testpmd "$testpmd" >"$log" 2>&1 &
pid=$!
set +m
deadline=$((SECONDS + 60))
until grep -q 'iperf3:' "$log"; do
  ((SECONDS < deadline)) || fail "interrupted: iperf3 does not begin"
  sleep 0.2
done
kill -INT -- "-$pid"
code=0
wait "$pid" || code=$?
[[ $code == 130 ]] || fail "interrupted: exit code $code, expected 130"
expect_clean "$pid"
echo "interrupted: as expected"

# --keep leaves all up, --down takes it away.
log=$TEST_TMPDIR/kept.log
"$demo" --no-build --seconds 1 --keep --testpmd "$testpmd" >"$log" 2>&1 &
pid=$!
wait "$pid" || fail "kept: exit code $?"
ip netns exec "plxd${pid}a" ping -c 1 -W 5 10.0.0.2 >/dev/null || fail "kept: the rig does not forward"
"$demo" --down >>"$log" 2>&1 || fail "down: exit code $?"
expect_clean "$pid"
echo "kept and taken down: as expected"

# --down touches nothing of a folder that somebody else can have written: a stranger's, one that is open to all, a link to either.
log=$TEST_TMPDIR/strange.log
victim=plxv$$
ip netns add "$victim"
sleep 1000 &
bystander=$!
trap 'kill "$bystander"; ip netns delete "$victim"; rm -rf "$rigs/plxd$$"x' EXIT
started=$(sed 's/.*) //' "/proc/$bystander/stat" | cut -d' ' -f20)
for kind in stranger open link; do
  rm -rf "$rigs/plxd$$"x "$TEST_TMPDIR/strange"
  mkdir -p "$TEST_TMPDIR/strange"
  chmod 755 "$TEST_TMPDIR/strange"
  echo "$victim" >"$TEST_TMPDIR/strange/namespaces"
  echo "$bystander $started" >"$TEST_TMPDIR/strange/processes"
  case $kind in
    stranger) cp -r "$TEST_TMPDIR/strange" "$rigs/plxd$$"x; chown -R nobody "$rigs/plxd$$"x ;;
    open) cp -r "$TEST_TMPDIR/strange" "$rigs/plxd$$"x; chmod 777 "$rigs/plxd$$"x ;;
    link) ln -s "$TEST_TMPDIR/strange" "$rigs/plxd$$"x ;;
  esac
  ! "$demo" --down >"$log" 2>&1 || fail "down: takes a folder that is not root's alone ($kind)"
  grep -q "not root's alone" "$log" || fail "down: does not say why ($kind)"
  kill -0 "$bystander" || fail "down: ended a process that a stranger named ($kind)"
  ip netns list | grep -q -w "$victim" || fail "down: removed a namespace that a stranger named ($kind)"
  [[ -e $rigs/plxd${$}x ]] || fail "down: removed a stranger's folder ($kind)"
done
echo "strangers' folders: as expected"
