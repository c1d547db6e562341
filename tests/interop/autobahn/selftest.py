"""The checkers fail on servers with a known fault.

usage: selftest.py DIRECTORY FOR REPORTS
"""

import sys
from pathlib import Path

import content
import suite

FAULTS = [
    # fault, cases, how many there are, a complaint that must be among those found (None: there must be none)
    ("lenient", "1.*", 16, None),
    ("lenient", "1.*", 17, "16 cases were run, not 17"),
    ("lenient", "6.4.*", 4, "6.4.1: behavior is NON-STRICT, not OK"),
    ("lenient", "7.1.5", 1, "7.1.5: closing is WRONG CODE, not OK"),
    ("deaf", "2.2", 1, "2.2: behavior is FAILED, not OK"),
    ("garbling", "1.2.2", 1, "1.2.2: behavior is FAILED, not OK"),
]
FAULTS_OF_CLIENTS = [
    ("lenient", "1.*", 16, None),
    ("lenient", "1.*", 17, "16 cases were run, not 17"),
    ("lenient", "6.4.*", 4, "6.4.1: behavior is NON-STRICT, not OK"),
    ("deaf", "2.2", 1, "2.2: behavior is FAILED, not OK"),
    ("garbling", "1.2.2", 1, "1.2.2: behavior is FAILED, not OK"),
]


def broken(fault):
    return [sys.executable, str(Path(__file__).with_name("broken.py")), fault]


def expect(what, complaints, wanted):
    if (wanted not in complaints) if wanted else complaints:
        sys.exit(f"{what}: complaints are {complaints}, wanted {wanted}")
    print(f"{what}: {wanted or 'no complaint'}, as it should be")


for fault, cases, count, wanted in FAULTS:
    report, _ = suite.run(broken(fault), [cases], [], sys.argv[1])
    expect(f"{fault} server, cases {cases}", suite.complaints(report, count), wanted)

for fault, cases, count, wanted in FAULTS_OF_CLIENTS:
    report, _ = suite.run_client(broken(fault), [cases], [], sys.argv[1])
    expect(f"{fault} client, cases {cases}", suite.complaints(report, count), wanted)

_, code = suite.run_client(broken("dying"), ["1.1.2"], [], sys.argv[1])
expect("dying client", [f"exit code {code}"] if code else [], "exit code 1")

_, alive = suite.run(broken("dying"), ["1.1.2"], [], sys.argv[1])
expect("dying server", [] if alive else ["died"], "died")

found = content.complaints(broken("garbling"), [1 << 20])
expect("garbling server, content", found, f"binary in fragments of {1 << 20} B: byte {content.TOTAL - 1} differs")
print(f"passed: {len(FAULTS) + len(FAULTS_OF_CLIENTS) + 3} checks of the checkers")
