// The example http_vs_websocket in a real Chromium, behind a proxy that counts for itself.
//
//   cargo build --release --features deflate --example http_vs_websocket
//   npm install --no-package-lock && node --test
//
// COMPARE_BIN      the example (default: target/release/examples/http_vs_websocket)
// COMPARE_SECONDS  the length of a run (default: 15)
// CHROMIUM         the browser (default: /usr/bin/chromium)

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = new URL('../../../', import.meta.url)
const binary = process.env.COMPARE_BIN ?? fileURLToPath(new URL('target/release/examples/http_vs_websocket', root))
const seconds = Number(process.env.COMPARE_SECONDS ?? 15)
const pictures = fileURLToPath(new URL('target/screenshots/', root))
const WAYS = ['/events/short', '/events/long', '/events/sse', '/events/ws', '/events/ws-deflate']
const PATIENCE = 60_000

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

async function start() {
  const child = spawn(binary, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const server = { process: child, exited: once(child, 'exit') }
  servers.add(server)
  const lines = createInterface({ input: child.stdout })
  server.printed = []
  lines.on('line', line => server.printed.push(line))
  server.port = await new Promise((resolve, reject) => {
    lines.on('line', line => { const found = /listening on http:\/\/\S+:(\d+)$/.exec(line); if (found) resolve(Number(found[1])) })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
    child.once('error', reject)
  })
  return server
}

async function stop(server, signal) {
  server.process.kill(signal)
  const [code] = await server.exited
  servers.delete(server)
  return code
}

/// Passes connections on, and counts by the path of the latest request on each.
async function counting(server) {
  const proxy = { port: server.port, bytes: {}, requests: {}, extensions: {} }
  const listener = net.createServer(client => {
    const upstream = net.connect(proxy.port, '127.0.0.1')
    let way = '/'
    client.on('data', bytes => {
      const request = /^(?:GET|POST) ([^ ?]+)/.exec(bytes.toString('latin1'))
      if (request) {
        way = request[1]
        proxy.requests[way] = (proxy.requests[way] ?? 0) + 1
      }
      proxy.bytes[way] = (proxy.bytes[way] ?? 0) + bytes.length
      upstream.write(bytes)
    })
    upstream.on('data', bytes => {
      const extension = /^HTTP\/1\.1 101 [^]*?^sec-websocket-extensions: (.*)\r$/im.exec(bytes.toString('latin1'))
      if (extension) proxy.extensions[way] = extension[1]
      proxy.bytes[way] = (proxy.bytes[way] ?? 0) + bytes.length
      client.write(bytes)
    })
    for (const [from, to] of [[client, upstream], [upstream, client]]) {
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  })
  listener.unref()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return Object.assign(proxy, { address: `http://127.0.0.1:${listener.address().port}`, close: () => listener.close() })
}

async function open(proxy, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 860 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(PATIENCE + seconds * 2000)
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', error => page.problems.push(String(error)))
  await page.goto(`${proxy.address}/?seconds=${seconds}`)
  return page
}

const done = page => page.locator('html[data-run=done]').waitFor()
const status = (page, text) => page.getByRole('status').filter({ hasText: text }).waitFor()

async function saved(page, button) {
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).click()])
  return readFile(await download.path(), 'utf8')
}

