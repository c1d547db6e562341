// Unmodified y-websocket clients in Node and the example's page in Chromium, against the collab example: random edits,
// cuts, a kill; malformed messages; a quiet client; who is there.
//
// SCREENSHOTS=docs also renews docs/collab.png

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const root = new URL('../../../', import.meta.url)
const pictures = fileURLToPath(new URL('target/screenshots/', root))
const launch = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
}
const PATIENCE = 60_000
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

const place = mkdtempSync(`${tmpdir()}/collab-`)
let server, address, browser
const ends = []

async function start() {
  const listen = address ?? '127.0.0.1:0'
  // A client of somebody else may have the port for a moment.
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; await pause(200)) {
    const arguments_ = ['--listen', listen, '--log', `${place}/log`, '--bundle', process.env.BUNDLE]
    server = spawn(process.env.COLLAB_BIN, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: server.stdout })) {
      const found = /listening on http:\/\/(\S+)/.exec(line)
      if (found) return void (address = found[1])
    }
  }
  throw new Error('the server did not say where it listens')
}

async function kill() {
  server.kill('SIGKILL')
  await once(server, 'exit')
}

before(async () => {
  await mkdir(pictures, { recursive: true })
  await start()
  browser = await chromium.launch(launch)
})

after(async () => {
  ends.forEach(end => end())
  await browser?.close()
  server?.kill('SIGKILL')
  rmSync(place, { recursive: true, force: true })
})

/** A line to the server that can be cut. */
async function line() {
  const pairs = new Set()
  const proxy = createServer(near => {
    const [host, port] = address.split(':')
    const far = connect({ host, port: Number(port) })
    const pair = [near, far]
    pairs.add(pair)
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => {})
      one.on('close', () => { other.destroy(); pairs.delete(pair) })
      one.pipe(other)
    }
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const cut = () => { for (const pair of pairs) pair.forEach(end => end.destroy()) }
  ends.push(() => { proxy.close(); cut() })
  return { host: `127.0.0.1:${proxy.address().port}`, cut }
}

/** A client in Node. */
function client(room, { host = address, name, color = '#7a4fa3' } = {}) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(`ws://${host}/collab`, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true })
  if (name) provider.awareness.setLocalStateField('user', { name, color, colorLight: `${color}33` })
  const end = () => { provider.destroy(); doc.destroy() }
  ends.push(end)
  return { doc, provider, end, text: doc.getText('text'), people: () => namesOf(provider.awareness) }
}

const namesOf = awareness => [...awareness.getStates().values()].map(({ user }) => user?.name).filter(Boolean).sort()

async function until(what, isTrue) {
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline; await pause(20)) {
    if (await isTrue()) return
  }
  assert.fail(`not in time: ${what}`)
}

const synced = ({ provider }) => until('synced', () => provider.synced)

