// The page of examples/socketio_chat in Chromium, with the official client's browser build.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const PATIENCE = { timeout: 60_000 };
const CLIENT = "node_modules/socket.io-client/dist/socket.io.min.js";
const pictures = `${process.env.CARGO_TARGET_DIR}/screenshots/`;
let browser, server, url;

async function start() {
    const listen = url ? new URL(url).host : "127.0.0.1:0";
    server = spawn(`${process.env.EXAMPLES}/socketio_chat`, ["--listen", listen, "--client", CLIENT, "--workers", process.env.WORKERS ?? "1"], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(createInterface(server.stdout), "line");
    url = line.match(/http:\S+/)[0];
}
async function stop(signal) {
    server.kill(signal);
    await once(server, "exit");
}
async function person(name, way) {
    const context = await browser.newContext({ viewport: { width: 900, height: 600 } });
    await context.addInitScript((name) => (sessionStorage.name = name), name);
    const page = await context.newPage();
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    page.ways = new Set();
    page.on("request", (request) => request.url().includes("transport=polling") && page.ways.add("polling"));
    page.on("websocket", () => page.ways.add("websocket"));
    await page.goto(`${url}/?transports=${way}`);
    await present(page);
    return page;
}
const state = (page, word) => page.getByRole("status").filter({ hasText: word }).waitFor();
const present = async (page) => {
    await state(page, "connected");
    await page.getByText("You are in lobby.").waitFor();
};
const said = (page, text) => page.locator("#lines li").filter({ hasText: text });
async function say(page, others, text) {
    await page.getByRole("textbox", { name: "Message" }).fill(text);
    await page.getByRole("button", { name: "Send" }).click();
    for (const one of [page, ...others]) {
        await said(one, text).first().waitFor();
        assert.equal(await said(one, text).count(), 1);
    }
}

before(async () => {
    await mkdir(pictures, { recursive: true });
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
    await start();
});
after(async () => {
    await browser?.close();
    await stop("SIGTERM");
});

for (const way of ["polling", "websocket", "polling,websocket"]) {
    test(`two pages talk by ${way}, also with a server that was killed`, PATIENCE, async () => {
        const [ada, bob] = [await person(`Ada ${way}`, way), await person(`Bob ${way}`, way)];
        await ada.locator("#online li").filter({ hasText: `Bob ${way}` }).waitFor();
        await bob.getByRole("textbox", { name: "Message" }).pressSequentially("h");
        await ada.getByText(`Bob ${way} typing…`).waitFor();
        await say(ada, [bob], `hello by ${way}`);
        await stop("SIGKILL");
        await Promise.all([state(ada, /^(?!connected)/), state(bob, /^(?!connected)/)]);
        await start();
        await Promise.all([present(ada), present(bob)]);
        await say(bob, [ada], `again by ${way}`);
        await ada.screenshot({ path: `${pictures}socketio-${way}.png` });
        for (const page of [ada, bob]) {
            assert.deepEqual([...page.ways].sort().join(), way);
            assert.deepEqual(page.problems, []);
            await page.context().close();
        }
    });
}
