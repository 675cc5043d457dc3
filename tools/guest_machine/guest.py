#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command in an emulated machine: a kernel of Debian's, ports that do zero-copy, NUMA nodes.

The command is a program of this machine with its arguments; it is taken along with the libraries it needs, at the path it has here.
In the guest are port0, port1 ... (port0 and port1 are the ends of a wire, so are port2 and port3), busybox, and the programs
named by --file. Without a command there is a shell; leave it with exit, or QEMU with Ctrl-a x.

The exit code is the command's; 124: it took longer than --timeout; 125: the guest ended without one; 77: something is missing here.
"""

import argparse
import os
import shlex
import shutil
import signal
import sys
import time

import kernel as kernels
import machine as machines
import qemu as emulators
from archive import Unavailable
from initramfs import Initramfs

MISSING = 77
# For the machine itself, and for the tests: links, namespaces, captures of them.
MODULES = ("virtio_pci", "virtio_console", "virtio_net", "igb", "veth", "8021q", "bridge", "tun", "sch_ingress", "xsk_diag")
PROGRAMS = ("ip", "ethtool")
EXAMPLES = """examples:
  tools/guest                                                   a shell, with port0 and port1
  tools/guest -- bazel-bin/tools/testpmd/testpmd -l 0,1 --vdev net_af_xdp0,iface=port0 -- --auto-start --require=zerocopy
  tools/guest --kernel 6.1 -- uname -r
  tools/guest --ports 4 --queues 4 -- ip link
  tools/guest --numa 2 --hugepages 16,0 -- sh -c 'cat /sys/class/net/port2/device/../numa_node'
  tools/guest --kernel-table [--kernels=6.1,7.3] [--resume]     makes docs/kernels.md
  tools/guest --instructions [--packets 100000]                 user-space instructions a packet, beside dpdk-testpmd's
  tools/guest --file tcpdump -- sh -c 'tcpdump -i port1 -c 3 & ping -c 3 -I port0 10.0.0.9'
