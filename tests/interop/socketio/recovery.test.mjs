// Connection state recovery: what was sent while a client was away arrives, in order, once.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { Line, PATIENCE, Server, WAYS, heard } from "./stage.mjs";

const server = new Server({ RECOVERY: "1" });

before(() => server.start());
after(() => server.stop("SIGTERM"));

for (const [way, transports] of Object.entries(WAYS)) {
    describe(`recovery by ${way}`, () => {
        const sockets = [];
        const lines = [];
        after(() => {
            sockets.forEach((socket) => socket.disconnect());
            lines.forEach((line) => line.close());
        });

        const open = async (url) => {
            const socket = io(`${url}/quiet`, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
            sockets.push(socket);
            const moved = way === "upgrade" ? heard(socket.io.engine, "upgrade") : undefined;
            await Promise.all([heard(socket, "connect"), moved]);
            return socket;
        };
        const openByLine = async () => {
            const line = await new Line(server.url).open();
            lines.push(line);
            return [await open(line.url), line];
        };
        const cut = async (socket, line, options) => {
            const lost = heard(socket, "disconnect");
            line.cut(options);
            // A held poll or a WebSocket is there to notice.
            assert.match((await lost)[0], /^transport (close|error)$/);
        };
        const mend = async (socket, line) => {
            const back = heard(socket, "connect");
            line.mend();
            await back;
        };

        for (const unnoticed of [false, true]) {
            test(`comes back with everything${unnoticed ? ", before the server knows it was away" : ""}`, PATIENCE, async () => {
                const room = `room ${way} ${unnoticed}`;
                const [[ada, line], bob] = await Promise.all([openByLine(), open(server.url)]);
                const said = [];
                ada.on("said", (n, bytes) => said.push([n, Buffer.from(bytes).toString("hex")]));
                await ada.emitWithAck("set", "hers", room);
                const id = ada.id;
                // Also before it has heard anything, and more than once.
                for (const round of [0, 1, 2]) {
                    await cut(ada, line, { unnoticed });
                    for (const n of [0, 1, 2]) await bob.emitWithAck("say", room, 10 * round + n);
                    await mend(ada, line);
                    assert.deepEqual([ada.recovered, ada.id], [true, id]);
                    assert.deepEqual(await ada.emitWithAck("get"), "hers");
                    // Ends in a string that is not the application's to give.
                    let isHinted = false;
                    ada.once("hinted", () => (isHinted = true));
                    while (!isHinted) await bob.emitWithAck("hint", room);
                    await bob.emitWithAck("say", room, 10 * round + 3);
                }
                while (said.length < 12) await heard(ada, "said");
                const expected = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23].map((n) => [n, "010203"]);
                assert.deepEqual(said, expected);
            });
        }

        test("who left by itself is somebody new", PATIENCE, async () => {
            const socket = await open(server.url);
            const id = socket.id;
            socket.disconnect();
            socket.connect();
            await heard(socket, "connect");
            assert.equal(socket.recovered, false);
            assert.notEqual(socket.id, id);
        });

        test("a server that was started anew knows nobody, and goes on", PATIENCE, async () => {
            const socket = await open(server.url);
            const told = heard(socket, "counted");
            socket.emit("count", 1);
            await told;
            const again = heard(socket, "connect");
            await server.stop("SIGKILL");
            await server.start();
            await again;
            assert.equal(socket.recovered, false);
            const counted = heard(socket, "counted");
            socket.emit("count", 2);
            assert.equal((await counted)[0], 2);
        });
    });
}

const JITTER = process.env.JITTER === "long" ? { clients: 100, events: 10_000, seconds: 5, every: 5 } : { clients: 15, events: 1_000, seconds: 1, every: 5 };

test(`${JITTER.events} events reach ${JITTER.clients} clients that are cut again and again`, { timeout: 300_000 }, async () => {
    const ways = Object.values(WAYS);
    const mouth = io(`${server.url}/quiet`, { forceNew: true, transports: ["websocket"] });
    await heard(mouth, "connect");
    const clients = await Promise.all(Array.from({ length: JITTER.clients }, async (_, n) => {
        const line = await new Line(server.url).open();
        const options = { forceNew: true, transports: ways[n % ways.length], reconnectionDelay: 50, reconnectionDelayMax: 500 };
        const socket = io(`${line.url}/quiet`, options);
        const client = { line, socket, counted: [], recovered: 0, fresh: 0, cuts: 0 };
        client.done = new Promise((done) => {
            socket.on("counted", (n) => {
                client.counted.push(n);
                if (n === JITTER.events - 1) done();
            });
        });
        await heard(socket, "connect");
        socket.on("connect", () => (socket.recovered ? client.recovered++ : client.fresh++));
        return client;
    }));

    // Cut, for a random time, with or without the server's knowledge; whole for a random time; and so on.
    const random = (seconds) => new Promise((done) => setTimeout(done, Math.random() * seconds * 1000));
    let isOver = false;
    const troubles = clients.map(async (client) => {
        for (;;) {
            await random(JITTER.seconds);
            if (isOver) return;
            client.cuts++;
            client.line.cut({ unnoticed: Math.random() < 0.5 });
            await random(JITTER.seconds);
            client.line.mend();
        }
    });

    for (let n = 0; n < JITTER.events; n++) {
        mouth.emit("count", n);
        await new Promise((done) => setTimeout(done, JITTER.every));
    }
    isOver = true;
    await Promise.all([...troubles, ...clients.map((client) => client.done)]);
    const expected = Array.from({ length: JITTER.events }, (_, n) => n);
    for (const client of clients) {
        assert.deepEqual(client.counted, expected);
        assert.equal(client.fresh, 0);
    }
    const sum = (key) => clients.reduce((sum, client) => sum + client[key], 0);
    assert.ok(sum("cuts") >= JITTER.clients && sum("recovered") > 0);
    console.log(`# ${sum("cuts")} cuts, ${sum("recovered")} recoveries, ${JITTER.events * JITTER.clients} deliveries`);
    for (const { socket, line } of [...clients, { socket: mouth }]) (socket.disconnect(), line?.close());
});
