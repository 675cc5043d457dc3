# SPDX-License-Identifier: Apache-2.0
# tools/ovs pods: what is outside the sandbox. Sourced.
source "$ovs_folder/platforms.bash"
platform_options "$@"
pods=200 columns=''
for argument in "${others[@]}"; do
  case "$argument" in
    --pods=?*) pods=${argument#*=} ;;
    --option=?*=*) columns+=" options:${argument#*=}" ;;
    *) refuse "unknown argument '$argument'" ;;
  esac
done
[[ $pods =~ ^[1-9][0-9]{0,2}$ ]] || refuse "--pods takes a number from 1 to 999, not '$pods'"

printf '%sOpen vSwitch pods%s  %s namespaces with a port each come, go and come again, under traffic\n\n' "$bold" "$plain" "$pods"
"$root/tools/setup_packages" build ovs
ovs_build "$variant" "$wanted"
export pods columns
platform_run pods.py