"""


def parse(words):
    parser = argparse.ArgumentParser(
        prog="tools/guest", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--kernel", default=kernels.DEFAULT, metavar="VERSION", help="newest of this version, such as 6.1 (default %(default)s)")
    add("--full", action="store_true", help="the kernel with the drivers of real hardware, instead of the one for virtual machines")
    add("--ports", type=int, default=2, metavar="N", help="an even number (default %(default)s)")
    add("--queues", type=int, default=1, metavar="N", help="of each port; more than one needs /dev/net/tun, except with igb (default %(default)s)")
    add("--driver", choices=("virtio", "igb", "e1000e", "vmxnet3"), default="virtio", help="of the ports (default %(default)s)")
    add("--cpus", type=int, default=0, metavar="N", help="processors (default: as many as queues or nodes)")
    add("--numa", type=int, default=1, metavar="N", help="NUMA nodes; port0 and port1 are on node 0, port2 and port3 on node 1")
    add("--hugepages", default="", metavar="N[,N]", help="of 2 MiB, for each node")
    add("--memory", type=int, default=768, metavar="MIB", help="(default %(default)s)")
    add("--port-options", default="", metavar="TEXT", help="further properties of QEMU's device, such as rx_queue_size=1024")
    add("--plugin", default="", metavar="FILE[,NAME=VALUE]", help="a plugin of QEMU's emulator")
    add("--file", action="append", default=[], metavar="PATH", help="another file, folder or program to take along; may be repeated")
    add("--module", action="append", default=[], metavar="NAME", help="another kernel module; may be repeated")
    add("--env", action="append", default=[], metavar="NAME=VALUE", help="for the command; may be repeated")
    add("--out", metavar="FOLDER", help="where to put what the command leaves in its /out")
    add("--timeout", type=float, default=300, metavar="SECONDS", help="for boot and command (default %(default)s)")
    add("--verbose", action="store_true", help="the kernel's messages at the end")
    add("command", nargs="*", metavar="COMMAND", help="after --")
    options = parser.parse_args(words)
    options.interactive = not options.command
    if options.interactive:
        options.timeout = float("inf")
    return options


class Progress:
    """Says on standard error what is going on: on one line of a terminal, in lines elsewhere."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.began = time.monotonic()

    def __call__(self, text):
        if self.terminal:
            print(f"\r\033[Kguest: {text} ...", end="", file=sys.stderr, flush=True)
        else:
            print(f"guest: {time.monotonic() - self.began:5.1f} s  {text}", file=sys.stderr, flush=True)

    def clear(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def find_program(word):
    """A path as it is, a name by PATH; None: the guest's own."""
    if "/" in word:
        if not os.path.exists(word):
            raise SystemExit(f"tools/guest: no such file: {word}")
        return word
    return shutil.which(word, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def build_initramfs(options, kernel, machine):
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Unavailable("no busybox on this machine (apt-get install busybox-static)")
    image = Initramfs()
    here = os.path.dirname(os.path.realpath(__file__))
    image.add_file(busybox, "bin/busybox")
    image.add_file(os.path.join(here, "init.sh"), "init", mode=0o755)
    image.add_text("etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n")
    image.add_text("etc/group", "root:x:0:\n")
    image.add_link("var/run", "../run")
    for module in (*MODULES, *options.module):
        image.add_module(kernel, module)
    for word in PROGRAMS:
        if find_program(word):
            image.add_file(find_program(word), f"usr/bin/{word}")
    for word in options.file:
        path = find_program(word)
        if path is None:
            raise SystemExit(f"tools/guest: no such program: {word}")
        image.add_file(path, None if "/" in word else f"usr/bin/{word}")
    words = list(options.command)
    if words and "/" in words[0]:
        words[0] = os.path.abspath(words[0])
        image.add_file(words[0])
    elif words and words[0] not in PROGRAMS and find_program(words[0]) and words[0] not in ("sh", "ash"):
        image.add_file(find_program(words[0]), f"usr/bin/{words[0]}")
    exports = "".join(f"export {shlex.quote(assignment)}\n" for assignment in options.env)
    image.add_text(
        "etc/guest",
        f"interactive={'yes' if options.interactive else 'no'}\ndirectory={shlex.quote(os.getcwd())}\n{exports}"
        f"prepare() {{\n{machine.prepare()}\n}}\nrun_command() {{\n{shlex.join(words) or ':'}\n}}\n",
    )
    return image


def main(words, on_missing=lambda reason: None):
    """Returns the exit code. `on_missing` is given the Unavailable that says what is missing here."""
    options = parse(words)
    say = Progress()
    machine = machines.Machine(
        ports=options.ports,
        queues=options.queues,
        driver=options.driver,
        cpus=options.cpus,
        nodes=options.numa,
        hugepages=tuple(int(count) for count in options.hugepages.split(",") if count),
        memory_mib=options.memory,
        port_options=f",{options.port_options}" if options.port_options else "",
        plugin=options.plugin,
        interactive=options.interactive,
    )
    try:
        qemu = emulators.find(options.driver, say)
        full = options.full or options.driver != "virtio"
        kernel = kernels.fetch(options.kernel, "full" if full else "cloud", say)
        image = build_initramfs(options, kernel, machine)
    except Unavailable as missing:
        say.clear()
        print(f"tools/guest: {missing}", file=sys.stderr)
        on_missing(missing)
        return MISSING
    say(f"booting {kernel.version}")

    def write(data):
        say.clear()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    # So that what is under way is undone (the caller's signal becomes an exception).
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    result = machines.run(machine, qemu, kernel, image, write, options.timeout, options.out)
    say.clear()
    if options.verbose or result.status in (machines.TIMED_OUT, machines.GUEST_DIED):
        print(result.console[-6000:], file=sys.stderr)
    if result.status == machines.TIMED_OUT:
        print(f"tools/guest: not done after {options.timeout:.0f} s, stopped", file=sys.stderr)
    if not say.terminal:
        say(f"exit code {result.status}")
    return result.status


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
