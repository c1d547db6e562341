// A WebSocket that comes back, for JSON messages. Free to take along: it needs nothing but a browser.
//
//   const link = new Reconnecting('ws', {
//     hello: () => ({ type: 'join', since: last }),        // said first on every connection; null says nothing
//     onmessage: message => { … },
//     onstate: (state, { reason, retryIn }) => { … },      // 'connecting', 'online' or 'offline'
//     ping: { type: 'ping' },                              // answered by anything at all, or the connection counts as dead
//   })
//   link.send({ type: 'say', text })                       // false while there is no connection: keep it, say it again
//
// What was sent and not answered may or may not have arrived. A protocol that loses and doubles nothing numbers its
// messages and says in `hello` which was the last.

const defaults = {
  hello: () => null,
  onmessage: () => {},
  onstate: () => {},
  first: 250,          // ms: what the first wait is drawn from …
  longest: 10_000,     // … and any wait at most
  openWithin: 10_000,  // ms for the handshake
  ping: null,
  every: 25_000,       // ms between pings of a page that is looked at
  within: 5_000,       // ms for anything to come after one
}

/** A connection that lasted so long (ms) is no reason to hesitate with the next. */
const STEADY = 5_000

export class Reconnecting {
  #url
  #options
  #socket = null
  #attempt = 0
  #openedAt = 0
  #timers = {}
  #listening = new AbortController()

  /** Connects at once. `url` may be relative to the page. */
  constructor(url, options = {}) {
    this.#url = new URL(url, location.href)
    this.#url.protocol = this.#url.protocol.replace('http', 'ws')
    this.#options = { ...defaults, ...options }
    const on = (target, type, listener) => target.addEventListener(type, listener, { signal: this.#listening.signal })
    on(document, 'visibilitychange', () => { if (!document.hidden) this.now() })
    on(window, 'online', () => this.now())
    on(window, 'offline', () => this.#check())
    // A page out of the back-forward cache has a socket that the server has long forgotten.
    on(window, 'pageshow', event => { if (event.persisted) { this.#abandon(); this.now() } })
    if (this.#options.ping) this.#timers.ping = setInterval(() => { if (!document.hidden) this.#check() }, this.#options.every)
    // The caller shall have `this` before the first state.
    queueMicrotask(() => this.#connect())
  }

  get isOnline() { return this.#socket?.readyState === WebSocket.OPEN }

  /** Sends a JSON value; `false` if there is no connection. */
  send(value) {
    if (!this.isOnline) return false
    this.#socket.send(JSON.stringify(value))
    return true
  }

  /** Tries at once, or finds out whether the connection still lives. */
  now() {
    this.#socket ? this.#check() : this.#connect()
  }

  /** After good news the next wait is a short one. */
  calm() {
    this.#attempt = Math.min(this.#attempt, 3)
  }

  /** For good. */
  close() {
    this.#listening.abort()
    clearInterval(this.#timers.ping)
    for (const name of ['retry', 'open', 'pong']) clearTimeout(this.#timers[name])
    const socket = this.#socket
    this.#socket = null
    socket?.close(1000)
  }

  #connect() {
    clearTimeout(this.#timers.retry)
    if (this.#socket || this.#listening.signal.aborted) return
    const { openWithin, hello, onmessage, onstate } = this.#options
    const socket = this.#socket = new WebSocket(this.#url)
    const current = () => this.#socket === socket
    onstate('connecting', {})
    this.#timers.open = setTimeout(() => { if (current()) this.#abandon() }, openWithin)
    socket.onopen = () => {
      if (!current()) return
      clearTimeout(this.#timers.open)
      this.#openedAt = performance.now()
      const greeting = hello()
      if (greeting !== null) this.send(greeting)
      onstate('online', {})
    }
    socket.onmessage = ({ data }) => {
      if (!current()) return
      clearTimeout(this.#timers.pong)
      onmessage(JSON.parse(data))
    }
    socket.onclose = ({ code, reason }) => { if (current()) this.#lost(code, reason) }
  }

  // Does not wait for a close that may never come.
  #abandon() {
    const socket = this.#socket
    if (!socket) return
    this.#lost(1006, '')
    socket.close()
  }

  #lost(code, reason) {
    this.#socket = null
    for (const name of ['open', 'pong']) clearTimeout(this.#timers[name])
    if (this.#openedAt && performance.now() - this.#openedAt > STEADY) this.#attempt = 0
    this.#openedAt = 0
    // It was told that it does something wrong.
    if (code === 1008) this.#attempt = Math.max(this.#attempt, 5)
    const { first, longest, onstate } = this.#options
    // Full jitter: pages that lost the same server do not come back at the same moment.
    const retryIn = Math.random() * Math.min(longest, first * 2 ** this.#attempt++)
    this.#timers.retry = setTimeout(() => this.#connect(), retryIn)
    onstate('offline', { code, reason, retryIn })
  }

  // The network may be gone without a word.
  #check() {
    if (!this.#options.ping || !this.send(this.#options.ping)) return
    clearTimeout(this.#timers.pong)
    this.#timers.pong = setTimeout(() => this.#abandon(), this.#options.within)
  }
}
