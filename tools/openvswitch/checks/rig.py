# SPDX-License-Identifier: Apache-2.0
"""What the checks of the provider have in common: daemons, ports, traffic, and waiting for what is expected.

They run inside the sandbox of tools/ovs (daemons.bash), so names are free and nothing needs to be removed. The environment has `root`, `ovs_tree`,
`ovs_programs` and `ovs_rig`, the folder of the daemons.
"""

import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(os.environ["root"])
RIG = pathlib.Path(os.environ["ovs_rig"])
# Interfaces, and what they are joined to. Statistics come into the database every five seconds.
PATIENCE = 20


def run(*command, timeout=60, env=None):
    """Returns what the command prints. It must succeed."""
    try:
        done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, timeout=timeout, env=env)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"{' '.join(map(str, command))}: not done after {timeout} s") from late
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit code {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout.strip()


def attempt(*command, timeout=60, env=None):
    """Returns exit code and all words of the command."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=timeout, env=env)
    return done.returncode, done.stdout.strip()


def wait_for(what, condition, seconds=PATIENCE):
    """Returns the first true value of condition(). `what` may be a function that says how things stand at the end."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what() if callable(what) else what} (waited {seconds} s)")
        time.sleep(0.05)


def start_web_server(address, port, prefix=()):
    """An HTTP server of what is in RIG/www, running. `prefix`: what starts a command in a namespace."""
    (RIG / "www").mkdir(exist_ok=True)
    return subprocess.Popen([*prefix, sys.executable, "-m", "http.server", "--bind", address, "--directory", str(RIG / "www"), str(port)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Namespace:
    """A network namespace with eth0, the far end of a port, as a veth is by default: it leaves checksums to the port's driver."""

    def __init__(self, name):
        self.name = name
        self.ports = []
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "dev", "lo", "up")

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *map(str, command)]

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def start(self, *command, **options):
        return subprocess.Popen(self.command(*command), **options)

    def attach(self, port, address, mac=None, queues=1, far_queues=1, prefix=24):
        """A veth pair: `port` here, eth0 there."""
        run("ip", "link", "add", port, "numrxqueues", queues, "numtxqueues", queues, "type", "veth",
            "peer", "name", "eth0", "numrxqueues", far_queues, "numtxqueues", far_queues, "netns", self.name)
        self.ports.append(port)
        if mac:
            self.ip("link", "set", "dev", "eth0", "address", mac)
        self.ip("address", "add", f"{address}/{prefix}", "broadcast", "+", "dev", "eth0")
        self.ip("link", "set", "dev", "eth0", "up")
        run("ip", "link", "set", "dev", port, "up")

    def remove(self):
        """With its ports: with the namespace alone the kernel takes its time for these, and their names are in use until then."""
        for port in self.ports:
            attempt("ip", "link", "delete", port)
        run("ip", "netns", "delete", self.name)

    def ping(self, address, *options):
        """The first ten packets all come back. With a deadline ping sends further ones while it waits: an answer may be late, but not lost."""
        _, answer = attempt(*self.command("ping", "-n", "-c", 10, "-i", "0.05", "-w", 10, *options, address))
        lost = [number for number in range(1, 11) if f"icmp_seq={number} " not in answer]
        if lost:
            raise AssertionError(f"ping {address} from {self.name}: no answer to packets {lost}: {' '.join(answer.splitlines()[-3:])}")


