# SPDX-License-Identifier: Apache-2.0
"""What test programs said in a guest, read while they run, and kept in a file for each kernel."""

import json
import re

# Lines of kernel_table.py's script between the output of the programs.
RELEASE, BEGIN, END, KERNEL = "@release ", "@begin ", "@end ", "@kernel "
VERDICTS = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}
KILLED = 137  # by timeout(1), with its exit code for --signal=KILL


def reason_of(lines):
    """The first thing said about a case, on one line."""
    text = " ".join(line.removesuffix(": Failure") for line in lines if not line.endswith(": Skipped"))
    return " ".join(re.sub(r"[|`<>]", " ", text).split())[:240]


class Results:
    """Of one kernel. Give `read` the guest's output in pieces; each program is saved when it has ended, and all output beside it."""

    def __init__(self, path, say=lambda text: None):
        self.path = path
        self.say = say
        self.release = ""
        self.programs = {}  # name -> {"end", "seconds", "cases": {name: [verdict, reason]}, "features": [[...]], "kernel": [...]}
        self.current = None
        self.case = None
        self.case_lines = []
        self.rest = b""
        if path.exists():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.release, self.programs = stored["release"], stored["programs"]

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"release": self.release, "programs": self.programs}, indent=1)
        self.path.with_suffix(".new").write_text(text, encoding="utf-8")
        self.path.with_suffix(".new").rename(self.path)

    def read(self, data):
        with open(self.path.with_suffix(".log"), "ab") as log:
            log.write(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.read_line(line.decode(errors="replace").rstrip("\r"))

    def read_line(self, line):
        if line.startswith(RELEASE):
            self.release = line[len(RELEASE) :]
        elif line.startswith(BEGIN):
            self.current, self.case = line[len(BEGIN) :], None
            self.programs[self.current] = {"end": "", "cases": {}, "features": [], "kernel": []}
        elif self.current is None:
            return
        elif line.startswith(END):
            self.end(int(line[len(END) :]))
        elif line.startswith(KERNEL):
            self.programs[self.current]["kernel"].append(line[len(KERNEL) :][:200])
        else:
            self.read_output(line)

    def read_output(self, line):
        program = self.programs[self.current]
        found = re.match(r"\[ +(RUN|OK|FAILED|SKIPPED) +\] ([^ ,]+)", line)
        if found is None:
            self.case_lines.append(line)
            if line.count("\t") == 2:
                program["features"].append(line.split("\t"))
        elif found.group(1) == "RUN":
            self.case, self.case_lines = found.group(2), []
        elif found.group(2) == self.case:  # else it is the summary at the end
            verdict = VERDICTS[found.group(1)]
            program["cases"][self.case] = [verdict, "" if verdict == "passed" else reason_of(self.case_lines)]
            self.say(f"{self.current}: {self.case} {verdict}")
            self.case = None

    def end(self, status):
        """The program has ended, with its exit code or with what became of it instead (a text)."""
        program = self.programs[self.current]
        if isinstance(status, str):
            program["end"] = status
        elif status == KILLED:
            program["end"] = "did not end in time"
        elif status > 1:
            program["end"] = f"ended with exit code {status}"
        if self.case is not None:
            program["cases"][self.case] = ["failed", program["end"] or "ended within"]
        self.say(f"{self.current}: {program['end'] or 'done'}")
        self.current = self.case = None
        self.save()

    def cut(self, what):
        """The guest has ended: a program that was under way has not. Returns whether one was."""
        if self.current is None:
            return False
        self.end(what)
        return True
