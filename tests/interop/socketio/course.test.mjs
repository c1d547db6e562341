// The snippets of examples/socketio_course.rs.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";

const PATIENCE = { timeout: 20_000 };
let server, url, ada, bob;
const printed = [], waiting = [];

const line = (wanted) => new Promise((done) => {
    const look = () => printed.some((text) => text.includes(wanted)) && (done(), true);
    look() || waiting.push(look);
});
const heard = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));

before(async () => {
    server = spawn(`${process.env.EXAMPLES}/socketio_course`, ["--listen", "127.0.0.1:0", "--workers", process.env.WORKERS ?? "1"], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface(server.stdout);
    lines.on("line", (text) => { printed.push(text); waiting.forEach((look) => look()); });
    url = (await once(lines, "line"))[0].match(/http:\S+/)[0];
    [ada, bob] = [io(url, { forceNew: true }), io(url, { forceNew: true })];
    await Promise.all([heard(ada, "connect"), heard(bob, "connect")]);
});
after(async () => {
    [ada, bob].forEach((socket) => socket?.disconnect());
    server.kill();
    await once(server, "exit");
});

test("who connects and disconnects is told", PATIENCE, async () => {
    const cyd = io(url, { forceNew: true });
    await heard(cyd, "connect");
    const id = cyd.id;
    await line(`a user connected: ${id}`);
    cyd.disconnect();
    await line(`user disconnected: ${id}, client namespace disconnect`);
});

test("a chat message reaches everybody", PATIENCE, async () => {
    const both = Promise.all([heard(ada, "chat message"), heard(bob, "chat message")]);
    ada.emit("chat message", "hello");
    assert.deepEqual(await both, [["hello"], ["hello"]]);
});

for (const event of ["broadcast message", "edit"]) {
    test(`${event} reaches the others only`, PATIENCE, async () => {
        const own = [];
        ada.on(event, () => own.push(event));
        const other = heard(bob, event);
        ada.emit(event, { text: "é" });
        assert.deepEqual(await other, [{ text: "é" }]);
        // Behind it: what was on its way to her has arrived.
        const mine = heard(ada, "chat message");
        ada.emit("chat message", "done");
        await mine;
        assert.deepEqual(own, []);
    });
}

test("a notification comes again and again", PATIENCE, async () => {
    assert.deepEqual(await heard(ada, "notification"), ["there is news"]);
    assert.deepEqual(await heard(ada, "notification"), ["there is news"]);
});
