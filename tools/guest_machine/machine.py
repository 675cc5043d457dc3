# SPDX-License-Identifier: Apache-2.0
"""The machine that QEMU emulates: processors, nodes, memory, ports and what joins them. No KVM: the same everywhere, and slow."""

import ctypes
import dataclasses
import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time

TIMED_OUT = 124
GUEST_DIED = 125
# What quickens the boot. Without tsc=reliable every look at the clock costs over a microsecond.
KERNEL_OPTIONS = (
    "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check nowatchdog cryptomgr.notests audit=0 apparmor=0 mitigations=off"
    " random.trust_cpu=on"
)
# TCG of QEMU 7.2 gets cmpxchg16b wrong: half of all boots crash with it.
CPU = "max,-cx16"


@dataclasses.dataclass
class Machine:
    """Ports 2i and 2i+1 are joined by a wire: a hub inside QEMU; taps that hand on to each other where the wire chooses the queue."""

    ports: int = 2
    queues: int = 1
    driver: str = "virtio"
    cpus: int = 0  # 0: one for each queue, or node
    nodes: int = 1
    hugepages: tuple = ()  # of 2 MiB, by node
    memory_mib: int = 512
    port_options: str = ""  # further properties of the port's device
    plugin: str = ""  # of the emulator, with its arguments
    interactive: bool = False

    def __post_init__(self):
        # virtio-net makes itself more queues where there are more pairs than processors; see docs/guest.md.
        self.cpus = self.cpus or max(self.queues, self.nodes)
        if self.ports % 2 != 0:
            raise ValueError("ports come in pairs, with a wire between the two")

    @property
    def taps(self):
        # igb chooses by its own hash, and takes as many queues as there are processors.
        return [f"plxtap{port}" for port in range(self.ports)] if self.queues > 1 and self.driver != "igb" else []

    @staticmethod
    def mac(port):
        return f"02:00:00:00:00:{port + 1:02x}"

    def node_of(self, port):
        return port // 2 % self.nodes

    def port_arguments(self, port):
        """One port, in a slot of its own on its node, so that it can be pulled out."""
        if self.taps:
            backend = f"tap,id=wire{port},ifname={self.taps[port]},script=no,downscript=no,queues={self.queues}"
        else:
            backend = f"hubport,id=wire{port},hubid={port // 2}"
        common = f"id=port{port},bus=slot{port},netdev=wire{port},mac={self.mac(port)},romfile="
        if self.driver == "virtio":
            # Zero-copy needs the DMA interface of a real device (iommu_platform), even without an IOMMU.
            # A hub turns the order of two packets round when the receiver's ring runs empty: let it be a long one.
            device = f"virtio-net-pci,{common},iommu_platform=on,disable-legacy=on,rx_queue_size=1024"
            if self.queues > 1:
                device += f",mq=on,vectors={2 * self.queues + 2}"
        else:
            device = f"{self.driver},{common}"
        bus = f"node{self.node_of(port)}" if self.nodes > 1 else "pcie.0"
        slot = f"pcie-root-port,id=slot{port},bus={bus},chassis={port + 1},slot={port + 1}"
        return ["-netdev", backend, "-device", slot, "-device", device + self.port_options]

    def topology_arguments(self):
        arguments = ["-m", str(self.memory_mib), "-smp", f"{self.cpus},sockets={self.nodes}"]
        if self.nodes == 1:
            return arguments
        each, share = self.cpus // self.nodes, self.memory_mib // self.nodes
        for node in range(self.nodes):
            arguments += ["-object", f"memory-backend-ram,id=memory{node},size={share}M"]
            arguments += ["-numa", f"node,nodeid={node},memdev=memory{node},cpus={node * each}-{node * each + each - 1}"]
            arguments += ["-device", f"pxb-pcie,id=node{node},bus=pcie.0,bus_nr={64 * (node + 1)},numa_node={node}"]
        return arguments

    def arguments(self, qemu, kernel, initramfs, folder):
        arguments = [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-machine", "q35", "-accel", "tcg,thread=single"]
        arguments += ["-cpu", CPU, "-kernel", str(kernel.image), "-initrd", str(initramfs), "-append", KERNEL_OPTIONS]
        arguments += self.topology_arguments()
        arguments += ["-serial", "mon:stdio" if self.interactive else f"file:{folder}/console", "-device", "virtio-serial-pci,bus=pcie.0"]
        for name in ("output", "status", "files"):
            arguments += ["-chardev", f"file,id={name},path={folder}/{name}", "-device", f"virtserialport,chardev={name},name={name}"]
        # The guest's own line to the monitor: device_del and set_link are things that happen to a machine.
        arguments += ["-chardev", f"socket,id=monitor,path={folder}/monitor,server=on,wait=off", "-mon", "monitor"]
        arguments += ["-chardev", f"socket,id=monitor_line,path={folder}/monitor"]
        arguments += ["-device", "virtserialport,chardev=monitor_line,name=monitor"]
        if self.plugin:
            arguments += ["-plugin", self.plugin]
        for port in range(self.ports):
            arguments += self.port_arguments(port)
        return arguments

    def wrapped(self, command):
        """The taps live in a network namespace that ends with QEMU."""
        if not self.taps:
            return command
        lines = ["set -e", "PATH=$PATH:/usr/sbin:/sbin", "sysctl -qw net.ipv6.conf.default.disable_ipv6=1"]
        for tap in self.taps:
            lines.append(f"ip tuntap add name {tap} mode tap multi_queue")
            lines.append(f"ip link set dev {tap} txqueuelen 10000 up")
            lines.append(f"tc qdisc add dev {tap} clsact")
        # A bridge would drop what no station may send; this program matches every frame, and mirred takes it to the other end.
        for port, tap in enumerate(self.taps):
            match = f"tc filter add dev {tap} ingress protocol all bpf bytecode '1,6 0 0 4294967295'"
            lines.append(f"{match} action mirred egress redirect dev {self.taps[port ^ 1]}")
        lines.append('exec "$@"')
        unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
        return [*unshare, "sh", "-c", "\n".join(lines), "sh", *command]

    def prepare(self):
        """Shell words for the guest: names by MAC, since the order in which devices show up differs; and a wire that passes everything."""
        lines = []
        for port in range(self.ports):
            found = f'$(grep -l "{self.mac(port)}" /sys/class/net/*/address | cut -d/ -f5)'
            lines.append(f"ip link set {found} name port{port} && ip link set port{port} promisc on up")
        for node, count in enumerate(self.hugepages):
            lines.append(f"echo {count} >/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages")
        return "\n".join(lines) or ":"


def die_with_parent():
    """However the runner ends, its QEMU ends too (PR_SET_PDEATHSIG; kept over exec)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


@dataclasses.dataclass
class Result:
    status: int
    console: str
    seconds: float


def follow(process, fifo, write, deadline):
    """Hands on what the guest prints until QEMU ends; False if the time is up first."""
    poll = select.poll()
    poll.register(fifo, select.POLLIN)
    while True:
        poll.poll(100)
        try:
            while data := os.read(fifo, 65536):
                write(data)
        except BlockingIOError:
            pass
        if process.poll() is not None:
            return True
        if time.monotonic() > deadline:
            return False


def run(machine, qemu, kernel, initramfs, write, timeout_s, files_to):
    """Boots, runs and returns the exit code; what the guest left in its /out goes to the folder `files_to`."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"plx{os.getpid()}-") as name:
        folder = pathlib.Path(name)
        image = folder / "initramfs"
        initramfs.write(image)
        os.mkfifo(folder / "output")
        fifo = os.open(folder / "output", os.O_RDONLY | os.O_NONBLOCK)
        command = machine.wrapped(machine.arguments(qemu, kernel, image, folder))
        with open(folder / "qemu", "wb") as errors:
            streams = {} if machine.interactive else {"stdin": subprocess.DEVNULL, "stdout": errors, "stderr": errors}
            process = subprocess.Popen(command, preexec_fn=die_with_parent, **streams)
        try:
            in_time = follow(process, fifo, write, began + timeout_s)
        finally:
            process.kill()
            process.wait()
            os.close(fifo)
        status = (folder / "status").read_text(encoding="ascii").strip() if (folder / "status").exists() else ""
        console = "".join((folder / part).read_text(errors="replace") for part in ("qemu", "console") if (folder / part).exists())
        files = folder / "files"
        if files_to and files.exists() and files.stat().st_size > 0:
            subprocess.run(["tar", "-x", "-f", str(files), "-C", str(files_to)], check=True)
        if not in_time:
            return Result(TIMED_OUT, console, time.monotonic() - began)
        died = 0 if machine.interactive else GUEST_DIED
        return Result(int(status) if status else died, console, time.monotonic() - began)
