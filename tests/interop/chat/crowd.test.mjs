// Two hundred people who chat for a minute, lose their connections at random, and their server once to SIGKILL: what
// was acknowledged is in everybody's history, exactly once, in one order.
//
// CHAT_BIN   the example (default: target/release/examples/chat)
// CROWD      how long they chat, in seconds (default: 60)

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'

const binary = process.env.CHAT_BIN ?? fileURLToPath(new URL('../../../target/release/examples/chat', import.meta.url))
const SECONDS = Number(process.env.CROWD ?? 60)
const PEOPLE = 200, ROOMS = 4, SAY_EVERY = 3000, CUT_EVERY = 10_000, PATIENCE = 60_000

const place = mkdtempSync(`${tmpdir()}/crowd-`)
let server
after(() => {
  server?.kill('SIGKILL')
  rmSync(place, { recursive: true, force: true })
})

// Meanwhile nobody tries to connect.
let isDown = true

async function start(listen) {
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; await pause(200)) {
    server = spawn(binary, ['--listen', listen, '--log', `${place}/log`], { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: server.stdout })) {
      const found = /listening on http:\/\/(\S+)/.exec(line)
      if (found) {
        isDown = false
        return found[1]
      }
    }
    // A client of somebody else may have the port for a moment.
  }
  throw new Error('the server did not say where it listens')
}

async function kill() {
  isDown = true
  server.kill('SIGKILL')
  await once(server, 'exit')
}

// Drawn anew with each run; what matters is the same for all.
const about = ms => ms * (0.5 + Math.random())
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

class Person {
  acknowledged = new Map()   // text by number
  heard = []                 // messages, live or caught up with
  waiting = []               // said and not acknowledged
  missing = null             // what came behind a hole that is being filled: { messages, seq }
  cuts = 0
  said = 0
  epoch = null
  seq = 0

  constructor(host, number) {
    Object.assign(this, { host, name: `Person ${number}`, key: `the-key-of-${number}`, room: `room-${number % ROOMS}` })
  }

  connect() {
    if (this.over) return
    if (isDown) return void setTimeout(() => this.connect(), about(300))
    Object.assign(this, { joined: false, missing: null })
    const socket = this.socket = new WebSocket(`ws://${this.host}/ws`, { perMessageDeflate: false })
    socket.on('open', () => this.join())
    socket.on('message', data => this.receive(JSON.parse(data)))
    socket.on('error', () => {})
    socket.on('close', () => { this.joined = false; setTimeout(() => this.connect(), about(300)) })
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message))
  }

  join() {
    this.joined = false
    const since = this.epoch ? { epoch: this.epoch, seq: this.seq } : undefined
    this.send({ type: 'join', room: this.room, name: this.name, key: this.key, since })
  }

  say() {
    const message = { id: `${++this.said}`, text: `${this.name} says ${this.said}` }
    this.waiting.push(message)
    this.flush()
  }

  // One at a time: the order of one person's messages is theirs.
  flush() {
    if (this.joined && this.waiting.length) this.send({ type: 'say', room: this.room, ...this.waiting[0] })
  }

  receive(message) {
    if (message.type === 'joined') {
      assert.equal(message.missed, undefined, 'nothing is gone')
      this.epoch = message.epoch
      this.missing = { messages: message.messages, seq: message.seq }
      message.more ? this.askEarlier() : this.catchUp()
    } else if (message.type === 'earlier') {
      // Down to what was heard before.
      this.missing.messages.unshift(...message.messages)
      message.more && message.messages[0].seq > this.seq + 1 ? this.askEarlier() : this.catchUp()
    } else if (message.type === 'message') {
      // What comes while a hole is filled shows as one behind it.
      if (!this.joined) return
      if (message.seq > this.seq + 1) return this.join()
      this.hear(message)
    } else if (message.type === 'sent') {
      const [first] = this.waiting
      if (first?.id !== message.id) return
      this.waiting.shift()
      this.acknowledged.set(message.seq, first.text)
      // One that was said before the cut is heard in its place.
      if (message.seq === this.seq + 1) this.hear({ seq: message.seq, text: first.text })
      else if (this.joined && message.seq > this.seq) this.join()
      this.flush()
    } else if (message.type === 'error') {
      assert.equal(message.code, 'slow-down')
      const again = message.id ? () => this.flush() : this.missing ? () => this.askEarlier() : () => this.join()
      const { socket } = this
      setTimeout(() => { if (socket === this.socket) again() }, message.retry)
    }
  }

  askEarlier() {
    this.send({ type: 'earlier', room: this.room, before: this.missing.messages[0].seq })
  }

  catchUp() {
    const { messages, seq } = this.missing
    this.missing = null
    for (const missed of messages) this.hear(missed)
    this.seq = seq
    this.joined = true
    this.flush()
  }

  hear({ seq, text }) {
    if (this.heard.at(-1)?.seq >= seq) return
    this.heard.push({ seq, text })
    this.seq = seq
  }

  cut() {
    this.cuts++
    this.socket.terminate()
  }
}

