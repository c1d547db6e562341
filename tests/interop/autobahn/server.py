"""A server under test: started by its command line, stopped by its process id."""

import re
import subprocess
import threading


class Server:
    """Runs `command`, which prints `listening on ws://HOST:PORT`; `address` is that HOST:PORT.

    `stderr` is where its errors go: to ours, unless it says there where it listens.
    """

    def __init__(self, command, stderr=None):
        self.command = command
        self.stderr = stderr

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        watchdog = threading.Timer(10, self.process.kill)
        watchdog.start()
        for line in self.process.stdout:
            if found := re.search(r"listening on ws://([\w.:]+)", line):
                watchdog.cancel()
                self.address = found[1]
                # What it prints from here on must not fill the pipe.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return self
        watchdog.cancel()
        raise RuntimeError(f"{self.command[0]} ended or was silent for 10 s without saying where it listens")

    def __exit__(self, *_):
        self.died = self.process.poll() is not None
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
