// A document in CodeMirror, with the cursors of the others; and a race between two ways to keep a text in common.

import { EditorState } from '@codemirror/state'
import { EditorView, basicSetup } from 'codemirror'
import { yCollab } from 'y-codemirror.next'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { NaiveText } from './naive.js'

const $ = id => document.getElementById(id)
const server = location.origin.replace('http', 'ws')
const room = new URLSearchParams(location.search).get('doc') ?? 'welcome'
// Without the way between tabs of a browser: here everything shall pass the server.
const open = (name, doc) => new WebsocketProvider(`${server}/collab`, name, doc, { disableBc: true })

// --- who I am

const NAMES = ['Ada', 'Alan', 'Barbara', 'Edsger', 'Frances', 'Grace', 'Hedy', 'John', 'Katherine', 'Ken', 'Margaret', 'Radia']
const COLOURS = ['#0f6b75', '#b4541a', '#7a4fa3', '#94701a', '#2b5fb3', '#b3265a', '#2e8b57', '#5d6670']
const drawn = list => list[Math.floor(Math.random() * list.length)]
// Storage may be forbidden; then a name lasts as long as its page.
const kept = () => { try { return localStorage.getItem('collab-name') } catch { return null } }
const keep = name => { try { localStorage.setItem('collab-name', name) } catch { /* as said */ } }

// --- the document

const doc = new Y.Doc()
const text = doc.getText('text')
const provider = open(room, doc)
const { awareness } = provider
const colour = drawn(COLOURS)
const introduce = name => awareness.setLocalStateField('user', { name, color: colour, colorLight: `${colour}33` })

$('room').textContent = room
$('name').value = kept() ?? drawn(NAMES)
introduce($('name').value)
$('name').addEventListener('input', () => {
  const name = $('name').value.trim().slice(0, 32)
  if (!name) return
  keep(name)
  introduce(name)
})

new EditorView({
  parent: $('editor'),
  state: EditorState.create({
    doc: text.toString(),
    extensions: [
      basicSetup,
      EditorView.lineWrapping,
      EditorView.cspNonce.of(document.querySelector('script[nonce]').nonce),
      EditorView.contentAttributes.of({ 'aria-label': `The document ${room}` }),
      // The page's colours, in both themes.
      EditorView.theme({
        '&': { color: 'var(--ink)', backgroundColor: 'transparent', fontSize: '1rem', height: '100%' },
        '&.cm-focused': { outline: 'none' },
        '.cm-scroller': { fontFamily: 'inherit', lineHeight: '1.6' },
        '.cm-content': { caretColor: 'var(--ink)', padding: '12px 0' },
        '.cm-cursor': { borderLeftColor: 'var(--ink)' },
        '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--muted)', border: '0' },
        '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'transparent' },
        '&.cm-focused :is(.cm-activeLine, .cm-activeLineGutter)': { backgroundColor: 'color-mix(in srgb, var(--hover) 60%, transparent)' },
        '&.cm-focused .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection': {
          backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent) !important',
        },
        '.cm-ySelectionInfo': { opacity: '1', fontFamily: 'inherit', padding: '1px 5px', borderRadius: '4px', fontSize: '.6875rem' },
      }),
      yCollab(text, awareness),
    ],
  }),
})

const STATES = { connected: ['online', 'online'], connecting: ['connecting', 'connecting'], disconnected: ['offline', 'offline'] }
let isWanted = true

function draw() {
  const [state, label] = provider.wsconnected ? STATES.connected : isWanted ? STATES.connecting : STATES.disconnected
  $('state').dataset.state = state
  $('state').textContent = label
  const people = [...awareness.getStates()].filter(([, { user }]) => user)
  $('people').replaceChildren(...people.map(([id, { user }]) => {
    const item = document.createElement('li')
    item.style.setProperty('--colour', user.color)
    item.textContent = id === doc.clientID ? `${user.name} (you)` : user.name
    return item
  }))
}

provider.on('status', draw)
provider.on('sync', isSynced => { document.body.dataset.synced = isSynced })
awareness.on('change', draw)
draw()

$('offline').addEventListener('click', () => {
  isWanted = !isWanted
  $('offline').setAttribute('aria-pressed', !isWanted)
  isWanted ? provider.connect() : provider.disconnect()
  draw()
})

// --- the race: Ann writes the first line, Ben the second, both at the same time

const LINES = ['the quick brown fox jumps over the lazy dog', 'pack my box with five dozen liquor jugs, please']
const PACE = 45   // ms between two characters
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))
const lettersOf = text => [...text].filter(letter => letter !== '\n').length

/** A text, by way of Yjs. */
class CommonText {
  constructor(area) {
    this.doc = new Y.Doc()
    this.text = this.doc.getText('text')
    this.provider = open('race', this.doc)
    this.text.observe(() => { area.value = this.text.toString() })
  }

  get value() { return this.text.toString() }
  get isReady() { return this.provider.synced }
  reset() { this.doc.transact(() => { this.text.delete(0, this.text.length); this.text.insert(0, '\n') }) }
  insert(at, letter) { this.text.insert(at, letter) }
}

const pairs = {
  naive: ['naive-ann', 'naive-ben'].map(id => new NaiveText(`${server}/naive`, $(id))),
  crdt: ['crdt-ann', 'crdt-ben'].map(id => new CommonText($(id))),
}

/** Types a letter at the end of the writer's line. */
function type(copy, line, letter) {
  const end = copy.value.indexOf('\n')
  copy.insert(line === 0 && end >= 0 ? end : copy.value.length, letter)
}

/** Until both copies have been the same for a while, or for long enough. */
async function settle([one, other]) {
  for (let quiet = 0, n = 0; quiet < 10 && n < 100; n++) {
    await pause(20)
    quiet = one.value === other.value ? quiet + 1 : 0
  }
}

async function race(pair, result) {
  pair[0].reset()
  await settle(pair)
  const longest = Math.max(...LINES.map(line => line.length))
  for (let n = 0; n < longest; n++) {
    LINES.forEach((line, who) => line[n] && type(pair[who], who, line[n]))
    await pause(PACE)
  }
  await settle(pair)
  const typed = LINES.join('').length
  const kept = Math.min(...pair.map(copy => lettersOf(copy.value)))
  const differ = pair[0].value === pair[1].value ? '' : ', and the two see different texts'
  result.dataset.lost = typed - kept
  result.textContent = `${typed - kept} of ${typed} letters lost${differ}.`
}

$('race').addEventListener('click', async () => {
  $('race').disabled = true
  for (const id of ['naive-result', 'crdt-result']) $(id).textContent = 'Ann and Ben are typing …'
  while (![...pairs.naive, ...pairs.crdt].every(copy => copy.isReady)) await pause(50)
  await Promise.all([race(pairs.naive, $('naive-result')), race(pairs.crdt, $('crdt-result'))])
  $('race').disabled = false
})
