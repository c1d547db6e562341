"""Python's websockets as a peer; README.md has the paths.

usage: peer.py server | peer.py client HOST:PORT
"""

import asyncio
import logging
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

SIZES = [0, 125, 126, 127, 65_535, 65_536, (1 << 20) + 3]
CODES = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 4999]
FRAGMENTS = 5
PATIENCE = 30


def text(size):
    return "aé…𝄞" * (size // 10) + "." * (size % 10)


def binary(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def reason(code):
    return "é" * 61 + "." if code == 4999 else f"because of {code} ✓"


async def send_in_fragments(ws, message):
    """Sends the message with a Ping between any two fragments, and waits for all the Pongs."""
    pongs = []

    async def fragments():
        for i in range(FRAGMENTS):
            if i > 0:
                pongs.append(await ws.ping())
            yield message[len(message) * i // FRAGMENTS : len(message) * (i + 1) // FRAGMENTS]

    await ws.send(fragments())
    return pongs


async def server():
    closes = asyncio.Queue()

    async def handle(ws):
        path = ws.request.path
        if path == "/last":
            await ws.send(await closes.get())
        elif path.startswith("/close/"):
            code = int(path.removeprefix("/close/"))
            await ws.close(code, reason(code))
        else:
            try:
                while True:
                    message = await ws.recv()
                    if path == "/fragments":
                        pongs = await send_in_fragments(ws, message)
                        await asyncio.wait_for(asyncio.gather(*pongs), PATIENCE)
                    else:
                        await ws.send(message)
            except TimeoutError:
                await ws.close(1011, "no pong")
            except ConnectionClosed:
                if ws.close_reason:
                    closes.put_nowait(f"{ws.close_code} {ws.close_reason}")

    def select(_, offered):
        return "chat.v2" if "chat.v2" in offered else None

    async with serve(handle, "127.0.0.1", 0, max_size=None, select_subprotocol=select, ping_interval=None) as server:
        print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


async def client(address):
    checks = 0

    def open(path, **options):
        return connect(f"ws://{address}{path}", max_size=None, ping_interval=None, **options)

    for path in ("/echo", "/fragments"):
        async with open(path) as ws:
            for size in SIZES:
                for message in (text(size), binary(size)):
                    await ws.send(message)
                    assert await ws.recv() == message, (path, size, "whole")
                    pongs = await send_in_fragments(ws, message)
                    assert await ws.recv() == message, (path, size, "in fragments")
                    await asyncio.gather(*pongs)
                    checks += 2
    for code in CODES:
        async with open(f"/close/{code}") as ws:
            await ws.wait_closed()
            assert (ws.close_code, ws.close_reason) == (code, reason(code)), (ws.close_code, ws.close_reason)
        async with open("/echo") as ws:
            await ws.close(code, reason(code))
            assert ws.protocol.close_rcvd.code == code, ws.protocol.close_rcvd
        async with open("/last") as ws:
            assert await ws.recv() == f"{code} {reason(code)}"
        checks += 2
    async with open("/echo", subprotocols=["chat.v1", "chat.v2"]) as ws:
        assert ws.subprotocol == "chat.v2"
    async with open("/echo") as ws:
        assert ws.subprotocol is None
    print(f"passed: {checks + 2} checks of Python websockets as client")


logging.disable()
if sys.argv[1] == "server":
    asyncio.run(server())
else:
    asyncio.run(asyncio.wait_for(client(sys.argv[2]), 120))
