// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#define OTHER_CODE
#include "tests/bpf/custom_redirect.bpf.c"
