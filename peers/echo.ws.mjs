// Node's ws as an echo server, or as a client that echoes and connects again until nobody listens.

import { WebSocket, WebSocketServer } from 'ws'

function echo (ws) {
  ws.on('message', (message, binary) => ws.send(message, { binary }))
  ws.on('error', () => {})
}

function connect (address) {
  const ws = new WebSocket(`ws://${address}/`, { perMessageDeflate: false })
  let listens = true
  echo(ws)
  ws.on('error', error => { listens = error.code !== 'ECONNREFUSED' })
  ws.on('close', () => { if (listens) connect(address) })
}

if (process.argv[2] === 'client') {
  connect(process.argv[3])
} else {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('listening', () => console.log(`listening on ws://127.0.0.1:${server.address().port}`))
  server.on('connection', echo)
}
