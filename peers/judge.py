"""Feeds vectors to a peer over a socket and says, per vector, what it did.

usage: judge.py server HOST:PORT       judges an echo server
       judge.py client COMMAND...      judges a client that COMMAND HOST:PORT starts, and that echoes

Prints a JSON array of [vector's name, requirement, verdict, what happened], the verdict being `kept`, `differs` or
`waits` (no reaction within PATIENCE). Left out is what cannot be asked so: a vector without a whole frame, or about
limits, which are everybody's own. Compression is never asked for: `deflate` and `negotiation` are not among the TOPICS.

A vector is sent whole. Behind it goes a Ping: who answers it, and does not fail the connection while SETTLED passes,
has taken what was before it. A frame that the vector leaves unfinished, because its first bytes are enough to refuse
it, is finished first, and so is a message whose text is not UTF-8: the RFC does not say how early these must be
noticed.
"""

import base64
import hashlib
import json
import pathlib
import socket
import subprocess
import sys

PATIENCE = 3  # seconds
SETTLED = 1  # some look at a message only when the application asks for it
PROBE = b"are you there?"
TOPICS = ["failing", "framing", "fragmentation", "control", "close", "utf8"]
LIMITS = ("over the size limit", "too many")
LONGEST = 1 << 20
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Frame:
    """One frame, read without any check. `rest` is what must follow to finish it."""

    def __init__(self, data):
        first, second = data[0], data[1]
        self.fin, self.opcode, masked, short = first >> 7, first & 15, second >> 7, second & 127
        extended = {126: 2, 127: 8}.get(short, 0)
        start = 2 + extended + 4 * masked
        head = data[:start]
        if extended and len(data) == 2:
            # Its length is not there: one that needs this form.
            head += (126 if extended == 2 else 65536).to_bytes(extended)
        head = head.ljust(start, b"\x00")
        self.length = int.from_bytes(head[2 : 2 + extended]) if extended else short
        self.end = start + self.length
        self.rest = head[len(data) :]
        key = head[-4:] if masked else bytes(4)
        self.payload = b""
        if self.length <= LONGEST:
            self.rest += bytes(self.end - max(start, len(data)) if len(data) < self.end else 0)
            self.payload = bytes(octet ^ key[i % 4] for i, octet in enumerate(data[start : self.end]))


def frames(data):
    while len(data) > 1:
        frame = Frame(data)
        yield frame
        data = data[frame.end :]


def frame_of(first, payload, masked):
    """At most 125 bytes; the key is zeros."""
    return bytes([first, masked << 7 | len(payload)]) + bytes(4 * masked) + payload


class Question:
    """What is sent for a vector."""

    def __init__(self, topic, vector):
        self.topic, self.vector = topic, vector
        self.masked = vector["role"] == "server"
        self.fails = vector["fails"]
        self.sent = b"".join(map(bytes.fromhex, vector["pieces"]))
        if len(self.sent) == 1:
            self.sent += bytes([self.masked << 7])
        self.frames = list(frames(self.sent))
        last = self.frames[-1] if self.frames else None
        self.can_be_asked = bool(last) and (
            not any(limit in self.fails for limit in LIMITS)
            if self.fails
            else not vector.get("limits") and not last.rest
        )
        if not self.can_be_asked:
            return
        self.sent += last.rest
        if last.length <= LONGEST:
            data = [frame for frame in self.frames if frame.opcode < CLOSE]
            if self.fails == "text is not UTF-8" and data and not data[-1].fin:
                self.sent += frame_of(0x80, b"", self.masked)
            self.sent += frame_of(0x80 | PING, PROBE, self.masked)

    def requirement(self):
        if self.fails == "control frame over 125 bytes" and self.frames[-1].length <= 125:
            return "payload length not in its shortest form"
        return self.fails or {"failing": "framing"}.get(self.topic, self.topic)

    def ask(self, stream):
        try:
            stream.sendall(self.sent)
        except OSError:
            pass  # It may have ended before it has read all.
        answer = Answer()
        stream.settimeout(PATIENCE)
        while not answer.is_enough(self):
            if self.fails and answer.went_on:
                stream.settimeout(SETTLED)
            try:
                more = stream.recv(65536)
            except TimeoutError:
                break
            except OSError:
                more = b""
            answer.add(more)
        return self.judge(answer)

    def echoes(self):
        return [(event["type"], event["hex"]) for event in self.vector["events"] if event["type"] in ("text", "binary")]

    def closes(self):
        return any(event["type"] == "close" for event in self.vector["events"])

    def judge(self, answer):
        what, code = answer.what(), answer.code
        if self.fails:
            if not answer.ended:
                return "differs" if answer.went_on else "waits", what
            answered = "close" in self.fails and answer.close and code not in (1002, 1007)
            return ("differs", f"answered: {what}") if answered else ("kept", what)
        if self.closes():
            return "kept" if answer.close and code not in (1002, 1007) else "differs", what
        if answer.ended or not answer.went_on:
            return "differs" if answer.ended else "waits", what
        if answer.messages() != self.echoes():
            return "differs", "other messages came back"
        # Answering the latest Ping is enough (§5.5.3); it is the one behind the vector.
        pongs = [frame.payload.hex() for frame in answer.frames if frame.opcode == PONG]
        if any(pong not in self.vector["pongs"] and pong != PROBE.hex() for pong in pongs):
            return "differs", "another Pong came back"
        return "kept", what


