# SPDX-License-Identifier: Apache-2.0
"""guest_test: a test program that runs in an emulated machine."""

def guest_test(name, program, machine = [], files = [], size = "medium", tags = [], args = []):
    """Boots a machine, runs `program` in it, and passes as it does.

    Args:
      name: of the test.
      program: label of a gtest program.
      machine: options of tools/guest.
      files: labels of programs that are taken along; POLLUX_TESTPMD names //tools/testpmd if it is among them, POLLUX_BROKER the broker.
      size: as everywhere; a boot takes 4 to 15 s.
      tags: besides the usual; "manual" for what continuous integration need not run.
      args: of the program.
    """
    taken = []
    for label in files:
        taken += ["--file", "$(rootpath %s)" % label]
        if label.endswith("testpmd"):
            taken += ["--env", "POLLUX_TESTPMD=$(rootpath %s)" % label]
        if label.endswith("pollux-broker"):
            taken += ["--env", "POLLUX_BROKER=$(rootpath %s)" % label]
    native.sh_test(
        name = name,
        size = size,
        srcs = ["guest_test.py"],
        args = machine + taken + ["--", "$(rootpath %s)" % program] + args,
        data = [
            program,
            "//tools/guest_machine:runner",
        ] + files,
        env_inherit = ["CI", "XDG_CACHE_HOME", "POLLUX_QEMU"],
        # The program itself runs under the sanitizers elsewhere; here a kernel is tested, and an instrumented one takes minutes.
        # Alone: the emulator takes every processor, and what else runs would fail for want of time.
        tags = ["exclusive", "local", "no-sanitizer", "requires-root"] + tags,
    )
