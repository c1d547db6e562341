// permessage-deflate with every combination of parameters, against Node's ws.
//
// usage: oracle.mjs client HOST:PORT SEND RECEIVE TAKEOVER    our server has these settings: bits, bits, 0 or 1
//        oracle.mjs server CLIENT                             our client example is the program CLIENT
//
// What must be agreed on is worked out here from RFC 7692 §7.1, and what comes back from what was sent.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";

const json = Array.from({ length: 1400 }, (_, i) => `{"id":${(i * 7919) % 100000},"user":"u${i % 97}"},`).join("");
const messages = ["a", json.slice(0, 1000), json.slice(0, 1000), json, "\0".repeat(70000), "Grüße, 🌊 ".repeat(100)].map(
  (text) => Buffer.from(text),
);
const bits = [undefined, 9, 10, 11, 12, 13, 14, 15];
const [role, target, ...ours] = process.argv.slice(2);

// ws takes `false` for a refusal, `undefined` for all the same.
function* product(...lists) {
  const [first, ...rest] = lists;
  for (const value of first) {
    if (rest.length === 0) yield [value];
    else for (const others of product(...rest)) yield [value, ...others];
  }
}

function parameters(header) {
  const [name, ...params] = header.split(";").map((part) => part.trim());
  assert.equal(name, "permessage-deflate", header);
  const pairs = params.map((param) => param.split("="));
  return Object.fromEntries(pairs.map(([key, value]) => [key, value ? Number(value) : true]));
}

function settings(server, client, serverBits, clientBits) {
  return {
    threshold: 0,
    serverNoContextTakeover: server,
    clientNoContextTakeover: client,
    serverMaxWindowBits: serverBits,
    clientMaxWindowBits: clientBits,
  };
}

async function asClient(address, [send, receive, takeover]) {
  let passed = 0;
  const offers = product([undefined, true], [undefined, true], [8, ...bits], [true, ...bits]);
  for (const [server, client, serverBits, clientBits] of offers) {
    const ws = new WebSocket(`ws://${address}`, {
      perMessageDeflate: settings(server, client, serverBits, clientBits),
    });
    // Both come in one turn.
    const open = once(ws, "open");
    const [response] = await once(ws, "upgrade");
    const answer = parameters(response.headers["sec-websocket-extensions"]);
    const said = JSON.stringify({ server, client, serverBits, clientBits, answer });
    assert.equal("server_no_context_takeover" in answer, !!server || !takeover, said);
    assert.equal("client_no_context_takeover" in answer, !!client || !takeover, said);
    assert.equal(answer.server_max_window_bits ?? 15, Math.min(serverBits ?? 15, send), said);
    // ws names client_max_window_bits in any case.
    const asked = typeof clientBits === "number" ? clientBits : 15;
    assert.equal(answer.client_max_window_bits ?? 15, Math.min(asked, receive), said);
    const echoes = [];
    const whole = new Promise((resolve, reject) => {
      ws.on("error", reject);
      ws.on("message", (data) => echoes.push(data) === messages.length + 1 && resolve());
    });
    await open;
    for (const message of messages) ws.send(message);
    ws.send(json.slice(0, 500), { fin: false });
    ws.send(json.slice(500, 3000), { fin: true });
    await whole;
    const expected = [...messages, Buffer.from(json.slice(0, 3000))];
    expected.forEach((message, i) => assert.ok(message.equals(echoes[i]), `${said}: message ${i}`));
    ws.close();
    await once(ws, "close");
    passed += 1;
  }
  return `${passed} offers of ws`;
}

async function asServer(program) {
  let passed = 0;
  const lines = messages.map((message) => `${message.toString("hex")}\n`).join("");
  for (const [server, client, serverBits, clientBits] of product([undefined, true], [undefined, true], bits, bits)) {
    const listening = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      perMessageDeflate: settings(server, client, serverBits, clientBits),
    });
    listening.on("connection", (ws) => ws.on("message", (data, binary) => ws.send(data, { binary })));
    await once(listening, "listening");
    const ours = spawn(program, ["--deflate", "--binary", `ws://127.0.0.1:${listening.address().port}`]);
    let [out, err] = ["", ""];
    ours.stdout.on("data", (data) => (out += data));
    ours.stderr.on("data", (data) => (err += data));
    ours.stdin.end(lines);
    const [code] = await once(ours, "close");
    const said = `${JSON.stringify({ server, client, serverBits, clientBits })}: ${code}, ${err}`;
    assert.ok(code === 0 && out === lines, said);
    assert.ok(err.split("compressed to").length > 8, said);
    listening.close();
    passed += 1;
  }
  return `${passed} answers of ws`;
}

console.log(`passed: ${role === "client" ? await asClient(target, ours.map(Number)) : await asServer(target)}`);
