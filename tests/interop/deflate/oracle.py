"""permessage-deflate with every combination of parameters, against Python's websockets.

usage: oracle.py client HOST:PORT SEND RECEIVE TAKEOVER    our server has these settings: bits, bits, 0 or 1
       oracle.py server CLIENT SEND RECEIVE TAKEOVER       our client, the program CLIENT, has them

What must be agreed on is worked out here from RFC 7692 §7.1, and what comes back from what was sent. `websockets`
itself refuses an answer that its offer does not allow, and its zlib any reference beyond the window.
"""

import asyncio
import itertools
import random
import sys
from asyncio.subprocess import PIPE

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory

PATIENCE = 60
PARAMETERS = ("server_no_context_takeover", "client_no_context_takeover",
              "server_max_window_bits", "client_max_window_bits")
dice = random.Random(7692)
JSON = "".join('{"id":%d,"user":"u%03d"},' % (dice.randrange(100_000), dice.randrange(1000)) for _ in range(1700))
MESSAGES = [b"", b"a", JSON[:1000].encode(), JSON[:1000].encode(), JSON.encode(), b"\0" * 70_000, dice.randbytes(3000),
            "Grüße, καλημέρα, 🌊 ".encode() * 60]
TEXT = "Grüße, καλημέρα, 🌊 " * 80


def parameters(header):
    """The parameters of the one extension that is answered."""
    name, *params = [part.strip() for part in header.split(";")]
    assert name == "permessage-deflate", header
    pairs = [param.partition("=")[::2] for param in params]
    assert len(dict(pairs)) == len(pairs), f"{header}: twice the same"
    return {name: int(value) if value else True for name, value in pairs}


def check_answer(answer, offer, ours):
    """Of our server, to this offer (§7.1.1, §7.1.2)."""
    send, receive, takeover = ours
    said = f"{offer}, {ours}: {answer}"
    assert ("server_no_context_takeover" in answer) == (offer["server_no_context_takeover"] or not takeover), said
    assert ("client_no_context_takeover" in answer) == (offer["client_no_context_takeover"] or not takeover), said
    assert answer.get("server_max_window_bits", 15) == min(offer["server_max_window_bits"] or 15, send), said
    if offer["server_max_window_bits"]:
        assert "server_max_window_bits" in answer, said
    asked = offer["client_max_window_bits"]
    if asked is None:
        assert "client_max_window_bits" not in answer, said
    else:
        assert answer.get("client_max_window_bits", 15) == min(15 if asked is True else asked, receive), said


async def as_client(address, ours):
    passed = 0
    offers = itertools.product((False, True), (False, True), (None, *range(8, 16)), (None, True, *range(9, 16)))
    for offer in offers:
        offer = dict(zip(PARAMETERS, offer))
        extension = ClientPerMessageDeflateFactory(**offer, compress_settings={"level": 1})
        async with connect(f"ws://{address}", extensions=[extension], compression=None, max_size=None) as ws:
            check_answer(parameters(ws.response.headers["Sec-WebSocket-Extensions"]), offer, ours)
            for message in MESSAGES:
                await ws.send(message)
            # And one in fragments.
            await ws.send([JSON[:500], "", JSON[500:3000]])
            await ws.send(TEXT)
            for message in [*MESSAGES, JSON[:3000], TEXT]:
                got = await ws.recv()
                assert got == message, f"{offer}: {len(got)} for {len(message)}"
        passed += 1
    return passed


async def as_server(client, ours):
    """Our client offers its settings; what it says was agreed on is what both together allow."""
    passed = 0
    send, receive, takeover = ours
    offered = None

    async def echo(ws):
        nonlocal offered
        offered = parameters(ws.request.headers["Sec-WebSocket-Extensions"])
        async for message in ws:
            await ws.send(message)

    for takeovers in itertools.product((False, True), repeat=2):
        for bits in itertools.product((None, *range(9, 16)), repeat=2):
            factory = ServerPerMessageDeflateFactory(*takeovers, *bits, compress_settings={"level": 1})
            async with serve(echo, "127.0.0.1", 0, extensions=[factory], compression=None, max_size=None) as server:
                port = server.sockets[0].getsockname()[1]
                arguments = [f"ws://127.0.0.1:{port}", str(send), str(receive), *(["takeover"] if takeover else [])]
                process = await asyncio.create_subprocess_exec(client, *arguments, stdout=PIPE, stderr=PIPE)
                try:
                    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
                finally:
                    if process.returncode is None:
                        process.kill()
            said = f"{ours}, {takeovers}, {bits}: {process.returncode}, {out.decode()} {err.decode()}"
            assert process.returncode == 0, said
            for name in PARAMETERS[:2]:
                assert (name in offered) == (not takeover), f"{said} {offered}"
            assert offered.get("server_max_window_bits", 15) == receive, f"{said} {offered}"
            assert offered["client_max_window_bits"] == (True if send == 15 else send), f"{said} {offered}"
            server_bits, client_bits = min(receive, bits[0] or 15), min(send, bits[1] or 15)
            agreed = [str(not takeover or theirs).lower() for theirs in takeovers] + [str(server_bits), str(client_bits)]
            assert out.decode().split() == agreed, f"{said} {agreed}"
            passed += 1
    return passed


match sys.argv[1:]:
    case ["client", address, send, receive, takeover]:
        ours = (int(send), int(receive), takeover == "1")
        print(f"passed: {asyncio.run(as_client(address, ours))} offers of websockets")
    case ["server", client, send, receive, takeover]:
        ours = (int(send), int(receive), takeover == "1")
        print(f"passed: {asyncio.run(as_server(client, ours))} answers of websockets")
    case _:
        sys.exit(__doc__)
