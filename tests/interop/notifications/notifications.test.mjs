// The notifications example in a real Chromium.
//
//   cargo build --release --example notifications
//   npm install --no-package-lock && node --test
//
// NOTIFICATIONS_BIN  the example (default: target/release/examples/notifications)
// CHROMIUM           the browser (default: /usr/bin/chromium)

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { appendFile, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { Stage, launch, pictures, proxy } from './stage.mjs'
import { chromium } from 'playwright-core'

const HOUR = 3_600_000

let browser, stage
before(async () => {
  await mkdir(pictures, { recursive: true })
  browser = await chromium.launch(launch)
  stage = await Stage.open(browser)
})
after(async () => {
  await browser?.close()
  await stage?.clear()
})

/* ---------- what the tests look at ---------- */

const state = (page, word) => page.locator('header').getByRole('status').filter({ hasText: word }).waitFor()
const item = (page, title) => page.getByRole('list', { name: 'Inbox' }).getByRole('listitem').filter({ hasText: title })
const unread = (page, count) => page.getByRole('status', { name: `${count} unread`, exact: true }).waitFor()
const device = (page, name, words) =>
  page.getByRole('list', { name: 'Devices' }).getByRole('listitem').filter({ hasText: name }).filter({ hasText: words }).waitFor()
const topic = (page, name) => page.getByRole('button', { name, exact: true })
const picture = async (page, name) => {
  const png = await page.screenshot({ path: `${pictures}notifications-${name}.png` })
  if (process.env.SCREENSHOTS === 'docs' && name === 'light') await writeFile(new URL('../../../docs/notifications.png', import.meta.url), png)
}

/// The titles from the newest on, each as often as it is there.
const titles = page => page.locator('#list h3').evaluateAll(all => all.map(title => title.lastChild.textContent))
/// Waits until there are so many.
const holds = (page, count) => page.waitForFunction(count => document.querySelectorAll('#list > li').length === count, count)
/// What the browser was asked to show in the background.
const told = page => page.evaluate(() => globalThis.told.map(({ title, tag }) => [title, tag.split('-').at(-1)]))

/* ---------- one server ---------- */

describe('a server', () => {
  let server
  before(async () => { server = await stage.start() })
  after(() => server.stop('SIGKILL'))

  test('serves the page with a policy that allows its own scripts only', async () => {
    const answer = await fetch(server.address)
    assert.equal(answer.status, 200)
    const policy = answer.headers.get('content-security-policy')
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe/)
    assert.doesNotMatch(await answer.text(), /(src|href)=["']?(https?:)?\/\//)
    for (const path of ['look.css', 'reconnect.js', 'theme.js']) {
      assert.equal((await fetch(`${server.address}/${path}`)).status, 200, path)
    }
  })

  test('says to senders what it did, and what it did not', async () => {
    const order = { user: 'sender', title: 'One', id: 'sender:1' }
    const first = await server.post(order)
    assert.deepEqual([first.status, first.answer.users, first.answer.connections], [201, 1, 0])
    const again = await server.post(order)
    assert.deepEqual([again.status, again.answer.seq], [200, first.answer.seq])
    const status = async (order, headers) => (await server.post(order, headers)).status
    assert.equal(await status({ ...order, title: 'Another' }), 409)
    assert.equal(await status(order, { 'Content-Type': 'text/plain' }), 415)
    assert.equal(await status({ title: 'For nobody' }), 400)
    assert.equal(await status({ user: 'ada', title: '' }), 400)
    assert.equal(await status({ user: 'ada', title: 'x', ttl: 0 }), 400)
    assert.equal(await status({ user: 'Ada!', title: 'x' }), 400)
    assert.equal(await status({ user: 'ada', title: 'x', body: 'x'.repeat(20_000) }), 413)
    assert.equal(await status({ topic: 'nobody-here', title: 'x' }), 201)
    const asked = await fetch(`${server.address}/notify`)
    assert.deepEqual([asked.status, asked.headers.get('allow')], [405, 'POST'])
    // What a browser asks before it lets a page of another origin send JSON.
    const preflight = await fetch(`${server.address}/notify`, { method: 'OPTIONS', headers: { Origin: 'http://evil.example' } })
    assert.deepEqual([preflight.status, preflight.headers.get('access-control-allow-origin')], [405, null])
  })

  test('asks who one is, and remembers', async () => {
    const page = await stage.device(server, {})
    await page.getByRole('textbox', { name: 'Your name' }).fill('Nora B')
    await page.getByRole('textbox', { name: 'This device' }).fill('desk')
    await page.keyboard.press('Enter')
    await state(page, 'Connected')
    await device(page, 'desk', 'here')
    await page.getByRole('heading', { name: 'nora-b’s devices' }).waitFor()
    await page.reload()
    await state(page, 'Connected')
    await device(page, 'desk (this one)', 'here')
    // Somebody else at the same desk.
    await server.post({ user: 'nora-b', title: 'For Nora' })
    await item(page, 'For Nora').waitFor()
    await page.getByRole('button', { name: 'Change' }).click()
    await page.getByRole('textbox', { name: 'Your name' }).fill('no/ra')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'The user must be' }).waitFor()
    await page.getByRole('textbox', { name: 'Your name' }).fill('otto')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'otto’s devices' }).waitFor()
    await device(page, 'desk', 'here')
    assert.deepEqual(await titles(page), [])
    await stage.close(page)
  })

  test('a page sends as well as a shell does, and text is text', async () => {
    const page = await stage.device(server, { user: 'pia', name: 'laptop' })
    await state(page, 'Connected')
    await page.getByRole('textbox', { name: 'Title' }).fill('<b>Bold</b> & brave')
    await page.getByRole('textbox', { name: 'Text' }).fill('<img src=x onerror=alert(1)>\nsecond line')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await item(page, '<b>Bold</b> & brave').getByText('second line').waitFor()
    await page.getByText('Sent: 1 user, 1 page now.').waitFor()
    await unread(page, 1)
    assert.equal(await page.title(), '(1) Notifications')
    await page.getByRole('button', { name: 'Mark as read: <b>Bold</b> & brave' }).click()
    await unread(page, 0)
    assert.equal(await page.title(), 'Notifications')
    await page.getByRole('button', { name: 'Unread', exact: true }).click()
    await page.getByText('All read').waitFor()
    assert.equal(await item(page, 'Bold').isVisible(), false)
    await stage.close(page)
  })

  test('topics are the user’s, on all devices', async () => {
    const laptop = await stage.device(server, { user: 'tom', name: 'laptop' })
    const phone = await stage.device(server, { user: 'tom', name: 'phone', phone: true })
    for (const page of [laptop, phone]) await state(page, 'Connected')
    await topic(laptop, 'deploys').click()
    await phone.locator('[data-topic=deploys][aria-pressed=true]').waitFor()
    await phone.getByRole('textbox', { name: 'Another topic' }).fill('On Call')
    await phone.keyboard.press('Enter')
    await laptop.locator('[data-topic=on-call][aria-pressed=true]').waitFor()
    assert.equal((await server.post({ topic: 'deploys', title: 'Deployed' })).answer.connections, 2)
    assert.equal((await server.post({ topic: 'builds', title: 'Built' })).answer.users, 0)
    await topic(phone, 'deploys').click()
    await laptop.locator('[data-topic=deploys][aria-pressed=false]').waitFor()
    await server.post({ topic: 'deploys', title: 'Deployed again' })
    await server.post({ topic: 'on-call', title: 'Wake up' })
    for (const page of [laptop, phone]) {
      await item(page, 'Wake up').waitFor()
      assert.deepEqual(await titles(page), ['Wake up', 'Deployed'])
    }
    await stage.close(laptop, phone)
  })

  test('what pages must not say closes their connection', async () => {
    const page = await stage.device(server, { user: 'rob', name: 'laptop' })
    await state(page, 'Connected')
    const closed = message => page.evaluate(([address, message]) => new Promise(resolve => {
      const socket = new WebSocket(address)
      socket.onopen = () => socket.send(typeof message === 'string' ? message : new Uint8Array(message))
      socket.onclose = ({ code, reason }) => resolve([code, reason])
    }), [`${server.address.replace('http', 'ws')}/ws`, message])
    assert.deepEqual(await closed('nonsense'), [1008, 'not a message of this server'])
    assert.deepEqual(await closed('{"type":"ack","seq":1}'), [1008, 'say hello first'])
    assert.deepEqual(await closed([1, 2, 3]), [1003, 'text messages only'])
    await server.post({ user: 'rob', title: 'Unharmed' })
    await item(page, 'Unharmed').waitFor()
    await stage.close(page)
  })
})

