// A server under test, the ways to reach it, and a line to it that can be cut.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

export const WAYS = {
    polling: ["polling"],
    websocket: ["websocket"],
    upgrade: ["polling", "websocket"],
};
export const PATIENCE = { timeout: 20_000 };

export class Server {
    constructor(env = {}) {
        this.env = { ...process.env, ...env };
    }

    // The second time at the same address.
    async start() {
        const address = this.url ? new URL(this.url).host : "127.0.0.1:0";
        this.process = spawn(process.env.SERVER_BIN, ["--listen", address, "--workers", process.env.WORKERS ?? "1"], {
            stdio: ["ignore", "pipe", "inherit"],
            env: this.env,
        });
        const [line] = await once(createInterface(this.process.stdout), "line");
        this.url = line.match(/http:\S+/)[0];
    }

    async stop(signal) {
        this.process.kill(signal);
        await once(this.process, "exit");
    }
}

export const heard = (socket, event) => new Promise((done) => socket.once(event, (...args) => done(args)));

// Between a client and a server.
export class Line {
    #pairs = new Set();
    #isCut = false;

    constructor(url) {
        const { hostname, port } = new URL(url);
        this.server = createServer((near) => {
            near.on("error", () => {});
            if (this.#isCut) return near.destroy();
            const far = connect({ host: hostname, port: Number(port) });
            const pair = { near, far };
            this.#pairs.add(pair);
            far.on("error", () => {});
            far.on("close", () => (near.destroy(), this.#pairs.delete(pair)));
            near.on("close", () => pair.isDead || far.destroy());
            near.on("end", () => pair.isDead || far.end());
            far.on("end", () => near.end());
            near.on("data", (data) => far.write(data));
            far.on("data", (data) => pair.isDead || near.write(data));
        });
    }

    async open() {
        await once(this.server.listen(0, "127.0.0.1"), "listening");
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        return this;
    }

    // Cut for the client. With `unnoticed`, the server's ends stay, and take what nobody will read.
    cut({ unnoticed = false } = {}) {
        this.#isCut = true;
        for (const pair of this.#pairs) {
            pair.isDead = unnoticed;
            pair.near.destroy();
        }
    }

    mend() {
        this.#isCut = false;
    }

    close() {
        for (const { near, far } of this.#pairs) (near.destroy(), far.destroy());
        this.server.close();
    }
}
