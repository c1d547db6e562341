// The chat example in a real Chromium.
//
//   cargo build --release --features deflate --example chat
//   npm install --no-package-lock && node --test
//
// CHAT_BIN         the example (default: target/release/examples/chat)
// CLIENT_BIN       the example `client`
// CHROMIUM         the browser (default: /usr/bin/chromium)
// SCREENSHOTS=docs also renews docs/chat.png

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = new URL('../../../', import.meta.url)
const binary = process.env.CHAT_BIN ?? fileURLToPath(new URL('target/release/examples/chat', root))
const pictures = fileURLToPath(new URL('target/screenshots/', root))
const launch = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
}
const PATIENCE = 30_000

let browser
const servers = new Set()

before(async () => {
  await mkdir(pictures, { recursive: true })
  browser = await chromium.launch(launch)
})

after(async () => {
  await browser?.close()
  for (const server of servers) server.process.kill('SIGKILL')
  rmSync(places, { recursive: true, force: true })
})

/* ---------- helpers ---------- */

const places = mkdtempSync(`${tmpdir()}/chat-`)
const logs = new Map()

async function start(listen = '127.0.0.1:0', ...flags) {
  // Who takes the place of another has its log, too.
  const log = logs.get(listen) ?? `${places}/${logs.size}`
  const child = spawn(binary, ['--listen', listen, '--log', log, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const server = { process: child, exited: once(child, 'exit') }
  servers.add(server)
  const lines = createInterface({ input: child.stdout })
  const address = await new Promise((resolve, reject) => {
    lines.on('line', line => { const found = /listening on (http:\/\/\S+)/.exec(line); if (found) resolve(found[1]) })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
    child.once('error', reject)
  })
  const { host } = new URL(address)
  logs.set(host, log)
  return Object.assign(server, { address, host })
}

async function stop(server, signal) {
  server.process.kill(signal)
  const [code] = await server.exited
  servers.delete(server)
  return code
}

async function person(server, name, { room = 'lobby', context, from = browser, ...options } = {}) {
  context ??= await from.newContext({ viewport: { width: 900, height: 700 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', error => page.problems.push(String(error)))
  page.on('console', message => {
    // A server that is down is part of the tests.
    if (message.type() === 'error' && !/^WebSocket connection to/.test(message.text())) page.problems.push(message.text())
  })
  await page.goto(`${server.address}/?room=${room}`)
  if (name) {
    await page.getByRole('textbox', { name: 'Your name' }).fill(name)
    await page.keyboard.press('Enter')
  }
  return page
}

const joined = async page => {
  await state(page, 'Connected')
  await page.getByText(/\d (person|people) online/).waitFor()
}
const enter = async (...args) => { const page = await person(...args); await joined(page); return page }
const state = (page, word) => page.locator('header').getByRole('status').filter({ hasText: word }).waitFor()
const field = page => page.getByRole('textbox', { name: /^Message to/ })
const message = (page, text) => page.getByRole('log').getByRole('article').filter({ has: page.locator('.bubble > span:first-child', { hasText: text }) })
const noticed = (page, text) => page.locator('.notice', { hasText: text })
const member = (page, name) => page.getByRole('region', { name: 'In this room' }).getByRole('listitem').filter({ hasText: name })
const roomLink = (page, name) => page.getByRole('navigation', { name: 'Rooms' }).locator(`[data-room="${name}"] a`)
const gone = locator => locator.waitFor({ state: 'detached' })
const picture = (page, name) => page.screenshot({ path: `${pictures}${name}.png` })
const texts = page => page.locator('.message .bubble > span:first-child').allTextContents()

async function say(page, text) {
  await type(page, text)
  await message(page, text).last().getByText('Stored', { exact: true }).waitFor({ state: 'attached' })
}

/// What is no message, or not as it is typed.
async function type(page, text) {
  await field(page).fill(text)
  await field(page).press('Enter')
}

async function close(...pages) {
  for (const page of pages) {
    assert.deepEqual(page.problems, [])
    await page.context().close()
  }
}

/// A connection without the page's logic, to say what the page never would.
function raw(page, address) {
  return page.evaluate(async address => {
    const socket = globalThis.raw = new WebSocket(address)
    socket.heard = []
    socket.waiting = []
    const look = () => { socket.waiting = socket.waiting.filter(waiting => !waiting()) }
    socket.onmessage = event => { socket.heard.push(JSON.parse(event.data)); look() }
    socket.closed = new Promise(resolve => { socket.onclose = ({ code, reason }) => resolve({ code, reason }) })
    socket.next = type => new Promise(resolve => {
      socket.waiting.push(() => {
        const index = socket.heard.findIndex(message => message.type === type)
        if (index < 0) return false
        resolve(socket.heard.splice(index, 1)[0])
        return true
      })
      look()
    })
    await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject })
  }, address)
}

/* ---------- one server ---------- */

describe('a server', () => {
  let server
  before(async () => { server = await start() })
  after(() => stop(server, 'SIGKILL'))

  test('serves the page with a policy that allows its own script only', async () => {
    const [one, other] = [await fetch(server.address), await fetch(`${server.address}/?room=x`)]
    assert.equal(one.status, 200)
    assert.equal(one.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(one.headers.get('x-content-type-options'), 'nosniff')
    const policy = one.headers.get('content-security-policy')
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe/)
    const nonce = /script-src 'nonce-([0-9a-f]{32})'/.exec(policy)[1]
    const html = await one.text()
    assert.ok(html.includes(`<script nonce="${nonce}"`))
    assert.doesNotMatch(html, /(src|href)=["']?(https?:)?\/\//)
    assert.ok(!other.headers.get('content-security-policy').includes(nonce))
    await other.arrayBuffer()
    assert.equal((await fetch(`${server.address}/favicon.ico`)).status, 204)
    assert.equal((await fetch(`${server.address}/nothing`)).status, 404)
    const head = await fetch(server.address, { method: 'HEAD' })
    assert.equal(head.status, 200)
    assert.ok(Number(head.headers.get('content-length')) > 10_000)
  })

  test('carries messages both ways and says that they are sent', async () => {
    const ada = await enter(server, 'Ada', { room: 'talk' }), bob = await enter(server, 'Bob', { room: 'talk' })
    await say(ada, 'Hello Bob')
    await message(bob, 'Hello Bob').waitFor()
    await say(bob, 'Hello Ada')
    await message(ada, 'Hello Ada').waitFor()
    await say(ada, 'two\nlines')
    await message(bob, 'two').waitFor()
    assert.deepEqual(await texts(ada), ['Hello Bob', 'Hello Ada', 'two\nlines'])
    assert.deepEqual(await texts(bob), await texts(ada))
    // Once is enough for messages of the same minute, and the last one has it.
    for (const page of [ada, bob]) {
      assert.deepEqual(await page.locator('.message.last .meta').evaluateAll(all => all.map(meta => meta.offsetWidth > 20)), [true, true, true])
    }
    assert.match(await message(bob, 'Hello Bob').getAttribute('aria-label'), /^Ada, \d/)
    assert.match(await message(ada, 'Hello Bob').getAttribute('aria-label'), /^You, \d/)
    await close(ada, bob)
  })

  test('shows the history to whoever joins, and the same after a reload', async () => {
    const ada = await enter(server, 'Ada', { room: 'past' })
    await say(ada, 'first')
    await say(ada, 'second')
    const bob = await enter(server, 'Bob', { room: 'past' })
    await message(bob, 'second').waitFor()
    assert.deepEqual(await texts(bob), ['first', 'second'])
    await say(bob, 'third')
    await bob.reload()
    await joined(bob)
    await message(bob, 'third').waitFor()
    assert.deepEqual(await texts(bob), ['first', 'second', 'third'])
    assert.equal(await bob.locator('.message.own').count(), 1)
    // A reload is not worth a notice.
    await member(ada, 'Bob').waitFor()
    await message(ada, 'third').waitFor()
    await say(bob, 'fourth')
    await message(ada, 'fourth').waitFor()
    assert.deepEqual(await ada.locator('.notice').allTextContents(), ['Bob joined'])
    await close(ada, bob)
  })

  test('says who comes, who goes and who is there', async () => {
    const ada = await enter(server, 'Ada', { room: 'door' })
    const bob = await enter(server, 'Bob', { room: 'door' })
    await noticed(ada, 'Bob joined').waitFor()
    await member(ada, 'Bob').waitFor()
    await member(bob, 'Ada').waitFor()
    await ada.getByText('2 people online').waitFor()
    await close(bob)
    await noticed(ada, 'Bob left').waitFor()
    await gone(member(ada, 'Bob'))
    await ada.getByText('1 person online').waitFor()
    await close(ada)
  })

  test('counts two tabs of one browser as one person', async () => {
    const ada = await enter(server, 'Ada', { room: 'tabs' })
    const bob = await enter(server, 'Bob', { room: 'tabs' })
    const second = await enter(server, null, { room: 'tabs', context: ada.context() })
    await second.getByText('2 people online').waitFor()
    await say(second, 'from the other tab')
    await message(ada, 'from the other tab').waitFor()
    assert.equal(await ada.locator('.message.own').count(), 1)
    await second.close()
    await say(bob, 'still here?')
    await message(ada, 'still here?').waitFor()
    await member(bob, 'Ada').waitFor()
    assert.equal(await noticed(bob, 'Ada').count(), 0)
    await close(ada, bob)
  })

  test('refuses a name that is taken and offers another', async () => {
    const ada = await enter(server, 'Ada', { room: 'names' })
    const other = await person(server, 'ada', { room: 'names' })
    const dialog = other.getByRole('dialog', { name: 'That name is taken' })
    await dialog.getByRole('alert').filter({ hasText: 'ada 2 is free' }).waitFor()
    await picture(other, 'name-taken')
    await other.keyboard.press('Enter')
    await joined(other)
    await noticed(ada, 'ada 2 joined').waitFor()
    // And a new name, when both are there.
    await other.getByRole('button', { name: /Change your name/ }).click()
    await other.getByRole('textbox', { name: 'Your name' }).fill('Countess')
    await other.getByRole('button', { name: 'Change', exact: true }).click()
    await member(ada, 'Countess').waitFor()
    await gone(member(ada, 'ada 2'))
    // A refusal leaves everything as it was.
    await other.getByRole('button', { name: /Change your name/ }).click()
    await other.getByRole('textbox', { name: 'Your name' }).fill('ADA')
    await other.keyboard.press('Enter')
    await other.getByRole('alert').filter({ hasText: 'ADA is taken in #names. ADA 2 is free.' }).waitFor()
    await other.keyboard.press('Escape')
    await other.getByRole('button', { name: /Change your name, now Countess/ }).waitFor()
    await say(other, 'still me')
    await message(ada, 'still me').waitFor()
    assert.match(await message(ada, 'still me').getAttribute('aria-label'), /^Countess/)
    await close(ada, other)
  })

  test('shows who types, and stops after a pause, with the message, and with an empty field', async () => {
    const ada = await enter(server, 'Ada', { room: 'typing' }), bob = await enter(server, 'Bob', { room: 'typing' })
    const typing = ada.getByText('Bob is typing')
    await field(bob).pressSequentially('h')
    await typing.waitFor()
    const since = Date.now()
    await gone(typing)
    assert.ok(Date.now() - since > 1500, 'stays for a while')
    await field(bob).pressSequentially('i')
    await typing.waitFor()
    await field(bob).press('Enter')
    await message(ada, 'hi').waitFor()
    assert.equal(await typing.count(), 0)
    await field(bob).fill('never mind')
    await typing.waitFor()
    await field(bob).fill('')
    const cleared = Date.now()
    await gone(typing)
    assert.ok(Date.now() - cleared < 2000, 'ends at once')
    await close(ada, bob)
  })

  test('does not tell more than once a second that somebody types', async () => {
    const ada = await person(server, null, { room: 'throttle' })
    const sent = []
    ada.on('websocket', socket => socket.on('framesent', ({ payload }) => sent.push(JSON.parse(payload))))
    await ada.getByRole('textbox', { name: 'Your name' }).fill('Ada')
    await ada.keyboard.press('Enter')
    await joined(ada)
    const start = Date.now()
    await field(ada).pressSequentially('quite a long sentence to type', { delay: 60 })
    const allowed = Math.floor((Date.now() - start) / 1000) + 1
    const told = sent.filter(({ type }) => type === 'typing').length
    assert.ok(told >= 1 && told <= allowed, `${told} of ${allowed}`)
    await close(ada)
  })

  test('a browser that is killed is gone when it does not come back, and its typing with it', async () => {
    const ada = await enter(server, 'Ada', { room: 'hard' })
    const doomed = await chromium.launchServer(launch)
    const bob = await enter(server, 'Bob', { room: 'hard', from: await chromium.connect(doomed.wsEndpoint()) })
    await field(bob).pressSequentially('I was just about to')
    await ada.getByText('Bob is typing').waitFor()
    await doomed.kill()
    await noticed(ada, 'Bob left').waitFor()
    assert.equal(await ada.getByText('Bob is typing').count(), 0)
    await gone(member(ada, 'Bob'))
    await close(ada)
  })

  test('a short drop is no news to the others', async () => {
    const server = await start()
    const ada = await person(server, 'Ada')
    const bob = await person(server, 'Bob')
    await ada.locator('#people', { hasText: 'Bob' }).waitFor()
    await ada.evaluate(() => {
      window.notices = []
      new MutationObserver(() => notices.push(document.querySelector('#people').textContent)).observe(document.querySelector('#people'), { childList: true })
    })
    await bob.reload()
    await bob.locator('#link[data-state=online]').waitFor()
    // Behind the time that the server waits for who has gone.
    await new Promise(resolve => setTimeout(resolve, 6_000))
    await say(bob, 'never away')
    await message(ada, 'never away').waitFor()
    assert.deepEqual((await ada.evaluate(() => notices)).filter(people => !people.includes('Bob')), [])
    assert.equal(await noticed(ada, 'Bob left').count(), 0)
    await stop(server, 'SIGKILL')
  })

  test('who touches nothing for a while is idle, unless another tab is touched', async () => {
    const server = await start()
    const ada = await person(server, 'Ada')
    const context = await browser.newContext({ viewport: { width: 900, height: 700 }, locale: 'en-US' })
    await context.clock.install()
    const bob = await person(server, 'Bob', { context })
    const idle = ada.locator('.person', { hasText: 'Bob' }).locator('.idle')
    await ada.locator('#people', { hasText: 'Bob' }).waitFor()
    assert.equal(await idle.count(), 0)
    await context.clock.fastForward('06:00')
    await idle.waitFor()
    // Who comes meanwhile sees it, too.
    const late = await person(server, 'Cy')
    await late.locator('.person', { hasText: 'Bob' }).locator('.idle').waitFor()
    const second = await person(server, null, { context })
    await idle.waitFor({ state: 'detached' })
    await second.close()
    await idle.waitFor()
    await bob.mouse.move(100, 100)
    await idle.waitFor({ state: 'detached' })
    await stop(server, 'SIGKILL')
  })

  test('commands do what they say', async () => {
    const server = await start()
    const ada = await person(server, 'Ada')
    const bob = await person(server, 'Bob')
    await type(ada, '/me waves')
    await bob.locator('.message.does', { hasText: 'Ada waves' }).waitFor()
    await type(ada, '//etc is a path')
    await message(bob, '/etc is a path').waitFor()
    await type(ada, '/shout')
    await noticed(ada, 'There is no /shout. /help lists what there is.').waitFor()
    await type(ada, '/who')
    await noticed(ada, 'Here: Ada, Bob').waitFor()
    await type(ada, '/nick Countess')
    await noticed(bob, 'Countess joined').waitFor()
    await type(ada, '/join attic')
    await ada.getByRole('heading', { name: 'attic' }).waitFor()
    await type(ada, '/leave')
    await ada.getByRole('heading', { name: 'lobby' }).waitFor()
    assert.deepEqual([...ada.problems, ...bob.problems], [])
    await stop(server, 'SIGKILL')
  })

  test('a terminal takes part', { timeout: 4 * PATIENCE }, async () => {
    const server = await start()
    const ada = await person(server, 'Ada')
    await say(ada, 'before')
    await ada.locator('.message:not(.pending)', { hasText: 'before' }).waitFor()
    const terminal = spawn(process.env.CLIENT_BIN, [`ws://${server.host}/lines?name=Bob`], { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = once(terminal, 'exit')
    const printed = [], lines = createInterface({ input: terminal.stdout })
    let wake = () => {}
    lines.on('line', line => { printed.push(line); wake() })
    const prints = async text => {
      while (!printed.includes(text)) await new Promise(resolve => { wake = resolve })
    }
    await prints('You are Bob in #lobby; here: Ada, Bob.')
    await prints('Ada: before')
    await noticed(ada, 'Bob joined').waitFor()
    await say(ada, 'hello Bob')
    await prints('Ada: hello Bob')
    terminal.stdin.write('hello Ada\n/me waves\n/who\n/shout\n/nick Robert\n')
    await message(ada, 'hello Ada').waitFor()
    await ada.locator('.message.does', { hasText: 'Bob waves' }).waitFor()
    await prints('In #lobby: Ada, Bob')
    await prints('There is no /shout. /help lists what there is.')
    await prints('You are Robert in #lobby; here: Ada, Robert.')
    terminal.stdin.write('/join attic\nalone\n/join lobby\n/history\n/quit\n')
    await prints('You are Robert in #attic; here: Robert.')
    await noticed(ada, 'Robert left').waitFor()
    assert.deepEqual((await exited)[0], 0)
    assert.deepEqual(ada.problems, [])
    await stop(server, 'SIGKILL')
  })

  test('keeps rooms apart, links to them, and counts what is unread', async () => {
    const ada = await enter(server, 'Ada', { room: 'red' }), bob = await enter(server, 'Bob', { room: 'red' })
    await ada.getByLabel('Join or create a room').fill('Blue Room')
    await ada.keyboard.press('Enter')
    await ada.getByRole('heading', { level: 1, name: 'blue-room' }).waitFor()
    await joined(ada)
    assert.equal(new URL(ada.url()).searchParams.get('room'), 'blue-room')
    await roomLink(bob, 'blue-room').waitFor()
    await say(ada, 'only in blue')
    await say(bob, 'only in red')
    await roomLink(ada, 'red').getByText('1 unread').waitFor()
    await ada.waitForFunction(() => document.title.startsWith('(1) #blue-room'))
    assert.equal(await message(ada, 'only in red').count(), 0)
    assert.equal(await message(bob, 'only in blue').count(), 0)

    await field(ada).fill('a draft')
    await roomLink(ada, 'red').click()
    await message(ada, 'only in red').waitFor()
    await ada.locator('.new').waitFor()
    assert.equal(await field(ada).inputValue(), '')
    assert.match(await ada.title(), /^#red/)
    await ada.goBack()
    await message(ada, 'only in blue').waitFor()
    assert.equal(await field(ada).inputValue(), 'a draft')

    await roomLink(bob, 'blue-room').click()
    await message(bob, 'only in blue').waitFor()
    await bob.getByRole('button', { name: 'Leave red' }).focus()
    await bob.keyboard.press('Enter')
    await gone(roomLink(bob, 'red').and(bob.locator('#mine *')))
    // Both rooms come back with a reload.
    await ada.reload()
    await joined(ada)
    await roomLink(ada, 'red').waitFor()
    await close(ada, bob)
  })

  test('refuses one room too many and stays where it was', async () => {
    const ada = await enter(server, 'Ada', { room: 'many-1' })
    const go = async name => {
      await ada.getByLabel('Join or create a room').fill(name)
      await ada.keyboard.press('Enter')
    }
    for (let number = 2; number <= 16; number++) await go(`many-${number}`)
    await ada.waitForFunction(() => document.querySelectorAll('#mine li').length === 16)
    await go('many-17')
    await ada.getByText('You are in 16 rooms; leave one first.').waitFor()
    await ada.waitForFunction(() => document.querySelectorAll('#mine li').length === 16)
    await say(ada, 'still talking')
    await close(ada)
  })

  test('counts in the title while nobody looks', async () => {
    const ada = await enter(server, 'Ada', { room: 'title' }), bob = await enter(server, 'Bob', { room: 'title' })
    const hide = hidden => ada.evaluate(hidden => {
      Object.defineProperty(document, 'hidden', { value: hidden, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, hidden)
    await hide(true)
    await say(bob, 'one')
    await say(bob, 'two')
    await ada.waitForFunction(() => document.title.startsWith('(2) '))
    await hide(false)
    await ada.waitForFunction(() => document.title.startsWith('#title'))
    await close(ada, bob)
  })

  test('does not scroll away what somebody reads', async () => {
    const ada = await enter(server, 'Ada', { room: 'long', viewport: { width: 900, height: 420 } })
    const bob = await enter(server, 'Bob', { room: 'long' })
    await say(bob, Array.from({ length: 40 }, (_, line) => `line ${line}`).join('\n'))
    await message(ada, 'line 39').waitFor()
    const position = () => ada.locator('#log').evaluate(log => [log.scrollTop, log.scrollHeight - log.clientHeight - log.scrollTop])
    assert.ok((await position())[1] < 2, 'follows')
    await ada.locator('#log').focus()
    await ada.keyboard.press('Home')
    await ada.getByRole('button', { name: 'Newest messages' }).waitFor()
    await ada.waitForFunction(() => document.querySelector('#log').scrollTop === 0)
    await say(bob, 'are you reading?')
    const jump = ada.getByRole('button', { name: '1 new message' })
    await jump.waitFor()
    assert.equal((await position())[0], 0)
    await picture(ada, 'scrolled-up')
    await jump.click()
    await jump.waitFor({ state: 'hidden' })
    assert.ok((await position())[1] < 2)
    await ada.waitForFunction(() => document.title.startsWith('#long'))
    await close(ada, bob)
  })

  test('text is text, and only web addresses become links', async () => {
    const ada = await enter(server, 'Ada', { room: 'markup' })
    const bob = await enter(server, '<b>Bob</b>', { room: 'markup' })
    const nasty = '<img src=x onerror="document.title=1"> & javascript:alert(1) https://example.org/a_(b)?c=<script>'
    await say(bob, nasty)
    await message(ada, 'javascript').waitFor()
    assert.deepEqual(await texts(ada), [nasty])
    const links = ada.locator('.bubble a')
    assert.deepEqual(await links.evaluateAll(all => all.map(a => [a.href, a.target, a.rel])),
      [['https://example.org/a_(b)?c=', '_blank', 'noopener noreferrer nofollow ugc']])
    await say(bob, 'See https://example.org/x, (http://example.org/y). And "https://example.org/z"!')
    await message(ada, 'See').waitFor()
    assert.deepEqual(await message(ada, 'See').locator('a').allTextContents(),
      ['https://example.org/x', 'http://example.org/y', 'https://example.org/z'])
    await member(ada, '<b>Bob</b>').waitFor()
    assert.equal(await ada.locator('.bubble img, .person b').count(), 0)
    await close(ada, bob)
  })

  test('stores a message once, however often it is sent', async () => {
    const ada = await enter(server, 'Ada', { room: 'once' })
    const bob = await browser.newContext()
    const page = await bob.newPage()
    page.problems = []
    let connections = 0
    const acknowledged = []
    await page.routeWebSocket('**/ws', socket => {
      const upstream = socket.connectToServer(), first = ++connections === 1
      upstream.onMessage(text => {
        const { type, id, seq } = JSON.parse(text)
        if (type === 'sent') acknowledged.push({ id, seq })
        // The network breaks between the message and its answer.
        if (type === 'sent' && first) { upstream.close(); socket.close({ code: 4000 }) } else socket.send(text)
      })
    })
    await page.goto(`${server.address}/?room=once`)
    await page.getByRole('textbox', { name: 'Your name' }).fill('Bob')
    await page.keyboard.press('Enter')
    await joined(page)
    await say(page, 'exactly once')
    await say(page, 'and another')
    await message(ada, 'and another').waitFor()
    assert.ok(connections >= 2)
    assert.deepEqual(await texts(ada), ['exactly once', 'and another'])
    assert.deepEqual(await texts(page), ['exactly once', 'and another'])
    assert.deepEqual([...new Set(acknowledged.map(({ seq }) => seq))], [1, 2])
    await close(ada, page)
  })

  test('asks again when messages are missing in between', async () => {
    const ada = await enter(server, 'Ada', { room: 'hole' })
    const context = await browser.newContext(), bob = await context.newPage()
    bob.problems = []
    let swallowed = 0, joins = 0
    await bob.routeWebSocket('**/ws', socket => {
      const upstream = socket.connectToServer()
      socket.onMessage(text => { joins += JSON.parse(text).type === 'join'; upstream.send(text) })
      upstream.onMessage(text => { JSON.parse(text).text?.startsWith('lost') && !swallowed++ ? null : socket.send(text) })
    })
    await bob.goto(`${server.address}/?room=hole`)
    await bob.getByLabel('Your name').fill('Bob')
    await bob.keyboard.press('Enter')
    await joined(bob)
    for (const text of ['one', 'lost on the way', 'three', 'four']) await say(ada, text)
    await message(bob, 'four').waitFor()
    assert.deepEqual(await texts(bob), ['one', 'lost on the way', 'three', 'four'])
    assert.deepEqual([swallowed, joins], [1, 2])
    await close(ada, bob)
  })

  test('answers bad requests in words and hangs up on nonsense', async () => {
    const page = await person(server, null)
    const address = `ws://${server.host}/ws`
    const ask = (request, type) => page.evaluate(([request, type]) => {
      globalThis.raw.send(JSON.stringify(request))
      return globalThis.raw.next(type)
    }, [request, type])
    const join = { type: 'join', room: 'raw', name: 'Raw', key: '0123456789' }

    await raw(page, address)
    assert.equal((await ask({ type: 'say', room: 'raw', id: '1', text: 'x' }, 'error')).code, 'not-joined')
    assert.equal((await ask({ ...join, room: 'No Room' }, 'error')).code, 'bad-room')
    assert.equal((await ask({ ...join, name: ' ' }, 'error')).code, 'bad-name')
    assert.equal((await ask({ ...join, name: 'x'.repeat(33) }, 'error')).code, 'bad-name')
    assert.deepEqual((await ask(join, 'joined')).members, ['Raw'])
    assert.equal((await ask({ type: 'say', room: 'raw', id: '1', text: 'é'.repeat(4001) }, 'error')).code, 'long-text')
    const first = await ask({ type: 'say', room: 'raw', id: '1', text: 'é'.repeat(4000) }, 'sent')
    const again = await ask({ type: 'say', room: 'raw', id: '1', text: 'é'.repeat(4000) }, 'sent')
    assert.deepEqual(again, first)
    await ask({ type: 'ping' }, 'pong')

    const closed = say => page.evaluate(say => {
      for (let i = 0; i < (say.times ?? 1); i++) globalThis.raw.send(say.binary ? new Uint8Array([1, 2]) : say.text)
      return globalThis.raw.closed
    }, say)
    assert.equal((await closed({ text: '{"type":"shout"}' })).code, 1008)
    await raw(page, address)
    assert.equal((await closed({ text: 'hello' })).code, 1008)
    await raw(page, address)
    assert.equal((await closed({ binary: true })).code, 1003)
    await raw(page, address)
    assert.equal((await closed({ text: ' '.repeat(100_000) })).code, 1009)

    await raw(page, address)
    await ask(join, 'joined')
    const slow = await page.evaluate(() => {
      for (let i = 0; i < 20; i++) globalThis.raw.send(JSON.stringify({ type: 'say', room: 'raw', id: 'burst' + i, text: 'x' }))
      return globalThis.raw.next('error')
    })
    assert.equal(slow.code, 'slow-down')
    assert.ok(slow.retry > 0 && slow.retry < 2000)
    assert.deepEqual(await closed({ text: '{"type":"ping"}', times: 400 }), { code: 1008, reason: 'too many messages' })
    await close(page)
  })

  test('a page that is too fast sends everything all the same, in order', async () => {
    const ada = await enter(server, 'Ada', { room: 'burst' })
    const words = Array.from({ length: 16 }, (_, i) => `word ${i}`)
    for (const word of words) {
      await field(ada).fill(word)
      await field(ada).press('Enter')
    }
    await ada.waitForFunction(() => document.querySelectorAll('.message').length === 16 && !document.querySelector('.pending'))
    const bob = await enter(server, 'Bob', { room: 'burst' })
    await message(bob, 'word 15').waitFor()
    assert.deepEqual(await texts(bob), words)
    assert.deepEqual(await texts(ada), words)
    await close(ada, bob)
  })

  test('finds back into many rooms full of the longest messages', async () => {
    const ada = await enter(server, 'Ada', { room: 'full-1' })
    const names = Array.from({ length: 7 }, (_, index) => `full-${index + 1}`)
    await ada.evaluate(async ([address, names]) => {
      const text = '🌊'.repeat(4000)
      const fill = (room, name) => new Promise((resolve, reject) => {
        const socket = new WebSocket(address)
        let sent = 0
        socket.onopen = () => {
          socket.send(JSON.stringify({ type: 'join', room, name, key: 'filler-' + name }))
          for (let i = 0; i < 11; i++) socket.send(JSON.stringify({ type: 'say', room, id: name + i, text }))
        }
        socket.onmessage = ({ data }) => {
          if (JSON.parse(data).type === 'sent' && ++sent === 11) { resolve(); socket.close() }
        }
        socket.onclose = reject
      })
      for (const room of names) await Promise.all([fill(room, 'One'), fill(room, 'Two')])
    }, [`ws://${server.host}/ws`, names])
    for (const name of names.slice(1)) {
      await ada.getByLabel('Join or create a room').fill(name)
      await ada.keyboard.press('Enter')
      await ada.locator('.message').nth(15).waitFor({ state: 'attached' })
    }
    const closes = []
    ada.on('websocket', socket => socket.on('close', () => closes.push(socket.url())))
    await ada.reload()
    await joined(ada)
    await ada.waitForFunction(() => [...document.querySelectorAll('#mine .count')].filter(count => count.textContent.startsWith('1')).length === 7)
    await say(ada, 'all there')
    assert.deepEqual(closes, [])
    await close(ada)
  })

  test('scrolling up brings the whole history, and coming back to a room that went on leaves no hole', async () => {
    // As many from one connection as the server lets pass at once.
    const speak = async (from, to) => {
      for (let first = from; first <= to; first += 10) {
        await helper.evaluate(([host, first, last]) => new Promise((resolve, reject) => {
          const socket = new WebSocket(`ws://${host}/ws`)
          socket.onopen = () => {
            socket.send(JSON.stringify({ type: 'join', room: 'scroll', name: `Speaker ${first}`, key: `key-of-${first}` }))
            for (let number = first; number <= last; number++) {
              socket.send(JSON.stringify({ type: 'say', room: 'scroll', id: `${number}`, text: `line ${number}.` }))
            }
          }
          socket.onmessage = ({ data }) => {
            const { type, id } = JSON.parse(data)
            if (type === 'sent' && id === `${last}`) { socket.close(); resolve() }
          }
          socket.onerror = reject
        }), [server.host, first, Math.min(first + 9, to)])
      }
    }
    const helper = await enter(server, 'Helper', { room: 'helpers' })
    const lines = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}.`)
    const shown = (page, count) => page.waitForFunction(count => document.querySelectorAll('.message').length === count, count)

    await speak(1, 130)
    const context = await browser.newContext({ viewport: { width: 900, height: 700 }, locale: 'en-US' })
    let reachable = true, socket
    await context.routeWebSocket(/\/ws$/, route => {
      if (!reachable) return route.close()
      route.connectToServer()
      socket = route
    })
    const ada = await enter(server, 'Ada', { room: 'scroll', context })
    await shown(ada, 100)
    assert.deepEqual(await texts(ada), lines(31, 130))
    // The last speaker's leave would scroll down again.
    await ada.getByText('1 person online').waitFor()
    await ada.getByRole('log').evaluate(log => { log.scrollTop = 0 })
    await shown(ada, 130)
    assert.deepEqual(await texts(ada), lines(1, 130))
    assert.equal(await ada.getByRole('button', { name: 'Earlier messages' }).isVisible(), false)
    // What was at the top is still what is looked at.
    assert.ok(await message(ada, 'line 31.').evaluate(node => node.getBoundingClientRect().top < innerHeight))

    reachable = false
    await socket.close()
    await state(ada, 'Offline')
    await speak(131, 260)
    reachable = true
    await joined(ada)
    await shown(ada, 100)
    assert.deepEqual(await texts(ada), lines(161, 260))
    await ada.getByRole('button', { name: 'Earlier messages' }).click()
    await shown(ada, 200)
    await ada.getByRole('button', { name: 'Earlier messages' }).click()
    await shown(ada, 260)
    assert.deepEqual(await texts(ada), lines(1, 260))
    await close(ada, helper)
  })

  test('works with the keyboard alone', async () => {
    const page = await person(server, null, { room: 'keys' })
    const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0]?.textContent
      ?? document.activeElement.textContent)
    assert.equal(await focused(), 'Your name')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type('Ada')
    await page.keyboard.press('Enter')
    await joined(page)
    await page.waitForFunction(() => document.activeElement.id === 'text')
    await page.keyboard.type('one')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('two')
    await page.keyboard.press('Enter')
    await message(page, 'one').getByText('Stored', { exact: true }).waitFor({ state: 'attached' })
    assert.deepEqual(await texts(page), ['one\ntwo'])

    // From the top, in reading order. Those of the tests before leave their rooms after a while.
    await page.waitForFunction(() => !document.querySelector('#others li'))
    await page.evaluate(() => { document.body.tabIndex = -1; document.body.focus() })
    const order = []
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Tab')
      order.push((await focused()).replace(/\s+/g, ' '))
      const visible = await page.evaluate(() => {
        const element = document.activeElement, style = getComputedStyle(element)
        const around = element.closest('form') && getComputedStyle(element.closest('form')).boxShadow !== 'none'
        return style.outlineStyle !== 'none' || around
      })
      assert.ok(visible, `focus is visible on ${order.at(-1)}`)
    }
    assert.deepEqual(order, ['Write a message', order[1], 'Join or create a room', 'Go to this room', order[4],
      'Switch to the dark theme', 'Copy the link to this room', 'Messages in keys'])
    assert.match(order[1], /keys/)
    assert.match(order[4], /Change your name, now Ada/)
    await page.keyboard.press('Escape')
    await page.waitForFunction(() => document.activeElement.id === 'text')

    for (let i = 0; i < 6; i++) await page.keyboard.press('Shift+Tab')
    assert.equal(await focused(), 'Join or create a room')
    await page.keyboard.type('second')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'second' }).waitFor()
    await page.waitForFunction(() => document.activeElement.id === 'text')
    await page.keyboard.press('Alt+ArrowUp')
    await page.getByRole('heading', { level: 1, name: 'keys' }).waitFor()

    await page.getByRole('button', { name: /Change your name/ }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog', { name: 'Change your name' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    assert.match(await focused(), /Change your name/)

    for (const role of ['main', 'complementary', 'navigation', 'log']) assert.equal(await page.getByRole(role).count(), 1, role)
    await close(page)
  })

  test('follows the theme of the device until told otherwise', async () => {
    const page = await enter(server, 'Ada', { room: 'theme', colorScheme: 'dark' })
    const brightness = () => page.evaluate(() => {
      const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number)
      return (r + g + b) / 3
    })
    await say(page, 'Good evening')
    assert.ok(await brightness() < 60)
    await picture(page, 'dark')
    await page.getByRole('button', { name: 'Switch to the light theme' }).click()
    assert.ok(await brightness() > 200)
    await page.reload()
    await joined(page)
    assert.ok(await brightness() > 200)
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click()
    assert.ok(await brightness() < 60)
    await page.emulateMedia({ colorScheme: 'light' })
    assert.ok(await brightness() > 200)
    await close(page)
  })

  test('fits a phone', async () => {
    const ada = await enter(server, 'Ada Lovelace', { room: 'pocket' })
    const phone = await enter(server, 'Linus', { room: 'pocket', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 })
    await say(ada, 'Does it fit? A long word: ' + 'bowsprit'.repeat(12) + ' and https://example.org/' + 'path/'.repeat(20))
    await say(phone, 'It does 📱')
    await say(ada, '🎉')
    await field(ada).pressSequentially('wai')
    await phone.getByText('Ada Lovelace is typing').waitFor()
    await picture(phone, 'phone')
    const overflow = () => phone.evaluate(() => [...document.querySelectorAll('main *')]
      .filter(element => element.getBoundingClientRect().right > innerWidth + 1).map(element => element.outerHTML.slice(0, 80)))
    assert.deepEqual(await overflow(), [])

    const menu = phone.getByRole('button', { name: 'Rooms and people' })
    assert.equal(await phone.getByRole('complementary').isVisible(), false)
    await menu.tap()
    await phone.getByRole('complementary').waitFor()
    await phone.waitForFunction(() => document.querySelector('#side').getBoundingClientRect().left === 0)
    await member(phone, 'Ada Lovelace').waitFor()
    await picture(phone, 'phone-drawer')
    await phone.keyboard.press('Escape')
    await phone.getByRole('complementary').waitFor({ state: 'hidden' })
    await menu.tap()
    await phone.getByLabel('Join or create a room').fill('garden')
    await phone.keyboard.press('Enter')
    await phone.getByRole('heading', { level: 1, name: 'garden' }).waitFor()
    await phone.getByRole('complementary').waitFor({ state: 'hidden' })
    for (const button of await phone.locator('main button:visible').all()) {
      const { width, height } = await button.boundingBox()
      assert.ok(Math.min(width, height) >= 30, await button.evaluate(element => element.outerHTML))
    }
    await close(ada, phone)
  })
})

/* ---------- servers that stop ---------- */

test('pages survive a server that is killed, and nothing that was stored is gone', async () => {
  let server = await start()
  const ada = await enter(server, 'Ada', { room: 'storm' }), bob = await enter(server, 'Bob', { room: 'storm' })
  await say(ada, 'before')
  await message(bob, 'before').waitFor()
  await ada.getByLabel('Join or create a room').fill('cabin')
  await ada.keyboard.press('Enter')
  await joined(ada)
  await roomLink(ada, 'storm').click()

  await stop(server, 'SIGKILL')
  for (const page of [ada, bob]) {
    await state(page, 'Offline')
    await page.getByText('No connection to the server.').waitFor()
    await page.getByText(/Next try in \d+ s|Connecting\./).waitFor()
  }
  await field(ada).fill('written while offline')
  await field(ada).press('Enter')
  await field(ada).fill('and a second one')
  await field(ada).press('Enter')
  await message(ada, 'written while offline').getByText('Waiting to be sent').waitFor({ state: 'attached' })
  await picture(ada, 'offline')

  server = await start(server.host)
  for (const page of [ada, bob]) {
    await joined(page)
    assert.equal(await page.getByText('No connection').isVisible(), false)
    await page.getByText('2 people online').waitFor()
  }
  await message(bob, 'and a second one').waitFor()
  await message(ada, 'and a second one').getByText('Stored', { exact: true }).waitFor({ state: 'attached' })
  await say(bob, 'after')
  await message(ada, 'after').waitFor()
  const all = ['before', 'written while offline', 'and a second one', 'after']
  assert.deepEqual(await texts(ada), all)
  assert.deepEqual(await texts(bob), all)
  // Who was there before is no news.
  const arrivals = page => page.locator('.notice', { hasText: 'joined' }).allTextContents()
  assert.deepEqual([await arrivals(ada), await arrivals(bob)], [['Bob joined'], []])
  await picture(bob, 'restarted')
  // A newcomer sees what was said to the server before this one.
  const eve = await enter(server, 'Eve', { room: 'storm' })
  await message(eve, 'after').waitFor()
  assert.deepEqual(await texts(eve), all)
  await close(ada, bob, eve)
  await stop(server, 'SIGKILL')
})

test('a server that is asked to stop says goodbye, and pages find its successor', async () => {
  let server = await start()
  const page = await browser.newContext().then(context => context.newPage())
  page.problems = []
  await page.addInitScript(() => {
    const Original = WebSocket
    globalThis.codes = []
    globalThis.WebSocket = class extends Original {
      constructor(...args) { super(...args); this.addEventListener('close', event => globalThis.codes.push([event.code, event.wasClean])) }
    }
  })
  await page.goto(`${server.address}/?room=calm`)
  await page.getByRole('textbox', { name: 'Your name' }).fill('Ada')
  await page.keyboard.press('Enter')
  await joined(page)
  const began = Date.now()
  assert.equal(await stop(server, 'SIGTERM'), 0)
  assert.ok(Date.now() - began < 8000)
  await page.getByText('The server is restarting.').waitFor()
  assert.deepEqual((await page.evaluate(() => globalThis.codes))[0], [1001, true])
  server = await start(server.host)
  // Shown or not: it comes back by itself, too.
  await page.evaluate(() => document.getElementById('now').click())
  await joined(page)
  await say(page, 'back again')
  await close(page)
  assert.equal(await stop(server, 'SIGINT'), 0)
})

test('a connection that is dead without a word is noticed', async () => {
  const server = await start()
  const page = await enter(server, 'Ada', { room: 'frozen' })
  await say(page, 'before')
  server.process.kill('SIGSTOP')
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await state(page, 'Offline')
  await field(page).fill('into the void')
  await field(page).press('Enter')
  server.process.kill('SIGCONT')
  await joined(page)
  await message(page, 'into the void').getByText('Stored', { exact: true }).waitFor({ state: 'attached' })
  assert.deepEqual(await texts(page), ['before', 'into the void'])
  assert.equal(await page.getByText('gone').count(), 0)
  await close(page)
  await stop(server, 'SIGKILL')
})

/* ---------- compression ---------- */

const text = 'All that was said before is what the next message is made of. '.repeat(8).trim()

/// Passes TCP connections on to the server, and keeps what each of them carried.
async function tap(server) {
  const recordings = []
  const proxy = net.createServer(client => {
    const upstream = net.connect(Number(new URL(server.address).port), '127.0.0.1')
    const recording = { client: [], server: [] }
    recordings.push(recording)
    for (const [side, from, to] of [['client', client, upstream], ['server', upstream, client]]) {
      // Noted before it is passed on: what the page has seen is in the recording.
      from.on('data', bytes => { recording[side].push(bytes); to.write(bytes) })
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
    }
  })
  proxy.unref()
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return { address: `http://127.0.0.1:${proxy.address().port}`, recordings, close: () => proxy.close() }
}

/// The frames behind the handshake, unmasked (RFC 6455, section 5.2); the last one may not be whole yet, and is left out.
function frames(chunks) {
  const bytes = Buffer.concat(chunks)
  const found = []
  let at = bytes.indexOf('\r\n\r\n') + 4
  while (at + 2 <= bytes.length) {
    let length = bytes[at + 1] & 0x7f, start = at + 2
    if (length === 126) { if (start + 2 > bytes.length) break; length = bytes.readUInt16BE(start); start += 2 }
    else if (length === 127) { if (start + 8 > bytes.length) break; length = Number(bytes.readBigUInt64BE(start)); start += 8 }
    const masked = (bytes[at + 1] & 0x80) !== 0
    const key = bytes.subarray(start, start + (masked ? 4 : 0))
    start += key.length
    if (start + length > bytes.length) break
    const payload = Buffer.from(bytes.subarray(start, start + length)).map((byte, i) => masked ? byte ^ key[i % 4] : byte)
    found.push({ fin: bytes[at] >> 7, rsv1: bytes[at] >> 6 & 1, opcode: bytes[at] & 15, payload })
    at = start + length
  }
  return found
}

/// What the page's WebSocket says to the developer tools.
async function developerTools(page) {
  const tools = await page.context().newCDPSession(page)
  const seen = { handshakes: [], sent: [], received: [] }
  tools.on('Network.webSocketHandshakeResponseReceived', ({ response }) => seen.handshakes.push(response))
  tools.on('Network.webSocketFrameSent', ({ response }) => seen.sent.push(response))
  tools.on('Network.webSocketFrameReceived', ({ response }) => seen.received.push(response))
  await tools.send('Network.enable')
  // An answer comes behind all that happened before it.
  return { ...seen, settled: () => tools.send('Network.enable') }
}

const extensions = ({ headers }) =>
  Object.entries(headers).filter(([name]) => name.toLowerCase() === 'sec-websocket-extensions').map(([, value]) => value)

/// Two people talk through the tap; the tools of the first, and what went over the wire for each.
async function conversation(...flags) {
  const server = await start('127.0.0.1:0', ...flags)
  const wire = await tap(server)
  const ada = await person(wire, null, { room: 'wire' })
  const tools = await developerTools(ada)
  await ada.getByRole('textbox', { name: 'Your name' }).fill('Ada')
  await ada.keyboard.press('Enter')
  await joined(ada)
  const bob = await enter(wire, 'Bob', { room: 'wire' })
  await say(ada, `${text} from Ada`)
  await message(bob, 'from Ada').waitFor()
  await say(bob, `${text} from Bob`)
  await message(ada, 'from Bob').waitFor()
  for (const page of [ada, bob]) assert.deepEqual(await texts(page), [`${text} from Ada`, `${text} from Bob`])
  await tools.settled()
  const sockets = wire.recordings.filter(({ client }) => /^upgrade: websocket/im.test(Buffer.concat(client).toString('latin1')))
    .map(({ client, server }) => ({ head: Buffer.concat(server).toString('latin1').split('\r\n\r\n')[0], client: frames(client), server: frames(server) }))
  await close(ada, bob)
  wire.close()
  await stop(server, 'SIGKILL')
  return { tools, sockets }
}

test('compresses what is worth it, both ways, with --deflate', async () => {
  const { tools, sockets } = await conversation('--deflate')

  // Chromium's own word: it took the extension, and the texts came out of it whole.
  assert.equal(tools.handshakes.length, 1)
  assert.equal(tools.handshakes[0].status, 101)
  const [extension, ...more] = extensions(tools.handshakes[0])
  assert.match(extension ?? '', /^permessage-deflate(;|$)/)
  assert.deepEqual(more, [])
  assert.ok(tools.sent.some(({ payloadData }) => payloadData.includes(`${text} from Ada`)))
  assert.ok(tools.received.some(({ payloadData }) => payloadData.includes(`${text} from Bob`)))

  assert.equal(sockets.length, 2)
  for (const { head, client, server } of sockets) {
    assert.match(head, /^sec-websocket-extensions: permessage-deflate/im)
    for (const side of [client, server]) {
      const compressed = side.filter(({ rsv1 }) => rsv1)
      assert.ok(compressed.length > 0, 'a frame with RSV1')
      assert.ok(compressed.every(({ opcode }) => opcode === 1), 'RSV1 is for the first frame of a message')
      assert.ok(compressed.some(({ payload }) => payload.length > 20 && payload.length < text.length), 'shorter than its text')
      assert.ok(side.every(({ payload }) => !payload.includes(text)), 'the text never stands on the wire')
    }
  }
})

test('compresses nothing unless told to', async () => {
  const { tools, sockets } = await conversation()
  assert.equal(tools.handshakes.length, 1)
  assert.deepEqual(extensions(tools.handshakes[0]), [])
  assert.equal(sockets.length, 2)
  for (const { client, server } of sockets) {
    for (const side of [client, server]) {
      assert.ok(side.every(({ rsv1 }) => rsv1 === 0))
      assert.ok(side.some(({ payload }) => payload.includes(text)))
    }
  }
})

/* ---------- the picture for the front page ---------- */

test('two windows side by side', async () => {
  const server = await start()
  const size = { viewport: { width: 760, height: 690 }, deviceScaleFactor: 2, timezoneId: 'UTC' }
  const ada = await enter(server, 'Ada Lovelace', { room: 'release', ...size })
  const grace = await enter(server, 'Grace Hopper', { room: 'release', colorScheme: 'dark', ...size })
  for (const [name, room] of [['Linus', 'lobby'], ['Margaret', 'lobby'], ['Barbara', 'compilers']]) {
    await enter(server, name, { room })
  }
  await say(ada, 'Did the new parser land?')
  await say(grace, 'An hour ago.')
  await say(grace, 'Every test is green, and the numbers are in the report: https://example.org/bench')
  await say(ada, 'Lovely. What is left to do?')
  await say(grace, 'Only the changelog.')
  await say(ada, 'Then I write that tonight.')
  await say(grace, '🎉')
  await field(grace).pressSequentially('Tomorrow at ten')
  await ada.getByText('Grace Hopper is typing').waitFor()
  await ada.waitForFunction(() => document.querySelectorAll('#people li').length === 2)
  for (const page of [ada, grace]) await page.mouse.move(400, 400)
  await picture(ada, 'light')
  await picture(grace, 'dark-window')

  const image = async name => `data:image/png;base64,${(await readFile(`${pictures}${name}.png`)).toString('base64')}`
  const board = await browser.newPage({ viewport: { width: 1640, height: 806 } })
  const pane = (title, source, dark) => `<figure class="${dark ? 'dark' : ''}"><div><i></i><i></i><i></i><span>${title}</span></div><img src="${source}"></figure>`
  await board.setContent(`<!doctype html><style>
    body { margin: 0; height: 806px; display: flex; gap: 32px; align-items: center; justify-content: center;
      background: linear-gradient(135deg, #cfe3e4, #e9e2d2 55%, #c9d6e6); font: 14px Inter, system-ui, sans-serif }
    figure { margin: 0; width: 760px; border-radius: 14px; overflow: hidden; box-shadow: 0 20px 50px rgb(30 50 70 / .28), 0 0 0 1px rgb(0 0 0 / .08) }
    div { position: relative; height: 36px; display: flex; align-items: center; gap: 8px; padding: 0 14px; background: #e4e1d9; color: #5d6670 }
    .dark div { background: #1a2129; color: #97a3ae }
    i { width: 11px; height: 11px; border-radius: 50%; background: rgb(128 128 128 / .38) }
    span { position: absolute; inset: 0; display: grid; place-items: center; font-size: 13px }
    img { display: block; width: 760px; height: 690px }
  </style>${pane('localhost:8080', await image('light'))}${pane('localhost:8080', await image('dark-window'), true)}`)
  await board.waitForFunction(() => [...document.images].every(image => image.complete && image.naturalWidth))
  const png = await board.screenshot({ path: `${pictures}two-windows.png` })
  if (process.env.SCREENSHOTS === 'docs') {
    await mkdir(new URL('docs/', root), { recursive: true })
    await writeFile(new URL('docs/chat.png', root), png)
  }
  await board.close()
  await close(ada, grace)
  await stop(server, 'SIGKILL')
})