/* ---------- devices ---------- */

test('two tabs and a phone absent for an hour: each device gets each once, and the counts agree', async () => {
  const server = await stage.start()
  const background = { user: 'ada', permission: 'granted', background: true }
  const tab = await stage.device(server, { ...background, name: 'laptop' })
  const other = await stage.device(server, { ...background, name: 'laptop', context: tab.context() })
  let phone = await stage.device(server, { ...background, name: 'phone', phone: true })
  for (const page of [tab, other, phone]) await state(page, 'Connected')

  assert.equal((await server.post({ user: 'ada', title: 'All are here', ttl: 7200 })).answer.connections, 3)
  for (const page of [tab, other, phone]) {
    await item(page, 'All are here').waitFor()
    await unread(page, 1)
  }
  await device(tab, 'phone', /here$/)

  const phoneContext = phone.context()
  await phone.close()
  await device(tab, 'phone', 'away')
  await server.post({ user: 'ada', title: 'Over before the phone is back', ttl: 1800 })
  await server.post({ all: true, title: 'For the absent', ttl: 7200 })
  await server.post({ user: 'ada', title: 'Read meanwhile', ttl: 7200 })
  for (const page of [tab, other]) await unread(page, 4)
  await device(tab, 'phone', 'away, 3 waiting')
  await other.getByRole('button', { name: 'Mark as read: Read meanwhile' }).click()
  for (const page of [tab, other]) await unread(page, 3)

  await server.advance(HOUR)
  for (const page of [tab, other]) {
    await unread(page, 2)
    assert.deepEqual(await titles(page), ['Read meanwhile', 'For the absent', 'All are here'])
  }
  phone = await stage.device(server, { ...background, name: 'phone', context: phoneContext })
  await item(phone, 'For the absent').waitFor()
  for (const page of [tab, other, phone]) {
    await unread(page, 2)
    assert.deepEqual(await titles(page), ['Read meanwhile', 'For the absent', 'All are here'])
  }
  // The first it had told of an hour ago; the last was read on the laptop.
  assert.deepEqual(await told(phone), [['For the absent', '3']])
  const all = [['All are here', '1'], ['Over before the phone is back', '2'], ['For the absent', '3'], ['Read meanwhile', '4']]
  for (const page of [tab, other]) assert.deepEqual(await told(page), all)
  await device(tab, 'phone', /here$/)

  // What it has acknowledged makes no noise again.
  await phone.reload()
  await item(phone, 'For the absent').waitFor()
  assert.deepEqual(await told(phone), [])

  await phone.getByRole('button', { name: 'Mark all as read' }).click()
  for (const page of [tab, other, phone]) await unread(page, 0)
  // What is read somewhere is put away everywhere.
  assert.equal(await tab.evaluate(() => globalThis.told.filter(({ closed }) => !closed).length), 0)
  await stage.close(tab, phone)
  await server.stop('SIGKILL')
})

