# SPDX-License-Identifier: Apache-2.0
"""tools/ovs run: what is left when it ends, however it ends."""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from rig import RIG, ROOT, Namespace, attempt, wait_for


def is_running(process):
    """False for one that has ended, whether or not somebody has asked how."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Run(unittest.TestCase):
    """A bridge of its own, with daemons of its own."""

    @classmethod
    def setUpClass(cls):
        cls.namespace = Namespace("runner")
        cls.namespace.attach("r0", "10.7.0.1")

    def start(self, folders):
        """Returns the process, and the numbers of its daemons."""
        process = subprocess.Popen([ROOT / "tools/ovs", "run", f"--programs={os.environ['ovs_programs']}", "r0"], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, env={**os.environ, "TMPDIR": str(folders)})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        said = []
        while not said or not said[-1].startswith("forwarding"):
            said.append(process.stdout.readline())
            if not said[-1]:
                raise AssertionError(f"tools/ovs run ended: {' '.join(said)}")
        return process, [int(path.read_text()) for path in folders.glob("plxo*/*.pid")]

    def check_gone(self, daemons):
        if len(daemons) != 2:
            raise AssertionError(f"{len(daemons)} daemons have written their numbers, not 2")
        wait_for(lambda: f"of {daemons} these are left: {[daemon for daemon in daemons if is_running(daemon)]}",
                 lambda: not any(is_running(daemon) for daemon in daemons))
        wait_for("the bridge's interface is left", lambda: attempt("ip", "link", "show", "br0")[0] != 0)

    def test_ends_of_a_run(self):
        """tools/ovs run takes its daemons with it, if it is killed too"""
        with tempfile.TemporaryDirectory(dir=RIG) as name:
            folders = pathlib.Path(name)
            process, daemons = self.start(folders)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.check_gone(daemons)
            wait_for("its folder is left", lambda: not list(folders.glob("plxo*")))
            process, daemons = self.start(folders)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            self.check_gone(daemons)
            if list(folders.glob("plxo*")):
                raise AssertionError("a folder is left after SIGTERM")
