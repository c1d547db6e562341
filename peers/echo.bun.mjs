// Bun as an echo server, or as a client that echoes and connects again until nobody listens.

function connect (address) {
  const ws = new WebSocket(`ws://${address}/`)
  ws.binaryType = 'arraybuffer'
  let opened = false
  ws.onopen = () => { opened = true }
  ws.onmessage = event => ws.send(event.data)
  ws.onerror = () => {}
  ws.onclose = () => { if (opened) connect(address) }
}

if (process.argv[2] === 'client') {
  connect(process.argv[3])
} else {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch (request, server) {
      return server.upgrade(request) ? undefined : new Response('no upgrade', { status: 400 })
    },
    websocket: {
      perMessageDeflate: false,
      message (ws, message) { ws.send(message) }
    }
  })
  console.log(`listening on ws://127.0.0.1:${server.port}`)
}