test('asks for the permission, once, and tells in the background only', async () => {
  const server = await stage.start()
  const page = await stage.device(server, { user: 'ida', name: 'laptop', permission: 'default' })
  await state(page, 'Connected')
  await page.getByText('Nothing is shown while this page is in the background.').waitFor()
  await picture(page, 'permission')
  await page.getByRole('button', { name: 'Allow notifications' }).click()
  await page.getByText('Shown on this device also while this page is in the background.').waitFor()
  assert.equal(await page.evaluate(() => globalThis.asked), 1)
  assert.equal(await page.getByRole('button', { name: 'Allow notifications' }).isVisible(), false)
  await server.post({ user: 'ida', title: 'In full view' })
  await item(page, 'In full view').waitFor()
  assert.deepEqual(await told(page), [])
  await page.evaluate(() => { document.hasFocus = () => false })
  await server.post({ user: 'ida', title: 'Behind your back' })
  await item(page, 'Behind your back').waitFor()
  assert.deepEqual(await told(page), [['Behind your back', '2']])

  const shy = await stage.device(server, { user: 'ida', name: 'phone', permission: 'default', phone: true })
  await shy.getByRole('button', { name: 'Not now' }).click()
  await shy.reload()
  await state(shy, 'Connected')
  assert.equal(await shy.getByRole('button', { name: 'Allow notifications' }).isVisible(), false)
  await stage.close(page, shy)
  await server.stop('SIGKILL')
})

/* ---------- cuts and kills ---------- */

