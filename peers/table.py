"""Writes README.md from what judge.py found.

usage: table.py PEER VERSION ROLE FILE [PEER VERSION ROLE FILE]...
"""

import json
import pathlib
import sys

# How a vector fails, and what the RFC says about it.
REFUSED = {
    "frame from client without a mask": "§5.1 a frame without a mask from a client closes the connection",
    "frame from server with a mask": "§5.1 a masked frame from a server closes the connection",
    "reserved bit set without an extension": "§5.2 a reserved bit that no extension defines fails the connection",
    "unknown opcode": "§5.2 an unknown opcode fails the connection",
    "text is not UTF-8": "§8.1 text that is not UTF-8 fails the connection",
    "close reason is not UTF-8": "§5.5.1, §8.1 so does a close reason",
}
SENT = {
    "payload length not in its shortest form": "§5.2 the length has its shortest form",
    "payload length with its top bit set": "§5.2 the top bit of a 64-bit length is 0",
    "continuation of nothing": "§5.4 a continuation continues something",
    "new message inside a fragmented one": "§5.4 fragments of messages are not interleaved",
    "fragmented control frame": "§5.5 a control frame is not fragmented",
    "control frame over 125 bytes": "§5.5 a control frame has at most 125 bytes",
    "close body of one byte": "§5.5.1 a close body has a code of two bytes",
    "close code that must not be sent": "§7.4 the close code is one that may be sent",
}
TAKEN = {
    "framing": "§5.2, §5.3 frames of all lengths",
    "fragmentation": "§5.4 fragments, with control frames between them",
    "control": "§5.5 pings are answered, pongs accepted",
    "close": "§5.5.1, §7.4 a Close is answered, with every code that may be sent",
    "utf8": "§8.1 text, wherever it is cut",
}
GROUPS = [
    ("A receiver MUST refuse", REFUSED),
    ("A sender MUST keep to; whether the receiver looks is left open", SENT),
    ("A receiver takes", TAKEN),
]
HEAD = """\
# What others make of our vectors

The [vectors](../vectors) that can be asked over a socket, fed to other implementations that echo what they get, with
their default settings and without compression, of which `deflate` and `negotiation` are left out. A number is how many of
the vectors were met: refused in the first two groups, taken in the third; **bold** where it is not all. Refused is what the
connection ends with, whatever the close code, and whatever the reason. `judge.py` says how it is asked.

Written by `peers/report`, which needs Rust, Python and Node. Do not edit.
"""


def main():
    args = sys.argv[1:]
    peers = []
    for name, version, role, file in zip(*[iter(args)] * 4):
        peers.append((f"{name} {version}".strip(), role, json.loads(pathlib.Path(file).read_text())))
    text = HEAD
    for role in ("server", "client"):
        columns = [(name, found) for name, its_role, found in peers if its_role == role]
        text += f"\n## As {role}\n\n| | {' | '.join(name for name, _ in columns)} |\n|---{'|---:' * len(columns)}|\n"
        for title, group in GROUPS:
            lines = ""
            for requirement, words in group.items():
                cells = [cell([row for row in found if row[1] == requirement]) for _, found in columns]
                if any(cells):
                    lines += f"| {words} | {' | '.join(cells)} |\n"
            text += f"| *{title}* |{' |' * len(columns)}\n{lines}"
        known = {requirement for _, group in GROUPS for requirement in group}
        unknown = {row[1] for _, found in columns for row in found} - known
        assert not unknown, f"no line for {unknown}"
        text += "\n" + "".join(differences(name, found) for name, found in columns)
    pathlib.Path(__file__).with_name("README.md").write_text(text)


def cell(rows):
    kept = sum(verdict == "kept" for _, _, verdict, _ in rows)
    if not rows:
        return ""
    return str(kept) if kept == len(rows) else f"**{kept} of {len(rows)}**"


def differences(name, found):
    rows = [row for row in found if row[2] != "kept"]
    if not rows:
        return ""
    items = {}
    for vector, requirement, _, what in rows:
        test, number = vector.split("/")
        items.setdefault((requirement, what), {}).setdefault(test, []).append(number)
    lines = ""
    for (requirement, what), tests in items.items():
        lines += f"- {requirement}: {what}\n"
        lines += "".join(f"  - `{test}` {', '.join(numbers)}\n" for test, numbers in tests.items())
    return f"{name}:\n\n{lines}\n"


main()
