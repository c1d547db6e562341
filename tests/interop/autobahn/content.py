"""Large fragmented messages come back as they went; Autobahn's cases 9.3 to 9.5 look at lengths only.

usage: content.py SERVER COMMAND
"""

import random
import sys

from server import Server
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

TOTAL = 4 << 20
FRAGMENTS = [64 << 2 * i for i in range(8)]  # 64 B to 1 MiB


def binary():
    return random.Random(1).randbytes(TOTAL)


def text():
    """Code points of one to four bytes in no regular order, so that fragments end inside them too."""
    points = random.Random(2).choices("aé…€𝄞z\n", k=TOTAL // 2)
    encoded = "".join(points).encode()[:TOTAL].decode(errors="ignore").encode()
    return encoded + b"." * (TOTAL - len(encoded))


def frames(opcode, payload, size):
    """The payload as one message in fragments of `size` bytes, the last with FIN."""
    for start in range(0, len(payload), size):
        fin = start + size >= len(payload)
        yield Frame(opcode if start == 0 else Opcode.CONT, payload[start : start + size], fin).serialize(mask=True)


def echoes(address, opcode, payload, size):
    """What is wrong with the echo, or None."""
    with connect(f"ws://{address}", max_size=None, compression=None, ping_interval=None) as ws:
        ws.socket.sendall(b"".join(frames(opcode, payload, size)))
        try:
            echo = ws.recv(timeout=60, decode=False)
        except Exception as error:
            return f"no echo: {error!r}"
    if echo == payload:
        return None
    if len(echo) != len(payload):
        return f"{len(echo)} bytes came back"
    return f"byte {next(i for i, (a, b) in enumerate(zip(echo, payload)) if a != b)} differs"


def complaints(server_command, sizes=FRAGMENTS):
    found = []
    with Server(server_command) as server:
        for opcode, payload in ((Opcode.TEXT, text()), (Opcode.BINARY, binary())):
            for size in sizes:
                if wrong := echoes(server.address, opcode, payload, size):
                    found.append(f"{opcode.name.lower()} in fragments of {size} B: {wrong}")
    if server.died:
        found.append("the server died")
    return found


if __name__ == "__main__":
    found = complaints(sys.argv[1:])
    for line in found:
        print(line)
    if found:
        sys.exit(1)
    print(f"passed: {2 * len(FRAGMENTS)} echoes of {TOTAL >> 20} MiB in fragments")