test(`a run of ${seconds} s fills its table and plots, and its bytes are those that a proxy saw`, async () => {
  const server = await start()
  const proxy = await counting(server)
  const page = await open(proxy)
  await page.getByRole('button', { name: 'Start' }).click()
  await done(page)
  assert.equal(await page.getByRole('status').textContent(), 'Done')

  const run = JSON.parse(await saved(page, 'Save JSON'))
  assert.deepEqual(run.results.map(result => result.path), WAYS)
  // The terminal has the same.
  while (server.printed.length < 2 + WAYS.length) await new Promise(resolve => setTimeout(resolve, 50))
  for (const [index, result] of run.results.entries()) {
    const [path, events, requests, bytes] = server.printed[2 + index].split(/ +/)
    assert.deepEqual([path, Number(events)], [result.path, result.events])
    assert.ok(Math.abs(requests - result.requestsPerEvent) < .01 && Math.abs(bytes - result.bytesPerEvent) < 1)
  }
  for (const result of run.results) {
    const counted = result.received + result.sent
    const seen = proxy.bytes[result.path]
    assert.ok(Math.abs(counted - seen) <= 0.02 * seen, `${result.path}: ${counted} bytes counted, ${seen} seen`)
    assert.equal(result.requests, proxy.requests[result.path], result.path)
    assert.ok(result.events > 0, result.path)
    assert.deepEqual([result.missed, result.doubled], [0, 0], result.path)
    assert.ok(result.p50 <= result.p99, result.path)
  }
  assert.equal(proxy.extensions['/events/ws'], undefined)
  assert.match(proxy.extensions['/events/ws-deflate'], /^permessage-deflate/)
  const perEvent = Object.fromEntries(run.results.map(result => [result.path, result.bytesPerEvent]))
  assert.ok(perEvent['/events/ws-deflate'] < perEvent['/events/ws'])
  assert.ok(perEvent['/events/ws'] < perEvent['/events/long'])

  const csv = (await saved(page, 'Save CSV')).trimEnd().split('\r\n')
  assert.equal(csv.length, 1 + WAYS.length)
  assert.match(csv[0], /^way,path,seconds,events,/)

  for (const path of WAYS) {
    const cells = await page.locator(`tbody tr[data-way="${path}"] td`).allTextContents()
    assert.ok(cells.every(cell => /^-?[\d.,]+$/.test(cell) || process.platform !== 'linux'), `${path}: ${cells}`)
    assert.equal(await page.locator(`#dots g[data-way="${path}"] circle`).count(), run.results.find(result => result.path === path).events)
    assert.equal(await page.locator(`.bars li[data-way="${path}"]:not(.empty)`).count(), 5)
  }
  console.log(await page.locator('table').innerText())

  const png = await page.screenshot({ path: `${pictures}compare-light.png`, fullPage: true })
  if (process.env.SCREENSHOTS === 'docs') await writeFile(new URL('docs/http_vs_websocket.png', root), png)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: `${pictures}compare-dark.png`, fullPage: true })
  await page.setViewportSize({ width: 390, height: 844 })
  await page.emulateMedia({ colorScheme: 'light' })
  const overhang = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  assert.ok(await overhang() <= 0)
  await page.screenshot({ path: `${pictures}compare-phone.png`, fullPage: true })
  assert.deepEqual(page.problems, [])
  await page.context().close()
  proxy.close()
  assert.equal(await stop(server, 'SIGTERM'), 0)
})

test('a server that is killed in the middle costs the way that ran a new beginning, and the others nothing', async () => {
  let server = await start()
  const proxy = await counting(server)
  const page = await open(proxy)
  await page.getByRole('button', { name: 'Start' }).click()
  await page.locator('#dots g[data-way="/events/sse"] circle').nth(3).waitFor({ state: 'attached' })
  await stop(server, 'SIGKILL')
  await status(page, 'Waiting for the server')
  server = await start()
  proxy.port = server.port
  await done(page)
  assert.match(await page.getByRole('status').textContent(), /^Done, \d+ begun again$/)
  const run = JSON.parse(await saved(page, 'Save JSON'))
  assert.deepEqual(run.results.map(result => result.path), WAYS)
  for (const result of run.results) {
    assert.ok(result.events > 0 && result.received > 0 && result.sent > 0, JSON.stringify(result))
    assert.deepEqual([result.missed, result.doubled], [0, 0], result.path)
  }
  assert.deepEqual(page.problems, [])
  await page.context().close()
  proxy.close()
  await stop(server, 'SIGKILL')
})