test('connections are cut again and again: every page ends with each notification once, in order', async () => {
  const server = await stage.start()
  const wire = await proxy(server)
  const laptop = await stage.device(wire, { user: 'ada', name: 'laptop' })
  const phone = await stage.device(wire, { user: 'ada', name: 'phone', phone: true })
  const steady = await stage.device(server, { user: 'ada', name: 'desk' })
  for (const page of [laptop, phone, steady]) await state(page, 'Connected')
  const sent = []
  for (let round = 0; round < 12; round++) {
    for (let number = 0; number < 5; number++) {
      const title = `Round ${round}, number ${number}`
      assert.equal((await server.post({ user: 'ada', title })).status, 201)
      sent.unshift(title)
      if (number === 2) wire.cut()
    }
    // They come back by themselves; sometimes in the middle of the next round.
    if (round % 3 === 2) for (const page of [laptop, phone]) await holds(page, sent.length)
  }
  // Both were there in every third round.
  assert.ok(wire.cuts >= 8, `${wire.cuts} connections were cut`)
  for (const page of [laptop, phone, steady]) {
    await holds(page, sent.length)
    await unread(page, sent.length)
    assert.deepEqual(await titles(page), sent)
  }
  // Read while there is no connection: it counts when there is one.
  wire.refuse()
  await state(laptop, 'Offline')
  await laptop.getByRole('button', { name: 'Mark all as read' }).click()
  await unread(laptop, 0)
  await unread(steady, sent.length)
  wire.accept()
  for (const page of [laptop, phone, steady]) await unread(page, 0)
  await device(steady, 'laptop', /here$/)
  await stage.close(laptop, phone, steady)
  wire.close()
  await server.stop('SIGKILL')
})

test('SIGKILL in the middle of the traffic: nothing acknowledged is lost, and nothing is doubled', async () => {
  let server = await stage.start()
  const laptop = await stage.device(server, { user: 'ada', name: 'laptop' })
  const phone = await stage.device(server, { user: 'ada', name: 'phone', phone: true })
  for (const page of [laptop, phone]) await state(page, 'Connected')

  const answered = new Map(), unanswered = []
  let number = 0
  const sender = async enough => {
    while (number < enough) {
      const order = { user: 'ada', title: `Order ${number}`, id: `order:${number++}` }
      try {
        const { status, answer } = await server.post(order)
        assert.equal(status, 201)
        answered.set(order.title, answer.seq)
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        // Nobody knows whether it arrived: it is sent again, under the same id.
        unanswered.push(order)
        return
      }
    }
  }
  for (let kill = 1; kill <= 3; kill++) {
    const least = answered.size + 12
    const senders = Array.from({ length: 6 }, () => sender(60 * kill))
    while (answered.size < least) await new Promise(setImmediate)
    await server.stop('SIGKILL')
    await Promise.all(senders)
    assert.ok(unanswered.length > 0, 'it was in the middle')
    server = await server.again()
    for (const order of unanswered.splice(0)) {
      const { status, answer } = await server.post(order)
      assert.ok(status === 200 || status === 201, String(status))
      answered.set(order.title, answer.seq)
    }
    for (const page of [laptop, phone]) await holds(page, answered.size)
  }
  assert.equal(new Set(answered.values()).size, answered.size)
  const all = [...answered].sort(([, a], [, b]) => b - a).map(([title]) => title)
  const late = await stage.device(server, { user: 'ada', name: 'tablet' })
  for (const page of [laptop, phone, late]) {
    await holds(page, all.length)
    await unread(page, all.length)
    assert.deepEqual(await titles(page), all)
  }
  await stage.close(laptop, phone, late)
  await server.stop('SIGKILL')
})

test('what was read, acknowledged and subscribed outlives a kill, and so does a log that was cut short', async () => {
  let server = await stage.start()
  const page = await stage.device(server, { user: 'ada', name: 'laptop', permission: 'granted', background: true })
  await state(page, 'Connected')
  await topic(page, 'builds').click()
  await page.locator('[data-topic=builds][aria-pressed=true]').waitFor()
  for (const title of ['First', 'Second']) await server.post({ topic: 'builds', title })
  await item(page, 'Second').waitFor()
  await page.getByRole('button', { name: 'Mark as read: First' }).click()
  await unread(page, 1)
  await server.stop('SIGKILL')
  await state(page, 'Offline')

  // As after a power cut: the last record is there in part.
  await appendFile(server.log, Buffer.from([40, 0, 0, 0, 1, 2, 3, 4, 5]))
  server = await server.again()
  await page.reload()
  await unread(page, 1)
  await page.locator('[data-topic=builds][aria-pressed=true]').waitFor()
  assert.deepEqual(await titles(page), ['Second', 'First'])
  assert.deepEqual(await told(page), [], 'it was told before')
  assert.equal((await server.post({ topic: 'builds', title: 'Third' })).answer.seq, 3)
  await item(page, 'Third').waitFor()

  // The end of the last record is missing: it is gone, and what is behind it is numbered on.
  await server.stop('SIGKILL')
  await state(page, 'Offline')
  const whole = await readFile(server.log)
  await truncate(server.log, whole.lastIndexOf('"Third"'))
  server = await server.again()
  await page.reload()
  await holds(page, 2)
  assert.ok((await stat(server.log)).size < whole.length)
  await server.post({ topic: 'builds', title: 'Third again' })
  await item(page, 'Third again').waitFor()
  assert.deepEqual(await titles(page), ['Third again', 'Second', 'First'])
  await stage.close(page)
  await server.stop('SIGKILL')
})

