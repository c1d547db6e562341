"""Drives an echo server that has the core under its own I/O.

usage: drive.py HOST:PORT NAME
"""

import socket
import sys

from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame, Opcode
from websockets.sync.client import connect

HEAD = (
    b"GET /%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: %d\r\n\r\n"
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
PATIENCE = 30


def masked(opcode, payload, fin=True):
    return Frame(opcode, payload, fin).serialize(mask=True)


def exchange(address, *segments):
    """What comes back until the server closes."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as tcp:
        for segment in segments:
            tcp.sendall(segment)
        received = b""
        while piece := tcp.recv(65_536):
            received += piece
    return received


def messages_of_all_sizes(address):
    with connect(f"ws://{address}", max_size=None, open_timeout=PATIENCE) as ws:
        for size in (0, 125, 126, 127, 65_535, 65_536, (1 << 20)):
            for message in ("é" * (size // 2) + "." * (size % 2), bytes(range(256)) * (size // 256) + bytes(size % 256)):
                ws.send(message)
                assert ws.recv(timeout=PATIENCE) == message, f"size {size}"
        ws.send(["in ", "", "fragments"])
        assert ws.recv(timeout=PATIENCE) == "in fragments"
        assert ws.ping().wait(PATIENCE), "no Pong"
        ws.close(3000, "done")
        assert ws.protocol.close_rcvd.code == 3000


def frames_in_the_segment_of_the_request(address):
    frames = masked(Opcode.TEXT, b"first") + masked(Opcode.CLOSE, Close(1000, "").serialize())
    head, _, rest = exchange(address, HEAD % (b"", 13) + frames).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and ACCEPT in head, head
    assert rest == b"\x81\x05first\x88\x02\x03\xe8", rest


def a_broken_rule_gets_its_close(address):
    with connect(f"ws://{address}") as ws:
        ws.socket.sendall(b"\x81\x05Hello")  # without a mask
        try:
            ws.recv(timeout=PATIENCE)
        except ConnectionClosed as closed:
            assert closed.rcvd.code == 1002, closed
        else:
            raise AssertionError("no Close")


def a_message_over_the_limit_gets_1009(address):
    with connect(f"ws://{address}") as ws:
        try:
            ws.send(bytes((1 << 20) + 1))
            ws.recv(timeout=PATIENCE)
        except ConnectionClosed as closed:
            assert closed.rcvd.code == 1009, closed
        else:
            raise AssertionError("no Close")


def another_version_is_refused(address):
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as tcp:
        tcp.sendall(HEAD % (b"", 8))
        head = b""
        while b"\r\n\r\n" not in head and (piece := tcp.recv(65_536)):
            head += piece
    assert head.startswith(b"HTTP/1.1 426 ") and b"sec-websocket-version: 13" in head.lower(), head


CHECKS = [
    messages_of_all_sizes,
    frames_in_the_segment_of_the_request,
    a_broken_rule_gets_its_close,
    a_message_over_the_limit_gets_1009,
    another_version_is_refused,
]
address, name = sys.argv[1:]
for check in CHECKS:
    check(address)
print(f"passed: {len(CHECKS)} checks of {name}")
