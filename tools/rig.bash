# SPDX-License-Identifier: Apache-2.0
# Processes and namespaces of a rig, listed in its folder as they are made, so that they can be removed whatever happens. Sourced; the
# folder is $rig.

# Ends a process of ours: politely, then for good. $2: seconds of patience.
end_process() {
  local pid=$1 deadline=$((SECONDS + $2))
  kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null && ((SECONDS <= deadline)); do sleep 0.1; done
  ! kill -0 "$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
}

# Removes the rig of folder $1. Only what is listed there is touched: a process only if its start time is still the one that
# was written down (the number may be somebody else's by now).
remove_rig() {
  local rig=$1 pid started name
  if [[ -r $rig/processes ]]; then
    while read -r pid started; do
      [[ $(start_time "$pid") != "$started" ]] || end_process "$pid" 10
    done < <(tac "$rig/processes")
  fi
  if [[ -r $rig/namespaces ]]; then
    while read -r name; do
      # Whatever else runs in there: children of what was ended above, and what somebody tried out by hand.
      for pid in $(ip netns pids "$name" 2>/dev/null); do end_process "$pid" 5; done
      # The host end first: a namespace can outlive its name for a moment, and its veth pair with it.
      ip link delete "$name" 2>/dev/null || true
      ip netns delete "$name" 2>/dev/null || true
    done <"$rig/namespaces"
  fi
  rm -rf "$rig"
}

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 || true; }

# Starts a command in the background, with its output in $rig/NAME.log; its pid is in $process. The caller waits for it.
start() {
  local name=$1
  shift
  "$@" >"$rig/$name.log" 2>&1 </dev/null &
  process=$!
  echo "$process $(start_time $process)" >>"$rig/processes"
}

# The same for a command that runs until remove_rig.
serve() {
  start "$@"
  disown "$process"
}
