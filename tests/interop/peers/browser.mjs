// Chromium as a client; README.md has the paths. A page can send whole messages only, and few codes.
//
//   node browser.mjs HOST:PORT        CHROMIUM: the browser (default: /usr/bin/chromium)

import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { CODES, SIZES, binary, reason, text } from './cases.mjs'

const [address] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
})
let checks = 0
try {
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`http://${address}/`)

  // In the page, for a million bytes do not travel well between the two. The functions travel as their text.
  const wrong = await page.evaluate(async ({ sizes, text, binary }) => {
    const [textOf, binaryOf] = [text, binary].map(source => (0, eval)(source))
    const wrong = []
    for (const path of ['/echo', '/fragments']) {
      const ws = new WebSocket(`ws://${location.host}${path}`)
      ws.binaryType = 'arraybuffer'
      await new Promise((resolve, reject) => { ws.onopen = resolve; ws.onerror = () => reject(new Error(path)) })
      const echo = message => new Promise((resolve, reject) => {
        ws.onmessage = event => resolve(event.data)
        ws.onclose = event => reject(new Error(`${path} closed with ${event.code}`))
        ws.send(message)
      })
      for (const size of sizes) {
        if (await echo(textOf(size)) !== textOf(size)) wrong.push(`${path}: text of ${size}`)
        const back = new Uint8Array(await echo(binaryOf(size)))
        if (back.length !== size || back.some((byte, i) => byte !== i % 251)) wrong.push(`${path}: binary of ${size}`)
      }
      ws.onclose = null
      ws.close()
    }
    return wrong
  }, { sizes: SIZES, text: String(text), binary: String(binary) })
  assert.deepEqual(wrong, [])
  checks += 4 * SIZES.length

  const closed = (path, code, reason) => page.evaluate(({ path, code, reason }) => new Promise(resolve => {
    const ws = new WebSocket(`ws://${location.host}${path}`)
    if (code) ws.onopen = () => ws.close(code, reason)
    ws.onclose = event => resolve([event.code, event.reason, event.wasClean])
  }), { path, code, reason })
  const last = () => page.evaluate(() => new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://${location.host}/last`)
    ws.onmessage = event => { resolve(event.data); ws.onclose = null; ws.close() }
    ws.onclose = event => reject(new Error(`closed with ${event.code}`))
  }))
  for (const code of CODES) {
    assert.deepEqual(await closed(`/close/${code}`), [code, reason(code), true])
    checks++
  }
  for (const code of [1000, 3000, 4999]) { // what a page may send
    const [answered, , clean] = await closed('/echo', code, reason(code))
    assert.deepEqual([answered, clean], [code, true])
    assert.equal(await last(), `${code} ${reason(code)}`)
    checks++
  }
  const protocol = offered => page.evaluate(offered => new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://${location.host}/echo`, offered)
    ws.onopen = () => { resolve(ws.protocol); ws.close() }
    ws.onerror = () => reject(new Error('no connection'))
  }), offered)
  assert.equal(await protocol(['chat.v1', 'chat.v2']), 'chat.v2')
  assert.equal(await protocol([]), '')
  console.log(`passed: ${checks + 2} checks of Chromium ${browser.version()} as client`)
} finally {
  await browser.close()
}
