// Every test once for each way that a client can take.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { PATIENCE, Server, WAYS, heard } from "./stage.mjs";

const server = new Server();

before(() => server.start());
after(() => server.stop("SIGTERM"));

for (const [way, transports] of Object.entries(WAYS)) {
    describe(way, () => {
        const sockets = [];
        const open = (namespace = "/", options = {}) => {
            const settings = { transports, forceNew: true, reconnection: false, ...options };
            const socket = io(server.url + namespace, settings);
            sockets.push(socket);
            return socket;
        };
        // Once it travels by what it ends up with.
        const connected = async (namespace, options) => {
            const socket = open(namespace, options);
            const engine = socket.io.engine;
            const moved = way === "upgrade" ? new Promise((done) => engine.once("upgrade", done)) : undefined;
            await Promise.all([heard(socket, "connect"), moved]);
            assert.equal(engine.transport.name, way === "polling" ? "polling" : "websocket");
            return socket;
        };
        after(() => sockets.forEach((socket) => socket.disconnect()));

        test("connects, with auth and query", PATIENCE, async () => {
            const socket = open("/", { auth: { b: 1, a: "é" }, query: { colour: "deep red" } });
            const [auth, colour] = await heard(socket, "hello");
            assert.deepEqual([auth, colour], [{ b: 1, a: "é" }, "deep red"]);
            assert.equal(socket.id.length, 20);
            assert.notEqual(socket.id, socket.io.engine.id);
        });

        test("echoes JSON", PATIENCE, async () => {
            const socket = await connected();
            const args = [1, -1.5e300, "2 \u001e \u2028 é 🎉", { 3: [true, null, { z: 1, a: {} }] }, [[]]];
            socket.emit("echo", ...args);
            assert.deepEqual(await heard(socket, "echo"), args);
        });

        test("echoes bytes, wherever they are", PATIENCE, async () => {
            const socket = await connected();
            const bytes = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256));
            socket.emit("echo", Buffer.from([]), { a: [bytes], b: "text" }, bytes);
            const [empty, object, last] = await heard(socket, "echo");
            assert.deepEqual([Buffer.from(empty).length, object.b], [0, "text"]);
            assert.deepEqual(Buffer.from(object.a[0]), bytes);
            assert.deepEqual(Buffer.from(last), bytes);
        });

        test("a large message passes", PATIENCE, async () => {
            const socket = await connected();
            const text = "x".repeat(700_000);
            socket.emit("echo", text);
            assert.equal((await heard(socket, "echo"))[0], text);
        });

        test("the server answers", PATIENCE, async () => {
            const socket = await connected();
            assert.deepEqual(await socket.timeout(5000).emitWithAck("answer", { a: 1 }), { a: 1 });
            const answer = await socket.timeout(5000).emitWithAck("answer", Buffer.from("hi"));
            assert.equal(Buffer.from(answer).toString(), "hi");
        });

        test("the client answers", PATIENCE, async () => {
            const socket = await connected();
            socket.once("question", (_, answer) => answer("forty-two", Buffer.from([42])));
            socket.emit("ask me", 5000);
            const [text, bytes] = await heard(socket, "answered");
            assert.deepEqual([text, Buffer.from(bytes)], ["forty-two", Buffer.from([42])]);
        });

        test("a client that does not answer is not waited for", PATIENCE, async () => {
            const socket = await connected();
            socket.emit("ask me", 50);
            assert.deepEqual(await heard(socket, "answered"), ["operation has timed out"]);
        });

        test("rooms hear what is said in them", PATIENCE, async () => {
            const room = `room ${way}`;
            const [ada, bob, cyd] = await Promise.all([connected(), connected(), connected()]);
            assert.equal(await ada.emitWithAck("join", room), true);
            assert.equal(await bob.emitWithAck("join", room), true);
            const unheard = [];
            for (const socket of [ada, cyd]) socket.on("said", () => unheard.push(socket.id));
            ada.emit("to", room, { text: "hello" });
            const [said, bytes] = await heard(bob, "said");
            assert.deepEqual([said, Buffer.from(bytes)], [{ text: "hello" }, Buffer.from([1, 2, 3])]);
            assert.equal(await bob.emitWithAck("leave", room), true);
            // An answer behind it: whatever was sent to the others has arrived.
            await Promise.all([ada, cyd].map((socket) => socket.emitWithAck("answer", 1)));
            assert.deepEqual(unheard, []);
        });

        test("a room answers, and who does not is missing", PATIENCE, async () => {
            const room = `questions ${way}`;
            const [ada, bob, cyd] = await Promise.all([connected(), connected(), connected()]);
            for (const socket of [ada, bob, cyd]) await socket.emitWithAck("join", room);
            ada.on("question", (_, answer) => answer("ada"));
            bob.on("question", (_, answer) => answer("bob"));
            cyd.once("question", (_, answer) => answer("cyd"));
            const ask = (timeout) => new Promise((done) => ada.emit("ask", room, timeout, (...answer) => done(answer)));
            assert.deepEqual(await ask(10_000), [["ada", "bob", "cyd"], []]);
            assert.deepEqual(await ask(200), [["ada", "bob"], ["operation has timed out"]]);
            cyd.once("question", () => cyd.disconnect());
            assert.deepEqual(await ask(10_000), [["ada", "bob"], ["socket has been disconnected"]]);
            assert.deepEqual(await new Promise((done) => ada.emit("ask", "nobody", 10_000, (...answer) => done(answer))), [[], []]);
        });

        test("a broadcast reaches all but its sender", PATIENCE, async () => {
            const [ada, bob] = await Promise.all([connected(), connected()]);
            let own = 0;
            ada.on("said", (from) => (own += from === ada.id));
            const mine = new Promise((done) => bob.on("said", (from) => from === ada.id && done()));
            ada.emit("others", ada.id);
            await mine;
            await ada.emitWithAck("answer", 1);
            assert.equal(own, 0);
        });

        test("everything arrives in order", PATIENCE, async () => {
            const socket = open();
            const numbers = [];
            socket.on("one of many", (n) => numbers.push(n));
            socket.emit("many", 2000);
            await heard(socket, "connect");
            while (numbers.length < 2000) await heard(socket, "one of many");
            assert.deepEqual(numbers, Array.from({ length: 2000 }, (_, n) => n));
        });

        test("volatile events stand back", PATIENCE, async () => {
            const socket = await connected();
            const events = [];
            socket.onAny((name) => events.push(name));
            socket.emit("volatile");
            await socket.emitWithAck("answer", 1);
            assert.deepEqual(events.filter((name) => name !== "hello"), ["regular", "regular"]);
        });

        test("namespaces share a session", PATIENCE, async () => {
            const socket = await connected();
            const guarded = socket.io.socket("/guarded", { auth: { token: "open sesame" } });
            await heard(guarded, "connect");
            assert.notEqual(guarded.id, socket.id);
            guarded.emit("echo", "in here");
            assert.deepEqual(await heard(guarded, "echo"), ["in here"]);
            guarded.disconnect();
            assert.equal(await socket.emitWithAck("answer", "still here"), "still here");
        });

        test("a guard refuses, and says why", PATIENCE, async () => {
            const [error] = await heard(open("/guarded"), "connect_error");
            assert.deepEqual([error.message, error.data], ["not authorised", ["try", "harder"]]);
        });

        test("a guard decides on another thread", PATIENCE, async () => {
            const [error] = await heard(open("/elsewhere", { auth: { token: "?" } }), "connect_error");
            assert.equal(error.message, "who are you?");
            await heard(open("/elsewhere", { auth: { token: "open sesame" } }), "connect");
        });

        test("an unknown namespace is refused", PATIENCE, async () => {
            const [error] = await heard(open("/nothing"), "connect_error");
            assert.equal(error.message, "Invalid namespace");
        });

        test("a namespace is made when it is needed", PATIENCE, async () => {
            const socket = open(`/dynamic-${way}`);
            assert.deepEqual(await heard(socket, "namespace"), [`/dynamic-${way}`]);
        });

        test("the server puts a socket out", PATIENCE, async () => {
            for (const close of [false, true]) {
                const socket = await connected();
                socket.emit("put me out", close);
                assert.equal((await heard(socket, "disconnect"))[0], "io server disconnect");
            }
        });

        test("the client leaves, and others hear why", PATIENCE, async () => {
            const [watcher, socket] = await Promise.all([connected(), connected()]);
            await watcher.emitWithAck("join", "watchers");
            const id = socket.id;
            const gone = new Promise((done) => watcher.on("gone", (who, why) => who === id && done(why)));
            socket.disconnect();
            assert.equal(await gone, "client namespace disconnect");
        });

        test("heartbeats keep a quiet session", PATIENCE, async () => {
            const socket = await connected();
            let pings = 0;
            socket.io.on("ping", () => pings++);
            while (pings < 3) await new Promise((done) => socket.io.once("ping", done));
            assert.equal(await socket.emitWithAck("answer", "here"), "here");
        });

        test("100 clients at once", PATIENCE, async () => {
            const all = await Promise.all(Array.from({ length: 100 }, () => connected()));
            const answers = await Promise.all(all.map((socket, n) => socket.emitWithAck("answer", n)));
            assert.deepEqual(answers, all.map((_, n) => n));
            all.forEach((socket) => socket.disconnect());
        });

        test("reconnects to a server that was killed", PATIENCE, async () => {
            const socket = await connected("/", { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 });
            const lost = heard(socket, "disconnect");
            await server.stop("SIGKILL");
            assert.match((await lost)[0], /^transport (close|error)$/);
            const again = heard(socket, "connect");
            await server.start();
            await again;
            assert.equal(await socket.emitWithAck("answer", "back"), "back");
        });
    });
}
