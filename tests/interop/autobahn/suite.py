"""Autobahn's cases against a server, and a verdict stricter than the suite's own.

usage: suite.py --cases COUNT [-i CASE]... [-x CASE]... --out DIR -- SERVER COMMAND
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from server import Server

# The RFC leaves these to the endpoint; the suite reports what it saw.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}
PARALLEL = 8
SECONDS = 600


def run(server_command, include, exclude, out):
    """Returns the report, by case, and whether the server was still alive at the end."""
    shutil.rmtree(out, ignore_errors=True)
    with Server(server_command) as server:
        command = [Path(sys.executable).with_name("kosoku"), "-m", "fuzzingclient", "-p", str(PARALLEL), "-o", out]
        for case in include:
            command += ["-i", case]
        for case in exclude:
            command += ["-x", case]
        # Its exit code says less than its report: a verdict that is merely not strict passes there.
        subprocess.run([*command, server.address], timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    index = Path(out) / "index.json"
    agents = json.loads(index.read_text()) if index.exists() else {}
    return {case: result for cases in agents.values() for case, result in cases.items()}, not server.died


def complaints(report, expected_cases):
    """What keeps a report from being perfect, one line each."""
    found = []
    if len(report) != expected_cases:
        found.append(f"{len(report)} cases were run, not {expected_cases}")
    for case, result in report.items():
        wanted = "INFORMATIONAL" if case in INFORMATIONAL else "OK"
        if result["behavior"] != wanted:
            found.append(f"{case}: behavior is {result['behavior']}, not {wanted}")
        if result["behaviorClose"] not in ("OK", wanted):
            found.append(f"{case}: closing is {result['behaviorClose']}, not {wanted}")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, required=True)
    parser.add_argument("-i", "--include", action="append", default=[])
    parser.add_argument("-x", "--exclude", action="append", default=[])
    parser.add_argument("--out", required=True)
    parser.add_argument("server", nargs="+")
    args = parser.parse_args()

    report, alive = run(args.server, args.include, args.exclude, args.out)
    found = complaints(report, args.cases)
    if not alive:
        found.append("the server died")
    for line in found:
        print(line)
    counts = Counter(result["behavior"] for result in report.values())
    closes = Counter(result["behaviorClose"] for result in report.values())
    in_words = [", ".join(f"{n} {verdict}" for verdict, n in c.most_common()) for c in (counts, closes)]
    print(f"{len(report)} cases: {in_words[0]}; closing: {in_words[1]}")
    print(f"report: {args.out}/index.html")
    if found:
        sys.exit(1)
    print(f"passed: {len(report)} Autobahn cases")


if __name__ == "__main__":
    main()
