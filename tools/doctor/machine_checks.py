# SPDX-License-Identifier: Apache-2.0
"""What holds for the whole machine: kernel, rights, memory, processors."""

from finding import BROKEN, COSTS, NOTE, RIGHT, Finding

SUBJECT = "machine"
CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 12, 13, 14, 21, 38, 39
NEEDED = {"CAP_NET_ADMIN": CAP_NET_ADMIN, "CAP_NET_RAW": CAP_NET_RAW, "CAP_BPF": CAP_BPF, "CAP_PERFMON": CAP_PERFMON}
# (first kernel that has it, what, what is without it)
FEATURES = [
    ((5, 11), "memory of sockets that is not counted against RLIMIT_MEMLOCK twice", "the limit must cover BPF maps too"),
    ((5, 18), "sending without sk_buffs (tx=inject)", "copy mode sends through sk_buffs"),
    ((6, 3), "features of drivers told by netlink", "the report says what bind answered"),
    ((6, 17), "more than 32 packets a sendto in copy mode", "a long burst takes several system calls"),
]
OLDEST = (5, 10)
BAD_COPY_MODE = (6, 16)
SMALLEST_MEMLOCK = 64 << 20
SLOW_WAKE_US = 50


def kernel(machine):
    version = machine.kernel()
    release = machine.read("/proc/sys/kernel/osrelease") or "unknown"
    if version == BAD_COPY_MODE:
        yield Finding("bad-kernel", BROKEN, SUBJECT,
                      f"Linux {release} panics when a packet that AF_XDP sent in copy mode reaches a network stack of the same machine "
                      "(a container, a veth): xsk_destruct_skb, docs/kernels.md",
                      "boot another kernel: apt install linux-image-amd64")
    if version < OLDEST:
        yield Finding("old-kernel", BROKEN, SUBJECT, f"Linux {release} is older than 5.10, which is the oldest that was tried",
                      "apt install linux-image-amd64")
        return
    missing = [f"{what} (Linux {since[0]}.{since[1]}): {without}" for since, what, without in FEATURES if version < since]
    if missing:
        yield Finding("old-kernel", COSTS, SUBJECT, f"Linux {release} lacks: " + "; ".join(missing),
                      "apt install -t bookworm-backports linux-image-amd64")
    elif version != BAD_COPY_MODE:
        yield Finding("old-kernel", RIGHT, SUBJECT, f"Linux {release} has all that Pollux asks for")


def rights(machine):
    if machine.capability(CAP_SYS_ADMIN) and machine.capability(CAP_NET_ADMIN):
        missing = []
    else:
        missing = [name for name, number in NEEDED.items() if not machine.capability(number)]
    if missing:
        yield Finding("rights", BROKEN, SUBJECT, f"net_af_xdp cannot be opened from here: {', '.join(missing)} missing",
                      "run as root (sudo), or let pollux-broker open the ports (docs/broker.md)")
    else:
        yield Finding("rights", RIGHT, SUBJECT, "this user may open AF_XDP ports")


def memlock(machine):
    if machine.capability(CAP_IPC_LOCK):
        return
    for line in (machine.read("/proc/self/limits") or "").splitlines():
        if not line.startswith("Max locked memory"):
            continue
        limit = line.split()[3]
        if limit != "unlimited" and int(limit) < SMALLEST_MEMLOCK:
            yield Finding("memlock", BROKEN, SUBJECT,
                          f"{int(limit) >> 10} KiB may be locked, and the frames of a port are: opening one will fail for want of memory",
                          "ulimit -l unlimited; for good: '* - memlock unlimited' in /etc/security/limits.conf, LimitMEMLOCK=infinity in a unit")


def bpf(machine):
    if machine.number("/proc/sys/net/core/bpf_jit_enable") == 0:
        yield Finding("bpf-jit", COSTS, SUBJECT, "BPF programs are interpreted: every packet takes several times as long in the kernel",
                      "sysctl -w net.core.bpf_jit_enable=1")


def huge_pages(machine):
    total = free = None
    for line in (machine.read("/proc/meminfo") or "").splitlines():
        if line.startswith("HugePages_Total:"):
            total = int(line.split()[1])
        if line.startswith("HugePages_Free:"):
            free = int(line.split()[1])
    if total is None:
        return
    if free == 0:
        what = "no huge pages are reserved" if total == 0 else f"all {total} huge pages are taken"
        yield Finding("huge-pages", NOTE, SUBJECT,
                      what + ": frames come from ordinary pages, which costs misses of the TLB with many frames; nothing else",
                      "echo 128 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    else:
        yield Finding("huge-pages", RIGHT, SUBJECT, f"{free} of {total} huge pages are free")


def processors(machine):
    folder = "/sys/devices/system/cpu"
    online = [name for name in machine.names(folder) if name[:3] == "cpu" and name[3:].isdigit()]
    if len(online) == 1:
        yield Finding("one-core", COSTS, SUBJECT, "there is one processor: a polling lcore shares it with everything else",
                      "testpmd --lcores 0@0,1@0 --idle=adaptive")
    governors = {machine.read(f"{folder}/cpufreq/{policy}/scaling_governor") for policy in machine.names(folder + "/cpufreq")}
    slow = sorted(governor for governor in governors if governor in ("powersave", "ondemand", "conservative", "schedutil"))
    if slow:
        driver = machine.read(f"{folder}/cpufreq/policy0/scaling_driver") or ""
        level = NOTE if driver in ("intel_pstate", "amd-pstate-epp") and slow == ["powersave"] else COSTS
        yield Finding("governor", level, SUBJECT, f"the processors' frequency follows the load (governor {', '.join(slow)}): bursts begin slowly",
                      "cpupower frequency-set -g performance")
    deepest = 0
    for state in machine.names(folder + "/cpu0/cpuidle"):
        if machine.number(f"{folder}/cpu0/cpuidle/{state}/disable") == 0:
            deepest = max(deepest, machine.number(f"{folder}/cpu0/cpuidle/{state}/latency") or 0)
    if deepest > SLOW_WAKE_US:
        yield Finding("c-states", NOTE, SUBJECT,
                      f"a sleeping processor takes up to {deepest} us to wake: it adds to the first packet after a pause, unless lcores spin",
                      f"cpupower idle-set -D {SLOW_WAKE_US}")


CHECKS = [kernel, rights, memlock, bpf, huge_pages, processors]
