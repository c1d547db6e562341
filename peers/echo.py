"""Python's websockets as an echo server, or as a client that echoes and connects again until nobody listens."""

import asyncio
import logging
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake

OPTIONS = {"compression": None, "ping_interval": None, "close_timeout": 1}


async def echo(ws):
    try:
        while True:
            await ws.send(await ws.recv())
    except ConnectionClosed:
        pass


async def server():
    async with serve(echo, "127.0.0.1", 0, **OPTIONS) as server:
        print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


async def client(address):
    while True:
        try:
            async with connect(f"ws://{address}/", **OPTIONS) as ws:
                await echo(ws)
        except ConnectionRefusedError:
            return
        except (OSError, EOFError, InvalidHandshake):
            pass


logging.disable()
asyncio.run(server() if sys.argv[1] == "server" else client(sys.argv[2]))
