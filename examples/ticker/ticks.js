// Reads the ticks, in a worker, so that it can stop reading while the page goes on: while `pace[0]` is not 0, it sleeps
// for so many milliseconds after each tick, and nobody reads in its place.
//
// The page is told what was read: how far, what was missed, and whether anything came twice or out of its order.

const MOST_GAPS = 100
/// Nothing for so many looks, one a second, and the connection counts as dead: a tick comes every second at least.
const SILENCE = 8

let pace, url, socket
let attempt = 0, quiet = 0
let dirty = false, toldAt = 0
const read = { state: 'connecting', run: null, first: 0, last: 0, here: 0, total: 0, bytes: 0, missed: 0, disorder: 0, runs: 0, gaps: [], closed: null, quotes: [] }

onmessage = ({ data }) => {
  ({ pace, url } = data)
  connect()
  setInterval(tell, 200)
  setInterval(() => { if (socket && ++quiet > SILENCE) lost(socket, 1006, 'nothing came') }, 1000)
}

function connect() {
  const its = socket = new WebSocket(url)
  quiet = 0
  say('connecting')
  its.onmessage = ({ data }) => { if (its === socket) heard(data) }
  its.onclose = ({ code, reason }) => lost(its, code, reason)
}

function lost(its, code, reason) {
  if (its !== socket) return
  socket = null
  its.close()
  read.closed = { code, reason }
  // Full jitter: pages that lost the same server do not come back at the same moment.
  setTimeout(connect, Math.random() * Math.min(5000, 250 * 2 ** attempt++))
  say('offline')
}

function heard(data) {
  quiet = 0
  const message = JSON.parse(data)
  if (message.run) return greeted(message)
  took(message.n)
  read.here++
  read.total++
  read.bytes = data.length
  read.quotes = message.quotes
  const pause = Atomics.load(pace, 0)
  dirty = true
  if (pause || performance.now() - toldAt > 50) tell()
  // Not for nothing in a worker: the browser reads no further until this returns.
  if (pause) Atomics.wait(pace, 0, pause, pause)
}

function greeted({ run, next }) {
  if (run !== read.run) {
    // Another server, which counts anew.
    Object.assign(read, { run, first: next, last: next - 1, total: 0, missed: 0, gaps: [], runs: read.runs + 1 })
  }
  read.here = 0
  attempt = 0
  say('online')
}

function took(n) {
  if (n <= read.last) { read.disorder++; return }
  if (n > read.last + 1) {
    read.missed += n - read.last - 1
    read.gaps.push([read.last + 1, n - 1])
    if (read.gaps.length > MOST_GAPS) read.gaps.shift()
  }
  read.last = n
}

function say(state) {
  read.state = state
  dirty = true
  tell()
}

function tell() {
  if (!dirty) return
  dirty = false
  toldAt = performance.now()
  postMessage(read)
}