/// All that a newcomer finds by scrolling up to the beginning.
async function historyOf(host, room) {
  const socket = new WebSocket(`ws://${host}/ws`)
  const history = []
  socket.on('open', () => socket.send(JSON.stringify({ type: 'join', room, name: 'Historian', key: 'key-of-the-historian' })))
  const ended = new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', data => {
      const { type, messages, more, retry } = JSON.parse(data)
      if (type === 'error') return setTimeout(() => ask(), retry)
      if (type !== 'joined' && type !== 'earlier') return
      history.unshift(...messages)
      more ? ask() : resolve()
    })
    const ask = () => socket.send(JSON.stringify({ type: 'earlier', room, before: history[0].seq }))
  })
  await ended
  socket.terminate()
  return history
}

/// What is wrong with a room's history, given what its people know.
function faults(history, people) {
  const found = []
  history.forEach(({ seq }, index) => { if (seq !== index + 1) found.push(`number ${seq} in place ${index + 1}`) })
  const texts = new Set(history.map(({ text }) => text))
  if (texts.size !== history.length) found.push(`${history.length - texts.size} doubled`)
  for (const person of people) {
    for (const [seq, text] of person.acknowledged) {
      if (history[seq - 1]?.text !== text) found.push(`acknowledged and gone: ${text}`)
    }
    for (const { seq, text } of person.heard) {
      if (history[seq - 1]?.text !== text) found.push(`${person.name} heard as ${seq}: ${text}`)
    }
    const own = history.filter(message => message.name === person.name).map(({ text }) => Number(text.split(' ').at(-1)))
    if (own.some((number, index) => number !== index + 1)) found.push(`${person.name} is out of order`)
    if (person.heard.length !== history.length) found.push(`${person.name} heard ${person.heard.length} of ${history.length}`)
  }
  return found
}

test(`${PEOPLE} people chat for ${SECONDS} s through cuts and a kill`, { timeout: SECONDS * 1000 + 2 * PATIENCE }, async () => {
  const host = await start('127.0.0.1:0')
  const people = Array.from({ length: PEOPLE }, (_, number) => new Person(host, number))
  for (const person of people) person.connect()

  const end = Date.now() + SECONDS * 1000
  const repeat = async (every, action) => {
    for (await pause(Math.random() * every); Date.now() < end; await pause(about(every))) action()
  }
  const lives = people.flatMap(person => [repeat(SAY_EVERY, () => person.say()), repeat(CUT_EVERY, () => person.cut())])
  await pause(SECONDS * 500)
  // In the middle of traffic: somebody waits for an acknowledgement.
  await kill()
  await start(host)
  await Promise.all(lives)

  // All come back, and get acknowledged and heard what was said last.
  const settled = () => people.every(person => person.joined && !person.waiting.length)
    && people.every(person => person.seq === Math.max(...people.filter(({ room }) => room === person.room).map(({ seq }) => seq)))
  for (const deadline = Date.now() + PATIENCE; !settled() && Date.now() < deadline;) await pause(50)
  assert.ok(settled(), 'everybody is back and has heard all')

  let messages = 0
  for (let room = 0; room < ROOMS; room++) {
    const history = await historyOf(host, `room-${room}`)
    const inside = people.filter(person => person.room === `room-${room}`)
    assert.deepEqual(faults(history, inside), [])
    messages += history.length
    // The checker notices: what is gone, doubled, or swapped.
    const lame = change => faults(change(history.slice()), inside).length > 0
    assert.ok(lame(history => history.slice(0, -1)) && lame(history => [...history, history[0]])
      && lame(([first, second, ...rest]) => [second, first, ...rest]))
  }
  const said = people.reduce((sum, person) => sum + person.acknowledged.size, 0)
  assert.equal(said, people.reduce((sum, person) => sum + person.said, 0))
  assert.equal(messages, said)
  for (const person of people) { person.over = true; person.socket.terminate() }
  console.log(`# ${said} messages, ${people.reduce((sum, person) => sum + person.cuts, 0)} cuts, one kill`)
})
