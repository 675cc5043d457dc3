# SPDX-License-Identifier: Apache-2.0
# Processes and namespaces of a rig, listed in its folder as they are made, so that they can be removed whatever happens. Sourced; the
# folder is $rig,
# made by open_rig.

# Ends a process of ours: politely, then for good. $2: seconds of patience.
end_process() {
  local pid=$1 deadline=$((SECONDS + $2))
  kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null && ((SECONDS <= deadline)); do sleep 0.1; done
  ! kill -0 "$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || true
}

# Below /run only root makes files: what a rig's folder lists is what a rig has written.
readonly rigs=/run/pollux/demo

# Whether nobody else can have written to folder $1: it is no link, ours, and closed to all others.
ours() { [[ ! -L $1 && -d $1 && -O $1 ]] && (((8#$(stat -c %a "$1") & 8#022) == 0)); }

# Makes the folder $rig, for a rig of this name.
open_rig() {
  (umask 077 && mkdir -p "$rigs")
  for folder in "${rigs%/*}" "$rigs"; do
    ours "$folder" || die rig "$folder is not root's alone" "Look who made it, and remove it."
  done
  rig=$rigs/$1
  mkdir -m 700 "$rig" || die rig "$rig exists already" "$0 --down removes what --keep has left."
}

# Removes the rig of folder $1; fails, and does nothing, if others may have written to it. Only what is listed there is touched: a process only if its start time is still the one that
# was written down (the number may be somebody else's by now).
remove_rig() {
  local rig=$1 pid started name
  ours "$rig" || return 1
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
  if [[ -r $rig/folders ]]; then
    while read -r name; do
      [[ $name != /run/plxd* ]] || ! ours "$name" || rm -rf "$name"
    done <"$rig/folders"
  fi
  rm -rf "$rig"
}

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20 || true; }

# Makes the folder $open_folder, which everybody may look into, beside a rig that only root may.
open_folder_for_all() {
  open_folder=/run/$1
  mkdir -m 755 "$open_folder" || die rig "$open_folder exists already" "Look who made it, and remove it."
  echo "$open_folder" >>"$rig/folders"
}

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
