"""An echo server, or a client of a fuzzing server, with one fault, to show that the checkers see it.

usage: broken.py lenient|deaf|garbling|dying [ADDRESS OF THE FUZZING SERVER]
"""

import asyncio
import logging
import os
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.protocol import Protocol


async def echo(ws, fault):
    async for message in ws:
        if fault == "dying":
            os._exit(1)
        if fault == "garbling" and isinstance(message, bytes) and message:
            message = message[:-1] + bytes([message[-1] ^ 1])
        await ws.send(message)


async def ask(address, path, fault):
    try:
        async with connect(f"ws://{address}/{path}", max_size=None, compression=None) as ws:
            if fault:
                await echo(ws, fault)
            else:
                return await ws.recv()
    except (ConnectionClosed, EOFError):
        pass


async def run_cases(address, fault):
    for case in range(1, int(await ask(address, "getCaseCount", None)) + 1):
        await ask(address, f"runCase?case={case}&agent=broken", fault)
    await ask(address, "updateReports?agent=broken", None)


async def main(fault, address=None):
    if fault == "deaf":  # to pings
        send_frame = Protocol.send_frame
        Protocol.send_frame = lambda self, frame: frame.opcode is Opcode.PONG or send_frame(self, frame)
    # Lenient, as they all are: text is validated at the end of a message, not at the first bad byte.
    if address:
        return await run_cases(address, fault)
    async with serve(lambda ws: echo(ws, fault), "127.0.0.1", 0, max_size=None, compression=None) as server:
        print(f"listening on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


logging.disable()  # what the faults bring is wanted
asyncio.run(main(*sys.argv[1:]))
