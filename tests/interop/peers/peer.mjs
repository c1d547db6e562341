// Node's ws as a peer; README.md has the paths.
//
//   node peer.mjs server
//   node peer.mjs client HOST:PORT

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WebSocket, WebSocketServer } from 'ws'
import { CODES, SIZES, binary, reason, text } from './cases.mjs'

const FRAGMENTS = 5

// Cuts text anywhere, also inside a code point. Resolves when a Pong has come for every Ping between two fragments.
function sendInFragments (ws, message, isBinary) {
  const bytes = Buffer.from(message)
  const pongs = new Promise((resolve, reject) => {
    const wanted = Array.from({ length: FRAGMENTS - 1 }, (_, i) => `ping ${i}`)
    const closed = () => reject(new Error('closed before all Pongs'))
    ws.once('close', closed)
    ws.on('pong', function listener (payload) {
      if (String(payload) !== wanted.shift()) reject(new Error(`a Pong with ${payload}`))
      if (wanted.length === 0) { ws.off('pong', listener).off('close', closed); resolve() }
    })
  })
  for (let i = 0; i < FRAGMENTS; i++) {
    if (i > 0) ws.ping(`ping ${i - 1}`)
    const part = bytes.subarray(Math.floor(bytes.length * i / FRAGMENTS), Math.floor(bytes.length * (i + 1) / FRAGMENTS))
    ws.send(part, { binary: isBinary, fin: i + 1 === FRAGMENTS })
  }
  return pongs
}

async function server () {
  const closes = []
  const waiting = []
  const tell = () => { while (closes.length && waiting.length) waiting.shift().send(closes.shift()) }
  const wss = new WebSocketServer({
    host: '127.0.0.1', port: 0, handleProtocols: offered => offered.has('chat.v2') && 'chat.v2',
  })
  wss.on('connection', (ws, request) => {
    if (request.url === '/last') {
      waiting.push(ws)
      tell()
    } else if (request.url.startsWith('/close/')) {
      const code = Number(request.url.slice('/close/'.length))
      ws.close(code, reason(code))
    } else {
      // One answer in fragments at a time: ws does not queue them.
      let before = Promise.resolve()
      ws.on('message', (data, isBinary) => {
        if (request.url === '/echo') ws.send(data, { binary: isBinary })
        else before = before.then(() => sendInFragments(ws, data, isBinary)).catch(() => ws.close(1011, 'no pong'))
      })
      ws.on('close', (code, reason) => {
        if (reason.length) { closes.push(`${code} ${reason}`); tell() }
      })
    }
  })
  await once(wss, 'listening')
  console.log(`listening on ws://127.0.0.1:${wss.address().port}`)
}

async function client (address) {
  let checks = 0
  const open = async (path, ...options) => {
    const ws = new WebSocket(`ws://${address}${path}`, ...options)
    // Messages and the Close may come with the 101.
    const messages = []
    const waiting = []
    ws.on('message', (data, isBinary) => {
      const message = isBinary ? data : String(data)
      if (waiting.length) waiting.shift()(message)
      else messages.push(message)
    })
    ws.next = () => messages.length ? messages.shift() : new Promise(resolve => waiting.push(resolve))
    ws.closed = new Promise(resolve => ws.on('close', (code, reason) => resolve([code, String(reason)])))
    await once(ws, 'open')
    return ws
  }
  for (const path of ['/echo', '/fragments']) {
    const ws = await open(path)
    for (const size of SIZES) {
      for (const message of [text(size), Buffer.from(binary(size))]) {
        const isBinary = typeof message !== 'string'
        ws.send(message)
        assert.deepEqual(await ws.next(), message, `${path} ${size}`)
        const pongs = sendInFragments(ws, message, isBinary)
        assert.deepEqual(await ws.next(), message, `${path} ${size} in fragments`)
        await pongs
        checks += 2
      }
    }
    ws.close()
    await ws.closed
  }
  for (const code of CODES) {
    assert.deepEqual(await (await open(`/close/${code}`)).closed, [code, reason(code)])
    const ws = await open('/echo')
    ws.close(code, reason(code))
    assert.equal((await ws.closed)[0], code)
    const last = await open('/last')
    assert.equal(await last.next(), `${code} ${reason(code)}`)
    last.terminate()
    checks += 2
  }
  for (const [offered, chosen] of [[['chat.v1', 'chat.v2'], 'chat.v2'], [[], '']]) {
    const ws = await open('/echo', offered)
    assert.equal(ws.protocol, chosen)
    ws.terminate()
  }
  console.log(`passed: ${checks + 2} checks of Node ws as client`)
}

const [role, address] = process.argv.slice(2)
if (role === 'server') {
  await server()
} else {
  const guard = setTimeout(() => { console.error('Node ws as client: nothing more happens'); process.exit(1) }, 120_000)
  await client(address)
  clearTimeout(guard)
}
