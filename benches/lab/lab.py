"""The load generator's folder, our server, the limits, and one run of one server."""
import functools
import json
import os
import pathlib
import platform
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/examples").resolve()
RESAMPLES = 4000


@functools.cache
def build(feature):
    command = ["cargo", "build", "--quiet", "--release", "--example", "lab", "--features", f"deflate,{feature}"]
    # As the lab builds its peers.
    profile = {"CARGO_PROFILE_RELEASE_LTO": "fat", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "1"}
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **profile})
    built = BUILT / "lab"
    # The next feature's is built over it.
    return shutil.copy(built, f"{built}+{feature}")


def limits(lab):
    built = lab / "peers-rs/target/release"
    found = {"raw": f"raw:{built}/raw_echo", "bare-send": f"{built}/bare_send",
             "bare-send-batch": f"{built}/bare_send --batch"}
    return {name: command for name, command in found.items()
            if os.access(command.removeprefix("raw:").split()[0], os.X_OK)}


def run(lab, command, workload, seconds, **environment):
    environment = {**os.environ, "SECS": str(seconds), **environment}
    process = subprocess.Popen([lab / "run.sh", command, workload], env=environment, text=True, stdout=subprocess.PIPE,
                               start_new_session=True)
    try:
        told, _ = process.communicate(timeout=60 + 10 * seconds)
    finally:
        # Also when interrupted: whatever it started.
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    row = json.loads(told.strip().splitlines()[-1])
    if row.get("errors", 1):
        sys.exit(f"{command} at {workload}: {row.get('first_error') or row}")
    return row


def interval(ratios):
    """The middle 90 % of the medians of samples drawn from the ratios."""
    dice = random.Random(6455)
    medians = sorted(statistics.median(dice.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    return medians[RESAMPLES // 20], medians[-RESAMPLES // 20 - 1]


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return [f"- {model.group(1) if model else platform.machine()}, {os.cpu_count()} cores; {platform.system()} {platform.release()}",
            f"- {said('rustc', '--version')}; bowsprit at {commit()}"]


def commit():
    changed = " with changes" if said("git", "status", "--porcelain", "src", "benches/lab/server.rs") else ""
    return said("git", "rev-parse", "--short", "HEAD") + changed


def said(*command):
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True).stdout.strip()


class Process:
    """Ends with its block, and after so many seconds anyway."""

    def __init__(self, command, seconds, **options):
        self.process = subprocess.Popen(command, **options)
        self.deadline = threading.Timer(seconds, self.process.kill)
        self.deadline.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.deadline.cancel()
        self.process.kill()
        self.process.wait()

    def cpu(self):
        """Seconds of all its threads."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def resident(self):
        """KiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))

    def expect(self, line):
        said = self.process.stdout.readline().strip()
        assert said == line, f"{said!r}, not {line!r}"

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
