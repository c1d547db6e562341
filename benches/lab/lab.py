"""The load generator's folder, our server, the limits, and one run of one server."""
import functools
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def build(feature):
    command = ["cargo", "build", "--quiet", "--release", "--example", "lab", "--features", f"deflate,{feature}"]
    subprocess.run(command, cwd=ROOT, check=True)
    built = (ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/examples/lab").resolve()
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


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return [f"- {model.group(1) if model else platform.machine()}, {os.cpu_count()} cores; {platform.system()} {platform.release()}",
            f"- {said('rustc', '--version')}; bowsprit at {commit()}"]


def commit():
    changed = " with changes" if said("git", "status", "--porcelain", "src", "benches/lab/server.rs") else ""
    return said("git", "rev-parse", "--short", "HEAD") + changed


def said(*command):
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True).stdout.strip()
