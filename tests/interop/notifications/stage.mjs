// Servers, devices, and a wire between them that can be cut.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = new URL('../../../', import.meta.url)
const binary = process.env.NOTIFICATIONS_BIN ?? fileURLToPath(new URL('target/release/examples/notifications', root))
export const pictures = fileURLToPath(new URL('target/screenshots/', root))
export const launch = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
}
const PATIENCE = 30_000

const desktop = { viewport: { width: 1180, height: 800 } }
const phone = {
  viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true,
  userAgent: 'Mozilla/5.0 (Linux; Android 15; Phone) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
}

export class Stage {
  static async open(browser) {
    return Object.assign(new Stage(), { browser, directory: await mkdtemp(join(tmpdir(), 'notifications-')), servers: new Set(), logs: 0 })
  }

  async clear() {
    for (const server of this.servers) server.process.kill('SIGKILL')
    await rm(this.directory, { recursive: true })
  }

  start(listen = '127.0.0.1:0') {
    return Server.start(this, listen, join(this.directory, `${++this.logs}.log`))
  }

  /// A page of `user` on the device of that name; with a context that is there already, another tab.
  async device(server, { user, name, context, phone: isPhone, permission = 'denied', background = false, ...options }) {
    if (!context) {
      context = await this.browser.newContext({ ...(isPhone ? phone : desktop), locale: 'en-US', ...options })
      context.setDefaultTimeout(PATIENCE)
      await context.addInitScript(watch, permission)
    }
    const page = await context.newPage()
    if (background) await page.addInitScript(() => { document.hasFocus = () => false })
    page.problems = []
    page.on('pageerror', error => page.problems.push(String(error)))
    page.on('console', message => {
      // A server that is down is part of the tests, and so is one that does not take what it was sent.
      if (message.type() === 'error' && !/^WebSocket connection to|status of 4\d\d/.test(message.text())) page.problems.push(message.text())
    })
    const query = user ? `?user=${user}&device=${name}` : ''
    await page.goto(`${server.address}/${query}`)
    return page
  }

  async close(...pages) {
    for (const page of pages) {
      assert.deepEqual(page.problems, [])
      await page.context().close()
    }
  }
}

/// Instead of the browser's notifications, that nobody can look at: the list of what it was asked to show.
function watch(permission) {
  globalThis.told = []
  globalThis.asked = 0
  globalThis.Notification = class {
    static permission = permission
    static async requestPermission() { globalThis.asked++; return globalThis.Notification.permission = 'granted' }
    constructor(title, { tag }) { Object.assign(this, { title, tag, closed: false }); globalThis.told.push(this) }
    close() { this.closed = true; this.onclose?.() }
  }
}

class Server {
  static async start(stage, listen, log) {
    const child = spawn(binary, ['--listen', listen, '--log', log, '--clock', 'stdin'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const server = Object.assign(new Server(), { stage, log, process: child, exited: once(child, 'exit'), ticks: [] })
    stage.servers.add(server)
    const lines = createInterface({ input: child.stdout })
    server.address = await new Promise((resolve, reject) => {
      lines.on('line', line => {
        const found = /listening on (http:\/\/\S+)/.exec(line)
        if (found) resolve(found[1])
        if (line.startsWith('clock ')) server.ticks.shift()?.()
      })
      child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
      child.once('error', reject)
    })
    return Object.assign(server, { host: new URL(server.address).host })
  }

  async stop(signal) {
    this.process.kill(signal)
    const [code] = await this.exited
    this.stage.servers.delete(this)
    return code
  }

  /// Another server in the place of this one, with its log.
  again() {
    return Server.start(this.stage, this.host, this.log)
  }

  /// Another server beside this one.
  second() {
    return Server.start(this.stage, '127.0.0.1:0', this.log)
  }

  /// Moves its clock, and waits until everything that is due is done.
  async advance(milliseconds) {
    const done = new Promise(resolve => this.ticks.push(resolve))
    this.process.stdin.write(`${milliseconds}\n`)
    await done
  }

  async post(order, headers = {}) {
    const response = await fetch(`${this.address}/notify`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(order),
    })
    const text = await response.text()
    return { status: response.status, answer: text.startsWith('{') ? JSON.parse(text) : null }
  }
}

/// Passes connections on to the server, until they are cut.
export async function proxy(server) {
  const sockets = new Set()
  let refusing = false
  const listener = net.createServer(client => {
    if (refusing) return client.destroy()
    const upstream = net.connect(Number(new URL(server.address).port), '127.0.0.1')
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      sockets.add(from)
      from.on('data', bytes => to.write(bytes))
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => { sockets.delete(from); to.destroy() })
    }
  })
  listener.unref()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    address: `http://127.0.0.1:${listener.address().port}`,
    cuts: 0,
    cut() {
      this.cuts += sockets.size / 2
      for (const socket of sockets) socket.resetAndDestroy()
    },
    refuse() { refusing = true; this.cut() },
    accept() { refusing = false },
    close() { this.cut(); listener.close() },
  }
}
