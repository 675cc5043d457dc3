# SPDX-License-Identifier: Apache-2.0
"""pollux top: ports, queues and lcores of all processes that answer telemetry clients, live."""

import argparse
import curses
import json
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "telemetry"))
import sample
import screen

KEYS = "q quit  sort: n number p packets b bits d losses  arrows+Enter port  Esc back"


class Terminal:
    """What is shown now: the overview, or one port of it; and from which line on."""

    def __init__(self, window, watcher, interval_s):
        self.window, self.watcher, self.interval_s = window, watcher, interval_s
        self.view = {"processes": [], "seconds": None}
        self.sort = "port"
        self.chosen = 0  # row of the overview
        self.inside = None  # (pid, port) that is looked into
        self.first_line = 0

    def run(self):
        try:
            curses.curs_set(0)
        except curses.error:
            pass  # a terminal whose cursor cannot be hidden
        due = 0.0
        while True:
            if time.monotonic() >= due:
                self.view = self.watcher.look()
                due = time.monotonic() + self.interval_s
            self.draw()
            self.window.timeout(max(0, int((due - time.monotonic()) * 1000)))
            if not self.handle(self.window.getch()):
                return

    def handle(self, key):
        """False: the end."""
        rows = screen.rows(self.view, self.sort)
        if key in (ord("q"), ord("Q")):
            return False
        if 0 <= key < 256 and chr(key) in screen.SORTS:
            self.sort = screen.SORTS[chr(key)]
        elif key == curses.KEY_DOWN:
            self.move(1, len(rows))
        elif key == curses.KEY_UP:
            self.move(-1, len(rows))
        elif key in (10, 13, curses.KEY_ENTER) and self.chosen < len(rows):
            process, port = rows[self.chosen]
            self.inside, self.first_line = (process["pid"], port["port"]), 0
        elif key in (27, curses.KEY_BACKSPACE, 127):
            self.inside, self.first_line = None, 0
        return True

    def move(self, by, row_count):
        if self.inside is not None:
            self.first_line = max(0, self.first_line + by)
        else:
            self.chosen = max(0, min(row_count - 1, self.chosen + by))

    def lines(self):
        if self.inside is not None:
            for process, port in screen.rows(self.view, "port"):
                if (process["pid"], port["port"]) == self.inside:
                    return screen.of_port(process, port)
            return ["It is gone."]
        return screen.overview(self.view, self.sort)

    def draw(self):
        height, width = self.window.getmaxyx()
        self.window.erase()
        ports = sum(len(process["ports"]) for process in self.view["processes"])
        title = f"pollux top   {len(self.view['processes'])} processes, {ports} ports   every {self.interval_s:g} s   sorted by {self.sort}"
        self.put(0, title, width, curses.A_REVERSE)
        lines = self.lines()
        self.first_line = min(self.first_line, max(0, len(lines) - (height - 3)))
        for number, line in enumerate(lines[self.first_line:self.first_line + height - 3]):
            is_chosen = self.inside is None and number + self.first_line == 1 + self.chosen and self.view["processes"]
            is_heading = line[:4].isupper() and not is_chosen
            self.put(2 + number, line, width, curses.A_REVERSE if is_chosen else curses.A_BOLD if is_heading else 0)
        self.put(height - 1, KEYS, width, curses.A_DIM)
        self.window.refresh()

    def put(self, row, text, width, attribute):
        try:
            self.window.addnstr(row, 0, text.ljust(width - 1) if attribute == curses.A_REVERSE else text, width - 1, attribute)
        except curses.error:
            pass  # a terminal of hardly any lines


def positive(text):
    value = float(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: 0.1 to 3600 seconds")
    return value


def main(arguments):
    parser = argparse.ArgumentParser(prog="pollux top", description=__doc__, epilog="keys: " + KEYS)
    parser.add_argument("-d", "--interval", type=positive, default=1.0, metavar="SECONDS", help="between two looks (1)")
    parser.add_argument("-f", "--file-prefix", default="*", metavar="NAME", help="processes of this prefix only (all)")
    parser.add_argument("--once", action="store_true", help="one screen as text, of one interval")
    parser.add_argument("--json", action="store_true", help="one JSON object an interval instead of a screen")
    options = parser.parse_args(arguments)
    watcher = sample.Watcher(options.file_prefix)
    try:
        if options.once or options.json:
            watcher.look()
            while True:
                time.sleep(options.interval)
                view = watcher.look()
                print(json.dumps(view) if options.json else "\n".join(screen.overview(view)), flush=True)
                if options.once:
                    return 0 if view["processes"] else 1
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            parser.error("no terminal: --once or --json is needed")
        os.environ.setdefault("ESCDELAY", "25")
        curses.wrapper(lambda window: Terminal(window, watcher, options.interval).run())
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        watcher.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