class Answer:
    """What a peer sends back."""

    def __init__(self):
        self.received, self.frames, self.ended = b"", [], False

    def add(self, more):
        self.received += more
        self.frames = [frame for frame in frames(self.received) if not frame.rest]
        self.ended = not more or self.close is not None

    @property
    def close(self):
        return next((frame for frame in self.frames if frame.opcode == CLOSE), None)

    @property
    def code(self):
        return int.from_bytes(self.close.payload[:2]) if self.close and len(self.close.payload) > 1 else None

    @property
    def went_on(self):
        return any(frame.opcode == PONG and frame.payload == PROBE for frame in self.frames)

    def is_enough(self, question):
        if self.ended or question.fails or question.closes():
            return self.ended
        return self.went_on and len(self.messages()) >= len(question.echoes())

    def messages(self):
        messages, kind, payload = [], None, b""
        for frame in self.frames:
            if frame.opcode in (TEXT, BINARY):
                kind, payload = "text" if frame.opcode == TEXT else "binary", b""
            if frame.opcode < CLOSE:
                payload += frame.payload
                if frame.fin:
                    messages.append((kind, payload.hex()))
        return messages

    def what(self):
        if self.ended:
            return f"closed with {self.code}" if self.code else "closed without a code" if self.close else "hung up"
        return "went on" if self.went_on else "did nothing"


def questions(role):
    root = pathlib.Path(__file__).parent.parent / "vectors"
    for topic in TOPICS:
        for vector in json.loads((root / f"{topic}.json").read_text()):
            if vector["role"] == role:
                question = Question(topic, vector)
                if question.can_be_asked:
                    yield question


def read_head(stream):
    stream.settimeout(PATIENCE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = stream.recv(1)
        if not octet:
            raise ConnectionError("ended inside the handshake")
        head += octet
    return head.decode()


def connect(address):
    host, port = address.split(":")
    stream = socket.create_connection((host, int(port)), PATIENCE)
    key = base64.b64encode(b"the sample nonce").decode()
    stream.sendall(
        f"GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = read_head(stream)
    assert head.startswith("HTTP/1.1 101"), head
    return stream


def accept(listener):
    stream, _ = listener.accept()
    lines = read_head(stream).split("\r\n")
    [key] = [line.split(":")[1].strip() for line in lines if line.lower().startswith("sec-websocket-key:")]
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    stream.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
    return stream


def results(role, opened):
    found = []
    for question in questions(role):
        with opened() as stream:
            found.append([question.vector["name"], question.requirement(), *question.ask(stream)])
    return found


def main():
    role, *rest = sys.argv[1:]
    if role == "server":
        found = results(role, lambda: connect(rest[0]))
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            command = [*rest, f"127.0.0.1:{listener.getsockname()[1]}"]
            peer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                found = results(role, lambda: accept(listener))
            finally:
                peer.kill()
                peer.wait()
    json.dump(found, sys.stdout, indent=0)


main()
