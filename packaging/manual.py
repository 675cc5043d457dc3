#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes manual pages of what programs say to --help: testpmd --help | manual.py --version=VERSION --folder=FOLDER [--program=PATH]...

pollux-testpmd.1, a page of section 7 for each driver with all its arguments (net_af_xdp.7, ...), and of each further PATH its NAME.1. Since they are made of the help, they have every
option that there is."""

import argparse
import pathlib
import re
import subprocess
import sys

DRIVERS = {
    "net_af_xdp": """Receives and sends by AF_XDP sockets, one for each queue of a network interface, whose XDP program decides which packets are the
port's. What the kernel and the interface's driver can do is taken (native XDP, zero-copy, sending without sk_buffs), what they lack is said in the
start report with the reason. When the port is closed, or its process ends in whatever way, the interface is as it was.""",
    "net_null": "Receives packets that nobody sent, as many as are asked for, and sends to nobody: what a forwarder costs without an interface.",
    "net_ring": "Queues in memory between two ports of one process, or from a port to itself.",
    "net_pcap": "Receives what a capture file holds, and writes what is sent to one.",
}


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def title(name, section, version, what):
    return [f'.TH {name.upper()} {section} "" "Pollux {version}" "Pollux"', ".SH NAME", escape(f"{name} - {what}")]


def tagged(entries):
    """NAME, TEXT pairs as a list of tagged paragraphs."""
    lines = []
    for name, text in entries:
        lines += [".TP", ".B " + escape(name), escape(text)]
    return lines


def entries_of(lines, indent):
    """Options or arguments at this indent, each with the text in the column behind it and in the lines that follow."""
    entries = []
    for line in lines:
        match = re.match(rf" {{{indent}}}(\S.*?)(?: {{2,}}(\S.*))?$", line)
        if match:
            entries.append([match[1], match[2] or ""])
        elif entries and line.strip():
            entries[-1][1] = f"{entries[-1][1]} {line.strip()}".strip()
    return entries


def sections_of(text):
    """HEADING, LINES of what the help has behind its first paragraphs."""
    found, name = {"": []}, ""
    for line in text.splitlines():
        if re.match(r"\S.*:$", line):
            name = line[:-1]
            found[name] = []
        else:
            found[name].append(line)
    return found


def testpmd_page(sections, version):
    head = sections[""]
    examples = [line for line in head if line.startswith("  ")]
    page = title("pollux-testpmd", 1, version, "forward packets between ports over AF_XDP")
    page += [".SH SYNOPSIS", ".B pollux\\-testpmd", escape(head[0].replace("Usage: testpmd", "").strip()), ".SH DESCRIPTION"]
    page += [escape(line) for line in head[1:] if line and not line.startswith("  ")]
    page += ["Ports are described in", ".BR net_af_xdp (7),", ".BR net_null (7),", ".BR net_ring (7)", "and", ".BR net_pcap (7)."]
    for heading in "EAL options", "testpmd options":
        options = [line for line in sections[heading] if not line.startswith("Exit code")]
        entries = [entry for entry in entries_of(options, 2) if entry[0].startswith("-")]
        page += [f".SH {heading.upper()}"] + tagged(entries)
    page += [".SH EXAMPLES"]
    for line in examples:
        page += [".PP", escape(line.strip())] if not line.startswith("    ") else [".RS", ".nf", escape(line.strip().replace("testpmd ", "pollux-testpmd ", 1)), ".fi", ".RE"]
    code = next(line for lines in sections.values() for line in lines if line.startswith("Exit code"))
    page += [".SH EXIT STATUS", escape(code.partition(": ")[2])]
    return page + [".SH SEE ALSO", ".BR net_af_xdp (7),", ".BR pollux\\-broker (8)"]


def driver_page(name, summary, arguments, version):
    page = title(name, 7, version, summary)
    page += [".SH SYNOPSIS", ".B \\-\\-vdev", f".IR {name}SUFFIX [ ,KEY=VALUE ]...", ".SH DESCRIPTION"]
    page += [escape(line) for line in DRIVERS[name].splitlines()]
    return page + [".SH ARGUMENTS"] + tagged(arguments) + [".SH SEE ALSO", ".BR pollux\\-testpmd (1)"]


def program_page(text, version):
    """NAME, and the page, of a help that begins with "usage: pollux COMMAND ...", what it does, options, and its exit codes."""
    usage, _, rest = text.partition("\n")
    command = usage.split()[2]
    paragraphs = [paragraph.splitlines() for paragraph in rest.strip().split("\n\n")]
    options = [lines for lines in paragraphs if lines[0].startswith("  -")]
    code = next(lines for lines in paragraphs if lines[0].startswith("Exit code: "))
    prose = [lines for lines in paragraphs if lines not in options and lines != code]
    page = title(f"pollux-{command}", 1, version, re.split(r"[.,:;]", prose[0][0])[0].strip().lower())
    page += [".SH SYNOPSIS", f".B pollux {command}", escape(usage.partition(command)[2].strip()), ".SH DESCRIPTION"]
    for lines in prose:
        example = lines[0].startswith("  ")
        page += [".PP", *([".nf"] if example else []), *map(escape, lines), *([".fi"] if example else [])]
    page += [".SH OPTIONS"] + tagged([entry for lines in options for entry in entries_of(lines, 2)])
    page += [".SH EXIT STATUS", escape(" ".join(code).partition(": ")[2])]
    return f"pollux-{command}", page + [".SH SEE ALSO", ".BR pollux (1),", ".BR pollux\\-testpmd (1)"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--program", action="append", default=[], metavar="PATH")
    arguments = parser.parse_args()
    sections = sections_of(sys.stdin.read())
    pages = {"pollux-testpmd.1": testpmd_page(sections, arguments.version)}
    lines = sections["Drivers for --vdev"]
    starts = [number for number, line in enumerate(lines) if re.match(r"  net_\w+: ", line)]
    for start, end in zip(starts, starts[1:] + [len(lines)]):
        name, _, summary = lines[start].strip().partition(": ")
        if name not in DRIVERS:
            sys.exit(f"manual.py: {name} is a driver of which nothing is written here")
        pages[f"{name}.7"] = driver_page(name, summary, entries_of(lines[start + 1:end], 6), arguments.version)
    if len(pages) != 1 + len(DRIVERS):
        sys.exit("manual.py: the help has not all of: " + " ".join(DRIVERS))
    for path in arguments.program:
        name, page = program_page(subprocess.run([path, "--help"], capture_output=True, text=True, check=True).stdout, arguments.version)
        pages[f"{name}.1"] = page
    for name, page in pages.items():
        (arguments.folder / name).write_text('.\\" SPDX-License-Identifier: Apache-2.0\n' + "\n".join(page) + "\n")


main()
