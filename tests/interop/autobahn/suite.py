"""Autobahn's cases against a server or a client, and a verdict stricter than the suite's own.

usage: suite.py --cases COUNT [-i CASE]... [-x CASE]... --out DIR [--client] -- COMMAND

A server says where it listens; a client gets the address of the fuzzing server behind its other arguments.
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
SECONDS = 1200


def kosoku(mode, include, exclude, out):
    """The suite's command. Its exit code says less than its report: a verdict that is merely not strict passes there."""
    command = [str(Path(sys.executable).with_name("kosoku")), "-m", mode, "-o", out]
    for case in include:
        command += ["-i", case]
    for case in exclude:
        command += ["-x", case]
    return command


def report(out):
    """The verdicts, by case."""
    index = Path(out) / "index.json"
    agents = json.loads(index.read_text()) if index.exists() else {}
    return {case: result for cases in agents.values() for case, result in cases.items()}


def run(server_command, include, exclude, out):
    """Returns the report, and whether the server was still alive at the end."""
    shutil.rmtree(out, ignore_errors=True)
    with Server(server_command) as server:
        command = [*kosoku("fuzzingclient", include, exclude, out), "-p", str(PARALLEL), server.address]
        subprocess.run(command, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return report(out), not server.died


def run_client(client_command, include, exclude, out):
    """Returns the report, and the client's exit code."""
    shutil.rmtree(out, ignore_errors=True)
    command = [*kosoku("fuzzingserver", include, exclude, out), "127.0.0.1:0"]
    with Server(command, stderr=subprocess.STDOUT) as server:
        client = subprocess.run([*client_command, server.address], timeout=SECONDS, stdout=subprocess.DEVNULL)
        # It ends by itself once it has written the reports; when the client did not ask for them, it is stopped.
        if client.returncode == 0:
            server.process.wait(60)
    return report(out), client.returncode


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
    parser.add_argument("--client", action="store_true")
    parser.add_argument("command", nargs="+")
    args = parser.parse_args()

    if args.client:
        verdicts, code = run_client(args.command, args.include, args.exclude, args.out)
        found = [f"the client's exit code is {code}"] if code else []
    else:
        verdicts, alive = run(args.command, args.include, args.exclude, args.out)
        found = [] if alive else ["the server died"]
    found += complaints(verdicts, args.cases)
    for line in found:
        print(line)
    counts = Counter(result["behavior"] for result in verdicts.values())
    closes = Counter(result["behaviorClose"] for result in verdicts.values())
    in_words = [", ".join(f"{n} {verdict}" for verdict, n in c.most_common()) for c in (counts, closes)]
    print(f"{len(verdicts)} cases: {in_words[0]}; closing: {in_words[1]}")
    print(f"report: {args.out}/index.html")
    if found:
        sys.exit(1)
    print(f"passed: {len(verdicts)} Autobahn cases")


if __name__ == "__main__":
    main()
