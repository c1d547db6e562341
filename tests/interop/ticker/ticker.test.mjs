// The ticker in a real Chromium: tabs that keep up, tabs that do not, cuts and a killed server.
//
//   cargo build --release --example ticker
//   npm install --no-package-lock && node --test
//
// TICKER_BIN   the example (default: target/release/examples/ticker)
// CHROMIUM     the browser (default: /usr/bin/chromium)
// SCREENSHOTS  docs: renew the picture of the README, too

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = new URL('../../../', import.meta.url)
const binary = process.env.TICKER_BIN ?? fileURLToPath(new URL('target/release/examples/ticker', root))
const pictures = fileURLToPath(new URL('target/screenshots/', root))
const PATIENCE = 120_000

let browser
const servers = new Set()

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
  for (const server of servers) server.process.kill('SIGKILL')
})

async function start(port = 0) {
  const child = spawn(binary, ['--listen', `127.0.0.1:${port}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const server = { process: child, exited: once(child, 'exit') }
  servers.add(server)
  const lines = createInterface({ input: child.stdout })
  server.address = await new Promise((resolve, reject) => {
    lines.on('line', line => { const found = /listening on (http:\S+)$/.exec(line); if (found) resolve(found[1]) })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
    child.once('error', reject)
  })
  server.port = Number(new URL(server.address).port)
  return server
}

async function stop(server, signal) {
  server.process.kill(signal)
  const [code] = await server.exited
  servers.delete(server)
  return code
}

/// Passes connections on to the server, until they are cut.
async function proxy(server) {
  const sockets = new Set()
  const listener = net.createServer(client => {
    const upstream = net.connect(server.port, '127.0.0.1')
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
    cut() { for (const socket of sockets) socket.resetAndDestroy() },
    close() { this.cut(); listener.close() },
  }
}

/// A page whose worker's words are written down: all that it has read.
async function open(address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(PATIENCE)
  await context.addInitScript(() => {
    globalThis.Worker = class extends Worker {
      constructor(...given) {
        super(...given)
        this.addEventListener('message', ({ data }) => { globalThis.read = data })
      }
    }
  })
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', error => page.problems.push(String(error)))
  page.on('console', message => {
    // A server that is down is part of the tests.
    if (message.type() === 'error' && !/^WebSocket connection to/.test(message.text())) page.problems.push(message.text())
  })
  await page.goto(address)
  await reads(page, 20)
  return page
}

async function close(...pages) {
  for (const page of pages) {
    assert.deepEqual(page.problems, [])
    await page.context().close()
  }
}

const said = page => page.evaluate(() => globalThis.read)
const until = (page, condition, given) => page.waitForFunction(condition, given, { timeout: PATIENCE })
/// So many ticks more.
const reads = async (page, more) => until(page, wanted => globalThis.read?.total >= wanted, ((await page.evaluate(() => globalThis.read?.total)) ?? 0) + more)
const number = page => page.getByRole('status').filter({ hasText: /^Tab \d+$/ }).textContent().then(text => Number(text.slice(4)))
const cell = (tab, column) => `#tabs tr[data-tab="${tab}"] td:nth-of-type(${column})`
const dropped = (page, tab, least) => until(page, ([cell, least]) =>
  Number(document.querySelector(cell)?.textContent.replaceAll(',', '')) >= least, [cell(tab, 3), least])
const slower = page => page.getByRole('button', { name: 'Make this tab slow' }).click()
const again = page => page.getByRole('button', { name: 'Read again' }).click()
const why = (page, text) => page.locator('#why').filter({ hasText: text }).waitFor()

/// Each tick from the first to the last was read once, in its order, or lies in a gap.
function whole(read) {
  const inGaps = read.gaps.reduce((sum, [from, to]) => sum + to - from + 1, 0)
  assert.equal(read.disorder, 0)
  assert.equal(inGaps, read.missed)
  assert.equal(read.total + read.missed, read.last - read.first + 1)
}

async function missedNothing(page) {
  const read = await said(page)
  whole(read)
  assert.deepEqual(read.gaps, [])
  assert.equal(read.runs, 1)
}

test('drop the newest: the slow tab gets the old ones, then a gap, then new ones; the others miss nothing', async () => {
  const server = await start()
  const [slow, one, other] = [await open(server.address), await open(server.address), await open(server.address)]
  const tab = await number(slow)
  await slow.getByLabel('When its queue is full').selectOption('drop the newest')
  await slower(slow)
  await why(slow, 'first')
  await dropped(one, tab, 500)
  const before = await said(slow)
  await slow.screenshot({ path: `${pictures}ticker-slow.png`, fullPage: true })
  assert.deepEqual(before.gaps, [], 'what it reads is old and whole')
  await again(slow)
  await until(slow, () => globalThis.read.gaps.length > 0)
  await reads(slow, 200)
  const read = await said(slow)
  whole(read)
  assert.ok(read.gaps[0][0] > before.last && read.missed >= 500, JSON.stringify(read.gaps))
  await reads(one, 200)
  await missedNothing(one)
  await missedNothing(other)
  await close(slow, one, other)
  assert.equal(await stop(server, 'SIGTERM'), 0)
})

test('keep the latest: after what had left the server, the latest, and nothing between', async () => {
  const server = await start()
  const [slow, one] = [await open(server.address), await open(server.address)]
  const tab = await number(slow)
  await slow.getByLabel('When its queue is full').selectOption('keep the latest')
  await slower(slow)
  await dropped(one, tab, 1000)
  const latest = (await said(one)).last
  await again(slow)
  await until(slow, latest => globalThis.read.last > latest, latest)
  await reads(slow, 200)
  const read = await said(slow)
  whole(read)
  assert.ok(read.missed >= 1000)
  // A gap ends at most a queue's worth before what was the latest.
  assert.ok(read.gaps.some(([, to]) => to > latest - 300), `${latest}: ${JSON.stringify(read.gaps)}`)
  await missedNothing(one)
  await close(slow, one)
  await stop(server, 'SIGTERM')
})

test('close: the slow tab is told why, and comes back', async () => {
  const server = await start()
  const [slow, one] = [await open(server.address), await open(server.address)]
  const tab = await number(slow)
  await slower(slow)
  await one.locator(cell(tab, 4)).filter({ hasText: 'closed: the queue was full' }).waitFor()
  await why(slow, 'has closed this tab: the queue was full')
  await again(slow)
  await why(slow, 'closed with 1008, “reads too slowly”, and has come back')
  await reads(slow, 200)
  const read = await said(slow)
  whole(read)
  assert.equal(read.gaps.length, 1, 'what came while it was away')
  assert.deepEqual(read.closed, { code: 1008, reason: 'reads too slowly' })
  await one.locator(cell(tab, 4)).filter({ hasText: /^close$/ }).waitFor()
  await missedNothing(one)
  await close(slow, one)
  await stop(server, 'SIGTERM')
})

test('a policy is switched while the queue is full', async () => {
  const server = await start()
  const [slow, one] = [await open(server.address), await open(server.address)]
  const tab = await number(slow)
  await slow.getByLabel('When its queue is full').selectOption('drop the newest')
  await slower(slow)
  await dropped(one, tab, 100)
  await slow.getByLabel('When its queue is full').selectOption('close it')
  await one.locator(cell(tab, 4)).filter({ hasText: 'closed: the queue was full' }).waitFor()
  await again(slow)
  await until(slow, () => globalThis.read.state === 'online' && globalThis.read.here > 100)
  whole(await said(slow))
  await missedNothing(one)
  await close(slow, one)
  await stop(server, 'SIGTERM')
})

test('cuts cost what came meanwhile, and nothing comes twice', async () => {
  const server = await start()
  const wire = await proxy(server)
  const [cut, one] = [await open(wire.address), await open(server.address)]
  await one.getByLabel('Ticks a second').fill('100')
  await one.getByLabel('Ticks a second').press('Enter')
  await until(cut, () => document.querySelector('#rate').value === '100')
  for (let cuts = 0; cuts < 5; cuts++) {
    const { total } = await said(cut)
    wire.cut()
    await until(cut, total => globalThis.read.state === 'online' && globalThis.read.here > 50 && globalThis.read.total > total + 50, total)
    whole(await said(cut))
  }
  assert.equal((await said(cut)).runs, 1)
  await missedNothing(one)
  await close(cut, one)
  wire.close()
  await stop(server, 'SIGTERM')
})

test('a server that is killed among its ticks is followed by another, with a count of its own', async () => {
  let server = await start()
  const [slow, one] = [await open(server.address), await open(server.address)]
  await slow.getByLabel('When its queue is full').selectOption('drop the newest')
  await slower(slow)
  await why(slow, 'Each new tick is dropped')
  const { run } = await said(one)
  await stop(server, 'SIGKILL')
  await one.getByRole('status').filter({ hasText: 'Offline' }).waitFor()
  server = await start(server.port)
  await until(one, run => globalThis.read.run !== run && globalThis.read.here > 100, run)
  await again(slow)
  await until(slow, run => globalThis.read.run !== run && globalThis.read.here > 100, run)
  for (const page of [one, slow]) {
    const read = await said(page)
    whole(read)
    assert.deepEqual([read.gaps, read.runs], [[], 2])
  }
  // The new server has learnt what the page wants.
  assert.equal(await slow.locator(cell(await number(slow), 4)).textContent(), 'drop the newest')
  await close(slow, one)
  await stop(server, 'SIGTERM')
})

test('by keyboard, on a phone and in the dark', async () => {
  const server = await start()
  const one = await open(server.address, { colorScheme: 'dark' })
  const slow = await open(server.address)
  const tab = await number(slow)
  await slow.getByLabel('When its queue is full').selectOption('drop the newest')
  const button = slow.getByRole('button', { name: 'Make this tab slow' })
  await button.press('Space')
  await why(slow, 'first')
  await dropped(one, tab, 300)
  await slow.keyboard.press('Space')
  await why(slow, 'keeps up')
  await reads(slow, 200)
  await slow.getByLabel('When its queue is full').selectOption('keep the latest')
  await button.press('Space')
  await dropped(one, tab, 900)
  const png = await slow.screenshot({ path: `${pictures}ticker-light.png`, fullPage: true })
  if (process.env.SCREENSHOTS === 'docs') await writeFile(new URL('docs/ticker.png', root), png)
  await one.screenshot({ path: `${pictures}ticker-dark.png`, fullPage: true })
  await slow.setViewportSize({ width: 390, height: 844 })
  assert.ok(await slow.evaluate(() => document.documentElement.scrollWidth - innerWidth) <= 0)
  await slow.screenshot({ path: `${pictures}ticker-phone.png`, fullPage: true })
  await missedNothing(one)
  await close(slow, one)
  await stop(server, 'SIGTERM')
})
