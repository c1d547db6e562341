"""python-socketio, a client that shares no code with the official one, by each way that it can take."""
import os
import queue
import re
import subprocess

import socketio

PATIENCE = 20
WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


class Peer:
    def __init__(self, url, transports, namespace="/", auth=None, refused=False):
        self.namespace, self.events = namespace, queue.Queue()
        self.client = socketio.Client(reconnection=False)
        self.client.on("*", lambda name, *args: self.events.put((name, *args)), namespace=namespace)
        self.client.on("connect_error", lambda error: self.events.put(("connect_error", error)), namespace=namespace)
        self.client.on("disconnect", lambda reason: self.events.put(("disconnect", reason)), namespace=namespace)
        self.client.on("question", lambda text: ("forty-two", b"\x2a"), namespace=namespace)
        try:
            self.client.connect(url, transports=transports, namespaces=[namespace], auth=auth, wait_timeout=PATIENCE)
        except socketio.exceptions.ConnectionError:
            if not refused:
                raise

    def heard(self, name):
        while True:
            event = self.events.get(timeout=PATIENCE)
            if event[0] == name:
                return list(event[1:])

    def emit(self, name, *args):
        self.client.emit(name, args or None, namespace=self.namespace)

    def call(self, name, *args):
        return self.client.call(name, args or None, namespace=self.namespace, timeout=PATIENCE)


def auth_and_handshake(url, transports, way):
    ada = Peer(url + "/?colour=deep%20red", transports, auth={"b": 1, "a": "é"})
    assert ada.heard("hello") == [{"b": 1, "a": "é"}, "deep red"]
    assert ada.client.transport() == ("polling" if way == "polling" else "websocket")
    ada.client.disconnect()


def events(url, transports, way):
    ada = Peer(url, transports)
    args = [1, -1.5, "2 \x1e é 🎉", {"3": [True, None, {"z": 1}]}, [[]]]
    ada.emit("echo", *args)
    assert ada.heard("echo") == args
    ada.client.disconnect()


def binary(url, transports, way):
    ada = Peer(url, transports)
    args = [b"", {"a": [bytes(range(256))], "b": "text"}, b"\x00\xff"]
    ada.emit("echo", *args)
    assert ada.heard("echo") == args
    ada.client.disconnect()


def acks(url, transports, way):
    ada = Peer(url, transports)
    assert ada.call("answer", {"a": 1}) == {"a": 1}
    assert ada.call("answer", b"hi") == b"hi"
    ada.emit("ask me", 5000)
    assert ada.heard("answered") == ["forty-two", b"\x2a"]
    ada.client.disconnect()


def rooms(url, transports, way):
    ada, bob = Peer(url, transports), Peer(url, transports)
    assert ada.call("join", way) is True and bob.call("join", way) is True
    ada.emit("to", way, {"text": "hello"})
    assert bob.heard("said") == [{"text": "hello"}, b"\x01\x02\x03"]
    assert bob.call("leave", way) is True
    # Behind it: what was on its way to her has arrived.
    ada.emit("echo", "done")
    names = []
    while "echo" not in names:
        names.append(ada.events.get(timeout=PATIENCE)[0])
    assert "said" not in names
    ada.client.disconnect()
    bob.client.disconnect()


def namespaces(url, transports, way):
    ada = Peer(url, transports, "/guarded", {"token": "open sesame"})
    ada.emit("echo", "in here")
    assert ada.heard("echo") == ["in here"]
    ada.client.disconnect()
    eve = Peer(url, transports, "/guarded", {"token": "wrong"}, refused=True)
    [told] = eve.heard("connect_error")
    assert told == {"message": "not authorised", "data": ["try", "harder"]}, told


def put_out(url, transports, way):
    for close in (False, True):
        ada = Peer(url, transports)
        ada.emit("put me out", close)
        ada.heard("disconnect")


def leaving(url, transports, way):
    watcher, ada = Peer(url, transports), Peer(url, transports)
    watcher.call("join", "watchers")
    sid = ada.client.get_sid()
    ada.client.disconnect()
    gone = watcher.heard("gone")
    while gone[0] != sid:
        gone = watcher.heard("gone")
    assert gone[1] in ("client namespace disconnect", "transport close"), gone
    watcher.client.disconnect()


server = subprocess.Popen([os.environ["SERVER_BIN"], "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
try:
    url = re.search(r"http:\S+", server.stdout.readline()).group()
    tests = [auth_and_handshake, events, binary, acks, rooms, namespaces, put_out, leaving]
    for way, transports in WAYS.items():
        for test in tests:
            print(f"{way}: {test.__name__}", flush=True)
            test(url, transports, way)
    print(f"passed: {len(WAYS) * len(tests)} tests of python-socketio")
finally:
    server.terminate()
    server.wait()
