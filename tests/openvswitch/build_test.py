#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tools/ovs makes of source trees, before anything is compiled: which is meant, what goes into it, what it refuses."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

FOLDER = pathlib.Path("tools/openvswitch").resolve()
sys.path[:0] = [str(FOLDER)]
import adapt_tree  # pylint: disable=wrong-import-position
import source  # pylint: disable=wrong-import-position
import suite_numbers  # pylint: disable=wrong-import-position

SUITE = '''at_help_all="1;system-afxdp.at:3;AF_XDP - first;afxdp;
2;system-traffic.at:9;datapath - ping;;
"
'''


class Folder(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


class SourceTest(Folder):
    def test_versions_match_by_their_first_numbers(self):
        self.assertTrue(source.matches("3.1.0-2+deb12u1", "3.1"))
        self.assertFalse(source.matches("3.10.0-1", "3.1"))
        self.assertFalse(source.matches("13.1.0-1", "3.1"))

    def test_a_tree_is_named_by_what_is_in_it(self):
        self.write("configure", "")
        self.write("configure.ac", "AC_INIT(openvswitch, 4.0.0, bugs@openvswitch.org)\n")
        self.write("lib/a.c", "one")
        name, path = source.of_a_tree(self.folder)
        self.assertRegex(name, r"^4\.0\.0\+[0-9a-f]{12}$")
        self.assertEqual(path, self.folder)
        self.write("lib/a.o", "built")
        self.assertEqual(source.of_a_tree(self.folder)[0], name)
        self.write("lib/a.c", "two")
        self.assertNotEqual(source.of_a_tree(self.folder)[0], name)

    def test_a_tree_without_configure_is_told_what_to_do(self):
        with self.assertRaisesRegex(SystemExit, r"boot\.sh"):
            source.of_a_tree(self.folder)


class SuiteNumbersTest(Folder):
    def test_titles_become_numbers_of_this_suite(self):
        self.assertEqual(suite_numbers.titles_of(self.write("suite", SUITE)), {"AF_XDP - first": "1", "datapath - ping": "2"})

    def test_a_title_that_is_missing_is_named(self):
        with self.assertRaisesRegex(SystemExit, "no test 'datapath - pong'"):
            suite_numbers.main(self.write("suite", SUITE), self.write("titles", "# comment\ndatapath - ping\ndatapath - pong\n"))


class AdaptTreeTest(Folder):
    def texts(self):
        return {path.name: path.read_text() for path in self.folder.glob("lib/*")}

    def test_twice_is_once(self):
        for name in {edit[0] for edit in adapt_tree.EDITS}:
            self.write(name, "".join(anchor for file, anchor, *_ in adapt_tree.EDITS if file == name))
        adapt_tree.main(self.folder)
        once = self.texts()
        self.assertIn("DPBUF_EXTERNAL", once["dpif-netdev.c"])
        adapt_tree.main(self.folder)
        self.assertEqual(self.texts(), once)

    def test_a_tree_that_is_too_different_is_left_alone(self):
        for name in {edit[0] for edit in adapt_tree.EDITS}:
            self.write(name, "something else\n")
        with self.assertRaisesRegex(SystemExit, "expected exactly once, found 0 times"):
            adapt_tree.main(self.folder)
        self.assertEqual(set(self.texts().values()), {"something else\n"})


class LinkTest(Folder):
    def refusal(self):
        done = subprocess.run([FOLDER / "link.sh"], cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def configured(self, adapted="DPBUF_EXTERNAL", shared="no", af_xdp="1"):
        self.write("Makefile", f"abs_top_srcdir = {self.folder}\n")
        self.write("libtool", f"build_libtool_libs={shared}\n").chmod(0o755)
        self.write("config.h", f"#define HAVE_AF_XDP {af_xdp}\n")
        self.write("lib/dp-packet.h", adapted)

    def test_another_folder(self):
        self.assertIn("not the build folder", self.refusal())

    def test_a_tree_that_was_not_adapted(self):
        self.configured(adapted="")
        self.assertIn("adapt_tree.py", self.refusal())

    def test_a_shared_library_where_the_class_would_be_missing(self):
        self.configured(shared="yes")
        self.assertIn("--enable-shared", self.refusal())

    def test_a_tree_without_af_xdp(self):
        self.configured(af_xdp="0")
        self.assertIn("--enable-afxdp", self.refusal())


if __name__ == "__main__":
    unittest.main(verbosity=2)