test('a second server with the same log is refused', async () => {
  const server = await stage.start()
  await assert.rejects(server.second(), /the server ended with 1/)
  assert.equal((await server.post({ user: 'ada', title: 'Still here' })).status, 201)
  await server.stop('SIGKILL')
})

test('a server that is asked to stop ends well, and another log empties the pages', async () => {
  let server = await stage.start()
  const page = await stage.device(server, { user: 'ada', name: 'laptop' })
  await server.post({ user: 'ada', title: 'Of the first log' })
  await item(page, 'Of the first log').waitFor()
  assert.equal(await server.stop('SIGTERM'), 0)
  await state(page, 'Offline')
  server = await stage.start(server.host)
  await state(page, 'Connected')
  await holds(page, 0)
  await server.post({ user: 'ada', title: 'Of the second' })
  await item(page, 'Of the second').waitFor()
  await unread(page, 1)
  await stage.close(page)
  assert.equal(await server.stop('SIGINT'), 0)
})

/* ---------- how it looks ---------- */

test('pictures', async () => {
  const server = await stage.start()
  const light = await stage.device(server, { user: 'ada', name: 'laptop' })
  await state(light, 'Connected')
  await topic(light, 'deploys').click()
  await light.locator('[data-topic=deploys][aria-pressed=true]').waitFor()
  const dark = await stage.device(server, { user: 'ada', name: 'desk', colorScheme: 'dark' })
  const phone = await stage.device(server, { user: 'ada', name: 'phone', phone: true, permission: 'default' })
  const night = await stage.device(server, { user: 'ada', name: 'tablet', phone: true, colorScheme: 'dark' })
  await state(night, 'Connected')
  await night.getByText('Nothing here yet').waitFor()
  await picture(night, 'phone-dark-empty')
  for (const [order, later] of [
    [{ all: true, title: 'Maintenance on Sunday', body: 'From 02:00 to 02:30 UTC nothing can be saved.' }, 7_200_000],
    [{ topic: 'deploys', title: 'bowsprit 0.2.0 is live', body: 'Rolled out to all four regions in 6 minutes.' }, 1_500_000],
    [{ user: 'ada', title: 'Grace asked for your review', body: '“Read the tail of the log before the head” · 3 files, +41 −12' }, 420_000],
    [{ topic: 'deploys', title: 'The canary in eu-west is slow', body: 'p99 went from 4 ms to 31 ms within two minutes.\nThe roll-out waits for you.' }, 40_000],
    [{ user: 'ada', title: 'Lunch?' }, 0],
  ]) {
    await server.post(order)
    await server.advance(later)
  }
  for (const page of [light, dark, phone, night]) await unread(page, 5)
  for (const title of ['Maintenance on Sunday', 'bowsprit 0.2.0 is live']) await light.getByRole('button', { name: `Mark as read: ${title}` }).click()
  const context = night.context()
  await context.close()
  await device(light, 'tablet', 'away')
  for (const page of [light, dark, phone]) {
    await unread(page, 3)
    // The times are of the moment when a page came.
    await page.reload()
    await holds(page, 5)
  }
  await light.locator('#list > li').last().evaluate(last => Promise.all(last.getAnimations().map(({ finished }) => finished)))
  for (const [page, name] of [[light, 'light'], [dark, 'dark'], [phone, 'phone']]) {
    await device(page, 'tablet', 'away')
    await picture(page, name)
  }
  await phone.screenshot({ path: `${pictures}notifications-phone-whole.png`, fullPage: true })
  const stranger = await stage.device(server, {})
  await stranger.getByRole('dialog').waitFor()
  await picture(stranger, 'who')
  // Nothing sticks out at the side of a narrow screen.
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
  await stage.close(light, dark, phone, stranger)
  await server.stop('SIGKILL')
})
