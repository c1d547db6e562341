// A thousand clients at once, of every way, and all of them again when the server has been killed.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { Server, WAYS, heard } from "./stage.mjs";

const MANY = 1_000;
const PATIENCE = { timeout: 180_000 };
const server = new Server();
let crowd;

const all = (ask) => Promise.all(crowd.map(ask));
const answered = (socket, n) => socket.timeout(PATIENCE.timeout).emitWithAck("answer", n);
const everybodyIsAnswered = async () => assert.deepEqual(await all(answered), crowd.map((_, n) => n));

before(async () => {
    await server.start();
    const ways = Object.values(WAYS);
    // As pages come back: not all in the same moment.
    const settings = { forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 2_000, timeout: PATIENCE.timeout };
    crowd = Array.from({ length: MANY }, (_, n) => io(server.url, { ...settings, transports: ways[n % ways.length] }));
    await all((socket) => socket.connected || heard(socket, "connect"));
}, PATIENCE);
after(async () => {
    crowd?.forEach((socket) => socket.disconnect());
    await server.stop("SIGTERM");
});

test(`${MANY} clients are answered each`, PATIENCE, everybodyIsAnswered);

test("what is said in a room reaches everybody else once", PATIENCE, async () => {
    await all((socket) => socket.emitWithAck("join", "crowd"));
    const said = crowd.map(() => 0);
    crowd.forEach((socket, n) => socket.on("said", () => (said[n] += 1)));
    const others = crowd.slice(1).map((socket) => heard(socket, "said"));
    crowd[0].emit("to", "crowd", { text: "hello" });
    await Promise.all(others);
    // Behind it: what was on its way has arrived.
    await everybodyIsAnswered();
    assert.deepEqual(said, crowd.map((_, n) => (n === 0 ? 0 : 1)));
});

for (const storm of ["first", "second"]) {
    test(`all come back to a server that was killed, for the ${storm} time`, PATIENCE, async () => {
        const back = all(async (socket) => {
            await heard(socket, "disconnect");
            await heard(socket, "connect");
        });
        await server.stop("SIGKILL");
        await server.start();
        await back;
        await everybodyIsAnswered();
        assert.equal(new Set(crowd.map((socket) => socket.id)).size, MANY);
    });
}
