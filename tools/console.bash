# SPDX-License-Identifier: Apache-2.0
# How tools/demo and tools/test look: step lines with a mark, colours on a terminal only. Sourced.

terminal=false
[[ ! -t 1 ]] || terminal=true
if $terminal && [[ ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m' erase=$'\r\e[K'
else
  terminal=false bold='' dim='' green='' red='' plain='' erase=''
fi
case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
  *UTF-8 | *utf8) good='✓' bad='✗' ;;
  *) good='ok' bad='FAILED' ;;
esac

passed() { printf '%s  %s%s%s %s%-10s%s %s\n' "$erase" "$green" "$good" "$plain" "$bold" "$1" "$plain" "$2"; }
failed() { printf '%s  %s%s%s %s%-10s%s %s\n' "$erase" "$red" "$bad" "$plain" "$bold" "$1" "$plain" "$2"; }
# Shows something for a moment; on a terminal only.
passing() { ! $terminal || printf '%s  %s. %-10s %.110s%s' "$erase" "$dim" "$1" "$2" "$plain"; }
quote() { sed -e 's/\x1b\[[0-9;]*[A-Za-z]//g' -e 's/\r//g' -e "s/^/    ${1:-$dim}/" -e "s/\$/$plain/" -e '$a\'; }
die() {
  failed "$1" "$2"
  [[ -z ${3:-} ]] || printf '             %s\n' "$3"
  exit 1
}
