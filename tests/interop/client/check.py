"""The client example against servers that do as they should, and others.

usage: check.py CLIENT
"""

import asyncio
import logging
import re
import socket
import sys

from websockets.asyncio.server import serve

PATIENCE = 30
LONG = "again and again " * 25


async def echo(ws):
    if ws.request.path.startswith("/close/"):
        await ws.close(int(ws.request.path.removeprefix("/close/")), "as asked")
        return
    if ws.request.path == "/headers":
        await ws.send(f"{ws.request.headers.get('X-Room')} {ws.request.headers.get('Cookie')}")
    if ws.request.path == "/fragments":
        await (await ws.ping("hello"))
        await ws.send(["one ", "two"])
    if ws.request.path == "/invalid":
        ws.transport.write(b"\x81\x01\xff")
    if ws.request.path == "/cut":
        ws.transport.write(b"\x81\x05cut")
        ws.transport.close()
        return
    async for message in ws:
        await ws.send(message)


def refuse(connection, request):
    if request.path == "/forbidden":
        return connection.respond(403, "no entry\n")


async def wrong_key(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    writer.write(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
    writer.close()


async def check(client, arguments, code, stdin="", stdout="", stderr=()):
    process = await asyncio.create_subprocess_exec(
        client, *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    errors = asyncio.create_task(process.stderr.read())
    out = b""
    try:
        async with asyncio.timeout(PATIENCE):
            if stdin is not None:  # else it stays open, for the server is who ends it
                process.stdin.write(stdin.encode())
                for _ in stdout.splitlines():
                    out += await process.stdout.readline()
                process.stdin.close()
            out += await process.stdout.read()
            err = await errors
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
    out, err = out.decode(), err.decode()
    said = f"{arguments}: exit code {process.returncode}, printed {out!r} and {err!r}"
    assert process.returncode == code, f"{said}; the exit code should be {code}"
    if stdout is not None:
        assert out == stdout, f"{said}; the output should be {stdout!r}"
    for line in stderr:
        matches = line.fullmatch if isinstance(line, re.Pattern) else line.__eq__
        assert any(matches(said_line) for said_line in err.splitlines()), f"{said}; {line!r} is missing"


async def main(client):
    select = lambda _, offered: "chat.v2" if "chat.v2" in offered else None
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = unused.getsockname()[1]
    async with (
        serve(echo, "127.0.0.1", 0, process_request=refuse, select_subprotocol=select) as server,
        await asyncio.start_server(wrong_key, "127.0.0.1", 0) as liar,
    ):
        uri = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        liar = f"ws://127.0.0.1:{liar.sockets[0].getsockname()[1]}"
        connected = f"connected to {uri.removeprefix('ws://')}"
        checks = [
            # arguments, exit code, and what goes in and must come out
            ([uri], 0, "Grüß\nGott\n", "Grüß\nGott\n", [connected, "closed: 1000 normal closure: end of input"]),
            (["--binary", uri], 0, "00 ff\nx\n0\n01\n", "00ff\n01\n", []),
            ([uri + "/headers", "--header", "X-Room: 7", "--header", "Cookie:a=b"], 0, "", "7 a=b\n", []),
            (["--subprotocol", "a", "--subprotocol", "chat.v2", uri], 0, "", "", [f"{connected}, subprotocol chat.v2"]),
            (["--frames", uri], 0, "Hello\n", "Hello\n", [
                "-> text, 5 bytes", "<- text, 5 bytes", "-> close, 14 bytes: 1000 normal closure: end of input",
                "<- close, 14 bytes: 1000 normal closure: end of input",
            ]),
            # Their compressor keeps its window, so that a line which comes again is short.
            (["--deflate", uri], 0, f"{LONG}\nshort\n", f"{LONG}\nshort\n", [
                re.compile("-> message, 400 bytes, compressed to [0-9]{2}"), "-> message, 5 bytes, plain",
                re.compile("<- message, 400 bytes, compressed to [0-9]{2}"),
            ]),
            (["--deflate", "--frames", uri], 0, f"{LONG}\n", f"{LONG}\n", [
                re.compile("-> text, [0-9]{2} bytes, compressed"), re.compile("<- text, [0-9]{2} bytes, compressed"),
            ]),
            (["--frames", uri + "/fragments"], 0, "", "one two\n", [
                "<- text, 4 bytes, to be continued", "<- continuation, 3 bytes, to be continued",
                "<- continuation, 0 bytes", "<- ping, 5 bytes: hello", "-> pong, 5 bytes: hello",
            ]),
            ([uri + "/close/1000"], 0, None, "", ["closed: 1000 normal closure: as asked"]),
            ([uri + "/close/1001"], 0, None, "", ["closed: 1001 going away: as asked"]),
            ([uri + "/close/1011"], 1, None, "", ["closed: 1011 internal error: as asked"]),
            ([uri + "/close/4001"], 1, None, "", ["closed: 4001 private use: as asked"]),
            ([uri + "/cut"], 1, None, "", []),
            (["--help"], 0, None, None, []),
            (["--no-such-thing"], 2, None, "", ["unknown argument --no-such-thing; try --help"]),
            (["--header"], 2, None, "", ["--header needs a value; try --help"]),
            (["--header", "no colon", uri], 2, None, "", ["no colon has no colon; try --help"]),
            ([uri, uri], 2, None, "", []),
            (["http://127.0.0.1/"], 2, None, "", []),
            (["wss://127.0.0.1/"], 2, None, "", []),
            (["--subprotocol", "not a token", uri], 2, None, "", []),
            ([f"ws://127.0.0.1:{nobody}/"], 3, None, "", []),
            (["ws://no.such.host.invalid/"], 3, None, "", []),
            ([uri + "/forbidden"], 3, None, "", ["the server answered with status 403"]),
            ([liar], 4, None, "", []),
            (["--frames", uri + "/invalid"], 4, None, "", ["<- text, 1 byte"]),
        ]
        for case in checks:
            await check(client, *case)
    print(f"passed: {len(checks)} runs of the client example")


logging.disable()  # of broken connections, which are wanted
asyncio.run(main(sys.argv[1]))
