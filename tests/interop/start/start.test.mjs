// The start page in a real Chromium: what it lists, and that it sees what runs.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const pictures = fileURLToPath(new URL('../../../target/screenshots/', import.meta.url))
const PATIENCE = { timeout: 60_000 }
let server, address, browser

before(async () => {
  await mkdir(pictures, { recursive: true })
  server = spawn(process.env.START_BIN, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: server.stdout }), 'line')
  address = /http:\S+/.exec(line)[0]
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
}, PATIENCE)

after(async () => {
  await browser?.close()
  server.kill('SIGTERM')
  assert.deepEqual(await once(server, 'exit'), [0, null])
})

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US', ...options })
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', error => page.problems.push(String(error)))
  page.on('console', message => { if (message.type() === 'error') page.problems.push(message.text()) })
  await page.goto(address)
  return page
}

test('each example has its name, what it teaches, its lines, and a command to copy', PATIENCE, async () => {
  const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] })
  const cards = page.locator('#shelf > li')
  assert.ok(await cards.count() >= 15)
  for (const card of await cards.all()) {
    const name = await card.getByRole('heading').innerText()
    assert.ok((await card.locator('p').first().innerText()).length > 15, name)
    assert.match(await card.locator('.lines').innerText(), /^[1-9]\d* lines$/)
    const command = await card.locator('code').innerText()
    assert.ok(command.includes(name), command)
    await card.getByRole('button', { name: `Copy the command of ${name}` }).click()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command)
  }
  // Pictures come when they are scrolled to.
  const shown = page.locator('#shelf img')
  for (const image of await shown.all()) {
    await image.scrollIntoViewIfNeeded()
    await page.waitForFunction(image => image.complete && image.naturalWidth > 0, await image.elementHandle())
  }
  assert.ok(await shown.count() >= 5)
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

test('an example that runs can be opened, until it is stopped', PATIENCE, async () => {
  // Stands for the ticker, if that does not run here anyway.
  const example = net.createServer(socket => socket.destroy())
  const isOurs = await new Promise(resolve => {
    example.once('error', () => resolve(false))
    example.listen(8083, '127.0.0.1', () => resolve(true))
  })
  const page = await open()
  const link = page.getByRole('link', { name: 'Open ticker' })
  await link.waitFor()
  assert.equal(await link.getAttribute('href'), 'http://127.0.0.1:8083/')
  if (isOurs) {
    await new Promise(resolve => example.close(resolve))
    await link.waitFor({ state: 'hidden' })
  }
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

test('wide and narrow, light and dark', PATIENCE, async () => {
  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light' },
    dark: { colorScheme: 'dark' },
    phone: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
  })) {
    const page = await open(options)
    await page.waitForFunction(() => document.querySelector('#shelf img').naturalWidth > 0)
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scroll')
    await page.screenshot({ path: `${pictures}/start-${name}.png` })
    await page.context().close()
  }
})
