#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/ovs ovn-demo, inside the sandbox: OVN with its own daemons, on Open vSwitch's userspace datapath with ports of `type`.

    pod1 10.0.1.11   pod3 10.0.2.13          pod2 10.0.1.12   pod4 10.0.2.14          blue: 10.0.1.0/24, green: 10.0.2.0/24
        \\               /                        \\               /
     br-int of namespace host1                br-int of namespace host2               each with ovsdb-server, ovs-vswitchd, ovn-controller
        |            \\                            |
     br-outside    br-phys 192.168.50.1 ---Geneve--- br-phys 192.168.50.2
        |
     namespace outside 172.16.0.2                                                     the router translates to 172.16.0.1; pod1 is 172.16.0.11 there

The databases and ovn-northd run once, outside of the hosts. Every port that is an interface is one of `type`. The environment has
`ovn_programs`, and `seconds` of each iperf3 run, 0 for none.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(FOLDER / "checks"))

from rig import RIG, Namespace, attempt, run, start_web_server, wait_for
from steps import passed, run_steps, told

TYPE, SECONDS = os.environ["type"], int(os.environ["seconds"])
OVN = pathlib.Path(os.environ["ovn_programs"])
# Nobody answers for names here, and Python's web server asks for its own.
os.environ["RES_OPTIONS"] = "timeout:1 attempts:1"
# The outer headers take 58 bytes of the underlay's 1500.
INNER_MTU = 1400
OUTSIDE, ROUTER, FLOATING = "172.16.0.2", "172.16.0.1", "172.16.0.11"
OPEN, CLOSED = 8000, 8001


class Central:
    """The two databases and ovn-northd."""

    def __init__(self):
        self.folder = RIG / "central"
        self.folder.mkdir()
        os.environ.update({"OVN_RUNDIR": str(self.folder), "OVN_LOGDIR": str(self.folder), "OVN_DBDIR": str(self.folder)})
        tree, programs = os.environ["ovs_tree"], os.environ["ovs_programs"]
        os.environ["PATH"] = f"{programs}:{tree}/build/utilities:{tree}/build/ovsdb:{OVN}/usr/bin:{os.environ['PATH']}"
        for name in ("nb", "sb"):
            database, socket = self.folder / f"ovn{name}.db", self.folder / f"ovn{name}_db.sock"
            run("ovsdb-tool", "create", database, OVN / f"usr/share/ovn/ovn-{name}.ovsschema")
            run("ovsdb-server", database, f"--remote=punix:{socket}", f"--unixctl={self.folder}/{name}.ctl", *self.daemon(f"ovsdb-{name}"))
        self.south = f"unix:{self.folder}/ovnsb_db.sock"
        self.north = f"unix:{self.folder}/ovnnb_db.sock"
        run("ovn-northd", f"--ovnnb-db={self.north}", f"--ovnsb-db={self.south}", f"--unixctl={self.folder}/northd.ctl", *self.daemon("northd"))
        self.nbctl("init")

    def daemon(self, name):
        return [f"--pidfile={self.folder}/{name}.pid", "--detach", "--no-chdir", "--verbose=console:off", f"--log-file={self.folder}/{name}.log"]

    def nbctl(self, *arguments):
        return run("ovn-nbctl", f"--db={self.north}", "--timeout=60", *arguments)


