// The page of docs/guide.md, in two windows of a real Chromium, through cuts and a restart of the server.
//
//   cargo build --release --example guide
//   npm install --no-package-lock && node --test
//
// GUIDE_BIN    the example (default: target/release/examples/guide)
// CHROMIUM     the browser (default: /usr/bin/chromium)

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = new URL('../../../', import.meta.url)
const binary = process.env.GUIDE_BIN ?? fileURLToPath(new URL('target/release/examples/guide', root))
const pictures = fileURLToPath(new URL('target/screenshots/', root))
const PATIENCE = 30_000

let browser
const servers = new Set()
const relays = new Set()

before(async () => {
  await mkdir(pictures, { recursive: true })
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
})

after(async () => {
  await browser?.close()
  for (const relay of relays) relay.close()
  for (const server of servers) server.kill('SIGKILL')
})

/** Starts the program of the step `page`; returns it and where it listens. */
async function start(listen = '127.0.0.1:0') {
  const server = spawn(binary, ['page', listen], { stdio: ['ignore', 'pipe', 'inherit'] })
  servers.add(server)
  const [line] = await once(createInterface({ input: server.stdout }), 'line')
  return [server, new URL(/http:\S+/.exec(line)[0]).host]
}

async function kill(server) {
  const exited = once(server, 'exit')
  server.kill('SIGKILL')
  await exited
  servers.delete(server)
}

/** Stands between browser and server, and cuts all connections when told to. */
async function relay(host) {
  const sockets = new Set()
  const listener = net.createServer(near => {
    const far = net.connect(Number(host.split(':')[1]), '127.0.0.1')
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from)
      from.on('data', data => to.write(data)).on('end', () => to.end()).on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
    }
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const cut = () => { for (const socket of sockets) socket.resetAndDestroy() }
  const relay = { host: `127.0.0.1:${listener.address().port}`, cut, close: () => { cut(); listener.close() } }
  relays.add(relay)
  return relay
}

async function person(host, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 700, height: 500 }, ...options })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', error => page.problems.push(String(error)))
  page.on('console', message => {
    // A server that is away is part of the test.
    if (message.type() === 'error' && !/^WebSocket connection to/.test(message.text())) page.problems.push(message.text())
  })
  await page.goto(`http://${host}/?name=${name}`)
  return page
}

async function say(page, text) {
  await page.getByLabel('Your message').fill(text)
  await page.keyboard.press('Enter')
}

const room = page => page.getByRole('log').getByRole('listitem')
// Some lines come again, as that of a connection that is lost with each attempt.
const line = (page, text) => room(page).filter({ hasText: text }).first().waitFor()
const said = async page => (await room(page).allTextContents()).filter(line => /^\d+ /.test(line))
const numbered = (texts, first = 1) => texts.map((text, n) => `${n + first} ${text}`)

test('what two people say through cuts is there once, in one order', async () => {
  const [server, host] = await start()
  const between = await relay(host)
  const [ada, bob] = [await person(between.host, 'Ada'), await person(between.host, 'Bob')]
  await line(ada, '* Bob is here')
  for (let n = 1; n <= 20; n++) {
    await say(ada, `message ${n}.`)
    await say(bob, `message ${n}.`)
    if (n % 4 === 0) between.cut()
  }
  await line(ada, 'Ada: message 20.')
  await line(ada, 'Bob: message 20.')
  await line(bob, 'Ada: message 20.')
  await line(bob, 'Bob: message 20.')
  const heard = await said(ada)
  assert.deepEqual(await said(bob), heard)
  assert.equal(heard.length, 40)
  assert.deepEqual(heard.map(line => Number(line.split(' ')[0])), Array.from({ length: 40 }, (_, n) => n + 1))
  for (const name of ['Ada', 'Bob']) {
    const own = heard.filter(line => line.includes(` ${name}: `)).map(line => line.replace(/^.*: /, ''))
    assert.deepEqual(own, Array.from({ length: 20 }, (_, n) => `message ${n + 1}.`))
  }
  assert.equal(await ada.getByLabel('On their way').getByRole('listitem').count(), 0)
  assert((await room(ada).filter({ hasText: '- closed: 1006' }).count()) > 0, 'it was cut')
  await ada.screenshot({ path: `${pictures}guide-page.png` })
  for (const page of [ada, bob]) {
    assert.deepEqual(page.problems, [])
    await page.context().close()
  }
  await kill(server)
})

test('what is said while the server is away arrives when it is back, as text and nothing else', async () => {
  const [server, host] = await start()
  const ada = await person(host, 'Ada', { colorScheme: 'dark', viewport: { width: 360, height: 640 } })
  await say(ada, 'before')
  await line(ada, '1 Ada: before')
  await kill(server)
  await line(ada, '- closed: 1006')
  await say(ada, '<b>after</b>')
  await say(ada, 'and after that')
  assert.equal(await ada.getByLabel('On their way').getByRole('listitem').count(), 2)
  await ada.screenshot({ path: `${pictures}guide-page-dark.png` })
  const [again] = await start(host)
  await line(ada, '2 Ada: and after that')
  await line(ada, '- the server has started anew')
  assert.deepEqual(await said(ada), numbered(['Ada: before']).concat(numbered(['Ada: <b>after</b>', 'Ada: and after that'])))
  assert.deepEqual(ada.problems, [])
  await ada.context().close()
  await kill(again)
})

test('who is refused is told why and does not come back', async () => {
  const [server, host] = await start()
  const mallory = await person(host, 'Mallory')
  await mallory.clock.install()
  let attempts = 0
  mallory.on('websocket', () => attempts++)
  await mallory.goto(`http://${host}/?name=Ada:`)
  await line(mallory, '- closed: 4000 a name has 1 to 20 letters and digits')
  await mallory.clock.runFor(60_000)
  assert.equal(await room(mallory).count(), 1)
  assert.equal(attempts, 1)
  await mallory.context().close()
  await kill(server)
})