class Switch:
    """ovsdb-server and ovs-vswitchd in $ovs_rig, started as tools/ovs does: the machine's Open vSwitch, to all commands."""

    def __init__(self, *settings):
        self._begin(RIG, (), settings)
        os.environ.update(self.environment)

    def _begin(self, folder, prefix, settings):
        self.folder, self.prefix = folder, list(prefix)
        tree, programs = os.environ["ovs_tree"], os.environ["ovs_programs"]
        path = os.environ["PATH"] if programs in os.environ["PATH"] else \
            f"{programs}:{tree}/build/utilities:{tree}/build/ovsdb:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "ovs_rig": str(folder)}
        for variable in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"):
            self.environment[variable] = str(folder)
        # One way to start them: that of daemons.bash.
        self._daemons(f"ovs_settings=({' '.join(settings)}); ovs_start \"$ovs_rig\"")

    def run(self, *command, **options):
        return run(*command, env=self.environment, **options)

    def attempt(self, *command, **options):
        return attempt(*command, env=self.environment, **options)

    def _daemons(self, function):
        script = 'source "$root/tools/console.bash"; source "$root/tools/openvswitch/daemons.bash"; ' + \
            f"ovs_environment; ovs_daemon_environment; {function}"
        # What a daemon keeps open of its standard output would keep a pipe open.
        log = self.folder / "daemons.log"
        with open(log, "w", encoding="utf-8") as output:
            done = subprocess.run([*self.prefix, "bash", "-c", script], stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False,
                                  timeout=120, env=self.environment)
        if done.returncode != 0:
            raise AssertionError(f"the daemons: {log.read_text(encoding='utf-8').strip()[-500:]}")

    def start_switch(self, *options):
        self._daemons(f"ovs_start_switch {' '.join(options)}")

    def end_switch(self):
        self._daemons("ovs_end ovs-vswitchd")

    def restart_switch(self, *options, ports=()):
        self.end_switch()
        self.start_switch(*options)
        self.await_polling(*ports)

    @property
    def pid(self):
        return int((self.folder / "ovs-vswitchd.pid").read_text())

    @property
    def log(self):
        return (self.folder / "ovs-vswitchd.log").read_text(errors="replace")

    def await_log(self, text):
        """The daemon writes its log by another thread."""
        wait_for(lambda: f"the log has not {text!r}: {self.log[-4000:]}", lambda: text in self.log)

    def warnings(self):
        return [line for line in self.log.splitlines() if re.search(r"\|(WARN|ERR|EMER)\|", line)]

    def check_alive(self):
        code, _ = self.attempt("ovs-appctl", "--timeout=10", "version")
        if code != 0:
            raise AssertionError(f"ovs-vswitchd has ended: {' '.join(self.log.splitlines()[-2:])}")

    def held(self):
        """What must come back when ports have come and gone: files of ovs-vswitchd, and the XDP programs among them."""
        process = pathlib.Path(f"/proc/{self.pid}")
        programs = 0
        for information in (process / "fdinfo").iterdir():
            try:
                programs += "\nprog_id:" in information.read_text()
            except OSError:
                pass  # closed meanwhile
        return {"programs": programs, "files": len(list((process / "fd").iterdir()))}

    def vsctl(self, *arguments):
        return self.run("ovs-vsctl", "--timeout=30", *arguments)

    def add_bridge(self, name):
        self.vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")

    def errors(self):
        return self.vsctl("--columns=name,error", "--format=csv", "--no-headings", "find", "interface", "error!=[]")

    def add_port(self, bridge, port, *columns):
        # With an error of the port's, ovs-vsctl ends with 0 or another code, by version.
        self.attempt("ovs-vsctl", "--timeout=30", "add-port", bridge, port, "--", "set", "interface", port, "type=pollux", *columns)
        if self.errors():
            raise AssertionError(f"add-port {bridge} {port}: {self.errors()}")

    def get(self, port, what):
        """A column, or COLUMN:KEY, of table Interface; empty if there is no such key."""
        return self.run("ovs-vsctl", "--timeout=30", "--if-exists", "get", "interface", port, what).strip('"')

    def await_statistic(self, port, name, fits):
        wait_for(lambda: f"{name} of {port} is '{self.get(port, f'statistics:{name}')}'",
                 lambda: (value := self.get(port, f"statistics:{name}")) and fits(int(value)))

    def await_polling(self, *ports):
        for port in ports:
            wait_for(lambda port=port: f"{port} is not polled: {self.errors()} {' '.join(self.warnings()[-3:])}",
                     lambda port=port: re.search(f"port: {port} .*\\(enabled\\)", self.attempt("ovs-appctl", "dpif-netdev/pmd-rxq-show")[1]))

    def set_flow(self, flow):
        self.run("ovs-ofctl", "-O", "OpenFlow13", "add-flow", "br0", flow)
        # The datapath may act on its copy of the old flows until then.
        self.run("ovs-appctl", "revalidator/wait")

    def delete_flow(self, flow):
        self.run("ovs-ofctl", "-O", "OpenFlow13", "--strict", "del-flows", "br0", flow)
        self.run("ovs-appctl", "revalidator/wait")


class OtherSwitch(Switch):
    """Another one beside it, with a folder of its own; with `namespace` its interfaces are those of that one."""

    def __init__(self, name, *settings, namespace=None):  # pylint: disable=super-init-not-called
        folder = RIG / name
        folder.mkdir()
        self._begin(folder, namespace.command() if namespace else (), settings)

    def end(self):
        self._daemons("ovs_stop")
