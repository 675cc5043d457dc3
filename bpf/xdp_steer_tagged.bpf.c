// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// xdp_steer.bpf.c bound to a device, which tells it of VLAN tags, time stamps and hashes.
#define POLLUX_BOUND_PROGRAM
#include "bpf/xdp_steer.bpf.c"