async function page(room, { host = address, name = 'Grace', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(PATIENCE)
  const page = await context.newPage()
  page.problems = []
  page.on('pageerror', error => page.problems.push(String(error)))
  page.on('console', message => {
    // A server that is down is part of the tests.
    if (message.type() === 'error' && !/^WebSocket connection to/.test(message.text())) page.problems.push(message.text())
  })
  await page.goto(`http://${host}/?doc=${room}`)
  await page.getByRole('textbox', { name: 'Your name' }).fill(name)
  await page.locator('#state[data-state=online]').waitFor()
  return page
}

const written = page => page.locator('.cm-content').evaluate(content => content.cmTile?.view?.state.doc.toString()
  ?? content.cmView.view.state.doc.toString())

async function write(page, text) {
  await page.locator('.cm-content').click()
  await page.keyboard.type(text)
}

describe('in Node', () => {
  test('what one writes the others read, also who comes later and after a restart', { timeout: PATIENCE }, async () => {
    const [one, other] = [client('plain'), client('plain')]
    await Promise.all([synced(one), synced(other)])
    one.text.insert(0, 'hello')
    await until('heard', () => other.text.toString() === 'hello')
    other.text.insert(5, ' world')
    await until('heard', () => one.text.toString() === 'hello world')
    const late = client('plain')
    await synced(late)
    assert.equal(late.text.toString(), 'hello world')
    for (const client of [one, other, late]) client.end()
    await kill()
    await start()
    const later = client('plain')
    await synced(later)
    assert.equal(later.text.toString(), 'hello world')
    later.end()
  })

  test('who is there is known at once, and who is cut leaves no ghost', { timeout: PATIENCE }, async () => {
    const { host, cut } = await line()
    const ann = client('people', { name: 'Ann' })
    const ben = client('people', { host, name: 'Ben' })
    await until('both see both', () => [ann, ben].every(({ people }) => people().join() === 'Ann,Ben'))
    // Also one that came before it asked: by the server's second message.
    const late = client('people', { name: 'Cy' })
    await until('a newcomer sees all', () => late.people().join() === 'Ann,Ben,Cy')
    late.end()
    await until('it said good-bye', () => ann.people().join() === 'Ann,Ben')
    // Back within the grace: nobody saw it go.
    let hasFlickered = false
    ann.provider.awareness.on('change', () => { hasFlickered ||= ann.people().join() !== 'Ann,Ben' })
    cut()
    await until('gone', () => !ben.provider.wsconnected)
    await until('back', () => ben.provider.wsconnected && ben.provider.synced)
    await pause(5_000)   // the grace, and more
    assert.equal(hasFlickered, false)
    // For good, without a word.
    ben.provider.shouldConnect = false
    cut()
    await until('gone for all', () => ann.people().join() === 'Ann')
    ann.end()
  })

  test('a malformed message ends its sender alone, for good', { timeout: PATIENCE }, async () => {
    const good = client('strict')
    await synced(good)
    good.text.insert(0, 'safe')
    for (const bytes of [[], [0], [0, 9, 0], [0, 2, 3, 1, 1], [0, 2, 2, 255, 255], [0, 0, 1, 255], [1, 3, 1, 2, 3],
      [1, 2, 255, 255], [0, 2, 5, 255, 255, 255, 255, 15]]) {
      const socket = new WebSocket(`ws://${address}/collab/strict`)
      await once(socket, 'open')
      socket.send(Buffer.from(bytes))
      const [code] = await once(socket, 'close')
      assert.equal(code, 4400, `${bytes}`)
    }
    const socket = new WebSocket(`ws://${address}/collab/strict`)
    await once(socket, 'open')
    socket.send('text')
    assert.equal((await once(socket, 'close'))[0], 4400)
    // A kind of another version is passed over.
    const other = new WebSocket(`ws://${address}/collab/strict`)
    await once(other, 'open')
    other.send(Buffer.from([7, 1, 0]))
    other.send(Buffer.from([3]))
    await until('answered', () => new Promise(resolve => other.once('message', () => resolve(true))))
    other.terminate()
    const later = client('strict')
    await synced(later)
    assert.equal(later.text.toString(), 'safe')
    assert.ok(good.provider.wsconnected)
    for (const client of [good, later]) client.end()
  })

  test('names that are none, and a document that is full', { timeout: PATIENCE }, async () => {
    for (const path of ['/collab/', '/collab/Upper', '/collab/a/b', '/collab/%2e', '/other', `/collab/${'x'.repeat(65)}`]) {
      const [error] = await once(new WebSocket(`ws://${address}${path}`), 'error')
      assert.match(error.message, /404/, path)
    }
    const { doc, provider, text, end } = client('full')
    await until('synced', () => provider.synced)
    const refused = new Promise(resolve => provider.on('connection-close', event => resolve(event.code)))
    text.insert(0, 'x'.repeat(300 << 10))
    text.insert(0, 'y'.repeat(300 << 10))
    assert.equal(await refused, 4413)
    end()
  })

  test('one that says nothing stays connected for 40 s', { timeout: 2 * PATIENCE }, async () => {
    const { provider, end } = client('quiet')
    await until('synced', () => provider.synced)
    let isCut = false
    provider.on('status', ({ status }) => { isCut ||= status !== 'connected' })
    await pause(40_000)
    assert.equal(isCut, false)
    end()
  })
})

describe('in Chromium', () => {
  test('two pages write in one document, with each other\'s cursors', { timeout: 2 * PATIENCE }, async () => {
    const ada = await page('cursors', { name: 'Ada' })
    const bob = await page('cursors', { name: 'Bob' })
    await write(ada, 'Ada was here. ')
    await bob.locator('.cm-content', { hasText: 'Ada was here.' }).waitFor()
    await bob.locator('.cm-ySelectionInfo', { hasText: 'Ada' }).waitFor({ state: 'attached' })
    await bob.locator('.cm-content').click()
    await bob.keyboard.press('Control+End')
    await bob.keyboard.type('So was Bob.')
    await ada.locator('.cm-content', { hasText: 'So was Bob.' }).waitFor()
    await ada.locator('.cm-ySelectionInfo', { hasText: 'Bob' }).waitFor({ state: 'attached' })
    for (const page of [ada, bob]) {
      await until('both are named', async () => /Ada.*Bob|Bob.*Ada/s.test(await page.locator('#people').innerText()))
      assert.deepEqual(page.problems, [])
      await page.context().close()
    }
  })

  test('what is written offline is merged', { timeout: 2 * PATIENCE }, async () => {
    const [ada, bob] = [await page('offline', { name: 'Ada' }), await page('offline', { name: 'Bob' })]
    await write(ada, 'middle')
    await bob.locator('.cm-content', { hasText: 'middle' }).waitFor()
    await bob.getByRole('button', { name: 'Go offline' }).click()
    await bob.locator('#state[data-state=offline]').waitFor()
    await bob.locator('.cm-content').click()
    await bob.keyboard.press('Control+End')
    await bob.keyboard.type(' end')
    await ada.keyboard.press('Control+Home')
    await ada.keyboard.type('start ')
    assert.equal(await written(bob), 'middle end')
    await bob.getByRole('button', { name: 'Go offline' }).click()
    for (const page of [ada, bob]) {
      await until('merged', async () => await written(page) === 'start middle end')
      assert.deepEqual(page.problems, [])
      await page.context().close()
    }
  })

  test('the textbook version loses what the other keeps', { timeout: 2 * PATIENCE }, async () => {
    const ada = await page('welcome', { name: 'Ada' })
    await ada.getByRole('button', { name: 'Let both type' }).click()
    await ada.locator('#crdt-result[data-lost]').waitFor()
    await ada.locator('#naive-result[data-lost]').waitFor()
    const lost = async id => Number(await ada.locator(id).getAttribute('data-lost'))
    assert.equal(await lost('#crdt-result'), 0)
    assert.ok(await lost('#naive-result') > 0)
    assert.deepEqual(ada.problems, [])
    await ada.context().close()
  })
})

test('random edits by two in Node and two pages, through cuts and a kill, end in one document', { timeout: 5 * PATIENCE }, async () => {
  const lines = await Promise.all([line(), line(), line(), line()])
  const nodes = lines.slice(0, 2).map(({ host }) => client('storm', { host, name: host }))
  const pages = await Promise.all(lines.slice(2).map(({ host }, n) => page('storm', { host, name: `Page ${n}` })))
  await Promise.all(nodes.map(synced))

  const random = n => Math.floor(Math.random() * n)
  const word = who => `${who}${random(1e6).toString(36)} `
  // All that anybody wrote and nobody deletes.
  const said = []
  const isOver = Date.now() + 15_000
  const editing = [
    ...nodes.map(async ({ text }, n) => {
      for (; Date.now() < isOver; await pause(20 + random(40))) {
        if (random(5) === 0 && text.length > 20) {
          // A character of nobody's word.
          const at = text.toString().indexOf('.')
          if (at >= 0) text.delete(at, 1)
        } else {
          const what = word('nm'[n])
          said.push(what.trim())
          // Between two words.
          const spaces = [0, ...[...text.toString()].flatMap((letter, at) => letter === ' ' ? [at + 1] : [])]
          text.insert(spaces[random(spaces.length)], `${what}${random(3) ? '' : '. '}`)
        }
      }
    }),
    ...pages.map(async (page, n) => {
      for (; Date.now() < isOver; await pause(100)) {
        const what = word('pq'[n])
        await page.locator('.cm-content').focus()
        await page.keyboard.press(random(2) ? 'Control+End' : 'Control+Home')
        await page.keyboard.insertText(what)
        said.push(what.trim())
      }
    }),
    (async () => {
      for (; Date.now() < isOver; await pause(500 + random(1500))) lines[random(4)].cut()
    })(),
    (async () => {
      await pause(6_000)
      await kill()
      await pause(500)
      await start()
    })(),
  ]
  await Promise.all(editing)

  const texts = async () => [...nodes.map(({ text }) => text.toString()), ...await Promise.all(pages.map(written))]
  let last = []
  await until('all are the same', async () => {
    last = await texts()
    return nodes.every(({ provider }) => provider.synced) && new Set(last).size === 1
  })
  // And it is what the server keeps.
  const late = client('storm')
  await synced(late)
  assert.equal(late.text.toString(), last[0])
  const words = new Set(last[0].split(/[ .]+/))
  assert.deepEqual(said.filter(word => !words.has(word)), [], 'every word is there')
  assert.deepEqual(Buffer.from(Y.encodeStateAsUpdate(nodes[0].doc)).length, Buffer.from(Y.encodeStateAsUpdate(nodes[1].doc)).length)
  for (const page of pages) {
    assert.deepEqual(page.problems, [])
    await page.context().close()
  }
  for (const client of [...nodes, late]) client.end()
  console.log(`# ${said.length} words`)
})

test('pictures, wide and narrow, light and dark', { timeout: 2 * PATIENCE }, async () => {
  const friends = [{ name: 'Alan', color: '#7a4fa3' }, { name: 'Hedy', color: '#b4541a' }].map(who => client('welcome', who))
  await Promise.all(friends.map(synced))
  const [alan, hedy] = friends
  alan.text.delete(0, alan.text.length)
  alan.text.insert(0, 'Minutes of Monday\n\n- The log is written before anybody hears of an edit.\n- Cursors of who left are gone after four seconds.\n- Offline is not an error: what was written there is merged.\n')
  await until('heard', () => hedy.text.length === alan.text.length)
  const cursor = ({ provider, text }, from, to) => provider.awareness.setLocalStateField('cursor', {
    anchor: Y.createRelativePositionFromTypeIndex(text, from), head: Y.createRelativePositionFromTypeIndex(text, to),
  })
  cursor(alan, 22, 29)
  cursor(hedy, 120, 120)
  for (const [name, options] of Object.entries({
    light: { colorScheme: 'light', viewport: { width: 1280, height: 960 } },
    dark: { colorScheme: 'dark' },
    phone: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
  })) {
    const ada = await page('welcome', { name: 'Ada', deviceScaleFactor: 2, ...options })
    await ada.locator('.cm-content', { hasText: 'Minutes of Monday' }).waitFor()
    await ada.getByRole('button', { name: 'Let both type' }).click()
    await ada.locator('#naive-result[data-lost]').waitFor()
    await ada.locator('#crdt-result[data-lost]').waitFor()
    assert.ok(await ada.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scroll')
    const picture = await ada.screenshot()
    await writeFile(`${pictures}/collab-${name}.png`, picture)
    if (name === 'light' && process.env.SCREENSHOTS === 'docs') {
      await writeFile(fileURLToPath(new URL('docs/collab.png', root)), await ada.screenshot({ scale: 'css' }))
    }
    await ada.context().close()
  }
  for (const client of friends) client.end()
})