class Host(Namespace):
    """A namespace with daemons of its own, in a folder of their own."""

    def __init__(self, number, central):
        super().__init__(f"host{number}")
        self.number, self.central, self.address = number, central, f"192.168.50.{number}"
        self.folder = RIG / self.name
        self.folder.mkdir()
        variables = ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR", "OVN_RUNDIR", "OVN_LOGDIR")
        self.environment = {**os.environ, **{name: str(self.folder) for name in variables}, "ovs_rig": str(self.folder)}

    def program(self, *command, timeout=60):
        """Runs it on this host."""
        done = subprocess.run(self.command(*command), env=self.environment, text=True, capture_output=True, check=False, timeout=timeout)
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: {' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout.strip()

    def settings(self):
        """Left to themselves both hosts would poll on the first processor, and take turns there, a time slice each."""
        processors = sorted(os.sched_getaffinity(0))
        processor = processors[(self.number - 1) % len(processors)]
        sleep = "pmd-maxsleep" if run("ovs-vswitchd", "--version").split()[-1].startswith("3.1.") else "pmd-sleep-max"
        return f"other_config:pmd-cpu-mask={1 << processor:#x} other_config:{sleep}=100"

    def start_daemons(self):
        # One way to start Open vSwitch: that of daemons.bash. What a daemon keeps open of its standard output would keep a pipe open.
        script = f'source "$root/tools/console.bash"; source "{FOLDER}/daemons.bash"; ovs_settings=({self.settings()}); ovs_start "$ovs_rig"'
        with open(self.folder / "daemons.log", "w", encoding="utf-8") as log:
            done = subprocess.run(self.command("bash", "-c", script), env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                  check=False, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: {(self.folder / 'daemons.log').read_text(encoding='utf-8').strip()[-500:]}")
        self.vsctl("set", "Open_vSwitch", ".", f"external_ids:system-id={self.name}", f"external_ids:hostname={self.name}",
                   f"external_ids:ovn-remote={self.central.south}", "external_ids:ovn-encap-type=geneve",
                   f"external_ids:ovn-encap-ip={self.address}", "external_ids:ovn-bridge-datapath-type=netdev")

    def start_controller(self):
        self.program("ovn-controller", f"unix:{self.folder}/db.sock",
                     f"--pidfile={self.folder}/controller.pid", "--detach", "--no-chdir", "--verbose=console:off",
                     f"--log-file={self.folder}/controller.log")

    def vsctl(self, *arguments):
        return self.program("ovs-vsctl", "--timeout=60", *arguments)

    def add_bridge(self, name):
        self.vsctl("--may-exist", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")

    def add_port(self, bridge, port, *columns):
        self.vsctl("add-port", bridge, port, "--", "set", "interface", port, f"type={TYPE}", *columns)
        error = self.vsctl("get", "interface", port, "error")
        if error != "[]":
            raise AssertionError(f"{self.name}: {port}: {error}")

    def warnings(self):
        lines = []
        for log in ("ovs-vswitchd.log", "controller.log"):
            if (self.folder / log).exists():
                text = (self.folder / log).read_text(errors="replace")
                lines += [f"{self.name}: {line}" for line in text.splitlines() if re.search(r"\|(WARN|ERR|EMER)\|", line)]
        return lines


class Demo:
    """Two hosts, four pods, one namespace outside."""

    def __init__(self):
        self.central = None
        self.hosts, self.pods, self.servers = [], {}, []

    def warnings(self):
        return [line for host in self.hosts for line in host.warnings()]

    def central_part(self):
        self.central = Central()
        nbctl = self.central.nbctl
        nbctl("lr-add", "router")
        for number, switch in ((1, "blue"), (2, "green")):
            nbctl("ls-add", switch)
            nbctl("lrp-add", "router", f"to-{switch}", f"02:00:00:00:00:0{number}", f"10.0.{number}.1/24")
            self.join(switch, f"{switch}-router", f"to-{switch}")
        nbctl("ls-add", "outside")
        nbctl("lrp-add", "router", "to-outside", "02:00:00:00:00:03", f"{ROUTER}/24")
        self.join("outside", "outside-router", "to-outside")
        nbctl("lsp-add", "outside", "wire", "--", "lsp-set-type", "wire", "localnet", "--", "lsp-set-addresses", "wire", "unknown",
              "--", "lsp-set-options", "wire", "network_name=outside")
        nbctl("lrp-set-gateway-chassis", "to-outside", "host1", "10")
        nbctl("lr-nat-add", "router", "snat", ROUTER, "10.0.0.0/16")
        nbctl("lr-nat-add", "router", "dnat_and_snat", FLOATING, "10.0.1.11")
        # Stateful: what is not allowed to a pod is dropped, and answers to what a pod began come in.
        for switch in ("blue", "green"):
            nbctl("acl-add", switch, "from-lport", "1000", "ip", "allow-related")
            nbctl("acl-add", switch, "to-lport", "1000", "icmp", "allow-related")
            nbctl("acl-add", switch, "to-lport", "1000", f"tcp.dst == {OPEN} || tcp.dst == 5201", "allow-related")
            nbctl("acl-add", switch, "to-lport", "900", "ip", "drop")
        passed("central", f"{run('ovn-northd', '--version').splitlines()[0]}; switches blue and green, router, NAT, access rules")

    def join(self, switch, port, router_port):
        self.central.nbctl("lsp-add", switch, port, "--", "lsp-set-type", port, "router", "--", "lsp-set-addresses", port, "router",
                           "--", "lsp-set-options", port, f"router-port={router_port}")

    def hosts_part(self):
        self.hosts = [Host(number, self.central) for number in (1, 2)]
        first, second = self.hosts
        run("ip", "link", "add", "wire", "netns", first.name, "type", "veth", "peer", "name", "wire", "netns", second.name)
        for host in self.hosts:
            host.ip("link", "set", "dev", "wire", "up")
            host.start_daemons()
            # The tunnel's outer packets: the datapath asks the kernel's routes of this namespace, and finds this bridge's own port.
            host.add_bridge("br-phys")
            host.add_port("br-phys", "wire")
            host.ip("address", "add", f"{host.address}/24", "dev", "br-phys")
            host.ip("link", "set", "dev", "br-phys", "up")
        first.add_bridge("br-outside")
        first.vsctl("set", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings=outside:br-outside")
        self.outside = Namespace("outside")
        self.far_end(first, "outer", self.outside, f"{OUTSIDE}/24", "02:00:00:00:00:99")
        first.add_port("br-outside", "outer")
        for host in self.hosts:
            host.start_controller()
        # The outer way is of use by itself.
        wait_for("host1 does not reach host2", lambda: attempt(*first.command("ping", "-q", "-n", "-c", 1, "-W", 1, second.address))[0] == 0)
        passed("hosts", f"host1 and host2: {first.program('ovs-vswitchd', '--version').splitlines()[0]}, ovn-controller, a wire between them")

    @staticmethod
    def far_end(host, port, namespace, address, mac):
        run("ip", "link", "add", port, "netns", host.name, "type", "veth", "peer", "name", "eth0", "netns", namespace.name)
        namespace.ip("link", "set", "dev", "eth0", "address", mac, "mtu", INNER_MTU)
        namespace.ip("address", "add", address, "dev", "eth0")
        namespace.ip("link", "set", "dev", "eth0", "up")
        host.ip("link", "set", "dev", port, "up")
        if TYPE == "afxdp":
            # It sends unfinished checksums on as they are.
            namespace.run("ethtool", "-K", "eth0", "tx", "off")

    def pods_part(self):
        for number, switch in ((1, "blue"), (2, "blue"), (3, "green"), (4, "green")):
            host, network = self.hosts[(number + 1) % 2], 1 if switch == "blue" else 2
            name, address, mac = f"pod{number}", f"10.0.{network}.{10 + number}", f"02:00:00:00:01:0{number}"
            pod = Namespace(name)
            self.pods[number] = (pod, address)
            self.central.nbctl("lsp-add", switch, name, "--", "lsp-set-addresses", name, f"{mac} {address}",
                               "--", "lsp-set-port-security", name, f"{mac} {address}")
            self.far_end(host, name, pod, f"{address}/24", mac)
            pod.ip("route", "add", "default", "via", f"10.0.{network}.1")
            host.add_port("br-int", name, f"external_ids:iface-id={name}")
        self.central.nbctl("--wait=hv", "sync")
        for number in self.pods:
            wait_for(f"pod{number} is not up", lambda number=number: self.central.nbctl("lsp-get-up", f"pod{number}") == "up")
        passed("pods", f"pod1 and pod3 on host1, pod2 and pod4 on host2, each a port of type={TYPE} of br-int")

    def check_ping(self, source, name, address, what, options=()):
        # Bindings, tunnels and neighbours settle a moment after ovn-nbctl has said that flows are there: all of ten answers, once.
        wait_for(lambda: f"ping from {name} to {address}, {what}: not ten answers of ten",
                 lambda: " 10 received" in attempt(*source.command("ping", "-q", "-n", "-c", 10, "-i", "0.02", "-W", 1, *options, address))[1])

    def ping_part(self):
        ways = [(1, 3, "through the router, on one host"), (1, 2, "one switch, through the tunnel"), (1, 4, "through router and tunnel"),
                (2, 3, "through router and tunnel"), (2, 4, "through the router, on one host"), (3, 4, "one switch, through the tunnel")]
        for source, target, what in ways:
            self.check_ping(self.pods[source][0], f"pod{source}", self.pods[target][1], what)
        # The largest that needs no fragments, and one that does.
        for size in (INNER_MTU - 28, 4000):
            self.check_ping(self.pods[1][0], "pod1", self.pods[4][1], f"with {size} bytes", ("-s", size))
        geneve = [host.vsctl("--columns=name", "--bare", "find", "interface", "type=geneve") for host in self.hosts]
        if not all(geneve):
            raise AssertionError("there is no Geneve port")
        passed("ping", "from every pod to every other: over the switch, the router and the Geneve tunnel; with fragments too")

    def nat_part(self):
        for number in (1, 4):
            self.check_ping(self.pods[number][0], f"pod{number}", OUTSIDE, "to the outside")
        self.check_ping(self.outside, "outside", FLOATING, "to pod1's address there")
        passed("NAT", f"pods of both hosts reach {OUTSIDE} as {ROUTER}; from there pod1 is {FLOATING}")

    def download(self, source, address, port, seconds=10):
        return attempt(*source.command("curl", "-sS", "--max-time", seconds, "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}:{port}/file"))

    def serve(self, namespace, address, port):
        self.servers.append(start_web_server(address, port, prefix=namespace.command()))
        wait_for(f"no web server at {address}:{port}", lambda: self.download(namespace, address, port) == (0, "200"))

    def check_open(self, source, name, address):
        got = self.download(source, address, OPEN)
        if got != (0, "200"):
            raise AssertionError(f"{name} gets nothing from http://{address}:{OPEN}/file: {got}")

    def http_part(self):
        (RIG / "www").mkdir(exist_ok=True)
        (RIG / "www" / "file").write_bytes(os.urandom(1 << 20))
        pod4, address = self.pods[4]
        for port in (OPEN, CLOSED):
            self.serve(pod4, address, port)
        for number in (1, 2, 3):
            self.check_open(self.pods[number][0], f"pod{number}", address)
        for number in (1, 3):
            if self.download(self.pods[number][0], address, CLOSED, seconds=2)[0] == 0:
                raise AssertionError(f"pod{number} reaches port {CLOSED} of {address}, which the access rules close")
        passed("HTTP", f"pod4's port {OPEN} from every pod; port {CLOSED} is closed by the access rules")
        self.serve(self.outside, OUTSIDE, OPEN)
        self.check_open(pod4, "pod4", OUTSIDE)
        passed("HTTP", "pod4 from the outside, through the tunnel and NAT")

    def iperf_part(self):
        for source, target, what in ((1, 3, "one host, router"), (1, 2, "Geneve"), (1, 4, "router and Geneve")):
            pod, address = self.pods[target]
            server = pod.start("iperf3", "-s", "-1", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for("iperf3 does not listen", lambda pod=pod: ":5201" in pod.run("ss", "-l", "-t", "-n"))
                said = self.pods[source][0].run("iperf3", "-c", address, "-t", SECONDS, "-J", timeout=SECONDS + 60)
            finally:
                server.kill()
                server.wait()
            sums = json.loads(said)["end"]
            told("iperf3", f"pod{source} to pod{target} ({what}): {sums['sum_received']['bits_per_second'] / 1e9:.2f} Gbit/s, "
                 f"{sums['sum_sent']['retransmits']} sent again")
        passed("iperf3", f"{SECONDS} s each")

    def end_part(self):
        for host in self.hosts:
            memory = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{(host.folder / 'ovs-vswitchd.pid').read_text().strip()}/status").read_text())
            told("memory", f"ovs-vswitchd of {host.name}: {int(memory.group(1)) // 1024} MiB")
        for line in self.warnings():
            if re.search(r"\|(ERR|EMER)\|", line):
                raise AssertionError(f"the log has an error: {line}")

    def steps(self):
        parts = [self.central_part, self.hosts_part, self.pods_part, self.ping_part, self.nat_part, self.http_part]
        return parts + ([self.iperf_part] if SECONDS else []) + [self.end_part]


if __name__ == "__main__":
    demo = Demo()
    sys.exit(run_steps(demo.steps(), demo.warnings))
